"""What surfaces and clouds look like from above: reflectance at the top of the atmosphere, per band."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from unclouded.core.bands import NAMES
from unclouded.synthetic._noise import Float

# Engineering values for a clear mid-latitude atmosphere and a sun about 45 degrees high, columns in
# the order of `core.bands.NAMES`. The first group was checked against the decision tree of
# Hollstein et al. 2016 (doi:10.3390/rs8080666), as was the level against the means of real L1C
# images; the second group is interpolated between spectral library shapes in the same manner.
_TABLE = {
    "vegetation": (0.12, 0.090, 0.080, 0.055, 0.10, 0.25, 0.31, 0.30, 0.33, 0.12, 0.0015, 0.17, 0.08),
    "soil": (0.15, 0.13, 0.135, 0.16, 0.18, 0.20, 0.215, 0.22, 0.235, 0.09, 0.0012, 0.31, 0.25),
    "deep water": (0.115, 0.085, 0.055, 0.030, 0.025, 0.020, 0.018, 0.016, 0.014, 0.006, 0.001, 0.005, 0.003),
    "turbid water": (0.14, 0.12, 0.115, 0.10, 0.09, 0.05, 0.05, 0.045, 0.04, 0.012, 0.001, 0.010, 0.006),
    "glint water": (0.17, 0.15, 0.14, 0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.05, 0.0015, 0.11, 0.085),
    "urban": (0.16, 0.14, 0.135, 0.14, 0.15, 0.165, 0.175, 0.18, 0.185, 0.08, 0.001, 0.185, 0.16),
    "white roof": (0.38, 0.40, 0.42, 0.44, 0.45, 0.46, 0.46, 0.46, 0.47, 0.25, 0.002, 0.42, 0.36),
    "sand": (0.26, 0.27, 0.33, 0.43, 0.46, 0.48, 0.50, 0.50, 0.52, 0.25, 0.002, 0.60, 0.55),
    "salt": (0.36, 0.40, 0.45, 0.50, 0.51, 0.52, 0.53, 0.53, 0.54, 0.28, 0.002, 0.45, 0.36),
    "fresh snow": (0.85, 0.85, 0.83, 0.84, 0.85, 0.84, 0.83, 0.80, 0.79, 0.45, 0.003, 0.10, 0.08),
    "old snow": (0.58, 0.57, 0.56, 0.56, 0.56, 0.55, 0.54, 0.52, 0.50, 0.27, 0.003, 0.06, 0.05),
    "water cloud": (0.56, 0.55, 0.53, 0.55, 0.56, 0.57, 0.58, 0.57, 0.58, 0.38, 0.003, 0.45, 0.33),
    "ice cloud": (0.62, 0.62, 0.61, 0.63, 0.64, 0.635, 0.655, 0.65, 0.66, 0.55, 0.25, 0.28, 0.20),
    # interpolated
    "lush crop": (0.118, 0.088, 0.088, 0.048, 0.105, 0.31, 0.40, 0.385, 0.43, 0.155, 0.0015, 0.165, 0.07),
    "conifer": (0.112, 0.080, 0.062, 0.040, 0.062, 0.145, 0.175, 0.17, 0.19, 0.07, 0.0012, 0.085, 0.037),
    "dry grass": (0.145, 0.125, 0.132, 0.145, 0.17, 0.22, 0.25, 0.255, 0.28, 0.11, 0.0013, 0.29, 0.19),
    "stubble": (0.165, 0.155, 0.175, 0.21, 0.235, 0.26, 0.28, 0.29, 0.31, 0.125, 0.0014, 0.37, 0.27),
    "red soil": (0.132, 0.112, 0.118, 0.17, 0.20, 0.22, 0.232, 0.24, 0.26, 0.10, 0.001, 0.33, 0.27),
    "dark soil": (0.132, 0.105, 0.095, 0.098, 0.108, 0.12, 0.13, 0.135, 0.145, 0.058, 0.001, 0.17, 0.14),
    "rock": (0.17, 0.155, 0.16, 0.17, 0.18, 0.185, 0.19, 0.195, 0.20, 0.09, 0.001, 0.22, 0.19),
    "asphalt": (0.14, 0.118, 0.108, 0.105, 0.106, 0.11, 0.114, 0.117, 0.122, 0.05, 0.001, 0.125, 0.108),
    "red roof": (0.148, 0.132, 0.138, 0.19, 0.21, 0.225, 0.235, 0.24, 0.25, 0.11, 0.001, 0.27, 0.22),
    "dust": (0.26, 0.26, 0.27, 0.30, 0.31, 0.32, 0.33, 0.33, 0.34, 0.17, 0.002, 0.30, 0.22),
    "haze": (0.36, 0.34, 0.31, 0.29, 0.29, 0.28, 0.28, 0.28, 0.28, 0.13, 0.002, 0.20, 0.14),
}

SIGNATURES: Mapping[str, Float] = MappingProxyType(
    {name: np.array(values, np.float32) for name, values in _TABLE.items()}
)
"""Surface or cloud -> reflectance of the bands in the order of `core.bands.NAMES`."""

# The air alone: what a black surface would show. Rayleigh scattering falls with the fourth power of
# wavelength; from the deep water row, less what the water itself gives back.
PATH: Float = np.array(
    (0.100, 0.070, 0.040, 0.021, 0.018, 0.015, 0.013, 0.011, 0.010, 0.004, 0.0008, 0.002, 0.001), np.float32
)
"""Reflectance of the atmosphere over a black surface, bands in the order of `core.bands.NAMES`."""


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Variants of surfaces, each a spectrum and how restless it is."""

    spectra: Float
    """(material, band)."""
    contrast: Float
    """(material,): relative amplitude of the texture in brightness."""
    vigour: Float
    """(material, band): change of reflectance per unit of the vegetation's vigour texture."""
    ranges: Mapping[str, tuple[int, int]]
    """Group -> (first index, how many)."""


