"""A scene as the instrument and the ground segment deliver it, window by window."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from affine import Affine

from unclouded.core.bands import NAMES
from unclouded.core.classes import NODATA
from unclouded.core.radiometry import DN_NODATA
from unclouded.core.windows import Window
from unclouded.synthetic._sky import Classes, Rendered
from unclouded.synthetic.config import SceneConfig, pixels_of
from unclouded.synthetic.scene import coarsened, render_points
from unclouded.synthetic.sensor import band_groups, seen, to_dn, with_noise

Dn = npt.NDArray[np.uint16]
GSDS = (10, 20, 60)
"""Spacings of a product's bands, m."""

_TRUE_COLOUR = ("B04", "B03", "B02")
_TRUE_COLOUR_WHITE = 3558  # DN without offset that the products' true colour image shows as white


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is delivered of a scene."""

    config: SceneConfig
    crs: str
    size_px: int
    """Side at 10 m."""
    add_offset: int
    """RADIO_ADD_OFFSET, 0 for none."""
    truth_gsd: int

    def transform(self, gsd: float) -> Affine:
        """Pixel to map coordinates."""
        east, north = self.config.origin
        return Affine(gsd, 0, east, 0, -gsd, north)

    def side(self, gsd: int) -> int:
        """Side at a gsd, px."""
        return self.size_px * 10 // gsd


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A window of the frame, ready to be written."""

    dn: Mapping[int, Dn]
    """gsd -> DN of that gsd's bands (band, y, x)."""
    colour: npt.NDArray[np.uint8]
    """True colour at 10 m (3, y, x)."""
    classes: Classes
    """Truth at its gsd, 255 where there are no data."""


def measure(frame: Frame, window: Window) -> Piece:
    """A window, px at 10 m, of all bands at their own gsd. Its offsets and sizes are multiples of 6."""
    fine = render_points(frame.config, NAMES, pixels_of(frame.config, window, 10))
    dn = {gsd: _dn(frame, fine, window, gsd) for gsd in GSDS}
    pixels = pixels_of(frame.config, at_gsd(window, frame.truth_gsd), frame.truth_gsd)
    classes = coarsened(fine, frame.truth_gsd // 10).classes
    return Piece(
        dn=dn,
        colour=_true_colour(dn[10], frame.add_offset),
        classes=np.where(seen(frame.config, pixels), classes, np.uint8(NODATA)),
    )


def at_gsd(window: Window, gsd: int) -> Window:
    """A window in pixels of 10 m as pixels of another gsd."""
    factor = gsd // 10
    return Window(
        row_off=window.row_off // factor,
        col_off=window.col_off // factor,
        height=window.height // factor,
        width=window.width // factor,
    )


def _dn(frame: Frame, fine: Rendered, window: Window, gsd: int) -> Dn:
    """DN of the bands of a gsd, from the scene at 10 m."""
    bands = band_groups(NAMES)[gsd]
    rows = [NAMES.index(name) for name in bands]
    pixels = pixels_of(frame.config, at_gsd(window, gsd), gsd)
    mean = coarsened(replace(fine, reflectance=fine.reflectance[rows]), gsd // 10).reflectance
    dn = to_dn(with_noise(mean, bands, pixels, frame.config.seed), add_offset=frame.add_offset)
    return np.where(seen(frame.config, pixels), dn, np.uint16(DN_NODATA))


def _true_colour(dn: Dn, add_offset: int) -> npt.NDArray[np.uint8]:
    """Red, green and blue for the eye; 0 where there are no data, else 1 to 255."""
    rows = [band_groups(NAMES)[10].index(name) for name in _TRUE_COLOUR]
    value = (dn[rows].astype(np.float32) + add_offset) * np.float32(255 / _TRUE_COLOUR_WHITE)
    return np.where(dn[rows] == DN_NODATA, 0, np.clip(value, 1, 255)).astype(np.uint8)
