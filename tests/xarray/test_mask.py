"""Masks of cubes: the codes of `mask_array`, whatever the chunks, the layout and whether dask is there."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

import unclouded
from unclouded.core.bands import NAMES
from unclouded.core.errors import ModelError, OptionError
from unclouded.testing.cubes import DATES, GSD, coordinates, odc_cube, patches
from unclouded.testing.products import write_fake_geotiff
from unclouded.xarray._blocks import ModelRef, _model

xr = pytest.importorskip("xarray")


def of_arrays(cube, stated):
    """The mask, date by date, by numpy."""
    names = [name for name in cube.data_vars if name in NAMES]
    return np.stack(
        [
            unclouded.mask_array(cube[names].isel(time=t).to_array().values, bands=names, **stated).codes
            for t in range(cube.sizes["time"])
        ]
    )


def test_codes_are_those_of_mask_array(stated):
    source = odc_cube(dates=3)
    found = source.unclouded.mask(**stated)
    assert isinstance(found.data, np.ndarray)
    np.testing.assert_array_equal(found.values, of_arrays(source, stated))
    assert (found.values == 255).any()
    assert len(np.unique(found)) > 3


@pytest.mark.parametrize("edge", ["reflect", "zero"])
def test_past_the_edge(stated, edge):
    """And bands of which only some are chunked."""
    pytest.importorskip("dask")
    source = odc_cube(dates=1)
    expected = of_arrays(source, stated | {"edge": edge})
    source["B04"] = source["B04"].chunk({"y": 16, "x": 20})
    found = source.unclouded.mask(**stated, edge=edge)
    assert found.chunks == ((1,), (16, 16, 8), (20, 20, 10))
    np.testing.assert_array_equal(found, expected)


def test_dates_of_one_radiometry_travel_once(stated):
    pytest.importorskip("dask")
    sizes = []
    for dates in (1, 12):
        found = odc_cube(dates=dates).chunk({"time": 1}).unclouded.mask(**stated)
        (options,) = [task for key, task in found.__dask_graph__().items() if "options" in str(key)]
        sizes.append(len(pickle.dumps(options)))
    assert sizes[1] < 1.2 * sizes[0]


chunk = st.integers(4, 40)


@settings(max_examples=12)
@given(time=st.integers(1, 2), rows=chunk, cols=chunk, others=st.tuples(chunk, chunk))
def test_chunks_do_not_show(stated, time, rows, cols, others):
    """Also where bands are cut in different ways."""
    pytest.importorskip("dask")
    source = odc_cube(("B02", "B03", "B04"), height=37, width=45)
    expected = source.unclouded.mask(**stated)
    chunked = source.chunk({"time": time, "y": rows, "x": cols})
    chunked["B03"] = source["B03"].chunk({"y": others[0], "x": others[1]})
    found = chunked.unclouded.mask(**stated)
    assert found.chunks is not None
    xr.testing.assert_identical(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("model", ["patchcnn-v1", "small_unet"])
def test_chunks_of_one_pixel(stated, model):
    pytest.importorskip("dask")
    source = odc_cube(NAMES, dates=1, height=9, width=11)
    stated = stated | ({"model": model, "level": "L1C"} if model == "patchcnn-v1" else {})
    expected = source.unclouded.mask(**stated)
    found = source.chunk({"y": 1, "x": 1}).unclouded.mask(**stated)
    assert found.chunks == ((1,), (1,) * 9, (1,) * 11)
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


def test_it_is_what_mask_writes_of_the_same_pixels(stated, tmp_path):
    source = odc_cube(dates=1)
    names = list(source.data_vars)
    values = source.isel(time=0).to_array().values

    tags = {"SENSOR": "sentinel-2", "LEVEL": "L2A"}
    path = write_fake_geotiff(
        tmp_path / "s.tif", values, names, scale=1e-4, offset=-0.1, tags=tags, pixel_size=GSD, nodata=0
    )
    options = unclouded.jobs.MaskOptions(model=stated["model"], window=16, gsd=GSD)
    report = unclouded.mask(path, tmp_path / "out", options)
    found = source.unclouded.mask(**stated)
    with rasterio.open(report.scenes[0].masked.mask) as dataset:
        np.testing.assert_array_equal(dataset.read(1), found.isel(time=0))
        assert dataset.transform.c == pytest.approx(float(found.x[0]) - GSD / 2)


def test_it_says_what_its_numbers_mean(stated):
    source = odc_cube().assign_coords(cloud=("time", [3.0, 40.0]))
    found = source.unclouded.mask(**stated)
    assert found.dtype == found.attrs["flag_values"].dtype == np.uint8
    assert found.attrs["flag_values"].tolist() == [0, 1, 2, 3]
    assert found.attrs["flag_meanings"] == "clear thick_cloud thin_cloud cloud_shadow"
    assert found.attrs["flag_colors"] == "#3C7A5B #FFFFFF #8FD3FF #2B2B6E"
    assert found.attrs["unclouded_model"] == "small 0"
    assert found.attrs["unclouded_bands"] == "B02 B03 B04 B08"
    assert found.attrs["unclouded_radiometry"].startswith("offset -1000, quantification 10000 (")
    assert "missing bands: B01" in found.attrs["unclouded_notes"]
    assert found.encoding == {"grid_mapping": "spatial_ref"}
    assert found.attrs["nodata"] == found.attrs["_FillValue"] == 255
    assert found.dims == source["B02"].dims
    assert set(found.coords) == {"time", "y", "x", "spatial_ref", "cloud"}
    binary = odc_cube(NAMES).unclouded.mask(**stated | {"model": "patchcnn-v1", "level": "L1C"})
    assert binary.attrs["flag_meanings"] == "clear cloud"


def test_the_system_stays_where_the_cube_names_it(stated):
    """Where a cube names it in the attributes the mask does too: writers refuse both places."""
    source = odc_cube()
    for layer in source.data_vars.values():
        layer.attrs["grid_mapping"] = layer.encoding.pop("grid_mapping")
    found = source.unclouded.mask(**stated)
    assert found.attrs["grid_mapping"] == "spatial_ref"
    assert "grid_mapping" not in found.encoding
    for layer in source.data_vars.values():
        del layer.attrs["grid_mapping"]
    assert source.unclouded.mask(**stated).encoding["grid_mapping"] == "spatial_ref"
    assert "grid_mapping" not in source.drop_vars("spatial_ref").unclouded.mask(**stated).encoding


def test_files_keep_it(stated, tmp_path):
    pytest.importorskip("zarr")
    mask = odc_cube().unclouded.mask(**stated)
    mask.to_dataset().to_zarr(tmp_path / "m.zarr", zarr_format=2, consolidated=False)
    raw = xr.open_zarr(tmp_path / "m.zarr", mask_and_scale=False, consolidated=False)["mask"]
    np.testing.assert_array_equal(raw, mask)
    assert raw.attrs["_FillValue"] == 255
    assert raw.attrs["grid_mapping"] == "spatial_ref"
    assert list(raw.attrs["flag_values"]) == [0, 1, 2, 3]


def variants(source):
    """The same cube in other layouts, and how its mask comes back to the first."""
    bands = source.to_dataarray("band")
    yield "band dimension", bands, ("time", "y", "x")
    yield "turned", source.transpose("x", "time", "y"), ("x", "time", "y")
    yield "south up", source.isel(y=slice(None, None, -1)), ("time", "y", "x")
    yield "common names", source.rename({"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}), None
    yield "more variables", source.assign(SCL=source["B02"] * 0, tides=("time", [0.1, 0.2])), None
    yield "other dimensions", source.rename({"time": "date", "y": "northing", "x": "easting"}), None


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("which", range(6))
def test_layouts(stated, which, lazy):
    source = odc_cube()
    expected = source.unclouded.mask(**stated)
    _, other, dims = list(variants(source))[which]
    if lazy:
        pytest.importorskip("dask")
        other = other.chunk(dict.fromkeys(other.dims, 13))
    found = other.unclouded.mask(**stated)
    if dims is not None:
        assert found.dims == dims
    if "date" in found.dims:
        found = found.rename({"date": "time", "northing": "y", "easting": "x"})
    assert (found.chunks is not None) == lazy
    back = found.transpose("time", "y", "x").sortby("y", ascending=False)
    np.testing.assert_array_equal(back, expected)
    for axis in ("y", "x", "time"):
        np.testing.assert_array_equal(back[axis], expected[axis])


def test_one_date(stated):
    source = odc_cube()
    expected = source.unclouded.mask(**stated).isel(time=1)
    single = source.isel(time=1)
    for one in (single, single.drop_vars("time"), single.to_dataarray("band")):
        found = one.unclouded.mask(**stated)
        assert found.dims == ("y", "x")
        np.testing.assert_array_equal(found, expected)
    pytest.importorskip("dask")
    lazy = single.chunk({"y": 17}).unclouded.mask(**stated)
    assert lazy.dims == ("y", "x")
    np.testing.assert_array_equal(lazy, expected)


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray with affine 3
def test_files_that_rioxarray_opens(stated, tmp_path, extra):
    """Descriptions become `long_name`, of the array or of each variable, scale and offset attributes."""
    extra("rioxarray")
    import rioxarray

    names = ("B02", "B03", "B04")
    values = np.stack([patches(name, (40, 50)) for name in names])
    path = write_fake_geotiff(
        tmp_path / "s.tif", values, names, scale=1e-4, offset=-0.1, pixel_size=GSD, nodata=0
    )
    options = {"model": stated["model"], "level": "L2A", "window": 16}
    expected = unclouded.mask_array(values, bands=names, **stated).codes
    with (
        rioxarray.open_rasterio(path) as bands,
        rioxarray.open_rasterio(path, band_as_variable=True) as apart,
    ):
        for opened in (bands, apart):
            found = opened.unclouded.mask(**options)
            np.testing.assert_array_equal(found, expected)
            assert found.rio.crs.to_epsg() == 32632
            assert found.rio.transform() == bands.rio.transform()
            assert found.rio.nodata == 255
    with rioxarray.open_rasterio(path, mask_and_scale=True, chunks={"y": 16}) as scaled:
        np.testing.assert_array_equal(scaled.unclouded.mask(**options), expected)
    with rioxarray.open_rasterio(path, masked=True) as floats:
        np.testing.assert_array_equal(floats.unclouded.mask(**options), expected)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_groups_of_an_eopf_product(stated, tmp_path, zarr_format):
    """As ESA's products are laid out: a group a spacing, packed numbers, no dates, names in lower case."""
    pytest.importorskip("zarr")
    names = ("B02", "B03", "B04", "B11")
    values = {name: patches(name, (40, 50)) for name in names}
    group = xr.Dataset(
        {name.lower(): (("y", "x"), values[name], {"proj:epsg": 32632}) for name in names},
        coords=coordinates(40, 50),
    )
    packing = {"scale_factor": 1e-4, "add_offset": -0.1}
    for layer in group.data_vars.values():
        layer.attrs.update(packing)
    path = tmp_path / "product.zarr"
    where = {"group": "measurements/reflectance/r20m", "consolidated": False}
    group.to_zarr(path, zarr_format=zarr_format, **where)
    expected = unclouded.mask_array(np.stack(list(values.values())), bands=names, **stated).codes
    options = {"model": stated["model"], "level": "L2A", "window": 16}
    for scaled in (True, False):
        with xr.open_dataset(path, engine="zarr", mask_and_scale=scaled, chunks={}, **where) as opened:
            found = opened.unclouded.mask(**options)
            np.testing.assert_array_equal(found, expected)


