"""Where offset and quantification come from, decided once for each kind of source. Never guessed."""

from collections.abc import Callable, Mapping, Sequence

from unclouded.core.bands import NAMES
from unclouded.core.errors import RadiometryError
from unclouded.core.product import VALUES_TAG
from unclouded.core.radiometry import Radiometry, summary
from unclouded.sources._metadata import (
    KNOWN_BASELINES,
    OFFSET_SINCE,
    ProductMetadata,
    parse_baseline,
    write_baseline,
)
from unclouded.sources._options import OpenOptions

USUAL_QUANTIFICATION = 10000
"""In every real product so far."""
USUAL_OFFSET = -1000
"""Of every band in every real product from baseline 04.00 on, so far."""


def settled(decide: Callable[[], Radiometry]) -> Radiometry | RadiometryError:
    """What was decided, or why nothing can be: metadata are shown without a radiometry, never read so."""
    try:
        return decide()
    except RadiometryError as err:
        return err


def settled_with(
    decide: Callable[[], tuple[Radiometry, list[str]]],
) -> tuple[Radiometry | RadiometryError, list[str]]:
    """The same with the lines that come with a decision."""
    try:
        return decide()
    except RadiometryError as err:
        return err, []


def of_product(metadata: ProductMetadata, options: OpenOptions, *, where: str) -> Radiometry:
    """Radiometry of a SAFE product: its own metadata, overruled by what the caller states.

    Without a list of offsets the offset is 0, unless the processing baseline is one that has them.

    Raises:
        RadiometryError: the metadata contradict themselves or lack a number, and no option states it.
    """
    offset = _offset_of(metadata, options, where)
    quantification = options.quantification or metadata.quantification
    if quantification is None:
        raise RadiometryError(
            f"{where}: expected a quantification value, found none; "
            "get the product again, or state it with --quantification"
        )
    return Radiometry(
        offset=offset,
        quantification=dict.fromkeys(NAMES, float(quantification)),
        origin=_origin(where, options),
    )


def _offset_of(metadata: ProductMetadata, options: OpenOptions, where: str) -> dict[str, float]:
    if options.offset is not None:
        return dict.fromkeys(NAMES, options.offset)
    if metadata.offset is not None:
        return dict(metadata.offset)
    stated = [found for found in (metadata.baseline, metadata.named_baseline) if found is not None]
    if not stated:
        raise RadiometryError(
            f"{where}: expected offsets or a processing baseline that has none, found neither; "
            "state the offset with --offset (0 before baseline 04.00, -1000 from there on)"
        )
    latest = max(stated)
    if latest >= OFFSET_SINCE:
        name = "RADIO_ADD_OFFSET" if metadata.level == "L1C" else "BOA_ADD_OFFSET"
        raise RadiometryError(
            f"{where}: expected {name} at processing baseline {write_baseline(latest)}, found none; "
            "get the product again, or state the offset with --offset"
        )
    return dict.fromkeys(NAMES, 0.0)


_ESA = "ESA's usual quantification"


def of_baseline(said: Mapping[str, tuple[int, int]], options: OpenOptions, *, where: str) -> Radiometry:
    """Radiometry of ESA's own pixels where only the processing baseline is told: who says it -> which.

    Offset -1000 from baseline 04.00 on, 0 before, quantification 10000.
    Source: ESA, Sentinel-2 product specification 14.9 and 15.0; every real product seen.

    Raises:
        RadiometryError: nobody says it, it is not an official one, or one says otherwise than another.
    """
    offsets = {offset_at(baseline) for baseline in said.values()}
    offset = options.offset if options.offset is not None or len(offsets) != 1 else offsets.pop()
    if offset is None:
        found = ", ".join(f"{write_baseline(baseline)} ({who})" for who, baseline in said.items())
        raise RadiometryError(
            f"{where}: expected product metadata or one official processing baseline, "
            f"found {found or 'neither'}; "
            "state the offset with --offset (0 before baseline 04.00, -1000 from there on)"
        )
    who = next(iter(said), "")
    return Radiometry(
        offset=dict.fromkeys(NAMES, float(offset)),
        quantification=dict.fromkeys(NAMES, float(options.quantification or USUAL_QUANTIFICATION)),
        origin=_origin(f"processing baseline {write_baseline(said[who])} ({who})" if who else _ESA, options),
    )


