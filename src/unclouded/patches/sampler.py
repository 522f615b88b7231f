"""Batches of patches drawn at random from labelled scenes, and their augmentation. Arrays only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import LabelError, OptionError
from unclouded.patches.scenes import CLEAR_LABEL, CLOUD_LABEL, LabelledScene, pyramid

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which patches are drawn, and what is done to them."""

    sampler: Literal["pixels", "rows"] = "pixels"
    """`pixels`: patches anywhere; `rows`: all patches of one row of one scene, as the original study."""
    batch: int = 256
    """Patches a step, of `pixels`."""
    balanced: bool = True
    """Whether cloud and clear come equally often; else as often as in the scenes."""
    flips: bool = True
    """Whether patches are flipped and turned by quarters."""
    edges: float = 0.0
    """Share of patches of which a side lies past the scene's edge: zero reflectance, or mirrored."""
    gain: float = 0.0
    """Reflectance is multiplied by 1 ± this, one draw a patch."""
    offset: float = 0.0
    """± this is added to reflectance, one draw a patch."""
    noise: float = 0.0
    """Standard deviation of noise added to each value."""

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise OptionError(f"sampling: expected a batch of at least 1, found {self.batch}")
        if not 0 <= self.edges <= 1 or min(self.gain, self.offset, self.noise) < 0:
            raise OptionError(
                "sampling: expected edges of 0 to 1 and gain, offset and noise of at least 0, found "
                f"{self.edges}, {self.gain}, {self.offset}, {self.noise}"
            )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Patches and their labels."""

    patches: Floats
    """(n, band, patch, patch) reflectance."""
    cloud: Floats
    """(n,): 1 where the pixel at (patch / 2, patch / 2) is cloud, else 0."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """All patches of one row, laid over each other."""

    strip: Floats
    """(band, patch, x + patch - 1) reflectance."""
    cloud: Floats
    """(x,): of the pixel at (patch / 2, patch / 2) of each patch, 1 cloud, 0 clear, 255 not known."""


@dataclass(frozen=True, kw_only=True)
class _Level:
    """A scene at one of its scales, as patches are copied from it."""

    padded: Floats
    """Reflectance (y, x, band) with half a patch of zeros around."""
    cloud: npt.NDArray[np.uint8]
    """(y, x): as `LabelledScene.cloud`."""
    weight: float
    """How often it is drawn from."""


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """Where the patches of one class, or of all, may be drawn from."""

    pixel: npt.NDArray[np.int64]
    """Flat indices of its pixels, scene after scene."""
    starts: npt.NDArray[np.int64]
    """Where each scene's begin, and the end of the last."""
    weight: npt.NDArray[np.float64]
    """Chance of each scene."""


def batches(
    scenes: Sequence[LabelledScene], patch: int, sampling: Sampling, rng: np.random.Generator
) -> Iterator[Batch]:
    """Endless batches; the same generator gives the same batches.

    Raises:
        LabelError: no scene has a label, or balance is asked for and a class is empty.
    """
    source = PixelSource.of(scenes, patch, sampling)
    while True:
        yield source.batch(rng)


@dataclass(frozen=True, kw_only=True)
class PixelSource:
    """Patches around pixels of any scene."""

    levels: tuple[_Level, ...]
    """Scenes at each of their scales; nothing else of them is kept."""
    pools: tuple[_Pool, ...]
    patch: int
    sampling: Sampling

    @classmethod
    def of(cls, scenes: Iterable[LabelledScene], patch: int, sampling: Sampling) -> Self:
        """What is drawn from the scenes, which are taken one at a time.

        Raises:
            LabelError: no scene has a label, or balance is asked for and a class is empty.
        """
        levels = tuple(
            _Level(
                padded=np.ascontiguousarray(_padded(level.reflectance, patch).transpose(1, 2, 0)),
                cloud=level.cloud,
                weight=level.weight,
            )
            for scene in scenes
            for level in pyramid([scene], least=patch)
        )
        pools = tuple(_pools(levels, balanced=sampling.balanced))
        return cls(levels=levels, pools=pools, patch=patch, sampling=sampling)

    def batch(self, rng: np.random.Generator) -> Batch:
        """One batch, drawn and augmented; the same generator gives the same one."""
        parts = zip(self.pools, _parts(self.sampling.batch, len(self.pools)), strict=True)
        picks = [_draw(pool, part, rng) for pool, part in parts]
        which, where = (np.concatenate(items) for items in zip(*picks, strict=True))
        patches, labels = _gather(self.levels, which, where, self.patch + self.sampling.flips)
        return Batch(patches=augment(patches, self.sampling, rng), cloud=labels)


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """All patches of one row of one scene, both drawn evenly: the original study's generator."""

    padded: tuple[Floats, ...]
    """Reflectance (y, band, x) with half a patch of zeros around: a strip lies in one piece."""
    cloud: tuple[npt.NDArray[np.uint8], ...]
    patch: int

    @classmethod
    def of(cls, scenes: Iterable[LabelledScene], patch: int) -> Self:
        """What is drawn from the scenes, each at its own spacing; they are taken one at a time.

        Raises:
            LabelError: there is none.
        """
        held = [
            (np.ascontiguousarray(_padded(scene.reflectance, patch).swapaxes(0, 1)), scene.cloud)
            for scene in scenes
        ]
        if not held:
            raise LabelError("training scenes: expected some to draw rows from, found none; add scenes")
        padded, cloud = zip(*held, strict=True)
        return cls(padded=padded, cloud=cloud, patch=patch)

    def strip(self, rng: np.random.Generator) -> Strip:
        """One row; the same generator gives the same one."""
        scene = int(rng.integers(len(self.padded)))
        row = int(rng.integers(len(self.cloud[scene])))
        return Strip(
            # the padding's last column belongs to no patch: half a patch less one lies past a pixel
            strip=self.padded[scene][row : row + self.patch, :, :-1].swapaxes(0, 1),
            cloud=self.cloud[scene][row].astype(np.float32),
        )


