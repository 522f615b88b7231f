"""What is gathered while windows pass by: counts, statistics and a small picture."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import band
from unclouded.core.classes import CLEAR, NODATA
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.predict import InputStatistics, OutputStatistics, Prediction

OVERVIEW_PX = 900
"""Longest side of the picture, px."""
_TRUE_COLOUR = tuple(band(name).name for name in ("red", "green", "blue"))


@dataclass(kw_only=True)
class Tally:
    """Counts of a mask, and every n-th pixel of it and of its true colour."""

    spec: ModelSpec
    shape: tuple[int, int]
    """(height, width) of the mask, px."""
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Pixels by code."""
    inputs: InputStatistics = field(init=False)
    outputs: OutputStatistics = field(default_factory=OutputStatistics)
    overview: npt.NDArray[np.uint8] = field(init=False)
    """Codes (y, x) of every `step`-th pixel."""
    true_colour: npt.NDArray[np.float32] | None = field(init=False)
    """Reflectance (3, y, x) of the same pixels; None where the model does not read the bands."""

    def __post_init__(self) -> None:
        self.inputs = InputStatistics(bands=self.spec.bands)
        size = tuple(math.ceil(side / self.step) for side in self.shape)
        self.overview = np.full(size, NODATA, np.uint8)
        has_colour = set(_TRUE_COLOUR) <= set(self.spec.bands)
        self.true_colour = np.zeros((3, *size), np.float32) if has_colour else None

    @property
    def step(self) -> int:
        """Pixels of the mask to one of the picture."""
        return math.ceil(max(self.shape) / OVERVIEW_PX)

    def add(self, prediction: Prediction, codes: npt.NDArray[np.uint8]) -> None:
        """Count one window."""
        reading = prediction.reading
        self.counts += np.bincount(codes.ravel(), minlength=256)
        self.inputs.add(reading.reflectance, reading.valid, prediction.presence)
        clear = prediction.probabilities[self.spec.classes.index(CLEAR)]
        self.outputs.add(clear, reading.valid)
        rows, cols = self._sampled(prediction.window)
        place = np.ix_(
            (rows + prediction.window.row_off) // self.step, (cols + prediction.window.col_off) // self.step
        )
        self.overview[place] = codes[np.ix_(rows, cols)]
        if self.true_colour is not None:
            for channel, name in zip(self.true_colour, _TRUE_COLOUR, strict=True):
                source = reading.reflectance[self.spec.bands.index(name)]
                channel[place] = source[np.ix_(rows, cols)]

    def _sampled(self, window: Window) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Rows and columns within the window that are part of the picture."""
        rows = np.arange(-window.row_off % self.step, window.height, self.step)
        cols = np.arange(-window.col_off % self.step, window.width, self.step)
        return rows, cols

    def shares(self) -> dict[int, float]:
        """Class code -> share of the valid pixels, 0 … 1; empty where nothing was seen."""
        valid = int(self.counts.sum() - self.counts[NODATA])
        if valid == 0:
            return {}
        return {code: int(self.counts[code]) / valid for code in self.spec.classes}

    def valid_share(self) -> float:
        """Share of the pixels that were seen, 0 … 1."""
        return 1.0 - float(self.counts[NODATA] / self.counts.sum())

    def warnings(self) -> tuple[str, ...]:
        """What looks wrong with input or output, a line each."""
        if not self.shares():
            return ("nothing to mask: no valid pixel",)
        return (*self.inputs.warnings(), *self.outputs.warnings())
