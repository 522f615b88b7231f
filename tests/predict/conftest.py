"""A scene and a network made by hand, so that windows can be judged against whole arrays."""

from dataclasses import dataclass

import numpy as np
import pytest
from affine import Affine

from unclouded.core.grid import Grid
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.predict import Model
from unclouded.scene import Reading


@dataclass(frozen=True, kw_only=True)
class ArrayScene:
    """Reflectance (band, y, x) and validity (y, x) that answer as a Scene does."""

    reflectance: np.ndarray
    valid: np.ndarray

    @property
    def grid(self) -> Grid:
        height, width = self.valid.shape
        return Grid(height=height, width=width, transform=Affine.scale(60, -60), crs="EPSG:32632")

    def read(self, bands, window: Window, *, threads: int) -> Reading:
        assert threads >= 1
        index = [("B04", "B03", "B02").index(name) for name in bands]
        rows, cols = window.slices
        assert min(window.row_off, window.col_off) >= 0
        assert window.row_end <= self.grid.height
        assert window.col_end <= self.grid.width
        return Reading(reflectance=self.reflectance[index, rows, cols], valid=self.valid[rows, cols])


@dataclass(frozen=True, kw_only=True)
class BoxSession:
    """P(cloud) is the mean of the first band over a box of the halo: every pixel of the halo counts."""

    halo: int
    margin: int
    metadata: dict
    device: str = "here"
    batch: int = 1

    def run(self, reflectance: np.ndarray) -> np.ndarray:
        side = 2 * self.halo + 1
        padded = reflectance[:, 0]
        if self.margin < self.halo:
            grow = self.halo - self.margin
            padded = np.pad(padded, [(0, 0), (grow, grow), (grow, grow)])
        boxes = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
        cloud = boxes.mean(axis=(-1, -2), dtype=np.float64).astype(np.float32)
        return np.stack([1 - cloud, cloud], axis=1)


@pytest.fixture(scope="session")
def box_model():
    """`box_model(halo, margin)`: a model whose every pixel depends on its whole halo and nothing else."""

    def build(halo: int, margin: int | None = None, stride: int = 1, min_size: int = 1) -> Model:
        margin = halo if margin is None else margin
        spec = ModelSpec(
            name="box",
            version="1",
            bands=("B04", "B03", "B02"),
            levels=("L1C",),
            gsd_m=(10, 60),
            best_gsd_m=60,
            classes=(0, 1),
            halo_px=halo,
            margin_px=margin,
            stride_px=stride,
            min_size_px=min_size,
        )
        return Model(spec=spec, sha256="0" * 64, session=BoxSession(halo=halo, margin=margin, metadata={}))

    return build


@pytest.fixture(scope="session")
def array_scene():
    """`array_scene(height, width, seed)`: random reflectance with a nodata corner."""

    def build(height: int, width: int, seed: int = 0) -> ArrayScene:
        rng = np.random.default_rng(seed)
        valid = rng.random((height, width)) > 0.1
        reflectance = rng.random((3, height, width), dtype=np.float32) * valid
        return ArrayScene(reflectance=reflectance, valid=valid)

    return build
