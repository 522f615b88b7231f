"""What a cube holds: bands by name, dates, a grid, and how its numbers become reflectance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine

from unclouded.core.bands import band
from unclouded.core.errors import GridError, OptionError, ProductError, RadiometryError
from unclouded.core.grid import Grid
from unclouded.core.product import Product
from unclouded.core.radiometry import Radiometry
from unclouded.jobs._numbers import Numbers
from unclouded.refine import spacing_of
from unclouded.sources import OpenOptions, open_product
from unclouded.sources._arrays import ArrayBand
from unclouded.sources._sensors import parse_sensor
from unclouded.sources._text import shown
from unclouded.sources.xarray_cube import axes, layers

Cube = xr.Dataset | xr.DataArray
Offset = float | Sequence[float] | xr.DataArray
"""One of all dates, or one a date."""


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Names of a cube's dimensions."""

    date: str | None
    """None where the cube has none: it is of one date."""
    rows: str
    cols: str

    @property
    def degrees(self) -> bool:
        """Whether they are named as degrees are."""
        return self.rows in {"latitude", "lat"}

    @property
    def all(self) -> tuple[str, ...]:
        """In the order in which we work on them."""
        return (*((self.date,) if self.date else ()), self.rows, self.cols)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A cube whose bands are known."""

    layers: Mapping[str, xr.DataArray]
    """Band -> its numbers, as they lie in the cube."""
    axes: Axes
    south_up: bool
    """Whether rows begin in the south: a network has to see them north up, as it learnt where shadows lie."""
    product: Product
    """The first date."""
    numbers: tuple[Numbers, ...]
    """One a date. The grid is north up."""

    def upright(self, name: str) -> xr.DataArray:
        """A band's numbers ([date,] row, column), north up."""
        return turned(self.layers[name].transpose(*self.axes.all), self)


def turned(layer: xr.DataArray, layout: Layout) -> xr.DataArray:
    """South up to north up and back, where the cube is south up."""
    return layer.isel({layout.axes.rows: slice(None, None, -1)}) if layout.south_up else layer


def layout_of(
    cube: Cube, *, offset: Offset | None, quantification: float | None, sensor: str | None, level: str | None
) -> Layout:
    """The layout of a cube. What its attributes do not say, the arguments must; no pixel is read.

    Raises:
        ProductError: no band that is named, or dimensions besides date, y and x.
        BandError: two variables are the same band.
        GridError: coordinates that are no regular grid, or bands of several.
        RadiometryError: neither the attributes nor the arguments say how numbers become reflectance.
        OptionError: not one offset, nor one a date.
    """
    attributes = {str(key).lower(): value for key, value in cube.attrs.items()}
    where = shown(attributes.get("id") or getattr(cube, "name", None) or "cube")
    taken_by = parse_sensor(shown(sensor or attributes.get("sensor") or "sentinel-2"))
    found = layers(cube, taken_by, where)
    names = axes_of(next(iter(found.values())), where)
    _check_alike(found, names, where)
    dates = cube.sizes[names.date] if names.date else 1
    offsets = _offsets(offset, names, dates)
    first = cube.isel({names.date: 0}) if names.date else cube
    product = _opened(first, _options(offsets[0], quantification, sensor, level))
    by_offset = {
        value: _numbers(_opened(first, _options(value, quantification, sensor, level)), degrees=names.degrees)
        for value in dict.fromkeys(offsets)
    }
    return Layout(
        layers={name: found[name] for name in sorted(found, key=lambda name: band(name).band_id)},
        axes=names,
        south_up=_south_up(next(iter(found.values())), names.rows),
        product=product,
        numbers=tuple(by_offset[value] for value in offsets),
    )


def _options(
    offset: float | None, quantification: float | None, sensor: str | None, level: str | None
) -> OpenOptions:
    return OpenOptions(offset=offset, quantification=quantification, sensor=sensor, level=level)


