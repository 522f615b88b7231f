"""From a scene to probabilities and classes, window by window or in strips; exact, whatever the cut."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLOUD, NODATA, THICK, THIN
from unclouded.core.cores import usable_cores
from unclouded.core.spec import ModelSpec
from unclouded.core.strips import Strip, Strips
from unclouded.core.windows import Window, whole
from unclouded.predict._model import Model
from unclouded.predict._reading import as_trained
from unclouded.predict._runner import Runner
from unclouded.predict._sizing import Task, windowing_for
from unclouded.predict._slabs import Decoding, Slab, decoded
from unclouded.predict._windows import Windowing, input_shape, lay_inputs, strips_of, windows_of
from unclouded.scene import Reading, Scene


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the network says of one window."""

    window: Window
    probabilities: npt.NDArray[np.float32]
    """(class, y, x), sums to 1; the same for every class where the pixel was not seen."""
    codes: npt.NDArray[np.uint8]
    """(y, x), the likeliest class as our code, 255 where the pixel was not seen."""
    reading: Reading
    """Reflectance and validity of the window itself, without the halo; absent bands are zero."""
    presence: npt.NDArray[np.bool_]
    """(band,), True where the scene has the model's band."""


Watch = Callable[[Prediction], None]
"""Told each window as it passes, in order and from one thread."""


def predict(
    scene: Scene, model: Model, windowing: Windowing | None = None, *, region: Window | None = None
) -> Iterator[Prediction]:
    """Probabilities of a scene, window by window, row by row; each pixel comes once.

    While the windows of a strip run, the rows below them are decoded: memory holds two strips of the bands
    that the model asks for. Pixels that were not seen enter the network as zero reflectance, and so do
    optional bands that the scene lacks; the network is told which.

    Args:
        windowing: None: the windows with the least work in the default memory, on all cores.
        region: only the windows that hold pixels of it: the same windows as of the whole scene.

    Raises:
        BandError: the model needs a band that the scene lacks.
        OptionError: a window size that does not fit the model's stride.
        ModelError: the device has not the memory for one window.
    """
    shape = scene.grid.shape
    windowing = windowing or windowing_for(Task(spec=model.spec, shape=shape, threads=usable_cores()))
    windowing.check(model.spec)
    scene = as_trained(scene, model.spec)
    presence = _presence(scene, model.spec)
    runner = Runner(session=model.session, spec=model.spec, presence=presence)
    # a window a thread: one window on all threads leaves them waiting for each other. A card takes batches,
    # one while the next is laid.
    workers = windowing.running if model.session.batch == 1 else min(2, windowing.running)
    with ThreadPoolExecutor(workers, thread_name_prefix="predict") as pool:
        before: deque[Future[list[Prediction]]] = deque()
        try:
            for strip, slabs in _decoded_strips(scene, model.spec, presence, windowing, region):
                windows = tuple(windows_of(strip, windowing.width))
                running = [
                    pool.submit(_run, runner, batch, slabs, shape, windowing)
                    for batch in _batches(windows, model.session.batch)
                ]
                del slabs
                # given out only now: these ran while the rows below were decoded
                before.extend(running)
                count = len(before) - len(running) if windowing.overlap else len(before)
                del running
                yield from _results(before, count)
            yield from _results(before, len(before))
        finally:
            for future in before:
                future.cancel()


def predict_strips(
    scene: Scene,
    model: Model,
    windowing: Windowing | None = None,
    *,
    region: Window | None = None,
    watch: Watch = lambda _prediction: None,
    probabilities: bool = False,
) -> Strips:
    """Codes of a scene, or of a region of it, in strips from the top; rows count from the region's first.

    Args:
        region: inside the scene; None: all of it.
        watch: told each window before the strip that it is part of is handed out.
        probabilities: keep them with the codes: 4 bytes a class and pixel.

    Raises:
        As `predict`.
    """
    part = whole(scene.grid.shape) if region is None else region
    windows: list[Strip] = []
    for prediction in predict(scene, model, windowing, region=region):
        watch(prediction)
        windows.append(_part_of(prediction, part, probabilities=probabilities))
        if prediction.window.col_end >= part.col_end:
            # its reading is a view of the strip's reflectance, which must not stay while the next is decoded
            del prediction
            yield _side_by_side(windows)
            windows = []


