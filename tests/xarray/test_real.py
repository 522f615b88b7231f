"""A real series of thirty dates near Canberra: which are cloudy was judged by eye (MANIFEST.md)."""

import numpy as np
import pytest

from unclouded.core.errors import BandError
from unclouded.predict import bundled_models, load_model

xr = pytest.importorskip("xarray")

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
OVERCAST = (0, 2, 3, 4, 5, 9, 13, 17, 18, 21, 25, 29)
CLEAR = (6, 7, 8, 10, 11, 12, 15, 16, 19, 23, 24, 27)
DN = {"level": "L1C", "offset": 0, "quantification": 10000}


@pytest.fixture(scope="module")
def series(real_data):
    """Dates of 100 x 100 px at 10 m, from before there were offsets."""
    with np.load(real_data / "images/dea_wright/stack_wright_30dates_10bands_100x100_u16.npz") as held:
        dn = held["bands"]
    place = {"y": -10.0 * np.arange(100), "x": 10.0 * np.arange(100)}
    return xr.Dataset({name: (("time", "y", "x"), dn[:, i]) for i, name in enumerate(BANDS)}, coords=place)


def test_chunks_do_not_show(series, small_unet):
    pytest.importorskip("dask")
    options = DN | {"model": small_unet, "window": 32}
    few = series.isel(time=[5, 6, 14])
    found = few.chunk({"time": 2, "y": 33, "x": 41}).unclouded.mask(**options)
    expected = few.unclouded.mask(**options)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected)) > 2


@pytest.mark.parametrize("model", bundled_models())
def test_cloudy_dates_are_cloudy_and_clear_ones_clear(series, model):
    """Of models that do without B01, B09 and B10, which this series lacks; the others say so."""
    spec = load_model(model).spec
    lacking = set(spec.bands) - set(spec.optional_bands) - set(BANDS)
    if lacking:
        with pytest.raises(BandError, match="missing B01"):
            series.unclouded.mask(model=model, **DN)
        return
    days = [*OVERCAST, *CLEAR]
    shares = series.isel(time=days).unclouded.cloud_share(
        series.isel(time=days).unclouded.mask(model=model, **DN)
    )
    assert shares[: len(OVERCAST)].min() > 0.9
    assert shares[len(OVERCAST) :].max() < 0.1
