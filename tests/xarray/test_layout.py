"""What a cube must say, and what it is told where it does not: one line, by the arguments' names."""

import numpy as np
import pytest

from unclouded.core.errors import BandError, GridError, LevelError, OptionError, ProductError, RadiometryError
from unclouded.testing.cubes import odc_cube
from unclouded.xarray._layout import layout_of, metric

xr = pytest.importorskip("xarray")

SAID = {"offset": -1000, "quantification": 10000, "sensor": None, "level": "L2A"}


def refused(error, match, cube, **options):
    with pytest.raises(error, match=match) as found:
        cube.unclouded.mask(**options)
    assert "\n" not in str(found.value)
    assert "--" not in str(found.value)


@pytest.fixture
def options(stated):
    return dict(stated)


def test_unknown_radiometry(options):
    cube = odc_cube()
    del options["offset"], options["quantification"]
    refused(
        RadiometryError,
        r"cube: expected attributes scale_factor and add_offset on each band, "
        r"found none on B02, B03, B04, B08; "
        r"state offset= and quantification= \(0 and 10000, or -1000 and 10000, for Sentinel-2\)$",
        cube,
        **options,
    )
    refused(
        RadiometryError,
        r"state offset=0 quantification=1 if its numbers are reflectance$",
        cube.astype("float32"),
        **options,
    )
    refused(RadiometryError, "state offset= and quantification=", cube, **options, offset=-1000)


def test_an_unknown_level(options):
    del options["level"]
    refused(
        LevelError,
        r"the source does not state its processing level; state it with level=$",
        odc_cube(),
        **options,
    )
    refused(LevelError, "insist with allow_level_mismatch=", odc_cube(), **options, level="L3X")
    assert odc_cube().unclouded.mask(**options, allow_level_mismatch=True).size
    assert odc_cube().assign_attrs(level="Level-2A").unclouded.mask(**options).size
    tagged = odc_cube().assign_attrs(LEVEL="L2A", SENSOR="S2B").unclouded.mask(**options)
    assert "not stated" not in tagged.attrs["unclouded_notes"]


def test_unnamed_bands(options):
    cube = odc_cube()
    nameless = cube.to_dataarray("band").assign_coords(band=[1, 2, 3, 4])
    refused(ProductError, "named by bands .* found 1, 2, 3, 4; rename them", nameless, **options)
    refused(ProductError, "named by bands .* found none", nameless.drop_vars("band"), **options)
    refused(ProductError, "found ndvi", cube[["B02"]].rename(B02="ndvi"), **options)
    refused(BandError, "found B04 twice", cube.rename(B08="red"), **options)
    counted = cube.rename({name: f"band_{i}" for i, name in enumerate(cube, 1)})
    refused(ProductError, r"band_1 \(a position, not a name\)", counted, **options)


def test_bands_that_the_model_needs(options):
    refused(
        BandError,
        "cube: small needs 3 bands, missing B03; .* choose a model= that does without",
        odc_cube(("B02", "B04", "B08")),
        **options,
    )


def test_dimensions(options):
    cube = odc_cube()
    refused(
        ProductError,
        "expected dimensions y and x, found time, row, col",
        cube.drop_vars(("y", "x")).rename(y="row", x="col"),
        **options,
    )
    refused(
        ProductError,
        r"expected dimensions of date, y and x, found run, time, y, x; .*cube.isel\(time=0\)",
        cube.expand_dims(run=2),
        **options,
    )
    refused(ProductError, "expected pixels, found {'time': 0", cube.isel(time=slice(0)), **options)
    refused(ProductError, "expected pixels", cube.isel(x=slice(0)), **options)
    uneven = cube.assign_coords(x=np.r_[cube.x[:-1], cube.x[-1] + 5])
    refused(GridError, "expected evenly spaced x", uneven, **options)
    mixed = cube.assign(B08=cube["B08"].isel(time=0, drop=True))
    refused(GridError, "expected all bands with dimensions time, y, x, found y, x of B08", mixed, **options)


def test_offsets(options):
    cube = odc_cube()
    for wrong in ([-1000], [-1000, 0, 0], np.zeros((2, 2))):
        refused(
            OptionError, r"expected a number, or one for each of 2 dates", cube, **options | {"offset": wrong}
        )
    refused(
        OptionError,
        "expected a number, or one for each of 1 dates",
        cube.isel(time=0),
        **options | {"offset": [-1000]},
    )
    refused(OptionError, "offset=: expected a number, found nan", cube, **options | {"offset": [np.nan, 0]})


def test_landsat_counts_otherwise():
    cube = odc_cube().rename(B02="B2", B03="B3", B04="B4", B08="B5")
    as_sentinel = layout_of(cube, **SAID)
    as_landsat = layout_of(cube, **SAID | {"sensor": "landsat-8"})
    assert tuple(as_sentinel.layers) == ("B02", "B03", "B04", "B05")
    assert tuple(as_landsat.layers) == ("B02", "B03", "B04", "B8A")
    assert as_landsat.product.identity.sensor == "landsat-8"


def test_rules_of_nodata_follow_the_offset():
    cube = odc_cube(("B02",)).astype("float32")
    cube["B02"].attrs.clear()
    layout = layout_of(cube, **SAID | {"offset": [-1000, 0]})
    assert [numbers.zero_is_nodata["B02"] for numbers in layout.numbers] == [True, False]
    assert [numbers.radiometry.offset["B02"] for numbers in layout.numbers] == [-1000, 0]


def test_a_spacing_of_the_whole_cube():
    grid = layout_of(odc_cube(), **SAID).numbers[0].grid
    found = metric(grid, (7, 9))
    assert found.shape == (7, 9)
    assert (found.transform.a, found.transform.e, found.crs) == (20, -20, None)
