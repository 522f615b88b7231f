"""Labelled scenes cut into batches of patches to learn from. Arrays in, arrays out; no torch."""

from unclouded.patches.sampler import Batch, Sampling, batches
from unclouded.patches.scenes import LabelledScene, labelled

__all__ = ["Batch", "LabelledScene", "Sampling", "batches", "labelled"]
