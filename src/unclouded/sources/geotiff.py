"""GeoTIFF of several bands, each named in its description: `B04` or a STAC common name such as `red`.

A file, or an address (https://, s3://), of which only the windows and overviews needed are fetched.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from affine import Affine

from unclouded.core.bands import band, expected_at, missing
from unclouded.core.errors import BandError, ProductError
from unclouded.core.grid import Grid
from unclouded.core.product import REFLECTANCE, VALUES_TAG, Identity, Product
from unclouded.sources import _radiometry
from unclouded.sources._bands import StackedBand
from unclouded.sources._delivery import Metadata, of_rasters
from unclouded.sources._hrefs import gdal_path
from unclouded.sources._metadata import parse_baseline, parse_time, write_baseline
from unclouded.sources._options import OpenOptions
from unclouded.sources._providers import check_address, plain
from unclouded.sources._raster import (
    RasterFile,
    RasterInfo,
    describe,
    driver_of,
    level_grids,
    raster_file,
    remote_file,
)
from unclouded.sources._remote import Remote
from unclouded.sources._sensors import Sensor, band_name, parse_level, parse_sensor
from unclouded.sources._text import shown
from unclouded.sources._xml import number

_TILE = re.compile(r"\d{2}[A-Z]{3}", re.ASCII)


def sniff(source: object) -> bool:
    """Whether the file is a TIFF by its first bytes, or calls itself one. Never raises."""
    if isinstance(source, str):
        begins = source.startswith(("https://", "http://", "s3://"))
        return begins and source.partition("?")[0].lower().endswith((".tif", ".tiff"))
    try:
        if not isinstance(source, Path) or not source.is_file():
            return False
        path = source
        with path.open("rb") as file:
            return driver_of(file.read(16)) == "GTiff" or path.suffix.lower() in {".tif", ".tiff"}
    except OSError:
        return False


def read_metadata(source: Path | str, options: OpenOptions) -> Metadata:
    """What the file says of itself.

    Raises:
        The same as `open_product`.
    """
    return of_rasters(lambda stated: open_product(source, stated), options)


def open_product(source: Path | str, options: OpenOptions) -> Product:
    """A GeoTIFF as a product. Sensor and level come from the options, else from the file's tags.

    Raises:
        RasterError: not a TIFF inside, or damaged.
        ProductError: no band has a name.
        BandError: two bands have the same name.
        RadiometryError: no scale and offset, neither in the file nor in the options.
    """
    path = source if isinstance(source, Path) else PurePosixPath(plain(source))
    file = _open(source)
    info = describe(file)
    sensor, level, notes = _provenance(info, options)
    positions, unknown = _positions(info, sensor, shown(path.name))
    names = sorted(positions, key=lambda name: band(name).band_id)
    radiometry = _radiometry.of_stack(
        names,
        [info.scales[positions[name] - 1] for name in names],
        [info.offsets[positions[name] - 1] for name in names],
        options,
        where=shown(path.name),
        is_float=info.dtype.kind == "f",
        says_reflectance=info.tags.get(VALUES_TAG) == REFLECTANCE,
    )
    grid, placing = _grid(info, options)
    shapes = [item.shape for item in info.levels[1:]]
    levels = level_grids(grid, shapes, None)
    lacking = missing(expected_at(level), names) if sensor.is_sentinel2 and level is not None else ()
    return Product(
        identity=_identity(shown(path.stem), sensor, level, _tags(info)),
        bands={
            name: StackedBand(
                file=file,
                index=positions[name],
                others=tuple(positions[other] for other in names if other != name),
                nodata=info.nodata[positions[name] - 1],
                zero_is_nodata=radiometry.offset[name] < 0,
                levels=levels,
            )
            for name in names
        },
        radiometry=radiometry,
        grid=grid,
        missing_bands=lacking,
        warnings=(
            *_unused(info, options),
            *notes,
            *unknown,
            *placing,
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
        ),
    )


def _open(path: Path | str) -> RasterFile:
    if isinstance(path, str):
        where = shown(PurePosixPath(plain(path)).name)
        check_address(path, where=where, home=path)
        remote = Remote(host=urlsplit(path).hostname or "the service")
        return remote_file(path=gdal_path(path), driver="GTiff", where=where, remote=remote)
    with path.open("rb") as stream:
        head = stream.read(64)
    return raster_file(path=str(path.resolve()), head=head, size=path.stat().st_size, where=shown(path.name))


def _positions(info: RasterInfo, sensor: Sensor, where: str) -> tuple[dict[str, int], list[str]]:
    """Band -> position from 1, and a line for the descriptions that name no band of ours."""
    found: dict[str, int] = {}
    unknown: list[str] = []
    for position, description in enumerate(info.names, start=1):
        try:
            name = band_name(description or "", sensor)
        except BandError:
            unknown.append(shown(description, 40) if description else f"band {position}, without description")
            continue
        if name in found:
            raise BandError(
                f"{where}: expected each band once, found {name} as band {found[name]} and {position}; "
                "rename one of them"
            )
        found[name] = position
    if not found:
        raise ProductError(
            f"{where}: expected bands described by their names (B02 or blue, B03 or green …), found "
            f"{', '.join(unknown)}; set the descriptions, e.g. with rio edit-info or gdal_edit.py"
        )
    return found, [f"ignored, no band of reflectance: {', '.join(unknown)}"] if unknown else []


def _provenance(info: RasterInfo, options: OpenOptions) -> tuple[Sensor, str | None, list[str]]:
    """Sensor and level, and a line for what nobody states."""
    tags = _tags(info)
    stated = options.sensor or tags.get("SENSOR") or ""
    level = parse_level(shown(options.level or tags.get("LEVEL") or ""))
    notes = []
    if not stated:
        notes.append("sensor: not stated; taken as sentinel-2 (tag SENSOR or option)")
    if level is None:
        notes.append("processing level: not stated (tag LEVEL or option)")
    return parse_sensor(shown(stated) or "sentinel-2"), level, notes


def _tags(info: RasterInfo) -> dict[str, str]:
    return {key.upper(): value.strip() for key, value in info.tags.items()}


def _identity(name: str, sensor: Sensor, level: str | None, tags: Mapping[str, str]) -> Identity:
    """Who took it, and when: tags as our stacks have them; what is not of their form is not taken."""
    baseline = parse_baseline(tags.get("BASELINE"))
    tile = tags.get("TILE", "")
    return Identity(
        id=name,
        sensor=sensor.name,
        satellite=sensor.satellite,
        level=level,
        baseline=write_baseline(baseline) if baseline else None,
        tile=tile if _TILE.fullmatch(tile) else None,
        sensing_time=parse_time(tags.get("SENSING_TIME")),
        sun_zenith=_angle(tags.get("SUN_ZENITH"), 180),
        sun_azimuth=_angle(tags.get("SUN_AZIMUTH"), 360),
    )


def _angle(text: str | None, highest: float) -> float | None:
    value = number(text)
    return value if value is not None and 0 <= value <= highest else None


def _unused(info: RasterInfo, options: OpenOptions) -> list[str]:
    """A line for each option that does not apply."""
    lines = []
    if options.granule is not None:
        lines.append("granule: ignored, a GeoTIFF has none")
    if options.gsd is not None and info.grid.georeferenced:
        lines.append(f"gsd: ignored, the raster's own georeference says {info.grid.pixel_size:g} m")
    return lines


def _grid(info: RasterInfo, options: OpenOptions) -> tuple[Grid, list[str]]:
    """Own georeference, or pixels as they are, spaced as stated if anybody does; and a line that says so."""
    if info.grid.georeferenced:
        return info.grid, []
    if options.gsd is None:
        grid = replace(info.grid, transform=Affine.identity(), crs=None)
        return grid, [
            "no georeference: place and spacing unknown; state the spacing with --pixel-size (gsd=)"
        ]
    grid = replace(info.grid, transform=Affine.scale(options.gsd, -options.gsd), crs=None)
    return grid, [f"no georeference: place unknown, spacing {options.gsd:g} m as stated"]
