import pytest
from rasterio.warp import transform

from unclouded.core.errors import OptionError
from unclouded.synthetic._tiling import tile_crs, tile_origin

# From the metadata of products of these tiles; one or more a hemisphere, zone parity and column set.
KNOWN = {
    "32TNM": ("EPSG:32632", 499_980, 4_700_040),
    "32TPT": ("EPSG:32632", 600_000, 5_300_040),
    "19UDP": ("EPSG:32619", 399_960, 5_400_000),
    "31UFS": ("EPSG:32631", 600_000, 5_700_000),
    "33TWL": ("EPSG:32633", 499_980, 5_100_000),
}


@pytest.mark.parametrize("tile", KNOWN)
def test_corner_and_zone_of_known_tiles(tile):
    crs, easting, northing = KNOWN[tile]
    assert tile_crs(tile) == crs
    assert tile_origin(tile) == (easting, northing)
    assert tile_origin("T" + tile) == (easting, northing)


@pytest.mark.parametrize(
    ("tile", "south", "north"),
    [("56JMM", -32, -24), ("53HLA", -40, -32), ("30NWM", 0, 8), ("01CCV", -80, -72)],
)
def test_a_tile_lies_in_its_latitude_band(tile, south, north):
    east, top = tile_origin(tile)
    _, latitude = transform(tile_crs(tile), "EPSG:4326", [east + 50_000], [top - 50_000])
    assert south - 1 < latitude[0] < north + 1


@pytest.mark.parametrize("tile", ["32TPT9", "61TPT", "32IPT", "32TAT", "berlin"])
def test_what_is_no_tile_is_refused(tile):
    with pytest.raises(OptionError, match=f"tile '{tile}'"):
        tile_origin(tile)
