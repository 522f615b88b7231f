"""Cloud, thin-cloud and shadow masks from the satellite product you have.

The public names are loaded on first use, so that `import unclouded` costs next to nothing
and pulls in neither a runtime nor a raster library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from unclouded._version import __version__

if TYPE_CHECKING:
    from unclouded.core.errors import UncloudedError as UncloudedError
    from unclouded.evaluate import evaluate as evaluate
    from unclouded.jobs import mask as mask
    from unclouded.jobs import mask_array as mask_array
    from unclouded.scene import Scene as Scene
    from unclouded.scene import open_scene as open_scene

_HOMES = {
    "Scene": "unclouded.scene",
    "UncloudedError": "unclouded.core.errors",
    "evaluate": "unclouded.evaluate",
    "mask": "unclouded.jobs",
    "mask_array": "unclouded.jobs",
    "open_scene": "unclouded.scene",
}

__all__ = ["Scene", "UncloudedError", "__version__", "evaluate", "mask", "mask_array", "open_scene"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'unclouded' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
