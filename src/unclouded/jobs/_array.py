"""Arrays in memory: named bands with a stated radiometry in, the codes that `mask` would write out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine

from unclouded.core.bands import canonical_names
from unclouded.core.classes import NODATA, count_bytes
from unclouded.core.errors import BandError, GridError, RadiometryError, RasterError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.radiometry import Radiometry
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import whole
from unclouded.jobs._fit import check_fit, legend_of, notes
from unclouded.jobs._numbers import Numbers, scene_of
from unclouded.jobs._scene import DEFAULT_MODEL, MaskOptions, windowing_of
from unclouded.jobs._tally import Tally
from unclouded.jobs._wording import in_python, said_in_python
from unclouded.predict import Edge, Model, Windowing, load_model, predict_strips
from unclouded.refine import Refinement, refine_array
from unclouded.scene import Scene
from unclouded.sources import OpenOptions
from unclouded.sources._sensors import band_name, parse_level, parse_sensor

_WHERE = "array"
_AS_PREDICTED = Refinement()


@dataclass(frozen=True, kw_only=True)
class ArrayMask:
    """What a network says of an array."""

    codes: npt.NDArray[np.uint8]
    """(y, x), our codes (`core.classes`), 255 where the pixel was not seen."""
    probabilities: npt.NDArray[np.float32] | None
    """(class, y, x), sums to 1; None where not asked for."""
    classes: tuple[int, ...]
    """Code of each class of the probabilities."""
    shares: Mapping[str, float]
    """Class name -> share of the valid pixels, 0 … 1; empty where nothing was seen."""
    valid_share: float
    """Share of the pixels that were seen, 0 … 1."""
    radiometry: str
    """What was applied, and who said so."""
    warnings: tuple[str, ...]
    """What looks wrong, or makes the mask worth less: a line each."""


@said_in_python()
def mask_array(
    array: npt.ArrayLike,
    *,
    bands: Sequence[str],
    level: str | None = None,
    reflectance: bool = False,
    offset: float | None = None,
    quantification: float | None = None,
    valid: npt.NDArray[np.bool_] | None = None,
    gsd: float | None = None,
    sensor: str = "sentinel-2",
    model: str | Path = DEFAULT_MODEL,
    edge: Edge = "reflect",
    window: int | None = None,
    refinement: Refinement = _AS_PREDICTED,
    probabilities: bool = False,
    allow_level_mismatch: bool = False,
) -> ArrayMask:
    """The mask of an array (band, y, x) at its own spacing: the codes that `mask` writes of its numbers.

    A pixel that is NaN or infinite in a band was not seen, nor one of DN 0 where DN are integers or their
    offset is below 0.

    Args:
        array: reflectance or DN, north up.
        bands: name of each, `B04` or `red`, in the order of the array.
        level: `L1C` or `L2A`.
        reflectance: the numbers are reflectance, 1.0 = 100 %.
        offset: of DN: what is added to them, -1000 for Sentinel-2 from baseline 04.00 on, 0 before.
        quantification: of DN: what the sum is divided by, 10000 for Sentinel-2.
        valid: (y, x), False where a pixel may not be used.
        gsd: spacing, m; None leaves it unknown, and the model's word on it unsaid.
        sensor: `landsat-8`: bands are then named as there.
        model: name of a bundled model, or the path of an ONNX file made by unclouded.
        edge: what the network sees past the edge: the array mirrored, or zero.
        window: pixels a side that the network is given at a time, None: as `mask` does it; changes memory and
            time, not the mask.
        refinement: what is done to the codes after the network; needs `gsd`.
        probabilities: give them too, as they came from the network, alike for all classes where nothing was
            seen.
        allow_level_mismatch: run a model on a level that it was not made for, or that is not stated.

    Raises:
        RadiometryError: neither reflectance nor both of offset and quantification are stated, or both are.
        BandError: as many names as bands are expected, each once; or the model needs one that is not there.
        RasterError: not numbers, or not (band, y, x).
        GridError: `valid` is of another shape.
        LevelError: the model was made for another level, or none is stated.

    Example:
        >>> import numpy as np
        >>> import unclouded
        >>> from unclouded.core.bands import NAMES
        >>> dn = np.full((13, 64, 64), 3000, np.uint16)
        >>> found = unclouded.mask_array(
        ...     dn, bands=NAMES, level="L1C", offset=-1000, quantification=10000, model="patchcnn-v1"
        ... )
        >>> found.codes.shape
        (64, 64)
    """
    stated = radiometry_of(reflectance=reflectance, offset=offset, quantification=quantification)
    taken_by = parse_sensor(sensor)
    values = _checked(array, bands)
    names = canonical_names(band_name(label, taken_by) for label in bands)
    options = OpenOptions(offset=stated.offset, quantification=stated.quantification, gsd=gsd)
    numbers = Numbers(
        identity=Identity(
            id=_WHERE, sensor=taken_by.name, satellite=taken_by.satellite, level=parse_level(level or "")
        ),
        bands=names,
        radiometry=Radiometry(
            offset=dict.fromkeys(names, stated.offset),
            quantification=dict.fromkeys(names, stated.quantification),
            origin=stated.origin,
        ),
        nodata=dict.fromkeys(names),
        zero_is_nodata=dict.fromkeys(names, stated.offset < 0 or values.dtype.kind in "iu"),
        grid=_grid(values.shape[-2:], options.gsd),
    )
    scene = scene_of(numbers, values, whole(numbers.grid.shape), valid=_checked_valid(valid, values))
    ready = load_model(model)
    check_fit(scene, ready.spec, allow_level_mismatch=allow_level_mismatch)
    refinement.check_classes(set(ready.spec.classes), where=ready.spec.name)
    windowing = windowing_of(scene, ready.spec, MaskOptions(window=window, edge=edge))
    found = _masked(scene, ready, windowing, probabilities=probabilities)
    return _refined(found, scene.grid, ready, refinement) if refinement else found


@dataclass(frozen=True, kw_only=True)
class Stated:
    """How a caller says that numbers become reflectance."""

    offset: float
    quantification: float
    origin: str


def radiometry_of(*, reflectance: bool, offset: float | None, quantification: float | None) -> Stated:
    """What the caller states, checked to be one thing and whole.

    Raises:
        RadiometryError: neither reflectance nor both of offset and quantification are stated, or both are.
    """
    if reflectance and (offset, quantification) == (None, None):
        return Stated(offset=0.0, quantification=1.0, origin="reflectance=True")
    if reflectance or offset is None or quantification is None:
        said = [
            name
            for name, there in (
                ("reflectance", reflectance),
                ("offset", offset is not None),
                ("quantification", quantification is not None),
            )
            if there
        ]
        raise RadiometryError(
            f"{_WHERE}: expected how numbers become reflectance, found {' and '.join(said) or 'nothing'}; "
            "state reflectance=True, or offset= and quantification= (-1000 and 10000 for Sentinel-2 from "
            "baseline 04.00 on, 0 and 10000 before)"
        )
    return Stated(offset=offset, quantification=quantification, origin="offset=, quantification=")


def _checked(array: npt.ArrayLike, bands: Sequence[str]) -> npt.NDArray[np.generic]:
    values = np.asarray(array)
    if values.dtype.kind not in "uif" or values.ndim != 3 or min(values.shape) < 1:
        raise RasterError(
            f"{_WHERE}: expected numbers (band, y, x), found {values.shape} of {values.dtype}; "
            "give one image, its bands first"
        )
    if isinstance(bands, str) or len(bands) != len(values):
        count = 1 if isinstance(bands, str) else len(bands)
        raise BandError(
            f"{_WHERE}: expected a name for each of {len(values)} bands, found {count}; "
            "state them in the array's order, bands=('B02', 'B03', …)"
        )
    return values


def _checked_valid(
    valid: npt.NDArray[np.bool_] | None, values: npt.NDArray[np.generic]
) -> npt.NDArray[np.bool_] | None:
    if valid is None:
        return None
    found = np.asarray(valid)
    if found.shape != values.shape[-2:] or found.dtype != np.bool_:
        raise GridError(
            f"{_WHERE}: expected valid as bool of {values.shape[-2:]}, found {found.shape} of {found.dtype}; "
            "give True where a pixel may be used"
        )
    return found


def _grid(shape: Sequence[int], gsd: float | None) -> Grid:
    transform = Affine.identity() if gsd is None else Affine.scale(gsd, -gsd)
    return Grid(height=shape[0], width=shape[1], transform=transform, crs=None)


def _masked(scene: Scene, model: Model, windowing: Windowing, *, probabilities: bool) -> ArrayMask:
    spec, shape = model.spec, scene.grid.shape
    tally = Tally(spec=spec, shape=shape)
    strips = tuple(predict_strips(scene, model, windowing, watch=tally.look, probabilities=probabilities))
    codes = np.concatenate([strip.codes for strip in strips])
    tally.count(whole(shape), codes)
    prob = [strip.probabilities for strip in strips if strip.probabilities is not None]
    return ArrayMask(
        codes=codes,
        probabilities=np.concatenate(prob, axis=1) if prob else None,
        classes=spec.classes,
        shares=_shares(codes, spec),
        valid_share=tally.valid_share(),
        radiometry=scene.radiometry.describe(),
        warnings=tuple(in_python(line) for line in (*notes(scene, spec), *tally.warnings())),
    )


def _refined(found: ArrayMask, grid: Grid, model: Model, refinement: Refinement) -> ArrayMask:
    codes = refine_array(found.codes, grid, refinement)
    idle = refinement.without_effect(grid.pixel_size)
    return replace(found, codes=codes, shares=_shares(codes, model.spec), warnings=(*found.warnings, *idle))


def _shares(codes: npt.NDArray[np.uint8], spec: ModelSpec) -> dict[str, float]:
    counts = count_bytes(codes, NODATA + 1)
    seen = counts[:NODATA].sum()
    return {item.name: float(counts[item.code] / seen) for item in legend_of(spec) if seen}
