"""A whole scene: land, clouds, their shadows, and which is which."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unclouded.core.bands import canonical_names
from unclouded.core.windows import Window, tiled
from unclouded.synthetic._noise import Float, Sampling, block_mean, seed_of
from unclouded.synthetic._sky import Rendered, classify, under_sky
from unclouded.synthetic.config import SceneConfig, pixels_of, whole_window
from unclouded.synthetic.land import ground
from unclouded.synthetic.landscapes import LANDSCAPES

BLOCK_POINTS = 480
"""Side of the pieces in which a scene is computed: small enough to stay in the processor's cache."""


def render(
    config: SceneConfig, bands: Sequence[str], window: Window | None = None, gsd: float = 10.0
) -> Rendered:
    """A window of the scene at a spacing, without noise or quantisation.

    A pixel is the mean over points at most 20 m apart, 10 m up to a gsd of 20 m; detail finer than the
    points is left out.

    Args:
        bands: names in the order wanted.
        window: in pixels of `gsd` from the scene's upper left corner; it may reach past the scene. None: all.
        gsd: spacing of the pixels, m; a divisor of 60 or a multiple of it.

    Raises:
        BandError: no such band.
        OptionError: a spacing that does not nest with 60 m.
    """
    names = canonical_names(bands)
    wanted = window or whole_window(config, gsd)
    pixels = pixels_of(config, wanted, gsd)
    out = _empty(len(names), wanted.shape)
    factor = support_factor(gsd)
    for part in tiled(wanted.shape, max(1, BLOCK_POINTS // factor)):
        points = _part(pixels, part).finer(factor)
        _put(out, part, coarsened(render_points(config, names, points), factor))
    return out


def _part(pixels: Sampling, part: Window) -> Sampling:
    return replace(pixels.moved(part.row_off, part.col_off), height=part.height, width=part.width)


def _empty(bands: int, shape: tuple[int, int]) -> Rendered:
    return Rendered(
        reflectance=np.empty((bands, *shape), np.float32),
        classes=np.empty(shape, np.uint8),
        cloud_depth=np.empty(shape, np.float32),
        shadow_depth=np.empty(shape, np.float32),
    )


def _put(out: Rendered, part: Window, piece: Rendered) -> None:
    rows, cols = part.slices
    out.reflectance[:, rows, cols] = piece.reflectance
    out.classes[rows, cols] = piece.classes
    out.cloud_depth[rows, cols] = piece.cloud_depth
    out.shadow_depth[rows, cols] = piece.shadow_depth


def support_factor(gsd: float) -> int:
    """Into how many points per side a pixel is divided."""
    if gsd <= 10:
        return 1
    return math.ceil(gsd / 10) if gsd <= 30 else math.ceil(gsd / 20)


def coarsened(piece: Rendered, factor: int) -> Rendered:
    """The piece with factor x factor pixels averaged; classes follow from the mean depths."""
    cloud, shadow = block_mean(piece.cloud_depth, factor), block_mean(piece.shadow_depth, factor)
    return Rendered(
        reflectance=block_mean(piece.reflectance, factor),
        classes=classify(cloud, shadow),
        cloud_depth=cloud,
        shadow_depth=shadow,
    )


def render_points(config: SceneConfig, bands: Sequence[str], sampling: Sampling) -> Rendered:
    """The scene at points, each standing for the area around it."""
    landscape = LANDSCAPES[config.landscape] if isinstance(config.landscape, str) else config.landscape
    below = ground(
        sampling.grown(1),
        landscape,
        seed_of(config.seed, "land"),
        sun_zenith=config.sun_zenith,
        sun_azimuth=config.sun_azimuth,
    ).reflectance(bands)
    return under_sky(_blurred(below), bands, sampling, config)


def _blurred(values: Float) -> Float:
    """What optics do to edges: (band, y + 2, x + 2) -> (band, y, x).

    A transfer of about 0.25 at the Nyquist frequency, as the instrument's bands have in flight.
    """
    side, middle = np.float32(0.19), np.float32(0.62)
    rows = values[:, 1:-1] * middle
    rows += side * (values[:, :-2] + values[:, 2:])
    out = rows[:, :, 1:-1] * middle
    out += side * (rows[:, :, :-2] + rows[:, :, 2:])
    return np.asarray(out, np.float32)


def clouds_over(reflectance: Float, bands: Sequence[str], gsd: float, config: SceneConfig) -> Rendered:
    """Synthetic clouds over a clear image, with the truth: (band, y, x) -> `Rendered`.

    The image's upper left corner lies at the scene's origin; `config.size_m` says over what area the share
    of clouds holds, best the image's own. For augmentation: the image's own land stays.

    Raises:
        BandError: no such band.
        OptionError: a spacing that does not nest with 60 m.
    """
    names = canonical_names(bands)
    height, width = reflectance.shape[-2:]
    window = Window(row_off=0, col_off=0, height=height, width=width)
    below = reflectance.astype(np.float32, copy=False)
    return under_sky(below, names, pixels_of(config, window, gsd), config)
