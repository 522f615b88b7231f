"""A mask after the network: small areas filled, gaps closed, classes grown, in metres. Arrays only."""

from unclouded.refine._rules import Refinement, Rule, lengths, rules
from unclouded.refine._strips import reach_px, refine_array, refine_strips, rows_held

__all__ = [
    "Refinement",
    "Rule",
    "lengths",
    "reach_px",
    "refine_array",
    "refine_strips",
    "rows_held",
    "rules",
]
