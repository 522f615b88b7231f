"""Masks and their probabilities as cloud-optimised GeoTIFF: palette, category names, nodata, provenance."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio._err import CPLE_BaseError  # copying raises it as it is, and no public module has it
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.shutil import copy as copy_dataset

from unclouded.core.classes import NODATA, MaskClass
from unclouded.core.errors import OutputError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.outputs._atomic import replacing
from unclouded.outputs._attributes import sidecar_text
from unclouded.outputs._checked import CheckedFile

BLOCK = 512
PERCENT = 0.01
"""What a number of a file of probabilities stands for: 100 is certain. GDAL's scale of its bands."""
_LEVEL = 4
"""Of DEFLATE: a mask of 10980 px a side is copied in 2.8 s of a core where level 6 takes 4.6, and is 11 %
larger."""

Part = tuple[Window, npt.NDArray[np.uint8]]
Write = Callable[[Window, npt.NDArray[np.uint8]], None]
"""Writes one window of a file: codes (y, x), or percent (class, y, x)."""


def write_mask(
    path: Path, grid: Grid, parts: Iterable[Part], *, legend: Sequence[MaskClass], tags: Mapping[str, str]
) -> None:
    """Write a mask from its windows: `path`, and with the category names `path`.aux.xml.

    Args:
        parts: windows and their codes uint8 (y, x), 255 where nothing was seen; together the whole grid.
        legend: the classes that the mask can hold.
        tags: what made the mask, from what.

    Raises:
        OutputError: the files cannot be written.
    """
    with mask_writer(path, grid, legend=legend, tags=tags) as write:
        for window, codes in parts:
            write(window, codes)


@contextmanager
def mask_writer(
    path: Path, grid: Grid, *, legend: Sequence[MaskClass], tags: Mapping[str, str]
) -> Iterator[Write]:
    """A mask that is written window by window in the block, and appears when the block is done.

    Arguments and errors as of `write_mask`.
    """
    with replacing(path) as cog, gdal_writes(path), _scratch(path) as draft:
        with rasterio.open(draft, "w", **draft_profile(grid, count=1, dtype="uint8", nodata=NODATA)) as file:
            file.write_colormap(1, {item.code: (*bytes.fromhex(item.color), 255) for item in legend})
            file.set_band_description(1, "mask")
            file.update_tags(AREA_OR_POINT="Area", **tags)
            checked = CheckedFile(file)
            yield checked.write
        copy_as_cog(draft, cog, level=_LEVEL)
        checked.compare(cog, path)
        with replacing(path.with_name(f"{path.name}.aux.xml")) as sidecar:
            sidecar.write_text(sidecar_text(legend), encoding="utf-8")


@contextmanager
def probability_writer(
    path: Path, grid: Grid, *, legend: Sequence[MaskClass], tags: Mapping[str, str]
) -> Iterator[Write]:
    """A file of percent, a band a class, written window by window in the block; it appears when that is done.

    Args:
        legend: the classes, in the order of the bands.
        tags: what made them, from what.

    Raises:
        OutputError: the file cannot be written.
    """
    count = len(legend)
    with replacing(path) as cog, gdal_writes(path), _scratch(path) as draft:
        profile = draft_profile(grid, count=count, dtype="uint8", nodata=NODATA)
        with rasterio.open(draft, "w", **profile) as file:
            file.descriptions = [item.name for item in legend]
            file.scales, file.offsets = [PERCENT] * count, [0.0] * count
            file.update_tags(AREA_OR_POINT="Area", **tags)
            checked = CheckedFile(file)
            yield checked.write
        copy_as_cog(draft, cog, overviews="AVERAGE", level=_LEVEL)
        checked.compare(cog, path)


def to_percent(probabilities: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Probabilities (class, y, x) as whole percent uint8, 255 where (y, x) was not seen."""
    percent: npt.NDArray[np.uint8] = np.rint(probabilities * np.float32(1 / PERCENT)).astype(np.uint8)
    percent[:, ~seen] = NODATA
    return percent


@contextmanager
def gdal_writes(path: Path) -> Iterator[None]:
    """GDAL's failures in the block as ours, by the name of the file that is meant.

    Raises:
        OutputError: GDAL could not write.
    """
    try:
        with warnings.catch_warnings():
            # a raster without georeference gives one without it; the scene has said so
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    except (RasterioError, CPLE_BaseError) as err:
        reason = " ".join(str(err).split())
        raise OutputError(f"{path}: cannot be written: {reason}; check the free space") from err


def draft_profile(
    grid: Grid, *, count: int, dtype: str, nodata: float | None, block: int = BLOCK
) -> dict[str, Any]:
    """Profile of a plain tiled GeoTIFF, which can be written window by window; a COG cannot."""
    return {
        "driver": "GTiff",
        "dtype": dtype,
        "count": count,
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": block,
        "blockysize": block,
        "interleave": "band",
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "if_safer",
    }


def copy_as_cog(
    draft: Path, cog: Path, *, overviews: str = "MODE", predictor: str = "NO", level: int = 6
) -> None:
    """A GeoTIFF copied into a COG, which cannot be written window by window.

    Args:
        overviews: GDAL's name of how they are made.
        level: of DEFLATE, 1 … 9.
    """
    # Only options of the COG driver: it warns on those of GTiff.
    copy_dataset(
        draft,
        cog,
        driver="COG",
        COMPRESS="DEFLATE",
        PREDICTOR=predictor,
        LEVEL=level,
        BLOCKSIZE=BLOCK,
        OVERVIEW_RESAMPLING=overviews,
        STATISTICS="NO",
    )


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Where the draft of a file lies: in a folder beside it, which goes with the block."""
    with TemporaryDirectory(dir=path.parent, prefix=".unclouded-") as folder:
        yield Path(folder) / "draft.tif"
