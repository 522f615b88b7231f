"""How right are we? Models of ours, peers and plain thresholds on the very same pixels.

    python benchmarks/accuracy.py --data DIR --peer ukis-csmask --peer thresholds
    python benchmarks/accuracy.py --data DIR --model unet-v1 --model patchcnn-v1 --gsd 60
    python benchmarks/accuracy.py --data DIR --write-folds folds.json          # for the training
    python benchmarks/accuracy.py --data DIR --folds folds.json --model 'runs/{fold}.onnx'
    python benchmarks/accuracy.py --data DIR --folds folds.json --fold fold0 --model runs/fold0.onnx
    python benchmarks/accuracy.py --set pixbox-s2 --data DIR --model unet-v1
    python benchmarks/accuracy.py --set cloudsen12plus --data DIR --model unet-v1

DIR of the default set, `chips`, holds `labels/labels.csv` and the images of `real_images.toml`; the results
name every file used with its origin and SHA-256, so that the folder can be built again. What is counted and
how: docs/reference/accuracy.md.
"""

import argparse
import hashlib
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from _accuracy import diagram, pixbox, surfaces, tables
from _accuracy.bars import BARS
from _accuracy.scores import Score, answered, groups, per_scene, score, summary
from _accuracy.subjects import Subject, chips, cloudsen12plus, images, members
from _accuracy.surfaces import Ground, grounds_of_chips
from _accuracy.systems import SUBSETS, System, model_systems, peer_systems
from own_labels import own_subjects

from unclouded import __version__
from unclouded.core import folds
from unclouded.core.errors import OptionError, UncloudedError

RESULTS = Path(__file__).parent / "results" / "accuracy.json"


def main() -> int:
    options = arguments()
    try:
        if options.write_folds:
            return write_folds(options)
        report = judge(options)
    except UncloudedError as err:
        print(err, file=sys.stderr)
        return err.exit_code
    for line in shown(report):
        print(line)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(as_text(report), encoding="utf-8")
        print(f"\nwritten: {options.output}")
    if options.diagram:
        count = diagram.write(options.diagram, report.get("labelled", {}))
        print(f"{count} reliability diagrams: {options.diagram}")
    return 0


