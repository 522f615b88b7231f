"""Search, against a small STAC API that serves the genuine items of the real catalogues."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from unclouded.catalog import Query, Service, parse_area, parse_time, read_search, same_scene, search
from unclouded.core.errors import InputError, OptionError, ServiceError
from unclouded.testing.services import Answer, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

YEARS = {"start": datetime(2015, 1, 1, tzinfo=UTC), "end": datetime(2027, 1, 1, tzinfo=UTC)}
WORLD = parse_area("-180,-90,180,90")
FOLDERS = {
    "earth-search": ("earth-search-v1", "L2A"),
    "cdse": ("cdse", "L2A"),
    "planetary-computer": ("planetary-computer", "L2A"),
}
providers = pytest.mark.parametrize("provider", FOLDERS)


def items_of(folder):
    """Items of files that hold one, a list, or a collection of them."""
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        yield from content if isinstance(content, list) else content.get("features", [content])


class StacApi:
    """A STAC API over a list of items, as the services page: by token, merged or whole, or by GET."""

    def __init__(self, service, items, *, page=2, paging="body"):
        self.items = items
        self.asked = []
        self._page, self._paging, self._url = page, paging, f"{service.url}/v1"
        service.route("POST", "/v1/search", lambda asked: self.search(asked.json))
        service.route("GET", "/v1/search", lambda asked: self.search({"token": asked.query["token"]}))
        for item in items:
            path = f"/v1/collections/{item['collection']}/items/{item['id']}"
            service.route("GET", path, lambda _, item=item: json_answer(item))

    def search(self, body):
        self.asked.append(body)
        start = int(body.get("token", 0))
        page = {"type": "FeatureCollection", "features": self.items[start : start + self._page]}
        if start + self._page < len(self.items):
            page["links"] = [self._next(start + self._page, body)]
        return json_answer(page)

    def _next(self, token, body):
        link = {"rel": "next", "href": f"{self._url}/search"}
        match self._paging:
            case "merge":
                return link | {"method": "POST", "merge": True, "body": {"token": str(token)}}
            case "get":
                return link | {"href": f"{self._url}/search?token={token}", "method": "GET"}
        return link | {"method": "POST", "body": {**body, "token": str(token)}}


@pytest.fixture
def stac(service, real_data):
    """`stac(provider)`: its genuine items behind a STAC API, and the `Service` that asks it."""

    def start(provider, patience, **more):
        items = list(items_of(real_data / "products" / "stac" / FOLDERS[provider][0]))
        assert items
        api = StacApi(service, items, **more)
        return api, Service(provider=provider, endpoints={provider: f"{service.url}/v1"}, patience=patience)

    return start


@providers
@pytest.mark.parametrize("paging", ["body", "merge", "get"])
def test_every_item_is_found_once_over_all_pages(provider, paging, stac, patience):
    api, asked = stac(provider, patience, paging=paging)
    found = search(Query(area=WORLD, level="L2A", **YEARS), asked)
    assert sorted(item.id for item in found) == sorted({item["id"] for item in api.items})
    assert all(one.sensing_time <= other.sensing_time for one, other in pairwise(found))


@providers
def test_items_say_who_they_are(provider, stac, patience):
    api, asked = stac(provider, patience)
    for found in search(Query(area=WORLD, level="L2A", **YEARS), asked):
        properties = next(item["properties"] for item in api.items if item["id"] == found.id)
        assert found.level == "L2A"
        assert found.tile in found.id.replace("_T", "_").replace("_", " ").split() or found.tile in found.id
        assert found.cloud_cover_stated == pytest.approx(properties["eo:cloud_cover"])
        assert found.product.startswith("S2")
        stated = properties.get("s2:processing_baseline") or properties.get("processing:version")
        assert found.baseline == stated


def test_the_size_of_a_zip_is_the_assets(stac, patience):
    _, asked = stac("cdse", patience)
    (found,) = search(Query(area=WORLD, level="L2A", **YEARS), asked)
    assert found.size == 1_186_276_262
    assert found.product == "S2C_MSIL2A_20260527T014651_N0512_R017_T55WFR_20260527T042005"


@providers
def test_what_the_service_ignores_is_asked_of_each_item(provider, stac, patience):
    """The fake filters nothing: the wrong tiles, times and clouds must not come through."""
    api, asked = stac(provider, patience)
    every = search(Query(area=WORLD, level="L2A", **YEARS), asked)
    one = every[len(every) // 2]
    by_tile = search(Query(area=parse_area(one.tile), level="L2A", **YEARS), asked)
    assert {item.tile for item in by_tile} == {one.tile}
    span = {"start": one.sensing_time, "end": one.sensing_time}
    assert one.id in {item.id for item in search(Query(area=WORLD, level="L2A", **span), asked)}
    limit = one.cloud_cover_stated
    clear = search(Query(area=WORLD, level="L2A", max_cloud=limit, **YEARS), asked)
    assert {item.id for item in clear} == {i.id for i in every if i.cloud_cover_stated <= limit}
    assert api.asked


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (
            "earth-search",
            {"query": {"grid:code": {"eq": "MGRS-33TWN"}, "eo:cloud_cover": {"lte": 20.0}}},
        ),
        (
            "planetary-computer",
            {"query": {"s2:mgrs_tile": {"eq": "33TWN"}, "eo:cloud_cover": {"lte": 20.0}}},
        ),
        (
            "cdse",
            {
                "filter-lang": "cql2-json",
                "filter": {
                    "op": "and",
                    "args": [
                        {"op": "=", "args": [{"property": "grid:code"}, "MGRS-33TWN"]},
                        {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20.0]},
                    ],
                },
            },
        ),
    ],
)
def test_each_service_is_asked_in_its_dialect(provider, expected, stac, patience):
    api, asked = stac(provider, patience)
    query = Query(
        area=parse_area("33TWN"),
        start=parse_time("2020-02-01"),
        end=parse_time("2020-02-29", end=True),
        level="L2A",
        max_cloud=20.0,
    )
    search(query, asked)
    body = api.asked[0]
    assert {key: body[key] for key in expected} == expected
    assert body["datetime"] == "2020-02-01T00:00:00.000Z/2020-02-29T23:59:59.999Z"
    assert body["intersects"]["type"] == "Polygon"


def test_earth_search_is_asked_for_the_collection_whose_offset_is_known(stac, patience):
    api, asked = stac("earth-search", patience)
    search(Query(area=WORLD, level="L2A", **YEARS), asked)
    assert api.asked[0]["collections"] == ["sentinel-2-c1-l2a"]
    search(Query(area=WORLD, level="L2A", **YEARS), replace(asked, collection="sentinel-2-l2a"))
    assert api.asked[-1]["collections"] == ["sentinel-2-l2a"]


def test_l1c_items_of_the_old_days(service, real_data, patience):
    folder = real_data / "products" / "stac" / "earth-search-legacy-l1c"
    StacApi(service, list(items_of(folder)))
    asked = Service(
        provider="earth-search", endpoints={"earth-search": f"{service.url}/v1"}, patience=patience
    )
    found = search(Query(area=WORLD, level="L1C", **YEARS), asked)
    assert len(found) == 5
    assert all(item.level == "L1C" and item.product.startswith("S2") for item in found)
    assert found[0].tile is not None


def test_a_limit_is_kept(stac, patience):
    _, asked = stac("earth-search", patience)
    assert len(search(Query(area=WORLD, level="L2A", limit=3, **YEARS), asked)) == 3


def test_nothing_found_is_no_error(service, patience):
    StacApi(service, [])
    asked = Service(provider="cdse", endpoints={"cdse": f"{service.url}/v1"}, patience=patience)
    assert search(Query(area=WORLD, level="L2A", **YEARS), asked) == ()


def test_products_of_one_scene_are_told(service, patience):
    names = [
        "S2A_MSIL1C_20170226T102021_N0500_R065_T32TNM_20230101T000000",
        "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458",
        "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNN_20170226T102458",
    ]
    items = [
        {"id": name, "collection": "c", "properties": {"datetime": "2017-02-26T10:24:58Z"}} for name in names
    ]
    StacApi(service, items)
    asked = Service(provider="cdse", endpoints={"cdse": f"{service.url}/v1"}, patience=patience)
    (group,) = same_scene(search(Query(area=WORLD, **YEARS), asked))
    assert [item.id for item in group] == [names[1], names[0]]


@pytest.mark.parametrize(
    "page",
    [{}, [], {"features": 3}, {"features": [{"id": 1}]}, {"features": [{"id": "x", "properties": {}}]}],
)
def test_answers_that_are_no_search_result(service, patience, page):
    service.route("POST", "/v1/search", lambda _: json_answer(page))
    asked = Service(provider="cdse", endpoints={"cdse": f"{service.url}/v1"}, patience=patience)
    with pytest.raises(ServiceError, match=r"cdse: expected (search results|an item)"):
        search(Query(area=WORLD, **YEARS), asked)


def test_pages_elsewhere_are_not_followed(service, patience):
    link = {"rel": "next", "href": "https://elsewhere.example/search", "body": {"token": "1"}}
    page = {"features": [{"id": "x", "properties": {"datetime": "2020-01-01T00:00:00Z"}}], "links": [link]}
    service.route("POST", "/v1/search", lambda _: json_answer(page))
    asked = Service(provider="cdse", endpoints={"cdse": f"{service.url}/v1"}, patience=patience)
    with pytest.raises(ServiceError, match="not followed"):
        search(Query(area=WORLD, **YEARS), asked)


def test_a_service_out_of_order_is_asked_again_and_then_given_up(service, patience):
    service.route("POST", "/v1/search", lambda _: Answer(status=503))
    asked = Service(provider="cdse", endpoints={"cdse": f"{service.url}/v1"}, patience=patience)
    with pytest.raises(ServiceError, match="answers 503 Service Unavailable, 4 times in a row"):
        search(Query(area=WORLD, **YEARS), asked)
    assert len(service.asked("/v1/search")) == 4


@pytest.mark.parametrize(
    ("provider", "level"), [("google", "L1C"), ("aws", "L1C"), ("planetary-computer", "L1C")]
)
def test_who_cannot_be_searched_says_so(provider, level):
    from unclouded.catalog import Credentials, Login, Secret

    login = Login(name="key", secret=Secret("word"))
    with pytest.raises(OptionError, match=f"{provider}: "):
        search(
            Query(area=WORLD, level=level, **YEARS),
            Service(provider=provider, credentials=Credentials(aws=login)),
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "L1B"},
        {"max_cloud": 101.0},
        {"limit": 0},
        {"start": datetime(2028, 1, 1, tzinfo=UTC)},
        {"start": datetime(2016, 1, 1)},  # noqa: DTZ001 - the fault
    ],
)
def test_queries_that_cannot_be(wrong):
    with pytest.raises(OptionError, match="expected"):
        Query(area=WORLD, **{**YEARS, **wrong})


def test_times_as_people_write_them():
    assert parse_time("2024-03-05") == datetime(2024, 3, 5, tzinfo=UTC)
    assert parse_time("2024-03-05", end=True) == datetime(2024, 3, 5, 23, 59, 59, 999000, tzinfo=UTC)
    assert parse_time("2024-03-05T10:48:19+02:00").hour == 8
    with pytest.raises(OptionError, match="expected 2024-03-05"):
        parse_time("5.3.2024")


@providers
def test_genuine_items_in_a_file_are_products_to_fetch(provider, real_data):
    for path in sorted((real_data / "products" / "stac" / FOLDERS[provider][0]).glob("*.json")):
        result = read_search(path.read_text(encoding="utf-8"), where=path.name)
        assert result.wanted
        assert result.provider in {provider, None}
        assert all(name.startswith("S2") for name in result.products)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"features": []}', "[1]", '[{"id": 3}]', "[" * 10**5])
def test_files_that_hold_no_products(text):
    with pytest.raises(InputError, match="found"):
        read_search(text, where="found.json")


def test_products_of_two_providers_are_not_mixed():
    rows = [{"id": "a", "provider": "cdse"}, {"id": "b", "provider": "google"}]
    with pytest.raises(InputError, match="one provider, found cdse, google"):
        read_search(json.dumps(rows), where="found.json")


def test_what_eodag_found_is_asked_for_by_esas_names(real_data):
    """An item that eodag wrote, alone and as one of its search result."""
    (path,) = (real_data / "products/stac/eodag-l1c").iterdir()
    item = json.loads(path.read_text(encoding="utf-8"))
    for content in (item, {"type": "FeatureCollection", "features": [item]}):
        found = read_search(json.dumps(content), where="found.geojson")
        assert found.provider is None
        assert found.products == ("S2B_MSIL1C_20171231T141039_N0206_R110_T21NYC_20171231T201802",)
        assert [wanted.id for wanted in found.wanted_of("google")] == list(found.products)
