"""Sources and masks in an S3-like store: a real S3 server (moto) on this machine."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import OptionError, OutputError, ProductError, ServiceError
from unclouded.jobs import MaskOptions, RunOptions, Shard, _bucket, mask
from unclouded.testing.products import FakeSafe, write_fake_safe
from unclouded.testing.s3 import S3Server
from unclouded.testing.services import LoopbackService, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

FAST = MaskOptions(preview=False)


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("obstore")
    pytest.importorskip("moto.server")
    with S3Server() as running:
        yield running


@pytest.fixture
def store(server, monkeypatch):
    server.reset()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    for bucket in ("archive", "masks"):
        server.make_bucket(bucket)
    return server


def codes(content):
    with rasterio.open(io.BytesIO(content)) as dataset:
        return dataset.read(1)


def upload(store, sources):
    for source in sources:
        store.put(f"archive/in/{source.name}", source.read_bytes())
    return [f"s3://archive/in/{source.name}" for source in sources]


def test_masks_of_a_store_in_a_store_are_those_of_the_disk(scenes, store, tmp_path):
    local = scenes(3)
    report = mask(upload(store, local), "s3://masks/out/", FAST)
    assert [scene.state for scene in report.scenes] == ["done"] * 3
    assert report.scenes[0].locations["mask"] == "s3://masks/out/scene_000_mask.tif"
    assert report.where == "s3://masks/out"
    names = [f"out/scene_{number:03}_mask.tif" for number in range(3)]
    assert set(names) | {"out/run.json"} <= set(store.keys("masks"))
    assert not [key for key in store.keys("masks") if "/." in key]
    for name, twin in zip(names, mask(local, tmp_path / "out", FAST).scenes, strict=True):
        with rasterio.open(twin.masked.mask) as dataset:
            np.testing.assert_array_equal(codes(store.get(f"masks/{name}")), dataset.read(1))
    body = json.loads(store.get("masks/out/run.json"))
    assert body["counts"] == {"done": 3, "failed": 0}
    assert all(source.startswith("s3://archive/in/") for source in body["scenes"])


def test_a_safe_in_a_store_is_a_source(store, tmp_path):
    product = write_fake_safe(tmp_path, FakeSafe(size_60m=16))
    store.put_tree(f"archive/{product.name}", product)
    for source in (f"s3://archive/{product.name}", f"s3://archive/{product.name}/"):
        (scene,) = mask(source, tmp_path / source[-1].strip("/") / "out", FAST).scenes
        assert scene.masked.id == product.stem
        assert "offset -1000" in scene.masked.radiometry


def test_a_prefix_of_products_is_all_of_them(scenes, store, tmp_path):
    upload(store, scenes(3))
    product = write_fake_safe(tmp_path, FakeSafe(size_60m=16))
    store.put_tree(f"archive/in/{product.name}", product)
    store.put("archive/in/notes.txt", b"none")
    store.put("archive/in/sub/scene_009.tif", b"deeper")
    names = [f"s3://archive/in/{product.name}", *(f"s3://archive/in/scene_{n:03}.tif" for n in range(3))]
    report = mask("s3://archive/in/", "s3://masks", FAST)
    assert [scene.source for scene in report.scenes] == names
    assert report.failed == ()
    run = RunOptions(shard=Shard(number=2, count=3))
    assert [scene.source for scene in mask("s3://archive/in", "s3://masks", FAST, run=run).scenes] == [
        names[1]
    ]


def test_what_the_store_holds_is_not_made_again(scenes, store):
    sources = upload(store, scenes(2))
    mask(sources, "s3://masks", FAST)
    assert [scene.state for scene in mask(sources, "s3://masks", FAST).scenes] == ["skipped"] * 2
    store.put("masks/scene_001_mask.tif", b"torn")
    assert [scene.state for scene in mask(sources, "s3://masks", FAST).scenes] == ["skipped", "done"]
    store.put("archive/in/scene_000.tif", store.get("archive/in/scene_001.tif"))
    assert [scene.state for scene in mask(sources, "s3://masks", FAST).scenes] == ["done", "skipped"]


def test_shards_share_a_store(scenes, store):
    sources = upload(store, scenes(3))
    for number in (1, 2):
        mask(sources, "s3://masks/out", FAST, run=RunOptions(shard=Shard(number=number, count=2)))
    assert [scene.state for scene in mask(sources, "s3://masks/out", FAST).scenes] == ["skipped"] * 3


def test_a_run_that_was_killed_goes_on_from_what_the_store_has(scenes, store):
    sources = upload(store, scenes(12))
    words = [
        sys.executable,
        "-m",
        "unclouded",
        "mask",
        *sources,
        "-o",
        "s3://masks/out",
        "-q",
        "--no-preview",
    ]
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, env={**os.environ, **store.environment}
    ) as running:
        deadline = time.monotonic() + 60
        while not [k for k in store.keys("masks") if k.endswith(".json")] and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    made = {key: store.get(f"masks/{key}") for key in store.keys("masks") if key.endswith("_mask.tif")}
    assert all(codes(content).shape == (40, 40) for content in made.values())
    states = [scene.state for scene in mask(sources, "s3://masks/out", FAST).scenes]
    assert states[0] == "skipped"
    assert len(made) - states.count("skipped") in {
        0,
        1,
    }  # at most the one between its last PUT and its record
    assert json.loads(store.get("masks/out/run.json"))["counts"] == {"done": 12, "failed": 0}


@pytest.mark.slow
def test_workers_fetch_and_put_by_themselves(scenes, store):
    pytest.importorskip("distributed")
    sources = upload(store, scenes(3))
    words = [sys.executable, "-m", "unclouded", "mask", *sources, "-o", "s3://masks/out", "-q"]
    done = subprocess.run(
        [*words, "--workers", "2"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("s3://masks/out/scene_000_mask.tif  clear ")
    assert json.loads(store.get("masks/out/run.json"))["counts"] == {"done": 3, "failed": 0}
    assert not [key for key in store.keys("masks") if "/." in key]


def test_what_is_not_there_fails_alone(scenes, store):
    sources = upload(store, scenes(1))
    report = mask(["s3://archive/in/gone.tif", *sources], "s3://masks", FAST)
    assert [scene.state for scene in report.scenes] == ["failed", "done"]
    assert isinstance(report.scenes[0].error, ProductError)
    assert "s3://archive/in/gone.tif: expected a product, found nothing there" in str(report.scenes[0].error)


def test_a_bucket_that_is_not_there(scenes, store):
    with pytest.raises(OutputError, match=r"s3://no-such/out: expected a bucket, found none"):
        mask(scenes(1), "s3://no-such/out", FAST)
    assert store.buckets() == ["archive", "masks"]


@pytest.mark.parametrize("text", ["s3://", "s3:///out", "s3://key:secret@bucket/out", "s3://bucket/out?a=b"])
def test_what_is_no_address_of_a_store(scenes, text):
    with pytest.raises(OptionError, match="expected s3://BUCKET/PREFIX") as caught:
        mask(scenes(1), text, FAST)
    assert "secret" not in str(caught.value)


@pytest.fixture
def refusing(monkeypatch):
    """A store that lets nobody write."""
    with LoopbackService() as service:
        answer = json_answer({"Code": "AccessDenied"}, 403)
        monkeypatch.setattr(service, "answer", lambda _: answer)
        environment = {**S3Server().environment, "AWS_ENDPOINT_URL": service.url}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield service


def test_a_store_that_cannot_be_written_is_one_line_and_no_key(scenes, refusing, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(OutputError) as caught:
        mask(scenes(1), "s3://masks/out", FAST)
    told = str(caught.value)
    assert told.startswith("s3://masks/out/.run/probe: expected leave to write the store, found it refused; ")
    assert "\n" not in told
    assert "hush-hush" not in told + caplog.text
    assert "key-of-nobody" not in told + caplog.text
    assert refusing.url not in told


def test_a_source_that_may_not_be_read_is_a_matter_of_credentials(refusing, tmp_path):
    with pytest.raises(ServiceError, match="expected leave to list the store, found it refused") as caught:
        mask("s3://archive/a.tif", tmp_path / "out", FAST)
    assert caught.value.exit_code == 5
    assert refusing.url not in str(caught.value)


def test_a_store_that_does_not_answer(scenes, store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match=r"s3://masks/\.run/probe: cannot write the store: .*try again"):
        mask(scenes(1), "s3://masks", FAST)
    assert store.url


def test_plain_http_must_be_allowed(scenes, store, monkeypatch):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(ServiceError, match="AWS_ALLOW_HTTP=true"):
        mask(scenes(1), "s3://masks", FAST)
    assert store.keys("masks") == []


def test_without_obstore_the_extra_is_named(scenes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(OptionError, match=r"needs obstore: pip install 'unclouded\[cloud\]'"):
        mask(scenes(1), "s3://masks", FAST)
    with pytest.raises(OptionError, match="needs obstore"):
        mask("s3://archive/a.tif", tmp_path / "out", FAST)


def test_no_object_lands_outside_its_folder(store, tmp_path):
    address = _bucket.parse_address("s3://archive/in")
    with pytest.raises(ProductError, match=r"found '\.\.' in one"):
        _bucket._inside(tmp_path, "../../etc/passwd", address)
    assert store.url


def test_the_scratch_copy_of_a_source_goes_with_the_scene(scenes, store, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    mask(upload(store, scenes(2)), "s3://masks", FAST)
    assert list(scratch.iterdir()) == []
