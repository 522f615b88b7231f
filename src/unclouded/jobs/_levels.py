"""Which of a source's resolution levels is read: the full one, or the one that GDAL would take."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from affine import Affine

from unclouded.core.grid import Grid
from unclouded.core.product import BandReader, Samples
from unclouded.core.windows import Window
from unclouded.scene import Scene

Levels = Literal["auto", "full", "gdal"]
"""`auto`: what `Scene.read` takes. `full`: full resolution, as `gdal_translate -ovr NONE`. `gdal`: the
overview that plain `gdal_translate -outsize` takes, laid over the whole extent as it does."""


@dataclass(frozen=True, kw_only=True)
class OneLevel:
    """A band of which one resolution level is read, as if it had no other."""

    reader: BandReader
    level: int
    grid: Grid
    """Where the level's samples are taken to lie."""

    @property
    def levels(self) -> tuple[Grid, ...]:
        """The one."""
        return (self.grid,)

    def read(self, window: Window, level: int = 0) -> Samples:  # noqa: ARG002 - BandReader's signature
        """DN of a window of the level, and which of them may be used.

        Raises:
            RasterError: the file is damaged.
        """
        return self.reader.read(window, self.level)


def with_levels(scene: Scene, levels: Levels) -> Scene:
    """The scene, its bands read at those levels."""
    if levels == "auto":
        return scene

    def pinned(choose: Callable[[BandReader], int]) -> Scene:
        bands = {name: _one_level(reader, choose(reader)) for name, reader in scene.product.bands.items()}
        return replace(scene, product=replace(scene.product, bands=bands))

    if levels == "full":
        return pinned(lambda _: 0)
    size = scene.pixel_size
    return pinned(lambda reader: gdal_level(reader, size, nearest=scene.resampling == "nearest"))


def gdal_level(reader: BandReader, pixel_size: float, *, nearest: bool) -> int:
    """The resolution level from which GDAL resamples to a pixel size: by how much it is coarser, at most.

    Source: GDALBandGetBestOverviewLevel2 in GDAL's gcore/rasterio.cpp: the coarsest overview whose factor
    stays below the one asked for, times 1.2 for nearest, plus 0.1. Measured in tests/jobs/test_stack.py.
    """
    bound = pixel_size / reader.grid.pixel_size * (1.2 if nearest else 1.0) + 0.1
    height, width = reader.grid.shape
    factors = [min(height / grid.height, width / grid.width) for grid in reader.levels]
    fitting = [level for level, factor in enumerate(factors) if level == 0 or factor < bound]
    return max(fitting, key=lambda level: factors[level])


def _one_level(reader: BandReader, level: int) -> OneLevel:
    shape = reader.levels[level].shape
    return OneLevel(reader=reader, level=level, grid=_over_extent(reader.grid, shape))


def _over_extent(grid: Grid, shape: tuple[int, int]) -> Grid:
    """A grid of so many pixels over the same extent."""
    height, width = shape
    t, down, across = grid.transform, grid.height / height, grid.width / width
    transform = Affine(t.a * across, t.b * down, t.c, t.d * across, t.e * down, t.f)
    return Grid(height=height, width=width, transform=transform, crs=grid.crs)
