"""Windows over a scene: read with a halo, run, cut the halo off. Exact, whatever the window size."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import NODATA
from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window, reflected, tiled, whole
from unclouded.predict._model import Model
from unclouded.scene import Reading, Scene

Edge = Literal["reflect", "zero"]


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How a scene is cut. It changes time and memory, never a class."""

    size: int = 256
    """Pixels written per side; a multiple of the model's `stride_px`."""
    edge: Edge = "reflect"
    """What the network sees past the scene's edge: the scene mirrored, or zero reflectance as the
    original study had it."""
    threads: int = 1
    """Bands decoded, and windows run, at the same time."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the network says of one window."""

    window: Window
    probabilities: npt.NDArray[np.float32]
    """(class, y, x), sums to 1."""
    reading: Reading
    """Reflectance and validity of the window itself, without the halo; absent bands are zero."""
    presence: npt.NDArray[np.bool_]
    """(band,), True where the scene has the model's band."""


def predict(
    scene: Scene, model: Model, windowing: Windowing | None = None, *, region: Window | None = None
) -> Iterator[Prediction]:
    """Probabilities of a scene, window by window, row by row; each pixel comes once.

    A strip of windows is read at a time: memory holds one strip of the bands that the model asks for.
    Pixels that were not seen enter the network as zero reflectance, and so do optional bands that the scene
    lacks; the network is told which.

    Args:
        region: only the windows that hold pixels of it: the same windows as of the whole scene.

    Raises:
        BandError: the model needs a band that the scene lacks.
        OptionError: a window size that does not fit the model's stride.
    """
    windowing = windowing or Windowing()
    spec = model.spec
    if windowing.size < 1 or windowing.size % spec.stride_px:
        raise OptionError(
            f"window size: expected a multiple of {spec.stride_px} for {spec.name}, found {windowing.size}"
        )
    presence = _presence(scene, spec)
    with ThreadPoolExecutor(max(1, windowing.threads)) as pool:
        for strip in _strips(scene.grid.shape, windowing.size, region):
            reflectance, reading = _read_strip(scene, spec, presence, strip, windowing)
            parts = tuple(tiled(strip.shape, windowing.size))
            # a window a thread: one window on all threads leaves them waiting for each other
            running = [
                pool.submit(_run, model, _with_halo(reflectance, part, spec), presence, part.shape)
                for part in parts
            ]
            for part, result in zip(parts, running, strict=True):
                yield Prediction(
                    window=replace(part, row_off=strip.row_off, col_off=strip.col_off + part.col_off),
                    probabilities=result.result(),
                    reading=_cut(reading, part),
                    presence=presence,
                )


def to_codes(prediction: Prediction, spec: ModelSpec) -> npt.NDArray[np.uint8]:
    """The likeliest class of each pixel as our code, 255 where the pixel was not seen. uint8 (y, x)."""
    likeliest = prediction.probabilities.argmax(axis=0)
    codes = np.array(spec.classes, np.uint8)[likeliest]
    return np.where(prediction.reading.valid, codes, np.uint8(NODATA))


def _presence(scene: Scene, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """Which of the model's bands are read: (band,). Those that it needs are asked for in any case."""
    if not spec.optional_bands:
        return np.ones(len(spec.bands), np.bool_)
    there = [name in scene.bands or name not in spec.optional_bands for name in spec.bands]
    return np.array(there, np.bool_)


def _strips(shape: tuple[int, int], size: int, region: Window | None) -> Iterator[Window]:
    """Rows of windows, on the lattice that covers the raster, that hold pixels of a region."""
    wanted = (region or whole(shape)).clipped(shape)
    if min(wanted.shape) < 1:
        return
    left = wanted.col_off // size * size
    right = min(shape[1], -(-wanted.col_end // size) * size)
    for row in range(wanted.row_off // size * size, wanted.row_end, size):
        yield Window(row_off=row, col_off=left, height=min(size, shape[0] - row), width=right - left)


def _read_strip(
    scene: Scene, spec: ModelSpec, presence: npt.NDArray[np.bool_], strip: Window, windowing: Windowing
) -> tuple[npt.NDArray[np.float32], Reading]:
    """Reflectance of a strip with the halo around it, and the strip's own reading."""
    grown = strip.grown(spec.halo_px)
    inner = grown.clipped(scene.grid.shape)
    names = [name for name, there in zip(spec.bands, presence, strict=True) if there]
    reading = _spread(scene.read(names, inner, threads=windowing.threads), presence)
    padded = _pad(reading.reflectance, grown, inner, scene.grid.shape, windowing.edge)
    top, left = strip.row_off - inner.row_off, strip.col_off - inner.col_off
    rows, cols = slice(top, top + strip.height), slice(left, left + strip.width)
    own = Reading(reflectance=reading.reflectance[:, rows, cols], valid=reading.valid[rows, cols])
    return padded, own


def _spread(reading: Reading, presence: npt.NDArray[np.bool_]) -> Reading:
    """The reading with a band of zeros for each that is absent."""
    if presence.all():
        return reading
    reflectance = np.zeros((len(presence), *reading.valid.shape), np.float32)
    reflectance[presence] = reading.reflectance
    return Reading(reflectance=reflectance, valid=reading.valid)


def _pad(
    values: npt.NDArray[np.float32], grown: Window, inner: Window, shape: tuple[int, int], edge: Edge
) -> npt.NDArray[np.float32]:
    """The values of `inner` laid into `grown`; what lies past the scene is mirrored or zero."""
    if edge == "reflect":
        rows = reflected(np.arange(grown.row_off, grown.row_end), shape[0]) - inner.row_off
        cols = reflected(np.arange(grown.col_off, grown.col_end), shape[1]) - inner.col_off
        return values[:, rows[:, None], cols[None, :]]
    out = np.zeros((values.shape[0], *grown.shape), np.float32)
    top, left = inner.row_off - grown.row_off, inner.col_off - grown.col_off
    out[:, top : top + inner.height, left : left + inner.width] = values
    return out


def _with_halo(strip: npt.NDArray[np.float32], part: Window, spec: ModelSpec) -> npt.NDArray[np.float32]:
    """The part of a padded strip that a window's network sees: (band, y, x)."""
    return strip[:, :, part.col_off : part.col_end + 2 * spec.halo_px]


def _run(
    model: Model, inputs: npt.NDArray[np.float32], presence: npt.NDArray[np.bool_], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Probabilities (class, y, x) of the pixels inside the halo.

    A window smaller than the network's least input is padded at its far ends with zeros: the halo keeps
    them out of every pixel that is given back.
    """
    spec = model.spec
    grow = [(0, max(0, spec.min_size_px - side) + -side % spec.stride_px) for side in inputs.shape[1:]]
    if any(after for _, after in grow):
        inputs = np.pad(inputs, [(0, 0), *grow])
    batch = np.ascontiguousarray(inputs[None])
    if spec.optional_bands:
        probabilities = model.session.run(batch, presence[None].astype(np.float32))
    else:
        probabilities = model.session.run(batch)
    crop = spec.halo_px - spec.margin_px
    return probabilities[0, :, crop : crop + shape[0], crop : crop + shape[1]]


def _cut(reading: Reading, part: Window) -> Reading:
    """The reading of a part of a strip."""
    cols = slice(part.col_off, part.col_end)
    return Reading(reflectance=reading.reflectance[:, :, cols], valid=reading.valid[:, cols])
