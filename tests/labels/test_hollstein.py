import numpy as np
import pytest

from unclouded import labels
from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, SHADOW, SNOW, THICK, THIN
from unclouded.core.errors import LabelError, PairError, RasterError
from unclouded.labels import hollstein


def test_spectra_are_read_with_bands_products_and_classes(replica):
    (spectra,) = hollstein.find_spectra(replica("hollstein"))
    assert spectra.bands == NAMES
    assert spectra.reflectance.dtype == np.float32
    np.testing.assert_allclose(spectra.reflectance[1], np.arange(13, 26) / 100)
    assert spectra.sets.tolist() == [1 << to for to in (CLEAR, CLEAR, SHADOW, THIN, THICK, SNOW)]
    assert spectra.products.tolist() == ["S2A_OPER_A"] * 3 + ["S2A_OPER_B"] * 3
    assert spectra.sites.tolist() == ["32TNR"] * 3 + ["49JGL"] * 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"classes": np.array([10, 20, 30, 40, 50, 70], np.uint8)},
            r"classes: legend 'hollstein' has .*found 70 \(1 px\)",
        ),
        (
            {"classes": np.array([10], np.uint8)},
            r"expected as many .*, found \(6, 13\) and 6 spectra, 1 classes, 6 product_id",
        ),
        ({"band": None}, "expected arrays spectra, .*, found none named band"),
        ({"band": np.array([b"1", b"2"])}, "expected as many spectra of 2 bands"),
        ({"band": np.array([b"1"] * 13)}, "bands B1, .*: B01 named twice"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(replicas, extra, tmp_path, changed, message):
    extra("h5py")
    replicas.hollstein(tmp_path, **changed)
    with pytest.raises(LabelError, match=rf"data\.h5: {message}"):
        hollstein.find_spectra(tmp_path)


def test_a_file_of_another_kind_is_refused(extra, tmp_path):
    extra("h5py")
    (tmp_path / "20170710_s2_manual_classification_data.h5").write_text("no HDF5")
    with pytest.raises(RasterError, match=r"data\.h5: expected an HDF5 file of spectra, found"):
        hollstein.find_spectra(tmp_path)


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(PairError, match=r"expected \*_s2_manual_classification_data\.h5, found none"):
        hollstein.find_spectra(tmp_path)


def test_the_check_counts_spectra_and_granules(replica):
    found = labels.check("hollstein", replica("hollstein"))
    assert (found.scenes, found.sites) == (1, 2)
    assert found.pixels == {"clear": 2, "cloud_shadow": 1, "thin_cloud": 1, "thick_cloud": 1, "snow": 1}
    assert found.absent == ()
