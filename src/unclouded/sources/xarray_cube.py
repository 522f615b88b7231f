"""xarray objects: a Dataset whose variables are bands, or a DataArray with a dimension of bands.

What is lazy in the cube stays lazy.
Whoever hands over a cube has xarray: nothing here imports it, and nothing else needs it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from unclouded.core.bands import band, expected_at, missing
from unclouded.core.errors import BandError, GridError, ProductError
from unclouded.core.grid import Grid
from unclouded.core.product import REFLECTANCE, VALUES_TAG, Identity, Product
from unclouded.core.radiometry import Radiometry
from unclouded.sources import _radiometry
from unclouded.sources._arrays import ArrayBand
from unclouded.sources._delivery import Metadata, of_rasters
from unclouded.sources._options import OpenOptions
from unclouded.sources._sensors import Sensor, band_name, parse_level, parse_sensor
from unclouded.sources._text import shown

_ROWS, _COLS = ("y", "latitude", "lat", "northing"), ("x", "longitude", "lon", "easting")
_BANDS = ("band", "bands", "variable")


def sniff(source: object) -> bool:
    """Whether it is a Dataset or a DataArray. Never raises."""
    kind = type(source)
    return kind.__module__.startswith("xarray.") and kind.__name__ in {"Dataset", "DataArray"}


def open_product(source: Any, options: OpenOptions) -> Product:
    """The cube of one date as a product. What its attributes do not say, the options must.

    Raises:
        BandError: two variables are the same band.
        ProductError: no variable names a band, or there are several dates.
        GridError: coordinates that are no regular grid.
        RadiometryError: no scale and offset, neither in the attributes nor in the options.
    """
    attributes = {str(key).lower(): value for key, value in source.attrs.items()}
    sensor = parse_sensor(shown(options.sensor or attributes.get("sensor") or "sentinel-2"))
    level = parse_level(shown(options.level or attributes.get("level") or ""))
    where = shown(attributes.get("id") or getattr(source, "name", None) or "cube")
    layers = _layers(source, sensor, where)
    names = sorted(layers, key=lambda name: band(name).band_id)
    radiometry = _numbers(layers, names, options, where)
    bands = {name: _reader(layers[name], radiometry.offset[name], where, options) for name in names}
    lacking = missing(expected_at(level), names) if level is not None and sensor.is_sentinel2 else ()
    grid = min((reader.grid for reader in bands.values()), key=lambda found: found.pixel_size)
    return Product(
        identity=Identity(
            id=re.sub(r"[^\w.-]+", "_", where),
            sensor=sensor.name,
            satellite=sensor.satellite,
            level=level,
            sensing_time=_time(source),
        ),
        bands=bands,
        radiometry=radiometry,
        grid=grid,
        missing_bands=lacking,
        warnings=(
            *(
                []
                if options.sensor or attributes.get("sensor")
                else ["sensor: not stated; taken as sentinel-2"]
            ),
            *(["processing level: not stated (attribute level or option)"] if level is None else []),
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *([] if grid.georeferenced else ["no coordinate system: place unknown"]),
        ),
    )


def read_metadata(source: Any, options: OpenOptions) -> Metadata:
    """What the cube says of itself.

    Raises:
        The same as `open_product`.
    """
    return of_rasters(lambda stated: open_product(source, stated), options)


def _layers(source: Any, sensor: Sensor, where: str) -> dict[str, Any]:
    """Band -> its layer (y, x), north up."""
    return {name: _flat(layer, where) for name, layer in layers(source, sensor, where).items()}


def layers(source: Any, sensor: Sensor, where: str) -> dict[str, Any]:
    """Band -> its layer, with all the dimensions that it has besides that of the bands.

    Raises:
        BandError: two variables are the same band.
        ProductError: no variable names a band.
    """
    found: dict[str, Any] = {}
    unknown: list[str] = []
    for label, layer in _named(source):
        try:
            name = band_name(label, sensor)
        except BandError:
            unknown.append(shown(label, 40))
            continue
        if name in found:
            raise BandError(f"{where}: expected each band once, found {name} twice; drop one of them")
        found[name] = layer
    if not found:
        said = ", ".join(unknown[:20]) or "none"
        raise ProductError(
            f"{where}: expected variables or a band dimension named by bands (B02 or blue …), found {said}; "
            "rename them, or assign the coordinate band"
        )
    return found


def _named(source: Any) -> Iterator[tuple[str, Any]]:
    """Label and layer of each band there may be."""
    if type(source).__name__ == "Dataset":
        for name, layer in source.data_vars.items():
            if layer.ndim >= 2:
                yield _label(str(name), layer), layer
        return
    axis = next((name for name in _BANDS if name in source.dims), None)
    if axis is None:
        yield str(source.name), source
        return
    labels = [str(value) for value in source.coords[axis].values] if axis in source.coords else []
    titles = source.attrs.get("long_name")
    if isinstance(titles, list | tuple) and len(titles) == source.sizes[axis]:
        labels = [str(title) for title in titles]  # rioxarray keeps descriptions there
    for position, label in enumerate(labels):
        yield label, source.isel({axis: position})


def _label(name: str, layer: Any) -> str:
    """What a variable is called. `band_1` is how rioxarray counts a file's bands, and names none."""
    if not re.fullmatch(r"band_\d+", name):
        return name
    title = layer.attrs.get("long_name")
    return title if isinstance(title, str) else f"{name} (a position, not a name)"


