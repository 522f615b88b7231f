"""PixBox-S2-CMIX: single pixels in whole products. Only the blocks around them are masked.

The set is for testing; a table of one scheme of points, not of scenes, so that no interval is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLEAR, CLOUD, class_bits
from unclouded.core.counts import TASKS, Counts, count, no_counts
from unclouded.core.metrics import score
from unclouded.core.windows import Window, tiled
from unclouded.labels import Points, pixbox_s2
from unclouded.scene import Scene, open_scene

from .scores import rounded
from .systems import System

BLOCK_PX, CONTEXT_PX = 512, 128
GSD_M = 20.0
"""Spacing at which the systems that take any are run."""
_MIXED = class_bits(CLOUD | {CLEAR})


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found, and what was not there."""

    systems: dict[str, Any]
    products: int
    missing: tuple[str, ...]
    """Products whose image is not in the folder."""


def judge(folder: Path, systems: Sequence[System], *, gsd: float = GSD_M) -> Report:
    """Every system on every pixel of the set whose product is in the folder."""
    points = pixbox_s2.find_points(folder)
    found = {one.product: path for one in points if (path := _product(folder, one.product))}
    totals = {(system.name, mixed): no_counts() for system in systems for mixed in (False, True)}
    for one in points:
        if one.product in found:
            scene = open_scene(found[one.product]).at(gsd)
            for system in systems:
                sets = at_points(system, scene, one)
                if sets is None:
                    continue
                for mixed in (False, True):
                    reference = as_cloud(one.sets) if mixed else one.sets
                    totals[system.name, mixed] += count(reference, sets)
    return Report(
        systems={
            system.name: {
                "mixed pixels ignored": _figures(totals[system.name, False]),
                "mixed pixels are cloud (as OmniCloudMask counts)": _figures(totals[system.name, True]),
            }
            for system in systems
        },
        products=len(found),
        missing=tuple(one.product for one in points if one.product not in found),
    )


def _product(folder: Path, name: str) -> Path | None:
    places = (f"**/{name}.SAFE", f"**/{name}.SAFE.zip", f"**/{name}.zip")
    return next((path for place in places for path in sorted(folder.glob(place))), None)


def as_cloud(sets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pixels that are partly cloud counted as cloud: what the published figures do with ids 8 and 12."""
    return np.where(sets == _MIXED, np.uint8(class_bits(CLOUD)), sets)


def at_points(system: System, scene: Scene, points: Points) -> npt.NDArray[np.uint8] | None:
    """What a system says at each point: bit masks (n,); None where it cannot do the scene."""
    factor = scene.pixel_size / points.gsd_m
    rows, columns = (np.floor((at + 0.5) / factor).astype(np.intp) for at in (points.rows, points.columns))
    out = np.zeros(len(rows), np.uint8)
    for block in tiled(scene.grid.shape, BLOCK_PX):
        inside = _inside(block, rows, columns)
        if not inside.any():
            continue
        around = block.grown(CONTEXT_PX).clipped(scene.grid.shape)
        verdict = system.run(replace(scene, target=scene.grid.cut(around)), scene.id)
        if verdict is None:
            return None
        out[inside] = verdict.sets[rows[inside] - around.row_off, columns[inside] - around.col_off]
    return out


def _inside(
    block: Window, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    down = (rows >= block.row_off) & (rows < block.row_end)
    return down & (columns >= block.col_off) & (columns < block.col_end)


def _figures(counts: Counts) -> dict[str, Any]:
    return {name: dict(_of_task(counts, name)) for name in ("clear", "cloud", "cloud_shadow")}


def _of_task(counts: Counts, name: str) -> Iterator[tuple[str, Any]]:
    """Clear is asked as the opposite of cloud or shadow: references do not tell it from snow."""
    task = next(t for t in TASKS if t.name == ("cloud_or_shadow" if name == "clear" else name))
    c = counts.confusion(task)
    if name == "clear":
        c = replace(c, tp=c.tn, tn=c.tp, fp=c.fn, fn=c.fp)
    yield "counts", asdict(c)
    yield from rounded(score(c)).items()
