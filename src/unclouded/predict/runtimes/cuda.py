"""ONNX Runtime on an NVIDIA card, fp32. Extra `gpu`."""

from dataclasses import replace

import onnxruntime as ort

from unclouded.core.errors import OptionError
from unclouded.predict.runtimes import Wanted
from unclouded.predict.runtimes.ort import OrtSession, check_precision, session_on

PROVIDER = "CUDAExecutionProvider"
BATCH = 4
"""Windows at a time: enough to keep a card busy; halved where its memory runs out."""


def why_not() -> str | None:
    """Why this machine's onnxruntime cannot use a card; None where it says that it can."""
    if PROVIDER in ort.get_available_providers():
        return None
    return f"onnxruntime {ort.__version__} here is built without CUDA; pip install 'unclouded[gpu]'"


def open_session(content: bytes, wanted: Wanted) -> OrtSession:
    """A session on the first card.

    Raises:
        OptionError: there is none that onnxruntime can use; never falls back to the CPU.
        ModelError: not an ONNX model.
    """
    check_precision(wanted, runtime="onnxruntime")
    reason = why_not()
    if reason is not None:
        raise OptionError(f"device cuda: expected a card that onnxruntime can use, found none: {reason}")
    session = session_on(content, wanted, [(PROVIDER, {"device_id": "0", "use_tf32": "0"})])
    # onnxruntime takes the CPU without a word where the driver or cuDNN is missing
    if PROVIDER not in session.session.get_providers():
        raise OptionError(
            "device cuda: expected a card that onnxruntime can use, found none: it could not start CUDA; "
            "check the driver, CUDA 12 and cuDNN 9"
        )
    return replace(session, device=f"CUDA, onnxruntime {ort.__version__}, fp32", batch=BATCH)