def axes(layer: Any, where: str) -> tuple[str, str]:
    """Names of the dimensions of its rows and of its columns.

    Raises:
        ProductError: it lacks one.
    """
    rows, cols = (next((n for n in names if n in layer.dims), None) for names in (_ROWS, _COLS))
    if rows is None or cols is None:
        raise ProductError(
            f"{where}: expected dimensions y and x, found {', '.join(map(str, layer.dims))}; rename them"
        )
    return rows, cols


def _flat(layer: Any, where: str) -> Any:
    rows, cols = axes(layer, where)
    others = {name: size for name, size in layer.sizes.items() if name not in {rows, cols}}
    several = ", ".join(f"{name} of {size}" for name, size in others.items() if size != 1)
    if several:
        raise ProductError(
            f"{where}: expected dimensions y and x and one date, found {several}; "
            "select one, e.g. cube.isel(time=0)"
        )
    layer = layer.isel(dict.fromkeys(others, 0)).transpose(rows, cols)
    upside_down = rows in layer.coords and layer.sizes[rows] > 1 and _step(layer.coords[rows], where) > 0
    return layer.isel({rows: slice(None, None, -1)}) if upside_down else layer


def _step(coordinate: Any, where: str) -> float:
    values = np.asarray(coordinate.values, np.float64)
    steps = np.diff(values)
    if not np.allclose(steps, steps[0], rtol=1e-3, atol=0) or steps[0] == 0:
        raise GridError(
            f"{where}: expected evenly spaced {coordinate.name}, found steps of {steps.min():g} to "
            f"{steps.max():g}; reproject it onto a regular grid"
        )
    return float((values[-1] - values[0]) / (len(values) - 1))


def _numbers(layers: dict[str, Any], names: list[str], options: OpenOptions, where: str) -> Radiometry:
    """Scale and offset of the attributes; 1 and 0 where xarray has applied those of the encoding."""
    decoded = [n for n in names if _is_decoded(layers[n])]
    if decoded == names and not options.states_radiometry and options.offset is None:
        return Radiometry(
            offset=dict.fromkeys(names, 0.0),
            quantification=dict.fromkeys(names, float(options.quantification or 1.0)),
            origin="scale_factor and add_offset, applied by xarray",
        )
    stated = _radiometry.of_stack(
        names,
        [float(layers[n].attrs.get("scale_factor", 1.0)) for n in names],
        [float(layers[n].attrs.get("add_offset", 0.0)) for n in names],
        options,
        where=where,
        is_float=any(layers[n].dtype.kind == "f" for n in names),
        says_reflectance=all(layers[n].attrs.get(VALUES_TAG) == REFLECTANCE for n in names),
    )
    origin = stated.origin.replace("GDAL scale and offset", "attributes scale_factor and add_offset")
    return Radiometry(offset=stated.offset, quantification=stated.quantification, origin=origin)


