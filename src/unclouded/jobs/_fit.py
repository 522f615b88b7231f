"""Does this model fit this scene? Refuse what cannot work, name what may not."""

from collections.abc import Sequence
from typing import Protocol

from unclouded.core.bands import missing
from unclouded.core.classes import CLEAR, THICK, MaskClass
from unclouded.core.errors import BandError, LevelError
from unclouded.core.levels import kind_of
from unclouded.core.spec import ModelSpec
from unclouded.scene import Scene

# Spacings within 2 % of each other are one: products state 60, 59.94 or 60.06 m for the same grid.
_SAME_SPACING = 0.02


class Subject(Protocol):
    """What decides over whether a model can run: a scene, or what its metadata say."""

    @property
    def id(self) -> str:
        """Name of the product."""
        ...

    @property
    def level(self) -> str | None:
        """`L1C`, `L2A`; None where nobody states it."""
        ...

    @property
    def bands(self) -> Sequence[str]:
        """Names of its bands."""
        ...


def check_fit(scene: Subject, spec: ModelSpec, *, allow_level_mismatch: bool) -> None:
    """Pass where the model can run on the scene.

    Raises:
        LevelError: the model was made for another processing level.
        BandError: the model needs a band that the scene lacks.
    """
    made_for = " or ".join(spec.levels)
    if scene.level is None and not allow_level_mismatch:
        raise LevelError(
            f"{scene.id}: {spec.name} needs {made_for}, and the source does not state its processing level; "
            "state it with --level"
        )
    if not _is_made_for(spec, scene.level) and not allow_level_mismatch:
        raise LevelError(
            f"{scene.id}: {spec.name} needs {made_for}, found {scene.level}; choose another --model, or "
            "insist with --allow-level-mismatch"
        )
    needed = tuple(name for name in spec.bands if name not in spec.optional_bands)
    lacking = missing(needed, scene.bands)
    if lacking:
        raise BandError(
            f"{scene.id}: {spec.name} needs {len(needed)} bands, missing {', '.join(lacking)}; "
            "get the whole product, or choose a --model that does without"
        )


def _is_made_for(spec: ModelSpec, level: str | None) -> bool:
    """Whether it is a level of the model's, or the same kind by another agency's name.

    Landsat's `L1TP` is reflectance at the top of the atmosphere as `L1C` is. Sensors and bands are looked at
    on their own.
    """
    kind = kind_of(level)
    return level in spec.levels or (kind is not None and kind in {kind_of(name) for name in spec.levels})


def notes(scene: Scene, spec: ModelSpec) -> tuple[str, ...]:
    """What a user should know of this model on this scene, a line each."""
    found = []
    if not _is_made_for(spec, scene.level):
        found.append(f"{spec.name} was made for {' or '.join(spec.levels)}, this is {scene.level}")
    if scene.sensor not in spec.sensors:
        found.append(f"{spec.name} was made for {' or '.join(spec.sensors)}, this is {scene.sensor}")
    if scene.grid.spacing_known:
        found.extend(_spacing_note(scene.pixel_size, spec))
    found.extend(_bands_note(scene.bands, spec))
    if not spec.recommended and spec.why:
        found.append(f"{spec.name} is not recommended: {spec.why}")
    return tuple(found)


def _bands_note(present: Sequence[str], spec: ModelSpec) -> tuple[str, ...]:
    """Which of its bands the model has, and what the others would be worth."""
    used = tuple(name for name in spec.bands if name in present)
    if len(used) == len(spec.bands):
        return ()
    here, best = spec.expected_with(used), spec.expected_with(spec.bands)
    cost = (
        "" if here is None or best is None else f": expect balanced accuracy {here:.2f}, with all {best:.2f}"
    )
    return (f"{spec.name} uses {len(used)} of its {len(spec.bands)} bands, {', '.join(used)}{cost}",)


def _spacing_note(pixel_size: float, spec: ModelSpec) -> tuple[str, ...]:
    finest, coarsest = spec.gsd_m
    if finest * (1 - _SAME_SPACING) <= pixel_size <= coarsest * (1 + _SAME_SPACING):
        return ()
    line = (
        f"{spec.name} was trained at {finest:g} to {coarsest:g} m, the mask is at {pixel_size:.4g} m: "
        "trust it less"
    )
    return (line,)


def legend_name(spec: ModelSpec) -> str:
    """Legend of a model's masks: where it tells cloud from clear and no more, its 1 is not thick cloud."""
    return "binary" if set(spec.classes) == {CLEAR, THICK} else "unclouded"


def legend_of(spec: ModelSpec) -> tuple[MaskClass, ...]:
    """The classes that a mask of this model can hold, named as the model names them."""
    return tuple(spec.class_of(code) for code in sorted(spec.classes))
