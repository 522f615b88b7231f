"""What no accuracy figure shows: false clouds on cloud-free ground, and holes in overcast skies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unclouded.core.classes import CLOUD, SHADOW, class_bits
from unclouded.core.windows import Window
from unclouded.scene import Scene

from .scores import UNSURE, rounded
from .subjects import Subject
from .systems import System, Verdict

_CLOUD, _SHADOW = class_bits(CLOUD), class_bits(frozenset({SHADOW}))
CLEAR_LABEL, OVERCAST_LABEL = 0.0, 0.99
"""Share of cloud in a label at which a chip counts as cloud-free, and as overcast."""
GSDS = (None, 20.0, 60.0)
WINDOWS = (None, 128, 64, 32)
"""Pixels a side that a system is given alone; None: the whole image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """An image that is one thing all over."""

    id: str
    surface: str
    source: str
    train_ok: bool
    open: Callable[[], Scene]


def shares(verdict: Verdict) -> dict[str, float | None] | None:
    """Share of the seen pixels that are called cloud, and shadow; None where none was seen.

    A share is None where the system does not tell: of two classes, "no cloud" may be shadow.
    """
    seen = verdict.sets[verdict.sets > 0]
    if not seen.size:
        return None
    found: dict[str, float | None] = {"pixels": float(seen.size)}
    for name, bits in (("cloud", _CLOUD), ("shadow", _SHADOW)):
        may_be = (seen & np.uint8(bits)) > 0
        sure = may_be & ((seen & ~np.uint8(bits)) == 0)
        found[name] = float(sure.mean()) if (may_be & ~sure).mean() <= UNSURE else None
    return found


def hard_surfaces(grounds: Sequence[Ground], systems: Sequence[System]) -> list[dict[str, Any]]:
    """A row a cloud-free image: the share that each system calls cloud, and shadow."""
    return [_row(ground, systems) for ground in grounds]


def _row(ground: Ground, systems: Sequence[System]) -> dict[str, Any]:
    scene = ground.open()
    found = {}
    for system in systems:
        verdict = system.run(scene, ground.id)
        found[system.name] = None if verdict is None else rounded(shares(verdict))
    return {
        "id": ground.id,
        "surface": ground.surface,
        "source": ground.source,
        "train_ok": ground.train_ok,
        "level": scene.level,
        "bands": len(scene.bands),
        "systems": found,
    }


def overcast(grounds: Sequence[Ground], systems: Sequence[System]) -> list[dict[str, Any]]:
    """A row an overcast image, spacing and window: the share that each system calls cloud.

    Every system is run on the grid of the row as it comes, whatever it was made for: what it says of a sky
    without a gap must not depend on how the sky was cut.
    """
    return [row for ground in grounds for row in _overcast_rows(ground, systems)]


def _overcast_rows(ground: Ground, systems: Sequence[System]) -> Iterator[dict[str, Any]]:
    scene = ground.open()
    done = set()
    for gsd in GSDS:
        if gsd is not None and gsd <= scene.pixel_size * 1.02:
            continue
        work = scene if gsd is None else scene.at(gsd)
        for size in WINDOWS:
            part = work if size is None else _middle(work, size)
            if part is None or (gsd, part.grid.shape) in done:
                continue
            done.add((gsd, part.grid.shape))
            yield {
                "id": ground.id,
                "source": ground.source,
                "gsd_m": round(work.pixel_size, 1),
                "window": "whole" if size is None else size,
                "systems": {system.name: _cloud(system.run(part, ground.id)) for system in systems},
            }


def _cloud(verdict: Verdict | None) -> float | None:
    found = None if verdict is None else shares(verdict)
    return None if found is None else rounded(found["cloud"])


def _middle(scene: Scene, size: int) -> Scene | None:
    """The square of so many pixels in the middle; None where the scene is no larger."""
    height, width = scene.grid.shape
    if min(height, width) <= size:
        return None
    window = Window(row_off=(height - size) // 2, col_off=(width - size) // 2, height=size, width=size)
    return replace(scene, target=scene.grid.cut(window))


def grounds_of_chips(subjects: Sequence[Subject], *, overcast_sky: bool) -> Iterator[Ground]:
    """Chips whose label is cloud-free (or overcast) all over."""
    for subject in subjects:
        reference = subject.reference()
        known = reference > 0
        cloud = ((reference & ~np.uint8(_CLOUD)) == 0)[known].mean() if known.any() else None
        if cloud is None or not (cloud >= OVERCAST_LABEL if overcast_sky else cloud <= CLEAR_LABEL):
            continue
        yield Ground(
            id=subject.id,
            surface=subject.stratum or "label without cloud",
            source=subject.source,
            train_ok=subject.train_ok,
            open=subject.open,
        )
