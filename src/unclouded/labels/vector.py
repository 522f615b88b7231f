"""Polygons with a class (GeoJSON, GeoPackage), drawn into the pixels of an image.

`NAME.geojson` or `NAME.gpkg`, beside `NAME.tif` or `NAME_img.tif` where the image is no product; a column,
`class` unless another is named, holds names of classes (`cloud`, `thin_cloud`, …) or codes of a legend. What
no polygon covers says nothing.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rasterio.errors import CRSError
from rasterio.features import rasterize
from rasterio.warp import transform_geom

from unclouded.core.classes import CLASSES, LEGENDS, Legend, bits_classes, class_bits
from unclouded.core.errors import GridError, LabelError, RasterError
from unclouded.core.grid import Grid, Raster
from unclouded.core.windows import Window
from unclouded.labels._codes import CodesReader, grid_of, open_dataset
from unclouded.labels._gpkg import Polygon, read_features
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._legend_file import classes_of
from unclouded.labels._names import mgrs_tile, wrs_scene

_FILES = (".geojson", ".gpkg")
_IMAGE_ENDS = (".tif", "_img.tif", ".tiff")
_CRS84 = "OGC:CRS84"  # RFC 7946, section 4: longitude, latitude
Overlap = Literal["error", "last"]


@dataclass(frozen=True, kw_only=True)
class Polygons:
    """Polygons of one file, each with what its pixels may be."""

    path: Path
    crs: str
    shapes: tuple[tuple[tuple[Polygon, ...], frozenset[int]], ...]
    """(polygons of rings of (x, y), classes), in the order of the file."""


SETS_LEGEND = Legend(name="polygons", table={bits: bits_classes(bits) for bits in range(1 << len(CLASSES))})
"""What drawn polygons hold: each code is the bit mask itself."""


def is_polygons(path: Path) -> bool:
    """Whether a file holds polygons, by its name."""
    return path.suffix.lower() in _FILES


def find_items(folder: Path, *, column: str = "class", legend: Legend | None = None) -> tuple[LabelItem, ...]:
    """The files of polygons with the images of the same name; for products see `drawn`.

    Args:
        column: attribute that holds the class.
        legend: what numbers in it mean; None: our own codes.

    Raises:
        PairError: there is none.
    """
    files = (path for path in folder.rglob("*") if is_polygons(path))
    items = (_item(path, column, legend or LEGENDS["unclouded"]) for path in files)
    return listed(items, folder, layout="NAME.geojson or NAME.gpkg, beside NAME.tif where that is the image")


def _item(path: Path, column: str, legend: Legend) -> LabelItem:
    images = [path.with_name(f"{path.stem}{end}") for end in _IMAGE_ENDS]
    return LabelItem(
        set_name="vector",
        id=path.stem,
        site=mgrs_tile(path.stem) or wrs_scene(path.stem),
        label=path,
        image=next((image for image in images if image.exists()), images[0]),
        legend=legend,
        column=column,
    )


def read_sets(item: LabelItem) -> Raster:
    """What each pixel of the item's image may be, bit masks uint8 (y, x); 0 outside all polygons.

    Raises:
        RasterError: polygons or image cannot be read.
        LabelError: a class that is unknown, or polygons of different classes that overlap.
        GridError: the image has no georeference.
    """
    image = Path(str(item.image))
    with open_dataset(image, driver="GTiff", path=image, kind="a GeoTIFF") as dataset:
        grid = grid_of(dataset)
    return drawn(item, grid)


def drawn(item: LabelItem, grid: Grid) -> Raster:
    """What each pixel of a grid may be by the item's polygons, bit masks uint8 (y, x); 0 outside them all.

    Raises:
        RasterError: the polygons cannot be read.
        LabelError: a class that is unknown, polygons of different classes that overlap, or none on the grid.
        GridError: the grid has no georeference.
    """
    found = rasterised(read_polygons(item.label, column=item.column, legend=item.legend), grid)
    if not found.values.any():
        raise LabelError(
            f"{item.label}: expected polygons over the image, found none on its pixels; give the image that "
            "they were drawn on"
        )
    return found


@contextmanager
def open_sets(path: Path, grid: Grid, *, column: str, legend: Legend | None) -> Iterator[CodesReader]:
    """A reader of polygons drawn on a grid; its codes are the bit masks (`SETS_LEGEND`).

    Raises:
        As `rasterised` and `read_polygons`.
    """
    sets = rasterised(read_polygons(path, column=column, legend=legend), grid)

    def decode(window: Window) -> npt.NDArray[np.integer[Any]]:
        rows, cols = window.slices
        return np.asarray(sets.values[rows, cols], np.uint8)

    yield CodesReader(path=path, grid=grid, block_height=1, decode=decode)


def read_polygons(path: Path, *, column: str = "class", legend: Legend | None = None) -> Polygons:
    """The polygons of a GeoJSON or GeoPackage file.

    Args:
        column: attribute that holds the class.
        legend: what numbers mean; names of classes need none.

    Raises:
        RasterError: not such a file, or damaged.
        LabelError: no such column, geometries that are no polygons, or a class that is unknown.
    """
    crs, features = read_features(path, column) if path.suffix.lower() == ".gpkg" else _geojson(path, column)
    shapes = tuple((tuple(polygons), _classes(value, legend, path)) for polygons, value in features)
    return Polygons(path=path, crs=crs, shapes=shapes)


def rasterised(polygons: Polygons, grid: Grid, *, overlap: Overlap = "error") -> Raster:
    """What each pixel may be whose centre lies in a polygon, bit masks uint8 (y, x); 0 outside them all.

    Args:
        overlap: what to do where polygons of different classes overlap: refuse, or let the last one win.

    Raises:
        GridError: the grid has no georeference.
        LabelError: different classes overlap, or the file's reference system is unknown.
    """
    if grid.crs is None:
        raise GridError(
            f"{polygons.path}: expected a grid with a georeference, found none; polygons need a place"
        )
    sets = np.zeros(grid.shape, np.uint8)
    seen = np.zeros(grid.shape, np.bool_)
    for shapes, classes in polygons.shapes:
        inside = _inside(shapes, polygons, grid)
        bits = np.uint8(class_bits(classes))
        clash = int((inside & seen & (sets != bits)).sum())
        if clash and overlap == "error":
            raise LabelError(
                f"{polygons.path}: expected one class a pixel, found polygons of different classes over "
                f"{clash} px; cut them apart, or let the last one win"
            )
        sets[inside] = bits
        seen |= inside
    return Raster(values=sets, grid=grid)


def _inside(shapes: Sequence[Polygon], polygons: Polygons, grid: Grid) -> npt.NDArray[np.bool_]:
    if not shapes:
        return np.zeros(grid.shape, np.bool_)
    geometry = {"type": "MultiPolygon", "coordinates": [*shapes]}
    try:
        placed = transform_geom(polygons.crs, grid.crs, geometry)
    except CRSError as err:
        raise LabelError(
            f"{polygons.path}: reference system '{polygons.crs}' is not known ({err}); export again"
        ) from err
    inside = rasterize([(placed, 1)], out_shape=grid.shape, transform=grid.transform, dtype=np.uint8)
    return np.asarray(inside, np.bool_)


def _geojson(path: Path, column: str) -> tuple[str, list[tuple[list[Polygon], object]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise RasterError(f"{path}: expected GeoJSON, found: {err}; export the polygons again") from err
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise LabelError(
            f"{path}: expected a GeoJSON FeatureCollection, found none; export the polygons again"
        )
    return _geojson_crs(content), [
        _feature(item, column, f"{path}: feature {at}") for at, item in enumerate(features, 1)
    ]


def _geojson_crs(content: dict[str, object]) -> str:
    """GeoJSON of before 2016 may name its reference system; since then there is but one."""
    name = _mapping(_mapping(content.get("crs")).get("properties")).get("name")
    return str(name) if name else _CRS84


def _feature(feature: object, column: str, where: str) -> tuple[list[Polygon], object]:
    geometry, properties = (_mapping(_mapping(feature).get(key)) for key in ("geometry", "properties"))
    if column not in properties:
        found = ", ".join(properties) or "none"
        raise LabelError(
            f"{where}: expected a property '{column}', found {found}; name the one with the class"
        )
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in {"Polygon", "MultiPolygon"}:
        raise LabelError(f"{where}: expected a polygon, found {kind}; export the polygons alone")
    polygons: Any = [coordinates] if kind == "Polygon" else coordinates
    try:
        flat = [[[(float(p[0]), float(p[1])) for p in ring] for ring in polygon] for polygon in polygons]
    except (TypeError, ValueError, IndexError, KeyError) as err:
        raise RasterError(f"{where}: expected rings of coordinates, found others; export it again") from err
    return flat, properties[column]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _classes(value: object, legend: Legend | None, path: Path) -> frozenset[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        if legend is None or value not in legend.table:
            known = "names of classes" if legend is None else ", ".join(map(str, sorted(legend.table)))
            raise LabelError(f"{path}: expected {known}, found code {value}; name the legend of the codes")
        return legend.table[value]
    return classes_of(value if isinstance(value, Iterable) else [value], str(path))


__all__ = ["Polygons", "find_items", "rasterised", "read_polygons", "read_sets"]
