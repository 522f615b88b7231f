"""The contract of a label set, run over every one in the folder, and what each of ours means."""

from pathlib import Path

import numpy as np
import pytest

from unclouded import labels
from unclouded.core import registry
from unclouded.core.classes import CLEAR, CLOUD, EVERY_CLASS, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import LabelError, OptionError
from unclouded.core.windows import Window

NAMES = labels.names()
MODULES = {name: registry.find("unclouded.labels", name) for name in NAMES}
# polygons become codes on the grid of an image only, single pixels never; chips name a legend each
RASTERS = [name for name, module in MODULES.items() if hasattr(module, "open_codes") and name != "chips"]
WITH_LEGEND = [name for name, module in MODULES.items() if hasattr(module, "LABELS")]


def test_the_folder_is_the_registry():
    assert {"unclouded", "original", "binary", "cloudsen12", "pixbox_s2", "vector"} <= set(NAMES)
    assert not any(name.startswith("_") for name in NAMES)


@pytest.mark.parametrize("name", WITH_LEGEND)
def test_a_label_set_names_itself_and_maps_bytes_to_classes(name):
    legend = labels.legend(name)
    assert legend is MODULES[name].LABELS
    assert legend.name == name.replace("_", "-")
    assert all(0 <= code <= 255 and classes <= EVERY_CLASS for code, classes in legend.table.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_label_set_lists_scenes_points_or_spectra(name):
    listing = [find for find in ("find_items", "find_points", "find_spectra") if hasattr(MODULES[name], find)]
    assert len(listing) == 1


@pytest.mark.parametrize("name", RASTERS)
def test_a_label_set_reads_each_of_its_codes_whole_and_by_window(write, tmp_path, name):
    label_set = MODULES[name]
    codes = np.array([sorted(label_set.LABELS.table)], np.uint8)
    path = write(tmp_path / "a.tif", codes)
    np.testing.assert_array_equal(label_set.read_codes(path).values, codes)
    with label_set.open_codes(path) as reader:
        last = reader.read(Window(row_off=0, col_off=codes.size - 1, height=1, width=1))
    assert last.item() == codes[0, -1]


@pytest.mark.parametrize("name", RASTERS)
def test_a_label_set_refuses_a_code_that_is_not_its_own(write, tmp_path, name):
    path = write(tmp_path / "a.tif", np.array([[0, 17, 17]], np.uint8))
    assert 17 not in labels.legend(name).table
    with pytest.raises(
        LabelError, match=rf"a\.tif: legend '{labels.legend(name).name}' has codes .*found 17 \(2 px\)"
    ):
        labels.read_reference(path, name)


def sets_of(write, path, codes, name):
    raster = labels.read_reference(write(path, np.array([codes], np.uint8)), name)
    assert raster.grid.shape == (1, len(codes))
    return raster.values.tolist()[0]


def test_ours_names_one_class_a_code_and_ignores_nodata(write, tmp_path):
    found = sets_of(write, tmp_path / "a.tif", [0, 1, 2, 3, 4, 255], "unclouded")
    assert found == [1 << CLEAR, 1 << THICK, 1 << THIN, 1 << SHADOW, 1 << SNOW, 0]


@pytest.mark.parametrize(("name", "cloud"), [("original", 255), ("binary", 1)])
def test_a_binary_mask_leaves_open_what_it_cannot_tell(write, tmp_path, name, cloud):
    not_cloud = class_bits(EVERY_CLASS - CLOUD)
    assert sets_of(write, tmp_path / "a.tif", [0, cloud], name) == [not_cloud, class_bits(CLOUD)]


def test_255_is_nodata_in_a_binary_mask_and_cloud_in_the_originals(write, tmp_path):
    assert sets_of(write, tmp_path / "a.tif", [255], "binary") == [0]
    assert sets_of(write, tmp_path / "b.tif", [255], "original") == [class_bits(CLOUD)]


def test_an_unknown_legend_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match=r"labels 'orignal': expected one of .*did you mean 'original'\?"):
        labels.legend("orignal")


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("l8-biome-shadow", "l8_biome"),
        ("cloudsen12_scribble", "cloudsen12"),
        ("fmask", None),
        ("cloud38", "cloud38"),
    ],
)
def test_a_variant_is_read_by_its_set_and_a_legend_without_a_set_as_geotiff(name, owner):
    reader = labels.find(name)
    assert reader.legend.name == name.replace("_", "-")
    assert reader.open_codes is (MODULES[owner] if owner else MODULES["unclouded"]).open_codes


def test_single_pixels_are_not_read_as_rasters():
    with pytest.raises(
        OptionError, match="labels 'hollstein': expected a set of rasters, found one of single"
    ):
        labels.find("hollstein")
    with pytest.raises(OptionError, match="labels 'pixbox_s2': expected a set of rasters"):
        labels.find_items("pixbox_s2", Path())


@pytest.mark.parametrize("name", ["chips", "vector"])
def test_a_set_whose_scenes_have_a_legend_each_has_none_itself(name):
    with pytest.raises(
        OptionError, match=rf"labels '{name}': expected one of unclouded, .*or a file FILE\.toml"
    ):
        labels.legend(name)


def test_real_labels_are_read_as_their_table_says(real_data):
    raster = labels.read_reference(real_data / "labels" / "cloudsen12plus" / "cs12_3014_lab.tif", "unclouded")
    assert raster.grid.shape == (509, 509)
    # clear, thick, thin and shadow occur; snow and nodata do not
    assert np.unique(raster.values).tolist() == [1 << CLEAR, 1 << THICK, 1 << THIN, 1 << SHADOW]
