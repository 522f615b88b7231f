"""A product as reflectance and validity on one grid."""

from unclouded.scene._opening import open_scene
from unclouded.scene._scene import Reading, Scene

__all__ = ["Reading", "Scene", "open_scene"]
