"""Ground that real clear images have too little of: brighter land, snow over it, dark or glinting water.

Whatever is laid is clear still; the labels stay as they are.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, zoom

from unclouded.core.bands import SENTINEL2
from unclouded.patches import Sample
from unclouded.synthetic.surfaces import PATH, SIGNATURES

Floats = npt.NDArray[np.float32]

BRIGHTEST = 0.75
"""How bright 99 in 100 values of brightened ground stay."""
DRY = 0.3
"""Share of the snow that lies under so little vapour that the cirrus band, dark elsewhere, sees it."""
CIRRUS = np.array([band.common_name == "cirrus" for band in SENTINEL2])
ANCHORS_NM = (440, 560, 665, 740, 865, 1610, 2200)
NEAR_INFRA_RED = np.array([770 < band.centre_nm < 900 for band in SENTINEL2])
SHORT_WAVE = np.array([band.centre_nm > 1500 for band in SENTINEL2])


def with_brighter_ground(sample: Sample, _level: str | None, rng: np.random.Generator) -> Sample:
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


def with_other_spectrum(sample: Sample, _level: str | None, rng: np.random.Generator) -> Sample:
    """Land of another colour and contrast: few clear images are at hand, and none may be learnt by heart.

    The factor of each band follows a smooth curve over the wavelength.
    """
    lit = sample.reflectance[:, sample.valid][sample.presence]
    if not lit.size:
        return sample
    curve = np.cumsum(rng.normal(0, [0.45, 0.15, 0.15, 0.2, 0.15, 0.3, 0.15]))
    gains = np.exp(np.interp([band.centre_nm for band in SENTINEL2], ANCHORS_NM, curve))
    mean = np.where(sample.presence, sample.reflectance[:, sample.valid].mean(axis=1), 0)[:, None, None]
    values = (mean + rng.uniform(0.4, 1.5) * (sample.reflectance - mean)) * gains[:, None, None]
    over = float(np.quantile(values[sample.presence][:, sample.valid], 0.99)) / BRIGHTEST
    lit_now = sample.valid & sample.presence[:, None, None]
    values = np.where(lit_now, np.maximum(values / max(over, 1.0), 0.001), 0)
    return replace(sample, reflectance=values.astype(np.float32))


def with_snow(sample: Sample, _level: str | None, rng: np.random.Generator) -> Sample:
    """Snow of any age over some or all of the land: dark ground, as forest is, stays freer of it.

    The light and shade of the land lie on the snow; its short-wave infra-red falls with the size of grains,
    and over high, dry ice sheets the cirrus band sees it too.
    """
    shade = relative_brightness(sample)
    if shade is None:
        return sample
    fresh = np.float32(rng.uniform())
    spectrum = (1 - fresh) * SIGNATURES["old snow"] + fresh * SIGNATURES["fresh snow"]
    grains = rng.uniform(0.3, 2.8) * rng.uniform(0.7, 1.4, len(SENTINEL2))
    spectrum = spectrum * np.where(SHORT_WAVE, grains, rng.uniform(0.6, 1.15))
    if rng.random() < DRY:
        spectrum[CIRRUS] = rng.uniform(0, 0.3)
    light = shade ** np.float32(rng.uniform(0.1, 0.8))
    lie = fractal(shade.shape, rng) + rng.uniform(0, 3) * (shade - 1) + rng.uniform(-0.7, 2.5)
    cover = on_land(sample) / (1 + np.exp(-rng.uniform(3, 12) * lie))
    snow = spectrum[:, None, None].astype(np.float32) * light
    return laid(sample, snow, cover.astype(np.float32))


def with_water(sample: Sample, level: str | None, rng: np.random.Generator) -> Sample:
    """Lakes or a sea: clear or turbid, now and then in glint, the brightness rippled."""
    kind = rng.choice(["turbid water", "deep water", "glint water"], p=[0.4, 0.4, 0.2])
    share = np.float32(rng.uniform())
    spectrum = (1 - share) * SIGNATURES["deep water"] + share * SIGNATURES[str(kind)]
    # what the water itself gives back, and the air above it: little of it is left in surface reflectance
    air = rng.uniform(0, 0.3) if level == "L2A" else rng.uniform(0.6, 1.2)
    spectrum = np.maximum(spectrum - PATH, 0) * rng.uniform(0.3, 1.3) + PATH * air
    shape = sample.valid.shape
    ripple = 1 + rng.uniform(0, 0.25) * blotches(shape, rng, cells=10)
    grain = 1 + rng.uniform(0, 0.08) * rng.standard_normal(shape)
    lie = blotches(shape, rng, cells=int(rng.choice([3, 6, 16]))) + rng.uniform(-1.2, 1.5)
    water = spectrum[:, None, None] * np.clip(ripple * grain, 0.3, 2)
    return laid(sample, water.astype(np.float32), (lie > 0).astype(np.float32))


def relative_brightness(sample: Sample) -> Floats | None:
    """Brightness of the ground relative to its upper fifth, 0.15 … 1.2. (y, x); None where none is seen."""
    if not sample.valid.any() or not sample.presence.any():
        return None
    mean = sample.reflectance[sample.presence & ~SHORT_WAVE].mean(axis=0)
    high = max(float(np.quantile(mean[sample.valid], 0.8)), 0.01)
    return np.clip(gaussian_filter(mean, 0.7) / np.float32(high), 0.15, 1.2).astype(np.float32)


def on_land(sample: Sample) -> npt.NDArray[np.bool_]:
    """Where the near infra-red, if there is any, is brighter than water. (y, x)."""
    seen = sample.presence & NEAR_INFRA_RED
    return sample.reflectance[seen].max(axis=0, initial=0) > 0.08 if seen.any() else sample.valid


def laid(sample: Sample, over: Floats, cover: Floats) -> Sample:
    """Reflectance `over` (band, y, x) laid on the sample where `cover` (y, x), 0 … 1, says."""
    values = (1 - cover) * sample.reflectance + cover * over
    lit = sample.valid & sample.presence[:, None, None]
    return replace(sample, reflectance=np.where(lit, values, np.float32(0)).astype(np.float32))


def fractal(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Noise from a quarter of the square down to a few pixels, each octave weaker. (y, x)."""
    return sum(
        (0.7**octave * blotches(shape, rng, cells=4 * 2**octave) for octave in range(5)),
        start=np.zeros(shape, np.float32),
    )


def blotches(shape: tuple[int, ...], rng: np.random.Generator, *, cells: int = 6) -> Floats:
    """Smooth noise of about unit variance, so many cells a side. (y, x)."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    fine = zoom(coarse, [side / cells for side in shape], order=1, grid_mode=True, mode="nearest")
    return np.asarray(fine, np.float32)
