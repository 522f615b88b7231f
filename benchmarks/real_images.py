"""The real images without labels as scenes: `real_images.toml` says what they are and what they show.

One place may lie in several files (10, 20 and 60 m bands), in a series of dates, or in a file a band: each
image becomes one `Scene` whose bands keep their own grids, so that it reads as a product does. Pixels are
kept in memory; the images are small.
"""

import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from unclouded.core.bands import NAMES
from unclouded.core.grid import Grid
from unclouded.core.product import Identity, Product, Samples
from unclouded.core.radiometry import Radiometry
from unclouded.core.windows import Window
from unclouded.scene import Scene

TABLE = Path(__file__).with_suffix(".toml")
QUANTIFICATION = 10_000.0
_NODATA = (0, 65535)
_TIFF = (b"II", b"MM")
_BAND_IN_NAME = re.compile(r"B(?:\d\d|8A)$")


@dataclass(frozen=True, kw_only=True)
class RealImage:
    """One image of the table."""

    id: str
    files: tuple[Path, ...]
    """Under the data folder; several where bands lie apart."""
    level: str
    site: str
    source: str
    sky: str
    """`clear`, `overcast` or `cirrus`: all of it; others: not one thing."""
    surface: str = ""
    """What a mask may take for cloud."""
    gsd_m: tuple[float, ...] = ()
    """Spacing of each file's pixels, where no georeference says it."""
    offset: float = 0.0
    """DN to add."""
    date: int | None = None
    """Position in a series."""
    bands: tuple[str, ...] = ()
    """Of a series; other files name theirs."""
    origin: str = ""
    """Repository @ commit : path that the pixels come from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayBand:
    """A band whose pixels are in memory."""

    dn: npt.NDArray[np.generic]
    valid: npt.NDArray[np.bool_]
    grid: Grid

    @property
    def levels(self) -> tuple[Grid, ...]:
        return (self.grid,)

    def read(self, window: Window, level: int = 0) -> Samples:  # noqa: ARG002 - there is one level
        return Samples(dn=self.dn[window.slices], valid=self.valid[window.slices])


def list_images(data: Path) -> tuple[RealImage, ...]:
    """Every image of the table whose files are there, by id."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    found = [
        *_singles(table["image"], data),
        *_series(table["series"], data),
        *_folders(table["folder"], data),
    ]
    origin = table["origin"]
    there = (
        replace(image, origin=origin.get(image.id) or origin[image.source]) for image in found if image.files
    )
    return tuple(sorted(there, key=lambda image: image.id))


def open_image(image: RealImage) -> Scene:
    """The image as a scene: reflectance is (DN + offset) / 10000."""
    bands = _series_bands(image) if image.date is not None else _file_bands(image)
    return scene_of(
        bands, name=image.id, level=image.level, offset=image.offset, origin=f"{TABLE.name}: {image.id}"
    )


def scene_of(
    bands: Mapping[str, ArrayBand], *, name: str, level: str, offset: float = 0.0, origin: str
) -> Scene:
    """Bands in memory, in DN, as a scene on the grid of the finest."""
    ordered = {band: bands[band] for band in NAMES if band in bands}
    finest = min(ordered.values(), key=lambda band: band.grid.pixel_size)
    return Scene(
        product=Product(
            identity=Identity(id=name, sensor="sentinel-2", level=level),
            bands=ordered,
            radiometry=Radiometry(
                offset=dict.fromkeys(ordered, offset),
                quantification=dict.fromkeys(ordered, QUANTIFICATION),
                origin=origin,
            ),
            grid=finest.grid,
        )
    )


