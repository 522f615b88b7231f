"""docs/how-to/cubes.md: what it tells one to type, run as it stands there on synthetic scenes."""

import re
from pathlib import Path

import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.testing.cubes import cloudy_series

xr = pytest.importorskip("xarray")
# a pixel that is clear on no date: numpy says so where dask computes, xarray alone keeps it to itself
pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "cubes.md"
RGB = ("B04", "B03", "B02")


@pytest.fixture(scope="module")
def page():
    """The names that the page's Python defines."""
    found = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(text, found)
    return found


@pytest.fixture(scope="module")
def series():
    return cloudy_series(dates=7, size_px=90)


@pytest.fixture(scope="module")
def truth(series):
    return series.cube["B02"].copy(data=series.codes)


def off_the_land(composite, series, names=RGB):
    """Difference to the land without clouds, reflectance, and where there is any: (band, y, x)."""
    seen = np.stack([(composite[name].values - 1000) / 10000 for name in names])
    land = np.stack([series.land[NAMES.index(name)] for name in names])
    return np.abs(seen - land)


@pytest.mark.parametrize("how", ["median", "best_pixel"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_composite_shows_the_land(page, series, truth, how, lazy):
    """By true masks it is the land but for noise and haze below what counts as cloud."""
    cube, mask = series.cube[list(RGB)], truth
    if lazy:
        pytest.importorskip("dask")
        cube, mask = cube.chunk({"time": 2, "y": 40}), mask.chunk({"time": 2, "y": 40})
    composite = page[how](cube, mask).compute()
    off = off_the_land(composite, series)
    seen = np.isfinite(off).all(axis=0)
    assert seen.mean() > 0.8
    assert np.percentile(off[:, seen], 99) < 0.03
    everything = off_the_land(series.cube.median("time"), series)
    assert off[:, seen].mean() < 0.5 * everything[:, seen].mean()


def test_a_best_pixel_is_of_one_date(page, series, truth):
    """Its bands are those of one date, and it is one that is clear and nearest to the median."""
    cube = series.cube[list(RGB)]
    found, clear = page["best_pixel"](cube, truth), page["without_clouds"](cube, truth)
    same = np.all([clear[name] == found[name] for name in RGB], axis=0)
    seen = np.isfinite(found["B04"].values)
    assert same.any(axis=0)[seen].all()
    assert not same[:, ~seen].any()
    np.testing.assert_array_equal(seen, clear["B04"].notnull().any("time"))


def test_from_the_mask_on(page, series):
    """The whole way with the network: clearer than the cube as it is."""
    pytest.importorskip("dask")
    cube = series.cube.chunk({"y": 45})
    mask = page["masked"](cube)
    assert mask.chunks is not None
    off = off_the_land(page["median"](cube, mask).compute(), series)
    seen = np.isfinite(off).all(axis=0)
    everything = off_the_land(series.cube.mean("time"), series)
    assert seen.mean() > 0.5
    assert off[:, seen].mean() < 0.5 * everything[:, seen].mean()


def test_how_cloudy(page, series, truth):
    shares = page["cloudiest_first"](series.cube, truth)
    assert (np.diff(shares) <= 0).all()
    np.testing.assert_allclose(np.sort(shares), np.sort(np.isin(truth, (1, 2)).mean(axis=(1, 2))))


def test_of_numpy(page, series):
    dn = series.cube.isel(time=0).to_dataarray().values
    np.testing.assert_array_equal(page["of_array"](dn, NAMES), page["masked"](series.cube).isel(time=0))
