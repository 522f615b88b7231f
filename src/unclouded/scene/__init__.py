"""A product as reflectance and validity on one grid."""

from unclouded.scene._opening import open_scene, open_scenes
from unclouded.scene._scene import Numbers, Reading, Resampling, Scene
from unclouded.sources._raster import block_cache, keep_block_cache

__all__ = [
    "Numbers",
    "Reading",
    "Resampling",
    "Scene",
    "block_cache",
    "keep_block_cache",
    "open_scene",
    "open_scenes",
]
