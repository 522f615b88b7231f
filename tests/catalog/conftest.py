"""Services on this machine only, and patience that fits a test."""

import pytest

from unclouded.catalog import Patience
from unclouded.testing.services import LoopbackService


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Whatever proxy the machine has, the loopback address is not behind it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


@pytest.fixture
def patience():
    return Patience(tries=4, first_wait_s=0.01, longest_wait_s=1.5, timeout_s=5)
