"""Refinement of a mask that comes strip by strip, the same as that of the whole.

Each step needs some rows around those that it gives: the disc's radius for a buffer, twice that for a
closing, and for small areas one less than the pixels of the smallest that stays: a smaller one cannot reach
further, and of a larger one as many pixels are in sight.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import WORST_FIRST
from unclouded.core.errors import OptionError
from unclouded.core.grid import METRES_PER_DEGREE, Grid
from unclouded.core.strips import Strip, Strips
from unclouded.refine._bits import Spacing
from unclouded.refine._growth import buffered, closed
from unclouded.refine._islands import filled
from unclouded.refine._rules import Refinement

Codes = npt.NDArray[np.uint8]
_BLOCK_PX = 2_000_000
"""Pixels that a step makes at a time: 182 rows of a 10 m tile."""
_WORK_BYTES_PX = 30
"""What a step takes while it works, a pixel of its block with the halo: 28 measured for small areas."""


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One thing done to a mask."""

    work: Callable[[Codes], Codes]
    halo: int
    """Rows above and below that a row's result depends on."""
    reach: int
    """Pixels around, in rows and columns, that a pixel's result depends on."""

    def rows(self, width: int) -> int:
        """Rows made at a time: at least as many as are read twice."""
        return max(_BLOCK_PX // width, 2 * self.halo, 1)

    def block_px(self, grid: Grid) -> int:
        """Pixels held, those that are read twice among them."""
        return min(grid.height, self.rows(grid.width) + 2 * self.halo) * grid.width


def refine_strips(
    strips: Iterable[Strip], grid: Grid, refinement: Refinement, *, spacing: Spacing | None = None
) -> Strips:
    """The refined mask in strips of its own cut, the same however the mask was cut.

    A strip comes out when the rows that it depends on have come in. Probabilities stay behind: they are the
    network's. Where nothing is asked for the strips pass as they are.

    Args:
        spacing: of the scene, where these strips are a part of one in degrees; None: that of the grid.

    Raises:
        OptionError: the grid's spacing is not known.
    """
    if not refinement:
        yield from strips
        return
    for step in _steps(refinement, spacing or spacing_of(grid)):
        strips = _overlapped(strips, step, grid.shape)
    yield from strips


def refine_array(codes: Codes, grid: Grid, refinement: Refinement) -> Codes:
    """A whole mask refined, uint8 (y, x); 255 stays.

    Raises:
        OptionError: the grid's spacing is not known.
    """
    strips = refine_strips([Strip(row_off=0, codes=codes)], grid, refinement)
    return np.concatenate([strip.codes for strip in strips])


def bytes_held(refinement: Refinement, grid: Grid) -> int:
    """Memory that refinement takes at its peak: every step holds a block of codes, one of them works on its.

    Raises:
        OptionError: the grid's spacing is not known.
    """
    if not refinement:
        return 0
    blocks = [step.block_px(grid) for step in _steps(refinement, spacing_of(grid))]
    return sum(blocks) + _WORK_BYTES_PX * max(blocks, default=0)


def reach_px(refinement: Refinement, grid: Grid) -> int:
    """Pixels around a part of the grid that the refined part depends on.

    Raises:
        OptionError: the grid's spacing is not known.
    """
    return sum(step.reach for step in _steps(refinement, spacing_of(grid))) if refinement else 0


def spacing_of(grid: Grid) -> Spacing:
    """Distance between pixels of a grid on the ground; of degrees at its middle.

    Raises:
        OptionError: it is not known.
    """
    if not grid.spacing_known:
        raise OptionError(
            "refinement in metres: expected a grid whose spacing is known, found one without; "
            "state it with --pixel-size"
        )
    t = grid.transform
    row, col = math.hypot(t.b, t.e), math.hypot(t.a, t.d)
    if grid.geographic:
        latitude = t.f + t.d * grid.width / 2 + t.e * grid.height / 2
        row, col = row * METRES_PER_DEGREE, col * METRES_PER_DEGREE * math.cos(math.radians(latitude))
    return Spacing(row=row, col=col)


def _steps(refinement: Refinement, spacing: Spacing) -> Iterator[_Step]:
    least = math.ceil(refinement.min_area_m2 / spacing.area * (1 - 1e-9))
    if least > 1:
        for code in WORST_FIRST:
            yield _Step(work=partial(filled, code=code, least=least), halo=least - 1, reach=least - 1)
    for rules, work, times in ((refinement.closing, closed, 2), (refinement.buffer, buffered, 1)):
        if rules:
            widest = spacing.reach(max(rule.radius_m for rule in rules))
            rows, cols = len(widest) - 1, widest[0]
            yield _Step(
                work=partial(work, rules=rules, spacing=spacing),
                halo=times * rows,
                reach=times * max(rows, cols),
            )


def _overlapped(strips: Iterable[Strip], step: _Step, shape: tuple[int, int]) -> Strips:
    """What a step makes of strips, in strips of its own, each worked out with its halo around it."""
    height, rows = shape[0], step.rows(shape[1])
    held: list[Codes] = []
    top = made = 0  # first row held; first row not yet made
    for strip in strips:
        held.append(strip.codes)
        while made < height and strip.row_end >= min(height, made + rows + step.halo):
            end = min(height, made + rows)
            block = held[0] if len(held) == 1 else np.concatenate(held)
            seen = block[: end + step.halo - top]
            yield Strip(row_off=made, codes=step.work(seen)[made - top : end - top])
            made = end
            drop = max(0, made - step.halo - top)
            held, top = [block[drop:]], top + drop
