"""What the nodes of an EOPF product say: Zarr 2 as ESA's samples have it, Zarr 3 as the explorer's copies do.

Source: two real hierarchies; EOPF-Explorer/data-model.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import RadiometryError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.radiometry import Radiometry
from unclouded.sources import _json, _stac
from unclouded.sources._metadata import parse_baseline, write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._radiometry import of_stack, offset_at

ROOTS = ("measurements/reflectance/", "reflectance/", "")
"""Where the `r10m` groups may be, seen from what was given."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An array of a hierarchy."""

    path: str
    gsd: int
    """Of the group it lies in, m."""
    attributes: Mapping[str, Any]
    around: tuple[Mapping[str, Any], ...]
    """Attributes of the groups that it lies in, the nearest first."""
    shape: tuple[int, ...]
    is_float: bool
    values: Any = None
    """The array itself; None where only its metadata are there."""


Find = Callable[[str], Node | None]
"""The array at a path; None where there is none."""


def nodes(find: Find) -> dict[str, Node]:
    """One array a band, at its own spacing or the nearest finer one, else the nearest coarser one."""
    for root in ROOTS:
        found = {name: node for name in NAMES if (node := _band(find, root, name)) is not None}
        if found:
            return found
    return {}


def _band(find: Find, root: str, name: str) -> Node | None:
    own = band(name).gsd
    order = sorted((10, 20, 60), key=lambda gsd: (gsd > own, abs(gsd - own)))
    for path in (*(f"{root}r{gsd}m/{name.lower()}" for gsd in order), f"{root}{name.lower()}"):
        node = find(path)
        if node is not None and len(node.shape) == 2:
            return node
    return None


def gsd_of(path: str, name: str) -> int:
    """Spacing that a path says, `…/r20m/b05`, m; else the band's own."""
    found = re.search(r"(?:^|/)r(10|20|60)m/", path)
    return int(found[1]) if found else band(name).gsd


def identity(attributes: Any, name: str) -> Identity:
    """Who the product is, by `stac_discovery` of its root, else by its name alone."""
    item = _json.dig(attributes, "stac_discovery")
    properties = _json.dig(item, "properties")
    own = _json.text(item, "id") or name
    properties = properties if isinstance(properties, dict) else {}
    parsed = _stac.parse(
        {"id": re.sub(r"\.(SAFE|zarr)$", "", own), "properties": properties, "assets": {}, "type": "Feature"}
    )
    zenith, azimuth = (
        _json.number(
            attributes, "other_metadata", f"mean_sun_{kind}_angle_in_deg_for_all_bands_all_detectors"
        )
        for kind in ("zenith", "azimuth")
    )
    found = parsed.identity
    return Identity(
        **{
            **found.__dict__,
            "sun_zenith": zenith if found.sun_zenith is None else found.sun_zenith,
            "sun_azimuth": azimuth if found.sun_azimuth is None else found.sun_azimuth,
        }
    )


def radiometry(found: Mapping[str, Node], who: Identity, options: OpenOptions, *, where: str) -> Radiometry:
    """Scale and offset of the arrays' attributes, overruled by the options.

    Raises:
        RadiometryError: none, or none of ESA's at this processing baseline.
    """
    names = list(found)
    stated = of_stack(
        names,
        [_json.number(found[name].attributes, "scale_factor") or 1.0 for name in names],
        [_json.number(found[name].attributes, "add_offset") or 0.0 for name in names],
        options,
        where=where,
        is_float=any(node.is_float for node in found.values()),
    )
    baseline = parse_baseline(who.baseline)
    expected = offset_at(baseline) if baseline else None
    offsets = set(stated.offset.values())
    whole = not any(node.is_float for node in found.values())
    if options.offset is None and whole and expected is not None and baseline and offsets != {expected}:
        said = ", ".join(f"{value:g}" for value in sorted(offsets))
        raise RadiometryError(
            f"{where}: expected offset {expected:g} at processing baseline {write_baseline(baseline)}, "
            f"found {said} in add_offset; state the offset with --offset"
        )
    own = options.states_radiometry
    origin = (
        stated.origin if own else stated.origin.replace("GDAL scale and offset", "add_offset, scale_factor")
    )
    return Radiometry(offset=stated.offset, quantification=stated.quantification, origin=origin)


def grid(node: Node, coordinates: Callable[[str], Any]) -> Grid | None:
    """Where an array lies: `proj:transform` and code of its attributes, else its coordinates.

    Args:
        coordinates: path -> the numbers of an array of coordinates; None where there is none.
    """
    height, width = node.shape
    crs = next((code for held in _held(node) if (code := _crs(held)) is not None), None)
    transform = next((found for held in _held(node) if (found := _transform(held)) is not None), None)
    if transform is None:
        transform = _spaced(node, coordinates)
    if transform is None:
        return None
    return Grid(height=height, width=width, transform=transform, crs=crs)


def _held(node: Node) -> tuple[Mapping[str, Any], ...]:
    return (node.attributes, *node.around)


def _crs(held: Mapping[str, Any]) -> str | None:
    item = _json.dig(held, "stac_discovery", "properties")
    for content in (held, item):
        code = _json.text(content, "proj:code") or ""
        number = _json.number(content, "proj:epsg")
        if re.fullmatch(r"EPSG:\d{4,6}", code, re.ASCII):
            return code
        if number is not None and 1000 <= number < 10**6:
            return f"EPSG:{int(number)}"
    return None


def _transform(held: Mapping[str, Any]) -> Affine | None:
    for key in ("proj:transform", "spatial:transform"):
        values = _json.dig(held, key)
        numbers = [_json.number(values, i) for i in range(6)] if isinstance(values, list) else []
        if len(numbers) == 6 and None not in numbers and numbers[0] and numbers[4]:
            return Affine(*(value for value in numbers if value is not None))
    return None


def _spaced(node: Node, coordinates: Callable[[str], Any]) -> Affine | None:
    """Of the centres in `x` and `y` beside the array."""
    folder = node.path.rpartition("/")[0]
    across, down = (coordinates(f"{folder}/{axis}".lstrip("/")) for axis in ("x", "y"))
    if across is None or down is None or len(across) < 2 or len(down) < 2:
        return None
    steps = [np.diff(np.asarray(values, np.float64)) for values in (across, down)]
    if any(not np.allclose(step, step[0], rtol=1e-6) or step[0] == 0 for step in steps):
        return None
    dx, dy = float(steps[0][0]), float(steps[1][0])
    return Affine(dx, 0.0, float(across[0]) - dx / 2, 0.0, dy, float(down[0]) - dy / 2)
