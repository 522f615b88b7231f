"""The STAC item of a mask: what it is, where it lies, what made it, and which files belong to it.

A plain dictionary, valid by the schemas of STAC 1.1 and of the extensions that it names. Grounds for the
choice of fields: classes and shares are the classification extension's, cloud cover is that of this mask, the
model is named by its hash (RFC 6920), since a mask does not know where its reader keeps models.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rasterio.warp import transform_geom

from unclouded.core import stac
from unclouded.core.classes import CLOUD, NODATA, SHADOW, SNOW
from unclouded.core.errors import ProductError
from unclouded.core.grid import Grid
from unclouded.outputs._atomic import replacing
from unclouded.outputs.cog import PERCENT
from unclouded.outputs.provenance import Provenance

_EXTENSIONS = (
    stac.CLASSIFICATION,
    stac.EO,
    stac.FILE,
    stac.MLM,
    stac.PROCESSING,
    stac.PROJECTION,
    stac.RASTER,
)
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_STEPS = 16
"""Points on each side of a footprint: a straight line on a map is none in degrees."""
_DECIMALS = 7
"""Of degrees: a centimetre."""


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """The files of one mask, side by side."""

    mask: Path
    probabilities: Path | None = None
    preview: Path | None = None
    style: Path | None = None


def write_item(path: Path, made: Provenance, counts: Mapping[int, int], files: MaskFiles) -> None:
    """Write the item beside its files.

    Raises:
        OutputError: it cannot be written.
        As `mask_item`.
    """
    text = json.dumps(mask_item(made, counts, files), indent=2, ensure_ascii=False)
    with replacing(path) as part:
        part.write_text(f"{text}\n", encoding="utf-8")


def mask_item(made: Provenance, counts: Mapping[int, int], files: MaskFiles) -> dict[str, Any]:
    """The item of a mask whose files are written.

    Args:
        counts: pixels by code, nodata among them.

    Raises:
        ProductError: the product does not state when it was taken, without which there is no item.
    """
    if made.identity.sensing_time is None:
        raise ProductError(
            f"{made.identity.id}: expected the time when it was taken, found none; a STAC item needs one"
        )
    return {
        "type": "Feature",
        "stac_version": stac.VERSION,
        "stac_extensions": list(_EXTENSIONS),
        "id": made.identity.id,
        **_place(made.grid),
        "properties": {
            "datetime": _utc(made.identity.sensing_time),
            "created": _utc(made.created),
            "description": f"Cloud mask of {made.identity.id}",
            **_instrument(made),
            **_projection(made.grid),
            **_cover(counts),
            "processing:lineage": made.lineage(),
            "processing:datetime": _utc(made.created),
            "processing:software": {"unclouded": made.software},
            **stac.model_properties(made.spec),
        },
        "links": _links(made),
        "assets": _assets(made, counts, files),
    }


def footprint(grid: Grid) -> dict[str, Any]:
    """The grid's outline in degrees as GeoJSON, cut where it crosses the antimeridian."""
    down, right = grid.height, grid.width
    corners = ((0, 0), (0, down), (right, down), (right, 0), (0, 0))
    ring = []
    for (x, y), (to_x, to_y) in pairwise(corners):
        shares = (step / _STEPS for step in range(_STEPS))
        ring += [_on_map(grid, x + (to_x - x) * share, y + (to_y - y) * share) for share in shares]
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    geometry: dict[str, Any] = transform_geom(grid.crs, "EPSG:4326", polygon, precision=_DECIMALS)
    return geometry


def bbox_of(geometry: Mapping[str, Any]) -> list[float]:
    """[west, south, east, north] around a polygon, or two of one that were cut at the antimeridian.

    There west is greater than east (RFC 7946, section 5.2).
    """
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    boxes = [_box(part[0]) for part in parts]
    lats = [lat for box in boxes for lat in (box[1], box[3])]
    if len(boxes) > 1:
        west = min(box[0] for box in boxes if box[0] >= 0)
        east = max(box[2] for box in boxes if box[0] < 0)
    else:
        west, east = boxes[0][0], boxes[0][2]
    return [west, min(lats), east, max(lats)]


def _box(ring: list[list[float]]) -> tuple[float, float, float, float]:
    lons, lats = [point[0] for point in ring], [point[1] for point in ring]
    return min(lons), min(lats), max(lons), max(lats)


def _on_map(grid: Grid, col: float, row: float) -> tuple[float, float]:
    t = grid.transform
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def _place(grid: Grid) -> dict[str, Any]:
    """Outline and box; a raster without georeference has no place, as STAC allows."""
    if not grid.georeferenced:
        return {"geometry": None}
    geometry = footprint(grid)
    return {"bbox": bbox_of(geometry), "geometry": geometry}


