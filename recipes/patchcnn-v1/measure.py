"""Figures of patchcnn-v1 on what was held out, printed and written into the model's spec.

    python recipes/patchcnn-v1/measure.py WORK

WORK holds the output of make_labels.py, `config.toml`, and in `model/` what `unclouded train` made.
None of the figures is against a person's labels, and their names say so: F1 on synthetic scenes, agreement
with a rule on a part of an image, and false alarms on a clear image.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.labels import read_reference
from unclouded.patches.scenes import CLOUD_LABEL, IGNORED, cloud_labels
from unclouded.predict import load_model, predict, to_codes
from unclouded.scene import open_scene
from unclouded.training import load_checkpoint, read_config, to_onnx
from unclouded.training.run import spec_for


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Pixels, cloud being what is looked for."""

    hits: int
    false_alarms: int
    misses: int
    rejections: int

    @property
    def f1(self) -> float:
        """2 hits over all that either side calls cloud."""
        return 2 * self.hits / (2 * self.hits + self.false_alarms + self.misses)

    @property
    def accuracy(self) -> float:
        """Share on which both agree."""
        return (self.hits + self.rejections) / self.total

    @property
    def false_alarm_rate(self) -> float:
        """Share of the clear pixels that the model calls cloud."""
        return self.false_alarms / (self.false_alarms + self.rejections)

    @property
    def total(self) -> int:
        """All pixels that count."""
        return self.hits + self.false_alarms + self.misses + self.rejections

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            hits=self.hits + other.hits,
            false_alarms=self.false_alarms + other.false_alarms,
            misses=self.misses + other.misses,
            rejections=self.rejections + other.rejections,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, metavar="WORK")
    work = parser.parse_args().work
    model = work / "model" / "patchcnn-v1.onnx"
    found = figures(work / "held-out", model)
    for name, value in found.items():
        print(f"{name}: {value:.4f}")
    write_figures(work / "config.toml", model, found)


def figures(folder: Path, model: Path) -> dict[str, float]:
    """Every figure by name."""
    invented = [*folder.glob("stacks/synthetic-*.tif"), *folder.glob("stacks/land-*.tif")]
    synthetic = total(score(stack, folder, model) for stack in invented)
    storm = score(folder / "stacks/cloudy-storm.tif", folder, model)
    fields = score(folder / "stacks/clear-nwland.tif", folder, model)
    return {
        "f1_cloud_on_held_out_synthetic_scenes_60m": round(synthetic.f1, 4),
        "accuracy_on_held_out_synthetic_scenes_60m": round(synthetic.accuracy, 4),
        "f1_cloud_against_rule_on_held_out_part_of_image_160m": round(storm.f1, 4),
        "false_alarm_rate_on_held_out_clear_image_10m": round(fields.false_alarm_rate, 4),
    }


def score(stack: Path, folder: Path, model: Path) -> Counts:
    """Counts of one held-out stack at its own spacing."""
    scene, loaded = open_scene(stack), load_model(model)
    sets = read_reference(folder / "masks" / stack.name, "unclouded").values
    reference = cloud_labels(np.asarray(sets, np.uint8))
    codes = np.full(scene.grid.shape, 255, np.uint8)
    for part in predict(scene, loaded):
        codes[part.window.slices] = to_codes(part, loaded.spec)
    return counted(codes == 1, reference, codes != 255)


def counted(
    cloud: npt.NDArray[np.bool_], reference: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_]
) -> Counts:
    counts = seen & (reference != IGNORED)
    truth = reference == CLOUD_LABEL
    return Counts(
        hits=int((counts & cloud & truth).sum()),
        false_alarms=int((counts & cloud & ~truth).sum()),
        misses=int((counts & ~cloud & truth).sum()),
        rejections=int((counts & ~cloud & ~truth).sum()),
    )


def total(parts: Iterable[Counts]) -> Counts:
    """Counts pooled over scenes."""
    return sum(parts, Counts(hits=0, false_alarms=0, misses=0, rejections=0))


def write_figures(config: Path, model: Path, found: dict[str, float]) -> None:
    """The model beside its checkpoint once more, with these figures in its spec."""
    network = load_checkpoint(model.with_name("checkpoint.pt"))
    spec = replace(spec_for(network, read_config(config)), figures=found)
    beside = model.with_suffix(".part")
    beside.write_bytes(to_onnx(network, spec))
    beside.replace(model)


if __name__ == "__main__":
    main()
