"""Level-2A products: which of a band's files is read, whose offsets, and what is never invented."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unclouded.core.bands import NAMES, band, expected_at
from unclouded.core.errors import BandError, ProductError, RadiometryError
from unclouded.core.windows import whole
from unclouded.scene import Scene, open_scene, open_scenes
from unclouded.sources import OpenOptions, list_granules, open_product, read_metadata
from unclouded.testing.products import FakeSafe, granule_name, ramp, write_fake_safe
from unclouded.testing.readers import check_product

SMALL = FakeSafe(level="L2A", size_60m=8)
L2A = tuple(name for name in NAMES if name != "B10")


def opened(path, **options):
    return open_product(Path(path), OpenOptions(**options))


def sizes(product):
    """Band -> spacing of what is read, m."""
    return {name: round(reader.grid.pixel_size) for name, reader in product.bands.items()}


@pytest.mark.parametrize(
    ("baseline", "offset", "satellite"),
    [
        ("02.06", None, "Sentinel-2B"),
        ("02.14", None, "Sentinel-2A"),
        ("03.01", None, "Sentinel-2B"),
        ("04.00", -1000, "Sentinel-2A"),
        ("05.00", -1000, "Sentinel-2B"),
        ("05.10", -1000, "Sentinel-2C"),
        ("05.11", -1000, "Sentinel-2D"),
        ("05.12", -1000, "Sentinel-2C"),
    ],
)
@pytest.mark.parametrize("pack", [False, True])
def test_every_generation_opens(tmp_path, baseline, offset, satellite, pack):
    fake = replace(SMALL, baseline=baseline, offset=offset, satellite=satellite, bands=("B01", "B04", "B8A"))
    root = write_fake_safe(tmp_path, fake)
    path = shutil.make_archive(str(tmp_path / "x"), "zip", root.parent, root.name) if pack else root
    product = opened(path)
    assert (product.identity.level, product.identity.baseline) == ("L2A", baseline)
    assert product.identity.satellite == f"S2{satellite[-1]}"
    assert {product.radiometry.offset[name] for name in L2A} == {offset or 0}
    assert product.radiometry.origin == "MTD_MSIL2A.xml"
    assert not [line for line in product.warnings if not line.startswith("missing bands")]


def test_each_band_is_read_at_its_own_spacing(tmp_path):
    product = opened(write_fake_safe(tmp_path, SMALL))
    assert sizes(product) == {name: band(name).gsd for name in L2A}
    assert product.missing_bands == product.warnings == ()
    check_product(product)


@pytest.mark.parametrize(
    ("spacings", "found", "missing"),
    [
        ((20, 60), {"B02": 20, "B05": 20, "B8A": 20, "B01": 60, "B09": 60}, ("B08",)),
        ((20,), {"B02": 20, "B01": 20, "B8A": 20}, ("B08", "B09")),
        ((10,), {"B02": 10, "B08": 10}, ("B01", "B05", "B06", "B07", "B8A", "B09", "B11", "B12")),
        ((60,), {"B02": 60, "B05": 60, "B8A": 60, "B01": 60}, ("B08",)),
        ((10, 60), {"B02": 10, "B08": 10, "B05": 60}, ()),
    ],
)
def test_a_product_without_some_folders_takes_the_next_finer_then_the_next_coarser(
    tmp_path, spacings, found, missing
):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, spacings=spacings)))
    assert sizes(product).items() >= found.items()
    assert product.missing_bands == missing
    coarse = [name for name, gsd in sizes(product).items() if gsd > band(name).gsd]
    lines = [line for line in product.warnings if "delivered at" in line]
    assert [line.split(":")[0] for line in lines] == coarse


def test_b01_at_20_m_is_there_from_0400_on(tmp_path):
    new = write_fake_safe(tmp_path / "new", replace(SMALL, spacings=(20,)))
    old = write_fake_safe(tmp_path / "old", replace(SMALL, spacings=(20,), baseline="03.01", offset=None))
    assert "B01" in opened(new).bands
    assert opened(old).missing_bands[0] == "B01"


def test_pixels_are_those_of_the_file_that_was_picked(tmp_path):
    product = opened(write_fake_safe(tmp_path, SMALL))
    for name, reader in product.bands.items():
        side = 8 * 60 // band(name).gsd
        np.testing.assert_array_equal(
            reader.read(whole(reader.grid.shape)).dn, ramp(name, side, side), err_msg=name
        )


def test_b10_is_no_band_of_level_2a(tmp_path):
    scene = open_scene(write_fake_safe(tmp_path, SMALL))
    assert "B10" not in scene.bands
    assert "B10" not in scene.missing_bands
    with pytest.raises(BandError, match="B10 is no band of L2A products"):
        scene.read(("B02", "B10"))


def test_the_first_products_call_their_files_l2a_t(tmp_path):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, prefix="L2A_", baseline="02.05", offset=None)))
    assert tuple(product.bands) == L2A


def test_long_names_of_sen2cor(tmp_path):
    fake = replace(SMALL, long_names=True, baseline="02.04", offset=None, tiles=("32TQM", "32TQN"))
    root = write_fake_safe(tmp_path, fake)
    assert list_granules(root) == ("32TQM", "32TQN")
    product = opened(root, granule="32TQN")
    assert (product.identity.level, product.identity.tile) == ("L2A", "32TQN")
    assert tuple(product.bands) == L2A


def test_sen2cor_before_25_keeps_both_levels_in_one_file(tmp_path):
    """Its own part is `L2A_Product_Info`, its numbers `L2A_BOA_QUANTIFICATION_VALUE`."""
    root = write_fake_safe(tmp_path, replace(SMALL, baseline="02.04", offset=None, quantification=None))
    path = root / "MTD_MSIL2A.xml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("Product_Info>", "L2A_Product_Info>").replace("PRODUCT_URI>", "PRODUCT_URI_2A>")
    text = text.replace(
        "<n1:General_Info>",
        "<n1:General_Info><Product_Info><PRODUCT_URI>S2A_MSIL1C_20160101T104819_N0201_R051_T32TQM_20160101T125410"
        ".SAFE</PRODUCT_URI><PROCESSING_LEVEL>Level-1C</PROCESSING_LEVEL>"
        "<PROCESSING_BASELINE>02.01</PROCESSING_BASELINE></Product_Info>",
    )
    text = text.replace(
        "<Special_Values>",
        "<L1C_L2A_Quantification_Values_List><L1C_TOA_QUANTIFICATION_VALUE>10000</L1C_TOA_QUANTIFICATION_VALUE>"
        "<L2A_BOA_QUANTIFICATION_VALUE>10000</L2A_BOA_QUANTIFICATION_VALUE>"
        "<L2A_AOT_QUANTIFICATION_VALUE>1000.0</L2A_AOT_QUANTIFICATION_VALUE>"
        "</L1C_L2A_Quantification_Values_List><Special_Values>",
    )
    path.write_text(text, encoding="utf-8")
    product = opened(root)
    assert (product.identity.level, product.identity.baseline) == ("L2A", "02.04")
    assert "MSIL2A" in product.identity.id
    assert set(product.radiometry.quantification.values()) == {10000}


def test_metadata_in_another_case_and_geotiff_inside(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, image="tif"))
    (root / "MTD_MSIL2A.xml").rename(root / "MTD_MSIL2a.xml")
    product = opened(root)
    assert sizes(product) == {name: band(name).gsd for name in L2A}
    check_product(product)


def test_offsets_are_required_under_their_own_name(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, offset=None, bands=("B04",)))
    with pytest.raises(RadiometryError, match=r"expected BOA_ADD_OFFSET at processing baseline 05\.10"):
        opened(root)
    assert opened(root, offset=-1000).radiometry.origin == "--offset, MTD_MSIL2A.xml"


def test_a_level_that_contradicts_the_kind_of_metadata_is_refused(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, level="L1C", baseline="02.04", offset=None))
    path = root / "MTD_MSIL1C.xml"
    text = path.read_text(encoding="utf-8").replace("Level-1C</PROC", "Level-2A</PROC")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProductError, match="found <Level-1C_User_Product> of level 'Level-2A'"):
        opened(root)


def test_level_2a_without_b10_in_its_list_of_offsets(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, bands=("B04",)))
    path = root / "MTD_MSIL2A.xml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('<BOA_ADD_OFFSET band_id="10">-1000</BOA_ADD_OFFSET>', ""), encoding="utf-8")
    assert set(opened(root).radiometry.offset) == set(L2A)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_an_unknown_satellite_warns_and_goes_on(tmp_path, level):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, level=level, satellite="Sentinel-2E")))
    assert product.identity.satellite == "S2E"
    assert product.warnings == ("satellite S2E: unknown to this version; read as its metadata say",)


def test_rasters_without_georeference_lie_where_the_tile_says(tmp_path):
    """B02 at 20 m only: placed by the tile's 20 m grid, not by that of its own spacing."""
    root = write_fake_safe(tmp_path, replace(SMALL, spacings=(20,), georeferenced=False))
    grid = opened(root).bands["B02"].grid
    assert (grid.crs, grid.pixel_size, grid.shape) == ("EPSG:32632", 20, (24, 24))


