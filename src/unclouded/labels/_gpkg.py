"""Polygons out of a GeoPackage, which is an SQLite file (OGC 12-128r19), and out of well-known binary.

GDAL could read it, but rasterio has no vector reader: a few lines of the standard library stand in.
"""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from unclouded.core.errors import LabelError, RasterError
from unclouded.labels._codes import check_magic

_MAGIC = (b"SQLite format 3\0",)
_POLYGON, _MULTIPOLYGON = 3, 6
# bytes of the envelope by its code, bits 1-3 of the flags (OGC 12-128r19, clause 2.1.3)
_ENVELOPE = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
Ring = list[tuple[float, float]]
Polygon = list[Ring]


def read_features(path: Path, column: str) -> tuple[str, list[tuple[list[Polygon], object]]]:
    """Coordinate reference system of the one layer of polygons, and each feature's polygons and value.

    Raises:
        RasterError: not a GeoPackage, or damaged.
        LabelError: not one layer, no such column, or geometries that are no polygons.
    """
    check_magic(path, _MAGIC, kind="a GeoPackage", instead="export the polygons as GeoPackage or GeoJSON")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            table, geometry, srs = _layer(base, path)
            _check_column(base, table, column, path)
            query = f"SELECT {_quoted(geometry)}, {_quoted(column)} FROM {_quoted(table)}"  # noqa: S608 - names are quoted
            rows = list(base.execute(query))
            return _crs(base, srs, path), [
                (list(_polygons(blob, f"{path}: feature {at}")), value)
                for at, (blob, value) in enumerate(rows, 1)
                if blob
            ]
    except sqlite3.Error as err:
        raise RasterError(
            f"{path}: expected a GeoPackage of polygons, found: {err}; export it again"
        ) from err


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _layer(base: sqlite3.Connection, path: Path) -> tuple[str, str, int]:
    layers = list(base.execute("SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns"))
    if len(layers) != 1:
        found = ", ".join(str(layer[0]) for layer in layers) or "none"
        raise LabelError(f"{path}: expected one layer of polygons, found {found}; export the layer alone")
    table, geometry, srs = layers[0]
    return str(table), str(geometry), int(srs)


def _check_column(base: sqlite3.Connection, table: str, column: str, path: Path) -> None:
    # SQLite takes an unknown name in quotes for a text: it has to be looked up
    names = [str(row[1]) for row in base.execute(f"PRAGMA table_info({_quoted(table)})")]
    if column not in names:
        raise LabelError(
            f"{path}: expected a column '{column}', found {', '.join(names)}; name the one with the class"
        )


def _crs(base: sqlite3.Connection, srs: int, path: Path) -> str:
    query = (
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?"
    )
    row = base.execute(query, (srs,)).fetchone()
    if row is None or str(row[0]).upper() == "NONE":
        raise LabelError(
            f"{path}: expected a coordinate reference system, found none; set it and export again"
        )
    return f"EPSG:{row[1]}" if str(row[0]).upper() == "EPSG" else str(row[2])


def _polygons(blob: bytes, where: str) -> Iterator[Polygon]:
    if blob[:2] != b"GP" or len(blob) < 8 or (blob[3] >> 1 & 7) not in _ENVELOPE:
        raise RasterError(f"{where}: expected a geometry, found other bytes; export it again")
    empty = blob[3] >> 4 & 1
    if not empty:
        yield from read_wkb(blob[8 + _ENVELOPE[blob[3] >> 1 & 7] :], where)


def read_wkb(data: bytes, where: str) -> list[Polygon]:
    """The polygons in well-known binary (OGC 06-103r4, clause 8), heights and measures left out.

    Raises:
        LabelError: a geometry of another kind.
        RasterError: the bytes end early.
    """
    try:
        return _geometry(data, 0, where)[0]
    except struct.error as err:
        raise RasterError(f"{where}: the geometry ends early; export it again") from err


def _geometry(data: bytes, at: int, where: str) -> tuple[list[Polygon], int]:
    order = "<" if data[at : at + 1] == b"\1" else ">"
    (code,) = struct.unpack_from(f"{order}I", data, at + 1)
    at += 5
    kind, dimensions = code % 1000, {0: 2, 1: 3, 2: 3, 3: 4}.get(code // 1000, 0)
    if kind not in {_POLYGON, _MULTIPOLYGON} or not dimensions:
        raise LabelError(
            f"{where}: expected a polygon, found geometry type {code}; export the polygons alone"
        )
    (count,) = struct.unpack_from(f"{order}I", data, at)
    at += 4
    if kind == _POLYGON:
        polygon, at = _rings(data, at, count, order, dimensions)
        return [polygon], at
    found: list[Polygon] = []
    for _ in range(count):
        inner, at = _geometry(data, at, where)
        found += inner
    return found, at


def _rings(data: bytes, at: int, count: int, order: str, dimensions: int) -> tuple[Polygon, int]:
    rings: Polygon = []
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", data, at)
        numbers = struct.unpack_from(f"{order}{points * dimensions}d", data, at + 4)
        rings.append(list(zip(numbers[::dimensions], numbers[1::dimensions], strict=True)))
        at += 4 + 8 * points * dimensions
    return rings, at
