"""One scene end to end, and many: the only room that joins prediction and outputs."""

from unclouded.jobs._array import ArrayMask, mask_array
from unclouded.jobs._batch import RunOptions, RunReport, SceneReport, mask
from unclouded.jobs._codes import CodesOptions, CodesReport, StackedCodes, stack_codes
from unclouded.jobs._inspect import Inspection, Runs, inspect
from unclouded.jobs._scene import MaskOptions
from unclouded.jobs._shard import Shard
from unclouded.jobs._stack import Stacked, StackOptions, StackReport, stack
from unclouded.jobs._stats import AreaStats, stats

__all__ = [
    "AreaStats",
    "ArrayMask",
    "CodesOptions",
    "CodesReport",
    "Inspection",
    "MaskOptions",
    "RunOptions",
    "RunReport",
    "Runs",
    "SceneReport",
    "Shard",
    "StackOptions",
    "StackReport",
    "Stacked",
    "StackedCodes",
    "inspect",
    "mask",
    "mask_array",
    "stack",
    "stack_codes",
    "stats",
]
