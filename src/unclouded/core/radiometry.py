"""Digital numbers to reflectance: the one door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DN_NODATA = 0
"""DN of a pixel that was not seen, whatever the offset (product special value NODATA)."""
DN_SATURATED = 65535
"""DN that the products state for saturation (special value SATURATED)."""


@dataclass(frozen=True, kw_only=True)
class Radiometry:
    """How a product's numbers become reflectance, and who says so."""

    offset: Mapping[str, float]
    """Band -> what is added to its DN, e.g. -1000 from processing baseline 04.00 on."""
    quantification: Mapping[str, float]
    """Band -> what the sum is divided by, 10000 in every Sentinel-2 product so far."""
    origin: str
    """Where the numbers come from: `MTD_MSIL1C.xml`, `--offset`, `GDAL scale and offset`."""

    def describe(self) -> str:
        """One line for people and tags: `offset -1000, quantification 10000 (MTD_MSIL1C.xml)`."""
        return f"offset {summary(self.offset)}, quantification {summary(self.quantification)} ({self.origin})"


def to_reflectance(
    dn: npt.NDArray[np.generic], bands: Sequence[str], radiometry: Radiometry
) -> npt.NDArray[np.float32]:
    """(DN + offset) / quantification, band by band: (band, y, x) -> float32 reflectance.

    Dark pixels may come out below 0 and cloud tops above 1; nothing is clipped.
    Source: Sentinel-2 product specification (S2-PDGS-TAS-DI-PSD-V14), reflectance of baseline 04.00.
    """
    offset = np.array([radiometry.offset[name] for name in bands], np.float32)[:, None, None]
    quantification = np.array([radiometry.quantification[name] for name in bands], np.float32)[:, None, None]
    reflectance = np.add(dn, offset, dtype=np.float32)
    return np.asarray(np.divide(reflectance, quantification, out=reflectance), np.float32)


def summary(values: Mapping[str, float]) -> str:
    """`-1000` where all bands agree, else `B01 -1000, B02 0 …`."""
    distinct = sorted(set(values.values()))
    if len(distinct) == 1:
        return f"{distinct[0]:g}"
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
