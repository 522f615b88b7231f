"""Who is judged: models of ours through our own predict path, peers, thresholds. All get the same pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from unclouded.core import registry
from unclouded.core.bands import NAMES, band, missing
from unclouded.core.classes import CLEAR, CLOUD, LEGENDS, SHADOW, THICK, Legend, to_sets
from unclouded.core.folds import Fold
from unclouded.core.grid import Grid
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.evaluate import peers
from unclouded.patches.augment import area_mean
from unclouded.predict import Model, load_model, predict, to_codes
from unclouded.scene import Reading, Scene

Floats = npt.NDArray[np.float32]
TASK_CLASSES = {"cloud": CLOUD, "cloud_shadow": frozenset({SHADOW})}
"""Tasks whose probabilities are judged."""
_LIKE = 0.02


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """What a system says of an image, on the image's own pixels."""

    sets: npt.NDArray[np.uint8]
    """(y, x) bit masks of what each may be; 0 where not seen."""
    probability: Mapping[str, Floats]
    """Task -> probability of yes (y, x); empty where the system gives none."""


Known = dict[tuple[str, str, Grid, tuple[str, ...]], Verdict]
"""Scene, level, grid and bands -> what a peer said of them."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A way to mask, at a spacing."""

    name: str
    version: str
    run: Callable[[Scene, str], Verdict | None]
    """Scene and id -> verdict on the scene's pixels; None where it cannot do."""


SUBSETS: Mapping[str, frozenset[str]] = {
    "visible": frozenset({"blue", "green", "red"}),
    "visible, nir": frozenset({"blue", "green", "red", "nir", "nir08"}),
    "visible, nir, swir": frozenset({"blue", "green", "red", "nir", "nir08", "swir16", "swir22"}),
}
"""Common names of the bands that an image is cut down to."""


def bands_of(subset: str) -> frozenset[str]:
    """Names of the bands of a subset."""
    return frozenset(name for name in NAMES if band(name).common_name in SUBSETS[subset])


def model_systems(
    text: str,
    *,
    folds: tuple[Fold, ...] = (),
    gsds: tuple[float | None, ...] = (None,),
    subsets: tuple[str | None, ...] = (None,),
    coarse: Sequence[int] = (),
) -> list[System]:
    """A model of ours at each spacing, with all bands and with only those of each of `SUBSETS` named.

    `{fold}` in its name stands for the fold that judges an image.

    Args:
        coarse: also with all but the visible bands read so many times coarser than the image.
    """
    # an image is judged by the first fold that holds it out: those by site come before those by source
    judged = {name: fold.name for fold in reversed(folds) for name in fold.judged}
    opened: dict[str, Model] = {}

    def of(name: str) -> Model | None:
        if "{fold}" in text and name not in judged:
            return None
        key = text.format(fold=judged.get(name, ""))
        if key not in opened:
            opened[key] = load_model(key)
        return opened[key]

    label = Path(text).stem if text.endswith(".onnx") else text
    version = text if "{fold}" in text else _model_version(text)
    found = [
        System(
            name=f"{label} {_at(gsd)}" + (f", {subset}" if subset else ""),
            version=version,
            run=lambda scene, name, gsd=gsd, subset=subset: _run_model(of(name), cut_to(scene, subset), gsd),
        )
        for gsd in gsds
        for subset in subsets
    ]
    return found + [
        System(
            name=f"{label} native, others {times} x coarser",
            version=version,
            run=lambda scene, name, times=times: _run_model(of(name), scene, None, coarser=times),
        )
        for times in coarse
    ]


def cut_to(scene: Scene, subset: str | None) -> Scene:
    """The scene with the bands of a subset alone, as far as it has them; None: as it is."""
    if subset is None:
        return scene
    names = bands_of(subset)
    kept = {name: b for name, b in scene.product.bands.items() if name in names}
    return replace(scene, product=replace(scene.product, bands=kept))


def _model_version(text: str) -> str:
    model = load_model(text)
    return f"{model.spec.name} {model.spec.version} sha256 {model.sha256}"


def peer_systems(name: str, *, threads: int = 0) -> list[System]:
    """A peer as each of its variants, at the spacing that it was made for and at the image's own."""
    module = registry.find(peers.__name__, name)
    spacings = (None,) if module.GSD_M is None else (module.GSD_M, None)
    known: Known = {}
    return [
        _peer(name, module, variant, gsd, threads=threads, known=known)
        for variant in module.VARIANTS
        for gsd in spacings
    ]


def _peer(
    name: str, module: ModuleType, variant: str, gsd: float | None, *, threads: int, known: Known
) -> System:
    """One variant at one spacing; `known` keeps answers, since variants meet on images of few bands."""
    opened: dict[str, peers.Run] = {}

    def run(scene: Scene, _: str) -> Verdict | None:
        bands = module.choose(variant, scene.bands)
        if bands is None:
            return None
        level = scene.level or ""
        if level not in opened:
            opened[level] = module.open_peer(variant, level=level, threads=threads)
        work = coarsened(scene, gsd)
        key = scene.id, level, work.grid, bands
        if key not in known:
            known[key] = _run_peer(opened[level], module.LEGEND, bands, work)
        return _on_pixels(known[key], work.grid, scene.grid)

    return System(name=f"{name} {variant} {_at(gsd)}", version=module.version(), run=run)


