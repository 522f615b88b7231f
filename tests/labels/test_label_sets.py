"""The contract of a label set, run over every one in the folder, and what each of ours means."""

import numpy as np
import pytest

from unclouded import labels
from unclouded.core import registry
from unclouded.core.classes import CLEAR, CLOUD, EVERY_CLASS, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import LabelError, OptionError
from unclouded.core.windows import Window

NAMES = labels.names()


def test_the_folder_is_the_registry():
    assert {"unclouded", "original", "binary"} <= set(NAMES)
    assert not any(name.startswith("_") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_label_set_names_itself_and_maps_bytes_to_classes(name):
    legend = labels.legend(name)
    assert legend.name == name
    assert all(0 <= code <= 255 and classes <= EVERY_CLASS for code, classes in legend.table.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_label_set_reads_each_of_its_codes_whole_and_by_window(write, tmp_path, name):
    label_set = registry.find("unclouded.labels", name)
    codes = np.array([sorted(label_set.LABELS.table)], np.uint8)
    path = write(tmp_path / "a.tif", codes)
    np.testing.assert_array_equal(label_set.read_codes(path).values, codes)
    with label_set.open_codes(path) as reader:
        last = reader.read(Window(row_off=0, col_off=codes.size - 1, height=1, width=1))
    assert last.item() == codes[0, -1]


@pytest.mark.parametrize("name", NAMES)
def test_a_label_set_refuses_a_code_that_is_not_its_own(write, tmp_path, name):
    path = write(tmp_path / "a.tif", np.array([[0, 17, 17]], np.uint8))
    assert 17 not in labels.legend(name).table
    with pytest.raises(LabelError, match=rf"a\.tif: legend '{name}' has codes .*found 17 \(2 px\)"):
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


def test_real_labels_are_read_as_their_table_says(real_data):
    raster = labels.read_reference(real_data / "labels" / "cloudsen12plus" / "cs12_3014_lab.tif", "unclouded")
    assert raster.grid.shape == (509, 509)
    # clear, thick, thin and shadow occur; snow and nodata do not
    assert np.unique(raster.values).tolist() == [1 << CLEAR, 1 << THICK, 1 << THIN, 1 << SHADOW]
