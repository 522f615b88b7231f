"""The Sentinel-2 grid, against PROJ, real products and real catalogue items."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import transform

from unclouded.catalog._mgrs import BANDS, COLUMNS, ROWS, TILE_M, parse_tile, to_degrees
from unclouded.core.errors import OptionError

zones = st.integers(1, 60)


@st.composite
def tile_names(draw):
    zone = draw(zones)
    letters = (draw(st.sampled_from(group)) for group in (BANDS, COLUMNS[zone % 3], ROWS))
    return f"{zone:02}{''.join(letters)}"


@given(zones, st.floats(100_000, 900_000), st.floats(-9_300_000, 9_300_000))
def test_utm_to_degrees_is_what_proj_gives(zone, easting_m, northing_m):
    epsg, false_m = (32600 + zone, 0) if northing_m >= 0 else (32700 + zone, 10_000_000)
    (longitude,), (latitude,) = transform(f"EPSG:{epsg}", "EPSG:4326", [easting_m], [northing_m + false_m])
    ours = to_degrees(easting_m, northing_m, zone=zone)
    assert ours[1] == pytest.approx(latitude, abs=1e-8)
    assert (ours[0] - longitude + 180) % 360 - 180 == pytest.approx(0, abs=1e-7)


# upper left corners as the metadata of real products state them
@pytest.mark.parametrize(
    ("name", "zone", "south", "left_m", "top_m"),
    [
        ("32TQM", 32, False, 699960, 4700040),
        ("T32TNM", 32, False, 499980, 4700040),
        ("19UDP", 19, False, 399960, 5400000),
        ("56JMQ", 56, True, 399960, 7000000),
        ("31UFS", 31, False, 600000, 5700000),
        ("1LAC", 1, True, 99960, 8300020),
    ],
)
def test_corners_are_those_of_the_products(name, zone, south, left_m, top_m):
    tile = parse_tile(name)
    assert (tile.zone, tile.south, tile.left_m, tile.top_m) == (zone, south, left_m, top_m)


def real_tiles(real_data):
    """(tile, left, top) of every tile metadata file."""
    for path in sorted(real_data.glob("products/**/*.xml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        tile = re.search(r"<TILE_ID[^>]*>[^<]*_T(\d{2}[A-Z]{3})_", text)
        corner = re.search(r"<ULX>(\d+)</ULX>\s*<ULY>(\d+)</ULY>", text)
        if tile and corner:
            yield tile[1], float(corner[1]), float(corner[2])


def test_corners_are_those_of_all_real_metadata(real_data):
    found = set(real_tiles(real_data))
    assert len(found) >= 12
    for name, left_m, top_m in sorted(found):
        tile = parse_tile(name)
        assert (tile.left_m, tile.top_m) == (left_m, top_m), name


def test_outlines_are_those_of_catalogue_items(real_data):
    """An item's bbox lies inside its tile, and where the tile is full it is the tile's."""
    seen = 0
    for path in sorted(real_data.glob("products/stac/earth-search-v1/*.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        ring = parse_tile(item["properties"]["grid:code"].removeprefix("MGRS-")).ring(20)
        west, south = (min(point[axis] for point in ring) for axis in (0, 1))
        east, north = (max(point[axis] for point in ring) for axis in (0, 1))
        bbox = item["bbox"]
        assert west - 1e-3 <= bbox[0] < bbox[2] <= east + 1e-3, path.name
        assert south - 1e-3 <= bbox[1] < bbox[3] <= north + 1e-3, path.name
        if item["properties"]["s2:nodata_pixel_percentage"] == 0:
            assert bbox == pytest.approx([west, south, east, north], abs=2e-3)
            seen += 1
    assert seen >= 1


@given(tile_names())
def test_a_tile_lies_in_its_band_or_touches_it(name):
    tile = parse_tile(name.lower())
    assert tile.name == name
    latitudes = [latitude for _, latitude in tile.ring()]
    bottom = BANDS.index(name[2]) * 8 - 80
    top = 84 if name[2] == "X" else bottom + 8
    # the letters repeat every 2000 km and a band is 890 km high (X: 1336): the nearest repeat is taken
    assert max(latitudes) > bottom - 9.1 - (2 if name[2] == "X" else 0)
    assert min(latitudes) < top + 9.1 + (2 if name[2] == "X" else 0)


@given(tile_names())
def test_the_ring_is_closed_and_goes_round_anticlockwise(name):
    ring = parse_tile(name).ring(3)
    assert ring[0] == ring[-1]
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
    assert area > 0
    assert TILE_M == 109_800


@pytest.mark.parametrize("name", ["61TQM", "00TQM", "32IQM", "32TAM", "32TQI", "32TQ", "TQM", "", "32TQMX"])
def test_no_such_tile(name):
    with pytest.raises(OptionError, match=r"tile '.*': expected .* has no such tile"):
        parse_tile(name)
