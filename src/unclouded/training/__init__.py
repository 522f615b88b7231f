"""From scenes and labels to weights, and from weights to an ONNX file that carries its ModelSpec."""

from unclouded.training.checkpoint import load_checkpoint, save_checkpoint
from unclouded.training.config import TrainingConfig, read_config
from unclouded.training.export import compare_with_torch, to_onnx, to_patch_onnx
from unclouded.training.run import Trained, train

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
