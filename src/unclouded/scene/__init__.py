"""A product as reflectance and validity on one grid."""

from unclouded.scene._opening import open_scene, open_scenes
from unclouded.scene._scene import Numbers, Reading, Resampling, Scene

__all__ = ["Numbers", "Reading", "Resampling", "Scene", "open_scene", "open_scenes"]
