"""A network whose every class occurs in small cubes, and what these do not say themselves."""

import pytest

pytest.importorskip("xarray")

import unclouded.xarray  # noqa: F401 - after the skip; registers the accessor


@pytest.fixture(scope="session")
def small_unet(tmp_path_factory):
    """Path of a network that needs three bands, has a halo and a stride, and knows which bands are there."""
    pytest.importorskip("torch")
    from unclouded.testing.models import write_small_unet

    return write_small_unet(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="session")
def stated(small_unet):
    """Arguments of `mask` for a cube of `testing.cubes`."""
    return {"model": small_unet, "level": "L2A", "offset": -1000, "quantification": 10000, "window": 16}
