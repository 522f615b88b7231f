"""Training samples as another day, another sensor or a scene's edge might show them. Arrays only.

Everything is drawn from the generator that is passed in: the same generator gives the same samples. Pixels
that are lost (edges, tears, holes) become unseen: zero reflectance, no label.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import SENTINEL2, expected_at
from unclouded.core.classes import CLEAR, CLOUD, SHADOW, class_bits
from unclouded.core.errors import GridError, OptionError
from unclouded.synthetic import Rendered, classify, clouds_over, draw_scene

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Sets = npt.NDArray[np.uint8]

SEEN_SHADOW = 0.012
"""Reflectance that a shadow takes from some band at least, to be seen."""
_NESTING_GSD = (5.0, 6.0, 10.0, 12.0, 15.0, 20.0, 30.0, 60.0)  # what synthetic clouds are computed at


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A square of a scene and what its pixels may be."""

    reflectance: Floats
    """(band, y, x); 0 where not valid, and in absent bands."""
    valid: Bools
    """(y, x), True where the pixel was seen."""
    sets: Sets
    """(y, x): bit masks of possible classes, 0 ignore; 0 where not valid."""
    bands: tuple[str, ...]
    """Names of all channels."""
    presence: Bools
    """(band,): which of them are there."""
    gsd_m: float
    """Spacing of the pixels, m."""
    sun_zenith: float | None = None
    """Degrees from vertical; None: not known."""
    sun_azimuth: float | None = None
    """Degrees clockwise from up in the picture; None: not known."""
    weight: float = 1.0
    """What its source is worth in the loss."""
    teacher: Floats | None = None
    """(class code, y, x): probabilities to follow, 0 for all where there are none; None: nowhere."""
    trust: Floats | None = None
    """(y, x): what a pixel counts in the loss; None: 1 everywhere."""

    def __post_init__(self) -> None:
        shape = self.reflectance.shape[1:]
        for name, item in (("teacher", self.teacher), ("trust", self.trust)):
            if item is not None and item.shape[-2:] != shape:
                raise GridError(
                    f"sample: expected a {name} of {shape} px, found {item.shape[-2:]}; cut them alike"
                )
        if self.valid.shape != shape or self.sets.shape != shape:
            raise GridError(
                f"sample: expected validity and labels of {shape} px, found {self.valid.shape} and "
                f"{self.sets.shape}; cut them alike"
            )
        if not len(self.bands) == len(self.presence) == len(self.reflectance):
            raise GridError(
                f"sample: expected {len(self.reflectance)} bands, found {len(self.bands)} names and a "
                f"presence of {len(self.presence)}; name each channel"
            )


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to samples; the defaults do nothing."""

    flips: bool = False
    """Whether samples are flipped and turned by quarters, the sun along with them."""
    gsd_m: tuple[float, ...] = ()
    """Finest and coarsest spacing that samples are brought to, m, even in its logarithm; empty: as it is."""
    gain: float = 0.0
    """Reflectance is multiplied by 1 ± this, one draw a sample."""
    band_gain: float = 0.0
    """And by 1 ± this, one draw a band."""
    offset: float = 0.0
    """± this is added to reflectance, one draw a band."""
    noise: float = 0.0
    """Standard deviation of noise added to each value."""
    drop: float = 0.0
    """Share of samples that lose bands: to what another sensor, level or product has, or any of them."""
    least_bands: int = 3
    """Bands that are always left."""
    edges: float = 0.0
    """Share of samples with nothing seen beyond a straight line, as at the rim of a swath or tile."""
    tears: float = 0.0
    """Share of samples with a gap of a few pixels right across."""
    holes: float = 0.0
    """Share of samples with one to four rectangles missing."""
    clouds: float = 0.0
    """Share of the cloudless samples that get synthetic clouds and shadows, exactly labelled."""

    def __post_init__(self) -> None:
        shares = (self.drop, self.edges, self.tears, self.holes, self.clouds)
        amounts = (self.gain, self.band_gain, self.offset, self.noise)
        if not (min(shares) >= 0 and max(shares) <= 1 and min(amounts) >= 0 and self.least_bands >= 1):
            raise OptionError(
                "augmentation: expected drop, edges, tears, holes and clouds of 0 to 1, least_bands of at "
                f"least 1 and the rest of at least 0, found {shares}, {self.least_bands}, {amounts}"
            )
        if self.gsd_m and not (len(self.gsd_m) == 2 and 0 < self.gsd_m[0] <= self.gsd_m[1]):
            raise OptionError(f"augmentation gsd_m: expected finest and coarsest, found {self.gsd_m}")

    def draw_gsd(self, native_m: float, rng: np.random.Generator) -> float:
        """Spacing to bring a sample to, m; at most a tenth finer than its own: there is no more detail."""
        if not self.gsd_m:
            return native_m
        finest, coarsest = (max(value, 0.9 * native_m) for value in self.gsd_m)
        return float(np.exp(rng.uniform(np.log(finest), np.log(coarsest))))


def augmented(sample: Sample, augmentation: Augmentation, rng: np.random.Generator) -> Sample:
    """The sample with all that the augmentation asks for, but the change of spacing (`rescaled`)."""
    steps: tuple[tuple[float, Callable[[Sample, np.random.Generator], Sample]], ...] = (
        (augmentation.clouds, clouded),
        (float(augmentation.flips), turned),
        (1.0, lambda item, draw: recoloured(item, augmentation, draw)),
        (augmentation.edges, with_edge),
        (augmentation.tears, with_tear),
        (augmentation.holes, with_holes),
        (augmentation.drop, lambda item, draw: with_fewer_bands(item, augmentation.least_bands, draw)),
    )
    for share, step in steps:
        # each step has a generator of its own: turning one off leaves the draws of the others alone
        (own,) = rng.spawn(1)
        if own.random() < share:
            sample = step(sample, own)
    return sample


def turned(sample: Sample, rng: np.random.Generator) -> Sample:
    """The sample in one of the eight positions of a square, the sun turned along."""
    quarters, mirror = int(rng.integers(4)), bool(rng.integers(2))

    def move(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        out = np.rot90(values, quarters, axes=(-2, -1))
        return np.ascontiguousarray(out[..., ::-1] if mirror else out)

    azimuth = sample.sun_azimuth
    if azimuth is not None:
        # rot90 turns the picture counter-clockwise, azimuths count clockwise
        azimuth = (azimuth - 90 * quarters) % 360
        azimuth = -azimuth % 360 if mirror else azimuth
    return replace(
        sample,
        reflectance=np.asarray(move(sample.reflectance), np.float32),
        valid=np.asarray(move(sample.valid), np.bool_),
        sets=np.asarray(move(sample.sets), np.uint8),
        sun_azimuth=azimuth,
        **guides(sample, lambda item: np.asarray(move(item), np.float32)),
    )


def recoloured(sample: Sample, augmentation: Augmentation, rng: np.random.Generator) -> Sample:
    """Reflectance scaled, shifted and noisy where it was seen."""
    if not any((augmentation.gain, augmentation.band_gain, augmentation.offset, augmentation.noise)):
        return sample
    count = len(sample.bands)
    gain = 1 + rng.uniform(-1, 1) * augmentation.gain
    gains = gain * (1 + rng.uniform(-1, 1, count) * augmentation.band_gain)
    offsets = rng.uniform(-1, 1, count) * augmentation.offset
    values = sample.reflectance * gains.astype(np.float32)[:, None, None]
    values += offsets.astype(np.float32)[:, None, None]
    if augmentation.noise:
        values += np.float32(augmentation.noise) * rng.standard_normal(values.shape, np.float32)
    return _seen(replace(sample, reflectance=values), sample.valid)


def with_fewer_bands(sample: Sample, least: int, rng: np.random.Generator) -> Sample:
    """Some bands absent: those that a sensor, level or product lacks, or any, `least` of them left."""
    there = np.flatnonzero(sample.presence)
    if len(there) <= least:
        return sample
    known = [subset for subset in _SUBSETS if least <= sum(sample.bands[i] in subset for i in there)]
    if known and rng.random() < 1 / 2:
        subset = known[int(rng.integers(len(known)))]
        kept = [i for i in there if sample.bands[i] in subset]
    else:
        kept = rng.choice(there, int(rng.integers(least, len(there))), replace=False).tolist()
    presence = np.zeros(len(sample.bands), np.bool_)
    presence[kept] = True
    return _seen(replace(sample, presence=presence), sample.valid)


_SUBSETS: tuple[frozenset[str], ...] = (
    frozenset(expected_at("L2A")),
    frozenset(band.name for band in SENTINEL2 if band.gsd == 10),
    frozenset(band.name for band in SENTINEL2 if band.gsd <= 20),
    frozenset(band.name for band in SENTINEL2 if band.landsat is not None),
    frozenset(band.name for band in SENTINEL2 if band.common_name in {"red", "green", "nir08", "swir16"}),
)


def with_edge(sample: Sample, rng: np.random.Generator) -> Sample:
    """Nothing seen beyond a straight line; at least a quarter of the square stays."""
    across = _along(sample.valid.shape, rng)
    share = rng.uniform(0.25, 0.95)
    return _seen(sample, sample.valid & (across <= np.quantile(across, share)))


def with_tear(sample: Sample, rng: np.random.Generator) -> Sample:
    """A gap of 1 to 8 pixels right across, at any angle."""
    across = _along(sample.valid.shape, rng)
    place = rng.uniform(*np.quantile(across, [0.05, 0.95]))
    return _seen(sample, sample.valid & (np.abs(across - place) > rng.uniform(0.5, 4)))


def with_holes(sample: Sample, rng: np.random.Generator) -> Sample:
    """One to four rectangles missing, each of up to a third of the square's side."""
    kept = sample.valid.copy()
    height, width = kept.shape
    for _ in range(int(rng.integers(1, 5))):
        tall, wide = (int(rng.integers(1, max(2, side // 3 + 1))) for side in (height, width))
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        kept[top : top + tall, left : left + wide] = False
    return _seen(sample, kept)


def clouded(sample: Sample, rng: np.random.Generator, *, doubt: float = 1.0) -> Sample:
    """Synthetic clouds, with shadows and parallax, over a sample without any; others stay as they are.

    The sun is the sample's where it is known. Labels of clouds and shadows are exact; between them the
    sample's own stay. A shadow that nobody can see, as on dark water, may be what lies below too.

    Args:
        doubt: a pixel whose optical depth lies within this factor of the depth where its class begins may
            be of either class. 1: none may. People see the rim of a veil earlier or later than a threshold.
    """
    seed = int(rng.integers(2**31))
    if np.any(sample.sets & class_bits(CLOUD)) or not sample.presence.any():
        return sample
    gsd = min(_NESTING_GSD, key=lambda known: abs(np.log(known / sample.gsd_m)))
    sky = draw_scene(seed, size_m=max(sample.valid.shape) * gsd)
    sun = {
        "sun_zenith": sky.sun_zenith if sample.sun_zenith is None else min(sample.sun_zenith, 80.0),
        "sun_azimuth": sky.sun_azimuth if sample.sun_azimuth is None else sample.sun_azimuth,
    }
    sky = replace(sky, sun_zenith=sun["sun_zenith"], sun_azimuth=sun["sun_azimuth"])
    there = np.flatnonzero(sample.presence)
    piece = clouds_over(sample.reflectance[there], [sample.bands[i] for i in there], gsd, sky)
    values = sample.reflectance.copy()
    values[there] = piece.reflectance
    sets = _truth(piece, sample.sets, doubt)
    darkened = (sample.reflectance[there] - piece.reflectance).max(axis=0)
    unseen = (sets == class_bits(frozenset({SHADOW}))) & (darkened < SEEN_SHADOW)
    sets = np.where(unseen, sets | sample.sets, sets).astype(np.uint8)
    drawn = sets != sample.sets

    def without(item: Floats) -> Floats:
        """Drawn clouds and shadows: no teacher saw them, and they are to be trusted."""
        return np.where(drawn, np.float32(item is sample.trust), item)

    out = replace(sample, reflectance=values, sets=sets, **guides(sample, without))
    return _seen(out, sample.valid)


def _truth(piece: Rendered, below: Sets, doubt: float) -> Sets:
    """What a pixel may be by depths taken as they are, too low and too high; clear is what lies below."""
    sets = np.zeros(below.shape, np.uint8)
    for factor in {1 / doubt, 1.0, doubt}:
        classes = classify(piece.cloud_depth * np.float32(factor), piece.shadow_depth * np.float32(factor))
        sets |= np.where(classes == CLEAR, below, np.uint8(1) << classes).astype(np.uint8)
    return sets


def rescaled(sample: Sample, gsd_m: float, size: int) -> Sample:
    """The upper left of the sample at another spacing: (band, size, size), reflectance averaged by area.

    A pixel takes the set that covers most of it, and is ignored where half of it or more is; it is seen
    where half of it or more was. What lies past the sample is unseen.
    """
    if gsd_m == sample.gsd_m:
        return _padded_to(sample, size)
    factor = gsd_m / sample.gsd_m
    seen = area_mean(sample.valid.astype(np.float32), factor, size)
    total = area_mean(sample.reflectance * sample.valid, factor, size)
    values = total / np.maximum(seen, np.float32(1e-6))
    present = np.unique(sample.sets)
    shares = np.stack([area_mean((sample.sets == item).astype(np.float32), factor, size) for item in present])
    shares[present == 0] += 1 - shares.sum(axis=0)  # what lies past the sample is ignored too
    sets = present[shares.argmax(axis=0)]
    known = shares[present != 0].sum(axis=0) > 1 / 2
    out = replace(
        sample,
        reflectance=values.astype(np.float32),
        valid=np.ones((size, size), np.bool_),
        sets=np.where(known, sets, 0).astype(np.uint8),
        gsd_m=gsd_m,
        **guides(sample, lambda item: area_mean(item, factor, size)),
    )
    if out.teacher is not None:
        total = out.teacher.sum(axis=0)
        out = replace(out, teacher=np.where(total > 1 / 2, out.teacher / np.maximum(total, 1 / 2), 0))
    return _seen(out, seen >= 1 / 2)


def area_mean(values: Floats, factor: float, size: int) -> Floats:
    """Means over squares of `factor` pixels a side: (…, y, x) -> (…, size, size); zero past the ends."""
    rows = np.zeros((*values.shape[:-2], size, values.shape[-1]), np.float32)
    for place, share in _taps(values.shape[-2], factor, size):
        rows += share[:, None] * values[..., place, :]
    out = np.zeros((*values.shape[:-2], size, size), np.float32)
    for place, share in _taps(values.shape[-1], factor, size):
        out += share * np.take(rows, place, axis=-1)
    return out


def _taps(length: int, factor: float, size: int) -> Iterator[tuple[npt.NDArray[np.intp], Floats]]:
    """For each k, the k-th pixel under every stretch of `factor` pixels, and its share of the stretch."""
    start = np.arange(size) * factor
    end = start + factor
    first = np.floor(start).astype(np.intp)
    for k in range(int(np.ceil(factor)) + 1):
        place = first + k
        overlap = np.minimum(end, place + 1) - np.maximum(start, place)
        share = np.where(place < length, np.maximum(overlap, 0) / factor, 0)
        yield np.minimum(place, length - 1), share.astype(np.float32)


def _padded_to(sample: Sample, size: int) -> Sample:
    """The upper left `size` pixels a side, unseen where the sample has none."""
    height, width = (min(size, side) for side in sample.valid.shape)
    grow = [(0, size - height), (0, size - width)]
    return replace(
        sample,
        reflectance=np.pad(sample.reflectance[:, :height, :width], [(0, 0), *grow]),
        valid=np.pad(sample.valid[:height, :width], grow),
        sets=np.pad(sample.sets[:height, :width], grow),
        **guides(
            sample,
            lambda item: np.pad(item[..., :height, :width], [(0, 0)] * (item.ndim - 2) + grow),
        ),
    )


def _seen(sample: Sample, valid: Bools) -> Sample:
    """The sample with only these pixels seen, and only the bands that are there."""
    lit = valid & sample.presence[:, None, None]
    return replace(
        sample,
        reflectance=np.where(lit, sample.reflectance, np.float32(0)),
        valid=valid,
        sets=np.where(valid, sample.sets, np.uint8(0)),
        **guides(sample, lambda item: np.where(valid, item, np.float32(0))),
    )


def guides(sample: Sample, change: Callable[[Floats], Floats]) -> dict[str, Any]:
    """What of a teacher and of trust there is, changed alike: fields for `replace`."""
    there = {"teacher": sample.teacher, "trust": sample.trust}
    return {name: change(item) for name, item in there.items() if item is not None}


def _along(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Distance of each pixel along a direction drawn at random, px. (y, x)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(rows * np.sin(angle) + cols * np.cos(angle), np.float64)