def _part_of(prediction: Prediction, part: Window, *, probabilities: bool) -> Strip:
    """What a window says of a part of the scene; its rows count from the part's first."""
    kept = _inside(prediction.window, part)
    return Strip(
        row_off=prediction.window.row_off + kept[0].start - part.row_off,
        codes=prediction.codes[kept],
        probabilities=prediction.probabilities[:, *kept] if probabilities else None,
    )


def _side_by_side(windows: Sequence[Strip]) -> Strip:
    """The windows of a row as one strip."""
    probabilities = [window.probabilities for window in windows if window.probabilities is not None]
    return Strip(
        row_off=windows[0].row_off,
        codes=np.concatenate([window.codes for window in windows], axis=1),
        probabilities=np.concatenate(probabilities, axis=2) if probabilities else None,
    )


def to_codes(prediction: Prediction, spec: ModelSpec) -> npt.NDArray[np.uint8]:
    """The likeliest class of each pixel as our code, 255 where the pixel was not seen. uint8 (y, x)."""
    return codes_of(prediction.probabilities, prediction.reading.valid, spec)


def codes_of(
    probabilities: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], spec: ModelSpec
) -> npt.NDArray[np.uint8]:
    """The likeliest class (class, y, x) as our code, the first of equals; 255 where not valid. (y, x).

    Thick and thin cloud count together first: where cloud is likelier than any other class a pixel is cloud,
    and then the likelier of the two. A pixel of which nobody knows how thick its cloud is is not clear.
    Each class counts by its weight in the spec.
    """
    weights = [np.float32(spec.class_weights.get(code, 1.0)) for code in spec.classes]
    channels = {
        code: own if weight == 1 else own * weight
        for code, own, weight in zip(spec.classes, probabilities, weights, strict=True)
    }
    if set(channels) > CLOUD:
        thick, thin = channels.pop(THICK), channels.pop(THIN)
        codes, best = _likeliest(channels)
        kind, _ = _likeliest({THICK: thick, THIN: thin})
        np.copyto(codes, kind, where=thick + thin > best)
    else:
        codes, _ = _likeliest(channels)
    np.copyto(codes, np.uint8(NODATA), where=~valid)
    return codes


