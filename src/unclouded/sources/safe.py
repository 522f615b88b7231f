"""Sentinel-2 products as ESA delivers them: `.SAFE` folders and their `.zip`, compact and long names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from affine import Affine

from unclouded.core.bands import NAMES, SENTINEL2, band, expected_at, missing
from unclouded.core.errors import ProductError, RasterError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity, Product
from unclouded.sources import _metadata, _radiometry, _xml
from unclouded.sources._bands import FileBand
from unclouded.sources._jp2 import HEAD_BYTES
from unclouded.sources._metadata import ProductMetadata, TileMetadata, write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._raster import RasterFile, RasterInfo, describe, level_grids, raster_file, stepped
from unclouded.sources._text import shown
from unclouded.sources._tree import Folder, Tree
from unclouded.sources._zip import Archive

_PRODUCT_XML = re.compile(r"(MTD_MSIL(1C|2A)|S2[A-Z]_\w+_MTD_SAFL(1C|2A)_\w+)\.xml", re.IGNORECASE)
_TILE_XML = re.compile(r"(MTD_TL|S2[A-Z]_\w+_MTD_L(1C|2A)_TL_\w+)\.xml", re.IGNORECASE)
_BAND_FILE = re.compile(r"\w*_(B\d[\dA])\.jp2", re.IGNORECASE)
_TILE_NAME = re.compile(r"_T(\d{2}[A-Z]{3})_")
_SANE_URI = re.compile(r"S2[A-Z]_\w{10,100}", re.ASCII)
_DEPTH = 2
"""How deep the product's metadata may lie: a zip holds `NAME.SAFE/MTD_MSIL1C.xml`, or the file itself."""


def sniff(path: Path) -> bool:
    """Whether the path looks like a product, whole or not. Never raises."""
    try:
        if path.is_dir():
            return path.suffix.upper() == ".SAFE" or _holds_metadata(path) or _only_product(path) is not None
        if _PRODUCT_XML.fullmatch(path.name):
            return True
        with path.open("rb") as file:
            return file.read(2) == b"PK" or path.suffix.lower() == ".zip"
    except OSError:
        return False


