"""Model files: bundled ones by name, others by path; checked before they run."""

import hashlib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from unclouded.core.errors import ModelError
from unclouded.core.spec import METADATA_KEY, ModelSpec
from unclouded.predict._running import Running, open_session
from unclouded.predict.runtimes import Session

_WEIGHTS = files("unclouded.predict") / "weights"
# An external tensor names its file under this key (onnx.proto, TensorProto.external_data); protobuf
# writes the key as field 1 with its length before it.
_EXTERNAL_DATA = b"\x0a\x08location"
_LARGEST_BYTES = 2**31


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network ready to run, with what is known of it."""

    spec: ModelSpec
    sha256: str
    """Of the model file."""
    session: Session


def bundled_models() -> tuple[str, ...]:
    """Names of the models that came with the package, sorted."""
    return tuple(
        sorted(item.name.removesuffix(".onnx") for item in _WEIGHTS.iterdir() if item.name.endswith(".onnx"))
    )


def load_model(model: str | Path, running: Running | None = None) -> Model:
    """The model of that name, or in that file, ready to run.

    Raises:
        ModelError: no such model, or a file that unclouded did not make.
        OptionError: a runtime, device or precision that is not to be had here.
    """
    content, where = _read(model)
    if _EXTERNAL_DATA in content:
        raise ModelError(
            f"{where}: expected a self-contained model, found tensors kept in another file; "
            "export it again with its weights inside"
        )
    session = open_session(content, running or Running(), where=where)
    text = session.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelError(
            f"{where}: expected a model of unclouded (metadata key '{METADATA_KEY}'), found another ONNX model; "  # noqa: E501 - one line to the user
            f"name a bundled one ({', '.join(bundled_models())}) or export with `unclouded train`"
        )
    spec = ModelSpec.from_json(text, where=where)
    if session.takes_presence != bool(spec.optional_bands):
        raise ModelError(
            f"{where}: expected an input `presence` where the spec names optional bands, found "
            f"{'one without any' if session.takes_presence else 'bands and no input'}; export it again"
        )
    return Model(spec=spec, sha256=hashlib.sha256(content).hexdigest(), session=session)


def read_model(model: str | Path) -> bytes:
    """Content of the model of that name, or in that file.

    Raises:
        ModelError: no such model.
    """
    return _read(model)[0]


def _read(model: str | Path) -> tuple[bytes, str]:
    """Content of a model file, and what to call it."""
    name = str(model)
    if name in bundled_models():
        return (_WEIGHTS / f"{name}.onnx").read_bytes(), f"model {name}"
    path = Path(model)
    if path.suffix != ".onnx" and not path.exists():
        near = get_close_matches(name, bundled_models(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ModelError(
            f"model '{name}': expected {', '.join(bundled_models())} or the path of an .onnx file{hint}"
        )
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ModelError(f"{path}: expected a model below 2 GB, found {path.stat().st_size} bytes")
        return path.read_bytes(), str(path)
    except OSError as err:
        raise ModelError(
            f"{path}: cannot read the model: {err.strerror or err}; check the path and its permissions"
        ) from err