def test_an_offset_for_each_date(stated):
    """Baselines before and after 04.00 in one cube."""
    source = odc_cube(dates=3)
    old = source.copy(deep=True)
    for layer in old.data_vars.values():
        seen = layer.values[1] > 0
        layer.values[1][seen] -= 1000 - 1  # at offset 0 the DN of reflectance 0 would be nodata
    for layer in source.data_vars.values():
        layer.values[1][layer.values[1] > 0] += 1
    expected = source.unclouded.mask(**stated)
    for offsets in ([-1000, 0, -1000], xr.DataArray([-1000.0, 0.0, -1000.0], dims="time")):
        found = old.unclouded.mask(**stated | {"offset": offsets})
        np.testing.assert_array_equal(found, expected)
    pytest.importorskip("dask")
    lazy = old.chunk({"time": 2, "y": 20}).unclouded.mask(**stated | {"offset": [-1000, 0, -1000]})
    np.testing.assert_array_equal(lazy, expected)


def test_reflectance(stated):
    source = odc_cube()
    expected = source.unclouded.mask(**stated)
    reflectance = (source.where(source > 0).astype("float32") - 1000) / 10000
    options = {"model": stated["model"], "level": "L2A", "window": 16, "reflectance": True}
    np.testing.assert_array_equal(reflectance.unclouded.mask(**options), expected)
    with pytest.raises(ValueError, match="expected how numbers become reflectance"):
        reflectance.unclouded.mask(**options, offset=0)