def offset_at(baseline: tuple[int, int]) -> float | None:
    """The offset of ESA's own pixels at a baseline; None where the baseline is not one of ESA's.

    99.xx are other makers'; what comes after 05 nobody knows.
    """
    if baseline[0] > max(KNOWN_BASELINES)[0]:
        return None
    return USUAL_OFFSET if baseline >= OFFSET_SINCE else 0


def baseline_notes(baseline: str | None) -> list[str]:
    """A line where a baseline is unknown to us."""
    parsed = parse_baseline(baseline)
    if parsed is None:
        return ["processing baseline: none stated"]
    if parsed not in KNOWN_BASELINES:
        return [f"processing baseline {baseline}: unknown to this version"]
    return []


def _origin(where: str, options: OpenOptions) -> str:
    stated = [
        name
        for name, value in (("--offset", options.offset), ("--quantification", options.quantification))
        if value is not None
    ]
    if len(stated) == 2:
        return ", ".join(stated)
    return ", ".join([*stated, where])


def oddities(metadata: ProductMetadata) -> list[str]:
    """What a user should know of a product's own numbers, one line each."""
    lines = []
    if metadata.quantification not in (None, USUAL_QUANTIFICATION):
        lines.append(
            f"radiometry: expected quantification {USUAL_QUANTIFICATION} as in every product so far, "
            f"found {metadata.quantification:g}; it is applied"
        )
    if metadata.offset is None:
        return lines
    new = metadata.baseline is None or metadata.baseline >= OFFSET_SINCE
    usual = USUAL_OFFSET if new else 0
    if set(metadata.offset.values()) != {usual}:
        baseline = write_baseline(metadata.baseline) if metadata.baseline else "not stated"
        lines.append(
            f"radiometry: expected offset {usual} in all bands at processing baseline {baseline}, "
            f"found {summary(metadata.offset)}; it is applied"
        )
    return lines


def unusual(radiometry: Radiometry) -> list[str]:
    """A line for a quantification of Sentinel-2's that no product has had so far."""
    found = set(radiometry.quantification.values())
    if found == {float(USUAL_QUANTIFICATION)}:
        return []
    line = (
        f"radiometry: expected quantification {USUAL_QUANTIFICATION} as in every product so far, "
        f"found {summary(radiometry.quantification)}; it is applied"
    )
    return [line]


def of_stack(
    names: Sequence[str],
    scales: Sequence[float],
    offsets: Sequence[float],
    options: OpenOptions,
    *,
    where: str,
    is_float: bool,
    says_reflectance: bool = False,
) -> Radiometry:
    """Radiometry of a raster of several bands: GDAL's scale and offset, overruled by the caller.

    value * scale + offset is (value + offset / scale) / (1 / scale). Scale 1 with offset 0 is what GDAL
    says where a file says nothing; a stack of ours says in a tag that its numbers are reflectance.

    Raises:
        RadiometryError: the file says nothing and the options do not say both.
    """
    silent = [n for n, s, o in zip(names, scales, offsets, strict=True) if (s, o) == (1.0, 0.0) or s <= 0]
    if silent and not (options.states_radiometry or says_reflectance):
        hint = (
            "--offset 0 --quantification 1 if its numbers are reflectance"
            if is_float
            else ("--offset and --quantification (0 and 10000, or -1000 and 10000, for Sentinel-2)")
        )
        raise RadiometryError(
            f"{where}: expected a GDAL scale and offset on each band, found none on {', '.join(silent)}; "
            f"state {hint}"
        )
    own = options.states_radiometry
    stated = f"tag {VALUES_TAG}" if silent else "GDAL scale and offset"
    return Radiometry(
        offset={
            n: options.offset if options.offset is not None else _tidy(o / s)
            for n, s, o in zip(names, scales, offsets, strict=True)
        },
        quantification={
            n: options.quantification or _tidy(1 / s) for n, s in zip(names, scales, strict=True)
        },
        origin="--offset, --quantification" if own else _origin(stated, options),
    )


def _tidy(value: float) -> float:
    """Without the last digits that a division of decimals leaves: 49999.99999999999 is 50000."""
    return float(f"{value:.12g}")
