"""An area of interest from what people have: a box, GeoJSON or a tile's name."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from unclouded.catalog import _mgrs
from unclouded.core.errors import InputError, OptionError

MAX_BYTES = 10_000_000
"""Of a GeoJSON file; services refuse less."""
POLYGONS = {"Polygon", "MultiPolygon"}
SIMPLE = {"Point", "MultiPoint", "LineString", "MultiLineString", *POLYGONS}
WGS84 = ("CRS84", "4326")

Position = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Where to search."""

    geometry: Mapping[str, Any]
    """GeoJSON in degrees, cut at the antimeridian."""
    tile: str | None = None
    """MGRS square, `32TQM`, where the area is one: only its own products are wanted, not its neighbours'."""


def parse_area(text: str) -> Area:
    """The area of `west,south,east,north`, of GeoJSON (a file or the text itself) or of a tile, `32TQM`.

    Raises:
        OptionError: it is none of these, or coordinates are not degrees.
        InputError: a file that is no GeoJSON, or one without a geometry.
    """
    stripped = text.strip()
    if _mgrs.is_tile(stripped):
        return tile_area(stripped)
    if stripped.startswith("{"):
        return _geojson_area(stripped, "area")
    if (numbers := _numbers(stripped)) is not None:
        return box_area(*numbers)
    path = Path(stripped)
    if not _is_file(path):
        raise OptionError(
            f"area '{stripped[:60]}': expected west,south,east,north, a GeoJSON file or a tile such as "
            "32TQM, found none of them; check the path"
        )
    return _file_area(path)


def tile_area(name: str) -> Area:
    """The area of a Sentinel-2 tile."""
    tile = _mgrs.parse_tile(name)
    ring = [list(point) for point in tile.ring()]
    return Area(geometry=_polygons([[part] for part in _cut(ring)]), tile=tile.name)


def box_area(west: float, south: float, east: float, north: float) -> Area:
    """The area of a box, degrees; west > east means that it crosses the antimeridian.

    Raises:
        OptionError: not degrees, or empty.
    """
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90) or west == east:
        raise OptionError(
            f"area {west:g},{south:g},{east:g},{north:g}: expected west,south,east,north in degrees with "
            "south below north; west above east means across 180°"
        )
    past = east + 360 if east < west else east
    ring = [[west, south], [past, south], [past, north], [west, north], [west, south]]
    return Area(geometry=_polygons([[part] for part in _cut(ring)]))


def bounds(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """(west, south, east, north) around all positions, degrees, the antimeridian not regarded."""
    positions = list(_positions(geometry["coordinates"]))
    xs, ys = [p[0] for p in positions], [p[1] for p in positions]
    return min(xs), min(ys), max(xs), max(ys)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a name may be
        return False


def _numbers(text: str) -> tuple[float, float, float, float] | None:
    parts = text.replace(";", ",").split(",")
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError:
        return None
    return west, south, east, north


def _file_area(path: Path) -> Area:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path.name}: expected GeoJSON of at most {MAX_BYTES // 10**6} MB; simplify the outline first"
        )
    return _geojson_area(path.read_text(encoding="utf-8", errors="replace"), path.name)


def _geojson_area(text: str, where: str) -> Area:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(f"{where}: expected GeoJSON, found text that is no JSON; check the file") from err
    _check_crs(content, where)
    geometries = list(_geometries(content))
    if not geometries:
        raise InputError(f"{where}: expected a geometry, found none; the area is empty")
    for geometry in geometries:
        _check(geometry, where)
    return Area(geometry=_joined(geometries, where))


def _check_crs(content: object, where: str) -> None:
    """GeoJSON before RFC 7946 could name a CRS; only degrees are served."""
    named = content.get("crs") if isinstance(content, dict) else None
    if named is not None and not any(word in json.dumps(named) for word in WGS84):
        raise InputError(
            f"{where}: expected GeoJSON in degrees (EPSG:4326), found another crs; reproject it first"
        )


def _geometries(content: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(content, dict):
        return
    match content.get("type"):
        case "FeatureCollection":
            for feature in content.get("features") or ():
                yield from _geometries(feature)
        case "Feature":
            yield from _geometries(content.get("geometry"))
        case "GeometryCollection":
            for geometry in content.get("geometries") or ():
                yield from _geometries(geometry)
        case kind if kind in SIMPLE and content.get("coordinates"):
            yield {"type": kind, "coordinates": content["coordinates"]}


def _check(geometry: Mapping[str, Any], where: str) -> None:
    for longitude, latitude, *_ in _positions(geometry["coordinates"], where):
        if not (abs(longitude) <= 180 and abs(latitude) <= 90):
            raise InputError(
                f"{where}: expected longitude and latitude in degrees, found {longitude:g}, {latitude:g}; "
                "reproject it to EPSG:4326 first"
            )


def _positions(coordinates: object, where: str = "area") -> Iterator[Position]:
    if not isinstance(coordinates, list | tuple):
        raise InputError(f"{where}: expected positions of two numbers in GeoJSON; check the file")
    if len(coordinates) > 1 and all(_is_number(value) for value in coordinates):
        yield coordinates
        return
    for part in coordinates:
        yield from _positions(part, where)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _joined(geometries: list[Mapping[str, Any]], where: str) -> Mapping[str, Any]:
    """One geometry of many: services take no collections."""
    if len(geometries) == 1:
        return geometries[0]
    if {geometry["type"] for geometry in geometries} <= POLYGONS:
        return _polygons([polygon for geometry in geometries for polygon in _parts(geometry)])
    raise InputError(
        f"{where}: expected one geometry or several polygons, found "
        f"{', '.join(sorted({geometry['type'] for geometry in geometries}))}; search for each on its own"
    )


def _parts(geometry: Mapping[str, Any]) -> list[Any]:
    coordinates = geometry["coordinates"]
    return [coordinates] if geometry["type"] == "Polygon" else list(coordinates)


def _polygons(polygons: list[Any]) -> Mapping[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _cut(ring: list[list[float]]) -> list[list[list[float]]]:
    """A ring whose longitudes may run past ±180, cut there into rings that do not (RFC 7946, 3.1.9)."""
    if max(x for x, _ in ring) > 180:
        near, far, turn = _clip(ring, 180.0, east=False), _clip(ring, 180.0, east=True), -360.0
    elif min(x for x, _ in ring) < -180:
        near, far, turn = _clip(ring, -180.0, east=True), _clip(ring, -180.0, east=False), 360.0
    else:
        return [ring]
    return [part for part in (near, [[x + turn, y] for x, y in far]) if len(part) > 3]


def _clip(ring: list[list[float]], edge: float, *, east: bool) -> list[list[float]]:
    """The part of a closed ring on one side of a meridian (Sutherland and Hodgman 1974)."""
    clipped: list[list[float]] = []
    for (x0, y0), (x1, y1) in pairwise(ring):
        if x0 == edge or (x0 > edge) == east:
            clipped.append([x0, y0])
        if (x0 - edge) * (x1 - edge) < 0:
            clipped.append([edge, y0 + (edge - x0) / (x1 - x0) * (y1 - y0)])
    return [*clipped, clipped[0]] if clipped else []