def test_all_granules_of_a_product_as_scenes(tmp_path):
    fake = replace(SMALL, long_names=True, tiles=("32TQM", "32TQN", "33UUU"), bands=("B04",))
    scenes = open_scenes(write_fake_safe(tmp_path, fake))
    assert [scene.tile for scene in scenes] == ["32TQM", "32TQN", "33UUU"]
    assert len({scene.id for scene in scenes}) == 3
    single = open_scenes(write_fake_safe(tmp_path / "one", replace(SMALL, bands=("B04",))))
    assert [type(scene) for scene in single] == [Scene]


def test_metadata_alone(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    shutil.rmtree(root / "GRANULE" / granule_name(SMALL, "32TQM") / "IMG_DATA")
    found = read_metadata(root)
    assert found.bands == ()
    assert found.absent_bands == expected_at("L2A")
    assert found.missing_bands == ()
    assert found.grid is not None
    assert (found.grid.pixel_size, found.grid.crs, found.grid.shape) == (10, "EPSG:32632", (48, 48))
    assert found.identity.sun_zenith == 53.25
    assert found.radiometry is not None
    assert set(found.radiometry.offset.values()) == {-1000}


def test_a_metadata_file_alone(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    shutil.copy(root / "MTD_MSIL2A.xml", tmp_path / "MTD_MSIL2A.xml")
    shutil.rmtree(root)
    found = read_metadata(tmp_path / "MTD_MSIL2A.xml")
    assert (found.identity.tile, found.grid, found.absent_bands) == ("32TQM", None, expected_at("L2A"))


def test_metadata_whose_radiometry_is_unknown_are_shown_all_the_same(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, offset=None, bands=("B04",)))
    found = read_metadata(root)
    assert found.radiometry is None
    assert "expected BOA_ADD_OFFSET" in found.warnings[0]
    assert found.bands == ("B04",)


def test_metadata_of_many_granules(tmp_path):
    fake = replace(SMALL, long_names=True, tiles=("32TQM", "32TQN"), bands=("B04",))
    root = write_fake_safe(tmp_path, fake)
    assert read_metadata(root).identity.tile is None
    assert "choose one with granule=" in read_metadata(root).warnings[0]
    assert read_metadata(root, OpenOptions(granule="32TQN")).identity.tile == "32TQN"
    with pytest.raises(ProductError, match="expected granule '33UUU'"):
        read_metadata(root, OpenOptions(granule="33UUU"))
