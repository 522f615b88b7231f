"""Masks as cloud-optimised GeoTIFF: palette, category names, nodata, overviews, provenance."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.shutil import copy as copy_dataset
from rasterio.windows import Window as RasterioWindow

from unclouded.core.classes import NODATA, MaskClass
from unclouded.core.errors import OutputError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.outputs._atomic import replacing

BLOCK = 512

Part = tuple[Window, npt.NDArray[np.uint8]]


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
    with replacing(path) as cog, TemporaryDirectory(dir=path.parent, prefix=".unclouded-") as scratch:
        draft = Path(scratch) / "draft.tif"
        with gdal_writes(path):
            _write_draft(draft, grid, parts, legend=legend, tags=tags)
            copy_as_cog(draft, cog)
        with replacing(path.with_name(f"{path.name}.aux.xml")) as sidecar:
            sidecar.write_text(_category_names(legend), encoding="utf-8")


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
    except RasterioError as err:
        reason = " ".join(str(err).split())
        raise OutputError(f"{path}: cannot be written: {reason}; check the free space") from err


def _write_draft(
    draft: Path, grid: Grid, parts: Iterable[Part], *, legend: Sequence[MaskClass], tags: Mapping[str, str]
) -> None:
    """The mask as a plain tiled GeoTIFF, which can be written window by window; a COG cannot."""
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "zlevel": 1,
    }
    with rasterio.open(draft, "w", **profile) as dataset:
        dataset.write_colormap(1, {item.code: (*bytes.fromhex(item.color), 255) for item in legend})
        dataset.set_band_description(1, "mask")
        dataset.update_tags(AREA_OR_POINT="Area", **tags)
        for window, codes in parts:
            place = RasterioWindow(window.col_off, window.row_off, window.width, window.height)
            dataset.write(codes, 1, window=place)


def copy_as_cog(draft: Path, cog: Path, *, overviews: str = "MODE", predictor: str = "NO") -> None:
    """A GeoTIFF copied into a COG, which cannot be written window by window."""
    # Only options of the COG driver: it warns on those of GTiff.
    copy_dataset(
        draft,
        cog,
        driver="COG",
        COMPRESS="DEFLATE",
        PREDICTOR=predictor,
        BLOCKSIZE=BLOCK,
        OVERVIEW_RESAMPLING=overviews,
        STATISTICS="NO",
    )


def _category_names(legend: Sequence[MaskClass]) -> str:
    """GDAL's sidecar with one name per code from 0: the TIFF itself has no place for them."""
    titles = {item.code: item.title for item in legend}
    names = "".join(
        f"      <Category>{escape(titles.get(code, ''))}</Category>\n" for code in range(max(titles) + 1)
    )
    return (
        '<PAMDataset>\n  <PAMRasterBand band="1">\n    <CategoryNames>\n'
        f"{names}    </CategoryNames>\n  </PAMRasterBand>\n</PAMDataset>\n"
    )
