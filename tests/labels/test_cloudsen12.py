import numpy as np
import pytest
import rasterio

from unclouded import labels
from unclouded.core.classes import THICK
from unclouded.core.errors import LabelError, OptionError, PairError, RasterError
from unclouded.labels import _extra, cloudsen12

HIGH, STROKES, THIRD = "ROI_0001__20190101_l1c", "ROI_0002__20190101_l1c", "ROI_0004__20190101_l1c"


@pytest.fixture
def items(replica):
    return {item.id: item for item in cloudsen12.find_items(replica("cloudsen12"))}


@pytest.fixture
def taco(replicas, extra, tmp_path):
    """`taco(**changed)`: the items of a file with one densely labelled patch."""
    extra("pyarrow")

    def write(part=None, **changed):
        fields = {"tortilla:data_split": "train", "label_type": "high", "roi_id": "a", "real_proj_shape": 12}
        content = part if part is not None else replicas.sample(replicas.stripes(0, 1), "right-bottom")
        whole = replicas.tortilla([("x", "TORTILLA", content)], magic=b"WX", fields=[{**fields, **changed}])
        (tmp_path / "a.taco").write_bytes(whole)
        return cloudsen12.find_items(tmp_path)

    return write


def test_labelled_patches_are_listed_in_the_sets_own_split(items):
    found = {name: (item.split, item.site, item.legend.name) for name, item in items.items()}
    assert found == {
        HIGH: ("train", "ROI_0001", "cloudsen12"),
        STROKES: ("validation", "ROI_0002", "cloudsen12-scribble"),
        THIRD: ("test", "ROI_0004", "cloudsen12"),
    }


def test_image_and_label_are_parts_that_gdal_reads_alone(items):
    item = items[HIGH]
    with rasterio.open(str(item.image)) as image, rasterio.open(str(item.label)) as label:
        assert (image.count, image.shape, label.count) == (13, (15, 15), 1)
        np.testing.assert_array_equal(cloudsen12.read_codes(item.label).values, label.read(1))
    # padded left and below: the patch's first column stands at 3
    assert cloudsen12.read_codes(item.label).values[0, 3:7].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "scene"), [(HIGH, np.s_[:12, 3:]), (STROKES, np.s_[:12, :12]), (THIRD, np.s_[:12, :12])]
)
def test_padding_says_nothing_on_whichever_side_it_is(items, name, scene):
    sets = np.array(labels.read_item(items[name]).values)
    inside = np.zeros(sets.shape, np.bool_)
    inside[scene] = True
    assert not sets[~inside].any()
    # 99 says nothing either: that is the one code of the strokes that is 0
    assert (sets[inside] == 0).sum() == (12 if name == STROKES else 0)


def test_codes_become_what_their_legend_says(items):
    assert set(np.unique(labels.read_item(items[THIRD]).values)) == {0, 1 << THICK}


def test_padding_that_is_not_empty_is_refused(replicas, taco):
    full = (
        ("a", "GTiff", replicas.tif_bytes(replicas.image(15, 15, 13))),
        ("b", "GTiff", replicas.tif_bytes(replicas.codes(*[0] * 15, height=15))),
    )
    (item,) = taco(replicas.tortilla(full))
    with pytest.raises(
        LabelError, match="x: expected 3 empty rows at one side, 12 px being padded to 15, found 0"
    ):
        labels.read_item(item)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label_type": "medium"}, "expected labels of high or scribble in .*, found 'medium' in 'train'"),
        (
            {"tortilla:data_split": "fold1"},
            "expected labels .*, found 'high' in 'fold1'; this is another version",
        ),
        ({"real_proj_shape": None}, "real_proj_shape: expected px, found None"),
    ],
)
def test_another_version_of_the_set_is_refused(taco, changed, message):
    with pytest.raises(LabelError, match=rf"a\.taco: x: {message}"):
        taco(**changed)


def test_a_part_without_a_label_is_refused(replicas, taco):
    with pytest.raises(RasterError, match="x: expected an image and a label, found 1 files"):
        taco(replicas.tortilla([("a", "GTiff", b"II*\0")]))


def test_a_part_that_is_no_geotiff_opens_nothing(replicas, taco):
    (item,) = taco(replicas.tortilla([("a", "GTiff", b"<VRTDataset/>"), ("b", "GTiff", b"<VRTDataset/>")]))
    with pytest.raises(RasterError, match="does not begin like one; download it again"):
        cloudsen12.read_codes(item.label)


def test_a_file_that_is_cut_off_says_where(replica):
    folder = replica("cloudsen12")
    path = folder / "cloudsen12-l1c.0000.part.taco"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        RasterError, match=r"part\.taco: expected a table of \d+ bytes at byte \d+, found the end"
    ):
        cloudsen12.find_items(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"PK" + data[2:], "expected a TACO of version 1 at byte 0, found another beginning"),
        (lambda data: data[:-40] + bytes(40), "its table cannot be decoded"),
        (lambda data: data[:10], "found another beginning"),
    ],
)
def test_a_file_that_is_no_taco_is_refused(replica, change, message):
    folder = replica("cloudsen12")
    path = folder / "cloudsen12-l1c.0000.part.taco"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RasterError, match=message):
        cloudsen12.find_items(folder)


def test_a_table_that_names_bytes_outside_the_file_is_refused(replicas, extra, tmp_path):
    extra("pyarrow")
    for changed in ({"tortilla:length": 10**9}, {"tortilla:offset": -5}):
        (tmp_path / "a.taco").write_bytes(replicas.tortilla([("x", "BYTES", b"abc")], fields=[changed]))
        with pytest.raises(
            RasterError, match=r"a\.taco: .*(found the end at byte|expected a number of bytes)"
        ):
            cloudsen12.find_items(tmp_path)


def test_no_taco_at_all_says_what_is_expected(tmp_path):
    with pytest.raises(
        PairError, match=r"expected cloudsen12-l1c\.0000\.part\.taco and the like, found none"
    ):
        cloudsen12.find_items(tmp_path)


def test_without_the_package_the_extra_is_named():
    with pytest.raises(
        OptionError, match=r"Set: expected the package no_such, found none; pip install 'unclouded\[lab"
    ):
        _extra.needed("no_such.module", for_set="Set")


def test_an_exported_label_is_read_as_a_file(write, tmp_path):
    path = write(tmp_path / "label.tif", np.array([[0, 99]], np.uint8))
    assert cloudsen12.read_codes(path).values.tolist() == [[0, 99]]


def test_real_labels_hold_these_codes_and_no_padding(real_data):
    for path in sorted((real_data / "labels").glob("cloudsen12*/*_lab.tif")):
        raster = labels.read_reference(path, "cloudsen12")
        assert raster.grid.shape == (509, 509)
        assert (np.asarray(raster.values) > 0).all()
