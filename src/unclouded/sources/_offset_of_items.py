"""Offset and quantification of a STAC item's pixels: by who keeps them, never by one flag alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import NAMES
from unclouded.core.errors import RadiometryError
from unclouded.core.product import BandReader
from unclouded.core.radiometry import Radiometry
from unclouded.core.windows import whole
from unclouded.sources._metadata import write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._providers import Provider
from unclouded.sources._radiometry import (
    USUAL_OFFSET,
    USUAL_QUANTIFICATION,
    of_baseline,
    of_stack,
    offset_at,
    unusual,
)
from unclouded.sources._stac import Asset, Item

_STATE = "state the offset with --offset (-1000 where the pixels carry it, 0 where it was subtracted)"
_DARK = ("B12", "B11", "B04", "B02", "B03", "B08")
"""Bands in which nearly every scene has pixels below 0.1, the surest first; three of them are enough."""
_FEW = 0.01
_NONE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What pixels say of an offset of -1000."""

    kind: str
    """`carried`: 1000 is still in them; `subtracted`; `unclear`."""
    below: float
    """Share of valid pixels below DN 900, in the band where it is greatest."""


def offset_in_pixels(readers: Mapping[str, BandReader]) -> Verdict:
    """What pixels of Level-2A from baseline 04.00 on say, at a coarse level.

    With the 1000 still in them, DN below 900 is a reflectance below -0.01, which next to no pixel has.
    Where it was subtracted, dark ground, water and shadow lie there. Scenes without anything dark (ice,
    closed cloud) say nothing. Shares: one in a hundred is subtracted, one in ten thousand is noise.
    """
    names = [name for name in _DARK if name in readers][:3]
    samples = [_coarse(readers[name]) for name in names]
    counts = [dn for dn in samples if dn.size >= 100]
    if not counts:
        return Verdict(kind="unclear", below=0.0)
    below = max(float(np.mean(dn < 900)) for dn in counts)
    if below >= _FEW:
        return Verdict(kind="subtracted", below=below)
    dark = min(float(np.percentile(dn, 0.5)) for dn in counts)
    if all(float(np.mean(dn < 1000 - 50)) <= _NONE for dn in counts) and dark <= 1500:
        return Verdict(kind="carried", below=below)
    return Verdict(kind="unclear", below=below)


def _coarse(reader: BandReader) -> npt.NDArray[np.float64]:
    """Valid DN of the coarsest level of some size."""
    sizes = [grid.height * grid.width for grid in reader.levels]
    level = max((i for i, size in enumerate(sizes) if size >= 10_000), default=0)
    samples = reader.read(whole(reader.levels[level].shape), level)
    return samples.dn[samples.valid].astype(np.float64)


def of_item(
    item: Item,
    assets: Mapping[str, Asset],
    provider: Provider | None,
    options: OpenOptions,
    *,
    readers: Mapping[str, BandReader] | None,
) -> tuple[Radiometry, list[str]]:
    """Radiometry of the bands of an item, and a line for what a user should know.

    Args:
        readers: pixels, for a provider whose flag has been wrong; None leaves the flag unchecked.

    Raises:
        RadiometryError: nobody states it, or two statements contradict each other.
    """
    where = item.identity.id
    if options.states_radiometry or options.offset is not None:
        return of_baseline(item.baselines, options, where=where), []
    if provider is None:
        settled = _by_item(item, assets, "the item", options)
        return settled, unusual(settled)
    if provider.rule == "baseline":
        return _by_baseline(item, assets, options)
    if provider.rule == "flag":
        return _by_flag(item, assets, provider, options, readers)
    if not any(asset.offset is not None for asset in assets.values()):
        return _by_baseline(item, assets, options)
    settled = _by_item(item, assets, provider.name, options)
    return settled, unusual(settled)


def _expected(item: Item) -> float | None:
    """The offset of ESA's own pixels at the item's baseline; None where nobody says one, or one of ESA's.

    Raises:
        RadiometryError: two statements of the item imply different offsets.
    """
    offsets = {offset_at(baseline) for baseline in item.baselines.values()}
    if len(offsets) > 1:
        said = ", ".join(f"{write_baseline(found)} ({who})" for who, found in item.baselines.items())
        raise RadiometryError(f"{item.identity.id}: expected one processing baseline, found {said}; {_STATE}")
    return offsets.pop() if offsets else None


