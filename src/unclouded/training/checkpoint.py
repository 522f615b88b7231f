"""Weights and the options that they belong to, in one file that holds no code."""

import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unclouded.core import registry
from unclouded.core.errors import ModelError, OptionError, OutputError
from unclouded.models import patchcnn, smp, unet

FORMAT = 1
Network = patchcnn.PatchCnn | unet.UNet | smp.SmpNet


def name_of(network: nn.Module) -> str:
    """The file in `models/` that a network is of."""
    return type(network).__module__.rpartition(".")[2]


def new_network(name: str, options: dict[str, Any]) -> Network:
    """A network of that name with these options, its weights drawn from torch's generator.

    Raises:
        OptionError: no such network, or an option that it does not know or take.
    """
    module = registry.find("unclouded.models", name)
    network: Network = module.build(module.Config(**options))
    return network


def save_checkpoint(path: Path, network: Network, spec: str = "") -> None:
    """Write the network; the file appears under its name when it is whole.

    Args:
        spec: its ModelSpec as JSON, for a later export; empty: none.

    Raises:
        OutputError: the folder cannot be written to.
    """
    body = {
        "format": FORMAT,
        "model": name_of(network),
        "options": asdict(network.config),
        "weights": network.state_dict(),
        "spec": spec,
    }
    beside = path.with_name(f".{path.name}.part")
    try:
        torch.save(body, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as err:  # torch reports a full disk as RuntimeError
        beside.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot write the checkpoint: {err}; choose a folder with room that is yours"
        ) from err


def load_checkpoint(path: Path) -> Network:
    """The network that `save_checkpoint` wrote, ready to predict.

    Raises:
        ModelError: no such file, not a checkpoint of ours, or of another format. Code in it never runs.
    """
    return load_with_spec(path)[0]


def load_with_spec(path: Path) -> tuple[Network, str]:
    """The network that `save_checkpoint` wrote, and its ModelSpec as JSON, empty where none was given.

    Raises:
        ModelError: as `load_checkpoint`.
    """
    body = read_safely(path)
    known = registry.names("unclouded.models")
    if not isinstance(body, dict) or body.get("format") != FORMAT or body.get("model") not in known:
        found = (
            {key: body[key] for key in ("format", "model") if key in body} or sorted(map(str, body))[:8]
            if isinstance(body, dict)
            else type(body).__name__
        )
        raise ModelError(
            f"{path}: expected a checkpoint of format {FORMAT} of {' or '.join(known)}, found {found}; "
            "train it again, or use the version that wrote it"
        )
    try:
        network = new_network(body["model"], body["options"])
        network.load_state_dict(body["weights"])
    except (KeyError, TypeError, AttributeError, RuntimeError, OptionError) as err:
        reason = " ".join(str(err).split())[:200]
        raise ModelError(f"{path}: the checkpoint's weights do not fit its options: {reason}") from err
    return network.eval(), str(body.get("spec", ""))


def start_from(network: Network, other: Network, *, where: str) -> None:
    """Give a network the weights of another of the same architecture.

    Raises:
        ModelError: another architecture; what differs is named.
    """
    differs = differences(network, other)
    if differs:
        raise ModelError(
            f"{where}: expected weights of the same network, found others: {differs}; change [options] or "
            "start from others"
        )
    network.load_state_dict(other.state_dict())


def differences(network: Network, other: Network) -> str:
    """Where two networks' architectures differ, for people; empty where they do not."""
    if name_of(network) != name_of(other):
        return f"model {name_of(other)}, not {name_of(network)}"
    mine, theirs = asdict(network.config), asdict(other.config)
    return ", ".join(
        f"{key} {theirs[key]}, not {mine[key]}"
        for key in mine
        if mine[key] != theirs[key] and key != "dropout"
    )


def read_safely(path: Path) -> Any:
    """What torch saved, where it is tensors and plain values.

    Raises:
        ModelError: no such file, or one that wants to run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as err:
        reason = " ".join(str(err).split())[:200]
        raise ModelError(f"{path}: expected a checkpoint of unclouded, found: {reason}") from err
