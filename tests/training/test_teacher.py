"""A teacher named in a configuration is followed, trust is heeded, and neither is left aside in silence."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import OptionError

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from unclouded.training import load_checkpoint, read_config, train  # noqa: E402 - after the skip

NAMES = ("clear", "cloud", "thick_cloud")


@pytest.fixture
def guided_set(unet_set):
    """`guided_set(guides, share)`: the configuration with these lines in the scene that is learnt from.

    Its teacher holds the opposite of the mask; trust is 1 in the left quarter and 0 elsewhere.
    """
    for folder in ("soft", "trust"):
        (unet_set / folder).mkdir()
    with rasterio.open(unet_set / "masks" / "square0.tif") as file:
        cloud, profile = file.read(1) == 1, file.profile
    with rasterio.open(unet_set / "soft" / "square0.tif", "w", **{**profile, "count": 2}) as file:
        file.write(np.where(cloud, [[[100]], [[0]]], [[[0]], [[100]]]).astype(np.uint8))
        file.descriptions, file.scales = NAMES[:2], [0.01, 0.01]
    with rasterio.open(unet_set / "trust" / "square0.tif", "w", **profile) as file:
        file.write((np.indices(cloud.shape)[1] < cloud.shape[1] // 4).astype(np.uint8), 1)

    def write(guides, share=0.0):
        path = unet_set / "config.toml"
        text = path.read_text(encoding="utf-8").replace('split = "train"', f'split = "train"\n{guides}')
        path.write_text(f"{text}\n[loss]\nteacher = {share}\n", encoding="utf-8")
        return read_config(path)

    return write


TEACHER = 'teacher = "soft/{name}.tif"'


def cloud_said(config, out):
    """Shares of cloud that the last weights see in dark and in bright scenes."""
    train(config, out)
    network = load_checkpoint(max((out / "epochs").iterdir()))
    with torch.no_grad():
        said = [network(torch.full((1, 3, 32, 32), value), torch.ones(1, 3)) for value in (0.16, 0.51)]
    return [float((logits.argmax(1) == 1).float().mean()) for logits in said]


def test_a_teacher_alone_is_followed_against_the_labels(guided_set, tmp_path):
    dark, bright = cloud_said(guided_set(TEACHER, 1.0), tmp_path / "out")
    assert dark > 0.9
    assert bright < 0.1


def test_pixels_of_no_trust_teach_nothing(guided_set, tmp_path):
    """Three quarters of the labels are the wrong way round, and are not trusted."""
    config = guided_set('trust = "trust/{name}.tif"')
    with rasterio.open(tmp_path / "masks" / "square0.tif", "r+") as file:
        codes = file.read(1)
        wrong = np.indices(codes.shape)[1] >= codes.shape[1] // 4
        file.write(np.where(wrong, 1 - codes, codes), 1)
    dark, bright = cloud_said(config, tmp_path / "out")
    assert dark < 0.1
    assert bright > 0.9


@pytest.mark.parametrize(("guides", "share"), [(TEACHER, 0.0), ("", 0.5)])
def test_a_teacher_without_a_share_and_a_share_without_a_teacher(guided_set, tmp_path, guides, share):
    with pytest.raises(OptionError, match=r"\[loss\] teacher"):
        train(guided_set(guides, share), tmp_path / "out")


def test_a_teacher_of_fewer_classes_is_refused(guided_set, tmp_path):
    config = guided_set(TEACHER, 0.5)
    config = replace(config, options={**config.options, "classes": [0, 1, 3]})
    with pytest.raises(OptionError, match="found none for 3"):
        train(config, tmp_path / "out")


def test_a_patch_network_takes_none(guided_set, tmp_path):
    config = replace(guided_set(TEACHER, 0.5), model="patchcnn", options={})
    with pytest.raises(OptionError, match="found patchcnn"):
        train(config, tmp_path / "out")
