"""SAFE products: identity, radiometry, layouts old and new, and everything that can be wrong with them."""

import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.core.errors import OptionError, ProductError, RadiometryError, RasterError, UncloudedError
from unclouded.core.windows import whole
from unclouded.sources import OpenOptions, open_product, safe
from unclouded.testing.products import FakeSafe, granule_name, ramp, write_fake_safe
from unclouded.testing.readers import check_product

SMALL = FakeSafe(size_60m=8)


def opened(path, **options):
    return open_product(Path(path), OpenOptions(**options))


def failure(path, kind=UncloudedError, **options):
    with pytest.raises(kind) as error:
        opened(path, **options)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert ";" in message, "says what to do"
    assert str(Path(path).parent) not in message
    return message


def zipped(root, target, prefix):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, f"{prefix}{path.relative_to(root).as_posix()}")
    return target


def edited(root, name, old, new):
    (path,) = root.rglob(name)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return root


def band_file(root, name):
    (path,) = root.rglob(f"*_{name}.jp2")
    return path


def test_identity_comes_from_the_metadata(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, baseline="05.11", satellite="Sentinel-2C"))
    product = opened(root.rename(tmp_path / "renamed.SAFE"))
    identity = product.identity
    assert identity.id == "S2C_MSIL1C_20240305T104819_N0511_R051_T32TQM_20240305T125410"
    assert (identity.sensor, identity.satellite, identity.level) == ("sentinel-2", "S2C", "L1C")
    assert (identity.baseline, identity.tile) == ("05.11", "32TQM")
    assert identity.sensing_time == datetime(2024, 3, 5, 10, 48, 19, 24000, UTC)
    assert (identity.sun_zenith, identity.sun_azimuth) == (53.25, 158.5)
    assert identity.cloud_cover_stated == 12.5
    assert tuple(product.bands) == NAMES
    assert product.missing_bands == product.warnings == ()
    assert product.grid.shape == (48, 48)
    assert product.grid.crs == "EPSG:32632"
    check_product(product)


@pytest.mark.parametrize("baseline", ["04.00", "05.00", "05.09", "05.10", "05.11"])
def test_offset_comes_from_the_metadata(tmp_path, baseline):
    radiometry = opened(write_fake_safe(tmp_path, replace(SMALL, baseline=baseline))).radiometry
    assert set(radiometry.offset.values()) == {-1000}
    assert radiometry.describe() == "offset -1000, quantification 10000 (MTD_MSIL1C.xml)"


@pytest.mark.parametrize("baseline", ["02.04", "02.09", "03.01"])
def test_no_list_is_offset_zero_before_0400(tmp_path, baseline):
    radiometry = opened(write_fake_safe(tmp_path, replace(SMALL, baseline=baseline, offset=None))).radiometry
    assert radiometry.describe() == "offset 0, quantification 10000 (MTD_MSIL1C.xml)"


def test_offsets_are_per_band(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    edited(root, "MTD_MSIL1C.xml", 'band_id="8">-1000', 'band_id="8">-999')
    product = opened(root)
    assert product.radiometry.offset[NAMES[8]] == -999
    assert sum(value == -1000 for value in product.radiometry.offset.values()) == 12
    assert any(
        "expected offset -1000 in all bands at processing baseline 05.10, found B01 -1000" in line
        for line in product.warnings
    )


@pytest.mark.parametrize("baseline", ["04.00", "05.10", "7.00", "99.99"])
def test_a_baseline_with_offsets_and_no_list_contradicts_itself(tmp_path, baseline):
    root = write_fake_safe(tmp_path, replace(SMALL, baseline=baseline, offset=None))
    message = failure(root, RadiometryError)
    assert "MTD_MSIL1C.xml: expected RADIO_ADD_OFFSET at processing baseline" in message
    assert "--offset" in message
    stated = opened(root, offset=-1000).radiometry
    assert stated.describe() == "offset -1000, quantification 10000 (--offset, MTD_MSIL1C.xml)"


def test_the_name_contradicts_a_baseline_that_was_edited(tmp_path):
    """Baseline cut down to 02.10 and the list lost: the product's name still says N0510."""
    root = write_fake_safe(tmp_path, replace(SMALL, offset=None))
    edited(root, "MTD_MSIL1C.xml", "BASELINE>05.10<", "BASELINE>02.10<")
    assert "processing baseline 05.10" in failure(root, RadiometryError)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('band_id="3"', 'band_id="4"', "found 12 usable of 13"),
        ('band_id="3"', 'band_id="13"', "found 12 usable of 13"),
        ('band_id="3"', 'band_id=""', "found 12 usable of 13"),
        ('<RADIO_ADD_OFFSET band_id="3">-1000</RADIO_ADD_OFFSET>', "", "found 12 usable of 12"),
        ('band_id="3">-1000', 'band_id="3">-1O00', "found 12 usable of 13"),
        ('band_id="3">-1000', 'band_id="3">NaN', "found 12 usable of 13"),
    ],
)
def test_a_broken_list_of_offsets_is_no_list_of_zeros(tmp_path, old, new, found):
    root = edited(write_fake_safe(tmp_path, SMALL), "MTD_MSIL1C.xml", old, new)
    message = failure(root, RadiometryError)
    assert "expected one RADIO_ADD_OFFSET for each of 13 bands" in message
    assert found in message


