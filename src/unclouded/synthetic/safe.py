"""A whole product on disk: `.SAFE` tree with JPEG 2000 bands, metadata and the truth beside it."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine

from unclouded.core.bands import NAMES
from unclouded.core.classes import CLOUD, NODATA
from unclouded.core.errors import OptionError, OutputError
from unclouded.core.radiometry import DN_NODATA
from unclouded.core.windows import Window, tiled
from unclouded.synthetic._metadata import Facts, files_of, has_offset, manifest
from unclouded.synthetic._names import Names
from unclouded.synthetic._noise import Sampling
from unclouded.synthetic._raster import JP2_BLOCK, geotiff, in_order, raster_window, to_jp2
from unclouded.synthetic._tiling import tile_crs, tile_origin
from unclouded.synthetic.scene import Classes, Rendered, SceneConfig, coarsened, render_points
from unclouded.synthetic.sensor import band_groups, seen, to_dn, with_noise

FULL_SIZE_PX = 10_980
"""Side of a whole tile at 10 m, px."""

BLOCK_PX = 480
"""Side of the pieces in which a scene is computed, px at 10 m: small enough to stay in the cache."""

ADD_OFFSET = -1000
"""RADIO_ADD_OFFSET of every band since baseline 04.00."""

Dn = npt.NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class SafePaths:
    """What was written."""

    product: Path
    """The `.SAFE` folder, or the zip that holds it."""
    truth: Path
    """GeoTIFF of classes, 255 where there are no data."""


def write_safe(
    folder: Path,
    config: SceneConfig,
    *,
    size_px: int = FULL_SIZE_PX,
    baseline: str = "05.11",
    satellite: str = "S2A",
    tile: str = "32TPT",
    sensing_time: datetime = datetime(2024, 8, 27, 10, 20, 38, 24_000, UTC),
    naming: str = "compact",
    level: str = "L1C",
    zipped: bool = False,
    truth_gsd: int = 10,
    true_colour: bool = True,
    threads: int | None = None,
) -> SafePaths:
    """A product of the scene, written into the folder with its truth beside it.

    The scene takes its origin from the tile and its size from `size_px`, so that cover shares hold within
    what is written. A tile is computed and written in pieces: memory does not grow with its size.

    Args:
        size_px: side at 10 m, a multiple of 6; 10980 for a whole tile, less for its upper left part.
        baseline: from 04.00 on DN carry an offset of -1000.
        satellite: S2A, S2B or S2C.
        tile: name in the Sentinel-2 grid.
        naming: `compact`, or `long` as before December 2016.
        level: only L1C so far.
        truth_gsd: 10, 20 or 60 m.
        true_colour: add the TCI image, which only `compact` products have.
        threads: None for as many as there are cores, at most 4. The result does not depend on it.

    Raises:
        OptionError: a value outside of what is stated here.
        OutputError: the product exists already, or cannot be written.
    """
    job = _job(folder, config, size_px, baseline, satellite, tile, sensing_time, naming, level, truth_gsd)
    workers = min(4, os.cpu_count() or 1) if threads is None else max(1, threads)
    job = replace(job, true_colour=true_colour and naming == "compact", threads=workers)
    product = folder / (job.names.product + (".zip" if zipped else ".SAFE"))
    truth = folder / f"{job.names.product}_truth.tif"
    if product.exists():
        raise OutputError(f"{product}: a product of that name exists; remove it or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".safe-", dir=folder) as scratch:
            _write(job, Path(scratch), product, truth, zipped=zipped)
    except OSError as err:
        raise OutputError(f"{folder}: cannot write the product there: {err}; choose another folder") from err
    return SafePaths(product=product, truth=truth)


@dataclass(frozen=True, kw_only=True)
class _Job:
    names: Names
    config: SceneConfig
    crs: str
    size_px: int
    truth_gsd: int
    true_colour: bool = True
    threads: int = 1

    @property
    def add_offset(self) -> int:
        return ADD_OFFSET if has_offset(self.names.baseline) else 0

    def transform(self, gsd: float) -> Affine:
        east, north = self.config.origin
        return Affine(gsd, 0, east, 0, -gsd, north)

    def sampling(self, window: Window) -> Sampling:
        """Points of a window, 10 m apart."""
        east, north = self.config.origin
        return Sampling(
            spacing=10.0,
            row0=round(-north / 10) + window.row_off,
            col0=round(east / 10) + window.col_off,
            height=window.height,
            width=window.width,
        )


def _job(
    folder: Path,
    config: SceneConfig,
    size_px: int,
    baseline: str,
    satellite: str,
    tile: str,
    sensing_time: datetime,
    naming: str,
    level: str,
    truth_gsd: int,
) -> _Job:
    wrong = {
        f"size_px: expected a multiple of 6 from 96 to {FULL_SIZE_PX}, found {size_px}": size_px % 6 != 0
        or not 96 <= size_px <= FULL_SIZE_PX,
        f"naming: expected compact or long, found '{naming}'": naming not in {"compact", "long"},
        f"level: expected L1C, found '{level}'; L2A cannot be written yet": level != "L1C",
        f"truth_gsd: expected 10, 20 or 60, found {truth_gsd}": truth_gsd not in {10, 20, 60},
        "sensing_time: expected a time in UTC, found one without a zone": sensing_time.tzinfo is None,
    }
    found = [text for text, is_wrong in wrong.items() if is_wrong]
    if found:
        raise OptionError(f"product in {folder}: {'; '.join(found)}")
    moment = sensing_time.astimezone(UTC)
    return _Job(
        names=Names(
            satellite=satellite,
            baseline=baseline,
            tile=tile.removeprefix("T"),
            sensing=moment,
            long=naming == "long",
        ),
        config=replace(config, origin=tile_origin(tile), size_m=size_px * 10.0),
        crs=tile_crs(tile),
        size_px=size_px,
        truth_gsd=truth_gsd,
    )


def _write(job: _Job, scratch: Path, product: Path, truth: Path, *, zipped: bool) -> None:
    root = scratch / (job.names.product + ".SAFE")
    rasters = scratch / "rasters"
    rasters.mkdir()
    cloud_percent = _render_all(job, rasters)
    images = _encode_all(job, rasters, root)
    facts = Facts(
        names=job.names,
        config=job.config,
        crs=job.crs,
        size_px=job.size_px,
        add_offset=job.add_offset,
        cloud_percent=cloud_percent,
        images=images,
    )
    for relative, text in files_of(facts):
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(text, encoding="utf-8")
    (root / "manifest.safe").write_text(manifest(root, facts), encoding="utf-8")
    # the truth first: a product under its final name is whole, truth included
    (rasters / "truth.tif").replace(truth)
    if zipped:
        _zip(root, scratch / "product.zip", job.names.created)
        (scratch / "product.zip").replace(product)
    else:
        root.rename(product)


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A window of the scene, ready to be written."""

    dn: Mapping[int, Dn]
    """gsd -> DN of that gsd's bands (band, y, x)."""
    colour: npt.NDArray[np.uint8]
    """True colour at 10 m (3, y, x)."""
    classes: Classes
    """Truth at its gsd."""