def test_values_that_are_no_numbers(stated):
    source = odc_cube().astype("float32")
    source["B03"][0, 5, 5], source["B03"][1, 6, 6] = np.nan, np.inf
    source["B03"].attrs.clear()
    found = source.unclouded.mask(**stated)
    assert (int(found[0, 5, 5]), int(found[1, 6, 6])) == (255, 255)
    assert (int(found[1, 5, 5]) == 255) == bool((source.isel(time=1, y=5, x=5).to_dataarray() == 0).any())


def test_nothing_seen_and_all_saturated(stated):
    assert (odc_cube() * 0).unclouded.mask(**stated).values.min() == 255
    with pytest.warns(UserWarning, match="input looks unscaled"):
        full = xr.full_like(odc_cube(), 65535).unclouded.mask(**stated)
    assert 255 not in full.values


@pytest.mark.parametrize("lazy", [False, True])
def test_numbers_in_another_unit_are_named(stated, lazy):
    """In a part of a scene only what no landscape explains: a block may be all water."""
    source = odc_cube()
    if lazy:
        pytest.importorskip("dask")
        source = source.chunk({"y": 16})
    with pytest.warns(UserWarning, match="cube: input looks unscaled: .* state quantification="):
        source.unclouded.mask(**stated | {"quantification": 1}).compute(scheduler="sync")
    if lazy:
        source.unclouded.mask(**stated | {"quantification": 1e6}).compute(scheduler="sync")
    else:
        with pytest.warns(UserWarning, match="cube: input looks wrongly scaled"):
            source.unclouded.mask(**stated | {"quantification": 1e6})


