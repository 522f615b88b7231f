import pytest

from unclouded.core.bands import NAMES
from unclouded.synthetic.surfaces import MATERIALS, PATH, SIGNATURES


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_signature_has_each_band_and_lies_above_the_air(name):
    assert SIGNATURES[name].shape == (len(NAMES),)
    assert (SIGNATURES[name] >= PATH).all()
    assert (SIGNATURES[name] <= 1).all()


def test_every_material_is_a_reflectance():
    assert MATERIALS.spectra.shape == (MATERIALS.contrast.size, len(NAMES))
    assert (MATERIALS.spectra >= PATH - 1e-6).all()
    assert (MATERIALS.spectra <= 1).all()
    assert sum(count for _, count in MATERIALS.ranges.values()) == MATERIALS.contrast.size


def index(material, first, second):
    low, high = (float(MATERIALS.spectra[material, NAMES.index(band)]) for band in (first, second))
    return (low - high) / (low + high)


@pytest.mark.parametrize("group", ["conifer", "broadleaf", "meadow", "crop"])
def test_what_grows_has_a_high_ndvi(group):
    first, _ = MATERIALS.ranges[group]
    assert index(first, "B08", "B04") > 0.5


def test_snow_and_water_have_a_high_ndsi_and_soil_a_low_one():
    for group, low, high in (("snow", 0.6, 1), ("water", 0.4, 1), ("soil", -1, 0)):
        first, _ = MATERIALS.ranges[group]
        assert low < index(first, "B03", "B11") < high
