"""Labelled scenes cut into samples to learn from. Arrays in, arrays out; no torch."""

from unclouded.patches.augment import Augmentation, Sample
from unclouded.patches.generated import SyntheticScenes
from unclouded.patches.memory import MemoryStore, Store, draw
from unclouded.patches.pairs import LabelFiles, Pair, SceneFiles, find_pairs, read_pair
from unclouded.patches.plan import Items, Plan, Squares, draw_plan
from unclouded.patches.sampler import Batch, PixelSource, RowSource, Sampling, Strip, batches
from unclouded.patches.scenes import LabelledScene, labelled
from unclouded.patches.splits import Splitting, settled, write_list
from unclouded.patches.store import ZarrStore, estimate, open_store, write_store

__all__ = [
    "Augmentation",
    "Batch",
    "Items",
    "LabelFiles",
    "LabelledScene",
    "MemoryStore",
    "Pair",
    "PixelSource",
    "Plan",
    "RowSource",
    "Sample",
    "Sampling",
    "SceneFiles",
    "Splitting",
    "Squares",
    "Store",
    "Strip",
    "SyntheticScenes",
    "ZarrStore",
    "batches",
    "draw",
    "draw_plan",
    "estimate",
    "find_pairs",
    "labelled",
    "open_store",
    "read_pair",
    "settled",
    "write_list",
    "write_store",
]
