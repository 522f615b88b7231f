"""Runs that are stopped, resumed, broken or given the wrong checkpoint; and what they leave behind."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from unclouded.core.errors import ModelError, OptionError, OutputError

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from unclouded.training import read_config, train  # noqa: E402 - after the skip
from unclouded.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402 - after the skip
from unclouded.training.optimisation import Judgement, Optimisation  # noqa: E402 - after the skip
from unclouded.training.tasks import PixelTask  # noqa: E402 - after the skip


class KilledError(Exception):
    """What a test raises in place of a signal."""


def changed(folder, **optimisation):
    config = read_config(folder / "config.toml")
    return replace(config, optimisation=replace(config.optimisation, **optimisation))


def killed_in(epoch):
    """A report that stops the run in an epoch of 20 steps."""

    def report(progress):
        if progress.step > 20 * (epoch - 1) + 5:
            raise KilledError

    return report


def weights(folder):
    return load_checkpoint(folder / "checkpoint.pt").state_dict()


def rows(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def check_resume(config, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(config, whole)
    with pytest.raises(KilledError):
        train(config, stopped, killed_in(3))
    assert not (stopped / "checkpoint.pt").exists()
    train(config, stopped, resume=True)
    same(weights(whole), weights(stopped))
    losses = [[(row["step"], row["loss"]) for row in rows(path / "loss.csv")] for path in (whole, stopped)]
    assert losses[0] == losses[1]
    timeless = [[{**row, "seconds": ""} for row in rows(path / "epochs.csv")] for path in (whole, stopped)]
    assert timeless[0] == timeless[1]
    assert len(timeless[0]) == 3


def test_resumed_is_as_never_stopped(unet_set, tmp_path):
    """Running means, schedules, augmentation and hard examples included."""
    config = changed(unet_set, ema=0.9, warmup_steps=5, optimizer="adamw", weight_decay=0.01, clip=1.0)
    check_resume(replace(config, squares=replace(config.squares, sampler="hard")), tmp_path)


def test_frozen_normalisation_is_frozen_on_resuming_too(unet_set, tmp_path):
    config = changed(unet_set, freeze_norm=0.4)
    check_resume(config, tmp_path)
    early, late = (
        load_checkpoint(tmp_path / "whole" / "epochs" / f"epoch-00{epoch}.pt").state_dict()
        for epoch in (2, 3)
    )
    running = [name for name in early if "running" in name]
    assert running
    changing = [name for name, value in early.items() if not torch.equal(value, late[name])]
    assert changing
    assert not set(running) & set(changing)


def test_freezing_before_the_first_step_is_refused():
    with pytest.raises(OptionError, match="freeze_norm"):
        Optimisation(freeze_norm=0.0)


def test_a_compiled_network_is_saved_under_its_own_names(unet_set, tmp_path, monkeypatch):
    asked = []

    def noted(network):
        asked.append(network)

    monkeypatch.setattr(torch.nn.Module, "compile", noted)
    train(changed(unet_set, compile=True), tmp_path)
    assert len(asked) == 1
    assert not any("_orig_mod" in name for name in weights(tmp_path))


def test_a_patch_network_resumed_is_as_never_stopped(data_set, tmp_path):
    """Dropout included."""
    check_resume(changed(data_set, steps=60, epoch_steps=20, log_every=10), tmp_path)


def test_workers_change_nothing(unet_set, tmp_path):
    config = changed(unet_set, steps=20)
    train(config, tmp_path / "none")
    train(replace(config, squares=replace(config.squares, workers=2)), tmp_path / "two")
    same(weights(tmp_path / "none"), weights(tmp_path / "two"))


def test_it_learns_and_says_so(unet_set, tmp_path):
    trained = train(changed(unet_set), tmp_path / "out")
    epochs = rows(tmp_path / "out" / "epochs.csv")
    assert [row["epoch"] for row in epochs] == ["1", "2", "3"]
    assert float(epochs[-1]["f1_thick_cloud"]) > 0.9
    assert float(epochs[-1]["validation_accuracy"]) > 0.9
    assert float(epochs[-1]["validation_loss"]) < float(epochs[0]["validation_loss"])
    assert trained.agreement.largest < 1e-5
    names = {path.name for path in (tmp_path / "out" / "epochs").iterdir()}
    assert names == {"epoch-001.pt", "epoch-002.pt", "epoch-003.pt"}
    assert list((tmp_path / "out" / "tensorboard").glob("events*"))
    with Image.open(tmp_path / "out" / "curves.png") as picture:
        assert picture.size == (1380, 320)
        assert len(picture.convert("RGB").getcolors(100_000)) > 5


def test_one_batch_can_be_learnt_by_heart(unet_set, tmp_path):
    config = changed(unet_set, steps=120, epoch_steps=0, schedule="constant")
    config = replace(config, augmentation=type(config.augmentation)(), seed=1)
    plain = PixelTask.plan

    def one_plan(task, epoch, steps, losses):
        plan = plain(task, epoch, 1, losses)
        return replace(plan, item=np.tile(plan.item, steps), around=np.tile(plan.around, steps))

    def one_batch(task, _step, _position, plan):
        return batch(task, 0, 0, plan)

    batch = PixelTask.batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTask, "plan", one_plan)
        patch.setattr(PixelTask, "batch", one_batch)
        train(config, tmp_path / "out")
    assert float(rows(tmp_path / "out" / "loss.csv")[-1]["loss"]) < 0.02


def test_the_run_ends_when_nothing_gets_better(unet_set, tmp_path):
    """A rate that destroys: the best epoch is kept apart from the last, and is what is exported."""
    config = changed(unet_set, steps=200, learning_rate=1e-9, schedule="constant", patience=2)
    judged = iter([1.0, 0.5, 0.6, 0.7, 0.1])

    def judge(*_):
        return Judgement(loss=next(judged), confusion=np.eye(2, dtype=np.int64))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTask, "judge", judge)
        train(config, tmp_path / "out")
    assert len(rows(tmp_path / "out" / "epochs.csv")) == 4
    second = load_checkpoint(tmp_path / "out" / "epochs" / "epoch-002.pt").state_dict()
    same(second, load_checkpoint(tmp_path / "out" / "best.pt").state_dict())
    same(second, weights(tmp_path / "out"))


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(unet_set, tmp_path):
    config = changed(unet_set)
    outcome = PixelTask.outcome
    count = iter(range(100))

    def broken(task, network, batch):
        found = outcome(task, network, batch)
        return replace(found, loss=found.loss * float("nan")) if next(count) == 25 else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelTask, "outcome", broken)
        with pytest.raises(OptionError, match=r"not a number at step 26.*last good checkpoint is kept"):
            train(config, tmp_path / "out")
    good = load_checkpoint(tmp_path / "out" / "epochs" / "epoch-001.pt")
    assert all(torch.isfinite(value).all() for value in good.state_dict().values())
    train(config, tmp_path / "out", resume=True)
    assert len(rows(tmp_path / "out" / "epochs.csv")) == 3


def test_the_test_part_is_not_opened(unet_set, tmp_path):
    text = (unet_set / "config.toml").read_text(encoding="utf-8")
    text += '\n[[scenes]]\nstack = "stacks/hidden.tif"\nmask = "masks/hidden.tif"\nsplit = "test"\n'
    (unet_set / "config.toml").write_text(text, encoding="utf-8")
    for folder in ("stacks", "masks"):
        (unet_set / folder / "hidden.tif").write_bytes(b"not a raster: opening it would fail")
    train(changed(unet_set, steps=20), tmp_path / "out")
    assert "hidden,hidden,test" in (tmp_path / "out" / "splits.csv").read_text(encoding="utf-8")


def test_another_network_s_checkpoint_is_named(unet_set, tmp_path):
    config = changed(unet_set, steps=20)
    train(config, tmp_path / "out")
    wider = replace(config, options={**config.options, "widths": [16, 12]})
    with pytest.raises(ModelError, match=r"last\.ckpt.*widths=\(16, 12\).*widths=\(8, 12\)"):
        train(wider, tmp_path / "out", resume=True)
    with pytest.raises(ModelError, match=r"checkpoint\.pt.*widths \(8, 12\), not \(16, 12\)"):
        train(replace(wider, init=str(tmp_path / "out" / "checkpoint.pt")), tmp_path / "new")


def test_a_checkpoint_is_where_a_run_begins(unet_set, tmp_path):
    train(changed(unet_set, steps=20), tmp_path / "first")
    start = weights(tmp_path / "first")
    network = load_checkpoint(tmp_path / "first" / "checkpoint.pt")
    save_checkpoint(unet_set / "start.pt", network)
    config = replace(changed(unet_set, steps=1, learning_rate=1e-12), init="start.pt")
    train(config, tmp_path / "second")
    found = weights(tmp_path / "second")
    assert all(
        torch.allclose(found[name], value, atol=1e-6)
        for name, value in start.items()
        if "running" not in name and "batches" not in name
    )


def test_resuming_where_nothing_was_begun_begins(unet_set, tmp_path):
    train(changed(unet_set, steps=20), tmp_path / "out", resume=True)
    assert json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))["model"] == "unet"


def test_an_interrupt_is_an_interrupt(unet_set, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(changed(unet_set), tmp_path / "out", interrupt)


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"steps": 100}, {0: 1.0, 99: 1.0}),
        ({"steps": 100, "warmup_steps": 10}, {0: 0.1, 9: 1.0, 50: 1.0}),
        ({"steps": 100, "schedule": "cosine"}, {0: 1.0, 50: 0.5, 100: 0.0}),
    ],
)
def test_the_rate_rises_and_falls_as_asked(options, rates):
    schedule = Optimisation(**options)
    for step, rate in rates.items():
        assert schedule.rate(step) == pytest.approx(rate)


def test_epochs_make_up_the_steps():
    schedule = Optimisation(steps=50, epoch_steps=20)
    assert [schedule.steps_of(epoch) for epoch in range(schedule.epochs)] == [20, 20, 10]
    with pytest.raises(OptionError, match="ema"):
        Optimisation(ema=1.0)


def test_f1_is_undefined_where_a_class_is_nowhere():
    found = Judgement(loss=0.0, confusion=np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert found.f1[:2] == pytest.approx((6 / 9, 8 / 11))
    assert np.isnan(found.f1[2])
    assert found.accuracy == pytest.approx(0.7)


def test_a_full_disk_keeps_the_last_good_checkpoint(unet_set, tmp_path, monkeypatch):
    """Told as such; with room again the run goes on and ends as one that never stopped."""
    config, save = changed(unet_set), torch.save
    train(config, tmp_path / "whole")

    def full(body, path, *rest, **more):
        if "epoch-002" in str(path):
            raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")
        save(body, path, *rest, **more)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"epoch-002.*No space left"):
        train(config, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "epochs").iterdir()} == {"epoch-001.pt"}
    monkeypatch.setattr(torch, "save", save)
    train(config, tmp_path / "out", resume=True)
    same(weights(tmp_path / "whole"), weights(tmp_path / "out"))


@pytest.mark.parametrize("folder", ["unet_set", "data_set"])
def test_half_the_bits_learn_too(request, folder, tmp_path):
    """bf16 on a processor: other losses, weights still in full, a file that repeats them."""
    config = request.getfixturevalue(folder)
    losses = []
    for precision in ("32", "bf16"):
        out = tmp_path / precision
        trained = train(changed(config, precision=precision), out)
        assert trained.agreement.largest < 1e-5
        assert {value.dtype for value in weights(out).values()} <= {torch.float32, torch.int64}
        losses.append([float(row["loss"]) for row in rows(out / "loss.csv")])
    assert losses[0] != losses[1]
    assert losses[1][-1] < losses[1][0] / 2
