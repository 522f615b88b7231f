"""Which part of a scene is masked: all of it, a window of pixels, or what lies in an area."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import NODATA
from unclouded.core.errors import OptionError
from unclouded.core.grid import Grid
from unclouded.core.strips import Strip
from unclouded.core.windows import Window, whole
from unclouded.jobs._area import pixels_in, read_area


@dataclass(frozen=True, kw_only=True)
class Part:
    """Pixels of a scene's grid."""

    window: Window
    """Inside the grid; the mask has its shape."""
    inside: npt.NDArray[np.bool_] | None = None
    """(y, x) of the window, True where the pixel's centre lies in the area; None: everywhere."""

    def shown(self, strip: Strip) -> Strip:
        """The strip with 255 outside of the area."""
        if self.inside is None:
            return strip
        rows = self.inside[strip.row_off : strip.row_end]
        return replace(strip, codes=np.where(rows, strip.codes, np.uint8(NODATA)))


def part_of(grid: Grid, window: Window | None, area: str | None, *, where: str) -> Part:
    """What a window or an area means on a grid.

    Args:
        area: GeoJSON, a file or the text itself.

    Raises:
        OptionError: both are given, or the window is not inside the grid.
        InputError: no GeoJSON.
        GridError: the area lies beside the grid.
    """
    if window is not None and area is not None:
        raise OptionError(f"{where}: expected --window or --area, found both; give one")
    if area is not None:
        found = pixels_in(read_area(area), grid)
        return Part(window=found.window, inside=None if found.mask.all() else found.mask)
    if window is None:
        return Part(window=whole(grid.shape))
    if min(window.shape) < 1 or window.clipped(grid.shape) != window:
        raise OptionError(
            f"{where}: expected a window inside {grid.height} x {grid.width} px, found rows {window.row_off} "
            f"to {window.row_end}, columns {window.col_off} to {window.col_end}; clip it first"
        )
    return Part(window=window)
