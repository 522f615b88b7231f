"""Land without clouds: what lies where, and its reflectance at the top of the atmosphere."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unclouded.core.bands import NAMES
from unclouded.synthetic._cover import Index, farmland, lanes, snow, towns, waters, wild
from unclouded.synthetic._mosaic import mosaic
from unclouded.synthetic._noise import Float, Sampling
from unclouded.synthetic._place import Place
from unclouded.synthetic.landscapes import Landscape
from unclouded.synthetic.surfaces import MATERIALS, PATH


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What lies at each point. Arrays (y, x)."""

    material: Index
    """Row of `surfaces.MATERIALS`."""
    vigour: Float
    """Place on the material's own scale, about -2 … 2 (water and snow: 0 … 1)."""
    light: Float
    """Light on the surface relative to level ground, texture included."""

    def reflectance(self, bands: Sequence[str]) -> Float:
        """Reflectance at the top of the atmosphere, float32 (band, y, x)."""
        out = np.empty((len(bands), *self.material.shape), np.float32)
        for k, name in enumerate(bands):
            b = NAMES.index(name)
            np.take(MATERIALS.spectra[:, b] - PATH[b], self.material, out=out[k])
            out[k] += np.take(MATERIALS.vigour[:, b], self.material) * self.vigour
            out[k] *= self.light
            np.maximum(out[k], 0, out=out[k])
            out[k] += PATH[b]
        return out


def ground(
    sampling: Sampling, landscape: Landscape, seed: int, *, sun_zenith: float, sun_azimuth: float
) -> Ground:
    """What lies at each point of the sampling, lit by the sun (degrees)."""
    here = Place(sampling, landscape, seed)
    patches = mosaic(sampling, here.seed("mosaic"), block_m=landscape.block_m, parcel_m=landscape.parcel_m)
    height = here.height(sampling)
    material, vigour = farmland(here, patches)
    material, vigour = wild(here, patches, material, vigour, height)
    material = lanes(patches, material)
    material = towns(here, patches, material, height)
    material, vigour = waters(here, material, vigour, height)
    material, vigour = snow(here, material, vigour, height)
    light = here.hillshade(sun_zenith, sun_azimuth) * (1 + MATERIALS.contrast[material] * here.grain(patches))
    return Ground(material=material, vigour=vigour, light=light.astype(np.float32))
