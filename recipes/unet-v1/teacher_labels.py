"""What permissively licensed teachers say of every real image that a model may learn from.

    python recipes/unet-v1/teacher_labels.py --data DIR -o OUT

The teacher is ukis-csmask (DLR, Apache-2.0: `pip install 'unclouded[peers]'`): its networks of six and of
four bands, each on the image as it is, mirrored, upside down and both. It is run at about 30 m, which it was
made for: finer images are averaged to that, coarser ones are run as they are and marked as out of its domain.

OUT gets `ID.npz` an image (slashes become two underscores) and `teachers.json`, which lists them:

- `shares` (3, y, x) float16: mean probability of clear, cloud, shadow, summing to 1;
- `agreement` (y, x) float16: share of the runs whose likeliest class is that of the mean;
- `valid` (y, x) bool.

Label sets and images that are for comparison only are never read. Keep OUT outside of the repository.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _accuracy.subjects import chips, images
from _accuracy.systems import coarsened

from unclouded.evaluate.peers import Run, ukis_csmask
from unclouded.scene import Scene

CLASSES = ("clear", "cloud", "shadow")
FINEST_M, COARSEST_M = 25.0, 45.0
"""Spacings that count as about the teacher's own."""
FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))
"""Axes of (class or band, y, x) that are turned around."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What is known of one file of labels."""

    id: str
    file: str
    site: str
    source: str
    level: str | None
    gsd_m: float
    """Of the labels."""
    own_gsd: bool
    """Whether that is about what the teacher was made for."""
    native: tuple[int, int]
    """Rows and columns of the image itself, whose first pixel's corner is that of the labels."""
    native_gsd_m: float
    variants: tuple[str, ...]
    agreement: float
    """Mean over the valid pixels."""


def main() -> None:
    options = arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    taught = []
    for name, site, source, opener in learnable(options.data):
        found = teach(name, site, source, opener, options)
        print(
            f"{name}: {'lacks bands that the teacher needs' if found is None else found.agreement}",
            flush=True,
        )
        taught += [] if found is None else [asdict(found)]
    listing = {
        "teacher": "ukis-csmask",
        "version": ukis_csmask.version(),
        "licence": "Apache-2.0",
        "runs": f"6 and 4 bands, {len(FLIPS)} flips",
        "classes": CLASSES,
        "labels": taught,
    }
    text = json.dumps(listing, indent=1) + "\n"
    (options.output / "teachers.json").write_text(text, encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def learnable(data: Path) -> Iterator[tuple[str, str, str, Callable[[], Scene]]]:
    """Id, site, source and opener of all that a model may learn from."""
    for subject in chips(data):
        if subject.train_ok:
            yield subject.id, subject.site, subject.source, subject.open
    for image, opener in images(data):
        yield image.id, image.site, image.source, opener


def teach(
    name: str, site: str, source: str, opener: Callable[[], Scene], options: argparse.Namespace
) -> Taught | None:
    """One image's labels written; None where it lacks a band. What is there already is made again."""
    native = opener()
    scene = coarsened(native, ukis_csmask.GSD_M)
    runs, variants = _members(scene, options.threads)
    if not runs:
        return None
    reading = scene.read(tuple(dict.fromkeys(band for bands, _ in runs for band in bands)))
    members = [share for bands, run in runs for share in _turned(scene, bands, run)]
    shares = np.mean(members, axis=0)
    likeliest = shares.argmax(axis=0)
    agreement = np.mean([member.argmax(axis=0) == likeliest for member in members], axis=0)
    file = f"{name.replace('/', '__')}.npz"
    np.savez_compressed(
        options.output / file,
        shares=shares.astype(np.float16),
        agreement=agreement.astype(np.float16),
        valid=reading.valid,
    )
    return Taught(
        id=name,
        file=file,
        site=site,
        source=source,
        level=scene.level,
        gsd_m=scene.pixel_size,
        own_gsd=FINEST_M <= scene.pixel_size <= COARSEST_M,
        native=native.grid.shape,
        native_gsd_m=native.pixel_size,
        variants=variants,
        agreement=round(float(agreement[reading.valid].mean()), 4) if reading.valid.any() else 0.0,
    )


def _members(scene: Scene, threads: int) -> tuple[list[tuple[tuple[str, ...], Run]], tuple[str, ...]]:
    """The networks that can run: their bands and themselves, and their names. Equal ones once."""
    found: dict[tuple[str, ...], Run] = {}
    for variant in ukis_csmask.VARIANTS:
        bands = ukis_csmask.choose(variant, scene.bands)
        if bands is not None and bands not in found:
            found[bands] = _opened(variant, len(bands), scene.level, threads)
    return list(found.items()), tuple(f"{len(bands)}-band" for bands in found)


_CACHE: dict[tuple[int, bool], Run] = {}


def _opened(variant: str, bands: int, level: str | None, threads: int) -> Run:
    key = bands, level == "L2A"
    if key not in _CACHE:
        _CACHE[key] = ukis_csmask.open_peer(variant, level=level, threads=threads)
    return _CACHE[key]


def _turned(scene: Scene, bands: tuple[str, ...], run: Run) -> Iterator[Floats]:
    """Probabilities (class, y, x) from each way of turning the image, turned back."""
    reflectance = scene.read(bands).reflectance
    for axes in FLIPS:
        turned = np.ascontiguousarray(np.flip(reflectance, axes))
        answer = run(dict(zip(bands, turned, strict=True)))
        shares = np.stack([answer.probabilities[code] for code in range(len(CLASSES))])
        # blended windows do not quite sum to 1
        yield np.flip(shares / shares.sum(axis=0, keepdims=True), axes)


if __name__ == "__main__":
    main()
