"""Which models may run on which scenes: by level, by the kind of level, by bands."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, LevelError
from unclouded.core.spec import ModelSpec
from unclouded.jobs._fit import check_fit, notes
from unclouded.predict import load_model


@pytest.fixture(scope="module")
def spec():
    return load_model("patchcnn-v1").spec


@dataclass(frozen=True, kw_only=True)
class Scene:
    id: str = "scene"
    level: str | None = "L1C"
    bands: tuple[str, ...] = NAMES


@pytest.mark.parametrize("level", ["L1C", "L1TP", "L1GT", "L1T"])
def test_the_top_of_the_atmosphere_by_whatever_name(spec, level):
    assert spec.levels == ("L1C",)
    check_fit(Scene(level=level), spec, allow_level_mismatch=False)


@pytest.mark.parametrize("level", ["L2A", "L2SP", "L3", None])
def test_never_on_the_surface_nor_on_what_nobody_knows(spec, level):
    with pytest.raises(LevelError, match=r"needs L1C, (found|and the source does not state)"):
        check_fit(Scene(level=level), spec, allow_level_mismatch=False)
    check_fit(Scene(level=level), spec, allow_level_mismatch=True)


def test_a_model_of_the_surface_the_other_way_round(spec):
    surface = replace(spec, levels=("L2A",))
    check_fit(Scene(level="L2SP"), surface, allow_level_mismatch=False)
    with pytest.raises(LevelError, match="needs L2A, found L1TP"):
        check_fit(Scene(level="L1TP"), surface, allow_level_mismatch=False)


def test_levels_unknown_to_the_table_are_not_alike(spec):
    with pytest.raises(LevelError):
        check_fit(Scene(level="odd"), replace(spec, levels=("strange",)), allow_level_mismatch=False)


def test_bands_are_looked_at_on_their_own(spec):
    with pytest.raises(BandError, match="missing B05, B06"):
        bands = tuple(name for name in NAMES if name not in {"B05", "B06"})
        check_fit(Scene(level="L1TP", bands=bands), spec, allow_level_mismatch=False)


@dataclass(frozen=True, kw_only=True)
class Placed(Scene):
    """What notes look at besides."""

    sensor: str = "sentinel-2"
    grid: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(spacing_known=False))


@pytest.fixture
def any_bands(spec):
    few, more = "B02 B03 B04", "B02 B03 B04 B08"
    expected = {few: 0.91, more: 0.934, " ".join(NAMES): 0.95}
    return replace(spec, optional_bands=NAMES[4:], expected=expected, recommended=True)


def test_what_absent_bands_cost_is_told(any_bands):
    (line,) = notes(Placed(bands=("B02", "B03", "B04", "B08", "B11")), any_bands)
    assert line.endswith(
        "5 of its 13 bands, B02, B03, B04, B08, B11: expect balanced accuracy 0.93, with all 0.95"
    )
    (line,) = notes(Placed(bands=("B02", "B03", "B04")), any_bands)
    assert line.endswith("B04: expect balanced accuracy 0.91, with all 0.95")
    assert not notes(Placed(), any_bands)


def test_nothing_is_promised_that_was_not_measured(any_bands):
    (line,) = notes(Placed(bands=("B02", "B03", "B04")), replace(any_bands, expected={}))
    assert line.endswith("3 of its 13 bands, B02, B03, B04")
    (line,) = notes(Placed(bands=("B03", "B04")), any_bands)
    assert line.endswith("2 of its 13 bands, B03, B04")


def test_expectations_travel_with_the_model(any_bands):
    again = ModelSpec.from_json(any_bands.to_json(), where="x")
    assert again.expected_with(NAMES) == 0.95
    assert again.expected_with(("B02",)) is None
