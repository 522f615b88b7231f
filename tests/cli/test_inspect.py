"""`unclouded inspect` as a user meets it."""

import json

from unclouded.testing.commands import unclouded
from unclouded.testing.products import FakeSafe, write_fake_safe


def run(*words):
    return unclouded("inspect", *words)


def test_a_table_for_people_and_warnings_beside_it(product):
    done = run(product, "--offset", "-3000")
    assert done.returncode == 0
    for text in (
        product.stem,
        "L1C, 05.10",
        "2024-03-05 10:48:19 UTC",
        "offset -3000, quantification 10000 (--offset, MTD_MSIL1C.xml)",
        "192 x 192 px of 10 m, EPSG:32632",
        "zenith 53.2°, azimuth 158.5°",
        "12.5 %",
        "patchcnn-v1",
        "B8A",
    ):
        assert text in done.stdout
    assert "warning: input looks twice offset" in done.stderr
    assert run(product, "--offset", "-3000", "-q").stderr == ""


def test_json_is_an_object_of_one_and_a_list_of_several(product, tmp_path):
    done = run(product, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["baseline"] == "05.10"
    many = write_fake_safe(tmp_path, FakeSafe(tiles=("32TQM", "32TQL"), size_60m=16))
    assert [item["tile"] for item in json.loads(run(many, "--json").stdout)] == ["32TQL", "32TQM"]
    assert json.loads(run(many, "--json", "--granule", "32TQL").stdout)["tile"] == "32TQL"


def test_metadata_alone(product):
    done = run(product / "MTD_MSIL1C.xml", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["baseline"] == "05.10"


def test_no_source_is_one_line_and_code_3(tmp_path):
    done = run(tmp_path / "gone.SAFE")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "gone.SAFE: expected a product" in done.stderr