def as_text(report: dict[str, Any]) -> str:
    """JSON with the innermost records on a line each: small, and still shows what changed."""
    text = json.dumps(report, indent=1, sort_keys=True)
    return re.sub(r"\{[^{}]*\}", lambda found: re.sub(r"\n *", " ", found[0]), text) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--set", choices=tuple(BARS), default="chips")
    parser.add_argument("--split", default="test", help="of cloudsen12plus")
    parser.add_argument("--model", action="append", default=[], metavar="NAME|FILE")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME")
    parser.add_argument("--gsd", action="append", type=float, default=[], metavar="METRES",
                        help="also run models at this spacing; native is always run")  # fmt: skip
    parser.add_argument("--bands", action="append", default=[], choices=tuple(SUBSETS),
                        help="also run models with these bands alone; all are always run")  # fmt: skip
    parser.add_argument("--coarse", action="append", type=int, default=[], metavar="TIMES",
                        help="also run models with invisible bands so many times coarser")  # fmt: skip
    parser.add_argument("--folds", type=Path, metavar="FILE", help="judge each site by its own fold's model")
    parser.add_argument("--fold", metavar="NAME", help="judge only what this fold holds out")
    parser.add_argument("--write-folds", type=Path, metavar="FILE")
    parser.add_argument("--tolerance", type=int, default=0, metavar="PX",
                        help="leave out label pixels this near to another class")  # fmt: skip
    parser.add_argument(
        "--skip", action="append", default=[], choices=("labels", "own", "surfaces", "overcast")
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--diagram", type=Path, metavar="FILE.png", help="reliability diagrams")
    parser.add_argument("-o", "--output", type=Path, default=None, metavar="FILE",
                        help=f"JSON; {RESULTS.name} in results/ is the committed one")  # fmt: skip
    return parser.parse_args()


def write_folds(options: argparse.Namespace) -> int:
    """Five folds by site over all that is at hand, then one fold for each source of labels."""
    every = members(options.data)
    labelled = [subject.member for subject in chips(options.data)]
    found = [*folds.site_folds(every), *folds.leave_one_source_out(labelled)]
    options.write_folds.write_text(folds.to_json(found), encoding="utf-8")
    for fold in found:
        print(f"{fold.name}: {len(fold.judged)} judged, {len(fold.held_out)} sites held out")
    return 0


def judge(options: argparse.Namespace) -> dict[str, Any]:
    read = options.folds.read_text(encoding="utf-8") if options.folds else None
    known = folds.from_json(read, where=str(options.folds)) if read else ()
    systems = systems_of(options, known)
    judged = judged_in(known, options.fold)
    report: dict[str, Any] = {
        "what": "accuracy of cloud masks on the same pixels",
        "set": options.set,
        "tolerance_px": options.tolerance,
        "fold": options.fold,
        "software": {"unclouded": __version__, "onnxruntime": ort.__version__},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "systems": {system.name: {"version": system.version} for system in systems},
        "bars": list(BARS[options.set]),
    }
    if options.set == "pixbox-s2":
        found = pixbox.judge(options.data, systems)
        return report | {"points": found.systems, "products": found.products, "missing": found.missing}
    subjects = tuple(
        chips(options.data) if options.set == "chips" else cloudsen12plus(options.data, split=options.split)
    )
    subjects = tuple(subject for subject in subjects if judged(subject.id))
    if "labels" not in options.skip:
        report["labelled"] = judge_labels(subjects, systems, options.tolerance)
    if options.set == "chips" and "own" not in options.skip:
        own = [one for one, role in own_subjects(options.data) if role == "measure" and judged(one.id)]
        report["own"] = judge_labels(own, systems, options.tolerance)
    if options.set == "chips":
        report |= judge_grounds(subjects, systems, options, judged)
        report["data"] = list(provenance(subjects, options.data))
    return report


def judged_in(known: tuple[folds.Fold, ...], name: str | None) -> Callable[[str], bool]:
    """Whether an id is judged: all of them, or those that a fold holds out."""
    if name is None:
        return lambda _: True
    found = {fold.name: set(fold.judged) for fold in known}
    if name not in found:
        raise OptionError(f"--fold '{name}': expected one of --folds: {', '.join(found) or 'none given'}")
    return lambda one: one in found[name]


def systems_of(options: argparse.Namespace, known: tuple[folds.Fold, ...]) -> list[System]:
    spacings = (None, *options.gsd)
    subsets = (None, *options.bands)
    found = [
        one
        for text in options.model
        for one in model_systems(text, folds=known, gsds=spacings, subsets=subsets, coarse=options.coarse)
    ]
    return found + [one for name in options.peer for one in peer_systems(name, threads=options.threads)]


def judge_labels(subjects: Sequence[Subject], systems: Sequence[System], tolerance: int) -> dict[str, Any]:
    return {system.name: _judge_system(subjects, system, tolerance) for system in systems}


def _judge_system(subjects: Sequence[Subject], system: System, tolerance: int) -> dict[str, Any]:
    start = time.perf_counter()
    scores: list[Score] = []
    for subject in subjects:
        found = score(system, subject, tolerance_px=tolerance)
        if found is not None:
            scores.append(found)
    progress(f"{system.name}: {len(scores)} of {len(subjects)} scenes in {time.perf_counter() - start:.0f} s")
    tasks = answered(scores)
    return {
        "groups": {name: summary(of, tasks) for name, of in groups(scores).items()},
        "scenes": {one.subject.id: per_scene(one, tasks) for one in scores},
    }


def judge_grounds(
    subjects: Sequence[Subject],
    systems: Sequence[System],
    options: argparse.Namespace,
    judged: Callable[[str], bool],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tables_of: tuple[tuple[str, str, Callable[..., list[dict[str, Any]]]], ...] = (
        ("surfaces", "clear", surfaces.hard_surfaces),
        ("overcast", "overcast", surfaces.overcast),
    )
    for name, sky, make in tables_of:
        if name not in options.skip:
            grounds = [
                *(ground for ground in _grounds(options.data, sky) if judged(ground.id)),
                *grounds_of_chips(subjects, overcast_sky=sky == "overcast"),
            ]
            found[name] = make(grounds, systems)
            progress(f"{name}: {len(grounds)} images")
    return found


def _grounds(data: Path, sky: str) -> list[Ground]:
    return [
        Ground(id=image.id, surface=image.surface, source=image.source, train_ok=True, open=opener)
        for image, opener in images(data)
        if image.sky == sky
    ]


def provenance(subjects: Sequence[Subject], data: Path) -> Iterable[dict[str, Any]]:
    """Every file that was used: where it comes from, how large it is, and its hash."""
    files = {path: (subject.origin, subject.train_ok) for subject in subjects for path in subject.files}
    for image, _ in images(data):
        files |= dict.fromkeys(image.files, (image.origin, True))
    for path in sorted(files):
        origin, train_ok = files[path]
        content = path.read_bytes()
        yield {
            "file": str(path.relative_to(data)),
            "origin": origin,
            "train_ok": train_ok,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


def shown(report: dict[str, Any]) -> Iterable[str]:
    names = list(report["systems"])
    yield from (f"bar: {line}" for line in report["bars"])
    if "labelled" in report:
        yield from tables.labelled(report["labelled"])
    if "own" in report:
        yield "## Labels of our own, drawn for measuring (benchmarks/labels)"
        yield from tables.labelled(report["own"])
    if "points" in report:
        yield from tables.points(report["points"])
        yield f"{report['products']} products; missing: {', '.join(report['missing']) or 'none'}"
    for what in ("cloud", "shadow"):
        if "surfaces" in report:
            yield f"### Cloud-free images: % called {what}"
            yield from tables.grounds(report["surfaces"], names, what=what)
            yield ""
    if "overcast" in report:
        yield "### Overcast images: % called cloud"
        yield from tables.overcast(report["overcast"], names)


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
