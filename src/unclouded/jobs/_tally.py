"""What is gathered while windows pass by: counts, statistics and a small picture."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLEAR, NODATA, count_bytes
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.jobs._thumbnail import Thumbnail
from unclouded.outputs.picture import Composite
from unclouded.predict import InputStatistics, OutputStatistics, Prediction

OVERVIEW_PX = 900
"""Longest side of the picture, px."""


@dataclass(kw_only=True)
class Tally:
    """Counts of a mask, every n-th pixel of it, and a small picture of the scene."""

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
    thumbnail: Thumbnail | None = field(init=False)
    """The picture, as large as the overview; None without a composite."""

    def __post_init__(self) -> None:
        self.inputs = InputStatistics(bands=self.spec.bands)
        size = tuple(math.ceil(side / self.step) for side in self.shape)
        self.overview = np.full(size, NODATA, np.uint8)
        self.thumbnail = None if self.composite is None else Thumbnail(shape=self.shape, step=self.step)

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
        if self.composite is not None and self.thumbnail is not None:
            shown = [self.spec.bands.index(name) for name in self.composite.bands]
            self.thumbnail.add(window, reading.reflectance[shown], reading.valid)

    def count(self, window: Window, codes: npt.NDArray[np.uint8]) -> None:
        """Count the classes of a part of the mask, as they are written."""
        self.counts += count_bytes(codes, 256)
        rows = np.arange(-window.row_off % self.step, window.height, self.step)
        cols = np.arange(-window.col_off % self.step, window.width, self.step)
        place = np.ix_((window.row_off + rows) // self.step, (window.col_off + cols) // self.step)
        self.overview[place] = codes[np.ix_(rows, cols)]

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
