"""Sentinel-2 products as ESA delivers them: `.SAFE` folders and their `.zip`, compact and long names."""

import re
from pathlib import Path

from unclouded.core.bands import expected_at, missing
from unclouded.core.errors import ProductError
from unclouded.core.product import Identity, Product
from unclouded.sources import _metadata, _radiometry, _xml
from unclouded.sources._bandset import open_bands, pixel_warnings, readers
from unclouded.sources._layout import Granule, base_name, choose, granules, locate, looks_like_safe
from unclouded.sources._metadata import ProductMetadata, TileMetadata, write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._text import shown
from unclouded.sources._tree import Tree

_SANE_URI = re.compile(r"S2[A-Z]_\w{10,100}", re.ASCII)


def sniff(path: Path) -> bool:
    """Whether the path looks like a product, whole or not. Never raises."""
    try:
        return looks_like_safe(path)
    except OSError:
        return False


def open_product(path: Path, options: OpenOptions) -> Product:
    """A Level-1C product of one granule, or the granule that the options name. No pixel is decoded.

    Raises:
        ProductError: metadata missing or broken, of another level, or several granules to choose from.
        RadiometryError: the offset or the quantification cannot be told.
        RasterError: none of its bands can be opened.
    """
    layout = locate(path)
    tree, where = layout.tree, shown(base_name(layout.xml))
    metadata = _product_metadata(tree, layout.xml, where)
    radiometry = _radiometry.of_product(metadata, options, where=where)
    granule, ignored = choose(granules(layout), options.granule, tree.where)
    tile = _tile_metadata(tree, granule)
    bands = open_bands(tree, granule.bands)
    placed = readers(bands, tile.grids)
    lacking = missing(expected_at(metadata.level), placed)
    return Product(
        identity=_identity(tree.where, metadata, tile, granule),
        bands=placed,
        radiometry=radiometry,
        grid=min((reader.grid for reader in placed.values()), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *_unused(metadata, options),
            *_baseline_warnings(metadata),
            *_radiometry.oddities(metadata),
            *ignored,
            *_granule_warnings(granule),
            *bands.damaged,
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *pixel_warnings(bands, tile.grids),
        ),
    )


def _product_metadata(tree: Tree, xml: str, where: str) -> ProductMetadata:
    root = _xml.parse(tree.head(xml, _xml.MAX_BYTES + 1), where=where)
    metadata = _metadata.parse_product(root, where=where)
    if metadata.level != "L1C":
        raise ProductError(
            f"{tree.where}: expected a Level-1C product, found {metadata.level}; Level-2A is not read yet"
        )
    return metadata


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
    stated = {"sensor": options.sensor, "level": options.level}
    return [
        f"{name}: '{shown(value)}' ignored, the product says {own[name]}"
        for name, value in stated.items()
        if value is not None and value.lower() != own[name].lower()
    ]


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
    if granule.xml is not None:
        return []
    return [f"granule {shown(granule.name)}: no tile metadata; sun angles are unknown"]