def _likeliest(
    channels: Mapping[int, npt.NDArray[np.float32]],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Of these classes the code of the likeliest, and how likely it is. (y, x)."""
    (first, own), *others = channels.items()
    codes, best = np.full(own.shape, first, np.uint8), own
    for code, other in others:
        np.copyto(codes, np.uint8(code), where=other > best)
        best = np.maximum(best, other)
    return codes, best


def _inside(window: Window, part: Window) -> tuple[slice, slice]:
    """The rows and columns of a window that lie in a part of the scene."""
    top, left = max(part.row_off - window.row_off, 0), max(part.col_off - window.col_off, 0)
    return (
        slice(top, min(part.row_end - window.row_off, window.height)),
        slice(left, min(part.col_end - window.col_off, window.width)),
    )


def _results(running: deque[Future[list[Prediction]]], count: int) -> Iterator[Prediction]:
    """What came of the first so many batches of windows; nothing is kept of those that were handed out."""
    for _ in range(count):
        yield from running.popleft().result()


def _presence(scene: Scene, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """Which of the model's bands are read: (band,). Those that it needs are asked for in any case."""
    if not spec.optional_bands:
        return np.ones(len(spec.bands), np.bool_)
    there = [name in scene.bands or name not in spec.optional_bands for name in spec.bands]
    return np.array(there, np.bool_)


def _decoded_strips(
    scene: Scene,
    spec: ModelSpec,
    presence: npt.NDArray[np.bool_],
    windowing: Windowing,
    region: Window | None,
) -> Iterator[tuple[Window, tuple[Slab, ...]]]:
    """Strips, each with the slabs that hold it and its halo, as soon as these rows are decoded."""
    strips = tuple(strips_of(scene.grid.shape, windowing, region))
    if not strips:
        return
    places = _places(strips, scene.grid.shape, spec.halo_px)
    decoding = Decoding(
        scene=scene,
        bands=tuple(name if there else None for name, there in zip(spec.bands, presence, strict=True)),
        threads=windowing.threads,
        block_rows=windowing.block_rows,
        cache_bytes=windowing.cache_bytes,
        ahead=windowing.ahead,
    )
    blocks = decoded(decoding, places)
    held: list[Slab] = []
    first_missing = places[0].row_off
    for strip in strips:
        # before the rows below are decoded: of the strip above only its halo is worth the memory
        held = _still_needed(held, strip.row_off, spec.halo_px)
        while first_missing < min(strip.row_end + spec.halo_px, places[-1].row_end):
            slab, first_missing = next(blocks)
            if not held or held[-1] is not slab:
                held.append(slab)
        yield strip, tuple(held)


def _places(strips: Sequence[Window], shape: tuple[int, int], halo: int) -> list[Window]:
    """Rows that are read, the halo included: cut where the strips are, so that each lies in one slab."""
    around = replace(strips[0], height=strips[-1].row_end - strips[0].row_off).grown(halo).clipped(shape)
    cuts = [strip.row_off for strip in strips] + [strips[-1].row_end, around.row_off, around.row_end]
    rows = sorted(set(cuts))
    return [replace(around, row_off=top, height=bottom - top) for top, bottom in pairwise(rows)]


def _still_needed(held: list[Slab], row: int, halo: int) -> list[Slab]:
    """The slabs without what lies more than a halo above a row."""
    least = row - halo
    kept = [slab for slab in held if slab.place.row_end > max(least, 0)]
    return [
        slab.from_row(max(least, slab.place.row_off)) if slab.place.row_end <= row else slab for slab in kept
    ]


def _batches(windows: Sequence[Window], size: int) -> Iterator[tuple[Window, ...]]:
    """Windows of one shape, as many at a time as the runtime takes."""
    for _, same in groupby(windows, key=lambda window: window.shape):
        group = tuple(same)
        yield from (group[start : start + size] for start in range(0, len(group), size))


def _run(
    runner: Runner,
    windows: Sequence[Window],
    slabs: Sequence[Slab],
    shape: tuple[int, int],
    windowing: Windowing,
) -> list[Prediction]:
    """Windows of one shape through the network; those of which nothing was seen are left out."""
    own = {window: _own(window, slabs) for window in windows}
    seen = [window for window in windows if own[window].valid.any()]
    halo, edge = runner.spec.halo_px, windowing.edge
    with runner.arrays(input_shape(windows[0], runner.spec), len(seen)) as batch:
        for window, values in zip(seen, batch, strict=True):
            lay_inputs(values, window, slabs, shape, halo=halo, edge=edge)
        found = dict(zip(seen, runner.run(batch, windows[0].shape), strict=True))
    return [_prediction(window, found.get(window), own[window], runner) for window in windows]


def _prediction(
    window: Window, probabilities: npt.NDArray[np.float32] | None, reading: Reading, runner: Runner
) -> Prediction:
    """What the network said, or nothing where it was not asked."""
    classes = len(runner.spec.classes)
    unknown = np.float32(1 / classes)
    if probabilities is None:
        probabilities = np.broadcast_to(unknown, (classes, *window.shape))
    elif not reading.valid.all():
        probabilities = np.where(reading.valid, probabilities, unknown)
    return Prediction(
        window=window,
        probabilities=probabilities,
        codes=codes_of(probabilities, reading.valid, runner.spec),
        reading=reading,
        presence=runner.presence,
    )


def _own(window: Window, slabs: Sequence[Slab]) -> Reading:
    """The reading of a window itself, a view: slabs are cut where the windows are."""
    (slab,) = (slab for slab in slabs if slab.place.row_off == window.row_off)
    return Reading(reflectance=slab.cut(window), valid=slab.seen(window))
