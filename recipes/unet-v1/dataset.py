"""Everything at hand that unet-v1 may learn from, as one list of samples.

- `human`: chips that people labelled;
- `own`: images that we labelled ourselves, but for those that are for measuring;
- `clear`, `overcast`, `cirrus`: images that are one thing all over, exactly known; synthetic clouds go over
  the clear ones while training (`unclouded.patches.augment.clouded`);
- `synthetic`: cloudless land of `unclouded.synthetic`, much of it what real images at hand have little of:
  snow, salt, sand and shores, in all 13 bands;
- `taught`: any of these images at the teacher's spacing, with its probabilities (`teacher_labels.py`);
- `blend`: pairs of them blended, with the teacher's probabilities (`blend_labels.py`).

What is for comparison only is never read. With a fold, everything of its held-out sites is left out: labels,
teacher labels and backgrounds alike.

    python recipes/unet-v1/dataset.py --data DIR [--teachers OUT] [--folds FILE --fold fold0]

prints what there is.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _accuracy.subjects import chips, images
from _accuracy.systems import coarsened
from own_labels import own_subjects
from real_images import RealImage

from unclouded.core import folds
from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, CLOUD, SHADOW, SNOW, THIN, class_bits
from unclouded.core.folds import Fold, Member
from unclouded.patches.augment import Sample, rescaled
from unclouded.scene import Scene
from unclouded.synthetic import LANDSCAPES, Landscape, SceneConfig, render

CLASSES_OF_TEACHER = ("clear", "cloud", "shadow")
OF_TEACHER = {"clear": frozenset({CLEAR, SNOW}), "cloud": CLOUD, "shadow": frozenset({SHADOW})}
SURE = 0.75
"""Share of the teacher's runs that must agree before a pixel of its counts."""
WEIGHTS = {"cloudsen12plus": 1.0, "l8biome": 1.0, "ukis-csmask": 0.7, "oncloudn": 0.3}
"""Of human labels: outlines of On Cloud N are generous and take in shadows; ukis-csmask's may be what the
teacher learnt from."""
EXACT = {"clear": frozenset({CLEAR}), "overcast": CLOUD, "cirrus": frozenset({THIN})}
"""Sky -> what every pixel of such an image is."""
BRIGHT = (
    Landscape(open_land="desert", wild=0.97, woods=0.0, sand=0.3, salt=0.35, water=0.02, rivers=0.3),
    Landscape(open_land="desert", wild=0.95, woods=0.0, sand=0.9, greenness=0.4, redness=0.2, relief_m=60),
)
"""Land of salt and of pale sand."""
SYNTHETIC = (*LANDSCAPES, "winter", "alpine", "coast", *BRIGHT, *BRIGHT)
"""What synthetic land is drawn from, in turns; the hard kinds twice."""
SYNTHETIC_COUNT, SYNTHETIC_PX, SYNTHETIC_GSD_M = 60, 512, (10.0, 10.0, 20.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """An image to cut samples from."""

    member: Member
    kind: str
    """`human`, `own`, `clear`, `overcast`, `cirrus`, `synthetic`, `taught` or `blend`."""
    sample: Sample
    """The whole image, all 13 bands, absent ones zero."""
    teacher: npt.NDArray[np.float32] | None = None
    """(clear, cloud, shadow; y, x), sums to 1; None without a teacher."""
    trust: npt.NDArray[np.float32] | None = None
    """(y, x) weight of the teacher, 0 where its runs disagree or a label contradicts it."""
    level: str | None = None
    """`L1C` and what is like it, or `L2A`."""
    also: tuple[str, ...] = ()
    """Further sites that it shows: a blend shows two."""

    @property
    def sites(self) -> tuple[str, ...]:
        """All sites that it shows."""
        return (self.member.site, *self.also)


def examples(data: Path, *, teachers: Path | None = None, fold: Fold | None = None) -> tuple[Example, ...]:
    """All of it, or what a fold leaves.

    Raises:
        LabelError: something of a held-out site is among it.
    """
    found = [*_human(data), *_own(data), *_exact(data), *_synthetic()]
    found += _taught(data, teachers) if teachers else ()
    if teachers and (teachers / "blends.json").exists():
        found += _blends(teachers)
    if fold is None:
        return tuple(found)
    left = tuple(example for example in found if not set(example.sites) & set(fold.held_out))
    folds.check_absent(fold, (site for example in left for site in example.sites), what="examples")
    return left


def _human(data: Path) -> Iterator[Example]:
    """Chips with their own labels; where On Cloud N has shadow as cloud and we drew it, ours instead."""
    ours = {subject.id for subject, role in own_subjects(data) if role == "train"}
    for subject in chips(data):
        if subject.train_ok and not (subject.source == "oncloudn" and subject.id in ours):
            scene = subject.open()
            sample = sample_of(scene, subject.reference(), weight=WEIGHTS[subject.source])
            yield Example(member=subject.member, kind="human", sample=sample, level=scene.level)


def _own(data: Path) -> Iterator[Example]:
    for subject, role in own_subjects(data):
        if role == "train":
            scene = subject.open()
            sample = sample_of(scene, subject.reference())
            yield Example(member=subject.member, kind="own", sample=sample, level=scene.level)


def _exact(data: Path) -> Iterator[Example]:
    for image, opener in images(data):
        if image.sky in EXACT:
            scene = opener()
            sets = np.full(scene.grid.shape, class_bits(EXACT[image.sky]), np.uint8)
            yield Example(
                member=_member(image), kind=image.sky, sample=sample_of(scene, sets), level=scene.level
            )


def _synthetic() -> Iterator[Example]:
    """Land as it looks from above the air, each of another seed and under another sun."""
    rng = np.random.default_rng(0)
    for number in range(SYNTHETIC_COUNT):
        gsd = SYNTHETIC_GSD_M[number % len(SYNTHETIC_GSD_M)]
        config = SceneConfig(
            seed=number,
            landscape=SYNTHETIC[number % len(SYNTHETIC)],
            clouds=(),
            sun_zenith=rng.uniform(20, 70),
            sun_azimuth=rng.uniform(110, 200),
            size_m=SYNTHETIC_PX * gsd,
        )
        land = render(config, NAMES, gsd=gsd)
        shape = land.classes.shape
        name = f"synthetic/{number}"
        yield Example(
            member=Member(id=name, site=name, source="synthetic"),
            kind="synthetic",
            sample=Sample(
                reflectance=land.reflectance.astype(np.float16),
                valid=np.ones(shape, np.bool_),
                sets=np.full(shape, class_bits(EXACT["clear"]), np.uint8),
                bands=NAMES,
                presence=np.ones(len(NAMES), np.bool_),
                gsd_m=gsd,
                sun_zenith=config.sun_zenith,
                sun_azimuth=config.sun_azimuth,
            ),
            level="L1C",
        )


def _taught(data: Path, teachers: Path) -> Iterator[Example]:
    """Images at the spacing of their teacher labels, their own labels brought there.

    Left out are those that are coarser than the teacher was made for, and those that are exactly known: of
    dark sea without a cloud it is sure that it is shadow.
    """
    listing = json.loads((teachers / "teachers.json").read_text(encoding="utf-8"))
    rows = {row["id"]: row for row in listing["labels"] if row["own_gsd"]}
    for subject in chips(data):
        if subject.train_ok and subject.id in rows:
            yield _taught_one(subject.member, subject.open(), subject.reference(), rows[subject.id], teachers)
    for image, opener in images(data):
        if image.sky not in EXACT and image.id in rows:
            scene = opener()
            unknown = np.zeros(scene.grid.shape, np.uint8)
            yield _taught_one(_member(image), scene, unknown, rows[image.id], teachers)


def _taught_one(
    member: Member, native: Scene, sets: npt.NDArray[np.uint8], row: dict[str, Any], teachers: Path
) -> Example:
    scene = coarsened(native, row["gsd_m"])
    with np.load(teachers / row["file"], allow_pickle=False) as arrays:
        shares = arrays["shares"].astype(np.float32)
        agreement = arrays["agreement"].astype(np.float32)
        valid = arrays["valid"]
    sample = sample_of(scene, _brought(sets, native, scene), weight=WEIGHTS.get(member.source, 1.0))
    told = np.array([class_bits(OF_TEACHER[name]) for name in CLASSES_OF_TEACHER], np.uint8)
    agrees = (sample.sets == 0) | ((sample.sets & told[shares.argmax(axis=0)]) > 0)
    trusted = valid & agrees & (agreement >= SURE)
    return Example(
        member=member,
        kind="taught",
        sample=sample,
        teacher=shares,
        trust=np.where(trusted, agreement, np.float32(0)),
        level=native.level,
    )


def _blends(teachers: Path) -> Iterator[Example]:
    """The teacher's answers to blends of two images (`blend_labels.py`)."""
    listing = json.loads((teachers / "blends.json").read_text(encoding="utf-8"))
    for row in listing["blends"]:
        with np.load(teachers / "blends" / row["file"], allow_pickle=False) as arrays:
            presence, valid = arrays["presence"], arrays["valid"]
            reflectance = np.zeros((len(NAMES), *valid.shape), np.float16)
            reflectance[presence] = arrays["reflectance"]
            shares, trust = arrays["shares"], arrays["trust"]
        first, *also = row["sites"]
        yield Example(
            member=Member(id=f"blend/{row['file']}", site=first, source="ukis-csmask"),
            kind="blend",
            sample=Sample(
                reflectance=reflectance,  # half precision: there are many of them
                valid=valid,
                sets=np.zeros(valid.shape, np.uint8),
                bands=NAMES,
                presence=presence,
                gsd_m=row["gsd_m"],
            ),
            teacher=shares,
            trust=trust,
            level=row["level"],
            also=tuple(also),
        )


def _brought(sets: npt.NDArray[np.uint8], native: Scene, scene: Scene) -> npt.NDArray[np.uint8]:
    """Labels on the coarser grid: what covers most of a pixel, 0 where half of it is not known."""
    if native.grid == scene.grid or not sets.any():
        return sets if native.grid == scene.grid else np.zeros(scene.grid.shape, np.uint8)
    height, width = scene.grid.shape
    whole = sample_of(native, sets)
    return rescaled(whole, scene.pixel_size, max(height, width)).sets[:height, :width]


def sample_of(scene: Scene, sets: npt.NDArray[np.uint8], *, weight: float = 1.0) -> Sample:
    """A whole scene as one sample; sets (y, x) are what its pixels may be."""
    there = tuple(name for name in NAMES if name in scene.bands)
    reading = scene.read(there)
    presence = np.array([name in there for name in NAMES], np.bool_)
    reflectance = np.zeros((len(NAMES), *reading.valid.shape), np.float32)
    reflectance[presence] = reading.reflectance
    return Sample(
        reflectance=reflectance,
        valid=reading.valid,
        sets=np.where(reading.valid, sets, np.uint8(0)),
        bands=NAMES,
        presence=presence,
        gsd_m=scene.pixel_size,
        weight=weight,
    )


def without_split(sets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Sets in which cloud may be thick or thin: for labels whose split is a threshold of brightness."""
    cloud = np.uint8(class_bits(CLOUD))
    return np.where((sets & cloud > 0) & (sets & ~cloud == 0), cloud, sets)


def unsplit(example: Example) -> Example:
    """The example with `without_split` labels."""
    return replace(example, sample=replace(example.sample, sets=without_split(example.sample.sets)))


def _member(image: RealImage) -> Member:
    return Member(id=image.id, site=image.site, source=image.source, stratum=image.sky)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--teachers", type=Path, metavar="OUT")
    parser.add_argument("--folds", type=Path, metavar="FILE")
    parser.add_argument("--fold", default="fold0")
    options = parser.parse_args()
    chosen = None
    if options.folds:
        every = folds.from_json(options.folds.read_text(encoding="utf-8"), where=str(options.folds))
        chosen = next(fold for fold in every if fold.name == options.fold)
    totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for example in examples(options.data, teachers=options.teachers, fold=chosen):
        totals[example.kind, example.member.source][0] += 1
        totals[example.kind, example.member.source][1] += example.sample.valid.size
    for (kind, source), (count, pixels) in sorted(totals.items()):
        print(f"{kind:10} {source:16} {count:4} images {pixels / 1e6:7.2f} Mpx")


if __name__ == "__main__":
    main()
