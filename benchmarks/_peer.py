"""One tool on an array in memory, timed in a process of its own; runs in the interpreter that has the tool.

    python benchmarks/_peer.py TOOL SIZE REPEATS [MODEL]

Prints a line of JSON. Reading a product is in none of these times: the input is reflectance that is there.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from _timing import clocked, cores

Work = Callable[[], object]
NAMES = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]


def scene(size: int) -> np.ndarray:
    """Reflectance (13, y, x): blobs of cloud over land, noise over both."""
    rng = np.random.default_rng(0)
    coarse = rng.random((size // 64 + 2, size // 64 + 2))
    blobs = np.kron(coarse, np.ones((64, 64)))[:size, :size]
    cloud = np.clip((blobs - 0.5) * 4, 0, 1)
    land = rng.uniform(0.03, 0.3, (13, 1, 1))
    values = land + (0.5 - land) * cloud + rng.normal(0, 0.005, (13, size, size))
    return np.ascontiguousarray(values, np.float32)


def of(values: np.ndarray, names: str) -> np.ndarray:
    return values[[NAMES.index(name) for name in names.split()]]


def unclouded(values: np.ndarray, model: str, **running: Any) -> Work:
    from affine import Affine

    from unclouded.core.grid import Grid
    from unclouded.predict import Running, Task, load_model, predict_strips, windowing_for
    from unclouded.scene import Reading

    @dataclass(frozen=True)
    class ArrayScene:
        """Answers as a Scene does."""

        grid: Grid
        bands: tuple[str, ...] = tuple(NAMES)
        coarse_m: Any = None

        def with_coarse(self, _: Any) -> Any:  # an array has no coarser levels
            return self

        def read(self, bands: Any, window: Any, *, threads: int = 1) -> Reading:  # noqa: ARG002 - as a Scene
            index = [NAMES.index(name) for name in bands]
            rows, cols = window.slices
            return Reading(reflectance=values[index, rows, cols], valid=np.ones(window.shape, bool))

    network = load_model(model, Running(**running))
    size = values.shape[-1]
    grid = Grid(height=size, width=size, transform=Affine.scale(20, -20), crs=None)
    windowing = windowing_for(
        Task(spec=network.spec, shape=grid.shape, threads=cores(), running=Running(**running))
    )
    return lambda: list(predict_strips(ArrayScene(grid), network, windowing))


def ukis_csmask(values: np.ndarray, bands: int) -> Work:
    from ukis_csmask.mask import CSmask

    names = "B02 B03 B04 B08 B11 B12" if bands == 6 else "B02 B03 B04 B08"
    order = ["blue", "green", "red", "nir", "swir16", "swir22"][:bands]
    image = np.moveaxis(of(values, names), 0, -1)
    return lambda: CSmask(image, band_order=order, product_level="l1c", nodata_value=None).csm


def s2cloudless(values: np.ndarray) -> Work:
    from s2cloudless import S2PixelCloudDetector

    detector = S2PixelCloudDetector(threshold=0.4, average_over=4, dilation_size=2, all_bands=True)
    image = np.moveaxis(values, 0, -1)[None].astype(np.float64)
    return lambda: detector.get_cloud_masks(image)


def omnicloudmask(values: np.ndarray) -> Work:
    """Both networks of version 4 with weights drawn by chance: its own are fetched at first use."""
    import torch

    vision = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):  # where torchvision's own operators do not load; the networks use none
        with suppress(RuntimeError):
            vision.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import segmentation_models_pytorch as smp
    from omnicloudmask import predict_from_array

    torch.set_num_threads(cores())
    networks = [
        smp.Unet(encoder_name=name, encoder_weights=None, in_channels=3, classes=4).eval()
        for name in ("tu-regnety_004", "tu-edgenext_small")
    ]
    image = of(values, "B04 B03 B8A")
    return lambda: predict_from_array(image, custom_models=networks, inference_device="cpu")


TOOLS: dict[str, Callable[..., Work]] = {
    "unclouded, onnxruntime fp32": lambda values, model: unclouded(values, model, device="cpu"),
    "unclouded, openvino bf16": lambda values, model: unclouded(
        values, model, device="cpu", runtime="openvino", precision="bf16"
    ),
    "ukis-csmask, 6 bands": lambda values, _: ukis_csmask(values, 6),
    "ukis-csmask, 4 bands": lambda values, _: ukis_csmask(values, 4),
    "s2cloudless": lambda values, _: s2cloudless(values),
    "OmniCloudMask 4, random weights": lambda values, _: omnicloudmask(values),
}


def main() -> None:
    tool, size, repeats, model = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [*sys.argv, ""][4]
    work = TOOLS[tool](scene(size), model)
    runs = [clocked(work) for _ in range(repeats)]
    best = min(runs, key=lambda run: float(run["wall_s"]))
    mpx = size**2 / 1e6
    print(
        json.dumps(
            {
                "tool": tool,
                "size_px": size,
                "mpx_s": mpx / best["wall_s"],
                "cpu_s_per_mpx": min(float(run["cpu_s"]) for run in runs) / mpx,
                "peak_rss_mb": best["peak_rss_mb"],
            }
        )
    )


if __name__ == "__main__":
    main()
