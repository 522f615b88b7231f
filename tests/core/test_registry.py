import sys

import pytest

from unclouded.core import registry
from unclouded.core.errors import OptionError


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "zoo_of_tests"
    folder.mkdir()
    for name in ("__init__", "lion", "sea_cow", "_helper"):
        (folder / f"{name}.py").write_text(f"WHO = '{name}'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "zoo_of_tests"
    for module in [name for name in sys.modules if name.startswith("zoo_of_tests")]:
        del sys.modules[module]


def test_modules_are_found_by_file_name_and_helpers_are_not(package):
    assert registry.names(package) == ("lion", "sea_cow")
    assert registry.find(package, "lion").WHO == "lion"


def test_a_dash_stands_for_an_underscore(package):
    assert registry.find(package, "sea-cow").WHO == "sea_cow"


def test_only_the_module_asked_for_is_imported(package):
    registry.find(package, "lion")
    assert f"{package}.sea_cow" not in sys.modules


@pytest.mark.parametrize("name", ["_helper", "tiger", "os.path", "", "../lion"])
def test_nothing_else_can_be_asked_for(package, name):
    with pytest.raises(OptionError, match=r"zoo_of_tests '.*': expected one of lion, sea_cow"):
        registry.find(package, name)


def test_a_near_miss_is_answered_with_the_name_meant(package):
    with pytest.raises(OptionError, match=r"did you mean 'sea_cow'\?"):
        registry.find(package, "sea_cwo")
