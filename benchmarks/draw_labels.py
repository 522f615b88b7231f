"""Draw the labels of our own: seeds, a classifier for one image at a time, corrections by hand.

    python benchmarks/draw_labels.py --data DIR [--look FOLDER] [ID ...]

`labels/strokes/ID.txt` holds what a person drew over true and false colour: regions, seeds and corrections,
as `_strokes.py` reads them. Without any region every class may be anywhere; with them, what lies outside of
all is clear, and the classifier learns from that too. A random forest over the bands, their ratios and means
around each pixel then gives each pixel a class; where two come close the pixel is either, or unknown. With
--look, pictures of the image with its outlines are written, to be judged at 1:1.

Needs scikit-learn: pip install 'unclouded[dev]'.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _accuracy.subjects import Subject
from _pictures import infrared, visible
from _strokes import Bools, Stroke, Values, covered, read_strokes
from own_labels import CLOUD_CODE, DIM_CODE, GROUND_CODE, HAZE_CODE, NAMES, Drawing, drawings, subjects
from PIL import Image
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from unclouded.core.bands import SENTINEL2
from unclouded.core.classes import CLEAR, CLOUD, NODATA, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.outputs.picture import Colours
from unclouded.scene import Scene

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

KINDS: Mapping[str, tuple[int, ...]] = {"cloud": (THICK, THIN), "shadow": (SHADOW,), "snow": (SNOW,)}
"""Kind of region -> the classes that it holds."""
PAIRS: Mapping[frozenset[int], int] = {
    frozenset({THICK, THIN}): CLOUD_CODE,
    frozenset({CLEAR, THIN}): HAZE_CODE,
    frozenset({CLEAR, SHADOW}): DIM_CODE,
}
"""Two classes between which the classifier is in doubt -> what is written."""
MOST_OF_A_CLASS = 6000
"""Pixels of a class that the classifier learns from."""
PAIR_SHARE = 0.85
"""Probability of both together before a pixel is either of two."""
SEED = 7


def draw_label(scene: Scene, strokes: tuple[Stroke, ...], drawing: Drawing, clear: Floats | None) -> Codes:
    """The label of a scene, uint8 (y, x).

    Args:
        clear: the same place without cloud (band, y, x), in the scene's bands; None where there is none.
    """
    names = tuple(scene.bands)
    reading = scene.read(names)
    values = dict(zip(names, reading.reflectance, strict=True))
    shape = reading.valid.shape
    taught = seeds(strokes, values, reading.valid)
    codes = np.full(shape, NODATA, np.uint8)
    if (taught != NODATA).any():
        layers = features(values, clear, drawing.around_px)
        classes, shares = classified(layers, taught, reading.valid)
        shares = in_regions(smooth(shares, reading.valid, drawing.smooth_px), classes, strokes, values)
        codes = without_specks(decided(shares, classes, drawing.sure), drawing.specks_px)
    for stroke in (item for item in strokes if item.verb == "set"):
        here = covered(stroke, values)
        if stroke.where:
            here = here & (codes == NAMES[stroke.where])
        codes[here] = NAMES[stroke.what]
    codes[~reading.valid] = NODATA
    return codes


def seeds(strokes: tuple[Stroke, ...], values: Values, valid: Bools) -> Codes:
    """What the classifier learns from: code (y, x), 255 elsewhere. Outside of all regions is clear."""
    regions = [covered(stroke, values) for stroke in strokes if stroke.verb == "region"]
    drawn_by_hand = [covered(stroke, values) for stroke in strokes if stroke.verb == "set" and stroke.points]
    out = np.full(valid.shape, NODATA, np.uint8)
    if regions:
        out[~np.logical_or.reduce([*regions, *drawn_by_hand])] = CLEAR
    for stroke in (item for item in strokes if item.verb == "seed"):
        out[covered(stroke, values)] = NAMES[stroke.what]
    out[~valid] = NODATA
    return out


def features(values: Values, clear: Floats | None, around_px: tuple[int, ...]) -> Floats:
    """Bands, ratios, means around each pixel, and the change since a clear day: (feature, y, x)."""
    bands = np.stack(list(values.values()))
    near = [mean_around(bands, side) for side in around_px]
    visible = np.stack(
        [values[band.name] for band in SENTINEL2 if band.common_name in {"blue", "green", "red"}]
    )
    layers = [
        bands,
        *near,
        ratios(bands),
        ratios(near[0]),
        np.ptp(visible, axis=0)[None] / (visible.mean(axis=0)[None] + np.float32(0.02)),
        mean_around(visible.mean(axis=0)[None] ** 2, 5) - mean_around(visible.mean(axis=0)[None], 5) ** 2,
    ]
    if clear is not None:
        change = np.log(np.maximum(bands, 0) + np.float32(0.02)) - np.log(
            np.maximum(clear, 0) + np.float32(0.02)
        )
        layers += [change, mean_around(change, 5)]
    return np.concatenate(layers).astype(np.float32)


def ratios(bands: Floats) -> Floats:
    """Normalised differences of neighbouring bands, and of the first with the last."""
    others = np.roll(bands, -1, axis=0)
    total = np.abs(others) + np.abs(bands) + np.float32(0.02)
    return np.asarray(np.clip((others - bands) / total, -1, 1), np.float32)


def mean_around(layers: Floats, side: int) -> Floats:
    """Mean over a square around each pixel, (n, y, x)."""
    return np.asarray(ndimage.uniform_filter(layers, (0, side, side), mode="nearest"), np.float32)


def classified(layers: Floats, taught: Codes, valid: Bools) -> tuple[tuple[int, ...], Floats]:
    """The classes of the seeds, and the probability of each (class, y, x) by a forest grown on the seeds."""
    rng = np.random.default_rng(SEED)
    chosen = np.concatenate(
        [_some(np.flatnonzero(taught == code), rng) for code in np.unique(taught) if code != NODATA]
    )
    flat = layers.reshape(len(layers), -1).T
    forest = RandomForestClassifier(
        n_estimators=120, min_samples_leaf=3, class_weight="balanced", random_state=SEED, n_jobs=1
    ).fit(flat[chosen], taught.ravel()[chosen])
    shares = np.zeros((len(forest.classes_), taught.size), np.float32)
    shares[:, valid.ravel()] = forest.predict_proba(flat[valid.ravel()]).T
    return tuple(int(code) for code in forest.classes_), shares.reshape(-1, *taught.shape)


def _some(found: npt.NDArray[np.intp], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    if found.size <= MOST_OF_A_CLASS:
        return found
    return np.asarray(rng.choice(found, MOST_OF_A_CLASS, replace=False))


def smooth(shares: Floats, valid: Bools, side: int) -> Floats:
    """Probabilities averaged over the pixels of a square that were seen."""
    weight = mean_around(valid[None].astype(np.float32), side)
    return np.asarray(mean_around(shares * valid, side) / np.maximum(weight, np.float32(1e-6)), np.float32)


def in_regions(
    shares: Floats, classes: tuple[int, ...], strokes: tuple[Stroke, ...], values: Values
) -> Floats:
    """Probabilities with every class that has regions taken away outside of them; the rest goes to clear."""
    out = shares.copy()
    drawn = [stroke for stroke in strokes if stroke.verb == "region"]
    for kind, codes in KINDS.items():
        parts = [covered(stroke, values) for stroke in drawn if stroke.what == kind]
        if drawn:
            inside = np.logical_or.reduce([np.zeros(shares.shape[1:], np.bool_), *parts])
            for code in codes:
                if code in classes:
                    out[classes.index(code)] *= inside
    total = out.sum(axis=0)
    out[classes.index(CLEAR)] += (total <= 0) & (shares.sum(axis=0) > 0)
    return np.asarray(out / np.maximum(out.sum(axis=0), np.float32(1e-6)), np.float32)


def decided(shares: Floats, classes: tuple[int, ...], sure: float) -> Codes:
    """The likeliest class where it is likely enough, else a pair that surely holds it, else unknown."""
    order = np.argsort(-shares, axis=0)
    first, second = (np.take_along_axis(shares, order[rank][None], axis=0)[0] for rank in (0, 1))
    table = np.array(classes, np.uint8)
    codes = np.where(first >= sure, table[order[0]], np.uint8(NODATA))
    doubtful = (first < sure) & (first + second >= PAIR_SHARE)
    for pair, code in PAIRS.items():
        of_both = np.isin(table[order[0]], list(pair)) & np.isin(table[order[1]], list(pair))
        codes[doubtful & of_both] = code
    return np.asarray(codes, np.uint8)


def without_specks(codes: Codes, smallest: int) -> Codes:
    """The label with patches of one class smaller than so many pixels unknown."""
    out = codes.copy()
    for code in np.unique(codes):
        patches, count = ndimage.label(codes == code)
        small = np.bincount(patches.ravel(), minlength=count + 1) < smallest
        small[0] = False
        out[small[patches]] = NODATA
    return out


COLOURS: Mapping[int, tuple[int, int, int]] = {
    THICK: (255, 40, 40),
    THIN: (255, 190, 0),
    SHADOW: (60, 90, 255),
    SNOW: (240, 110, 200),
    CLOUD_CODE: (255, 120, 0),
    HAZE_CODE: (200, 255, 120),
    DIM_CODE: (0, 220, 220),
    GROUND_CODE: (150, 150, 255),
    NODATA: (255, 0, 255),
}


def pictures(scene: Scene, codes: Codes, zoom: int) -> Iterator[tuple[str, Image.Image]]:
    """True and false colour, each bare and with the outline of every class but clear, by name."""
    size = (codes.shape[1] * zoom, codes.shape[0] * zoom)
    large = codes.repeat(zoom, axis=0).repeat(zoom, axis=1)
    for name, colours in (("visible", visible(scene)), ("infrared", infrared(scene))):
        if colours is not None:
            image = Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)
            yield name, image
            yield f"{name}-label", Image.fromarray(outlined(np.asarray(image), large))


def outlined(colours: Colours, codes: Codes) -> Colours:
    """The picture with a line one pixel wide inside of every class but clear."""
    out = colours.copy()
    for code, colour in COLOURS.items():
        inside = codes == code
        out[inside & ~ndimage.binary_erosion(inside)] = colour
    return out


def shares_of(codes: Codes) -> str:
    """Share of every code, for the log."""
    names = {code: name for name, code in NAMES.items()}
    return ", ".join(f"{names[int(code)]} {100 * (codes == code).mean():.1f} %" for code in np.unique(codes))


def clear_day(drawing: Drawing, bands: tuple[str, ...], images: Mapping[str, Subject]) -> Floats | None:
    """Median of the drawing's clear dates (band, y, x), or None where it has none."""
    if not drawing.clear_dates:
        return None
    days = [images[name].open().read(bands).reflectance for name in drawing.clear_dates]
    return np.asarray(np.median(np.stack(days), axis=0), np.float32)


