"""What a caller may state about a source, to fill in or overrule what it says of itself."""

import math
from dataclasses import dataclass, field

from unclouded.core.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """Options of `open_scene`; None leaves the matter to the source."""

    offset: float | None = None
    """What is added to every band's DN."""
    quantification: float | None = None
    """What the sum is divided by."""
    sensor: str | None = None
    """`sentinel-2`, `landsat-8` …"""
    level: str | None = None
    """`L1C`, `L2A` …"""
    gsd: float | None = None
    """Spacing of a raster that carries no georeference, m."""
    granule: str | None = None
    """Which granule of a product of many: its tile, `32TQM`, or its folder's name; which item of a document
    of several: its id."""
    bearer: str | None = field(default=None, repr=False)
    """Access token for files that CDSE hands out over https; without one they are read from its S3."""

    def __post_init__(self) -> None:
        if self.offset is not None and not math.isfinite(self.offset):
            raise OptionError(f"--offset: expected a number, found {self.offset}")
        for name, value in (("--quantification", self.quantification), ("gsd", self.gsd)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise OptionError(f"{name}: expected a number above 0, found {value}")

    @property
    def states_radiometry(self) -> bool:
        """Whether offset and quantification are both stated."""
        return self.offset is not None and self.quantification is not None
