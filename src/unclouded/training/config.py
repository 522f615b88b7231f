"""A training run as a TOML file: scenes, network, sampling, optimisation, and what the spec will say.

model = "patchcnn"
seed = 1

[options]                      # of the network: models/patchcnn.py, Config
activation = "relu"

[[scenes]]                     # as often as needed; `stack` may hold * and ?
stack = "stacks/*.tif"
mask = "masks/{name}.tif"      # {name}: the stack's, without .tif
legend = "unclouded"

[sampling]                     # patches/sampler.py, Sampling
scales = [1, 2, 3, 6]

[optimisation]                 # training/loop.py, Optimisation
steps = 20000

[spec]                         # core/spec.py, ModelSpec, what the network does not say itself
name = "mine-v1"
version = "1"
levels = ["L1C"]
gsd_m = [10, 60]
best_gsd_m = 60
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from unclouded.core.errors import OptionError
from unclouded.patches import Sampling
from unclouded.training.loop import Optimisation

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class SceneFiles:
    """One stack and its mask, or all that match a pattern."""

    stack: str
    """Multi-band GeoTIFF with band descriptions, relative to the configuration; may hold * and ?."""
    mask: str
    """Class raster on the stack's grid; `{name}` stands for the stack's name without suffix."""
    legend: str = "unclouded"
    """What the mask's codes mean (`unclouded.labels`)."""
    offset: float | None = None
    """Radiometric offset where the stack does not say."""
    quantification: float | None = None
    """What DN + offset are divided by where the stack does not say."""
    scales: tuple[int, ...] = (1,)
    """Factors of the stack's spacing at which patches are drawn, the coarser ones area-averaged."""
    weight: float = 1.0
    """How often these are drawn from, relative to others of the same size."""


@dataclass(frozen=True, kw_only=True)
class SpecFields:
    """The part of a ModelSpec that a network cannot know of itself."""

    name: str
    version: str
    levels: tuple[str, ...]
    gsd_m: tuple[float, ...]
    best_gsd_m: float
    sensors: tuple[str, ...] = ("sentinel-2",)
    training_data: tuple[str, ...] = ()
    recommended: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A run, checked."""

    path: Path
    """The file; what it names is relative to its folder."""
    model: str
    seed: int
    options: Mapping[str, object]
    scenes: tuple[SceneFiles, ...]
    sampling: Sampling
    optimisation: Optimisation
    spec: SpecFields


def read_config(path: Path) -> TrainingConfig:
    """The run that a TOML file describes.

    Raises:
        OptionError: not TOML, or a key or value that has no meaning; it is named.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        reason = (err.strerror if isinstance(err, OSError) else None) or err
        raise OptionError(f"{path}: expected a training configuration in TOML, found: {reason}") from err
    _check_keys(body, {"model", "seed", "options", "scenes", "sampling", "optimisation", "spec"}, str(path))
    scenes = body.get("scenes", [])
    if not isinstance(scenes, list) or not scenes:
        raise OptionError(f"{path}: expected at least one [[scenes]] with stack and mask, found none")
    return TrainingConfig(
        path=path,
        model=_value(str, body.get("model", "patchcnn"), f"{path}: model"),
        seed=_value(int, body.get("seed", 0), f"{path}: seed"),
        options=body.get("options", {}),
        scenes=tuple(record(SceneFiles, item, f"{path}: [[scenes]]") for item in scenes),
        sampling=record(Sampling, body.get("sampling", {}), f"{path}: [sampling]"),
        optimisation=record(Optimisation, body.get("optimisation", {}), f"{path}: [optimisation]"),
        spec=record(SpecFields, body.get("spec", {}), f"{path}: [spec]"),
    )


def record(kind: type[Record], table: Mapping[str, object], where: str) -> Record:
    """A dataclass out of a TOML table.

    Raises:
        OptionError: a key that is missing, unknown or of the wrong type.
    """
    hints = get_type_hints(kind)
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    _check_keys(table, set(known), where)
    absent = [
        name
        for name, item in known.items()
        if name not in table and item.default is MISSING and item.default_factory is MISSING
    ]
    if absent:
        raise OptionError(f"{where}: expected {', '.join(absent)}, found nothing; add them")
    return kind(**{key: _value(hints[key], value, f"{where} {key}") for key, value in table.items()})


def _check_keys(table: object, known: set[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise OptionError(f"{where}: expected a table, found {table!r}")
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"
            raise OptionError(f"{where}: unknown key '{key}'{hint}")


def _value(hint: Any, value: Any, where: str) -> Any:
    """The value as its field wants it: lists become tuples, integers pass for numbers."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, where) for item in value)
    if origin is Literal:
        fits = value in arguments
    else:
        wanted = {kind for kind in (arguments if origin is UnionType else (hint,)) if kind is not NoneType}
        fits = type(value) in (wanted | {int} if float in wanted else wanted)
    if not fits:
        expected = " or ".join(map(repr, arguments)) if origin is Literal else getattr(hint, "__name__", hint)
        raise OptionError(f"{where}: expected {expected}, found {value!r}")
    return value
