"""One scene end to end, and many: the only room that joins prediction and outputs."""

from unclouded.jobs._batch import RunReport, SceneReport, mask
from unclouded.jobs._scene import MaskOptions

__all__ = ["MaskOptions", "RunReport", "SceneReport", "mask"]
