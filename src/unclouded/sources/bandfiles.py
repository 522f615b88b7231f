"""Bands in a file each, without product metadata: a folder of `…_B02.tif`, or a mapping of band -> file.

The band is in the file's name, the radiometry in GDAL's scale and offset or in the options.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from affine import Affine

from unclouded.core.bands import SENTINEL2, band, expected_at, missing
from unclouded.core.errors import BandError, OptionError, ProductError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity, Product
from unclouded.sources import _radiometry
from unclouded.sources._bandset import BandSet, open_bands, readers
from unclouded.sources._delivery import Metadata, of_rasters
from unclouded.sources._layout import BandPath, base_name, best_of, is_product_xml
from unclouded.sources._options import OpenOptions
from unclouded.sources._sensors import Sensor, band_name, parse_level, parse_sensor
from unclouded.sources._text import shown
from unclouded.sources._tree import Files, Folder, Tree

_SUFFIXES = (".jp2", ".tif", ".tiff")
_NUMBERED = re.compile(r"B(?:and)?\d{1,2}A?", re.IGNORECASE)
_SPACING = re.compile(r"(10|20|60)m", re.IGNORECASE)


def sniff(source: object) -> bool:
    """Whether it is a folder of band files without metadata, or a mapping of bands to files. Never raises."""
    if isinstance(source, Mapping):
        return bool(source) and all(isinstance(value, str | Path) for value in source.values())
    try:
        return isinstance(source, Path) and source.is_dir() and _is_folder(source)
    except OSError:
        return False


def open_product(source: Path | Mapping[str, str | Path], options: OpenOptions) -> Product:
    """The bands as a product. Sensor and level come from the options. No pixel is decoded.

    Raises:
        ProductError: a band in several files, or files of several dates.
        BandError: a name that is no band.
        RadiometryError: no scale and offset, neither in the files nor in the options.
        RasterError: none of its bands can be opened.
    """
    sensor = parse_sensor(shown(options.sensor or "sentinel-2"))
    level = parse_level(shown(options.level or ""))
    tree, paths = _listed(source, sensor)
    bands = open_bands(tree, paths)
    radiometry = _radiometry.of_stack(
        tuple(bands.infos),
        [info.scales[0] for info in bands.infos.values()],
        [info.offsets[0] for info in bands.infos.values()],
        options,
        where=tree.where,
        is_float=any(info.dtype.kind == "f" for info in bands.infos.values()),
    )
    placed = readers(bands, _places(bands, options))
    lacking = missing(expected_at(level), placed) if level is not None and sensor.is_sentinel2 else ()
    return Product(
        identity=Identity(
            id=_identifier(tree.where), sensor=sensor.name, satellite=sensor.satellite, level=level
        ),
        bands=placed,
        radiometry=radiometry,
        grid=min((reader.grid for reader in placed.values()), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *(["sensor: not stated; taken as sentinel-2 (option)"] if options.sensor is None else []),
            *(["processing level: not stated (option)"] if level is None else []),
            *bands.damaged,
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *_placing(bands, options),
        ),
    )


def read_metadata(source: Path | Mapping[str, str | Path], options: OpenOptions) -> Metadata:
    """What the files say of themselves.

    Raises:
        The same as `open_product`.
    """
    return of_rasters(lambda stated: open_product(source, stated), options)


def _is_folder(folder: Path) -> bool:
    """A STAC item beside the files, or any product's metadata, makes it another kind of source."""
    if folder.name == "preview" and (folder.parent / "tileInfo.json").is_file():
        return False
    names = [child.name for child in folder.iterdir()]
    if any(name.lower().endswith((".json", ".safe")) or is_product_xml(name) for name in names):
        return False
    if any(name.lower().endswith(("_mtl.txt", "metadata.xml", "mtd_tl.xml")) for name in names):
        return False
    return any(_of_name(name, Sensor(name="sentinel-2")) is not None for name in names)


def _listed(source: Path | Mapping[str, str | Path], sensor: Sensor) -> tuple[Tree, Mapping[str, BandPath]]:
    if isinstance(source, Mapping):
        return _named(source, sensor)
    folder = Folder(source, depth=0)
    found = [pair for name in folder.files if (pair := _of_name(name, sensor)) is not None]
    _check_single(found, folder.where)
    if not found:
        raise ProductError(
            f"{folder.where}: expected files named by their band ({sensor.name}), found none; "
            "name them …_B02.tif, …_B03.tif"
        )
    return folder, best_of(found)


def _named(source: Mapping[str, str | Path], sensor: Sensor) -> tuple[Tree, Mapping[str, BandPath]]:
    paths: dict[str, Path] = {}
    for key, value in source.items():
        name = band_name(str(key), sensor)
        if name in paths:
            raise BandError(f"bands {', '.join(map(str, source))}: {name} named twice; name each band once")
        paths[name] = Path(value)
        if not paths[name].is_file():
            raise ProductError(f"{name}: expected a file, found none at {shown(paths[name].name)}; check it")
    tree = Files({name: path.resolve() for name, path in paths.items()}, where="bands")
    return tree, best_of((name, BandPath(path=name, gsd=band(name).gsd)) for name in paths)


def _of_name(name: str, sensor: Sensor) -> tuple[str, BandPath] | None:
    """Band of a file name: its last part that names one, `x_B02_10m.tif`, `2019-04-11_red.tif`."""
    path = Path(name)
    if path.suffix.lower() not in _SUFFIXES:
        return None
    parts = re.split(r"[_\-. ]+", path.stem)
    spacing = next((int(part[:2]) for part in reversed(parts) if _SPACING.fullmatch(part)), None)
    numbered = [part for part in parts if _NUMBERED.fullmatch(part)]
    for part in reversed(numbered or parts):
        try:
            found = band_name(part, sensor)
        except BandError:
            continue
        return found, BandPath(path=name, gsd=spacing or band(found).gsd)
    return None


def _check_single(found: list[tuple[str, BandPath]], where: str) -> None:
    seen: dict[tuple[str, int], str] = {}
    for name, raster in found:
        other = seen.setdefault((name, raster.gsd), raster.path)
        if other != raster.path:
            raise ProductError(
                f"{where}: expected one file for {name}, found {shown(base_name(other))} and "
                f"{shown(base_name(raster.path))}; give a folder of one scene, or a mapping of band to file"
            )


def _places(bands: BandSet, options: OpenOptions) -> dict[int, Grid]:
    """Where rasters without georeference lie: all over one extent, the finest spaced as the option says."""
    plain = [info.grid for info in bands.infos.values() if not info.grid.georeferenced]
    if not plain:
        return {}
    shapes = {grid.shape for grid in plain}
    if options.gsd is None and len(shapes) > 1:
        raise OptionError(
            f"bands without georeference: expected one size, found {len(shapes)}; "
            "state the spacing of the finest with --pixel-size (gsd=)"
        )
    finest = max(plain, key=lambda grid: grid.height)
    transform = Affine.identity() if options.gsd is None else Affine.scale(options.gsd, -options.gsd)
    grid = replace(finest, transform=transform, crs=None)
    return dict.fromkeys({*bands.gsds.values(), *(item.gsd for item in SENTINEL2)}, grid)


def _placing(bands: BandSet, options: OpenOptions) -> list[str]:
    plain = [name for name, info in bands.infos.items() if not info.grid.georeferenced]
    if not plain:
        return []
    spacing = "unknown" if options.gsd is None else f"{options.gsd:g} m as stated"
    return [f"no georeference in {', '.join(plain)}: place unknown, spacing {spacing}"]


def _identifier(where: str) -> str:
    return re.sub(r"[^\w.-]+", "_", where)