def test_an_empty_list_of_offsets_is_broken_too(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, baseline="02.04", offset=None))
    edited(root, "MTD_MSIL1C.xml", "</Product_Image_Char", "<Radiometric_Offset_List/></Product_Image_Char")
    assert "found 0 usable of 0" in failure(root, RadiometryError)


@pytest.mark.parametrize("value", ["", "0", "-10000", "inf", "1e4x"])
def test_a_broken_quantification_is_named(tmp_path, value):
    root = edited(write_fake_safe(tmp_path, SMALL), "MTD_MSIL1C.xml", ">10000<", f">{value}<")
    message = failure(root, RadiometryError)
    assert "MTD_MSIL1C.xml: expected one QUANTIFICATION_VALUE above 0" in message
    assert "--quantification" in message


def test_a_missing_quantification_can_be_stated(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, quantification=None))
    assert "--quantification" in failure(root, RadiometryError)
    stated = opened(root, quantification=10000).radiometry
    assert stated.describe() == "offset -1000, quantification 10000 (--quantification, MTD_MSIL1C.xml)"
    both = opened(root, quantification=10000, offset=0).radiometry
    assert both.describe() == "offset 0, quantification 10000 (--offset, --quantification)"


@pytest.mark.parametrize("option", [{"quantification": 0}, {"quantification": float("nan")}, {"gsd": -1},
                                    {"offset": float("inf")}])  # fmt: skip
def test_options_must_be_numbers(option):
    with pytest.raises(OptionError, match="expected a number"):
        OpenOptions(**option)


@pytest.mark.parametrize("baseline", ["07.00", "99.99", "02.77"])
def test_an_unknown_baseline_warns_and_goes_on(tmp_path, baseline):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, baseline=baseline)))
    assert any(f"processing baseline {baseline}: unknown" in line for line in product.warnings)
    assert set(product.radiometry.offset.values()) == {-1000}


def test_an_old_baseline_that_lists_offsets_is_believed_and_said(tmp_path):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, baseline="02.09")))
    assert set(product.radiometry.offset.values()) == {-1000}
    assert any(
        "expected offset 0 in all bands at processing baseline 02.09" in line for line in product.warnings
    )


def test_no_baseline_and_no_list_is_an_error(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, offset=None))
    edited(root, "MTD_MSIL1C.xml", "BASELINE>05.10<", "BASELINE>?<")
    edited(root, "MTD_MSIL1C.xml", "_N0510_", "_")
    assert "found neither; state the offset with --offset" in failure(root, RadiometryError)
    assert any("none stated" in line for line in opened(root, offset=0).warnings)


def test_long_names_of_one_granule(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, baseline="02.04", offset=None, long_names=True))
    product = opened(root)
    assert product.identity.tile == "32TQM"
    assert product.identity.id == f"{root.stem}_T32TQM"
    check_product(product)


def test_a_product_of_many_granules_asks_which(tmp_path):
    fake = replace(SMALL, baseline="02.04", offset=None, long_names=True, tiles=("32TQM", "32TQN"))
    root = write_fake_safe(tmp_path, fake)
    assert "expected one granule, found 2: 32TQM, 32TQN; choose one" in failure(root, ProductError)
    assert "expected granule '33UUU' among 32TQM, 32TQN" in failure(root, ProductError, granule="33UUU")
    for choice in ("32TQN", "T32TQN", "t32tqn", granule_name(fake, "32TQN")):
        assert opened(root, granule=choice).identity.tile == "32TQN"


@pytest.mark.parametrize("prefix", ["{name}.SAFE/", "", "mine/2024/{name}/"])
def test_a_zip_is_read_in_place(tmp_path, prefix):
    root = write_fake_safe(tmp_path / "plain", SMALL)
    archive = zipped(root, tmp_path / f"{root.stem}.zip", prefix.format(name=root.stem))
    one, other = opened(archive), opened(root)
    assert one.identity == other.identity
    for name, reader in one.bands.items():
        window = whole(reader.grid.shape)
        np.testing.assert_array_equal(reader.read(window).dn, other.bands[name].read(window).dn)
    check_product(one)
    assert {path.name for path in tmp_path.iterdir()} == {"plain", archive.name}


