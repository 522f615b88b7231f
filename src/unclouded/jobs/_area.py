"""An area out of GeoJSON, and the pixels of a grid whose centres lie in it."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.features import rasterize
from rasterio.warp import transform

from unclouded.core.errors import GridError, InputError
from unclouded.core.grid import METRES_PER_DEGREE, Grid
from unclouded.core.windows import Window
from unclouded.jobs._place import applied

MAX_BYTES = 50_000_000
"""Of a GeoJSON file."""
DEGREES = "EPSG:4326"
"""What GeoJSON is in (RFC 7946), unless a `crs` member as of 2008 says otherwise."""
_LATTICE_PX = 1000
"""Points a side on which it is judged how much of an area a raster covers."""
# A straight edge bends when it is reprojected. 0.01 degrees bend by less than 0.1 m below 70 degrees: an arc
# of L metres lies L^2 tan(latitude) / (8 R) off its chord.
_STEP_DEGREES, _STEP_METRES = 0.01, 1000.0
_MOST_POINTS = 2_000_000

Position = tuple[float, float]
Ring = list[Position]
Polygon = list[Ring]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Polygons, the union of which is meant."""

    where: str
    """What to call it in a message."""
    polygons: tuple[Polygon, ...]
    """Each an outer ring and its holes."""
    crs: str


@dataclass(frozen=True, kw_only=True)
class Inside:
    """The pixels of a grid that lie in an area."""

    window: Window
    """The smallest one, within the grid, around the area."""
    mask: npt.NDArray[np.bool_]
    """(y, x) of the window, True where the pixel's centre lies in the area; somewhere it does."""
    covered_share: float
    """Share of the area that the grid covers, 0 … 1."""


def read_area(source: str | Path) -> Area:
    """The polygons of GeoJSON, a file or the text itself: a geometry, a feature or collections of them.

    Raises:
        InputError: no such file, no GeoJSON, no polygon, or positions that are none.
    """
    text, where = _text(source)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(f"{where}: expected GeoJSON, found text that is no JSON; check the file") from err
    crs = _crs(content, where)
    polygons = tuple(_polygons(content, where))
    if not polygons:
        raise InputError(f"{where}: expected Polygon or MultiPolygon, found none; the area is empty")
    if crs == DEGREES:
        _check_degrees(polygons, where)
    return Area(where=where, polygons=polygons, crs=crs)


def pixels_in(area: Area, grid: Grid) -> Inside:
    """The pixels of a grid whose centres lie in an area.

    Raises:
        GridError: the grid has no place on Earth, the area lies beside it, or holds no pixel's centre.
    """
    polygons = _on_grid(area, grid)
    box = _box(polygons)
    window = box.clipped(grid.shape)
    if min(window.shape) < 1:
        raise _beside(area)
    mask = _burnt(polygons, Affine.translation(window.col_off, window.row_off), window.shape)
    if not mask.any():
        raise _too_small(area, grid) if window == box else _beside(area)
    covered = 1.0 if window == box else min(1.0, int(mask.sum()) / _size_px(polygons, box))
    return Inside(window=window, mask=mask, covered_share=covered)


def _beside(area: Area) -> GridError:
    return GridError(f"{area.where}: expected an area on the raster, found one beside it; check its place")


def _too_small(area: Area, grid: Grid) -> GridError:
    return GridError(
        f"{area.where}: expected an area that holds the centre of a pixel, found none in it; "
        f"it is smaller than the pixels of {grid.pixel_size:.4g} m"
    )


def pixel_areas_km2(grid: Grid) -> npt.NDArray[np.float64]:
    """Area of a pixel of each row, km² (y,); of degrees on a sphere."""
    t = grid.transform
    size = abs(t.a * t.e - t.b * t.d) / 1e6
    if not grid.geographic:
        return np.full(grid.height, size)
    latitude = t.f + (np.arange(grid.height) + 0.5) * t.e + 0.5 * grid.width * t.d
    return np.asarray(size * METRES_PER_DEGREE**2 * np.cos(np.radians(latitude)), np.float64)


# --- GeoJSON -----------------------------------------------------------------------------------------------


def _text(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return source, "area"
    path = Path(source)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path}: expected GeoJSON of at most {MAX_BYTES // 10**6} MB; simplify it first"
            )
        return path.read_text(encoding="utf-8-sig", errors="replace"), str(path)
    except OSError as err:
        raise InputError(f"{path}: expected a GeoJSON file, found: {err.strerror}; check the path") from err


def _crs(content: object, where: str) -> str:
    """The system of the positions: degrees, or what a `crs` member names (GeoJSON 2008, section 3)."""
    member = content.get("crs") if isinstance(content, dict) else None
    if member is None:
        return DEGREES
    try:
        found = CRS.from_user_input(member["properties"]["name"])
    except (CRSError, KeyError, TypeError, ValueError) as err:
        named = json.dumps(member)[:80]
        raise InputError(
            f"{where}: expected a crs that names a system, found {named}; reproject it to {DEGREES}"
        ) from err
    return DEGREES if found.is_geographic and found.to_epsg() in {4326, None} else str(found.to_string())


