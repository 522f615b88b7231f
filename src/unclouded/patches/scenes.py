"""Scenes with labels in memory, at their own pixel spacing and at coarser ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLOUD, EVERY_CLASS, class_bits
from unclouded.core.errors import GridError, LabelError, OptionError

CLEAR_LABEL, CLOUD_LABEL, IGNORED = 0, 1, 255


@dataclass(frozen=True, kw_only=True)
class LabelledScene:
    """Reflectance and, for each pixel, whether it is cloud."""

    name: str
    reflectance: npt.NDArray[np.float32]
    """(band, y, x); 0 where the pixel was not seen."""
    cloud: npt.NDArray[np.uint8]
    """(y, x): 0 clear, 1 cloud, 255 not to be learnt from."""
    scales: tuple[int, ...] = (1,)
    """Factors of the pixel spacing at which patches are drawn, the coarser ones area-averaged."""
    weight: float = 1.0
    """How often it is drawn from, relative to another scene of the same size."""

    def __post_init__(self) -> None:
        if self.reflectance.shape[1:] != self.cloud.shape:
            raise GridError(
                f"{self.name}: expected labels of {self.reflectance.shape[1:]} px, found {self.cloud.shape}; "
                "give the mask that belongs to the stack"
            )
        if not self.scales or min(self.scales) < 1 or not self.weight > 0:
            raise OptionError(
                f"{self.name}: expected scales of at least 1 and a weight above 0, "
                f"found {self.scales} and {self.weight}"
            )


def labelled(
    name: str,
    reflectance: npt.NDArray[np.float32],
    valid: npt.NDArray[np.bool_],
    sets: npt.NDArray[np.uint8],
) -> LabelledScene:
    """A scene whose labels are known as sets of classes (`core.classes.to_sets`).

    A pixel is cloud where each class that it may be is a cloud, clear where none is; the others, and those
    that were not seen, are ignored.

    Raises:
        GridError: the shapes differ.
        LabelError: no pixel is left to learn from.
    """
    scene = LabelledScene(
        name=name,
        reflectance=np.where(valid, reflectance, np.float32(0)),
        cloud=np.where(valid, cloud_labels(sets), np.uint8(IGNORED)).astype(np.uint8),
    )
    if (scene.cloud == IGNORED).all():
        raise LabelError(
            f"{name}: expected pixels that are cloud or clear, found none; check the legend and the nodata"
        )
    return scene


def cloud_labels(sets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Sets of possible classes (y, x) as 0 clear, 1 cloud, 255 where it is not known."""
    cloud, other = class_bits(CLOUD), class_bits(EVERY_CLASS - CLOUD)
    labels = np.full(sets.shape, IGNORED, np.uint8)
    labels[(sets & other != 0) & (sets & cloud == 0)] = CLEAR_LABEL
    labels[(sets & cloud != 0) & (sets & other == 0)] = CLOUD_LABEL
    return labels


def coarser(scene: LabelledScene, factor: int) -> LabelledScene:
    """The scene at `factor` times its pixel spacing: reflectance area-averaged, label of the majority.

    A coarse pixel is ignored where half of its pixels or more are. Rows and columns that fill no whole
    coarse pixel are left out. The weight grows with the factor: balanced batches, which go by the root of the
    number of pixels, then show every scale equally often.
    """
    if factor == 1:
        return scene
    blocks = _blocks(scene.reflectance, factor)
    cloudy = _blocks(scene.cloud == CLOUD_LABEL, factor).mean(axis=(-3, -1))
    clear = _blocks(scene.cloud == CLEAR_LABEL, factor).mean(axis=(-3, -1))
    labels = np.where(cloudy > clear, CLOUD_LABEL, CLEAR_LABEL).astype(np.uint8)
    labels[cloudy + clear <= 1 / 2] = IGNORED
    return LabelledScene(
        name=f"{scene.name} / {factor}",
        reflectance=np.asarray(blocks.mean(axis=(-3, -1)), np.float32),
        cloud=labels,
        weight=scene.weight * factor,
    )


def pyramid(scenes: Sequence[LabelledScene], *, least: int) -> list[LabelledScene]:
    """Every scene at each of its scales, but those that become smaller than `least` px a side."""
    return [
        coarser(scene, factor)
        for scene in scenes
        for factor in scene.scales
        if factor == min(scene.scales) or min(scene.cloud.shape) // factor >= least
    ]


def _blocks(values: npt.NDArray[np.generic], factor: int) -> npt.NDArray[np.generic]:
    """(…, y, x) -> (…, y / factor, factor, x / factor, factor)."""
    height, width = (side // factor for side in values.shape[-2:])
    whole = values[..., : height * factor, : width * factor]
    return whole.reshape(*values.shape[:-2], height, factor, width, factor)