def test_a_zip_by_any_name_and_a_folder_with_braces(tmp_path):
    root = write_fake_safe(tmp_path / "plain", SMALL)
    folder = tmp_path / "a {b} c"
    folder.mkdir()
    check_product(opened(zipped(root, folder / "download", "x.SAFE/")))


def test_other_ways_to_point_at_a_product(tmp_path):
    root = write_fake_safe(tmp_path / "outer", SMALL)
    assert opened(root.parent).identity == opened(root / "MTD_MSIL1C.xml").identity == opened(root).identity
    lower = root.rename(root.with_suffix(".safe"))
    assert opened(lower).identity.id == root.stem


def test_an_empty_second_granule_is_ignored_and_said(tmp_path):
    root = write_fake_safe(tmp_path / "plain", SMALL)
    (root / "GRANULE" / "L1C_T32TQM_A036542_null").mkdir()
    for path in (root, zipped(root, tmp_path / "a.zip", "a.SAFE/")):
        assert any("L1C_T32TQM_A036542_null: no images" in line for line in opened(path).warnings)


def test_missing_bands_are_named(tmp_path):
    product = opened(write_fake_safe(tmp_path, replace(SMALL, bands=("B02", "B03", "B12"))))
    assert tuple(product.bands) == ("B02", "B03", "B12")
    assert len(product.missing_bands) == 10
    assert "missing bands: B01, B04, B05" in " ".join(product.warnings)


@pytest.mark.parametrize("content", [b"", b"gone wrong", None])
def test_a_damaged_band_is_missing_with_its_reason(tmp_path, content):
    root = write_fake_safe(tmp_path, SMALL)
    path = band_file(root, "B05")
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    product = opened(root)
    assert product.missing_bands == ("B05",)
    (line,) = [line for line in product.warnings if line.startswith("B05 (")]
    assert path.name in line
    assert "expected" in line


