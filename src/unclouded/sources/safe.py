"""Sentinel-2 products as ESA delivers them: `.SAFE` folders and their `.zip`, Level-1C and Level-2A.

Compact and long names, JPEG 2000 or (as the Planetary Computer keeps them) GeoTIFF inside.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unclouded.core.bands import NAMES, expected_at
from unclouded.core.errors import ProductError
from unclouded.core.product import Identity, Product
from unclouded.sources import _metadata, _radiometry, _xml
from unclouded.sources._delivery import Delivery, Metadata, opened, stated
from unclouded.sources._layout import (
    Granule,
    Layout,
    band_path,
    base_name,
    choose,
    granules,
    is_called,
    locate,
    looks_like_safe,
)
from unclouded.sources._metadata import ProductMetadata, TileMetadata, named_tile, write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._text import shown
from unclouded.sources._tree import Tree

_SANE_URI = re.compile(r"S2[A-Z]_\w{10,100}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A product's own metadata and its granules."""

    layout: Layout
    metadata: ProductMetadata
    granules: tuple[Granule, ...]


def sniff(source: object) -> bool:
    """Whether the path looks like a product, whole or not. Never raises."""
    try:
        return isinstance(source, Path) and looks_like_safe(source)
    except OSError:
        return False


def open_product(source: Path, options: OpenOptions) -> Product:
    """A product of one granule, or the granule that the options name. No pixel is decoded.

    Raises:
        ProductError: metadata missing or broken, or several granules to choose from.
        RadiometryError: the offset or the quantification cannot be told.
        RasterError: none of its bands can be opened.
    """
    found = _find(source)
    granule, ignored = choose(list(found.granules), options.granule, found.layout.tree.where)
    return opened(_delivery(found, granule, options, ignored))


def read_metadata(source: Path, options: OpenOptions) -> Metadata:
    """What the product says of itself, whether its images are there or not.

    Raises:
        ProductError: metadata missing or broken, or no granule of the name given.
        RadiometryError: the list of offsets is broken.
    """
    found = _find(source)
    granule, notes = _mentioned(found, options.granule)
    return stated(_delivery(found, granule, options, notes))


def list_granules(source: Path) -> tuple[str, ...]:
    """Tiles of the granules that have images, by which `granule` picks one.

    Raises:
        ProductError: metadata missing or broken.
    """
    return tuple(granule.tile or granule.name for granule in _find(source).granules if granule.bands)


def _find(source: Path) -> _Found:
    layout = locate(source)
    root = _xml.parse(layout.tree.head(layout.xml, _xml.MAX_BYTES + 1), where=shown(base_name(layout.xml)))
    metadata = _metadata.parse_product(root, where=shown(base_name(layout.xml)))
    return _Found(layout=layout, metadata=metadata, granules=tuple(granules(layout)))


def _mentioned(found: _Found, wanted: str | None) -> tuple[Granule, tuple[str, ...]]:
    """The granule that is meant, as far as the metadata go; one without a name where there is none."""
    real = [granule for granule in found.granules if granule.bands or granule.xml]
    if wanted is not None:
        real = [granule for granule in real if is_called(granule, wanted)]
    if len(real) == 1:
        return real[0], ()
    known = shown(", ".join(found.metadata.tiles), 400)
    if wanted is not None:
        raise ProductError(
            f"{found.layout.tree.where}: expected granule '{shown(wanted)}' among {known}; name one of them"
        )
    tiles = found.metadata.tiles
    tile = named_tile(found.metadata.uri) or (tiles[0] if len(tiles) == 1 else None)
    several = len(real) > 1 or (not real and len(tiles) > 1)
    note = f"{len(tiles)} granules: {known}; choose one with granule="
    return Granule(name="", tile=None if several else tile, xml=None, bands={}), (note,) if several else ()


