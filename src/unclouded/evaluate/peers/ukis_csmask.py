"""ukis-csmask (DLR; Wieland et al. 2019, 2022): U-Net with an EfficientNet-b4, clear, cloud and shadow.

Apache-2.0, weights in its wheel: `pip install 'unclouded[peers]'`. Its own tiling, statistics and blending
are used, so that the classes are those of `CSmask(...).csm`; that class is not, since it opens the network
anew for each image and keeps no probabilities.
"""

import json
from collections.abc import Collection
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import band
from unclouded.core.classes import CLOUD, NOT_CLOUD_OR_SHADOW, SHADOW, Legend
from unclouded.core.errors import OptionError
from unclouded.evaluate.peers import Answer, Bands, Run

VARIANTS = ("best", "4-band")
"""`best`: six bands where they are there, else four."""
GSD_M = 30.0
"""Made for about 30 m (its readme); at 10 m it calls too much cloud."""
LEGEND = Legend(
    name="ukis-csmask-output",
    table={0: NOT_CLOUD_OR_SHADOW, 1: CLOUD, 2: frozenset({SHADOW})},
    note="thin is not told from thick, snow not from clear",
)
_FOUR = ("blue", "green", "red", "nir")
_SIX = (*_FOUR, "swir16", "swir22")
# Landsat's near infrared is the narrow one, and the network was trained on both under one name.
_INSTEAD = {"nir": "nir08"}
_OVERLAP = 0.2  # of its tiles, as CSmask has it


def version() -> str:
    """Version of the package."""
    return installed_version("ukis-csmask")


def choose(variant: str, present: Collection[str]) -> tuple[str, ...] | None:
    """The bands that are read, in the network's order; None where it lacks one that it needs."""
    wanted = (_SIX, _FOUR) if variant == "best" else (_FOUR,)
    for names in wanted:
        found = [_present(name, present) for name in names]
        if all(found):
            return tuple(name for name in found if name)
    return None


def _present(common: str, present: Collection[str]) -> str | None:
    options = [band(name).name for name in (common, _INSTEAD.get(common)) if name]
    return next((name for name in options if name in present), None)


def open_peer(variant: str, *, level: str | None, threads: int = 0) -> Run:
    """The peer ready to run on bands of `choose`; networks are opened as they are needed.

    Args:
        level: `L2A` takes the network for surface reflectance, all else that for the top of the atmosphere.

    Raises:
        OptionError: the package is not installed, or no such variant.
    """
    if variant not in VARIANTS:
        raise OptionError(f"ukis-csmask '{variant}': expected one of {', '.join(VARIANTS)}")
    folder = _folder()
    opened: dict[int, _Network] = {}

    def run(bands: Bands) -> Answer:
        names = choose(variant, bands)
        if names is None:
            raise OptionError(f"ukis-csmask: expected at least {', '.join(_FOUR)}, found {', '.join(bands)}")
        if len(names) not in opened:
            opened[len(names)] = _Network(folder, len(names), "l2a" if level == "L2A" else "l1c", threads)
        shares = opened[len(names)].shares(np.stack([bands[name] for name in names], axis=-1))
        return Answer(
            codes=shares.argmax(axis=2).astype(np.uint8),
            probabilities={code: shares[..., code] for code in LEGEND.table},
        )

    return run


def _folder() -> Path:
    """Where the package lies; it is not imported for that."""
    found = find_spec("ukis_csmask")
    if found is None or not found.submodule_search_locations:
        raise OptionError("peer ukis-csmask needs its package: pip install 'unclouded[peers]'")
    return Path(found.submodule_search_locations[0])


class _Network:
    """One of the wheel's networks with its statistics."""

    def __init__(self, folder: Path, bands: int, level: str, threads: int) -> None:
        import onnxruntime as ort  # noqa: PLC0415 - the room is used without a runtime too

        name = f"model_{bands}b_{level}"
        data = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["data"]
        self.mean, self.deviation = (np.array(row, np.float32) for row in data["dataset_statistics"]["img"])
        self.rows, self.columns = data["target_size"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(
            (folder / f"{name}.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def shares(self, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Reflectance (y, x, band) -> blended probabilities (y, x, class), which need not sum to 1."""
        from ukis_csmask.utils import tile_array, untile_array  # noqa: PLC0415 - the extra `peers`

        scaled = ((image - self.mean) / self.deviation).astype(np.float32)
        tiles = tile_array(scaled, xsize=self.rows, ysize=self.columns, overlap=_OVERLAP)
        found = np.concatenate([self._classify(tile) for tile in tiles])
        shape = (*image.shape[:2], found.shape[-1])
        blended = untile_array(found, shape, overlap=_OVERLAP, smooth_blending=True)
        return np.asarray(blended, np.float32)

    def _classify(self, tile: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One tile (y, x, band) -> (1, y, x, class)."""
        (logits,) = self.session.run(None, {self.input: np.moveaxis(tile, -1, 0)[None]})
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(np.moveaxis(shifted / shifted.sum(axis=1, keepdims=True), 1, -1), np.float32)


__all__ = ["GSD_M", "LEGEND", "VARIANTS", "choose", "open_peer", "version"]
