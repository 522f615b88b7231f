import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.synthetic._noise import Sampling
from unclouded.synthetic.land import ground
from unclouded.synthetic.landscapes import LANDSCAPES
from unclouded.synthetic.surfaces import MATERIALS

WIDE = Sampling(spacing=600.0, row0=-8_833, col0=1_000, height=110, width=110)
SUN = {"sun_zenith": 40.0, "sun_azimuth": 150.0}


@pytest.fixture(scope="module")
def lands():
    return {name: ground(WIDE, LANDSCAPES[name], 3, **SUN) for name in LANDSCAPES}


def share(material, *groups):
    inside = np.zeros(material.shape, bool)
    for group in groups:
        first, count = MATERIALS.ranges[group]
        inside |= (material >= first) & (material < first + count)
    return inside.mean()


@pytest.mark.parametrize("name", LANDSCAPES)
def test_a_landscape_is_finite_reflectance_of_many_materials(lands, name):
    land = lands[name]
    image = land.reflectance(NAMES)
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert np.quantile(image, 0.999) < 1.5
    assert np.unique(land.material).size > 10


def test_landscapes_are_what_their_names_say(lands):
    land = {name: item.material for name, item in lands.items()}
    assert share(land["coast"], "water") > 4 * share(land["temperate"], "water")
    assert share(land["arid"], "desert") > 0.6
    assert share(land["tropics"], "broadleaf") > 0.4
    assert share(land["winter"], "snow") > 0.5
    assert 0.01 < share(land["alpine"], "snow") < 0.4
    assert share(land["temperate"], "crop", "meadow", "ripe", "soil", "red soil") > 0.4


def test_slopes_to_the_sun_are_brighter():
    where = Sampling(spacing=20.0, row0=-265_000, col0=30_000, height=120, width=120)
    morning = ground(where, LANDSCAPES["alpine"], 3, sun_zenith=45, sun_azimuth=90).light
    evening = ground(where, LANDSCAPES["alpine"], 3, sun_zenith=45, sun_azimuth=270).light
    assert np.corrcoef(morning.ravel(), evening.ravel())[0, 1] < -0.3
    assert morning.std() > 0.1


def test_flat_land_knows_no_sun():
    one = ground(WIDE, LANDSCAPES["temperate"], 3, sun_zenith=0, sun_azimuth=90)
    assert abs(one.light.mean() - 1) < 0.02
