"""A model's description, carried inside its ONNX file as JSON under the metadata key `unclouded`."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from unclouded.core.bands import canonical_names
from unclouded.core.classes import CLASSES, MaskClass
from unclouded.core.errors import BandError, ModelError

METADATA_KEY = "unclouded"
SPEC_VERSION = 1
_CODES = {item.code for item in CLASSES}
_BY_CODE = ("class_titles", "class_weights")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What one needs to know to run a model and to judge whether to trust it.

    The network takes reflectance float32 `(n, band, y, x)`, bands in the order of `bands`, and gives
    probabilities float32 `(n, class, y - 2 margin_px, x - 2 margin_px)` that sum to 1.
    Where `optional_bands` names any, it takes a second input `presence` float32 `(n, band)`: 1 where the band
    is there, 0 where it is not and its reflectance is 0.
    """

    name: str
    """`patchcnn-v1`."""
    version: str
    """Version of the weights."""
    task: str = "cloud"
    """`cloud`: two classes; `classes`: more."""
    bands: tuple[str, ...]
    """In the order of the input."""
    optional_bands: tuple[str, ...] = ()
    """Those of `bands` that it can do without."""
    levels: tuple[str, ...]
    """Processing levels that it was made for."""
    sensors: tuple[str, ...] = ("sentinel-2",)
    """Sensors that it was made for."""
    gsd_m: tuple[float, float]
    """Finest and coarsest pixel spacing that it was trained at, m."""
    best_gsd_m: float
    """Spacing that `mask` uses unless told otherwise, m."""
    classes: tuple[int, ...]
    """Code of each output channel (`core.classes`)."""
    class_titles: Mapping[int, str] = field(default_factory=dict)
    """Titles that differ from the table's, e.g. `{1: "cloud"}` where thin is not told apart."""
    class_weights: Mapping[int, float] = field(default_factory=dict)
    """What a class's probability counts when the likeliest is chosen, 1 where absent: a rare class is found
    best below a half. Probabilities themselves stay as they are."""
    halo_px: int
    """Context on each side that a pixel's class may depend on, px."""
    margin_px: int = 0
    """How much smaller the output is than the input on each side, px; at most `halo_px`."""
    read_gsd_m: Mapping[str, float] = field(default_factory=dict)
    """Band -> spacing that will do for it where the mask is finer, m: a JPEG 2000 level down costs a third of
    the decoding. Brought to the mask's grid by interpolation, as in training."""
    fast_gsd_m: Mapping[str, float] = field(default_factory=dict)
    """The same for `--fast`; a band of 0 is not read at all, which only optional ones may be."""
    stride_px: int = 1
    """Windows must start on multiples of this, px."""
    min_size_px: int = 1
    """Smallest input side, px."""
    training_data: tuple[str, ...] = ()
    """A line a source: what, licence, how it was labelled."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Measured quality, the name saying on what."""
    expected: Mapping[str, float] = field(default_factory=dict)
    """Names of bands, joined by spaces -> balanced accuracy of cloud with these alone, cross-validated."""
    recommended: bool = False
    """Whether we would use it ourselves."""
    why: str = ""
    """Why it is recommended or not, for people."""

    def __post_init__(self) -> None:
        try:
            names = canonical_names(self.bands)
        except BandError as err:
            raise ModelError(f"model {self.name}: {err}") from err
        problems = {
            "bands must be written as the products write them": names != self.bands,
            "optional_bands must be among bands": not set(self.optional_bands) <= set(self.bands),
            "classes must be two or more known codes": len(self.classes) < 2
            or not set(self.classes) <= _CODES,
            "class_weights must give numbers above 0 to classes": not set(self.class_weights)
            <= set(self.classes)
            or min(self.class_weights.values(), default=1) <= 0,
            "gsd_m must hold best_gsd_m": not self.gsd_m[0] <= self.best_gsd_m <= self.gsd_m[1],
            "halo_px must be at least margin_px": not self.halo_px >= self.margin_px >= 0,
            "read_gsd_m and fast_gsd_m must give metres to bands, and 0 to optional ones alone": any(
                name not in names or not (gsd > 0 or (gsd == 0 and name in self.optional_bands))
                for name, gsd in (*self.read_gsd_m.items(), *self.fast_gsd_m.items())
            ),
            "stride_px and min_size_px must be positive": min(self.stride_px, self.min_size_px) < 1,
        }
        broken = [text for text, wrong in problems.items() if wrong]
        if broken:
            raise ModelError(f"model {self.name}: {'; '.join(broken)}; export it again")

    def expected_with(self, present: Collection[str]) -> float | None:
        """Accuracy to expect with these bands: that of the most that was measured among them."""
        known = {tuple(names.split()): value for names, value in self.expected.items()}
        among = [names for names in known if set(names) <= set(present)]
        return known[max(among, key=len)] if among else None

    def title_of(self, code: int) -> str:
        """What the model calls a class, for people."""
        table = {item.code: item.title for item in CLASSES}
        return self.class_titles.get(code, table[code])

    def class_of(self, code: int) -> MaskClass:
        """The class under the model's own title: its machine name follows."""
        (item,) = (item for item in CLASSES if item.code == code)
        title = self.title_of(code)
        return item if title == item.title else replace(item, title=title, name=title.replace(" ", "_"))

    def to_json(self) -> str:
        """As it stands in the ONNX metadata."""
        body = {"spec_version": SPEC_VERSION, **asdict(self)}
        for name in _BY_CODE:
            body[name] = {str(code): value for code, value in body[name].items()}
        return json.dumps(body, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "ModelSpec":
        """The spec out of a model's metadata.

        Raises:
            ModelError: not a spec, or one of a later version.
        """
        try:
            body = json.loads(text)
            version = body.pop("spec_version")
        except (ValueError, KeyError, AttributeError, TypeError) as err:
            raise ModelError(
                f"{where}: expected an unclouded model spec, found other metadata; export it again"
            ) from err
        if version != SPEC_VERSION:
            raise ModelError(
                f"{where}: expected model spec version {SPEC_VERSION}, found {version}; upgrade unclouded"
            )
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(body) - known)
        if unknown:
            raise ModelError(f"{where}: unknown spec fields {', '.join(unknown)}; upgrade unclouded")
        try:
            native: dict[str, Any] = {name: _native(name, value) for name, value in body.items()}
            return cls(**native)
        except (TypeError, ValueError) as err:
            raise ModelError(f"{where}: broken model spec: {err}; export it again") from err


def _native(name: str, value: object) -> object:
    """JSON lists become tuples, the keys of what goes by class numbers again."""
    if name in _BY_CODE and isinstance(value, dict):
        return {int(code): own for code, own in value.items()}
    return tuple(value) if isinstance(value, list) else value
