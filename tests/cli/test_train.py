"""`unclouded train`: prints the model it made; says what to install where torch is missing."""

from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from unclouded.cli import app
from unclouded.cli import train as verb
from unclouded.core.errors import OptionError


def test_without_torch_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    result = CliRunner().invoke(app, ["train", str(tmp_path / "c.toml"), "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, OptionError)
    assert "pip install 'unclouded[train]'" in str(result.exception)
    assert "torch" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("torch")
    result = CliRunner().invoke(app, ["train", str(tmp_path / "none.toml"), "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, OptionError)
    assert "none.toml" in str(result.exception)