def test_few_tasks_and_no_weights_in_the_graph(stated):
    pytest.importorskip("dask")
    source = odc_cube(NAMES, dates=2, height=128, width=128).chunk({"time": 1, "y": 32, "x": 32})
    found = source.unclouded.mask(**stated)
    chunks = 2 * 4 * 4
    graph = found.__dask_graph__()
    added = len(graph) - sum(len(layer.__dask_graph__()) for layer in source.data_vars.values())
    assert added <= 6 * chunks + 1  # packing, the two passes of rims, the mask; the options once
    assert added < len(NAMES) * chunks  # less than a task for each chunk that is read
    sent = pickle.dumps(dict(graph))
    weights = stated["model"].read_bytes()
    pieces = [weights[at : at + 64] for at in range(2000, len(weights) - 4000, 1000)]
    assert len(pieces) > 5
    assert not any(piece in sent for piece in pieces)


def test_a_worker_opens_a_model_once_and_only_the_one_that_was_meant(small_unet, tmp_path):
    content = small_unet.read_bytes()
    moved = tmp_path / "m.onnx"
    moved.write_bytes(content)
    sha256 = unclouded.predict.load_model(moved).sha256
    ref = ModelRef(model=str(moved), sha256=sha256)
    assert _model(ref) is _model(ModelRef(model=str(moved), sha256=sha256))
    with pytest.raises(ModelError, match="expected the file that was named"):
        _model(ModelRef(model=str(moved), sha256="0" * 64))


def test_workers_elsewhere_find_the_model(stated, tmp_path, monkeypatch):
    """A relative path is settled where the mask is asked for."""
    pytest.importorskip("dask")
    monkeypatch.chdir(stated["model"].parent)
    source = odc_cube().chunk({"y": 20})
    found = source.unclouded.mask(**stated | {"model": stated["model"].name})
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(found.compute(), odc_cube().unclouded.mask(**stated))


def test_a_window_off_the_stride_is_refused_at_once(stated):
    pytest.importorskip("dask")
    with pytest.raises(OptionError, match="expected a multiple of 4"):
        odc_cube().chunk({"y": 20}).unclouded.mask(**stated | {"window": 18})


def test_without_dask_cubes_are_masked_at_once(stated):
    program = f"""
import sys
sys.modules["dask"] = None
import numpy as np, xarray as xr
import unclouded.xarray
cube = xr.Dataset({{n: (("y", "x"), np.full((20, 20), 3000, "u2")) for n in ("B02", "B03", "B04")}})
cube = cube.assign_coords(y=-20.0 * np.arange(20), x=20.0 * np.arange(20))
mask = cube.unclouded.mask(model={str(stated["model"])!r}, level="L2A", offset=-1000, quantification=10000)
clear = cube.unclouded.clear(mask, buffer_m=40)
share = cube.unclouded.cloud_share(mask)
print(mask.shape, clear.B02.shape, share.shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(20, 20) (20, 20) ()"


def test_without_xarray_one_is_told_what_to_install():
    program = "import sys; sys.modules['xarray'] = None; import unclouded.xarray"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith("OptionError: cubes need xarray: pip install 'unclouded[xarray]'")


def test_dates_are_as_they_were(stated):
    np.testing.assert_array_equal(odc_cube(dates=3).unclouded.mask(**stated).time, DATES[:3])


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray with affine 3
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_stack_of_ours_says_all_itself(tmp_path, dtype, extra):
    extra("rioxarray")
    import rioxarray

    from unclouded.jobs import StackOptions, stack
    from unclouded.testing.products import FakeSafe, write_fake_safe

    product = write_fake_safe(tmp_path, FakeSafe())
    path = stack(product, tmp_path / "stacks", StackOptions(gsd=60, dtype=dtype)).outcomes[0].made.path
    report = unclouded.mask(path, tmp_path / "masks", unclouded.jobs.MaskOptions(model="patchcnn-v1"))
    with rioxarray.open_rasterio(path) as opened, rasterio.open(report.scenes[0].masked.mask) as mask:
        np.testing.assert_array_equal(opened.unclouded.mask(model="patchcnn-v1"), mask.read(1))
