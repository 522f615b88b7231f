"""Which runtime runs a network, and on what: as asked, or the best that is there and why no better."""

from dataclasses import dataclass, replace
from typing import Literal

from unclouded.core.cores import usable_cores
from unclouded.core.errors import OptionError
from unclouded.predict.runtimes import Session, Wanted, cuda, ort

Runtime = Literal["onnxruntime", "openvino"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a network is run. It changes time, and of the mask a pixel in a thousand at most."""

    runtime: Runtime = "onnxruntime"
    """`openvino` needs the extra of that name."""
    device: Device = "auto"
    """`auto` takes a card where onnxruntime can use one, `cuda` fails where it cannot."""
    precision: Precision = "fp32"
    """`bf16`: with openvino, on a processor that has it."""

    def __post_init__(self) -> None:
        if self.runtime == "openvino" and self.device == "cuda":
            raise OptionError("runtime openvino: expected --device cpu or auto, found cuda; take onnxruntime")


def open_session(content: bytes, running: Running, *, where: str) -> Session:
    """A session over a model given as bytes. Its `device` says what came of `auto`, and why no better.

    Raises:
        ModelError: not an ONNX model.
        OptionError: what was asked for is not to be had here.
    """
    wanted = Wanted(where=where, parallel=usable_cores(), precision=running.precision)
    if running.runtime == "openvino":
        from unclouded.predict.runtimes import openvino  # noqa: PLC0415 - an extra

        return openvino.open_session(content, wanted)
    if running.device == "cuda":
        return cuda.open_session(content, wanted)
    # callers share one pool of threads: a window that runs alone has all cores (tile at 20 m: 32 s, not 37)
    on_cpu = ort.open_session(content, replace(wanted, threads=wanted.parallel))
    if running.device == "cpu":
        return on_cpu
    reason = cuda.why_not()
    if reason is None:
        try:
            return cuda.open_session(content, wanted)
        except OptionError as err:
            reason = str(err)
    return replace(on_cpu, device=f"{on_cpu.device} (no CUDA: {reason})")
