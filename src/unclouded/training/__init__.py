"""From scenes and labels to weights, and from weights to an ONNX file that carries its ModelSpec.

What needs torch is imported when it is asked for: configurations are read, and patch stores made, without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from unclouded.training.config import TrainingConfig, read_config

if TYPE_CHECKING:
    from unclouded.training.checkpoint import load_checkpoint, save_checkpoint
    from unclouded.training.export import compare_with_torch, to_onnx, to_patch_onnx
    from unclouded.training.run import Trained, train

_LATER = {
    "Trained": "run",
    "compare_with_torch": "export",
    "load_checkpoint": "checkpoint",
    "save_checkpoint": "checkpoint",
    "to_onnx": "export",
    "to_patch_onnx": "export",
    "train": "run",
}

__all__ = [
    "Trained",
    "TrainingConfig",
    "compare_with_torch",
    "load_checkpoint",
    "read_config",
    "save_checkpoint",
    "to_onnx",
    "to_patch_onnx",
    "train",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
