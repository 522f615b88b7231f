# ruff: noqa: E501 - a table, a row a line
"""What every real tree and metadata file says of itself, against the list they came with."""

import shutil

import pytest

from unclouded.core.errors import ProductError
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions, read_metadata

TABLE = [
    # path, satellite, level, baseline, tile, sensing time, offset, quantification, sun zenith, cloud %
    ("p01_*/*.zip", "S2A", "L1C", "02.06", "56JMM", "2018-06-29T00:02:41.461", 0, 59.516, 0.0),
    ("p02_*/*.zip", "S2B", "L1C", "02.05", "56JKT", "2017-07-19T00:02:18.457", 0, 54.269, 0.0),
    ("p03_*/*.zip", "S2A", "L1C", "03.01", "48LWP", "2021-07-13T03:21:04.397", 0, 40.928, 98.9175),
    ("p04_*/*", "S2B", "L1C", "02.09", "55HFA", "2020-10-11T00:06:49.882", 0, 37.371, 24.9912),
    ("p05_*/*", "S2B", "L1C", "03.00", "56JMQ", "2021-04-25T23:54:23.437", 0, 49.462, 0.3192),
    ("p06_*/*/*/*/*/*/*/*/*/0", "S2A", "L1C", "02.05", "19UDP", "2017-07-29T15:35:57.455", 0, None, 24.48),
    ("p08_*/*.zip", "S2A", "L1C", "02.06", "31TDH", "2018-01-01T10:54:35.457", 0, 67.035, 11.9204),
    ("p11_*/*", "S2A", "L2A", "05.09", "01WCQ", "2023-06-02T23:37:44.273", -1000, 44.968, 62.0858),
    ("p12_*/*.SAFE", "S2B", "L2A", "04.00", "36NXF", "2022-11-27T07:51:59.024", -1000, None, 67.6814),
    ("p13_*/*.SAFE", "S2A", "L1C", "02.04", None, "2016-09-05T00:57:12.026", 0, None, 5.2146),
    ("p14_*/*.SAFE", "S2A", "L1C", "02.04", "32TNM", "2017-02-26T10:24:58.867", 0, 52.671, 0.1491),
    ("p15_*/*.zip", "S2A", "L1C", "02.05", "32TQT", "2017-08-09T10:00:28.464", 0, 34.594, 53.422),
    ("metadata/*T01LAC*", "S2A", "L1C", "02.09", "01LAC", "2020-07-17T22:20:29.740", 0, 45.183, 5.4828),
    ("metadata/*T11SLT*", "S2A", "L2A", "02.12", "11SLT", "2015-08-26T18:54:35.457", 0, 27.368, 3.1131),
    ("metadata/*T01CCV*", "S2B", "L2A", "02.12", "01CCV", "2019-12-28T21:05:52.062", 0, 55.201, 99.9989),
    ("metadata/*T33XWJ*", "S2B", "L2A", "04.00", "33XWJ", "2022-04-13T15:08:07.846", -1000, 76.529, 98.9442),
    ("metadata/*T01VCG*", "S2B", "L2A", "05.00", "01VCG", "2020-09-14T23:19:31.559", -1000, 57.354, 0.8326),
    ("metadata/*T10SDG*", "S2A", "L1C", "02.07", "10SDG", "2018-12-31T19:04:06.567", 0, 62.901, 0.0138),
    ("metadata/*T34VEL*", "S2A", "L2A", "05.10", "34VEL", "2024-01-08T10:14:07.485", -1000, 81.480, 74.4982),
    ("metadata/*T34LBP*", "S2A", "L2A", "04.00", "34LBP", "2022-04-01T09:03:19.283", -1000, 30.242, 92.6970),
    ("metadata/*T56JMP*", "S2A", "L1C", "02.09", "56JMP", "2020-08-17T00:02:51.024", 0, None, 74.1),
    ("metadata/*T30NWM*", "S2A", "L1C", "05.10", "30NWM", "2024-01-01T10:24:31.024", -1000, None, 16.8965),
    ("metadata/*T21JUK*", "S2B", "L2A", "05.10", "21JUK", "2023-12-17T13:56:59.024", -1000, None, 12.6933),
    ("metadata/*T59GPM*", "S2A", "L2A", "05.11", "59GPM", "2024-09-04T22:25:41.024", -1000, None, 7.17e-4),
    ("metadata/*T34KGD*", "S2A", "L1C", "02.04", "34KGD", "2016-12-12T08:44:03.711", 0, 22.280, 99.8014),
    ("metadata/aws_l2a_eodag", "S2B", "L2A", "03.01", "53DMB", "2022-01-01T00:06:41.566", 0, None, 0.0),
    ("metadata/*sat*/*tileInfo.json", "S2A", "L1C", "02.05", "57UVB", "2017-10-23T00:46:57.464", 0, None, 86.06),
    ("metadata/*sat*/*productInfo.json", "S2A", "L1C", "02.04", None, "2015-10-23T16:23:32.027", 0, None, None),
    ("metadata/prelaunch*L1C*", "S2A", "L1C", "01.01", None, "2009-12-11T16:59:28.000", 0, None, 0.0),
    ("metadata/prelaunch*L2A*", "S2A", "L2A", "01.01", None, "2009-12-11T16:59:28.000", 0, None, 0.0),
]  # fmt: skip


