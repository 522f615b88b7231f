"""One small product, written once for the tests that only look at it."""

import pytest

from unclouded.synthetic import CloudLayer, SceneConfig, write_safe

SIZE_PX = 600


@pytest.fixture(scope="session")
def config():
    return SceneConfig(
        seed=5,
        clouds=(CloudLayer(kind="cumulus", cover=0.3), CloudLayer(kind="cirrus", cover=0.2)),
        sun_zenith=48.5,
        sun_azimuth=163.25,
        unseen=0.2,
    )


@pytest.fixture(scope="session")
def written(tmp_path_factory, config):
    return write_safe(tmp_path_factory.mktemp("safe"), config, size_px=SIZE_PX)
