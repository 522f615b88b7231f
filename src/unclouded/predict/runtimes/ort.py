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
    input_name: str

    @property
    def metadata(self) -> dict[str, str]:
        """The model file's own key-value metadata."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    def run(self, reflectance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Reflectance (n, band, y, x) to probabilities (n, class, y, x)."""
        (probabilities,) = self.session.run(None, {self.input_name: reflectance})
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
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{where}: expected one input and one output, found {len(inputs)} and {len(outputs)}; "
            "export it again with unclouded"
        )
    return OrtSession(session=session, input_name=inputs[0].name)