def _polygons(content: object, where: str) -> Iterator[Polygon]:
    if not isinstance(content, dict):
        return
    match content.get("type"):
        case "FeatureCollection":
            for feature in content.get("features") or ():
                yield from _polygons(feature, where)
        case "Feature":
            yield from _polygons(content.get("geometry"), where)
        case "GeometryCollection":
            for geometry in content.get("geometries") or ():
                yield from _polygons(geometry, where)
        case "Polygon":
            yield _polygon(content.get("coordinates"), where)
        case "MultiPolygon":
            yield from (_polygon(part, where) for part in content.get("coordinates") or ())


def _polygon(rings: Any, where: str) -> Polygon:
    if not isinstance(rings, list) or not rings:
        raise InputError(f"{where}: expected a polygon of rings, found none; check the file")
    return [_ring(ring, where) for ring in rings]


def _ring(positions: Any, where: str) -> Ring:
    try:
        found = [(float(x), float(y)) for x, y, *_ in positions]
    except (TypeError, ValueError) as err:
        raise InputError(f"{where}: expected positions of two numbers, found others; check the file") from err
    if len(found) < 3 or not all(math.isfinite(value) for position in found for value in position):
        raise InputError(f"{where}: expected rings of three finite positions or more; check the file")
    return found if found[0] == found[-1] else [*found, found[0]]


def _check_degrees(polygons: tuple[Polygon, ...], where: str) -> None:
    wrong = next(
        (p for polygon in polygons for ring in polygon for p in ring if abs(p[0]) > 180 or abs(p[1]) > 90),
        None,
    )
    if wrong is not None:
        raise InputError(
            f"{where}: expected longitude and latitude in degrees, found {wrong[0]:.10g}, {wrong[1]:.10g}; "
            "reproject it, or name its system in a crs member"
        )


# --- onto pixels -------------------------------------------------------------------------------------------


def _on_grid(area: Area, grid: Grid) -> list[Polygon]:
    """The polygons in pixels (column, row) of a grid."""
    if grid.crs is None:
        raise GridError(
            f"{area.where}: expected a raster with a georeference to lay it on, found one without; "
            "add it first"
        )
    same = CRS.from_user_input(area.crs) == CRS.from_user_input(grid.crs)
    inverse = ~grid.transform
    return [
        [_pixels(ring if same else _reprojected(ring, area, grid.crs), inverse) for ring in polygon]
        for polygon in area.polygons
    ]


def _pixels(ring: Ring, inverse: Affine) -> Ring:
    return [applied(inverse, x, y) for x, y in ring]


def _reprojected(ring: Ring, area: Area, crs: str) -> Ring:
    dense = _dense(ring, _STEP_DEGREES if CRS.from_user_input(area.crs).is_geographic else _STEP_METRES)
    try:
        xs, ys = transform(area.crs, crs, [x for x, _ in dense], [y for _, y in dense])
    except (RasterioError, CRSError) as err:
        raise GridError(f"{area.where}: cannot be brought to {crs}: {err}; reproject it first") from err
    if not all(map(math.isfinite, (*xs, *ys))):
        raise GridError(
            f"{area.where}: expected an area on the raster, found one that its system {crs} cannot show; "
            "check its place"
        )
    return list(zip(xs, ys, strict=True))


def _dense(ring: Ring, step: float) -> Ring:
    """The ring with points added so that none is farther than a step from the next."""
    length = sum(math.dist(one, other) for one, other in pairwise(ring))
    step = max(step, length / _MOST_POINTS)
    out: Ring = []
    for (x0, y0), (x1, y1) in pairwise(ring):
        count = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / step))
        out += [(x0 + (x1 - x0) * k / count, y0 + (y1 - y0) * k / count) for k in range(count)]
    return [*out, ring[-1]]


def _box(polygons: list[Polygon]) -> Window:
    """The pixels, of a grid without end, that hold the polygons."""
    xs = [x for polygon in polygons for x, _ in polygon[0]]
    ys = [y for polygon in polygons for _, y in polygon[0]]
    left, top = math.floor(min(xs)), math.floor(min(ys))
    return Window(
        row_off=top,
        col_off=left,
        height=max(1, math.ceil(max(ys)) - top),
        width=max(1, math.ceil(max(xs)) - left),
    )


def _size_px(polygons: list[Polygon], box: Window) -> float:
    """Size of the polygons' union in pixels, counted on a lattice of points."""
    lattice = (min(box.height * 4, _LATTICE_PX), min(box.width * 4, _LATTICE_PX))
    down, across = box.height / lattice[0], box.width / lattice[1]
    inside = _burnt(polygons, Affine(across, 0, box.col_off, 0, down, box.row_off), lattice)
    return max(1.0, float(inside.sum()) * down * across)


def _burnt(polygons: list[Polygon], place: Affine, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """True where a pixel's centre lies in a polygon. (y, x)."""
    shapes = [({"type": "Polygon", "coordinates": polygon}, 1) for polygon in polygons]
    burnt = rasterize(shapes, out_shape=shape, transform=place, fill=0, all_touched=False, dtype="uint8")
    return np.asarray(burnt == 1)