def _instrument(made: Provenance) -> dict[str, Any]:
    """Who took the scene, in the words that the catalogues use."""
    identity = made.identity
    words: dict[str, Any] = {"gsd": round(made.grid.pixel_size, 4)} if made.grid.spacing_known else {}
    if identity.sensor == "sentinel-2":
        satellite = (identity.satellite or "").removeprefix("S2").lower()
        words |= {"constellation": "sentinel-2", "instruments": ["msi"]}
        words |= {"platform": f"sentinel-2{satellite}"} if satellite else {}
    elif identity.sensor.startswith("landsat-"):
        words |= {"constellation": "landsat", "platform": identity.sensor, "instruments": ["oli"]}
    else:
        words |= {"platform": identity.sensor}
    return words


def _projection(grid: Grid) -> dict[str, Any]:
    t = grid.transform
    words: dict[str, Any] = {"proj:shape": list(grid.shape)}
    if grid.spacing_known:
        words["proj:transform"] = [t.a, t.b, t.c, t.d, t.e, t.f]
    if grid.crs is None:
        return words | {"proj:code": None}
    corners = [_on_map(grid, x, y) for x in (0, grid.width) for y in (0, grid.height)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    words["proj:bbox"] = [min(xs), min(ys), max(xs), max(ys)]
    is_code = grid.crs.upper().startswith(("EPSG:", "OGC:"))
    return words | ({"proj:code": grid.crs} if is_code else {"proj:code": None, "proj:wkt2": grid.crs})


def _cover(counts: Mapping[int, int]) -> dict[str, Any]:
    """Shares of what was seen, per cent; none where nothing was."""
    seen = _seen(counts)
    total = sum(counts.values())
    words = {"unclouded:seen_percent": _percent(seen, total)}
    if seen:
        words["eo:cloud_cover"] = _percent(sum(counts.get(code, 0) for code in CLOUD), seen)
        if SNOW in counts:
            words["eo:snow_cover"] = _percent(counts[SNOW], seen)
    return words


def _seen(counts: Mapping[int, int]) -> int:
    return sum(counts.values()) - counts.get(NODATA, 0)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4)


def _links(made: Provenance) -> list[dict[str, Any]]:
    if made.source is None:
        return []
    return [{"rel": "derived_from", "href": made.source, "title": made.identity.id}]


def _assets(made: Provenance, counts: Mapping[int, int], files: MaskFiles) -> dict[str, Any]:
    assets = {
        "mask": {
            **_file(files.mask),
            "type": _COG,
            "title": "Mask",
            "roles": _roles(made),
            "bands": [{"name": "mask", "data_type": "uint8", "nodata": NODATA}],
            # of the asset, not of its band: the extension's schema looks here only
            "classification:classes": _classes(made, counts),
            **_resolution(made.grid),
        }
    }
    if files.probabilities is not None:
        assets["probabilities"] = {
            **_file(files.probabilities),
            "type": _COG,
            "title": "Probability of each class, the network's own",
            "roles": ["data", "probability"],
            "bands": [
                {"name": item.name, "data_type": "uint8", "nodata": NODATA, "raster:scale": PERCENT}
                for item in map(made.spec.class_of, made.spec.classes)
            ],
            **_resolution(made.grid),
        }
    if files.preview is not None:
        assets["preview"] = {
            **_file(files.preview),
            "type": "image/png",
            "title": "The scene beside its mask",
            "roles": ["overview"],
        }
    if files.style is not None:
        assets["style"] = {
            **_file(files.style),
            "type": "application/xml",
            "title": "QGIS style of the mask",
            "roles": ["style"],
        }
    assets["model"] = stac.model_asset(
        made.spec, href=_name_of_content(made.model_sha256), sha256=made.model_sha256
    )
    return assets


def _roles(made: Provenance) -> list[str]:
    """What the mask tells apart, by the EO extension's words for roles."""
    codes = {item.code for item in made.legend}
    named = {"cloud": codes & CLOUD, "cloud-shadow": codes & {SHADOW}, "snow-ice": codes & {SNOW}}
    return ["data", *(role for role, found in named.items() if found)]


def _classes(made: Provenance, counts: Mapping[int, int]) -> list[dict[str, Any]]:
    seen = _seen(counts)
    listed = []
    for item in made.legend:
        count = counts.get(item.code, 0)
        share = {"percentage": _percent(count, seen)} if seen else {}
        listed.append({**stac.class_object(item), "count": count, **share})
    nothing = {"value": NODATA, "name": "not_seen", "title": "not seen", "nodata": True}
    return [*listed, {**nothing, "count": counts.get(NODATA, 0)}]


def _resolution(grid: Grid) -> dict[str, float]:
    return {"raster:spatial_resolution": round(grid.pixel_size, 4)} if grid.spacing_known else {}


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "href": f"./{quote(path.name)}",
        "file:size": path.stat().st_size,
        "file:checksum": stac.multihash(digest),
    }


def _name_of_content(sha256: str) -> str:
    """A file by its hash: `ni:///sha-256;…` (RFC 6920)."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
    return f"ni:///sha-256;{digest}"


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
