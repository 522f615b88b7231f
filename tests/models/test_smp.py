"""Networks of segmentation-models-pytorch: how far they look, and who looks too far.

A stand-in takes the library's place, which is an extra; the last test is of the library itself.
"""

import sys
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - after the skip

from unclouded.core.errors import OptionError  # noqa: E402 - after the skip
from unclouded.models.smp import Config, build  # noqa: E402 - after the skip

BANDS = ("B02", "B03", "B10")


class Plain(nn.Module):
    """Halves, looks around, doubles: depends on what is near alone."""

    def __init__(self, bands, classes, depth):
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(bands if level == 0 else 8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU())
            for level in range(depth)
        )
        self.head = nn.Conv2d(8, classes, 1)
        self.depth = depth

    def features(self, maps):
        for layer in self.down:
            maps = layer(maps)
        return maps

    def forward(self, maps):
        found = self.head(self.features(maps))
        return nn.functional.interpolate(found, scale_factor=2.0**self.depth, mode="nearest")


class Pooled(Plain):
    """A gate from the mean of the window, near 1/2 at first: squeeze and excitation."""

    def features(self, maps):
        maps = super().features(maps)
        return maps * torch.sigmoid(1e-3 * maps.mean((2, 3), keepdim=True))


class Aligned(Plain):
    """Corners aligned: where a pixel falls depends on the window's size."""

    def forward(self, maps):
        found = self.head(self.features(maps))
        size = maps.shape[-2:]
        return nn.functional.interpolate(found, size=size, mode="bilinear", align_corners=True)


class Tall(Plain):
    """Cannot take a low window."""

    def forward(self, maps):
        return nn.functional.conv2d(super().forward(maps), torch.ones(1, maps.shape[1], 99, 1).to(maps))


@pytest.fixture
def library(monkeypatch):
    """A module in the library's place; its `asked` holds the options of the last network."""
    kinds = {kind.__name__: kind for kind in (Plain, Pooled, Aligned, Tall)}
    module = ModuleType("segmentation_models_pytorch")
    module.asked = {}

    def create_model(arch, *, encoder_name, encoder_weights, encoder_depth, in_channels, classes, **more):
        if arch not in kinds:
            raise KeyError(f"Wrong architecture type `{arch}`")
        module.asked = {"encoder": encoder_name, "weights": encoder_weights, **more}
        return kinds[arch](in_channels, classes, encoder_depth)

    module.create_model = create_model
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", module)
    return module


def config(**options):
    return Config(**{"architecture": "Plain", "depth": 3, "bands": BANDS, **options})


def test_how_far_it_looks_is_measured(library):
    """Three 3 x 3 convolutions of stride 2 reach 1 + 2 + 4 px past a cell of 8 px: at most 14, two cells."""
    network = build(config())
    assert network.config.halo_px == 16
    assert network.config.stride_px == 8
    assert library.asked == {"encoder": "resnet18", "weights": None}


@pytest.mark.usefixtures("library")
def test_windows_with_the_halo_give_what_the_whole_gives():
    network = build(config()).eval()
    halo = network.config.halo_px
    whole = torch.rand(1, 3, 64, 96)
    presence = torch.ones(1, 3)
    with torch.no_grad():
        logits = network(whole, presence)
        part = network(whole[:, :, 8:56, 16:80], presence)
    inner = part[..., halo:-halo, halo:-halo]
    torch.testing.assert_close(inner, logits[..., 8 + halo : 56 - halo, 16 + halo : 80 - halo])


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("architecture", ["Pooled", "Aligned"])
def test_a_network_that_looks_at_its_whole_window_is_refused(architecture):
    with pytest.raises(OptionError, match=rf"{architecture}.*windows would show"):
        build(config(architecture=architecture))


@pytest.mark.usefixtures("library")
def test_a_network_that_cannot_take_a_window_is_refused():
    with pytest.raises(OptionError, match="two strides"):
        build(config(architecture="Tall"))


@pytest.mark.usefixtures("library")
def test_names_that_are_not_known_are_told():
    with pytest.raises(OptionError, match=r"Wrong architecture type `Unett`"):
        build(config(architecture="Unett"))


@pytest.mark.usefixtures("library")
def test_absent_bands_are_not_looked_at():
    network = build(config()).eval()
    presence = torch.tensor([[1.0, 0.0, 1.0]])
    one = torch.rand(1, 3, 16, 16)
    two = one.clone()
    two[:, 1] = 0.9
    with torch.no_grad():
        torch.testing.assert_close(network(one, presence), network(two, presence))
        assert not torch.equal(network(one, torch.ones(1, 3)), network(two, torch.ones(1, 3)))


def test_where_weights_came_from_is_not_part_of_the_network(library):
    network = build(config(pretrained="imagenet", decoder_channels=(8, 8, 8)))
    assert network.config.pretrained == ""
    assert library.asked == {"encoder": "resnet18", "weights": "imagenet", "decoder_channels": (8, 8, 8)}


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(OptionError, match=r"unclouded\[smp\]"):
        build(config())


@pytest.mark.parametrize("wrong", [{"bands": ("b4",)}, {"classes": (0,)}, {"depth": 7}, {"halo_px": -1}])
def test_options_without_meaning(wrong):
    with pytest.raises(OptionError, match="smp"):
        config(**wrong)


@pytest.mark.slow
def test_the_library_itself():
    pytest.importorskip("segmentation_models_pytorch")
    linknet = build(Config(architecture="Linknet", encoder="resnet18"))
    assert linknet.config.halo_px == 288
    with pytest.raises(OptionError, match="windows would show"):
        build(Config(architecture="Unet", encoder="efficientnet-b0"))
