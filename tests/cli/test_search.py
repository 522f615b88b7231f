"""`unclouded search` as a user meets it, against a STAC API on this machine."""

import json
import os
import subprocess
import sys

import pytest

from unclouded.testing.services import LoopbackService, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

OLD = "S2A_MSIL1C_20240305T100031_N0204_R122_T32TQM_20240305T120000"
NEW = "S2A_MSIL1C_20240305T100031_N0511_R122_T32TQM_20250101T000000"
ASKED = ("--area", "32TQM", "--from", "2024-03-01", "--to", "2024-03-31", "--provider", "cdse")


def item(name, cloud=12.34):
    properties = {"datetime": "2024-03-05T10:08:00Z", "grid:code": "MGRS-32TQM", "eo:cloud_cover": cloud}
    zipped = {"href": "https://download.dataspace.copernicus.eu/x", "file:size": 812_345_678}
    return {
        "type": "Feature",
        "id": name,
        "collection": "sentinel-2-l1c",
        "properties": properties,
        "assets": {"Product": zipped},
    }


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


@pytest.fixture
def run(service):
    def call(*words, items=(), answer=None):
        found = answer or json_answer({"features": list(items)})
        service.route("POST", "/v1/search", lambda _: found)
        return subprocess.run(
            [sys.executable, "-m", "unclouded", "search", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "no_proxy": "127.0.0.1", "UNCLOUDED_CDSE_URL": f"{service.url}/v1"},
        )

    return call


def test_the_table_is_on_stdout_and_remarks_are_on_stderr(run):
    done = run(*ASKED, items=[item(NEW), item(OLD)])
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["product", "time", "(UTC)", "tile", "level", "baseline", "cloud", "%", "MB"]
    assert [row.split() for row in rows] == [
        [OLD, "2024-03-05", "10:08", "32TQM", "L1C", "02.04", "12.3", "812"],
        [NEW, "2024-03-05", "10:08", "32TQM", "L1C", "05.11", "12.3", "812"],
    ]
    assert f"warning: 2 products of the same scene (2024-03-05, 32TQM): {NEW} has the latest" in done.stderr


def test_nothing_found_is_said_and_no_error(run):
    done = run(*ASKED)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "nothing found: no product of this area, time, level and cloud cover\n"
    assert json.loads(run(*ASKED, "--json").stdout) == []
    assert json.loads(run(*ASKED, "--stac").stdout)["features"] == []


def test_json_and_stac_hold_the_same_products(run):
    (row,) = json.loads(run(*ASKED, "--json", items=[item(OLD)]).stdout)
    assert row["id"] == row["product"] == OLD
    assert (row["provider"], row["tile"], row["baseline"]) == ("cdse", "32TQM", "02.04")
    assert row["sensing_time"] == "2024-03-05T10:08:00+00:00"
    assert "item" not in row
    collection = json.loads(run(*ASKED, "--stac", items=[item(OLD)]).stdout)
    assert collection["unclouded:provider"] == "cdse"
    assert collection["features"] == [item(OLD)]


def test_what_is_asked_for_is_asked(run, service):
    run(*ASKED, "--max-cloud", "20")
    body = service.asked("/v1/search")[0].json
    assert body["datetime"] == "2024-03-01T00:00:00.000Z/2024-03-31T23:59:59.999Z"
    assert body["collections"] == ["sentinel-2-l1c"]
    assert body["filter"]["args"][1]["args"] == [{"property": "eo:cloud_cover"}, 20]


def test_a_limit_that_was_met_is_said(run):
    assert (
        "warning: stopped at 1 products" in run(*ASKED, "--limit", "1", items=[item(OLD), item(NEW)]).stderr
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--area", "99ABC", *ASKED[2:]), 2, "expected a zone from 1 to 60"),
        (("--area", "none.geojson", *ASKED[2:]), 2, "check the path"),
        ((*ASKED[:3], "yesterday", *ASKED[4:]), 2, "expected 2024-03-05"),
        ((*ASKED[:5], "2023-01-01", *ASKED[6:]), 2, "swap them"),
        ((*ASKED, "--json", "--stac"), 2, "not both"),
        ((*ASKED, "--collection", "x"), 2, "expected sentinel-2-l1c or sentinel-2-l2a"),
    ],
)
def test_what_cannot_be_is_one_line(run, words, code, said):
    done = run(*words)
    assert done.returncode == code
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_service_is_code_5(run):
    done = run(*ASKED, answer=json_answer({"detail": "bad filter"}, 400))
    assert done.returncode == 5
    assert "answers 400 Bad Request (bad filter)" in done.stderr
    assert done.stderr.count("\n") == 1
