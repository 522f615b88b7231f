"""Does the input look like reflectance, and does the output look like a mask?

The field's commonest silent failure is a mask made from numbers in the wrong unit. Nothing is mended
here: what looks wrong is named, the user decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import band

# Reflectance outside this range is counted at its ends.
_LOWEST, _HIGHEST, _BINS = -0.25, 3.0, 1300
# Every value is looked at in a small scene, a regular sample of a large one.
_SAMPLE_STRIDE = 4

UNSCALED_SHARE = 0.5
"""Share of values above 3.0 from which numbers are not reflectance: snow and cloud tops stay below 2."""
EIGHT_BIT = 0.0256
"""99th percentile of the brightest band below which 8-bit numbers, or reflectance itself, were divided
by 10000."""
TWICE_OFFSET = -0.03
"""5th percentile of the darkest band below which the offset was taken off twice. Once is right leaves
at most noise below zero: DN of L1C dark water and B10 stay above -0.01."""
UNOFFSET_RANGE = (0.085, 0.135)
"""Where the 1st percentile of the darkest band lies when the offset was left in: dark targets are
0.000 to 0.03 (B10 over ground, B12 and B11 over water), and 0.1 is added."""
DARK_FROM_NM = 600.0
"""Wavelength from which ground can be dark from above: the air alone makes 0.1 of B01 (0.119 in the darkest
1 % of a product of baseline 02.06 over the Pyrenees, which has no offset)."""
CONSTANT_SPREAD = 1e-3
"""Spread of the probabilities, 1st to 99th percentile, below which the output says nothing."""


@dataclass(kw_only=True)
class InputStatistics:
    """Histograms of reflectance, band by band, gathered window by window."""

    bands: Sequence[str]
    counts: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((len(self.bands), _BINS), np.int64)

    def add(
        self,
        reflectance: npt.NDArray[np.float32],
        valid: npt.NDArray[np.bool_],
        presence: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Count one window: reflectance (band, y, x), valid (y, x).

        Args:
            presence: (band,), False where a band is absent and its zeros are no reflectance; None: all there.
        """
        step = _SAMPLE_STRIDE if valid.size > 64**2 else 1
        kept = reflectance[:, ::step, ::step][:, valid[::step, ::step]]
        position = (kept - _LOWEST) / (_HIGHEST - _LOWEST) * _BINS
        index = np.clip(np.nan_to_num(position, nan=0.0), 0, _BINS - 1).astype(np.intp)
        counts = np.stack([np.bincount(positions, minlength=_BINS) for positions in index])
        self.counts += counts if presence is None else counts * presence[:, None]

    def percentile(self, share: float) -> npt.NDArray[np.float64]:
        """Reflectance below which this share (0 … 1) of the pixels lie, band by band; NaN without pixels."""
        total = self.counts.sum(axis=1)
        cumulated = np.cumsum(self.counts, axis=1) / np.maximum(total[:, None], 1)
        index = (cumulated < share).sum(axis=1)
        found = _LOWEST + (index + 0.5) * (_HIGHEST - _LOWEST) / _BINS
        return np.asarray(np.where(total > 0, found, np.nan), np.float64)

    def warnings(self) -> tuple[str, ...]:
        """What looks wrong with the input; empty where nothing does."""
        if self.counts.sum() == 0:
            return ()
        for look in (_unscaled, _too_small, _twice_offset, _un_offset):
            found = look(self)
            if found:
                return (found,)
        return ()


def _unscaled(seen: InputStatistics) -> str | None:
    if seen.counts[:, -1].sum() / seen.counts.sum() <= UNSCALED_SHARE:
        return None
    return (
        "input looks unscaled: most values are above 3.0 where reflectance is 0 to 1.5; "
        "state --quantification (10000 for Sentinel-2)"
    )


def _too_small(seen: InputStatistics) -> str | None:
    brightest = np.nanmax(seen.percentile(0.99))
    if brightest > EIGHT_BIT:
        return None
    return (
        f"input looks wrongly scaled: 99 % of the brightest band lie below {brightest:.3f}; if these are "
        "8-bit values or reflectance already, state --quantification (255 or 1)"
    )


def _darkest(seen: InputStatistics, share: float, *, from_nm: float = 0.0) -> tuple[float, str]:
    """Percentile of the band where it is lowest, and that band's name; NaN where none is that long."""
    dark = seen.percentile(share)
    dark[[band(name).centre_nm < from_nm for name in seen.bands]] = np.nan
    if np.isnan(dark).all():
        return np.nan, ""
    position = int(np.nanargmin(dark))
    return float(dark[position]), seen.bands[position]


def _twice_offset(seen: InputStatistics) -> str | None:
    dark, name = _darkest(seen, 0.05)
    if dark >= TWICE_OFFSET:
        return None
    return (
        f"input looks twice offset: 5 % of {name} lie below {dark:.3f} where "
        "dark ground is about 0; if the offset was taken off already, state --offset 0"
    )


def _un_offset(seen: InputStatistics) -> str | None:
    least, _ = _darkest(seen, 0.01)
    dark, name = _darkest(seen, 0.01, from_nm=DARK_FROM_NM)
    if least < UNOFFSET_RANGE[0] or not UNOFFSET_RANGE[0] <= dark <= UNOFFSET_RANGE[1]:
        return None
    return (
        f"input looks un-offset: even the darkest 1 % of {name} are "
        f"{dark:.3f} where 0.00 to 0.05 is usual; if 1000 DN were added (baseline 04.00 and later), "
        "state --offset -1000"
    )


@dataclass(kw_only=True)
class OutputStatistics:
    """Histogram of the clear probability, gathered window by window."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(10_001, np.int64))

    def add(self, clear: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> None:
        """Count one window: probability of clear (y, x), valid (y, x)."""
        step = _SAMPLE_STRIDE if valid.size > 64**2 else 1
        seen = clear[::step, ::step][valid[::step, ::step]]
        index = np.clip(np.nan_to_num(seen) * 10_000, 0, 10_000).astype(np.intp)
        self.counts += np.bincount(index, minlength=10_001)

    def warnings(self) -> tuple[str, ...]:
        """What looks wrong with the output; empty where nothing does."""
        total = int(self.counts.sum())
        if total < 64:  # too few pixels to speak of a spread
            return ()
        low, high = np.searchsorted(np.cumsum(self.counts), [0.01 * total, 0.99 * total]) / 10_000
        if high - low > CONSTANT_SPREAD:
            return ()
        line = (
            f"output is constant: clear has probability {low:.3f} everywhere; a wholly overcast or empty "
            "scene looks so, and so does input in the wrong unit"
        )
        return (line,)
