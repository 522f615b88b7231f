"""Which models may run on which scenes: by level, by the kind of level, by bands."""

from dataclasses import dataclass, replace

import pytest

from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, LevelError
from unclouded.jobs._fit import check_fit
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
