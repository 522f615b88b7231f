"""More for a teacher to answer: pairs of real images blended, and what it says of the blends.

    python recipes/unet-v1/blend_labels.py --data DIR -o TAUGHT --count 800

There are few real images with clouds, and a network that learns a teacher's answers learns them better from
many questions (Beyer et al. 2022, "a good teacher is patient and consistent"). A blend is two images of one
level at one spacing near the teacher's own, brought together along a random soft seam, recoloured: cloud of
one place over the ground of another. TAUGHT gets `blends/NUMBER.npz` each and `blends.json`, which names the
sites of both, so that a fold can leave out what it must.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from dataset import CLASSES_OF_TEACHER, Example, examples, sample_of
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _accuracy.subjects import images

from unclouded.core.bands import NAMES
from unclouded.core.folds import Member
from unclouded.evaluate.peers import Run, ukis_csmask
from unclouded.patches import Augmentation, Sample
from unclouded.patches.augment import recoloured, rescaled, turned

SIZE = 256
FINEST_M, COARSEST_M = 22.0, 45.0
ALONE = 0.4
"""Share of the questions that are one image only."""
COLOUR = Augmentation(gain=0.15, band_gain=0.05, offset=0.005)

Floats = npt.NDArray[np.float32]


def main() -> None:
    options = arguments()
    folder = options.output / "blends"
    folder.mkdir(parents=True, exist_ok=True)
    sources = [example for example in everything(options.data) if usable(example)]
    runs = {
        (variant, level): ukis_csmask.open_peer(variant, level=level, threads=options.threads)
        for variant in ukis_csmask.VARIANTS
        for level in ("L1C", "L2A")
    }
    rows = []
    for number in range(options.count):
        rng = np.random.default_rng([options.seed, number])
        file = folder / f"{number:05d}.npz"
        question, level, sites = asked(sources, rng)
        if not file.exists():
            write(file, question, answers(question, level, runs))
        rows.append({"file": file.name, "level": level, "gsd_m": question.gsd_m, "sites": sites})
        print(f"{number + 1} of {options.count}", end="\r", file=sys.stderr, flush=True)
    listing = {"teacher": "ukis-csmask", "version": ukis_csmask.version(), "blends": rows}
    (options.output / "blends.json").write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="TAUGHT")
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def everything(data: Path) -> Iterator[Example]:
    """Every image that may be learnt from, whatever its sky."""
    found = examples(data)
    exact = {example.member.id for example in found}
    yield from found
    for image, opener in images(data):
        if image.id not in exact:
            scene = opener()
            member = Member(id=image.id, site=image.site, source=image.source, stratum=image.sky)
            unknown = np.zeros(scene.grid.shape, np.uint8)
            yield Example(member=member, kind="mixed", sample=sample_of(scene, unknown), level=scene.level)


def usable(example: Example) -> bool:
    """Whether the teacher's four bands are there, and detail enough to fill most of a square."""
    present = [name for name, there in zip(NAMES, example.sample.presence, strict=True) if there]
    wide = min(example.sample.valid.shape) * example.sample.gsd_m >= 0.6 * SIZE * FINEST_M
    fine = example.sample.gsd_m <= COARSEST_M
    return fine and wide and ukis_csmask.choose("4-band", present) is not None


def asked(sources: Sequence[Example], rng: np.random.Generator) -> tuple[Sample, str, list[str]]:
    """A square of 256 pixels, its level, and the sites that it shows."""
    first = sources[int(rng.integers(len(sources)))]
    native = first.sample.gsd_m
    gsd = float(np.exp(rng.uniform(np.log(max(FINEST_M, 0.9 * native)), np.log(COARSEST_M))))
    sample = square(first.sample, gsd, rng)
    level, sites = first.level or "L1C", [first.member.site]
    fellows = [
        one for one in sources if (one.level == "L2A") == (level == "L2A") and 0.9 * one.sample.gsd_m <= gsd
    ]
    if rng.random() >= ALONE:
        second = fellows[int(rng.integers(len(fellows)))]
        other = square(second.sample, gsd, rng)
        both = sample.presence & other.presence
        present = [name for name, there in zip(NAMES, both, strict=True) if there]
        if ukis_csmask.choose("4-band", present) is not None:
            sample = blended(sample, other, both, seam(rng))
            sites.append(second.member.site)
    return recoloured(sample, COLOUR, rng), "L2A" if level == "L2A" else "L1C", sorted(set(sites))


def square(whole: Sample, gsd: float, rng: np.random.Generator) -> Sample:
    """A square of the image at a spacing, turned at random."""
    side = int(np.ceil(SIZE * gsd / whole.gsd_m))
    top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in whole.valid.shape)
    part = (..., slice(top, top + side), slice(left, left + side))
    cut = replace(whole, reflectance=whole.reflectance[part], valid=whole.valid[part], sets=whole.sets[part])
    return turned(rescaled(cut, gsd, SIZE), rng)


def seam(rng: np.random.Generator) -> Floats:
    """Share of the second image, 0 to 1, changing softly. (y, x)."""
    points = rng.normal(size=(int(rng.integers(2, 7)),) * 2).astype(np.float32)
    smooth = np.asarray(Image.fromarray(points).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    steepness = float(rng.uniform(1, 6))
    return np.asarray(1 / (1 + np.exp(-steepness * smooth)), np.float32)


def blended(first: Sample, second: Sample, presence: npt.NDArray[np.bool_], share: Floats) -> Sample:
    """Two images as one: where only one was seen, that one."""
    share = np.where(first.valid, np.where(second.valid, share, 0), 1).astype(np.float32)
    values = (1 - share) * first.reflectance + share * second.reflectance
    valid = first.valid | second.valid
    lit = presence[:, None, None] & valid
    return replace(
        first,
        reflectance=np.where(lit, values, np.float32(0)),
        valid=valid,
        sets=np.zeros_like(first.sets),
        presence=presence,
    )


def answers(question: Sample, level: str, runs: dict[tuple[str, str], Run]) -> tuple[Floats, Floats]:
    """Mean shares (clear, cloud, shadow; y, x) of the networks of six and four bands, and their trust.

    Trust is 0 where their likeliest classes differ.
    """
    bands = {name: question.reflectance[at] for at, name in enumerate(NAMES) if question.presence[at]}
    members = []
    for variant in ukis_csmask.VARIANTS:
        chosen = ukis_csmask.choose(variant, bands)
        if chosen is not None:
            found = runs[variant, level]({name: bands[name] for name in chosen})
            shares = np.stack([found.probabilities[code] for code in range(len(CLASSES_OF_TEACHER))])
            members.append(shares / shares.sum(axis=0))
    mean = np.mean(members, axis=0)
    likeliest = mean.argmax(axis=0)
    same = np.all([member.argmax(axis=0) == likeliest for member in members], axis=0)
    return mean.astype(np.float32), (same & question.valid).astype(np.float32)


def write(file: Path, question: Sample, answer: tuple[Floats, Floats]) -> None:
    """The question and its answer; the file appears when it is whole."""
    shares, trust = answer
    beside = file.with_suffix(".part.npz")
    np.savez(
        beside,
        reflectance=question.reflectance[question.presence].astype(np.float16),
        presence=question.presence,
        valid=question.valid,
        shares=shares.astype(np.float16),
        trust=trust.astype(np.float16),
    )
    beside.replace(file)


if __name__ == "__main__":
    main()
