"""How a model wants a scene read: which bands coarser than the mask, and which not at all."""

from dataclasses import replace

from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.scene import Scene


def as_trained(scene: Scene, spec: ModelSpec) -> Scene:
    """The scene with bands that the model does not need at the mask's spacing read coarser.

    What a caller chose before, as `fast` does, stands.
    """
    if not spec.read_gsd_m or scene.coarse_m:
        return scene
    return scene.with_coarse(spec.read_gsd_m)


def fast(scene: Scene, spec: ModelSpec) -> Scene:
    """The scene as the model's fast way reads it: less of it, for a mask that is a little worse.

    Raises:
        OptionError: the model states none.
    """
    if not spec.fast_gsd_m:
        raise OptionError(f"--fast: expected a model that states how, found {spec.name}; leave it out")
    dropped = {name for name, gsd in spec.fast_gsd_m.items() if gsd == 0}
    kept = {name: reader for name, reader in scene.product.bands.items() if name not in dropped}
    coarse = {name: gsd for name, gsd in spec.fast_gsd_m.items() if gsd > 0}
    return replace(scene, product=replace(scene.product, bands=kept)).with_coarse(coarse)