def resolve(real_data, pattern):
    found = [path for path in (real_data / "products").glob(pattern) if path.is_dir() or "." in pattern]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_each_says_what_its_list_says(real_data, row):
    pattern, satellite, level, baseline, tile, time, offset, sun_zenith, cloud = row
    found = read_metadata(resolve(real_data, pattern))
    identity = found.identity
    assert (identity.satellite, identity.level, identity.baseline) == (satellite, level, baseline)
    assert identity.tile == tile
    assert identity.sensing_time.isoformat(timespec="milliseconds").removesuffix("+00:00") == time
    assert set(found.radiometry.offset.values()) == {offset}
    simulated = {"metadata/prelaunch*L1C*": 1462, "metadata/prelaunch*L2A*": 2000}
    assert set(found.radiometry.quantification.values()) == {simulated.get(pattern, 10000)}
    assert identity.sun_zenith == (None if sun_zenith is None else pytest.approx(sun_zenith, abs=1e-3))
    assert identity.cloud_cover_stated == (None if cloud is None else pytest.approx(cloud, abs=1e-4))
    if found.grid is not None:
        assert found.grid.shape == (10980, 10980)
        assert found.grid.crs.startswith(("EPSG:326", "EPSG:327"))


def test_every_metadata_file_by_itself_says_the_same(real_data):
    """The XML and JSON files one by one: the same level, tile and offset as the tree they are in."""
    seen = 0
    for pattern, satellite, level, baseline, tile, _, offset, _, _ in TABLE:
        home = resolve(real_data, pattern)
        files = [*home.rglob("MTD_*.xml"), *home.rglob("*Info.json"), *home.rglob("metadata.xml"),
                 *home.rglob("*_MTD_SAFL*.xml")] if home.is_dir() else []  # fmt: skip
        for path in files:
            if path.stat().st_size == 0 or "DATASTRIP" in path.parts or "datastrip" in path.parts:
                continue
            found = read_metadata(path)
            assert (found.identity.satellite, found.identity.level) == (satellite, level), path.name
            assert found.identity.baseline == baseline, path.name
            assert tile in (None, found.identity.tile), path.name
            assert set(found.radiometry.offset.values()) == {offset}, path.name
            seen += 1
    assert seen > 30


@pytest.mark.parametrize("tile", ["53HLA", "53HNV", "53HPA"])
def test_granules_of_a_product_of_many(real_data, tile):
    found = read_metadata(resolve(real_data, "p13_*/*.SAFE"), OpenOptions(granule=tile))
    assert (found.identity.tile, found.grid.crs) == (tile, "EPSG:32753")
    assert found.identity.id.endswith(f"_T{tile}")


def test_what_is_listed_and_not_there(real_data):
    one = read_metadata(resolve(real_data, "p08_*/*.zip"))
    assert one.bands == ("B01",)
    assert len(one.absent_bands) == 12
    none = read_metadata(resolve(real_data, "p12_*/*.SAFE"))
    assert (none.bands, len(none.absent_bands), none.missing_bands) == ((), 12, ())


@pytest.mark.parametrize("pattern", ["metadata/*T59GPM*/INSPIRE.xml", "metadata/quality_L1C_T12QXM*"])
def test_other_files_of_a_product_are_no_metadata(real_data, pattern):
    with pytest.raises(ProductError, match="expected a"):
        read_metadata(resolve(real_data, pattern))


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        ("metadata/*T30NWM*/MTD_MSIL1C.xml", ("L1C", "05.10", "30NWM", -1000)),
        ("metadata/*T59GPM*/MTD_MSIL2A.xml", ("L2A", "05.11", "59GPM", -1000)),
        ("metadata/*T11SLT*/MTD_MSIL2A.xml", ("L2A", "02.12", "11SLT", 0)),
        ("metadata/*T34KGD*/MTD_TL.xml", ("L1C", "02.04", "34KGD", 0)),
    ],
)
@pytest.mark.parametrize("name", ["metadata.xml", "whatever.xml"])
def test_metadata_under_any_name_are_known_by_their_root(real_data, tmp_path, pattern, known, name):
    """As buckets and downloads rename them; by the file, and by the folder that it lies in alone."""
    shutil.copyfile(resolve(real_data, pattern), tmp_path / name)
    for source in (tmp_path / name, tmp_path):
        found = read_metadata(source)
        (offset,) = set(found.radiometry.offset.values())
        assert (found.identity.level, found.identity.baseline, found.identity.tile, offset) == known
        assert found.bands == ()


def test_a_record_of_another_product_beside_a_products_metadata_is_left_alone(real_data, tmp_path):
    shutil.copyfile(resolve(real_data, "metadata/*T30NWM*/MTD_MSIL1C.xml"), tmp_path / "metadata.xml")
    shutil.copyfile(resolve(real_data, "p04_*/*/productInfo.json"), tmp_path / "productInfo.json")
    identity = read_metadata(tmp_path).identity
    assert (identity.tile, identity.baseline, identity.sensing_time.year) == ("30NWM", "05.10", 2024)


def test_a_manifest_stands_for_its_product(real_data):
    path = resolve(real_data, "metadata/*T30NWM*/manifest.safe")
    assert read_metadata(path).identity == read_metadata(path.parent).identity


def test_tile_metadata_of_earth_search_say_nothing_of_the_cogs_beside_them(real_data):
    """The COGs have the offset subtracted, the metadata beside them are ESA's: only an item joins the two."""
    folder = resolve(real_data, "p10_*/S2A*")
    alone, item = read_metadata(folder / "granule_metadata.xml"), open_scene(folder)
    assert set(alone.radiometry.offset.values()) == {-1000}
    assert alone.bands == ()
    assert set(item.radiometry.offset.values()) == {0}
    with pytest.raises(ProductError, match="expected band images beside the metadata"):
        open_scene(folder / "granule_metadata.xml")
