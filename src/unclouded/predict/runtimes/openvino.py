"""OpenVINO on the CPU, fp32 or bf16. Extra `openvino`."""

from dataclasses import dataclass
from queue import LifoQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import ModelError, OptionError
from unclouded.predict.runtimes import Wanted
from unclouded.predict.runtimes.ort import check_signature, described

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""Our name of a precision -> OpenVINO's."""


@dataclass(frozen=True, kw_only=True)
class OpenVinoSession:
    """A network in OpenVINO."""

    metadata: dict[str, str]
    """The model file's own key-value metadata."""
    input_names: tuple[str, ...]
    """Reflectance, and presence where the network takes any subset of bands."""
    device: str
    """What it runs on, by what."""
    requests: "LifoQueue[Any]"
    """As many as windows may run at the same time; each is used by one caller at a time."""
    batch: int = 1
    """Windows that it takes at a time."""

    @property
    def takes_presence(self) -> bool:
        """Whether the network wants to know which bands are there."""
        return len(self.input_names) == 2

    def run(
        self, reflectance: npt.NDArray[np.float32], presence: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x); `presence` as in `Session`."""
        given = (reflectance,) if presence is None else (reflectance, presence)
        request = self.requests.get()
        try:
            found = request.infer(dict(zip(self.input_names, given, strict=True)), share_inputs=True)
            return np.array(next(iter(found.values())), np.float32)  # a copy: the request writes there again
        finally:
            self.requests.put(request)


def open_session(content: bytes, wanted: Wanted) -> OpenVinoSession:
    """A session over a model given as bytes, so that it can name no other file.

    Raises:
        ModelError: not an ONNX model.
        OptionError: OpenVINO is not installed, or the processor has not the precision.
    """
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ImportError as err:
        raise OptionError(
            "runtime openvino: expected the package openvino, found none; pip install 'unclouded[openvino]'"
        ) from err
    metadata = described(content, where=wanted.where)
    try:
        compiled = _compiled(openvino, content, wanted)
    except RuntimeError as err:
        raise ModelError(
            f"{wanted.where}: expected an ONNX model that OpenVINO {openvino.__version__} runs, found: "
            f"{' '.join(str(err).split())}; export it again with unclouded"
        ) from err
    inputs = tuple(item.any_name for item in compiled.inputs)
    check_signature(inputs, len(compiled.outputs), where=wanted.where)
    requests: LifoQueue[Any] = LifoQueue()
    for _ in range(wanted.parallel):
        requests.put(compiled.create_infer_request())
    version = openvino.__version__.partition("-")[0]
    return OpenVinoSession(
        metadata=metadata,
        input_names=inputs,
        device=f"CPU, openvino {version}, {wanted.precision}",
        requests=requests,
    )


def _compiled(openvino: Any, content: bytes, wanted: Wanted) -> Any:
    """The network made ready for this processor, in the precision asked for and no other."""
    core = openvino.Core()
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted.precision == "bf16" and "BF16" not in able:
        raise OptionError(
            f"precision bf16: expected a processor that has it (AVX512_BF16 or AMX), found {' '.join(able)}; "
            "take fp32"
        )
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[wanted.precision],
        "INFERENCE_NUM_THREADS": wanted.threads * wanted.parallel,
        "NUM_STREAMS": wanted.parallel,
    }
    return core.compile_model(core.read_model(content), "CPU", settings)
