"""Mutated metadata of every kind: refused on one line, right, or warned of; never wrong in silence."""

import copy
import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unclouded.core.errors import UncloudedError
from unclouded.sources import OpenOptions, list_granules, read_metadata
from unclouded.testing.layouts import product_info, stac_item, tile_info
from unclouded.testing.products import FakeSafe, product_xml, tile_xml

FAST = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=30),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples: to make thousands takes longer than to read them."""
    return tmp_path_factory.mktemp("scratch")


def one_line(error):
    assert len(str(error).splitlines()) == 1


def spots(content, path=()):
    """Paths of every value in a JSON document."""
    found = [path] if path else []
    if isinstance(content, dict):
        return found + [spot for key in content for spot in spots(content[key], (*path, key))]
    if isinstance(content, list):
        return found + [spot for i, item in enumerate(content[:4]) for spot in spots(item, (*path, i))]
    return found


def changed(draw, content):
    """One value of a document gone, of another kind, or changed in a character or digit."""
    content = copy.deepcopy(content)
    *path, last = draw(st.sampled_from(spots(content)))
    holder = content
    for step in path:
        holder = holder[step]
    kind = draw(st.sampled_from(["drop", "odd", "char", "digit"]))
    value = holder[last]
    if kind == "drop" and isinstance(holder, dict):
        del holder[last]
    elif kind == "char" and isinstance(value, str) and value:
        at = draw(st.integers(0, len(value) - 1))
        holder[last] = value[:at] + draw(st.characters(codec="utf-8")) + value[at + 1 :]
    elif kind == "digit" and isinstance(value, int | float) and not isinstance(value, bool):
        holder[last] = value * draw(st.sampled_from([-1, 0, 10, 0.1, 1e30]))
    else:
        holder[last] = draw(ODD)
    return content


def judged(path, true_offset, *, granule=None):
    """What is read of the file: nothing, the true offset, or any with a word about it."""
    try:
        found = read_metadata(path, OpenOptions(granule=granule))
    except UncloudedError as error:
        one_line(error)
        return
    assert all(len(line.splitlines()) == 1 for line in found.warnings)
    if found.radiometry is None:
        return
    offsets = set(found.radiometry.offset.values())
    said = any("radiometry" in line or "baseline" in line for line in found.warnings)
    assert offsets == {true_offset} or said, f"offset {offsets} in silence"
    values = set(found.radiometry.quantification.values())
    assert values == {10000} or said, f"quantification {values} in silence"


@FAST
@given(data=st.data())
@pytest.mark.parametrize("baseline", ["05.10", "03.01"])
@pytest.mark.parametrize("write", [tile_info, product_info])
def test_aws_json(scratch, write, baseline, data):
    content = changed(data.draw, write(FakeSafe(baseline=baseline)))
    path = scratch / "x.json"
    path.write_text(json.dumps(content))
    judged(path, -1000 if baseline == "05.10" else 0)


@FAST
@given(data=st.data())
@pytest.mark.parametrize(
    ("dialect", "home", "stated", "baseline"),
    [
        ("earth-search-v1", "https://sentinel-cogs.s3.us-west-2.amazonaws.com", -0.1, "05.10"),
        (
            "earth-search-v1",
            "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",
            -0.1,
            "05.10",
        ),
        ("planetary-computer", "https://sentinel2l2a01.blob.core.windows.net", None, "05.10"),
        ("planetary-computer", "https://sentinel2l2a01.blob.core.windows.net", None, "02.12"),
        ("cdse", "s3://eodata", -0.1, "05.11"),
    ],
)
def test_stac_items(scratch, dialect, home, stated, baseline, data):
    fake = FakeSafe(level="L2A", baseline=baseline)
    hrefs = {name: f"{home}/x/{name}.tif" for name in ("B02", "B04", "B8A")}
    flag = True if "sentinel-cogs" in home else None
    item = stac_item(fake, hrefs, dialect=dialect, stated_offset=stated, flag=flag)
    path = scratch / "x.json"
    path.write_text(json.dumps(changed(data.draw, item)))
    judged(path, -1000 if baseline > "04" and flag is None else 0)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_real_stac_items(real_data, scratch, data):
    source = data.draw(st.sampled_from(sorted((real_data / "products" / "stac").glob("*/*.json"))))
    content = json.loads(source.read_text())
    path = scratch / "x.json"
    path.write_text(json.dumps(changed(data.draw, content)))
    try:
        for granule in list_granules(path)[:1] or [None]:
            read_metadata(path, OpenOptions(granule=granule))
    except UncloudedError as error:
        one_line(error)


def mutated(draw, text):
    """A character of a file changed, or a piece of it gone or doubled."""
    at = draw(st.integers(0, len(text) - 1))
    end = min(len(text), at + draw(st.integers(1, 60)))
    kind = draw(st.sampled_from(["char", "drop", "double"]))
    if kind == "char":
        return text[:at] + draw(st.characters(codec="utf-8")) + text[at + 1 :]
    return text[:at] + (text[at:end] * 2 if kind == "double" else "") + text[end:]


@FAST
@given(data=st.data())
@pytest.mark.parametrize(("baseline", "offset"), [("05.10", -1000), ("03.01", None)])
def test_level_2a_product_metadata(scratch, baseline, offset, data):
    text = product_xml(FakeSafe(level="L2A", baseline=baseline, offset=offset))
    path = scratch / "MTD_MSIL2A.xml"
    path.write_text(mutated(data.draw, text), encoding="utf-8")
    judged(path, offset or 0)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize(
    ("tile", "offset"), [("T11SLT", 0), ("T21JUK", -1000), ("T59GPM", -1000), ("T33XWJ", -1000)]
)
def test_real_level_2a_product_metadata(real_data, scratch, tile, offset, data):
    (source,) = (real_data / "products" / "metadata").glob(f"*{tile}*/MTD_MSIL2A.xml")
    path = scratch / "MTD_MSIL2A.xml"
    path.write_text(mutated(data.draw, source.read_text(encoding="utf-8")), encoding="utf-8")
    judged(path, offset)


@FAST
@given(data=st.data())
def test_tile_metadata_alone(scratch, data):
    path = scratch / "metadata.xml"
    text = mutated(data.draw, tile_xml(FakeSafe(level="L2A", baseline="05.10"), "32TQM"))
    path.write_text(text, encoding="utf-8")
    try:
        found = read_metadata(path)
    except UncloudedError as error:
        one_line(error)
        return
    assert found.identity.sun_zenith is None or 0 <= found.identity.sun_zenith <= 180


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_real_hierarchies_of_zarr(real_data, scratch, data):
    (source,) = (real_data / "products" / "eopf").glob("S2B*.json")
    content = json.loads(source.read_text())
    content["members"] = {"measurements": content["members"]["measurements"]}  # what is read
    path = scratch / source.name
    path.write_text(json.dumps(changed(data.draw, content)))
    judged(path, -1000)


def test_whole_documents_of_other_kinds(tmp_path):
    for position, text in enumerate(
        ["", "null", "[]", "3", '{"a": NaN}', "{" * 100_000, '"x"', "[[[[", "\ufeff{}"]
    ):
        path = tmp_path / f"{position}.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UncloudedError) as error:
            read_metadata(path)
        assert len(str(error.value).splitlines()) == 1
    shutil.rmtree(tmp_path)