def test_a_product_of_empty_files_only_is_an_error(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    for path in root.rglob("*.jp2"):
        path.write_bytes(b"")
    message = failure(root, RasterError)
    assert "none of its 13 bands can be read; first: B01" in message
    assert "an empty file" in message


def test_a_product_without_granules_is_an_error(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    shutil.rmtree(root / "GRANULE")
    assert "expected a granule with band images, found 0" in failure(root, ProductError)


def test_missing_product_metadata(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    (root / "MTD_MSIL1C.xml").unlink()
    message = failure(root, ProductError)
    assert "expected one MTD_MSIL1C.xml" in message
    assert "found none" in message
    assert "expected one MTD_MSIL1C.xml" in failure(zipped(root, tmp_path / "a.zip", "a.SAFE/"))


def test_missing_tile_metadata_is_said(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    next(root.rglob("MTD_TL.xml")).unlink()
    product = opened(root)
    assert product.identity.tile == "32TQM"
    assert product.identity.sun_zenith is None
    assert any("no tile metadata" in line for line in product.warnings)


@pytest.mark.parametrize("name", ["MTD_MSIL1C.xml", "MTD_TL.xml"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<a><b></a>", "expected well-formed XML, found mismatched tag"),
        (b"\x00\xff\xfe", "expected well-formed XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "expected well-formed XML"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "found a DTD or entities"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "found a DTD or entities"),
        (b"<a>" + b" " * 20_000_001 + b"</a>", "expected at most 20 MB"),
    ],
)
def test_broken_and_hostile_xml_is_named(tmp_path, name, content, found):
    root = write_fake_safe(tmp_path, replace(SMALL, bands=("B01",)))
    next(root.rglob(name)).write_bytes(content)
    message = failure(root, ProductError)
    assert message.startswith(f"{name}: ")
    assert found in message


def test_other_xml_and_other_levels_are_named(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, bands=("B01",)))
    edited(root, "MTD_MSIL1C.xml", "Level-1C</PROC", "Level-2A</PROC")
    assert "found <Level-1C_User_Product> of level 'Level-2A'" in failure(root, ProductError)
    (root / "MTD_MSIL1C.xml").write_text("<Catalogue/>")
    assert "found <Catalogue> of level ''" in failure(root, ProductError)


def test_a_zip_cut_off_anywhere_is_named(tmp_path):
    root = write_fake_safe(tmp_path / "plain", replace(SMALL, bands=("B01", "B02")))
    data = zipped(root, tmp_path / "a.zip", "a.SAFE/").read_bytes()
    cut = tmp_path / "cut.zip"
    for kept in (4, 100, len(data) // 2, len(data) - 10):
        cut.write_bytes(data[:kept])
        assert "cut.zip: expected a whole zip, found one that is cut off" in failure(cut, ProductError)


def test_a_zip_damaged_in_the_middle_is_named(tmp_path):
    root = write_fake_safe(tmp_path / "plain", replace(SMALL, bands=("B01",)))
    path = zipped(root, tmp_path / "a.zip", "a.SAFE/")
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("a.SAFE/MTD_MSIL1C.xml").header_offset + 80
    data = bytearray(path.read_bytes())
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    assert "a.zip: member a.SAFE/MTD_MSIL1C.xml cannot be unpacked" in failure(path, ProductError)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:evil", "a\\..\\evil"])
def test_a_zip_that_points_out_of_itself_is_refused(tmp_path, name):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MTD_MSIL1C.xml", "<a/>")
        archive.writestr(name, "x")
    assert "expected names inside the archive, found" in failure(path, ProductError)


def test_a_zip_bomb_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MTD_MSIL1C.xml", bytes(30_000_000))
    message = failure(path, ProductError)
    assert "expected MTD_MSIL1C.xml to shrink by at most 200 : 1" in message


def test_links_in_a_zip_are_left_alone(tmp_path):
    root = write_fake_safe(tmp_path / "plain", replace(SMALL, bands=("B01",)))
    path = zipped(root, tmp_path / "a.zip", "")
    link = zipfile.ZipInfo(
        "GRANULE/L1C_T32TQM_A036542_20240305T105512/IMG_DATA/T32TQM_20240305T104819_B02.jp2"
    )
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert tuple(opened(path).bands) == ("B01",)


def test_rasters_without_georeference_are_placed_by_the_metadata(tmp_path):
    placed = opened(write_fake_safe(tmp_path / "a", SMALL))
    plain = opened(write_fake_safe(tmp_path / "b", replace(SMALL, georeferenced=False)))
    assert plain.grid == placed.grid
    assert {n: r.levels for n, r in plain.bands.items()} == {n: r.levels for n, r in placed.bands.items()}
    assert any("placed by the tile metadata" in line for line in plain.warnings)


def test_no_georeference_anywhere_still_lines_the_bands_up(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, georeferenced=False))
    next(root.rglob("MTD_TL.xml")).unlink()
    product = opened(root)
    assert product.grid.crs is None
    assert [product.bands[name].grid.pixel_size for name in ("B02", "B05", "B01")] == [10, 20, 60]


def test_pixels_that_differ_from_the_metadata_are_reported_with_both(tmp_path):
    root = write_fake_safe(tmp_path, SMALL)
    edited(root, "MTD_TL.xml", "<NROWS>48</NROWS>", "<NROWS>10980</NROWS>")
    product = opened(root)
    (line,) = [line for line in product.warnings if "the pixels count" in line]
    assert line.startswith(
        "B02: metadata say 10980 x 48 px of 10 m in EPSG:32632, the pixels 48 x 48 px of 10 m"
    )
    assert product.grid.shape == (48, 48)
    edited(root, "MTD_TL.xml", "EPSG:32632", "EPSG:32633")
    assert len([line for line in opened(root).warnings if "the pixels count" in line]) == 3


def test_lossy_bands_are_reported(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, options={"REVERSIBLE": "NO", "QUALITY": 20}))
    assert any(line.startswith("lossy JPEG 2000 in B01, B02") for line in opened(root).warnings)


def test_tiffs_under_the_name_of_jp2_are_read(tmp_path):
    """Test sets hold them; the first bytes choose the driver."""
    import rasterio

    root = write_fake_safe(tmp_path, SMALL)
    path = band_file(root, "B02")
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", height=48, width=48, count=1, dtype="uint16",
                       crs="EPSG:32632", transform=opened(root).grid.transform) as dataset:  # fmt: skip
        dataset.write(ramp("B02", 48, 48), 1)
    product = opened(root)
    np.testing.assert_array_equal(product.bands["B02"].read(whole((48, 48))).dn, ramp("B02", 48, 48))


def test_options_that_the_metadata_answer_are_said_to_be_ignored(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, bands=("B01",)))
    lines = opened(root, level="L2A", sensor="Sentinel-2").warnings
    assert "level: 'L2A' ignored, the product says L1C" in lines
    assert not any(line.startswith("sensor") for line in lines)


def test_sniffing(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, bands=("B01",)))
    assert safe.sniff(root)
    assert safe.sniff(tmp_path)
    assert not safe.sniff(root / "GRANULE")
    assert not safe.sniff(tmp_path / "absent")
