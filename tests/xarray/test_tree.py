"""Whole EOPF products: groups of 10, 20 and 60 m on one grid."""

import numpy as np
import pytest

import unclouded
from unclouded.core.bands import NAMES, band
from unclouded.core.errors import ProductError
from unclouded.testing.cubes import coordinates, patches
from unclouded.xarray._tree import cube_of

xr = pytest.importorskip("xarray")

SIDE_M = 1200
PACKING = {"scale_factor": 1e-4, "add_offset": -0.1}
SAID = {
    "stac_discovery": {
        "id": "S2B_MSIL1C_20240305T104819_N0511_R051_T32TQM_20240305T125410.SAFE",
        "type": "Feature",
        "properties": {"platform": "sentinel-2b", "product:type": "S02MSIL1C", "eopf:baseline": "05.11"},
    }
}


def numbers_of(name):
    side = SIDE_M // band(name).gsd
    return patches(name, (side, side))


@pytest.fixture
def tree():
    """A Level-1C product of the real structure, as it lies in its store: DN, scale and offset beside them."""
    groups = {"/": xr.Dataset(attrs=SAID)}
    for gsd in (10, 20, 60):
        names = [item for item in NAMES if band(item).gsd == gsd]
        groups[f"/measurements/reflectance/r{gsd}m"] = xr.Dataset(
            {name.lower(): (("y", "x"), numbers_of(name), {**PACKING, "proj:epsg": 32632}) for name in names},
            coords=coordinates(SIDE_M // gsd, SIDE_M // gsd, gsd),
        )
    return xr.DataTree.from_dict(groups)


def test_every_band_is_on_the_grid_of_20_m(tree):
    cube = cube_of(tree)
    assert {name.upper() for name in cube.data_vars} == set(NAMES)
    assert dict(cube.sizes) == {"y": 60, "x": 60}
    np.testing.assert_array_equal(cube["b05"], numbers_of("B05"))
    fine = numbers_of("B04").astype(float)
    fine[fine == 0] = np.nan
    blocks = fine.reshape(60, 2, 60, 2).transpose(0, 2, 1, 3).reshape(60, 60, 4)
    seen = np.isfinite(blocks).sum(-1) >= 2
    mean = np.nansum(blocks, -1) / np.maximum(np.isfinite(blocks).sum(-1), 1)
    np.testing.assert_allclose(cube["b04"].values[seen], mean[seen])
    assert np.isnan(cube["b04"].values[~seen]).all()
    coarse = numbers_of("B09").repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(cube["b09"].fillna(0), coarse)
    assert cube.attrs["level"] == "L1C"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("scaled", [True, False])
def test_a_product_masks_as_it_is_opened(tree, tmp_path, scaled, zarr_format):
    """Level, satellite, scale and offset are the product's own: nothing to state."""
    pytest.importorskip("zarr")
    path = tmp_path / "p.zarr"
    tree.to_zarr(path, zarr_format=zarr_format, consolidated=False)
    opened = xr.open_datatree(path, engine="zarr", chunks={}, mask_and_scale=scaled, consolidated=False)
    with opened:
        found = opened.unclouded.mask(model="patchcnn-v1")
        assert found.chunks is not None
        cube = cube_of(tree).to_dataarray("band").sel(band=[name.lower() for name in NAMES])
        dn = np.nan_to_num(cube.values)
        expected = unclouded.mask_array(
            dn, bands=NAMES, level="L1C", model="patchcnn-v1", offset=-1000, quantification=10000, gsd=20
        )
        np.testing.assert_array_equal(found, expected.codes)
        assert found.attrs["unclouded_bands"].split() == sorted(NAMES)
        share = opened.unclouded.cloud_share(found)
        assert 0 < float(share) < 1


def test_a_group_by_itself(tree, stated):
    node = tree["measurements/reflectance/r10m"]
    found = node.unclouded.mask(model=stated["model"], window=16)
    assert found.shape == (120, 120)
    assert found.attrs["unclouded_bands"] == "B02 B03 B04 B08"


def test_a_tree_of_other_things():
    other = xr.DataTree.from_dict({"/": xr.Dataset({"t2m": (("y", "x"), np.zeros((3, 3)))})})
    with pytest.raises(ProductError, match=r"named by bands .* found t2m"):
        other.unclouded.mask()


def test_groups_of_other_extents(tree):
    path = "measurements/reflectance/r60m"
    cut = tree.copy()
    cut[path] = xr.DataTree(tree[path].to_dataset().isel(y=slice(10)))
    with pytest.raises(ProductError, match="expected groups of one extent, found 600 x 1200 m beside 1200 x"):
        cut.unclouded.mask()
