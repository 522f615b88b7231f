"""How a stack's numbers stand for reflectance: as reflectance, as DN, or as DN in floats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.radiometry import DN_NODATA, Radiometry, to_reflectance
from unclouded.scene import Numbers

Dtype = Literal["float32", "uint16", "dn-float32"]
DTYPES: tuple[Dtype, ...] = ("float32", "uint16", "dn-float32")

_SMALLEST_QUANTIFICATION = 1000.0
"""Numbers that are divided by less are reflectance, or bytes: whole numbers would lose them."""
_USUAL_QUANTIFICATION, _USUAL_OFFSET = 10_000.0, -1000.0
_LEAST, _MOST = 1, 65_535
# Sums of float32 may miss a tie by so much; averages of n <= 100 pixels that are no ties miss it by more.
_TIE_SLACK = 2.0**-8


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the file's numbers stand for reflectance."""

    dtype: Dtype
    source: Radiometry
    """Of the numbers that are read."""
    target: Radiometry
    """Of those that are written."""

    @property
    def nodata(self) -> float:
        """Number of a pixel that was not seen. NaN for reflectance: 0.0 is dark water."""
        return math.nan if self.dtype == "float32" else float(DN_NODATA)

    @property
    def file_dtype(self) -> str:
        """The file's own name for it."""
        return "uint16" if self.dtype == "uint16" else "float32"

    def encode(self, numbers: Numbers, names: Sequence[str]) -> npt.NDArray[np.generic]:
        """(band, y, x) as written."""
        out = np.empty(numbers.dn.shape, self.file_dtype)
        for position in range(len(names)):  # one at a time: all at once would take their memory many times
            one = slice(position, position + 1)
            out[one] = self._encoded(numbers.dn[one], numbers.valid[one], names[one])
        return out

    def _encoded(
        self, dn: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], names: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        values = self._values(dn, names)
        if self.dtype == "uint16":
            whole = np.floor(values + np.float32(0.5 + _TIE_SLACK))  # ties go up, as GDAL has them
            return np.where(valid, np.clip(whole, _LEAST, _MOST), np.float32(DN_NODATA))
        return np.where(valid, values, np.float32(self.nodata))

    def _values(self, dn: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.target == self.source:
            return dn
        reflectance = to_reflectance(dn, names, self.source)
        if self.dtype == "float32":
            return reflectance
        return reflectance * np.float32(_USUAL_QUANTIFICATION) - np.float32(_USUAL_OFFSET)

    def lost(self, numbers: Numbers, names: Sequence[str]) -> int:
        """How many numbers that were seen cannot be told from nodata, or do not fit."""
        return sum(
            self._lost(self._values(numbers.dn[k : k + 1], names[k : k + 1])[numbers.valid[k : k + 1]])
            for k in range(len(names))
        )

    def _lost(self, values: npt.NDArray[np.float32]) -> int:
        match self.dtype:
            case "float32":
                return 0
            case "dn-float32":
                return int(np.count_nonzero(values == DN_NODATA))
            case "uint16":
                return int(np.count_nonzero((values < _LEAST - 0.5) | (values >= _MOST + 0.5)))

    def warnings(self, lost: int) -> tuple[str, ...]:
        """What to say of numbers that were lost."""
        if not lost:
            return ()
        if self.dtype == "uint16":
            return (f"uint16: {lost} numbers outside of {_LEAST} to {_MOST} were brought to its ends",)
        return (f"{self.dtype}: {lost} numbers are 0 and read as nodata; float32 keeps them",)


def encoding_of(radiometry: Radiometry, names: Sequence[str], dtype: Dtype) -> Encoding:
    """How numbers of a source are written: DN stay what they are where whole numbers can hold them."""
    as_is = dtype == "dn-float32" or (
        dtype == "uint16"
        and min(radiometry.quantification[name] for name in names) >= _SMALLEST_QUANTIFICATION
    )
    if as_is:
        return Encoding(dtype=dtype, source=radiometry, target=radiometry)
    offset, quantification = (0.0, 1.0) if dtype == "float32" else (_USUAL_OFFSET, _USUAL_QUANTIFICATION)
    target = Radiometry(
        offset=dict.fromkeys(names, offset),
        quantification=dict.fromkeys(names, quantification),
        origin="unclouded stack",
    )
    return Encoding(dtype=dtype, source=radiometry, target=target)
