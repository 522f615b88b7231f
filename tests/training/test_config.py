"""Configurations: what is wrong is named with its place; defaults are the records' own."""

import pytest

pytest.importorskip("torch")

from unclouded.core.errors import OptionError
from unclouded.patches import Sampling
from unclouded.training.config import read_config
from unclouded.training.loop import Optimisation

LEAST = """
[[scenes]]
stack = "a.tif"
mask = "a_mask.tif"

[spec]
name = "mine"
version = "1"
levels = ["L1C"]
gsd_m = [10, 60]
best_gsd_m = 60
"""


def read(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_the_least_configuration_takes_the_defaults(tmp_path):
    config = read(tmp_path, LEAST)
    assert config.sampling == Sampling()
    assert config.optimisation == Optimisation()
    assert (config.model, config.seed, config.scenes[0].legend) == ("patchcnn", 0, "unclouded")


def test_integers_pass_for_numbers_and_lists_become_tuples(tmp_path):
    config = read(tmp_path, LEAST + '[sampling]\ngain = 0\n[optimisation]\nschedule = "cosine"\n')
    assert config.spec.gsd_m == (10, 60)
    assert config.sampling.gain == 0
    assert config.optimisation.schedule == "cosine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml [", ("run.toml", "TOML")),
        ("seed = 1", ("[[scenes]]", "none")),
        ("scenes = 3", ("[[scenes]]",)),
        (LEAST + "[sampling]\nbatches = 3\n", ("[sampling]", "batches", "did you mean 'batch'")),
        (LEAST + "[sampling]\nbatch = 1.5\n", ("[sampling] batch", "int", "1.5")),
        (LEAST + "[sampling]\nbalanced = 1\n", ("balanced", "bool", "1")),
        (LEAST + '[optimisation]\nschedule = "linear"\n', ("schedule", "'cosine'", "'linear'")),
        (LEAST + "[optimisation]\nsteps = 0\n", ("optimisation", "steps", "0")),
        ("sed = 1\n" + LEAST, ("unknown key 'sed'", "did you mean 'seed'")),
        ('seed = "x"\n' + LEAST, ("seed", "int", "'x'")),
        ("spec = 3\n[[scenes]]\nstack='a'\nmask='b'\n", ("[spec]", "table", "3")),
        (LEAST.replace('name = "mine"\n', ""), ("[spec]", "name")),
        (LEAST.replace('mask = "a_mask.tif"\n', ""), ("[[scenes]]", "mask")),
        (LEAST.replace('["L1C"]', '"L1C"'), ("levels", "'L1C'")),
    ],
)
def test_what_has_no_meaning_is_named_with_its_place(tmp_path, text, words):
    with pytest.raises(OptionError) as caught:
        read(tmp_path, text)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OptionError, match=r"none\.toml.*No such file"):
        read_config(tmp_path / "none.toml")
