import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix

from unclouded.core.classes import LEGENDS, to_sets
from unclouded.core.counts import TASKS, count
from unclouded.core.errors import GridError, LabelError, RasterError
from unclouded.evaluate._pairs import Pair
from unclouded.evaluate._score import score_pair
from unclouded.labels import CodesReader

CLOUD = TASKS[0]
shapes = st.shared(hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), key="shape")
codes = hnp.arrays(np.uint8, shapes, elements=st.sampled_from([0, 1, 2, 3, 4, 255]))
files_are_rewritten = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def score(write, tmp_path):
    """`score(prediction, reference)`: codes written, then compared."""

    def call(prediction, reference, *, on_prediction=None, on_reference=None, **options):
        pair = Pair(
            scene="a",
            prediction=write(tmp_path / "a_mask.tif", prediction, **(on_prediction or {})),
            reference=write(tmp_path / "a_truth.tif", reference, **(on_reference or {})),
        )
        return score_pair(pair, **{"legend": "unclouded", "prediction_legend": "unclouded", **options})

    return call


@files_are_rewritten
@given(codes, codes, st.integers(1, 500))
def test_strips_of_any_height_give_the_counts_of_the_whole(score, prediction, reference, strip_px):
    legend = LEGENDS["unclouded"]
    whole = count(to_sets(reference, legend), to_sets(prediction, legend))
    assert score(prediction, reference, strip_px=strip_px).counts == whole


@pytest.mark.parametrize("tile", [16, 32])
@pytest.mark.parametrize("strip_px", [1, 40 * 16, 40 * 20, 40 * 50, 10**7])
def test_tiles_of_either_file_and_any_strip_give_the_same(score, tile, strip_px):
    rng = np.random.default_rng(7)
    prediction, reference = rng.integers(0, 5, (2, 70, 40))
    tiled = {"tiled": True, "blockxsize": tile, "blockysize": tile}
    plain = score(prediction, reference).counts
    assert score(prediction, reference, on_prediction=tiled, strip_px=strip_px).counts == plain
    assert plain.pixels == 70 * 40


@pytest.mark.parametrize(("strip_px", "rows"), [(40 * 35, 32), (40 * 16, 16), (40 * 10, 10), (1, 1)])
def test_no_read_is_larger_than_a_strip_nor_cuts_a_row_of_blocks_that_fits(
    score, monkeypatch, strip_px, rows
):
    read, windows = CodesReader.read, []

    def watched(reader, window):
        windows.append(window)
        return read(reader, window)

    monkeypatch.setattr(CodesReader, "read", watched)
    tiled = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    score(np.zeros((70, 40)), np.zeros((70, 40)), on_reference=tiled, on_prediction=tiled, strip_px=strip_px)
    assert {window.height for window in windows[:-2]} == {rows}
    assert windows[-1].height == (70 % rows or rows)


@files_are_rewritten
@given(codes, codes)
def test_cloud_or_not_is_what_scikit_learn_counts(score, prediction, reference):
    c = score(prediction, reference).counts.confusion(CLOUD)
    seen = (prediction != 255) & (reference != 255)
    truth, guess = (np.isin(x[seen], [1, 2]) for x in (reference, prediction))
    expected = confusion_matrix(truth, guess, labels=[True, False]) if seen.any() else np.zeros((2, 2), int)
    assert [[c.tp, c.fn], [c.fp, c.tn]] == expected.tolist()


def test_prediction_and_reference_are_not_swapped(score):
    c = score([[1, 1, 1, 0]], [[1, 0, 0, 0]]).counts.confusion(CLOUD)
    assert (c.tp, c.fp, c.fn, c.tn) == (1, 2, 0, 1)


def test_the_originals_masks_are_scored_by_their_legend(score):
    found = score([[255, 255, 0, 0]], [[255, 0, 255, 0]], legend="original", prediction_legend="original")
    c = found.counts.confusion(CLOUD)
    assert (c.tp, c.fp, c.fn, c.tn) == (1, 1, 1, 1)
    assert found.warnings == ()


def test_a_mask_of_ours_is_scored_against_a_binary_reference(score):
    found = score([[1, 2, 3, 255]], [[1, 0, 0, 1]], legend="binary")
    c = found.counts.confusion(CLOUD)
    assert (c.tp, c.fp, c.fn, c.tn) == (1, 1, 0, 1)
    assert found.counts.left_out["prediction_nodata"] == 1
    shadow = found.counts.confusion(next(task for task in TASKS if task.name == "cloud_shadow"))
    assert shadow.reference_ambiguous == 2


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"transform": (10, 0, 600_010, 0, -10, 5_100_000)}, "reproject one onto the other first"),
        ({"crs": "EPSG:32633"}, "EPSG:32633"),
    ],
)
def test_grids_that_differ_are_an_error_that_names_both_files(score, place, message):
    with pytest.raises(
        GridError, match=rf"a_mask\.tif against .*a_truth\.tif: expected equal grids.*{message}"
    ):
        score([[0, 1]], [[0, 1]], on_prediction=place)


