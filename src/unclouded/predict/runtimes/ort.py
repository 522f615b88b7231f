"""ONNX Runtime on the CPU."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from unclouded.core.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class OrtSession:
    """A network in ONNX Runtime."""

    session: ort.InferenceSession
    input_names: tuple[str, ...]
    """Reflectance, and presence where the network takes any subset of bands."""

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
        (probabilities,) = self.session.run(None, dict(zip(self.input_names, given, strict=True)))
        return np.asarray(probabilities, np.float32)


def open_session(model: bytes, *, where: str, threads: int = 0) -> OrtSession:
    """A session over a model given as bytes, so that it can name no other file.

    Args:
        where: what to call the model in an error.
        threads: of one operator; 0 lets the runtime take all cores.

    Raises:
        ModelError: not an ONNX model, or one that this runtime cannot run.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only: they come as exceptions too
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # the runtime's exceptions share no public base
        reason = " ".join(str(err).split())
        raise ModelError(
            f"{where}: expected an ONNX model that onnxruntime {ort.__version__} runs, found: {reason}; "
            "export it again with unclouded"
        ) from err
    inputs = tuple(item.name for item in session.get_inputs())
    outputs = session.get_outputs()
    if inputs[1:] not in {(), ("presence",)} or len(inputs) < 1 or len(outputs) != 1:
        raise ModelError(
            f"{where}: expected one input, or one and `presence`, and one output, found "
            f"{', '.join(inputs) or 'no input'} and {len(outputs)}; export it again with unclouded"
        )
    return OrtSession(session=session, input_names=inputs)
