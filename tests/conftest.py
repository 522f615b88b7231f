"""What a test may need and a machine may lack: real data, system programs, extras.

Where it is absent the test skips and names it; with `UNCLOUDED_REQUIRE_ALL=1`, as CI sets it, a skip
of that kind is a failure.
"""

import importlib.util
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine is slow now and then: that is no failure, and says nothing of the code
settings.register_profile("unclouded", deadline=None)
settings.load_profile("unclouded")

# a run in a script's background is born deaf to Ctrl-C, and with it the programs that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parent.parent


def _absent(what: str) -> None:
    if os.environ.get("UNCLOUDED_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is required here (UNCLOUDED_REQUIRE_ALL=1)")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real products, images and labels; never part of the repository."""
    folder = Path(os.environ.get("UNCLOUDED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        _absent("real data: set UNCLOUDED_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def program():
    """`program("gdalinfo")`: the path of a system program."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            _absent(f"the program {name}")
        return str(path)

    return find


@pytest.fixture(scope="session")
def valid_stac():
    """`valid_stac(item)`: pass where an item is valid by STAC's schema and by every extension it names."""
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    folder = os.environ.get("UNCLOUDED_SCHEMAS", REPOSITORY.parent / "shared" / "schemas")
    if not Path(folder).is_dir():
        _absent("the STAC schemas: set UNCLOUDED_SCHEMAS to their folder")
    schemas = {}
    for path in Path(folder).rglob("*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        # by address: the core schema of common fields has a wrong $id
        own = schema["$id"].removesuffix("#").replace("commonjson", "common.json")
        schemas[own] = {**schema, "$id": own}
    drafts = referencing.jsonschema.DRAFT7
    registry = referencing.Registry().with_resources(
        (own, referencing.Resource.from_contents(schema, drafts)) for own, schema in schemas.items()
    )

    def check(item):
        core = f"https://schemas.stacspec.org/v{item['stac_version']}/item-spec/json-schema/item.json"
        for address in (core, *item["stac_extensions"]):
            jsonschema.Draft7Validator(
                schemas[address], registry=registry, format_checker=jsonschema.FormatChecker()
            ).validate(item)

    return check


@pytest.fixture(scope="session")
def extra():
    """`extra("torch")`: pass where a package of an extra is installed."""

    def check(package: str) -> None:
        if importlib.util.find_spec(package) is None:
            _absent(f"the package {package}")

    return check