def _delivery(found: _Found, granule: Granule, options: OpenOptions, ignored: Sequence[str]) -> Delivery:
    tree, metadata = found.layout.tree, found.metadata
    tile = _tile_metadata(tree, granule)
    names = [pair[0] for image in metadata.images if (pair := band_path(image)) is not None]
    return Delivery(
        tree=tree,
        identity=_identity(tree.where, metadata, tile, granule),
        radiometry=_radiometry.settled(
            lambda: _radiometry.of_product(metadata, options, where=shown(base_name(found.layout.xml)))
        ),
        paths=granule.bands,
        listed=tuple(name for name in expected_at(metadata.level) if name in names),
        tile=tile.grids,
        warnings=(
            *_unused(metadata, options),
            *_satellite_warnings(metadata),
            *_baseline_warnings(metadata),
            *_radiometry.oddities(metadata),
            *ignored,
            *_granule_warnings(granule),
            *_beyond_level(metadata.level, granule),
        ),
    )


def _tile_metadata(tree: Tree, granule: Granule) -> TileMetadata:
    if granule.xml is None:
        return TileMetadata(tile=granule.tile, sensing_time=None, sun_zenith=None, sun_azimuth=None, grids={})
    data = tree.head(granule.xml, _xml.MAX_BYTES + 1)
    return _metadata.parse_tile(_xml.parse(data, where=shown(base_name(granule.xml))))


def _identity(where: str, metadata: ProductMetadata, tile: TileMetadata, granule: Granule) -> Identity:
    square = tile.tile or granule.tile
    return Identity(
        id=_product_id(where, metadata.uri, square),
        sensor="sentinel-2",
        satellite=metadata.satellite,
        level=metadata.level,
        baseline=write_baseline(metadata.baseline) if metadata.baseline else None,
        tile=square,
        sensing_time=tile.sensing_time or metadata.sensing_time,
        sun_zenith=tile.sun_zenith,
        sun_azimuth=tile.sun_azimuth,
        cloud_cover_stated=metadata.cloud_cover,
    )


def _product_id(where: str, uri: str | None, tile: str | None) -> str:
    """The product's own name, else the file's; with the tile where a product may hold several."""
    own = (uri or "").removesuffix(".SAFE")
    name = own if _SANE_URI.fullmatch(own) else re.sub(r"\.(zip|SAFE)$", "", where, flags=re.IGNORECASE)
    name = re.sub(r"\.SAFE$", "", name, flags=re.IGNORECASE)
    return name if tile is None or f"T{tile}" in name else f"{name}_T{tile}"


def _unused(metadata: ProductMetadata, options: OpenOptions) -> list[str]:
    """A line for each option that the product's own metadata answer otherwise."""
    own = {"sensor": "sentinel-2", "level": metadata.level}
    stated_by_user = {"sensor": options.sensor, "level": options.level}
    return [
        f"{name}: '{shown(value)}' ignored, the product says {own[name]}"
        for name, value in stated_by_user.items()
        if value is not None and value.lower() != own[name].lower()
    ]


def _satellite_warnings(metadata: ProductMetadata) -> list[str]:
    named = (metadata.uri or "")[:3]
    if metadata.satellite is None:
        return ["satellite: none stated"]
    if metadata.satellite not in _metadata.KNOWN_SATELLITES:
        return [
            f"satellite {shown(metadata.satellite, 40)}: unknown to this version; read as its metadata say"
        ]
    if re.fullmatch(r"S2[A-Z]", named) and named != metadata.satellite:
        return [f"satellite {metadata.satellite}: the product's name says {named}"]
    return []


def _baseline_warnings(metadata: ProductMetadata) -> list[str]:
    found, named = metadata.baseline, metadata.named_baseline
    if found is None:
        return ["processing baseline: none stated; read as the metadata say"]
    lines = []
    if found not in _metadata.KNOWN_BASELINES:
        lines.append(
            f"processing baseline {write_baseline(found)}: unknown to this version; read as its metadata say"
        )
    if named is not None and named != found:
        lines.append(
            f"processing baseline {write_baseline(found)}: the product's name says {write_baseline(named)}"
        )
    if found == (2, 3):
        lines.append("processing baseline 02.03: withdrawn by ESA, its geometry is off; get a later one")
    return lines


def _granule_warnings(granule: Granule) -> list[str]:
    if granule.xml is not None or not granule.name:
        return []
    return [f"granule {shown(granule.name)}: no tile metadata; sun angles are unknown"]


def _beyond_level(level: str, granule: Granule) -> list[str]:
    beyond = [name for name in NAMES if name in granule.bands and name not in expected_at(level)]
    return [f"{', '.join(beyond)}: not a band of {level}, read because it is there"] if beyond else []
