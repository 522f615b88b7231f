"""Weights and the options that they belong to, in one file that holds no code."""

import os
import pickle
from dataclasses import asdict
from pathlib import Path

import torch

from unclouded.core.errors import ModelError, OutputError
from unclouded.models.patchcnn import Config, PatchCnn, build

FORMAT = 1


def save_checkpoint(path: Path, network: PatchCnn) -> None:
    """Write the network; the file appears under its name when it is whole.

    Raises:
        OutputError: the folder cannot be written to.
    """
    body = {
        "format": FORMAT,
        "model": "patchcnn",
        "options": asdict(network.config),
        "weights": network.state_dict(),
    }
    beside = path.with_name(f".{path.name}.part")
    try:
        torch.save(body, beside)
        os.replace(beside, path)  # noqa: PTH105 - as atomic as Path.replace, and says so
    except (OSError, RuntimeError) as err:  # torch reports a full disk as RuntimeError
        beside.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot write the checkpoint: {err}; choose a folder with room that is yours"
        ) from err


def load_checkpoint(path: Path) -> PatchCnn:
    """The network that `save_checkpoint` wrote, ready to predict.

    Raises:
        ModelError: no such file, not a checkpoint of ours, or of another format. Code in it never runs.
    """
    try:
        body = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as err:
        reason = " ".join(str(err).split())[:200]
        raise ModelError(f"{path}: expected a checkpoint of unclouded, found: {reason}") from err
    if not isinstance(body, dict) or (body.get("format"), body.get("model")) != (FORMAT, "patchcnn"):
        found = sorted(map(str, body))[:8] if isinstance(body, dict) else type(body).__name__
        raise ModelError(
            f"{path}: expected a patchcnn checkpoint of format {FORMAT}, found {found}; "
            "train it again, or use the version that wrote it"
        )
    try:
        network = build(Config(**body["options"]))
        network.load_state_dict(body["weights"])
    except (KeyError, TypeError, RuntimeError) as err:
        reason = " ".join(str(err).split())[:200]
        raise ModelError(f"{path}: the checkpoint's weights do not fit its options: {reason}") from err
    return network.eval()
