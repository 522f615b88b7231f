"""A granule's band files: opened, placed, and looked at for what a user should know."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from affine import Affine

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.sources._bands import FileBand
from unclouded.sources._layout import BandPath, base_name
from unclouded.sources._raster import RasterFile, RasterInfo, describe, level_grids, stepped
from unclouded.sources._text import shown
from unclouded.sources._tree import Tree


@dataclass(frozen=True, kw_only=True)
class BandSet:
    """The bands that can be opened."""

    files: Mapping[str, RasterFile]
    """By name, in the order of the table."""
    infos: Mapping[str, RasterInfo]
    """What each says of itself."""
    gsds: Mapping[str, int]
    """Spacing that each is delivered at, m."""
    damaged: tuple[str, ...]
    """A line for each that cannot be opened."""


def open_bands(tree: Tree, paths: Mapping[str, BandPath]) -> BandSet:
    """The rasters of bands, opened and not decoded.

    Raises:
        RasterError: none can be opened.
    """
    files: dict[str, RasterFile] = {}
    infos: dict[str, RasterInfo] = {}
    damaged: list[str] = []
    for name in (name for name in NAMES if name in paths):
        try:
            where = f"{name} ({shown(base_name(paths[name].path))})"
            file = tree.open_raster(paths[name].path, where=where)
            infos[name] = describe(file)
        except RasterError as err:
            damaged.append(str(err))
        else:
            files[name] = file
    if not files:
        raise RasterError(f"{tree.where}: none of its {len(damaged)} bands can be read; first: {damaged[0]}")
    gsds = {name: paths[name].gsd for name in files}
    return BandSet(files=files, infos=infos, gsds=gsds, damaged=tuple(damaged))


def readers(
    bands: BandSet, tile: Mapping[int, Grid], floor: Mapping[str, float] | None = None
) -> dict[str, FileBand]:
    """Bands in their place: the raster's own, else that of the tile grids (gsd, m -> grid).

    Args:
        floor: band -> DN at or below which no sample is real.
    """
    return {
        name: replace(
            _reader(file, bands.infos[name], _place(bands.gsds[name], bands.infos[name].grid, tile)),
            floor=(floor or {}).get(name, 0.0),
        )
        for name, file in bands.files.items()
    }


def pixel_warnings(bands: BandSet, tile: Mapping[int, Grid]) -> list[str]:
    """A line for each way in which the pixels are not what the tile metadata or a user would expect."""
    plain = [name for name, info in bands.infos.items() if not info.grid.georeferenced]
    lossy = [name for name, file in bands.files.items() if file.header and not file.header.reversible]
    lines = [*_coarse(bands), *_differences(bands, tile)]
    if plain:
        source = "placed by the tile metadata" if tile else "their place is unknown"
        lines.append(f"no georeference in {', '.join(plain)}: {source}")
    if lossy:
        lines.append(
            f"lossy JPEG 2000 in {', '.join(lossy)}: nodata may hold small numbers along the swath's edge"
        )
    return lines


def _reader(file: RasterFile, info: RasterInfo, grid: Grid) -> FileBand:
    shapes = [level.shape for level in info.levels[1:]]
    return FileBand(file=file, levels=level_grids(grid, shapes, file.header), nodata=info.nodata[0])


def _coarse(bands: BandSet) -> list[str]:
    return [
        f"{name}: delivered at {gsd} m only, its own spacing is {band(name).gsd} m"
        for name, gsd in bands.gsds.items()
        if gsd > band(name).gsd
    ]


def _place(gsd: int, own: Grid, tile: Mapping[int, Grid]) -> Grid:
    if own.georeferenced:
        return own
    stated = tile.get(gsd)
    height, width = own.shape
    if stated is None:
        return Grid(height=height, width=width, transform=Affine.scale(gsd, -gsd), crs=None)
    place = stepped(stated.transform, stated.width / width, stated.height / height)
    return Grid(height=height, width=width, transform=place, crs=stated.crs)


def _differences(bands: BandSet, tile: Mapping[int, Grid]) -> list[str]:
    """One band a gsd; the pixels count, the metadata do not."""
    lines = []
    for gsd in sorted(set(bands.gsds.values())):
        name = next((name for name in bands.infos if bands.gsds[name] == gsd), None)
        stated = tile.get(gsd)
        if name is None or stated is None:
            continue
        found = bands.infos[name].grid
        if found.shape != stated.shape or (found.georeferenced and not _same_place(found, stated)):
            lines.append(f"{name}: metadata say {_say(stated)}, the pixels {_say(found)}; the pixels count")
    return lines


def _same_place(one: Grid, other: Grid) -> bool:
    return one.crs == other.crs and one.transform.almost_equals(other.transform, 1e-3 * other.pixel_size)


def _say(grid: Grid) -> str:
    if not grid.georeferenced:
        return f"{grid.height} x {grid.width} px"
    return f"{grid.height} x {grid.width} px of {grid.pixel_size:g} m in {grid.crs}"
