"""What the instrument and the ground segment make of a scene: noise, swath edge, digital numbers."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import NAMES, band
from unclouded.core.radiometry import DN_NODATA
from unclouded.synthetic._noise import Float, Sampling, seed_of, white
from unclouded.synthetic._sky import TRACK_DEG
from unclouded.synthetic.config import SceneConfig

QUANTIFICATION = 10_000
"""DN per unit of reflectance, in every Sentinel-2 product so far."""

DN_LARGEST = 32_767
"""Largest DN that the products' 15-bit JPEG 2000 files can hold: saturation as it looks in pixels."""

# Reference radiance, W/m²/sr/µm, and the least signal to noise there: MSI requirements of the Sentinel-2
# User Handbook (ESA 2015), table 2, bands in the order of `core.bands.NAMES`.
_RADIANCE = (129, 128, 128, 108, 74.5, 68, 67, 103, 52.5, 9, 6, 4, 1.5)
_SNR = (129, 154, 168, 142, 117, 89, 105, 174, 72, 114, 50, 100, 100)
# In flight the ratios are about 1.4 times the requirement (Gascon et al. 2017, doi:10.3390/rs9060584).
_BETTER = 1.4

IRRADIANCE: Mapping[str, float] = MappingProxyType(
    dict(
        zip(
            NAMES,
            (
                1884.7,
                1959.7,
                1823.2,
                1512.1,
                1424.6,
                1287.6,
                1162.1,
                1041.6,
                955.3,
                812.9,
                367.2,
                245.6,
                85.3,
            ),
            strict=True,
        )
    )
)
"""Solar irradiance at one astronomical unit, W/m²/µm: a property of the sun and the band."""


def noise_of(name: str, reflectance: Float) -> Float:
    """Standard deviation of the instrument's noise at a reflectance, dark current and photons."""
    k = NAMES.index(name)
    at = math.pi * _RADIANCE[k] / IRRADIANCE[name]
    sigma = np.float32(at / (_SNR[k] * _BETTER))
    return np.asarray(sigma * np.sqrt(0.4 + 0.6 * np.maximum(reflectance, 0) / np.float32(at)), np.float32)


def with_noise(reflectance: Float, bands: Sequence[str], sampling: Sampling, seed: int) -> Float:
    """The image with noise that belongs to its pixels, however it is cut. (band, y, x) -> same."""
    out = np.empty_like(reflectance)
    for k, name in enumerate(bands):
        out[k] = white(sampling, seed_of(seed, "noise", name, round(sampling.spacing * 10)))
        out[k] *= noise_of(name, reflectance[k])
        out[k] += reflectance[k]
    return out


def to_dn(
    reflectance: Float, *, add_offset: int, quantification: int = QUANTIFICATION
) -> npt.NDArray[np.uint16]:
    """Reflectance as the products store it; what is dark stays at 1 or more, since 0 is nodata.

    The inverse of `core.radiometry.to_reflectance` up to rounding.
    """
    # rounded before the offset is taken off, so that products with and without one agree to the digit
    dn = np.rint(reflectance * np.float32(quantification)) - np.float32(add_offset)
    return np.asarray(np.clip(dn, DN_NODATA + 1, DN_LARGEST), np.uint16)


def seen(config: SceneConfig, sampling: Sampling) -> npt.NDArray[np.bool_]:
    """Which points lie inside the swath. bool (y, x), True = seen. Its edge runs along the track."""
    if config.unseen <= 0:
        return np.ones((sampling.height, sampling.width), np.bool_)
    east0, north0 = config.origin
    lean = math.tan(math.radians(TRACK_DEG - 180.0))
    down = sampling.south + north0
    # the edge is slanted: at the middle row it leaves the share wanted to its west
    edge = east0 + config.unseen * config.size_m - lean * (down - config.size_m / 2)
    return sampling.east[None, :] >= edge[:, None]


def band_groups(bands: Sequence[str]) -> Mapping[int, tuple[str, ...]]:
    """Bands by their native gsd."""
    return {
        gsd: tuple(name for name in bands if band(name).gsd == gsd)
        for gsd in sorted({band(name).gsd for name in bands})
    }
