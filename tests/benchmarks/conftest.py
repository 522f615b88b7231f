import importlib.util
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
# scripts, not a package: they find one another beside themselves
sys.path.append(str(TESTS.parent / "benchmarks"))


@pytest.fixture(scope="session")
def replicas():
    """The module that writes tiny label sets in their published layouts."""
    spec = importlib.util.spec_from_file_location("label_replicas", TESTS / "labels" / "replicas.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