def augment(patches: Floats, sampling: Sampling, rng: np.random.Generator) -> Floats:
    """Patches (n, band, y, x) as another pass, another day and a scene's edge might show them.

    The labelled pixel (patch / 2, patch / 2) is not the middle of an even patch: flipped, it would lie one
    pixel aside. So patches that are to be turned come with one row and column more, which are cut.
    """
    if sampling.flips:
        patches = _turned(patches, rng)
    if any((sampling.gain, sampling.offset, sampling.noise)):
        patches = _recoloured(patches, sampling, rng)
    return _at_edges(patches, sampling.edges, rng)


def _recoloured(patches: Floats, sampling: Sampling, rng: np.random.Generator) -> Floats:
    """Patches as another day's light and the instrument's noise might have them; unseen pixels stay zero."""
    count = len(patches)
    seen = (patches != 0).any(axis=1, keepdims=True)
    gain = rng.uniform(1 - sampling.gain, 1 + sampling.gain, (count, 1, 1, 1)).astype(np.float32)
    offset = rng.uniform(-sampling.offset, sampling.offset, (count, 1, 1, 1)).astype(np.float32)
    patches = patches * gain + offset
    if sampling.noise:
        patches = patches + sampling.noise * rng.standard_normal(patches.shape, np.float32)
    return np.asarray(patches * seen, np.float32)


def _turned(patches: Floats, rng: np.random.Generator) -> Floats:
    """Each eighth of the batch in one of the eight positions of a square; the order is random anyway."""
    count, bands, side = patches.shape[:3]
    out = np.empty((count, side - 1, side - 1, bands), np.float32).transpose(0, 3, 1, 2)
    for turn, part in enumerate(np.array_split(rng.permutation(count), 8)):
        turned = np.rot90(patches[part], turn % 4, axes=(2, 3))
        out[part] = (turned if turn < 4 else turned[..., ::-1])[..., :-1, :-1]
    return out


def _at_edges(patches: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Some patches with all beyond a line zero or mirrored; the labelled pixel stays inside."""
    side = patches.shape[-1]
    middle = side // 2
    chosen = np.flatnonzero(rng.random(len(patches)) < share)
    for index in chosen:
        patch = patches[index]
        view = patch if rng.random() < 1 / 2 else patch.swapaxes(1, 2)
        if rng.random() < 1 / 2:
            first = int(rng.integers(0, middle))  # rows before it are past the edge
            beyond, mirror = np.arange(first), 2 * first - np.arange(first)
        else:
            last = int(rng.integers(middle, side - 1))
            beyond = np.arange(last + 1, side)
            mirror = 2 * last - beyond
        view[:, beyond] = view[:, mirror] if rng.random() < 1 / 2 else np.float32(0)
    return patches


def _pools(levels: Sequence[_Level], *, balanced: bool) -> list[_Pool]:
    wanted = ((CLOUD_LABEL,), (CLEAR_LABEL,)) if balanced else ((CLOUD_LABEL, CLEAR_LABEL),)
    return [_pool(levels, values, by_scene=balanced) for values in wanted]


def _pool(levels: Sequence[_Level], values: tuple[int, ...], *, by_scene: bool) -> _Pool:
    found = [np.flatnonzero(np.isin(level.cloud, values)) for level in levels]
    counts = np.array([len(pixels) for pixels in found])
    if not counts.any():
        kinds = " or ".join("cloud" if value == CLOUD_LABEL else "clear" for value in values)
        raise LabelError(
            f"training scenes: expected pixels labelled {kinds}, found none in {len(levels)}; "
            "add scenes that have some, or turn balanced off"
        )
    # a scene ten times as large is drawn about three times as often: neither crowds the other out
    share = (np.sqrt(counts) if by_scene else counts) * [level.weight for level in levels]
    starts = np.concatenate([[0], np.cumsum(counts)])
    return _Pool(pixel=np.concatenate(found), starts=starts, weight=share / share.sum())


def _draw(
    pool: _Pool, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Scenes and flat pixel indices there."""
    scene = rng.choice(len(pool.weight), count, p=pool.weight)
    return scene, pool.pixel[rng.integers(pool.starts[scene], pool.starts[scene + 1])]


def _gather(
    levels: Sequence[_Level], which: npt.NDArray[np.int64], where: npt.NDArray[np.int64], side: int
) -> tuple[Floats, Floats]:
    """Patches (n, band, side, side) with the pixels at (side // 2, side // 2), and their labels (n,).

    A pixel's bands lie beside each other in memory, before and after: that is how they are copied fastest,
    and how torch convolves patches this small fastest.
    """
    widths = np.array([level.cloud.shape[1] for level in levels])[which]
    places = [item.tolist() for item in (which, *np.divmod(where, widths))]
    out = np.empty((len(which), side, side, levels[0].padded.shape[-1]), np.float32)
    # one by one: an index with lists would make a second copy of all, which takes as long again
    for patch, number, row, col in zip(out, *places, strict=True):
        patch[:] = levels[number].padded[row : row + side, col : col + side]
    cloud = [levels[number].cloud[row, col] for number, row, col in zip(*places, strict=True)]
    return out.transpose(0, 3, 1, 2), np.array(cloud, np.float32)


def _padded(reflectance: Floats, patch: int) -> Floats:
    half = patch // 2
    return np.pad(reflectance, [(0, 0), (half, half), (half, half)])


def _parts(total: int, count: int) -> list[int]:
    return [len(part) for part in np.array_split(np.arange(total), count)]