def _opened(date: Cube, options: OpenOptions) -> Product:
    try:
        return open_product(date, options)
    except RadiometryError as err:
        said = str(err).replace("a GDAL scale and offset", "attributes scale_factor and add_offset")
        raise RadiometryError(said) from None


def axes_of(layer: xr.DataArray, where: str) -> Axes:
    """Its dimensions by what they are.

    Raises:
        ProductError: some that are neither date, row nor column, or none of one of the latter.
    """
    rows, cols = axes(layer, where)
    others = [str(name) for name in layer.dims if name not in {rows, cols}]
    if len(others) > 1:
        raise ProductError(
            f"{where}: expected dimensions of date, y and x, found {', '.join(map(str, layer.dims))}; "
            f"select one of the others, e.g. cube.isel({others[-1]}=0)"
        )
    if min(layer.sizes.values()) < 1:
        raise ProductError(
            f"{where}: expected pixels, found {dict(layer.sizes)}; check what the cube was cut to"
        )
    return Axes(date=others[0] if others else None, rows=rows, cols=cols)


def _check_alike(found: Mapping[str, xr.DataArray], names: Axes, where: str) -> None:
    for name, layer in found.items():
        if set(layer.dims) != set(names.all):
            raise GridError(
                f"{where}: expected all bands with dimensions {', '.join(names.all)}, "
                f"found {', '.join(map(str, layer.dims))} of {name}; bring them onto one grid"
            )


def _offsets(offset: Offset | None, names: Axes, dates: int) -> tuple[float | None, ...]:
    if offset is None or np.ndim(offset) == 0:
        return (None if offset is None else float(np.asarray(offset)),) * dates
    values = np.asarray(offset, np.float64)
    if values.shape != (dates,) or names.date is None:
        raise OptionError(
            f"offset: expected a number, or one for each of {dates} dates, found an array of {values.shape}; "
            "give the latter in the order of the dates"
        )
    return tuple(float(value) for value in values)


def _south_up(layer: xr.DataArray, rows: str) -> bool:
    """As `sources.xarray_cube` puts single dates right."""
    if rows not in layer.coords or layer.sizes[rows] < 2:
        return False
    first, last = np.asarray(layer.coords[rows].values, np.float64)[[0, -1]]
    return bool(last > first)


def _numbers(product: Product, *, degrees: bool) -> Numbers:
    bands: dict[str, Any] = {
        name: reader for name, reader in product.bands.items() if isinstance(reader, ArrayBand)
    }
    return Numbers(
        identity=product.identity,
        bands=tuple(bands),
        radiometry=product.radiometry,
        nodata={name: reader.nodata for name, reader in bands.items()},
        zero_is_nodata={name: reader.zero_is_nodata for name, reader in bands.items()},
        grid=in_degrees(product.grid) if degrees else product.grid,
    )


def in_degrees(grid: Grid) -> Grid:
    """Coordinates called latitude are degrees, whether or not a system is named."""
    return grid if grid.crs else replace(grid, crs="EPSG:4326")


def of_bands(numbers: Numbers, names: Sequence[str]) -> Numbers:
    """The same with these bands alone, in this order."""
    stated = numbers.radiometry
    return replace(
        numbers,
        bands=tuple(names),
        nodata={name: numbers.nodata[name] for name in names},
        zero_is_nodata={name: numbers.zero_is_nodata[name] for name in names},
        radiometry=Radiometry(
            offset={name: stated.offset[name] for name in names},
            quantification={name: stated.quantification[name] for name in names},
            origin=stated.origin,
        ),
    )


def metric(grid: Grid, shape: tuple[int, int]) -> Grid:
    """A grid of this shape with another's spacing in m, that of its middle: the same in every part of a cube.

    Raises:
        OptionError: the spacing is not known.
    """
    if not grid.spacing_known:
        raise OptionError(
            "buffer_m: expected a cube whose spacing is known, found no coordinates; "
            "assign x and y in metres to it"
        )
    spacing = spacing_of(grid)
    transform = Affine.scale(spacing.col, -spacing.row)
    return Grid(height=shape[0], width=shape[1], transform=transform, crs=None)
