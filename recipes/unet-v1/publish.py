"""Put a calibrated network into the package, with its data, teachers and figures in its metadata.

    python recipes/unet-v1/publish.py --model OUT/unet-v1.onnx --accuracy accuracy.json

accuracy.json is the cross-validation by `benchmarks/accuracy.py --folds … --gsd 20 --bands …`: each image
judged by the network of the fold that held its site out. Without it the model is a preview, and says so.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _accuracy.systems import SUBSETS, bands_of
from train import BEST_GSD_M, SENSORS, VERSION

from unclouded.core.bands import NAMES
from unclouded.core.spec import ModelSpec
from unclouded.predict import load_model
from unclouded.training.export import network_of, to_onnx

WEIGHTS = Path(__file__).resolve().parents[2] / "src" / "unclouded" / "predict" / "weights"
TRAINING_DATA = (
    "27 chips of Landsat 8 Biome, labelled by people (USGS, public domain)",
    "8 chips of On Cloud N, labelled by people (Radiant Earth, CC BY 4.0), on images of Copernicus",
    "2 chips of CloudSEN12+, labelled by people (CC0), on images of Copernicus",
    "2 chips of ukis-csmask's reference set, labelled by people (DLR, Apache-2.0; USGS, public domain)",
    "21 labels of our own (benchmarks/labels) on images of Copernicus and USGS",
    "58 images that are clear, overcast or under cirrus all over: contains modified Copernicus Sentinel data",
    "synthetic clouds over the clear ones, exact labels (unclouded.synthetic)",
    "teacher: ukis-csmask 1.0.0 (DLR, Apache-2.0) at about 30 m on all these, alone and blended in pairs",
)
WHY = "it calls snow cloud and misses thin cloud and some small ones; docs/models/unet-v1.md has the figures"
OTHERS_M = 40.0
"""What may be read for all but the visible bands: twice as coarse as the image they cost half a point of the
F1 of shadow, four times nearly two (`benchmarks/accuracy.py --coarse`)."""
FAST_M = 80.0
"""The same for `--fast`, which leaves out the bands that Landsat has not: on its chips none was missed."""
PREVIEW = "a preview, trained briefly and not yet cross-validated; read docs/models/unet-v1.md"
GROUP = "all but compare-only"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, metavar="FILE")
    parser.add_argument("--accuracy", type=Path, metavar="JSON")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS / "unet-v1.onnx", metavar="FILE")
    options = parser.parse_args()
    spec = named(load_model(options.model).spec)
    if options.accuracy:
        spec = judged(spec, json.loads(options.accuracy.read_text(encoding="utf-8")))
    network = network_of(options.model.read_bytes(), where=str(options.model)).eval()
    options.output.write_bytes(to_onnx(network, spec))
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


def named(spec: ModelSpec) -> ModelSpec:
    """The spec with what it is made from, as a preview."""
    return replace(
        spec,
        name="unet-v1",
        version=VERSION,
        sensors=SENSORS,
        read_gsd_m={name: OTHERS_M for name in NAMES if name not in bands_of("visible")},
        fast_gsd_m={
            name: FAST_M if name in bands_of("visible, nir, swir") - {"B08"} else 0.0
            for name in NAMES
            if name not in bands_of("visible")
        },
        training_data=TRAINING_DATA,
        figures={},
        expected={},
        recommended=False,
        why=PREVIEW,
    )


def judged(spec: ModelSpec, report: Mapping[str, Any]) -> ModelSpec:
    """The spec with what the cross-validation found."""
    labelled = report["labelled"]
    # as a mask is made unless asked for otherwise; a report without that spacing has the images' own
    spacings = (f" {BEST_GSD_M:g} m", " native")
    at_spacing = (name for end in spacings for name in labelled if name.endswith(end))
    ours = next(name for name in at_spacing if not name.startswith("ukis"))
    return replace(
        spec,
        figures=figures(labelled[ours]["groups"]),
        expected=expected(labelled, ours),
        recommended=False,
        why=WHY,
    )


def figures(groups: Mapping[str, Any]) -> dict[str, float]:
    """Pooled figures of each source, cross-validated by site."""
    found = {}
    for source in (
        GROUP,
        *(name for name in groups if not any(part in name for part in (":", "all", "only"))),
    ):
        for task in ("cloud", "cloud_shadow"):
            row = groups[source].get(task)
            if row:
                of = "all" if source == GROUP else source
                found[f"{task}_balanced_accuracy_{of}"] = _pooled(row, "balanced_accuracy")
                found[f"{task}_f1_{of}"] = _pooled(row, "f1")
    return {name: value for name, value in found.items() if value is not None}


def _pooled(row: Mapping[str, Any], metric: str) -> float | None:
    value = row["pooled"][metric]["value"]
    return None if value is None else round(float(value), 4)


def expected(labelled: Mapping[str, Any], ours: str) -> dict[str, float]:
    """Balanced accuracy of cloud by which bands are there."""
    found = {}
    for subset in SUBSETS:
        system = labelled.get(f"{ours}, {subset}")
        if system:
            names = [name for name in NAMES if name in bands_of(subset)]
            found[" ".join(names)] = _pooled(system["groups"][GROUP]["cloud"], "balanced_accuracy")
    found[" ".join(NAMES)] = _pooled(labelled[ours]["groups"][GROUP]["cloud"], "balanced_accuracy")
    return {names: value for names, value in found.items() if value is not None}


if __name__ == "__main__":
    main()
