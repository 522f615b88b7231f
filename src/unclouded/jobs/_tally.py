"""What is gathered while windows pass by: counts, statistics and a small picture."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLEAR, NODATA
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.outputs.picture import Composite
from unclouded.predict import InputStatistics, OutputStatistics, Prediction

OVERVIEW_PX = 900
"""Longest side of the picture, px."""


@dataclass(kw_only=True)
class Tally:
    """Counts of a mask, and every n-th pixel of it and of a picture of the scene."""

    spec: ModelSpec
    shape: tuple[int, int]
    """(height, width) of the mask, px."""
    composite: Composite | None = None
    """Bands of the picture, among those that the model reads; None: none is made."""
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    """Pixels by code."""
    inputs: InputStatistics = field(init=False)
    outputs: OutputStatistics = field(default_factory=OutputStatistics)
    overview: npt.NDArray[np.uint8] = field(init=False)
    """Codes (y, x) of every `step`-th pixel."""
    picture: npt.NDArray[np.float32] | None = field(init=False)
    """Reflectance (3, y, x) of the same pixels; None without a composite."""

    def __post_init__(self) -> None:
        self.inputs = InputStatistics(bands=self.spec.bands)
        size = tuple(math.ceil(side / self.step) for side in self.shape)
        self.overview = np.full(size, NODATA, np.uint8)
        self.picture = None if self.composite is None else np.zeros((3, *size), np.float32)

    @property
    def step(self) -> int:
        """Pixels of the mask to one of the picture."""
        return math.ceil(max(self.shape) / OVERVIEW_PX)

    def add(self, prediction: Prediction, codes: npt.NDArray[np.uint8]) -> None:
        """Look at one window, and count its classes."""
        self.look(prediction)
        self.count(prediction.window, codes)

    def look(self, prediction: Prediction, part: Window | None = None) -> None:
        """Gather what a window's reflectance and probabilities look like.

        Args:
            part: the part of the scene that is masked; None: all of it.
        """
        reading, window = prediction.reading, prediction.window
        self.inputs.add(reading.reflectance, reading.valid, prediction.presence)
        self.outputs.add(prediction.probabilities[self.spec.classes.index(CLEAR)], reading.valid)
        if part is not None:
            window = replace(
                window, row_off=window.row_off - part.row_off, col_off=window.col_off - part.col_off
            )
        if self.composite is not None and self.picture is not None:
            for channel, name in zip(self.picture, self.composite.bands, strict=True):
                self._lay(channel, window, reading.reflectance[self.spec.bands.index(name)])

    def count(self, window: Window, codes: npt.NDArray[np.uint8]) -> None:
        """Count the classes of a part of the mask, as they are written."""
        self.counts += np.bincount(codes.ravel(), minlength=256)
        self._lay(self.overview, window, codes)

    def _lay(self, picture: npt.NDArray[np.generic], window: Window, values: npt.NDArray[np.generic]) -> None:
        """Write every `step`-th pixel of a window, as far as it lies on the mask, into a picture."""
        inside = window.clipped(self.shape)
        rows = np.arange(-(-inside.row_off // self.step) * self.step, inside.row_end, self.step)
        cols = np.arange(-(-inside.col_off // self.step) * self.step, inside.col_end, self.step)
        picture[np.ix_(rows // self.step, cols // self.step)] = values[
            np.ix_(rows - window.row_off, cols - window.col_off)
        ]

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
