"""A mask after the network: small areas filled, gaps closed, classes grown, in metres. Arrays only."""

from unclouded.refine._bits import Spacing
from unclouded.refine._rules import Refinement, Rule, lengths, rules
from unclouded.refine._strips import bytes_held, reach_px, refine_array, refine_strips, spacing_of

__all__ = [
    "Refinement",
    "Rule",
    "Spacing",
    "bytes_held",
    "lengths",
    "reach_px",
    "refine_array",
    "refine_strips",
    "rules",
    "spacing_of",
]
