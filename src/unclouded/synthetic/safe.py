"""A whole product on disk: `.SAFE` tree with JPEG 2000 bands, metadata, and the truth beside it."""

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
import rasterio
from affine import Affine

from unclouded.core.bands import NAMES, band
from unclouded.core.classes import CLOUD, NODATA
from unclouded.core.cores import usable_cores
from unclouded.core.errors import OptionError, OutputError
from unclouded.core.windows import Window, tiled
from unclouded.synthetic._facts import Facts, has_offset
from unclouded.synthetic._manifest import manifest
from unclouded.synthetic._measurement import Frame, Piece, at_gsd, measure
from unclouded.synthetic._metadata import files_of
from unclouded.synthetic._names import Names
from unclouded.synthetic._raster import JP2_BLOCK, geotiff, in_order, raster_window, to_jp2
from unclouded.synthetic._tiling import tile_crs, tile_origin
from unclouded.synthetic.config import SceneConfig
from unclouded.synthetic.scene import BLOCK_POINTS
from unclouded.synthetic.sensor import band_groups

FULL_SIZE_PX = 10_980
"""Side of a whole tile at 10 m, px."""

ADD_OFFSET = -1000
"""RADIO_ADD_OFFSET of every band since baseline 04.00."""

# Blocks of the scratch rasters, so that each piece fills whole blocks: gsd -> px.
_SCRATCH_BLOCK = {10: 240, 20: 240, 60: 80}


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
    what is written. A tile is computed, written and encoded in pieces: a whole one takes 0.6 GB of memory
    and, while it is made, 2.5 GB of disk in the folder.

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
    _check(size_px, naming, level, truth_gsd, sensing_time)
    names = Names(
        satellite=satellite,
        baseline=baseline,
        tile=tile.removeprefix("T"),
        sensing=sensing_time.astimezone(UTC),
        long=naming == "long",
    )
    frame = Frame(
        config=replace(config, origin=tile_origin(tile), size_m=size_px * 10.0),
        crs=tile_crs(tile),
        size_px=size_px,
        add_offset=ADD_OFFSET if has_offset(baseline) else 0,
        truth_gsd=truth_gsd,
    )
    workers = min(4, usable_cores()) if threads is None else max(1, threads)
    paths = SafePaths(
        product=folder / (names.product + (".zip" if zipped else ".SAFE")),
        truth=folder / f"{names.product}_truth.tif",
    )
    if paths.product.exists():
        raise OutputError(
            f"{paths.product}: expected no product of that name, found one; "
            "remove it or choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".safe-", dir=folder) as scratch:
            rasters = Path(scratch) / "rasters"
            rasters.mkdir()
            cloud_percent = _render(frame, rasters, workers)
            root = Path(scratch) / (names.product + ".SAFE")
            images = _encode(names, rasters, root, true_colour=true_colour)
            _describe(root, frame, names, cloud_percent, images)
            _deliver(root, rasters / "truth.tif", paths, names)
    except OSError as err:
        raise OutputError(f"{folder}: cannot write the product there: {err}; choose another folder") from err
    return paths


def _check(size_px: int, naming: str, level: str, truth_gsd: int, sensing_time: datetime) -> None:
    wrong = {
        f"size_px: expected a multiple of 6 from 96 to {FULL_SIZE_PX}, found {size_px}": size_px % 6 != 0
        or not 96 <= size_px <= FULL_SIZE_PX,
        f"naming: expected compact or long, found '{naming}'": naming not in {"compact", "long"},
        f"level: expected L1C, found '{level}'; L2A cannot be written yet": level != "L1C",
        f"truth_gsd: expected 10, 20 or 60, found {truth_gsd}": truth_gsd not in {10, 20, 60},
        "sensing_time: expected a time with a zone, found one without": sensing_time.tzinfo is None,
    }
    found = [text for text, is_wrong in wrong.items() if is_wrong]
    if found:
        raise OptionError(f"synthetic product: {'; '.join(found)}")


def _render(frame: Frame, rasters: Path, threads: int) -> float:
    """Write every raster as GeoTIFF, piece by piece. -> cloud cover, per cent of the pixels with data."""
    counts = np.zeros(256, np.int64)
    with ExitStack() as stack:
        out = {
            name: stack.enter_context(_scratch(frame, rasters / f"{name}.tif", band(name).gsd, "uint16"))
            for name in NAMES
        }
        out["TCI"] = stack.enter_context(_scratch(frame, rasters / "TCI.tif", 10, "uint8", count=3))
        out["truth"] = stack.enter_context(_truth(frame, rasters / "truth.tif"))
        windows = tiled((frame.size_px, frame.size_px), BLOCK_POINTS)
        for window, piece in in_order(windows, partial(measure, frame), threads):
            _store(out, frame.truth_gsd, window, piece)
            counts += np.bincount(piece.classes.ravel(), minlength=256)
    counts[NODATA] = 0
    return float(100 * sum(counts[code] for code in CLOUD) / max(1, counts.sum()))


def _scratch(frame: Frame, path: Path, gsd: int, dtype: str, *, count: int = 1) -> Any:
    block = _SCRATCH_BLOCK[gsd]
    side = frame.side(gsd)
    options = {"blockxsize": block, "blockysize": block}
    place = {"crs": frame.crs, "transform": frame.transform(gsd)}
    return geotiff(path, size=(side, side), count=count, dtype=dtype, place=place, options=options)


def _truth(frame: Frame, path: Path) -> Any:
    gsd = frame.truth_gsd
    options = {"nodata": NODATA, "compress": "deflate"}
    place = {"crs": frame.crs, "transform": frame.transform(gsd)}
    side = frame.side(gsd)
    return geotiff(path, size=(side, side), count=1, dtype="uint8", place=place, options=options)


def _store(out: Mapping[str, Any], truth_gsd: int, window: Window, piece: Piece) -> None:
    for gsd, names in band_groups(NAMES).items():
        place = raster_window(at_gsd(window, gsd))
        for k, name in enumerate(names):
            out[name].write(piece.dn[gsd][k], 1, window=place)
    out["TCI"].write(piece.colour, window=raster_window(window))
    out["truth"].write(piece.classes, 1, window=raster_window(at_gsd(window, truth_gsd)))


def _encode(names: Names, rasters: Path, root: Path, *, true_colour: bool) -> tuple[str, ...]:
    """Turn the GeoTIFFs into JPEG 2000. -> images relative to the product, without extension."""
    (root / names.granule / "IMG_DATA").mkdir(parents=True)
    (root / names.granule / "QI_DATA").mkdir()
    for name in NAMES:
        source = rasters / f"{name}.tif"
        to_jp2(source, root / f"{names.image(name)}.jp2", block=JP2_BLOCK[band(name).gsd], bits=15)
        source.unlink()  # only one image is on disk twice
    images = [names.image(name) for name in NAMES]
    _preview(rasters / "TCI.tif", rasters / "PVI.tif")
    to_jp2(rasters / "PVI.tif", root / f"{names.preview}.jp2", block=128, bits=None)
    if true_colour and not names.long:
        images.append(names.image("TCI"))
        to_jp2(rasters / "TCI.tif", root / f"{images[-1]}.jp2", block=1024, bits=None)
    return tuple(images)


def _preview(source: Path, target: Path, side: int = 343) -> None:
    """The quicklook: 343 px a side, 320 m each for a whole tile."""
    with rasterio.open(source, driver="GTiff") as whole:
        side = min(side, whole.width)
        small = whole.read(out_shape=(3, side, side))
        t, ratio = whole.transform, whole.width / side
        place = {"crs": whole.crs, "transform": Affine(t.a * ratio, 0, t.c, 0, t.e * ratio, t.f)}
        with geotiff(target, size=(side, side), count=3, dtype="uint8", place=place) as out:
            out.write(small)


def _describe(root: Path, frame: Frame, names: Names, cloud_percent: float, images: tuple[str, ...]) -> None:
    """Write the metadata, the manifest last: it counts all other files."""
    facts = Facts(
        names=names,
        config=frame.config,
        crs=frame.crs,
        size_px=frame.size_px,
        add_offset=frame.add_offset,
        cloud_percent=cloud_percent,
        images=images,
    )
    for relative, text in files_of(facts):
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(text, encoding="utf-8")
    (root / "manifest.safe").write_text(manifest(root, facts), encoding="utf-8")


def _deliver(root: Path, truth: Path, paths: SafePaths, names: Names) -> None:
    """Move into place, the truth first: a product under its final name is whole, truth included."""
    truth.replace(paths.truth)
    if paths.product.suffix == ".zip":
        archive = root.with_suffix(".zip")
        _zip(root, archive, names.created)
        archive.replace(paths.product)
    else:
        root.rename(paths.product)


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
