"""Samples to learn from, drawn from `dataset.examples` and altered as another day or sensor would.

Costly work (cutting, averaging to another spacing, synthetic clouds) is shared: `Pool` keeps a stretch of
steps' samples and shows each a few times, every time turned, recoloured and robbed of bands anew. All of it
is a function of the seed and of the number of the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from dataset import Example
from scipy.ndimage import zoom

from unclouded.core.bands import SENTINEL2
from unclouded.patches import Augmentation, Sample
from unclouded.patches.augment import area_mean, augmented, clouded, rescaled, turned

Floats = npt.NDArray[np.float32]

SIZE = 192
"""Pixels a side: at 128 most of what the network could look at was past the sample's edge, and the cloud of
fold 3 was found with a balanced accuracy of 0.88 in place of 0.95."""
FINEST_M, COARSEST_M = 9.0, 60.0
LIGHT = Augmentation(
    flips=True,
    gain=0.15,
    band_gain=0.07,
    offset=0.01,
    noise=0.003,
    drop=0.5,
    edges=0.05,
    tears=0.02,
    holes=0.03,
)
"""What is drawn anew each time that a sample is shown."""
HAZE = 0.4
"""Share of samples whose path radiance is changed: surface reflectance from top-of-atmosphere and back."""
MIXED, EMPTY = 0.5, 0.25
"""Share of samples that are laid together out of two, and share of a sample unseen above which all are. Few
images have labels, and many are small: without it the network learns them by heart, and after 4,000 steps
deserts that it had not seen turned to thin cloud."""
COARSER = 0.3
"""Share of samples some of whose bands are as if read at a coarser level."""
SHARES: Mapping[str, float] = MappingProxyType(
    {
        "human": 0.34,
        "own": 0.08,
        "clear": 0.14,
        "overcast": 0.04,
        "cirrus": 0.02,
        "synthetic": 0.06,
        "taught": 0.16,
        "blend": 0.16,
    }
)
"""How often an example of a kind is drawn; what is not there leaves its share to the rest."""
SOURCES: Mapping[str, float] = MappingProxyType(
    {"l8biome": 0.55, "oncloudn": 0.2, "cloudsen12plus": 0.12, "ukis-csmask": 0.13}
)
"""How often a human label set is drawn among its kind."""
CLOUDED: Mapping[str, float] = MappingProxyType({"clear": 0.65, "human": 0.2, "synthetic": 0.65})
"""Share of the samples without cloud that get synthetic ones."""
BRIGHTER, BRIGHTEST = 0.25, 0.75
"""Share of the clear samples whose ground is made brighter, and how bright 99 in 100 of its values stay."""
DOUBT = 1.8
"""Synthetic veils, shadows and thick cloud within this factor of where they begin may be either."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """A sample, and what its teacher says of it."""

    sample: Sample
    teacher: Floats
    """(clear, cloud, shadow; y, x); zero where there is none."""
    trust: Floats
    """(y, x), 0 where the teacher is not to be followed."""
    level: str | None = None
    """Of the image."""


@dataclass(kw_only=True)
class Pool:
    """Batches by number. Remembers the last stretch of steps only."""

    examples: Sequence[Example]
    seed: int
    batch: int = 8
    echo: int = 3
    """How often a sample is shown, within `stretch` steps."""
    stretch: int = 48
    """Steps that share their samples."""
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    _number: int = -1
    _kept: list[Shown] = field(default_factory=list)
    _order: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def __post_init__(self) -> None:
        weights = np.array([self._weight(example) for example in self.examples])
        self._chance = weights / weights.sum()

    def _weight(self, example: Example) -> float:
        """How often an example is drawn: its kind's share, in it its source's, in that evenly or by area."""
        fellows = [other for other in self.examples if other.kind == example.kind]
        share = self.shares.get(example.kind, 0.0)
        if example.kind != "human":
            return share * _extent(example) / sum(map(_extent, fellows))
        source = example.member.source
        among = SOURCES[source] / sum(SOURCES[name] for name in {other.member.source for other in fellows})
        return share * among / sum(other.member.source == source for other in fellows)

    def step(self, number: int) -> list[Shown]:
        """The samples of a step."""
        stretch, place = divmod(number, self.stretch)
        if stretch != self._number:
            self._fill(stretch)
        chosen = self._order[place * self.batch : (place + 1) * self.batch]
        rng = np.random.default_rng([self.seed, 1, number])
        return [self._shown(int(at), own) for at, own in zip(chosen, rng.spawn(len(chosen)), strict=True)]

    def _shown(self, at: int, rng: np.random.Generator) -> Shown:
        shown = retouched(self._kept[at], rng)
        if rng.random() >= MIXED and (~shown.sample.valid).mean() < EMPTY:
            return shown
        return mixed(shown, retouched(self._kept[int(rng.integers(len(self._kept)))], rng), rng)

    def _fill(self, stretch: int) -> None:
        shown = self.stretch * self.batch
        rng = np.random.default_rng([self.seed, 0, stretch])
        self._kept = [self._draw(own) for own in rng.spawn(-(-shown // self.echo))]
        self._order = rng.permutation(np.arange(shown) % len(self._kept))
        self._number = stretch

    def _draw(self, rng: np.random.Generator) -> Shown:
        return drawn(self.examples[int(rng.choice(len(self.examples), p=self._chance))], rng)


def _extent(example: Example) -> float:
    return float(example.sample.valid.size) ** 0.5


def drawn(example: Example, rng: np.random.Generator) -> Shown:
    """A square of an example at a spacing drawn at random, perhaps under synthetic clouds."""
    native = example.sample.gsd_m
    finest = native if example.teacher is not None else max(FINEST_M, 0.9 * native)
    gsd = float(np.exp(rng.uniform(np.log(finest), np.log(max(finest, COARSEST_M)))))
    gsd = native if rng.random() < 0.3 else gsd
    part = _square(example, int(np.ceil(SIZE * gsd / native)), rng)
    sample = rescaled(part.sample, gsd, SIZE)
    if example.kind == "clear" and rng.random() < BRIGHTER:
        sample = with_brighter_ground(sample, rng)
    if rng.random() < CLOUDED.get(example.kind, 0.0):
        sample = clouded(sample, rng, doubt=DOUBT)
    if example.teacher is None:
        return Shown(
            sample=sample,
            teacher=np.zeros((3, SIZE, SIZE), np.float32),
            trust=np.zeros((SIZE, SIZE), np.float32),
            level=example.level,
        )
    trust = area_mean(part.trust, gsd / native, SIZE)
    teacher = area_mean(part.teacher * part.trust, gsd / native, SIZE)
    return Shown(
        sample=sample,
        teacher=teacher / np.maximum(trust, np.float32(1e-6)),
        trust=trust * sample.valid,
        level=example.level,
    )


def _square(example: Example, side: int, rng: np.random.Generator) -> Shown:
    """A square of at most so many pixels a side, anywhere."""
    whole = example.sample
    height, width = whole.valid.shape
    top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in (height, width))
    part = (..., slice(top, top + side), slice(left, left + side))
    none = np.zeros((3, height, width), np.float32)
    return Shown(
        sample=replace(
            whole,
            reflectance=whole.reflectance[part].astype(np.float32, copy=False),
            valid=whole.valid[part],
            sets=whole.sets[part],
        ),
        teacher=(none if example.teacher is None else example.teacher)[part].astype(np.float32, copy=False),
        trust=(none[0] if example.trust is None else example.trust)[part].astype(np.float32, copy=False),
    )


def retouched(shown: Shown, rng: np.random.Generator) -> Shown:
    """The sample in another position, light and set of bands; its teacher turned along."""
    layers = np.concatenate([shown.teacher, shown.trust[None]])
    sample = shown.sample
    # the teacher travels as four more bands, so that it is turned alike
    both = replace(
        sample,
        reflectance=np.concatenate([sample.reflectance, layers]),
        bands=(*sample.bands, "t0", "t1", "t2", "t3"),
        presence=np.concatenate([sample.presence, np.ones(4, np.bool_)]),
    )
    both = turned(both, rng)
    count = len(sample.bands)
    sample = replace(both, reflectance=both.reflectance[:count], bands=sample.bands, presence=sample.presence)
    if rng.random() < HAZE:
        sample = with_other_air(sample, shown.level, rng)
    if rng.random() < COARSER:
        sample = with_coarser_bands(sample, rng)
    sample = augmented(sample, replace(LIGHT, flips=False), rng)
    layers = both.reflectance[count:]
    return Shown(sample=sample, teacher=layers[:3], trust=layers[3] * sample.valid)


def mixed(first: Shown, second: Shown, rng: np.random.Generator) -> Shown:
    """Patches of the second laid over the first, labels and teacher with them, in the bands that both have.

    What one did not see the other fills, so that few pixels are empty.

    Source: Yun et al. 2019, CutMix; patches of any shape as in French et al. 2020. With fewer than three
    bands in common it is the first.
    """
    one, other = first.sample, second.sample
    presence = one.presence & other.presence
    if presence.sum() < 3:
        return first
    there = other.valid & (patches(one.valid.shape, rng) | ~one.valid)

    def laid(own: npt.NDArray[Any], over: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.where(there, over, own)

    share = float(there.mean())
    sample = replace(
        one,
        reflectance=laid(one.reflectance, other.reflectance) * presence[:, None, None],
        valid=laid(one.valid, other.valid),
        sets=laid(one.sets, other.sets),
        presence=presence,
        weight=(1 - share) * one.weight + share * other.weight,
    )
    return Shown(
        sample=sample,
        teacher=laid(first.teacher, second.teacher),
        trust=laid(first.trust, second.trust),
    )


def patches(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """A third to two thirds of the pixels, in a few round patches. (y, x)."""
    coarse = rng.standard_normal((6, 6))
    fine = zoom(coarse, [side / 6 for side in shape], order=1, grid_mode=True, mode="nearest")
    return np.asarray(fine > np.quantile(fine, rng.uniform(1 / 3, 2 / 3)), np.bool_)


_SCATTERED = np.array([(490.0 / band.centre_nm) ** 4 for band in SENTINEL2], np.float32)
"""Rayleigh scattering by band, relative to blue."""


def with_other_air(sample: Sample, level: str | None, rng: np.random.Generator) -> Sample:
    """Less path radiance at the top of the atmosphere, more at the surface: up to 0.06 in the blue.

    It falls with the fourth power of wavelength. Never the other way: haze over a clear image would be
    called clear, and haze taken from a cloudy one cloud.
    """
    change = np.float32(rng.uniform(0, 0.06) * (1 if level == "L2A" else -1)) * np.minimum(_SCATTERED, 1.6)
    lit = sample.valid & sample.presence[:, None, None]
    values = np.maximum(sample.reflectance + change[:, None, None], np.float32(-0.02))
    return replace(sample, reflectance=np.where(lit, values, np.float32(0)))


def with_brighter_ground(sample: Sample, rng: np.random.Generator) -> Sample:
    """Clear land as if of pale sand, salt or concrete: still clear, its texture as it was.

    Short-wave infra-red is raised less or not at all: salt and wet sand are dark there.
    """
    lit = sample.reflectance[:, sample.valid][sample.presence]
    if not lit.size:
        return sample
    room = BRIGHTEST / max(float(np.quantile(lit, 0.99)), 0.05)
    gain = float(np.exp(rng.uniform(0, np.log(max(1.0, min(room, 6.0))))))
    short_wave = gain ** rng.uniform(0, 1)
    gains = np.array([short_wave if band.centre_nm > 1000 else gain for band in SENTINEL2], np.float32)
    return replace(sample, reflectance=sample.reflectance * gains[:, None, None])


def with_coarser_bands(sample: Sample, rng: np.random.Generator) -> Sample:
    """Any bands but the visible ones averaged over 2 or 4 pixels, as when read at a coarser level."""
    block = int(rng.choice([2, 4]))
    values = sample.reflectance.copy()
    for at, band in enumerate(SENTINEL2):
        if band.common_name not in {"blue", "green", "red"} and sample.presence[at] and rng.random() < 0.6:
            values[at] = _blocky(values[at], block)
    return replace(sample, reflectance=np.where(sample.valid, values, np.float32(0)))


def _blocky(values: Floats, block: int) -> Floats:
    height, width = values.shape
    small = values.reshape(height // block, block, width // block, block).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(small.repeat(block, axis=0).repeat(block, axis=1), np.float32)
