"""Contact sheets of every real scene in a data folder under a model: look at them all.

    python benchmarks/gallery.py --data DIR --model unet-v1 -o build/gallery
    python benchmarks/gallery.py --data DIR --model 'runs/{fold}.onnx' --folds folds.json -o build/gallery

A row a scene: true colour, infra-red, mask, probability of cloud, probability of shadow, and its
label where it has one; a page a group of scenes, `index.html` over all. A scene larger than its panel has a
picture of its own, at 1:1. With folds, every scene is masked by the model that has not seen its site.
"""

import argparse
import html
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _accuracy.subjects import chips, images
from _accuracy.systems import System, Verdict, model_systems
from _pictures import fitted, infrared, of_probability, of_sets, stacked, visible
from own_labels import own_subjects
from PIL import Image

from unclouded.core import folds
from unclouded.core.classes import CLASSES, CLOUD, EVERY_CLASS, NODATA, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import UncloudedError
from unclouded.core.folds import Fold
from unclouded.jobs import MaskOptions
from unclouded.outputs.picture import Colours, Panel, composite_of, plain, sheet, tint
from unclouded.predict import load_model
from unclouded.scene import Scene

PANEL_PX = 340
ROWS_A_SHEET = 6
STYLE = (
    "body{font:15px sans-serif;margin:2em;background:#fafaf8}img{max-width:100%}td{padding:.2em 1em .2em 0}"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A scene to show."""

    id: str
    group: str
    """Scenes that share a page."""
    judged: str
    """Name under which folds know it."""
    note: str
    """What is known of it."""
    open: Callable[[], Scene]
    reference: Callable[[], npt.NDArray[np.uint8]] | None = None
    """Label as bit masks (y, x)."""
    own: Callable[[], npt.NDArray[np.uint8]] | None = None
    """A label of ours."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a page says of a scene."""

    id: str
    text: str
    large: str
    """File name of its picture at 1:1; empty where the sheet already shows each pixel."""


def entries(data: Path) -> Iterator[Entry]:
    """Every image and every labelled chip of a data folder."""
    own = {subject.id: subject.reference for subject, _ in own_subjects(data)}
    for image, opener in images(data):
        note = ", ".join(part for part in (image.sky, image.surface) if part)
        name = image.id
        yield Entry(id=name, judged=name, group=image.source, note=note, open=opener, own=own.get(name))
    for subject in chips(data):
        yield Entry(
            id=subject.id.replace("/", "-"),
            judged=subject.id,
            group=f"labels-{subject.source}",
            note=subject.stratum,
            open=subject.open,
            reference=subject.reference,
            own=own.get(subject.id),
        )


def show(entry: Entry, system: System, folder: Path) -> tuple[Image.Image, Shown]:
    """The row of a scene; its picture at 1:1 is written where it is larger than a panel."""
    scene = entry.open()
    verdict = system.run(scene, entry.judged)
    text = f"{described(entry, scene)}: {shares(verdict)}"
    colours = visible(scene)
    large = ""
    if verdict and max(scene.grid.shape) > PANEL_PX:
        large = f"{entry.id}.png"
        side_by_side(colours, verdict).save(folder / large)
    row = sheet([panels(entry, scene, colours, verdict)], title=text)
    return row, Shown(id=entry.id, text=text, large=large)


def panels(entry: Entry, scene: Scene, colours: Colours | None, verdict: Verdict | None) -> list[Panel]:
    """The pictures of a row; grey where the scene or the model has no such thing."""
    shape = scene.grid.shape
    composite = composite_of(scene.bands)
    name = composite.describe() if composite else "true colour"

    def panel(caption: str, picture: Colours | None, *, smooth: bool = True) -> Panel:
        shown = plain(shape) if picture is None else picture
        missing = "" if picture is not None else ": none"
        return Panel(picture=fitted(shown, PANEL_PX, smooth=smooth), caption=caption + missing)

    found = [
        panel(composite.describe() if composite else "true colour", colours),
        panel("infra-red", infrared(scene)),
    ]
    found.append(panel("mask", of_sets(verdict.sets) if verdict else None, smooth=False))
    for task, name in (("cloud", "probability of cloud"), ("cloud_shadow", "probability of shadow")):
        share = verdict.probability.get(task) if verdict else None
        picture = of_probability(share, verdict.sets > 0) if verdict and share is not None else None
        found.append(panel(name, picture))
    for name, label in (("label", entry.reference), ("label of ours", entry.own)):
        if label:
            found.append(panel(name, of_sets(label()), smooth=False))
    return found


def described(entry: Entry, scene: Scene) -> str:
    """Id, size, spacing, level and bands of a scene."""
    height, width = scene.grid.shape
    note = f", {entry.note}" if entry.note else ""
    return (
        f"{entry.id} ({scene.level or 'level not said'}, {height} x {width} px of {scene.pixel_size:.4g} m, "
        f"{len(scene.bands)} bands{note})"
    )


def shares(verdict: Verdict | None) -> str:
    """What the mask says, of the pixels that were seen."""
    if verdict is None:
        return "not for this model: bands, level or spacing"
    seen = max(1, int((verdict.sets > 0).sum()))
    found = {
        "cloud": (verdict.sets > 0) & (verdict.sets & ~np.uint8(class_bits(CLOUD)) == 0),
        "of it thin": verdict.sets == class_bits(frozenset({THIN})),
        "shadow": verdict.sets == class_bits(frozenset({SHADOW})),
        "snow": verdict.sets == class_bits(frozenset({SNOW})),
    }
    return (
        ", ".join(f"{name} {100 * where.sum() / seen:.1f} %" for name, where in found.items() if where.any())
        or "clear"
    )


def side_by_side(colours: Colours | None, verdict: Verdict) -> Image.Image:
    """True colour, and the same with the mask over it, a pixel each."""
    base = plain(verdict.sets.shape) if colours is None else colours
    codes = np.full(verdict.sets.shape, NODATA, np.uint8)
    codes[verdict.sets == class_bits(CLOUD)] = THICK
    for code in EVERY_CLASS:
        codes[verdict.sets == class_bits(frozenset({code}))] = code
    wide = base.shape[1] > base.shape[0]
    return Image.fromarray(np.concatenate([base, tint(base, codes)], axis=0 if wide else 1))


def write_page(folder: Path, group: str, rows: Sequence[Image.Image], shown: Sequence[Shown]) -> Path:
    """The sheets of a group, and its page."""
    sheets = []
    for number, start in enumerate(range(0, len(rows), ROWS_A_SHEET), start=1):
        name = f"sheet-{number:02d}.png"
        stacked(rows[start : start + ROWS_A_SHEET]).save(folder / group / name)
        sheets.append(f'<p><img src="{group}/{name}" alt="{html.escape(group)} {number}"></p>')
    large = [
        f'<li><a href="{group}/{html.escape(item.large)}">{html.escape(item.text)}</a></li>'
        for item in shown
        if item.large
    ]
    body = [f"<h1>{html.escape(group)}</h1>", legend(), *sheets]
    body += ["<h2>At 1:1</h2><ul>", *large, "</ul>"] if large else []
    return write_html(folder / f"{group}.html", group, body)


def legend() -> str:
    """The colours of masks and labels."""
    boxes = [
        f'<span style="background:#{item.color};border:1px solid">&emsp;</span> {item.title}'
        for item in CLASSES
    ]
    return f"<p>{' &emsp; '.join(boxes)} &emsp; in labels: between two colours, either; grey, not known</p>"


def write_html(path: Path, title: str, body: Sequence[str]) -> Path:
    """A page of its own, without scripts."""
    head = f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    path.write_text("\n".join([head, *body, ""]), encoding="utf-8")
    return path


def write_gallery(found: Sequence[Entry], system: System, folder: Path) -> Path:
    """All pages; gives the path of the index."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        groups[entry.group].append(entry)
    lines = []
    for group, members in sorted(groups.items()):
        (folder / group).mkdir(parents=True, exist_ok=True)
        made = [show(entry, system, folder / group) for entry in members]
        page = write_page(folder, group, [picture for picture, _ in made], [shown for _, shown in made])
        print(f"{group}: {len(members)} scenes")
        lines += [
            f'<tr><td><a href="{page.name}">{html.escape(group)}</a></td><td>{len(members)} scenes</td></tr>'
        ]
    title = f"{system.name}, {system.version}"
    return write_html(
        folder / "index.html", title, [f"<h1>{html.escape(title)}</h1>", "<table>", *lines, "</table>"]
    )


def system_of(options: argparse.Namespace) -> System:
    """The model at the spacing that is asked for, or at the one that `mask` would choose."""
    known: tuple[Fold, ...] = ()
    if options.folds:
        known = folds.from_json(options.folds.read_text(encoding="utf-8"), where=str(options.folds))
    first = options.model.format(fold=known[0].name if known else "")
    spec = load_model(first).spec
    gsd = options.gsd or spec.best_gsd_m
    return model_systems(options.model, folds=known, gsds=(gsd,))[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--model", default=str(MaskOptions().model), help="bundled name or ONNX file; {fold} for folds"
    )
    parser.add_argument("--folds", type=Path, metavar="FILE", help="which fold judges which scene")
    parser.add_argument(
        "--gsd", type=float, metavar="M", help="spacing of the masks; else the model's finest"
    )
    parser.add_argument("--only", action="append", metavar="GROUP", help="this group of scenes")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/gallery"), metavar="FOLDER")
    options = parser.parse_args()
    try:
        found = [entry for entry in entries(options.data) if not options.only or entry.group in options.only]
        index = write_gallery(found, system_of(options), options.output)
    except UncloudedError as err:
        print(err, file=sys.stderr)
        return err.exit_code
    print(f"written: {index}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