def _stated(assets: Mapping[str, Asset]) -> dict[str, float | None]:
    """Band -> the offset in DN that the item states; None where it states none."""
    return {
        name: round(asset.offset / asset.scale, 6) if asset.offset is not None and asset.scale else None
        for name, asset in assets.items()
    }


def _by_item(item: Item, assets: Mapping[str, Asset], who: str, options: OpenOptions) -> Radiometry:
    """What each asset states, which must be what ESA's pixels have at this baseline."""
    names = [name for name in NAMES if name in assets]
    if not names:  # metadata of one of ESA's products: nothing else can be meant, and nothing is read
        return of_baseline(item.baselines, options, where=item.identity.id)
    silent = [name for name in names if not assets[name].scale or assets[name].offset is None]
    if silent:
        raise RadiometryError(
            f"{item.identity.id}: expected raster:scale and raster:offset on each band of {who}, "
            f"found none on {', '.join(silent)}; {_STATE}"
        )
    stated = of_stack(
        names,
        [assets[name].scale or 1.0 for name in names],
        [assets[name].offset or 0.0 for name in names],
        options,
        where=item.identity.id,
        is_float=False,
    )
    expected = _expected(item)
    offsets = set(stated.offset.values())
    if expected is not None and offsets != {expected}:
        said = ", ".join(f"{value:g}" for value in sorted(offsets))
        raise RadiometryError(
            f"{item.identity.id}: expected offset {expected:g} at processing baseline "
            f"{write_baseline(item.baseline or (0, 0))}, found {said} stated by {who}; {_STATE}"
        )
    origin = f"raster:offset of {who}"
    own = "--quantification, " if options.quantification else ""
    return Radiometry(offset=stated.offset, quantification=stated.quantification, origin=f"{own}{origin}")


def _by_baseline(
    item: Item, assets: Mapping[str, Asset], options: OpenOptions
) -> tuple[Radiometry, list[str]]:
    """ESA's own pixels; what the item states besides is named where it differs."""
    settled = of_baseline(item.baselines, options, where=item.identity.id)
    offset = next(iter(settled.offset.values()))
    others = {value for value in _stated(assets).values() if value is not None} - {offset}
    if not others:
        return settled, []
    said = ", ".join(f"{value:g}" for value in sorted(others))
    line = f"radiometry: the item states offset {said}, but ESA's pixels have {offset:g}, which is applied"
    return settled, [line]


def _by_flag(
    item: Item,
    assets: Mapping[str, Asset],
    provider: Provider,
    options: OpenOptions,
    readers: Mapping[str, BandReader] | None,
) -> tuple[Radiometry, list[str]]:
    """Before baseline 04.00 there is no offset; after, the flag says whether it was subtracted."""
    name = item.identity.id
    expected = _expected(item)
    if expected is None or (expected != 0 and item.flag is None):
        what = "processing baseline" if expected is None else "boa_offset_applied"
        raise RadiometryError(
            f"{name}: expected {what} on an item of {provider.name}, found none of use; {_STATE}"
        )
    if expected == 0:
        return of_baseline(item.baselines, options, where=name), []
    verdict = offset_in_pixels(readers) if readers is not None else None
    claim = "subtracted" if item.flag else "carried"
    if verdict is not None and verdict.kind not in {claim, "unclear"}:
        raise RadiometryError(
            f"{name}: expected the offset {claim}, as boa_offset_applied {str(item.flag).lower()} says, "
            f"found it {verdict.kind} ({verdict.below:.1%} of the pixels below DN 900); {_STATE}"
        )
    checked = {
        None: "not checked against the pixels",
        "unclear": "the pixels do not tell",
    }.get(verdict.kind if verdict else None, "the pixels agree")
    offset = 0.0 if item.flag else float(USUAL_OFFSET)
    origin = f"boa_offset_applied {str(item.flag).lower()}, {checked}"
    own = "--quantification, " if options.quantification else ""
    radiometry = Radiometry(
        offset=dict.fromkeys(assets, offset),
        quantification=dict.fromkeys(assets, float(options.quantification or USUAL_QUANTIFICATION)),
        origin=f"{own}{origin}",
    )
    doubt = [f"radiometry: {origin}; offset {offset:g} is applied"]
    return radiometry, doubt if verdict is None or verdict.kind == "unclear" else []
