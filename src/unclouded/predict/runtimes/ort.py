"""ONNX Runtime on the CPU, fp32: what every other runtime is measured against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from unclouded.core.errors import ModelError, OptionError
from unclouded.predict.runtimes import DeviceMemoryError, Wanted

Provider = str | tuple[str, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class OrtSession:
    """A network in ONNX Runtime."""

    session: ort.InferenceSession
    input_names: tuple[str, ...]
    """Reflectance, and presence where the network takes any subset of bands."""
    device: str = f"CPU, onnxruntime {ort.__version__}, fp32"
    """What it runs on, by what."""
    batch: int = 1
    """Windows that it takes at a time."""

    @property
    def metadata(self) -> dict[str, str]:
        """The model file's own key-value metadata."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    @property
    def takes_presence(self) -> bool:
        """Whether the network wants to know which bands are there."""
        return len(self.input_names) == 2

    def run(
        self, reflectance: npt.NDArray[np.float32], presence: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x); `presence` as in `Session`."""
        given = (reflectance,) if presence is None else (reflectance, presence)
        try:
            (probabilities,) = self.session.run(None, dict(zip(self.input_names, given, strict=True)))
        except Exception as err:  # the runtime's exceptions share no public base
            if ran_out_of_memory(str(err)):
                raise DeviceMemoryError(str(err)) from err
            raise
        return np.asarray(probabilities, np.float32)


def ran_out_of_memory(said: str) -> bool:
    """Whether the runtime's words mean that memory ran out."""
    text = said.lower()
    return any(words in text for words in ("failed to allocate memory", "out of memory", "bad_alloc"))


def open_session(content: bytes, wanted: Wanted) -> OrtSession:
    """A session over a model given as bytes, so that it can name no other file.

    Raises:
        ModelError: not an ONNX model, or one that this runtime cannot run.
        OptionError: another precision than fp32.
    """
    check_precision(wanted, runtime="onnxruntime")
    return session_on(content, wanted, ["CPUExecutionProvider"])


def check_precision(wanted: Wanted, *, runtime: str) -> None:
    """Pass for fp32.

    Raises:
        OptionError: another one.
    """
    if wanted.precision != "fp32":
        raise OptionError(
            f"precision: expected fp32 with {runtime}, found {wanted.precision}; take --runtime openvino"
        )


def session_on(content: bytes, wanted: Wanted, providers: Sequence[Provider]) -> OrtSession:
    """A session on the first of these providers that can run it.

    Raises:
        ModelError: not an ONNX model, or one that this runtime cannot run.
    """
    try:
        session = ort.InferenceSession(content, _options(wanted), providers=list(providers))
    except Exception as err:  # the runtime's exceptions share no public base
        reason = " ".join(str(err).split())
        raise ModelError(
            f"{wanted.where}: expected an ONNX model that onnxruntime {ort.__version__} runs, found: {reason}; "  # noqa: E501 - one line to the user
            "export it again with unclouded"
        ) from err
    inputs = tuple(item.name for item in session.get_inputs())
    check_signature(inputs, len(session.get_outputs()), where=wanted.where)
    return OrtSession(session=session, input_names=inputs)


def described(content: bytes, *, where: str) -> dict[str, str]:
    """The metadata of a model that another runtime is going to run.

    Raises:
        ModelError: not an ONNX model.
    """
    return session_on(content, Wanted(where=where), ["CPUExecutionProvider"]).metadata


def check_signature(inputs: tuple[str, ...], outputs: int, *, where: str) -> None:
    """Pass where a network takes what we give and gives what we take.

    Raises:
        ModelError: it does not.
    """
    if inputs[1:] not in {(), ("presence",)} or len(inputs) < 1 or outputs != 1:
        raise ModelError(
            f"{where}: expected one input, or one and `presence`, and one output, found "
            f"{', '.join(inputs) or 'no input'} and {outputs}; export it again with unclouded"
        )


def _options(wanted: Wanted) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = wanted.threads
    options.log_severity_level = 3  # errors only: they come as exceptions too
    # threads that wait must leave the cores to those that decode
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # a plan of the memory is made for each shape and kept: twice the memory at no gain (a U-Net on 960 x
    # 960 px: 298 B/px with it, 133 without, the same time)
    options.enable_mem_pattern = False
    return options
