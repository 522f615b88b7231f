import hashlib
import json
import subprocess
import sys
import zipfile
from datetime import datetime

import numpy as np
import pytest
import rasterio
from defusedxml.ElementTree import parse

from unclouded.core.bands import NAMES, SENTINEL2, band
from unclouded.core.errors import OptionError, OutputError
from unclouded.synthetic import CloudLayer, SceneConfig, render, write_safe

SIZE_PX = 600
QUICK = SceneConfig(seed=1, clouds=(CloudLayer(kind="cumulus", cover=0.3),))


def image_of(product, name):
    (found,) = product.glob(f"GRANULE/*/IMG_DATA/*_{name}.jp2")
    return found


def find(tree, name):
    return [node for node in tree.iter() if node.tag.rpartition("}")[2] == name]


def text(tree, name):
    (node,) = find(tree, name)
    return node.text


@pytest.fixture(scope="module")
def product_xml(written):
    return parse(written.product / "MTD_MSIL1C.xml")


@pytest.fixture(scope="module")
def tile_xml(written):
    (path,) = written.product.glob("GRANULE/*/MTD_TL.xml")
    return parse(path)


@pytest.mark.parametrize("name", NAMES)
def test_bands_are_jpeg_2000_as_esa_writes_them(written, name):
    gsd = band(name).gsd
    with rasterio.open(image_of(written.product, name), driver="JP2OpenJPEG") as image:
        assert image.dtypes == ("uint16",)
        assert image.shape == (SIZE_PX * 10 // gsd,) * 2
        assert image.res == (gsd, gsd)
        assert image.crs.to_epsg() == 32632
        assert (image.transform.c, image.transform.f) == (600_000, 5_300_040)
        assert image.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "15"
        block = {10: 1024, 20: 640, 60: 192}[gsd]
        assert image.block_shapes == [(min(block, SIZE_PX * 10 // gsd),) * 2]


def test_a_band_has_five_resolutions_and_tiles_of_esas_size(tmp_path):
    written = write_safe(tmp_path, QUICK, size_px=1_104, true_colour=False)
    with rasterio.open(image_of(written.product, "B02"), driver="JP2OpenJPEG") as image:
        assert image.block_shapes == [(1024, 1024)]
        assert image.overviews(1) == [2, 4, 8, 16]


def test_pixels_are_the_scene_with_noise_through_the_offset(written, config):
    with rasterio.open(image_of(written.product, "B04"), driver="JP2OpenJPEG") as image:
        dn = image.read(1)
    placed = SceneConfig(
        seed=config.seed,
        clouds=config.clouds,
        sun_zenith=config.sun_zenith,
        sun_azimuth=config.sun_azimuth,
        unseen=config.unseen,
        size_m=SIZE_PX * 10.0,
    )
    piece = render(placed, ("B04",))
    valid = dn != 0
    difference = ((dn.astype(float) - 1000) / 10_000 - piece.reflectance[0])[valid]
    assert abs(difference.mean()) < 1e-4  # lossless: what is left is noise
    assert 0.0003 < difference.std() < 0.003
    assert 1 - valid.mean() == pytest.approx(0.2, abs=0.02)
    with rasterio.open(written.truth, driver="GTiff") as truth:
        classes = truth.read(1)
        assert truth.nodata == 255
    np.testing.assert_array_equal(classes, np.where(valid, piece.classes, 255))


def test_the_encoding_is_lossless(tmp_path):
    """Two products of one scene differ in DN by the offset alone, to the last digit."""
    old = write_safe(tmp_path, QUICK, size_px=120, baseline="02.09")
    new = write_safe(tmp_path, QUICK, size_px=120, baseline="05.11")
    for name in ("B02", "B05", "B09"):
        with (
            rasterio.open(image_of(old.product, name)) as one,
            rasterio.open(image_of(new.product, name)) as two,
        ):
            np.testing.assert_array_equal(one.read(1) + 1000, two.read(1))


def test_the_metadata_state_the_radiometry_of_the_baseline(product_xml, tmp_path):
    assert text(product_xml, "PROCESSING_BASELINE") == "05.11"
    assert text(product_xml, "QUANTIFICATION_VALUE") == "10000"
    offsets = {int(node.get("band_id")): int(node.text) for node in find(product_xml, "RADIO_ADD_OFFSET")}
    assert offsets == {item.band_id: -1000 for item in SENTINEL2}
    special = [node.text for node in find(product_xml, "SPECIAL_VALUE_INDEX")]
    assert special == ["0", "65535"]
    old = write_safe(tmp_path, QUICK, size_px=96, baseline="03.01").product
    assert find(parse(old / "MTD_MSIL1C.xml"), "Radiometric_Offset_List") == []


def test_the_metadata_agree_with_the_scene(written, product_xml, tile_xml, config):
    with rasterio.open(written.truth, driver="GTiff") as truth:
        classes = truth.read(1)
    percent = 100 * np.isin(classes, (1, 2)).sum() / (classes != 255).sum()
    assert float(text(product_xml, "Cloud_Coverage_Assessment")) == pytest.approx(percent, abs=1e-9)
    assert float(text(tile_xml, "CLOUDY_PIXEL_PERCENTAGE")) == pytest.approx(percent, abs=1e-9)
    (mean,) = find(tile_xml, "Mean_Sun_Angle")
    assert [float(node.text) for node in mean] == [config.sun_zenith, config.sun_azimuth]
    (grid,) = find(tile_xml, "Sun_Angles_Grid")
    rows = [node.text.split() for node in find(grid, "VALUES")]
    assert len(rows) == 46
    assert all(len(row) == 23 for row in rows)


def test_the_sun_grid_is_centred_on_the_tile(tmp_path):
    written = write_safe(tmp_path, QUICK, size_px=96)
    (path,) = written.product.glob("GRANULE/*/MTD_TL.xml")
    (grid,) = find(parse(path), "Sun_Angles_Grid")
    zenith = np.array([node.text.split() for node in find(grid, "VALUES")][:23], float)
    assert zenith[0, 0] == pytest.approx(QUICK.sun_zenith, abs=0.1)
    assert np.ptp(zenith) == pytest.approx(0.009 * 110 * (0.5 + np.sqrt(0.75)), rel=0.1)


def test_every_file_that_the_metadata_name_is_there(written, product_xml, tile_xml):
    images = [node.text for node in find(product_xml, "IMAGE_FILE")]
    assert [image.rpartition("_")[2] for image in images] == [*NAMES, "TCI"]
    assert all((written.product / f"{image}.jp2").is_file() for image in images)
    assert (written.product / f"{text(tile_xml, 'PVI_FILENAME')}.jp2").is_file()
    assert text(product_xml, "PRODUCT_URI") == written.product.name
    assert {int(node.get("bandId")) for node in find(tile_xml, "Mean_Viewing_Incidence_Angle")} == set(
        range(13)
    )
    sizes = {node.get("resolution"): node[0].text for node in find(tile_xml, "Size")}
    assert sizes == {"10": "600", "20": "300", "60": "100"}


def test_the_manifest_holds_every_file_with_its_checksum(written):
    objects = {}
    for node in find(parse(written.product / "manifest.safe"), "byteStream"):
        (location,) = find(node, "fileLocation")
        (checksum,) = find(node, "checksum")
        assert checksum.get("checksumName") == "SHA3-256"
        objects[location.get("href")] = (int(node.get("size")), checksum.text)
    files = {path for path in written.product.rglob("*") if path.is_file()} - {
        written.product / "manifest.safe"
    }
    assert set(objects) == {f"./{path.relative_to(written.product).as_posix()}" for path in files}
    for href, (size, digest) in objects.items():
        data = (written.product / href).read_bytes()
        assert len(data) == size
        assert hashlib.sha3_256(data).hexdigest().upper() == digest


def subdatasets(info):
    return {
        name: value
        for name, value in info["metadata"]["SUBDATASETS"].items()
        if name.endswith("_NAME") and "PREVIEW" not in value
    }


@pytest.mark.parametrize("naming", ["compact", "long"])
def test_gdals_own_driver_opens_it(program, tmp_path, naming):
    baseline = {"compact": "05.11", "long": "02.04"}[naming]
    written = write_safe(tmp_path, QUICK, size_px=120, naming=naming, baseline=baseline, satellite="S2B")
    (path,) = (item for item in written.product.glob("*.xml"))
    out = subprocess.run(
        [program("gdalinfo"), "-json", str(path)], check=True, capture_output=True, timeout=60
    )
    info = json.loads(out.stdout)
    assert info["driverShortName"] == "SENTINEL2"
    assert info["metadata"][""]["DATATAKE_1_SPACECRAFT_NAME"] == "Sentinel-2B"
    assert info["metadata"][""]["PROCESSING_BASELINE"] == baseline
    names = subdatasets(info)
    assert {value.split(":")[-2] for value in names.values()} >= {"10m", "20m", "60m"}


def test_gdals_driver_reads_the_same_pixels(written):
    path = written.product / "MTD_MSIL1C.xml"
    with rasterio.open(f"SENTINEL2_L1C:{path}:20m:EPSG_32632", driver="SENTINEL2") as image:
        assert image.shape == (300, 300)
        names = [image.tags(k)["BANDNAME"].replace("B", "B0") for k in image.indexes]
        row = names.index("B05")
        dn = image.read(row + 1)
    with rasterio.open(image_of(written.product, "B05"), driver="JP2OpenJPEG") as image:
        np.testing.assert_array_equal(image.read(1), dn)
    assert dn.max() > 1000


def test_the_true_colour_image_is_what_the_bands_show(written):
    with rasterio.open(image_of(written.product, "TCI"), driver="JP2OpenJPEG") as image:
        colour = image.read()
    with rasterio.open(image_of(written.product, "B04"), driver="JP2OpenJPEG") as image:
        dn = image.read(1).astype(float)
    expected = np.clip((dn - 1000) * 255 / 3558, 1, 255)
    np.testing.assert_allclose(colour[0][dn > 0], expected[dn > 0], atol=1)
    assert (colour[:, dn == 0] == 0).all()


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_same_scene_is_the_same_bytes_whatever_the_threads(tmp_path):
    one = write_safe(tmp_path / "one", QUICK, size_px=540, threads=1)
    two = write_safe(tmp_path / "two", QUICK, size_px=540, threads=3)
    assert tree(one.product) == tree(two.product)
    assert one.truth.read_bytes() == two.truth.read_bytes()


def test_a_zip_holds_the_same_tree(tmp_path):
    folder = write_safe(tmp_path / "a", QUICK, size_px=96)
    zipped = write_safe(tmp_path / "b", QUICK, size_px=96, zipped=True)
    assert zipped.product.name == folder.product.stem + ".zip"
    with zipfile.ZipFile(zipped.product) as archive:
        held = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        assert {name.partition("/")[0] for name in archive.namelist()} == {folder.product.name}
    assert held == tree(folder.product)


def test_long_names_hold_the_tile_and_the_truth_may_be_coarser(tmp_path):
    written = write_safe(
        tmp_path, QUICK, size_px=120, naming="long", baseline="02.04", tile="53HLA", truth_gsd=60
    )
    assert written.product.name.startswith("S2A_OPER_PRD_MSIL1C_PDMC_")
    images = sorted(path.name for path in written.product.glob("GRANULE/*_T53HLA_N02.04/IMG_DATA/*.jp2"))
    assert [name[-7:-4] for name in images] == sorted(NAMES)
    (product_xml,) = (path for path in written.product.glob("S2A_OPER_MTD_SAFL1C_PDMC_*.xml"))
    assert len(find(parse(product_xml), "IMAGE_ID")) == 13
    with rasterio.open(written.truth, driver="GTiff") as truth:
        assert truth.shape == (20, 20)
        assert truth.crs.to_epsg() == 32753


def test_nothing_but_product_and_truth_is_left(tmp_path):
    written = write_safe(tmp_path, QUICK, size_px=96)
    assert set(tmp_path.iterdir()) == {written.product, written.truth}


def test_a_product_is_not_overwritten(tmp_path):
    first = write_safe(tmp_path, QUICK, size_px=96)
    with pytest.raises(OutputError, match=f"{first.product.name}: expected no product of that name"):
        write_safe(tmp_path, QUICK, size_px=96)


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file: cannot write the product there: .*choose another folder"):
        write_safe(tmp_path / "file", QUICK, size_px=96)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_px": 100}, "size_px: expected a multiple of 6 from 96 to 10980, found 100"),
        ({"naming": "short"}, "naming: expected compact or long, found 'short'"),
        ({"level": "L2A"}, "level: expected L1C, found 'L2A'"),
        ({"truth_gsd": 30}, "truth_gsd: expected 10, 20 or 60, found 30"),
        ({"satellite": "S3A"}, "satellite 'S3A': expected one of S2A, S2B, S2C"),
        ({"baseline": "5"}, "processing baseline '5': expected a number such as 05.11"),
        ({"sensing_time": datetime(2024, 1, 1)}, "sensing_time: expected a time with a zone"),  # noqa: DTZ001 - it is what is refused
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, options, message):
    with pytest.raises(OptionError, match=message):
        write_safe(tmp_path, QUICK, **{"size_px": 96, **options})


@pytest.mark.slow
def test_a_large_tile_takes_no_more_memory_than_stated(tmp_path):
    """A ninth of a tile: its 13 bands at 10 m alone would be 0.7 GB."""
    script = (
        "import resource, sys; from pathlib import Path; from unclouded.synthetic import *\n"
        "write_safe(Path(sys.argv[1]), SceneConfig(seed=1), size_px=3660, threads=2)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True, timeout=300
    )
    assert int(out.stdout) < 500_000  # kB
