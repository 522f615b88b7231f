"""Laws of the house that a machine can check."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from unclouded.core.bands import NAMES

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "unclouded"
MODULES = sorted(SOURCE.rglob("*.py"))
HEAVY = {"torch", "onnx", "onnxruntime", "rasterio", "numpy", "PIL", "rich", "click"}
NETWORK = {"socket", "ssl", "http.client", "urllib.request", "requests", "httpx", "aiohttp", "urllib3"}

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))


def modules_after(code):
    """Names of all modules that a fresh interpreter holds after running this code."""
    program = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def strings(tree):
    """Every text in a module that is no docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documentation = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


def test_rooms_import_only_what_the_table_allows():
    program = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_importing_the_package_brings_neither_runtime_nor_network():
    bare, loaded = modules_after("pass"), modules_after("import unclouded")
    added = loaded - bare
    assert "unclouded" in added
    assert not added & (HEAVY | NETWORK)


def test_importing_the_package_brings_none_of_its_rooms():
    rooms = {name for name in modules_after("import unclouded") if name.startswith("unclouded.")}
    assert rooms == {"unclouded._version"}


def test_the_public_names_are_listed_before_they_are_loaded():
    program = (
        "import unclouded; assert set(unclouded.__all__) == set(dir(unclouded)); unclouded.UncloudedError"
    )
    assert "unclouded.core.errors" in modules_after(program)


def test_a_name_that_is_not_public_is_an_attribute_error():
    import unclouded

    with pytest.raises(AttributeError, match="module 'unclouded' has no attribute 'maks'"):
        _ = unclouded.maks


@pytest.mark.parametrize(
    "room", ["core.bands", "core.counts", "core.metrics", "core.spec", "core.windows", "cli"]
)
def test_rooms_that_read_nothing_load_no_raster_library_and_no_runtime(room):
    added = modules_after(f"import unclouded.{room}") - modules_after("pass")
    assert not added & {"torch", "onnx", "onnxruntime", "rasterio", "PIL"}


@pytest.mark.parametrize(
    "room", ["evaluate", "jobs", "labels", "outputs", "predict", "scene", "sources", "synthetic"]
)
def test_masking_and_scoring_load_no_torch(room):
    assert "torch" not in modules_after(f"import unclouded.{room}")


@every_module
def test_bands_are_named_in_their_table_alone(path):
    # bands are asked for by what the table computes, never by a list typed out again
    if path == SOURCE / "core" / "bands.py":
        assert "B8A" in NAMES
        return
    assert not [text for text in strings(ast.parse(path.read_text(encoding="utf-8"))) if "B8A" in text]


@every_module
def test_every_module_says_what_it_holds(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@every_module
def test_only_the_command_line_prints(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    printing = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, f"{path}: print in lines {printing}"


@every_module
def test_only_the_command_line_reads_the_environment(path):
    if path.is_relative_to(SOURCE / "cli"):
        return
    read = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert not read


@every_module
def test_input_is_checked_by_raising(path):
    # python -O removes an assert
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
