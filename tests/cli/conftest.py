"""What the tests of several commands read."""

import pytest

from unclouded.testing.products import FakeSafe, write_fake_safe


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """A small Level-1C product; nobody writes to it."""
    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe())