def read_bands(
    path: Path | str, names: tuple[str, ...] = (), gsd_m: float | None = None
) -> dict[str, ArrayBand]:
    """The bands of one file; DN 0 in all of them, and 65535 in one, was not seen.

    Args:
        names: of its bands in order; none: as their descriptions or the file's name say.
        gsd_m: spacing, where the file carries no georeference.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, driver=_driver(path)) as file:
            dn = file.read()
            described = tuple(text or "" for text in file.descriptions)
            grid = _grid(file, gsd_m)
    found = names or _names(described, Path(path).stem)
    return _array_bands(dn, found, grid)


def _driver(path: Path | str) -> str:
    """By the file's first bytes: some `.tif` of the set hold JPEG 2000. Parts of a file are GeoTIFFs."""
    if not Path(path).is_file():
        return "GTiff"
    with Path(path).open("rb") as file:
        return "GTiff" if file.read(2) in _TIFF else "JP2OpenJPEG"


def _array_bands(dn: npt.NDArray[np.generic], names: tuple[str, ...], grid: Grid) -> dict[str, ArrayBand]:
    seen = (dn != _NODATA[0]).any(axis=0)
    return {
        name: ArrayBand(dn=dn[at], valid=seen & (dn[at] != _NODATA[1]), grid=grid)
        for at, name in enumerate(names)
    }


def _names(described: tuple[str, ...], stem: str) -> tuple[str, ...]:
    if all(name in NAMES for name in described):
        return described
    found = _BAND_IN_NAME.search(stem)
    return (found[0],) if found and len(described) == 1 else described


def _grid(file: rasterio.DatasetReader, gsd_m: float | None) -> Grid:
    if gsd_m is not None:
        return Grid(height=file.height, width=file.width, transform=Affine.scale(gsd_m, -gsd_m), crs=None)
    return Grid(height=file.height, width=file.width, transform=file.transform, crs=file.crs.to_string())


def _file_bands(image: RealImage) -> dict[str, ArrayBand]:
    spacings = image.gsd_m or (None,)
    each = spacings * len(image.files) if len(spacings) == 1 else spacings
    found: dict[str, ArrayBand] = {}
    for path, gsd_m in zip(image.files, each, strict=True):
        found |= read_bands(path, gsd_m=gsd_m)
    return found


def _series_bands(image: RealImage) -> dict[str, ArrayBand]:
    with np.load(image.files[0], allow_pickle=False) as arrays:
        dn = arrays["bands"][image.date]
    (gsd_m,) = image.gsd_m
    grid = Grid(height=dn.shape[1], width=dn.shape[2], transform=Affine.scale(gsd_m, -gsd_m), crs=None)
    return _array_bands(dn, image.bands, grid)


def _there(data: Path, patterns: list[str]) -> tuple[Path, ...]:
    """The files, patterns resolved, in order; none where one is missing."""
    groups = [sorted(data.glob(pattern)) for pattern in patterns]
    return tuple(path for group in groups for path in group) if all(groups) else ()


def _singles(entries: list[dict[str, object]], data: Path) -> Iterator[RealImage]:
    for entry in entries:
        values = {**entry, "files": _there(data, entry["files"]), "gsd_m": tuple(entry.get("gsd_m", ()))}
        yield RealImage(**values)


def _series(entries: list[dict[str, object]], data: Path) -> Iterator[RealImage]:
    for entry in entries:
        for sky, dates in entry["sky"].items():
            for date in dates:
                yield RealImage(
                    id=f"{entry['id']}-{date:02d}",
                    files=_there(data, [entry["file"]]),
                    date=date,
                    sky=sky,
                    bands=tuple(entry["bands"]),
                    gsd_m=(entry["gsd_m"],),
                    **{key: entry[key] for key in ("level", "site", "source", "surface")},
                )


def _folders(entries: list[dict[str, object]], data: Path) -> Iterator[RealImage]:
    for entry in entries:
        for path in sorted(data.glob(entry["files"])):
            name = path.stem
            yield RealImage(
                id=name,
                files=(path,),
                sky="mixed" if name in entry.get("mixed", ()) else entry["sky"],
                site=entry.get("site", name),
                **{key: entry[key] for key in ("level", "source", "surface")},
            )