def test_shapes_that_differ_are_an_error(score):
    with pytest.raises(GridError, match="found 1 x 3 px and 1 x 2 px; resample the reference with nearest"):
        score([[0, 1, 1]], [[0, 1]])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_mask_without_georeference_is_compared_by_shape_and_that_is_said(score):
    found = score([[0, 1]], [[0, 1]], on_prediction={"transform": None, "crs": None})
    assert found.counts.scored == 2
    assert found.grid.crs == "EPSG:32632"
    (warning,) = found.warnings
    assert "a_mask.tif: carries no georeference; the two were compared by shape alone" in warning


def test_unknown_codes_name_the_file_and_the_legend(score):
    with pytest.raises(LabelError, match=r"a_truth\.tif: legend 'unclouded' .*found 64 \(2 px\)"):
        score([[0, 0, 0]], [[0, 64, 64]])
    with pytest.raises(
        LabelError, match=r"a_mask\.tif: legend 'original' has codes 0, 255, found 1 \(1 px\)"
    ):
        score([[0, 1, 0]], [[0, 0, 0]], prediction_legend="original")


def test_a_reference_of_0_and_255_asks_whether_it_is_the_originals(score):
    (warning,) = score([[0, 1, 1]], [[0, 255, 0]]).warnings
    assert warning.endswith(
        "a_truth.tif: holds no code but 0 and 255, and 255 is nodata in legend 'unclouded'; "
        "if 255 means cloud here, give --legend original"
    )
    (warning,) = score([[0, 255, 0]], [[0, 1, 1]]).warnings
    assert "a_mask.tif" in warning
    assert "give --prediction-legend original" in warning


@pytest.mark.parametrize("reference", [[[0, 0, 0]], [[0, 1, 255]], [[1, 2, 255]]])
def test_other_references_raise_no_doubt(score, reference):
    assert score([[0, 1, 1]], reference).warnings == ()


def test_a_clear_mask_that_declares_its_nodata_raises_no_doubt(score):
    assert score([[0, 1, 1]], [[0, 255, 0]], on_reference={"nodata": 255}).warnings == ()


def test_declared_nodata_that_the_original_legend_takes_for_cloud_is_said(score):
    found = score([[0, 1, 1]], [[0, 255, 0]], on_reference={"nodata": 255}, legend="original")
    (warning,) = found.warnings
    assert "declares 255 as nodata, and legend 'original' takes it for cloud" in warning


def test_a_pair_that_never_meets_is_said(score):
    found = score([[255, 1]], [[3, 255]])
    assert found.counts.scored == 0
    assert any("no pixel was scored" in line for line in found.warnings)


def test_a_damaged_reference_is_named(score, tmp_path):
    score([[0]], [[0]])
    (tmp_path / "a_truth.tif").write_bytes(b"not a raster")
    pair = Pair(scene="a", prediction=tmp_path / "a_mask.tif", reference=tmp_path / "a_truth.tif")
    with pytest.raises(RasterError, match=r"a_truth\.tif: expected a GeoTIFF"):
        score_pair(pair, legend="unclouded", prediction_legend="unclouded")


def test_polygons_are_a_reference_that_says_nothing_outside(tmp_path):
    import json

    import rasterio
    from affine import Affine

    from unclouded.evaluate import evaluate

    place = {"transform": Affine(10, 0, 600_000, 0, -10, 5_100_000), "crs": "EPSG:32632"}
    codes = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], np.uint8)
    with rasterio.open(
        tmp_path / "a_mask.tif", "w", driver="GTiff", dtype="uint8", count=1, height=3, width=4, **place
    ) as out:
        out.write(codes, 1)

    def polygon(kind, left, right):
        corners = [(left, 0), (right, 0), (right, 20), (left, 20), (left, 0)]
        ring = [[600_000 + x, 5_100_000 - y] for x, y in corners]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "properties": {"kind": kind}, "geometry": geometry}

    content = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:32632"}},
        "features": [polygon("cloud", 0, 20), polygon("clear", 20, 30)],
    }
    (tmp_path / "a_reference.geojson").write_text(json.dumps(content), encoding="utf-8")
    result = evaluate(tmp_path / "a_mask.tif", tmp_path / "a_reference.geojson", column="kind")
    cloud = result.confusion("cloud")
    assert (cloud.tp, cloud.fn, cloud.fp, cloud.tn) == (2, 2, 0, 2)
