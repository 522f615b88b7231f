"""What may be asked for, by name and in metres."""

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

from unclouded.core.classes import CLASSES, CLEAR, CLOUD, SHADOW, THICK, THIN, WORST_FIRST
from unclouded.core.errors import OptionError

_SHORT: Mapping[str, frozenset[int]] = {
    "cloud": CLOUD,
    "thick": frozenset({THICK}),
    "thin": frozenset({THIN}),
    "shadow": frozenset({SHADOW}),
}
_NAMED: Mapping[str, frozenset[int]] = {
    **_SHORT,
    **{item.name: frozenset({item.code}) for item in CLASSES if item.code != CLEAR},
}
_LENGTH = re.compile(r"(?P<name>[a-z_]+)\s*=\s*(?P<number>\d+(\.\d*)?|\.\d+)\s*(?P<unit>[a-z]*)")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A length for one class, or for a group of classes that are one thing: thick and thin are cloud."""

    name: str
    """`cloud`, `thick`, `thin`, `shadow`, `snow`, or a class by its machine name."""
    radius_m: float
    """Radius of the round element, m."""

    @property
    def classes(self) -> frozenset[int]:
        """Codes. What is of the group already keeps its class."""
        return _NAMED[self.name]


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """What is done to a mask after the network, in this order; nothing unless asked for.

    Nodata is never written to nor taken from, and no rule overwrites a worse class
    (`core.classes.WORST_FIRST`).
    """

    min_area_m2: float = 0.0
    """Connected areas of one class (8 neighbours) below this are filled with what touches them most, m²;
    one class after the other, worst first, so that no area stays below it that touches anything seen."""
    closing: tuple[Rule, ...] = ()
    """Gaps narrower than twice the radius are closed, as if all were clear beyond the edge and in nodata."""
    buffer: tuple[Rule, ...] = ()
    """What lies within the radius becomes the class. Every distance is that to the mask before: buffers do
    not add up."""

    @classmethod
    def of(
        cls,
        *,
        min_area_m2: float = 0.0,
        closing: Mapping[str, float] | None = None,
        buffer: Mapping[str, float] | None = None,
    ) -> Self:
        """The refinement of these lengths: class name -> m, such as `buffer={"cloud": 100, "shadow": 50}`.

        Example:
            >>> Refinement.of(buffer={"cloud": 100}).describe()
            'buffer cloud=100m'

        Raises:
            OptionError: an unknown class, one named twice, or no length.
        """
        return cls(
            min_area_m2=min_area_m2,
            closing=rules(closing or {}, what="closing"),
            buffer=rules(buffer or {}, what="buffer"),
        )

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_area_m2) and self.min_area_m2 >= 0):
            raise OptionError(f"least area: expected 0 m2 or more, found {self.min_area_m2:g}")

    def __bool__(self) -> bool:
        return bool(self.min_area_m2 or self.closing or self.buffer)

    def describe(self) -> str:
        """What is done, in order, for tags and reports; `none` where nothing is."""
        steps = [f"areas below {self.min_area_m2:g} m2 filled"] if self.min_area_m2 else []
        steps += [f"closing {_listed(self.closing)}"] if self.closing else []
        steps += [f"buffer {_listed(self.buffer)}"] if self.buffer else []
        return "; ".join(steps) or "none"

    def without_effect(self, pixel_size: float) -> tuple[str, ...]:
        """Of what is asked for, the lengths and areas that a grid of this spacing (m) is too coarse for."""
        found = [
            f"{what} {rule.name}={rule.radius_m:g}m has no effect on pixels of {pixel_size:.4g} m"
            for what, rules in (("closing", self.closing), ("buffer", self.buffer))
            for rule in rules
            if rule.radius_m < pixel_size
        ]
        if 0 < self.min_area_m2 <= pixel_size**2:
            found.append(f"areas below {self.min_area_m2:g} m2: none on pixels of {pixel_size:.4g} m")
        return tuple(found)

    def check_classes(self, known: AbstractSet[int], *, where: str) -> None:
        """Pass where each class that is asked for can occur.

        Raises:
            OptionError: a mask of these classes never holds it.
        """
        for rule in (*self.closing, *self.buffer):
            if not rule.classes & known:
                names = ", ".join(item.name for item in CLASSES if item.code in known)
                raise OptionError(
                    f"{where}: {rule.name}={rule.radius_m:g}m cannot be met, its classes are {names}; "
                    "leave it out, or choose another --model"
                )


def rules(radii: Mapping[str, float], *, what: str) -> tuple[Rule, ...]:
    """Rules from class names and radii in metres; a radius of 0 is no rule.

    Args:
        what: names the option in an error.

    Raises:
        OptionError: an unknown class, one named twice, or no length.
    """
    made = []
    taken: dict[int, str] = {}
    for name, radius in radii.items():
        if name not in _NAMED:
            raise OptionError(f"{what}: expected classes of {', '.join(_NAMED)}, found '{name}'")
        if not (math.isfinite(radius) and radius >= 0):
            raise OptionError(f"{what} {name}: expected 0 m or more, found {radius:g}")
        for code in _NAMED[name]:
            if code in taken:
                raise OptionError(f"{what}: expected each class once, found {taken[code]} and {name}")
            taken[code] = name
        if radius > 0:
            made.append(Rule(name=name, radius_m=float(radius)))
    return tuple(made)


def lengths(text: str, *, what: str) -> dict[str, float]:
    """`cloud=100m,shadow=50m` as names and metres.

    Raises:
        OptionError: not of that form.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        match = _LENGTH.fullmatch(part.strip())
        if match is None or match["unit"] not in {"m", "km"}:
            raise OptionError(
                f"{what}: expected class=length in m or km, such as cloud=100m,shadow=50m; "
                f"found '{part.strip()}'"
            )
        if match["name"] in found:
            raise OptionError(f"{what}: expected each class once, found {match['name']} twice")
        found[match["name"]] = float(match["number"]) * (1000.0 if match["unit"] == "km" else 1.0)
    return found


def worst_first(classes: AbstractSet[int]) -> tuple[int, ...]:
    """The codes from worst to best."""
    return tuple(code for code in WORST_FIRST if code in classes)


def _listed(chosen: tuple[Rule, ...]) -> str:
    return ",".join(f"{rule.name}={rule.radius_m:g}m" for rule in chosen)
