"""A training run as a TOML file: scenes, network, sampling, optimisation, and what the spec will say.

model = "unet"                 # or patchcnn
seed = 1
init = ""                      # a checkpoint.pt to start from, or the name of a bundled model
store = ""                     # folder of `unclouded patches`; empty: scenes are held in memory

[options]                      # of the network: models/unet.py or models/patchcnn.py, Config
classes = [0, 1, 2, 3]

[[scenes]]                     # as often as needed; `stack` may hold * and ?; patches/pairs.py, SceneFiles
stack = "stacks/*.tif"
mask = "masks/{name}.tif"      # {name}: the stack's, without .tif
legend = "unclouded"
teacher = "soft/{name}_probabilities.tif"   # optional; [loss] teacher says how much it counts
trust = "trust/{name}.tif"     # optional: what each pixel counts

[[labels]]                     # sets as published; patches/pairs.py, LabelFiles
set = "cloudsen12"
folder = "cloudsen12plus"

[[synthetic]]                  # scenes drawn from seeds; patches/generated.py, SyntheticScenes
seed = 1
count = 12

[split]                        # patches/splits.py, Splitting
validation = 0.1

[sampling]                     # of patchcnn: patches/sampler.py, Sampling
batch = 256

[squares]                      # of unet: patches/plan.py, Squares
size = 256

[augmentation]                 # of unet: patches/augment.py, Augmentation
flips = true

[loss]                         # training/losses.py, LossConfig
smoothing = 0.05

[optimisation]                 # training/optimisation.py, Optimisation
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
from dataclasses import MISSING, asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from unclouded.core.errors import OptionError
from unclouded.patches import (
    Augmentation,
    LabelFiles,
    Pair,
    Sampling,
    SceneFiles,
    Splitting,
    Squares,
    SyntheticScenes,
    find_pairs,
    settled,
)
from unclouded.training._loss_config import LossConfig
from unclouded.training.optimisation import Optimisation

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class SpecFields:
    """The part of a ModelSpec that a network cannot know of itself."""

    name: str
    version: str
    levels: tuple[str, ...]
    gsd_m: tuple[float, ...]
    best_gsd_m: float
    sensors: tuple[str, ...] = ("sentinel-2",)
    optional_bands: tuple[str, ...] = ()
    """Bands that the network can do without: those that training dropped."""
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
    init: str
    store: str
    options: Mapping[str, object]
    scenes: tuple[SceneFiles, ...]
    labels: tuple[LabelFiles, ...]
    synthetic: tuple[SyntheticScenes, ...]
    split: Splitting
    sampling: Sampling
    squares: Squares
    augmentation: Augmentation
    loss: LossConfig
    optimisation: Optimisation
    spec: SpecFields

    @property
    def sources(self) -> tuple[SceneFiles | LabelFiles | SyntheticScenes, ...]:
        """Where scenes come from."""
        return (*self.scenes, *self.labels, *self.synthetic)

    def as_json(self) -> dict[str, Any]:
        """Every option with the value that it has: the effective configuration."""
        return {**asdict(self), "path": self.path.name, "options": dict(self.options)}


def find_settled(config: TrainingConfig) -> tuple[Pair, ...]:
    """Every scene of a configuration in its part."""
    pairs = find_pairs(config.sources, config.path.parent)
    return settled(pairs, config.split, seed=config.seed, folder=config.path.parent)


# section of the file -> record; the rest of the keys are plain values or lists
_SECTIONS: Mapping[str, type] = {
    "split": Splitting,
    "sampling": Sampling,
    "squares": Squares,
    "augmentation": Augmentation,
    "loss": LossConfig,
    "optimisation": Optimisation,
    "spec": SpecFields,
}
_PLAIN: Mapping[str, tuple[type, object]] = {
    "model": (str, "patchcnn"),
    "seed": (int, 0),
    "init": (str, ""),
    "store": (str, ""),
}
_LISTS: Mapping[str, type] = {
    "scenes": SceneFiles,
    "labels": LabelFiles,
    "synthetic": SyntheticScenes,
}


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
    _check_keys(body, {"options", *_SECTIONS, *_PLAIN, *_LISTS}, str(path))
    if not any(body.get(name) for name in _LISTS):
        raise OptionError(
            f"{path}: expected [[scenes]] with stack and mask, [[labels]] or [[synthetic]], found none"
        )
    plain: dict[str, Any] = {
        name: _value(kind, body.get(name, usual), f"{path}: {name}") for name, (kind, usual) in _PLAIN.items()
    }
    lists: dict[str, Any] = {
        name: _records(kind, body.get(name, []), f"{path}: [[{name}]]") for name, kind in _LISTS.items()
    }
    sections: dict[str, Any] = {
        name: record(kind, body.get(name, {}), f"{path}: [{name}]") for name, kind in _SECTIONS.items()
    }
    return TrainingConfig(path=path, options=body.get("options", {}), **plain, **lists, **sections)


def _records(kind: type[Record], tables: object, where: str) -> tuple[Record, ...]:
    if not isinstance(tables, list):
        raise OptionError(f"{where}: expected a list of tables, found {tables!r}")
    return tuple(record(kind, item, where) for item in tables)


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
