"""Landsat-8/9 level 1: reflectance at the top of the atmosphere, bands by analogy."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from unclouded.core.errors import ProductError, RadiometryError
from unclouded.core.levels import kind_of
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions, landsat, open_product, read_metadata
from unclouded.testing.others import LANDSAT_BANDS as ANALOGUES
from unclouded.testing.others import LANDSAT_NAME as NAME
from unclouded.testing.others import SUN_ELEVATION as ELEVATION
from unclouded.testing.others import landsat_groups as fields
from unclouded.testing.others import write_fake_landsat as written
from unclouded.testing.products import ramp
from unclouded.testing.readers import check_product


def opened(path, **options):
    return open_product(path, OpenOptions(**options))


@pytest.mark.parametrize("kind", ["txt", "json"])
def test_a_scene(tmp_path, kind):
    product = opened(written(tmp_path / "scene", kind=kind))
    identity = product.identity
    assert (identity.id, identity.sensor, identity.level) == (NAME, "landsat-8", "L1TP")
    assert identity.sensing_time == datetime(2024, 3, 5, 10, 3, 21, 456321, UTC)
    assert (identity.sun_zenith, identity.sun_azimuth, identity.cloud_cover_stated) == (53.25, 158.5, 12.5)
    assert tuple(product.bands) == tuple(ANALOGUES)
    assert product.missing_bands == ()
    assert product.grid.pixel_size == 30
    check_product(product)


def test_reflectance_is_usgs_formula(tmp_path):
    scene = open_scene(written(tmp_path / "scene"))
    reading = scene.read(("B04", "B8A"))
    for position, name in enumerate(("B04", "B8A")):
        dn = ramp(name, 24, 30).astype(np.float64) * 5
        expected = (2e-5 * dn - 0.1) / math.sin(math.radians(ELEVATION))
        np.testing.assert_allclose(reading.reflectance[position, 2:], expected[2:], rtol=1e-5)
    assert not reading.valid[:2].any(), "DN 0 is fill"
    assert reading.valid[2:].all()
    assert scene.radiometry.origin == f"{NAME}_MTL.txt"
    assert set(scene.radiometry.offset.values()) == {-5000}


def test_files_that_were_renamed_are_found_by_their_ending(tmp_path):
    folder = written(tmp_path / "scene")
    (folder / f"{NAME}_B4.TIF").rename(folder / "mine_B4.tif")
    (folder / f"{NAME}_B9.TIF").unlink()
    product = opened(folder)
    assert "B04" in product.bands
    assert product.missing_bands == ("B10",)


@pytest.mark.parametrize(
    ("group", "key", "value", "error", "found"),
    [
        (
            "IMAGE_ATTRIBUTES",
            "SPACECRAFT_ID",
            "LANDSAT_7",
            ProductError,
            "expected metadata of Landsat 8 or 9",
        ),
        ("PRODUCT_CONTENTS", "PROCESSING_LEVEL", "L2SP", ProductError, r"expected level 1 .*, found L2SP"),
        ("LEVEL1_RADIOMETRIC_RESCALING", "REFLECTANCE_MULT_BAND_4", "x", RadiometryError, "none for B04"),
        ("LEVEL1_RADIOMETRIC_RESCALING", "REFLECTANCE_ADD_BAND_4", "inf", RadiometryError, "none for B04"),
        ("IMAGE_ATTRIBUTES", "SUN_ELEVATION", "-3.0", RadiometryError, "above the horizon, found -3"),
        ("IMAGE_ATTRIBUTES", "SUN_ELEVATION", "?", RadiometryError, "above the horizon, found None"),
    ],
)
def test_what_is_broken_is_named(tmp_path, group, key, value, error, found):
    groups = fields()
    groups[group][key] = value
    folder = written(tmp_path / "scene", groups)
    with pytest.raises(error, match=found):
        opened(folder)
    if error is RadiometryError:
        assert (
            opened(folder, offset=0, quantification=50000).radiometry.origin == "--offset, --quantification"
        )
        assert read_metadata(folder).radiometry is None


def test_metadata_alone(tmp_path):
    folder = written(tmp_path / "scene", bands=())
    found = read_metadata(folder / f"{NAME}_MTL.txt")
    assert (found.bands, found.absent_bands, found.missing_bands) == ((), tuple(ANALOGUES), ())
    with pytest.raises(ProductError, match="expected band files beside"):
        opened(folder)


def test_levels_of_one_kind():
    assert kind_of("L1TP") == kind_of("L1C") == kind_of("L1T") == "toa"
    assert kind_of("L2A") == kind_of("L2SP") == "surface"
    assert kind_of(None) is None
    assert kind_of("L3") is None


def test_sniffing(tmp_path):
    folder = written(tmp_path / "scene")
    assert landsat.sniff(folder)
    assert landsat.sniff(folder / f"{NAME}_MTL.txt")
    assert not landsat.sniff(tmp_path)
    assert not landsat.sniff(folder / f"{NAME}_B2.TIF")