def open_product(path: Path, options: OpenOptions) -> Product:
    """A Level-1C product of one granule, or the granule that the options name. No pixel is decoded.

    Raises:
        ProductError: metadata missing or broken, of another level, or several granules to choose from.
        RadiometryError: the offset or the quantification cannot be told.
        RasterError: none of its bands can be opened.
    """
    tree, root, xml = _locate(path)
    where = shown(_base(xml))
    metadata = _metadata.parse_product(
        _xml.parse(tree.head(xml, _xml.MAX_BYTES + 1), where=where), where=where
    )
    if metadata.level != "L1C":
        raise ProductError(
            f"{tree.where}: expected a Level-1C product, found {metadata.level}; Level-2A is not read yet"
        )
    radiometry = _radiometry.of_product(metadata, options, where=where)
    granule, ignored = _choose(_granules(tree, root), options.granule, tree.where)
    tile = _tile_metadata(tree, granule)
    bands, damaged = _open_bands(tree, granule)
    grids = {name: _grid_for(name, info, tile.grids) for name, (_, info) in bands.items()}
    lacking = missing(expected_at(metadata.level), bands)
    identity = _identity(tree.where, metadata, tile, granule)
    return Product(
        identity=identity,
        bands={name: _reader(file, info, grids[name]) for name, (file, info) in bands.items()},
        radiometry=radiometry,
        grid=min(grids.values(), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *_unused(metadata, options),
            *_baseline_warnings(metadata),
            *_radiometry.oddities(metadata),
            *ignored,
            *([f"{granule.name}: no tile metadata; sun angles are unknown"] if granule.xml is None else []),
            *damaged,
            *_missing_warning(lacking),
            *_pixel_warnings(bands, tile.grids),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Granule:
    """One granule's files."""

    name: str
    """Its folder."""
    tile: str | None
    """MGRS square out of the folder's name."""
    xml: str | None
    """Path of its metadata."""
    bands: Mapping[str, str]
    """Band -> path of its raster."""


def _base(name: str) -> str:
    return PurePosixPath(name).name


def _holds_metadata(folder: Path) -> bool:
    return any(_PRODUCT_XML.fullmatch(child.name) for child in folder.iterdir())


def _only_product(folder: Path) -> Path | None:
    """The one `.SAFE` folder in a folder, as unzipping into a folder of the product's name leaves it."""
    inside = [child for child in folder.iterdir() if child.is_dir() and child.suffix.upper() == ".SAFE"]
    return inside[0] if len(inside) == 1 else None


def _tree(path: Path) -> Tree:
    if _PRODUCT_XML.fullmatch(path.name):
        return Folder(path.parent)
    if path.is_dir():
        nested = None if _holds_metadata(path) else _only_product(path)
        return Folder(nested or path)
    return Archive(path)


def _locate(path: Path) -> tuple[Tree, PurePosixPath, str]:
    """The product's files, the folder in them that is its root, and its metadata file."""
    tree = _tree(path)
    found = [name for name in tree.files if _PRODUCT_XML.fullmatch(_base(name))]
    found = [name for name in found if len(PurePosixPath(name).parts) <= _DEPTH]
    if len(found) != 1:
        what = "none" if not found else shown(", ".join(found))
        raise ProductError(
            f"{tree.where}: expected one MTD_MSIL1C.xml (or S2?_OPER_MTD_SAFL1C_*.xml), found {what}; "
            "get the product again, or give the one that is meant"
        )
    return tree, PurePosixPath(found[0]).parent, found[0]


def _granules(tree: Tree, root: PurePosixPath) -> list[_Granule]:
    home = root / "GRANULE"
    names = sorted({_base(name) for name in tree.folders if PurePosixPath(name).parent == home})
    return [_granule(tree, home / name) for name in names]


def _granule(tree: Tree, folder: PurePosixPath) -> _Granule:
    inside = [name for name in tree.files if folder in PurePosixPath(name).parents]
    xml = [n for n in inside if PurePosixPath(n).parent == folder and _TILE_XML.fullmatch(_base(n))]
    images = [name for name in inside if "IMG_DATA" in PurePosixPath(name).parts]
    matches = {name: _BAND_FILE.fullmatch(_base(name)) for name in images}
    tile = _TILE_NAME.search(f"{folder.name}_")
    return _Granule(
        name=folder.name,
        tile=tile[1] if tile else None,
        xml=xml[0] if xml else None,
        bands={found[1].upper(): name for name, found in matches.items() if found is not None},
    )


def _choose(granules: list[_Granule], wanted: str | None, where: str) -> tuple[_Granule, tuple[str, ...]]:
    """The granule to read, and a line for each that is left out because it is empty."""
    usable = [granule for granule in granules if granule.bands]
    empty = [granule for granule in granules if not granule.bands]
    known = ", ".join(granule.tile or granule.name for granule in usable)
    if not usable:
        raise ProductError(
            f"{where}: expected a granule with band images, found {len(granules)} without any; "
            "get the product again"
        )
    if wanted is not None:
        usable = [g for g in usable if wanted == g.name or wanted.upper().removeprefix("T") == g.tile]
        if len(usable) != 1:
            raise ProductError(f"{where}: expected granule '{shown(wanted)}' among {known}; name one of them")
    if len(usable) > 1:
        raise ProductError(
            f"{where}: expected one granule, found {len(usable)}: {known}; choose one with granule="
        )
    return usable[0], tuple(f"granule {granule.name}: no images in it, ignored" for granule in empty)


def _tile_metadata(tree: Tree, granule: _Granule) -> TileMetadata:
    if granule.xml is None:
        return TileMetadata(tile=granule.tile, sensing_time=None, sun_zenith=None, sun_azimuth=None, grids={})
    data = tree.head(granule.xml, _xml.MAX_BYTES + 1)
    return _metadata.parse_tile(_xml.parse(data, where=shown(_base(granule.xml))))


def _open_bands(
    tree: Tree, granule: _Granule
) -> tuple[dict[str, tuple[RasterFile, RasterInfo]], tuple[str, ...]]:
    """The bands that can be opened, in the order of the table, and a line for each that cannot."""
    bands: dict[str, tuple[RasterFile, RasterInfo]] = {}
    damaged: list[str] = []
    for name in NAMES:
        path = granule.bands.get(name)
        if path is None:
            continue
        try:
            file = raster_file(
                path=tree.raster(path),
                head=tree.head(path, HEAD_BYTES),
                size=tree.files[path],
                where=f"{name} ({shown(_base(path))})",
            )
            bands[name] = (file, describe(file))
        except RasterError as err:
            damaged.append(str(err))
    if not bands:
        raise RasterError(f"{tree.where}: none of its {len(damaged)} bands can be read; first: {damaged[0]}")
    return bands, tuple(damaged)


def _grid_for(name: str, info: RasterInfo, grids: Mapping[int, Grid]) -> Grid:
    """The raster's own georeference; where it has none, the tile's extent at the raster's size."""
    if info.grid.georeferenced:
        return info.grid
    gsd = band(name).gsd
    tile = grids.get(gsd)
    height, width = info.grid.shape
    if tile is None:
        return Grid(height=height, width=width, transform=Affine.scale(gsd, -gsd), crs=None)
    place = stepped(tile.transform, tile.width / width, tile.height / height)
    return Grid(height=height, width=width, transform=place, crs=tile.crs)


def _reader(file: RasterFile, info: RasterInfo, grid: Grid) -> FileBand:
    shapes = [level.shape for level in info.levels[1:]]
    return FileBand(file=file, levels=level_grids(grid, shapes, file.header))


def _identity(where: str, metadata: ProductMetadata, tile: TileMetadata, granule: _Granule) -> Identity:
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


def _missing_warning(lacking: tuple[str, ...]) -> list[str]:
    return [f"missing bands: {', '.join(lacking)}"] if lacking else []


def _pixel_warnings(
    bands: Mapping[str, tuple[RasterFile, RasterInfo]], tile: Mapping[int, Grid]
) -> list[str]:
    """Where the pixels are not what the tile metadata say; the pixels count."""
    lines = []
    for gsd in sorted({item.gsd for item in SENTINEL2}):
        name = next((n for n in bands if band(n).gsd == gsd), None)
        stated = tile.get(gsd)
        if name is None or stated is None:
            continue
        found = bands[name][1].grid
        if found.shape != stated.shape or (found.georeferenced and not _same_place(found, stated)):
            lines.append(f"{name}: metadata say {_say(stated)}, the pixels {_say(found)}; the pixels count")
    plain = [name for name, (_, info) in bands.items() if not info.grid.georeferenced]
    if plain:
        source = "placed by the tile metadata" if tile else "their place is unknown"
        lines.append(f"no georeference in {', '.join(plain)}: {source}")
    lossy = [name for name, (file, _) in bands.items() if file.header and not file.header.reversible]
    if lossy:
        lines.append(
            f"lossy JPEG 2000 in {', '.join(lossy)}: nodata may hold small numbers along the swath's edge"
        )
    return lines


def _same_place(one: Grid, other: Grid) -> bool:
    return one.crs == other.crs and one.transform.almost_equals(other.transform, 1e-3 * other.pixel_size)


def _say(grid: Grid) -> str:
    if not grid.georeferenced:
        return f"{grid.height} x {grid.width} px"
    return f"{grid.height} x {grid.width} px of {grid.pixel_size:g} m in {grid.crs}"
