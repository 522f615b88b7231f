"""Options of `mask` for tests that are about the run, not about the network."""

from typing import Any

from unclouded.jobs import MaskOptions


def patchwise(**options: Any) -> MaskOptions:
    """With the study's network, at 60 m unless told otherwise: two classes, and quick on a few pixels."""
    return MaskOptions(model="patchcnn-v1", **options)
