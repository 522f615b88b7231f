"""Synthetic scenes as training pairs: nothing is downloaded, labels are exact."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unclouded.core.classes import CLEAR, SHADOW, SNOW, class_bits
from unclouded.core.errors import OptionError
from unclouded.patches.augment import Sample
from unclouded.synthetic import SceneConfig, draw_scene, render

_NOISE = 0.002  # of reflectance: about that of the instrument over land, User Handbook table 2
# the truth of synthetic scenes knows no snow: what is clear may be it
_SETS = np.array([class_bits(frozenset({CLEAR, SNOW})), 2, 4, 1 << SHADOW], np.uint8)


@dataclass(frozen=True, kw_only=True)
class SyntheticScenes:
    """Scenes drawn from seeds, each at a place of its own."""

    seed: int
    """Of the first; the next scenes have the next numbers."""
    count: int
    """How many."""
    gsd: float = 20.0
    """Spacing of their pixels, m."""
    size_px: int = 256
    """Side, px."""
    split: Literal["", "train", "validation", "test"] = ""
    """Part that all of them are in; empty: as [split] says."""
    weight: float = 1.0
    """How often these are drawn from, and their part in the loss."""

    def __post_init__(self) -> None:
        if min(self.count, self.size_px) < 1 or self.seed < 0:
            raise OptionError(
                "[[synthetic]]: expected count and size_px of at least 1 and seed of at least 0, found "
                f"{self.count}, {self.size_px}, {self.seed}"
            )

    def scenes(self) -> Iterator[tuple[str, SceneConfig]]:
        """Name and description of each."""
        for seed in range(self.seed, self.seed + self.count):
            yield f"synthetic-{seed}", draw_scene(seed, size_m=self.size_px * self.gsd)


def read_synthetic(scene: SceneConfig, files: SyntheticScenes, bands: Sequence[str]) -> Sample:
    """The scene rendered, with noise, and what its pixels are."""
    found = render(scene, bands, gsd=files.gsd)
    noise = np.random.default_rng(scene.seed).standard_normal(found.reflectance.shape, np.float32)
    return Sample(
        reflectance=found.reflectance + np.float32(_NOISE) * noise,
        valid=np.ones(found.classes.shape, np.bool_),
        sets=_SETS[found.classes],
        bands=tuple(bands),
        presence=np.ones(len(bands), np.bool_),
        gsd_m=files.gsd,
        sun_zenith=scene.sun_zenith,
        sun_azimuth=scene.sun_azimuth,
        weight=files.weight,
    )