def _compute(job: _Job, window: Window) -> _Piece:
    fine = render_points(job.config, NAMES, job.sampling(window))
    dn = {gsd: _measure(job, fine, window, gsd) for gsd in (10, 20, 60)}
    valid = seen(job.config, _spaced(job.sampling(window), job.truth_gsd))
    classes = coarsened(fine, job.truth_gsd // 10).classes
    return _Piece(
        dn=dn,
        colour=_true_colour(dn[10], job.add_offset),
        classes=np.where(valid, classes, np.uint8(NODATA)),
    )


def _spaced(sampling: Sampling, gsd: int) -> Sampling:
    """The same area in pixels of a gsd."""
    factor = gsd // 10
    return Sampling(
        spacing=float(gsd),
        row0=sampling.row0 // factor,
        col0=sampling.col0 // factor,
        height=sampling.height // factor,
        width=sampling.width // factor,
    )


def _measure(job: _Job, fine: Rendered, window: Window, gsd: int) -> Dn:
    """DN of the bands of a gsd, from the scene at 10 m."""
    bands = band_groups(NAMES)[gsd]
    rows = [NAMES.index(name) for name in bands]
    pixels = _spaced(job.sampling(window), gsd)
    mean = coarsened(replace(fine, reflectance=fine.reflectance[rows]), gsd // 10).reflectance
    noisy = with_noise(mean, bands, pixels, job.config.seed)
    return np.where(seen(job.config, pixels), to_dn(noisy, add_offset=job.add_offset), np.uint16(DN_NODATA))


def _true_colour(dn: Dn, add_offset: int) -> npt.NDArray[np.uint8]:
    """Red, green and blue stretched over DN 0 to 3558 without offset, as the products' TCI is."""
    rows = [band_groups(NAMES)[10].index(name) for name in ("B04", "B03", "B02")]
    value = (dn[rows].astype(np.float32) + add_offset) * np.float32(255 / 3558)
    return np.where(dn[rows] == DN_NODATA, 0, np.clip(value, 1, 255)).astype(np.uint8)


def _render_all(job: _Job, rasters: Path) -> float:
    """Write every raster as GeoTIFF, piece by piece. -> cloud cover, per cent of the pixels with data."""
    counts = np.zeros(256, np.int64)
    with ExitStack() as stack:
        open_raster = partial(_open, job, rasters, stack)
        bands = {
            name: open_raster(name, gsd, "uint16")
            for gsd, names in band_groups(NAMES).items()
            for name in names
        }
        colour = open_raster("TCI", 10, "uint8", count=3) if job.true_colour else None
        truth = open_raster(
            "truth", job.truth_gsd, "uint8", options={"nodata": NODATA, "compress": "deflate"}
        )
        windows = tiled((job.size_px, job.size_px), BLOCK_PX)
        for window, piece in in_order(windows, partial(_compute, job), job.threads):
            _store(job, window, piece, bands, colour, truth)
            counts += np.bincount(piece.classes.ravel(), minlength=256)
    counts[NODATA] = 0
    return float(100 * sum(counts[code] for code in CLOUD) / max(1, counts.sum()))


def _open(
    job: _Job,
    rasters: Path,
    stack: ExitStack,
    name: str,
    gsd: int,
    dtype: str,
    *,
    count: int = 1,
    options: Mapping[str, Any] | None = None,
) -> Any:
    side = job.size_px * 10 // gsd
    target = geotiff(
        rasters / f"{name}.tif",
        size=(side, side),
        count=count,
        dtype=dtype,
        crs=job.crs,
        transform=job.transform(gsd),
        options=options,
    )
    return stack.enter_context(target)


def _store(
    job: _Job, window: Window, piece: _Piece, bands: Mapping[str, Any], colour: Any, truth: Any
) -> None:
    for gsd, names in band_groups(NAMES).items():
        place = raster_window(_scaled(window, gsd))
        for k, name in enumerate(names):
            bands[name].write(piece.dn[gsd][k], 1, window=place)
    if colour is not None:
        colour.write(piece.colour, window=raster_window(window))
    truth.write(piece.classes, 1, window=raster_window(_scaled(window, job.truth_gsd)))


def _scaled(window: Window, gsd: int) -> Window:
    factor = gsd // 10
    return Window(
        row_off=window.row_off // factor,
        col_off=window.col_off // factor,
        height=window.height // factor,
        width=window.width // factor,
    )


def _encode_all(job: _Job, rasters: Path, root: Path) -> tuple[str, ...]:
    """Turn the GeoTIFFs into JPEG 2000. -> images relative to the product, without extension."""
    names = job.names
    (root / names.granule / "IMG_DATA").mkdir(parents=True)
    (root / names.granule / "QI_DATA").mkdir()
    images = []
    for gsd, bands in band_groups(NAMES).items():
        for name in bands:
            images.append(names.image(name))
            _encode(rasters / f"{name}.tif", root / f"{images[-1]}.jp2", block=JP2_BLOCK[gsd], bits=15)
    images.sort(key=lambda image: NAMES.index(image[-3:]))
    if job.true_colour:
        _preview(rasters / "TCI.tif", rasters / "PVI.tif")
        to_jp2(rasters / "PVI.tif", root / f"{names.preview}.jp2", block=128, bits=None)
        images.append(names.image("TCI"))
        _encode(rasters / "TCI.tif", root / f"{images[-1]}.jp2", block=1024, bits=None)
    return tuple(images)


def _encode(source: Path, target: Path, *, block: int, bits: int | None) -> None:
    """Encode, and drop the source: only one image is on disk twice."""
    to_jp2(source, target, block=block, bits=bits)
    source.unlink()


def _preview(source: Path, target: Path, side: int = 343) -> None:
    """The quicklook: 343 px a side, 320 m each for a whole tile."""
    with rasterio.open(source, driver="GTiff") as whole:
        side = min(side, whole.width)
        small = whole.read(out_shape=(3, side, side))
        transform = whole.transform * Affine.scale(whole.width / side)
        with geotiff(
            target, size=(side, side), count=3, dtype="uint8", crs=whole.crs, transform=transform
        ) as out:
            out.write(small)


def _zip(root: Path, target: Path, moment: datetime) -> None:
    """The tree in a zip, stored: JPEG 2000 does not shrink any more. The same bytes each time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(root.rglob("*")):
            if path.is_dir():
                continue
            info = zipfile.ZipInfo(path.relative_to(root.parent).as_posix(), moment.timetuple()[:6])
            info.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(info, "w") as out:
                shutil.copyfileobj(source, out)
