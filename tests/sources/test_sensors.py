"""Spellings of sensors, levels and band names."""

import pytest

from unclouded.core.errors import BandError
from unclouded.sources._sensors import Sensor, band_name, parse_level, parse_sensor


@pytest.mark.parametrize(
    ("text", "name", "satellite"),
    [
        ("sentinel-2", "sentinel-2", None),
        ("Sentinel-2C", "sentinel-2", "S2C"),
        ("S2A", "sentinel-2", "S2A"),
        ("s2b_msi", "sentinel-2", "S2B"),
        ("sentinel2", "sentinel-2", None),
        ("landsat-8", "landsat-8", None),
        ("LC09", "landsat-9", None),
        ("Landsat 7", "landsat-7", None),
        ("LE07", "landsat-7", None),
        ("L8", "landsat-8", None),
        ("OLI_TIRS", "oli_tirs", None),
        ("PlanetScope", "planetscope", None),
    ],
)
def test_sensors(text, name, satellite):
    assert parse_sensor(text) == Sensor(name=name, satellite=satellite)


@pytest.mark.parametrize(
    ("text", "level"),
    [("L1C", "L1C"), ("level-1c", "L1C"), ("1C", "L1C"), ("S2MSI2Ap", "L2A"), ("L2A", "L2A"), ("l1t", "L1T"),
     ("L1TP", "L1TP"), ("TOA", "TOA"), (" ", None)],
)  # fmt: skip
def test_levels(text, level):
    assert parse_level(text) == level


@pytest.mark.parametrize(
    ("description", "sensor", "name"),
    [
        ("B5", "sentinel-2", "B05"),
        ("b05", "sentinel-2", "B05"),
        ("Band 8A", "sentinel-2", "B8A"),
        ("B5", "landsat-8", "B8A"),
        ("SR_B4", "landsat-9", "B04"),
        ("B9", "landsat-8", "B10"),
        ("nir08", "landsat-8", "B8A"),
        ("red", "landsat-5", "B04"),
        ("B3", "planetscope", "B03"),
    ],
)
def test_band_names(description, sensor, name):
    assert band_name(description, Sensor(name=sensor)) == name


@pytest.mark.parametrize(
    ("description", "sensor"),
    [
        ("B8", "landsat-8"),
        ("B10", "landsat-8"),
        ("B3", "landsat-7"),
        ("B13", "sentinel-2"),
        ("", "sentinel-2"),
    ],
)
def test_names_of_no_band(description, sensor):
    with pytest.raises(BandError):
        band_name(description, Sensor(name=sensor))