def drawn(drawing: Drawing, images: Mapping[str, Subject]) -> tuple[Scene, Codes]:
    """The scene of a drawing, and the label that its strokes make."""
    subject = images[drawing.id]
    scene = subject.open()
    strokes = read_strokes(drawing.strokes.read_text(encoding="utf-8"))
    codes = draw_label(scene, strokes, drawing, clear_day(drawing, tuple(scene.bands), images))
    return scene, beside(codes, subject.reference()) if drawing.beside else codes


def beside(codes: Codes, theirs: npt.NDArray[np.uint8]) -> Codes:
    """The label with thin cloud that others do not see made clear or thin; theirs as bit masks (y, x)."""
    no_cloud = (theirs > 0) & (theirs & class_bits(CLOUD) == 0)
    return np.where((codes == THIN) & no_cloud, np.uint8(HAZE_CODE), codes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--look", type=Path, metavar="FOLDER", help="write pictures to judge by")
    parser.add_argument("--zoom", type=int, default=1, help="of the pictures")
    parser.add_argument("ids", nargs="*", metavar="ID", help="images; all of labels.toml when none is given")
    options = parser.parse_args()
    images = subjects(options.data)
    for drawing in drawings():
        if options.ids and drawing.id not in options.ids:
            continue
        scene, codes = drawn(drawing, images)
        drawing.raster.parent.mkdir(exist_ok=True)
        Image.fromarray(codes).save(drawing.raster, optimize=True)
        print(f"{drawing.id}: {shares_of(codes)}; {drawing.raster.stat().st_size / 1000:.0f} kB")
        if options.look:
            options.look.mkdir(parents=True, exist_ok=True)
            for kind, picture in pictures(scene, codes, options.zoom):
                picture.save(options.look / f"{drawing.id.replace('/', '-')}-{kind}.png")


if __name__ == "__main__":
    main()
