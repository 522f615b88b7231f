"""Plain thresholds pixel by pixel: the floor that a network has to beat.

Cloud: bright in the green and no redder than green, or very bright (Braaten, Cohen & Yang 2015, doi
10.1016/j.rse.2015.08.006, as Sentinel Hub's custom script of that name applies it to Sentinel-2). Shadow,
where the near infrared is there: dark in it and no greener than that, which would be water; our own rule.
"""

from collections.abc import Collection

import numpy as np

from unclouded._version import __version__
from unclouded.core.bands import band
from unclouded.core.classes import CLOUD, NOT_CLOUD, NOT_CLOUD_OR_SHADOW, SHADOW, Legend
from unclouded.core.errors import OptionError
from unclouded.evaluate.peers import Answer, Bands, Run

VARIANTS = ("braaten",)
GSD_M = None
LEGEND = Legend(
    name="thresholds",
    table={0: NOT_CLOUD_OR_SHADOW, 1: CLOUD, 2: frozenset({SHADOW}), 3: NOT_CLOUD},
    note="3: no near infrared, shadow cannot be told",
)
_GREEN, _RED = band("green").name, band("red").name
_NIR = (band("nir").name, band("nir08").name)
BRIGHT, VERY_BRIGHT = 0.175, 0.39
"""Reflectance in the green, from the paper."""
DARK = 0.12
"""Reflectance in the near infrared below which land counts as shadowed."""


def version() -> str:
    """Version of this package: the rule is in it."""
    return __version__


def choose(variant: str, present: Collection[str]) -> tuple[str, ...] | None:
    """Green, red and, where there is one, a near infrared; None without green and red."""
    _check(variant)
    if not {_GREEN, _RED} <= set(present):
        return None
    return (_GREEN, _RED, *[name for name in _NIR if name in present][:1])


def open_peer(variant: str, *, level: str | None = None, threads: int = 0) -> Run:  # noqa: ARG001 - one call for all
    """The rule. It is the same at every level."""
    _check(variant)
    return classify


def classify(bands: Bands) -> Answer:
    """Codes of `LEGEND`, without probabilities.

    Raises:
        OptionError: green or red is not there.
    """
    names = choose(VARIANTS[0], bands)
    if names is None:
        raise OptionError(f"thresholds: expected {_GREEN} and {_RED}, found {', '.join(bands)}")
    green, red = bands[_GREEN], bands[_RED]
    cloud = ((green > BRIGHT) & (green > red)) | (green > VERY_BRIGHT)
    if len(names) == 2:
        return Answer(codes=np.where(cloud, 1, 3).astype(np.uint8), probabilities={})
    nir = bands[names[2]]
    shadow = (nir < DARK) & (nir > green)
    return Answer(codes=np.where(cloud, 1, np.where(shadow, 2, 0)).astype(np.uint8), probabilities={})


def _check(variant: str) -> None:
    if variant not in VARIANTS:
        raise OptionError(f"thresholds '{variant}': expected {', '.join(VARIANTS)}")


__all__ = ["DARK", "GSD_M", "LEGEND", "VARIANTS", "choose", "classify", "open_peer", "version"]