def _reader(layer: Any, offset: float, where: str, options: OpenOptions) -> ArrayBand:
    nodata = nodata_of(layer)
    return ArrayBand(
        values=layer,
        where=f"{where}, {shown(layer.name or 'band', 40)}",
        levels=(grid_of(layer, where, options),),
        nodata=None if nodata is None or np.isnan(nodata) else nodata,
        # floats that say NaN are floats in which 0 is a number
        zero_is_nodata=not _is_decoded(layer)
        and (offset < 0 or (nodata is None and layer.dtype.kind != "f") or nodata == 0),
    )


def nodata_of(layer: Any) -> float | None:
    """The layer's own nodata value, in the numbers that it holds now."""
    found = next(
        (
            float(held[key])
            for held in (layer.attrs, layer.encoding)
            for key in ("_FillValue", "nodata", "missing_value")
            if np.isscalar(held.get(key)) and not isinstance(held.get(key), str)
        ),
        None,
    )
    if not _is_decoded(layer):
        return found
    # xarray has made NaN of the fill value that it was told, and a number of what it was not: DN 0 of Zarr 3
    return None if found is not None else float(layer.encoding.get("add_offset", 0.0))


def _is_decoded(layer: Any) -> bool:
    """Whether xarray has applied scale and offset."""
    return "scale_factor" in layer.encoding and "scale_factor" not in layer.attrs


def grid_of(layer: Any, where: str, options: OpenOptions) -> Grid:
    """Where a layer (y, x) lies, by its coordinates.

    Raises:
        GridError: they are not evenly spaced.
    """
    rows, cols = layer.dims
    height, width = layer.shape
    if rows not in layer.coords or cols not in layer.coords or min(height, width) < 2:
        gsd = options.gsd
        transform = Affine.identity() if gsd is None else Affine.scale(gsd, -gsd)
        return Grid(height=height, width=width, transform=transform, crs=None)
    dx, dy = _step(layer.coords[cols], where), _step(layer.coords[rows], where)
    left = float(layer.coords[cols].values[0]) - dx / 2
    top = float(layer.coords[rows].values[0]) - dy / 2
    return Grid(height=height, width=width, transform=Affine(dx, 0.0, left, 0.0, dy, top), crs=_crs(layer))


def _crs(layer: Any) -> str | None:
    """By CF (`spatial_ref`), by an attribute, as EOPF has it, or by the code that STAC loaders keep."""
    held = layer.coords["spatial_ref"].attrs if "spatial_ref" in layer.coords else {}
    codes = [layer.coords[key] for key in ("proj:code", "proj:epsg", "epsg") if key in layer.coords]
    stated = [
        held.get("crs_wkt"),
        held.get("spatial_ref"),
        layer.attrs.get("crs"),
        *(layer.attrs.get(key) for key in ("proj:code", "proj:epsg")),
        *(code.item() for code in codes if code.ndim == 0),
    ]
    for value in stated:
        if value is None:
            continue
        try:
            crs = CRS.from_user_input(int(value) if str(value).isdigit() else str(value))
        except (CRSError, ValueError):
            continue
        code = crs.to_epsg()
        return f"EPSG:{code}" if code else str(crs.to_wkt())
    return None


def _time(source: Any) -> datetime | None:
    if "time" not in source.coords or source.coords["time"].size != 1:
        return None
    value = source.coords["time"].values.reshape(-1)[0]
    if not np.issubdtype(type(value), np.datetime64) or np.isnat(value):
        return None
    seconds = float((value - np.datetime64(0, "s")) / np.timedelta64(1, "us")) / 1e6
    return datetime.fromtimestamp(seconds, UTC)