def _at(gsd: float | None) -> str:
    return "native" if gsd is None else f"{gsd:g} m"


def coarsened(scene: Scene, gsd: float | None) -> Scene:
    """The scene at a spacing, or as it is where it is about as coarse already."""
    if gsd is None or gsd <= scene.pixel_size * (1 + _LIKE):
        return scene
    return scene.at(gsd)


@dataclass(frozen=True, kw_only=True, eq=False)
class CoarserBands:
    """A scene whose bands but the visible ones are as if read at a coarser level."""

    inner: Scene
    times: int

    @property
    def grid(self) -> Grid:
        """The scene's own."""
        return self.inner.grid

    @property
    def bands(self) -> tuple[str, ...]:
        """The scene's own."""
        return self.inner.bands

    @property
    def coarse_m(self) -> Mapping[str, float]:
        """What a model would choose itself is not asked: `times` stands."""
        return dict.fromkeys(self.bands, self.times * self.inner.pixel_size)

    def read(self, bands: Sequence[str], window: Window, *, threads: int = 1) -> Reading:
        """As the scene does; chips are small enough to be read whole each time."""
        reading = self.inner.read(bands, threads=threads)
        values = np.stack(
            [
                layer if name in bands_of("visible") else self._coarse(layer)
                for name, layer in zip(bands, reading.reflectance, strict=True)
            ]
        )
        return Reading(reflectance=values[:, *window.slices], valid=reading.valid[window.slices])

    def _coarse(self, layer: Floats) -> Floats:
        """Means of blocks, interpolated back."""
        height, width = layer.shape
        small = area_mean(layer, float(self.times), -(-max(height, width) // self.times))
        rows, cols = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        places = [(axis + 0.5) / self.times - 0.5 for axis in (rows, cols)]
        inside = small[: height // self.times, : width // self.times]
        return np.asarray(map_coordinates(inside, places, order=1, mode="nearest"), np.float32)


def _run_model(
    model: Model | None, scene: Scene, gsd: float | None, *, coarser: int | None = None
) -> Verdict | None:
    if model is None or not _fits(model.spec, scene):
        return None
    work = coarsened(scene, gsd)
    finest, coarsest = model.spec.gsd_m
    if not finest * (1 - _LIKE) <= work.pixel_size <= coarsest * (1 + _LIKE):
        return None
    shape = work.grid.shape
    codes = np.empty(shape, np.uint8)
    shares = np.empty((len(model.spec.classes), *shape), np.float32)
    for part in predict(work if coarser is None else CoarserBands(inner=work, times=coarser), model):
        codes[part.window.slices] = to_codes(part, model.spec)
        shares[(slice(None), *part.window.slices)] = part.probabilities
    binary = set(model.spec.classes) == {CLEAR, THICK}
    sets = to_sets(codes, LEGENDS["binary" if binary else "unclouded"])
    probability = {
        task: shares[[code in classes for code in model.spec.classes]].sum(axis=0)
        for task, classes in TASK_CLASSES.items()
        if classes & set(model.spec.classes)
    }
    return _on_pixels(Verdict(sets=sets, probability=probability), work.grid, scene.grid)


def _fits(spec: ModelSpec, scene: Scene) -> bool:
    """Bands and level. Landsat's L1T, and a level that nobody states, are the top of the atmosphere."""
    level = "L2A" if scene.level == "L2A" else "L1C"
    needed = [name for name in spec.bands if name not in spec.optional_bands]
    return level in spec.levels and not missing(needed, scene.bands)


def _run_peer(run: peers.Run, legend: Legend, bands: tuple[str, ...], scene: Scene) -> Verdict:
    reading = scene.read(bands)
    answer = run(dict(zip(bands, reading.reflectance, strict=True)))
    sets = np.where(reading.valid, to_sets(answer.codes, legend), np.uint8(0))
    return Verdict(sets=sets, probability=_of_tasks(answer.probabilities, legend))


def _of_tasks(shares: Mapping[int, Floats], legend: Legend) -> dict[str, Floats]:
    """Probabilities of codes as those of tasks, where some codes say yes and the others no."""
    found = {}
    for task, classes in TASK_CLASSES.items():
        yes = [code for code in shares if legend.table[code] <= classes]
        if yes:
            found[task] = np.clip(sum(shares[code] for code in yes), 0, 1).astype(np.float32)
    return found


def _on_pixels(verdict: Verdict, grid: Grid, target: Grid) -> Verdict:
    """The verdict on another grid of the same origin and axes, by the pixel that each centre lies in."""
    if grid == target:
        return verdict
    rows = _nearest(target.height, target.transform.e / grid.transform.e, grid.height)
    columns = _nearest(target.width, target.transform.a / grid.transform.a, grid.width)
    at = np.ix_(rows, columns)
    return Verdict(
        sets=verdict.sets[at], probability={task: share[at] for task, share in verdict.probability.items()}
    )


def _nearest(length: int, scale: float, source: int) -> npt.NDArray[np.intp]:
    return np.minimum(((np.arange(length) + 0.5) * scale).astype(np.intp), source - 1)