_Recipe = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class _Group:
    start: _Recipe
    """Surfaces and their shares of the first variant."""
    end: _Recipe
    """Of the last variant; those between are mixed from both."""
    count: int = 1
    contrast: float
    vigour: float = 0.0
    towards: tuple[str, str] = ("dry grass", "lush crop")
    """Surfaces between which the vigour texture moves a spectrum."""


def _group(start: _Recipe, end: _Recipe, count: int, contrast: float, vigour: float) -> _Group:
    return _Group(start=start, end=end, count=count, contrast=contrast, vigour=vigour)


_DEEP: _Recipe = (("deep water", 1.0),)
_OLD: _Recipe = (("old snow", 1.0),)
_GROUPS: Mapping[str, _Group] = MappingProxyType(
    {
        "water": _Group(
            start=_DEEP, end=_DEEP, contrast=0.02, vigour=1.0, towards=("deep water", "turbid water")
        ),
        "snow": _Group(start=_OLD, end=_OLD, contrast=0.02, vigour=1.0, towards=("old snow", "fresh snow")),
        "conifer": _group((("conifer", 0.9),), (("conifer", 0.75), ("vegetation", 0.2)), 8, 0.10, 0.03),
        "broadleaf": _group((("vegetation", 0.7), ("conifer", 0.25)), (("vegetation", 0.9),), 8, 0.08, 0.05),
        "meadow": _group(
            (("vegetation", 0.8), ("dry grass", 0.25)),
            (("lush crop", 0.6), ("vegetation", 0.4)),
            8,
            0.03,
            0.08,
        ),
        "crop": _group((("lush crop", 1.05),), (("lush crop", 0.35), ("soil", 0.6)), 12, 0.025, 0.07),
        "ripe": _group((("dry grass", 1.05),), (("stubble", 1.05),), 10, 0.025, 0.04),
        "soil": _group((("dark soil", 1.0),), (("soil", 1.05),), 12, 0.03, 0.015),
        "red soil": _group((("red soil", 0.8),), (("red soil", 1.0), ("soil", 0.15)), 8, 0.03, 0.015),
        "scrub": _group(
            (("dry grass", 0.7), ("vegetation", 0.3)), (("dry grass", 0.6), ("soil", 0.45)), 8, 0.06, 0.05
        ),
        "desert": _Group(
            start=(("rock", 0.65), ("soil", 0.3)),
            end=(("rock", 0.75), ("red soil", 0.3)),
            count=8,
            contrast=0.04,
            vigour=1.0,
            towards=("rock", "sand"),
        ),
        "rock": _group((("rock", 0.75),), (("rock", 0.9), ("soil", 0.3)), 10, 0.08, 0.02),
        "salt": _group((("salt", 0.8),), (("salt", 1.05),), 4, 0.02, 0.0),
        "road": _group((("asphalt", 1.0),), (("urban", 0.7), ("soil", 0.35)), 4, 0.03, 0.0),
        "house": _group((("red roof", 0.9),), (("urban", 0.9), ("red roof", 0.25)), 6, 0.14, 0.0),
        "garden": _group(
            (("vegetation", 0.65), ("urban", 0.35)), (("vegetation", 0.35), ("urban", 0.6)), 6, 0.12, 0.04
        ),
        "hall": _group((("asphalt", 1.1),), (("white roof", 1.0),), 10, 0.02, 0.0),
    }
)


def _mixed(recipe: _Recipe) -> Float:
    """Shares of surfaces under one atmosphere; they need not sum to 1 (the rest is black)."""
    total = np.zeros(len(NAMES), np.float32)
    for name, share in recipe:
        total = total + np.float32(share) * (SIGNATURES[name] - PATH)
    return np.asarray(total + PATH, np.float32)


def _materials() -> Materials:
    spectra: list[Float] = []
    contrast: list[float] = []
    vigour: list[Float] = []
    ranges: dict[str, tuple[int, int]] = {}
    for name, group in _GROUPS.items():
        ranges[name] = (len(contrast), group.count)
        low, high = (SIGNATURES[end] for end in group.towards)
        for k in range(group.count):
            t = np.float32(k / max(1, group.count - 1))
            spectra.append((1 - t) * _mixed(group.start) + t * _mixed(group.end))
            contrast.append(group.contrast)
            vigour.append(np.float32(group.vigour) * (high - low))
    return Materials(
        spectra=np.stack(spectra).astype(np.float32),
        contrast=np.array(contrast, np.float32),
        vigour=np.stack(vigour).astype(np.float32),
        ranges=MappingProxyType(ranges),
    )


MATERIALS: Materials = _materials()
"""Every variant of every surface that land is made of."""
