"""What a reader has found before any raster is opened, and the two things that can come of it.

They are a product of lazy bands, and what it says of itself where pixels are not wanted or not there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from unclouded.core.bands import NAMES, expected_at, missing
from unclouded.core.errors import RadiometryError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity, Product
from unclouded.core.radiometry import Radiometry
from unclouded.sources._bandset import BandSet, open_bands, pixel_warnings, readers
from unclouded.sources._layout import BandPath
from unclouded.sources._nodata import floor_of
from unclouded.sources._options import OpenOptions
from unclouded.sources._tree import Tree


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a source says of itself. No raster has been opened for it."""

    identity: Identity
    radiometry: Radiometry | None
    """None where the metadata do not settle it; `warnings` say why."""
    bands: tuple[str, ...]
    """Bands whose rasters are there."""
    absent_bands: tuple[str, ...]
    """Bands that the metadata name and whose rasters are not there."""
    missing_bands: tuple[str, ...]
    """Bands that the level should have and that are neither there nor named."""
    grid: Grid | None
    """Grid of the finest band as the metadata state it; None where they do not."""
    warnings: tuple[str, ...] = ()
    """What a user should know: one line each."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One granule's rasters and what is known of them."""

    tree: Tree
    identity: Identity
    radiometry: Radiometry | RadiometryError
    """Or why it cannot be told."""
    paths: Mapping[str, BandPath]
    """Band -> its raster in the tree, in the order of the table."""
    listed: tuple[str, ...] = ()
    """Bands that the metadata name."""
    tile: Mapping[int, Grid]
    """Gsd, m -> grid of a whole tile, as the metadata state it."""
    warnings: tuple[str, ...] = ()


def opened(delivery: Delivery, bands: BandSet | None = None) -> Product:
    """The product: its rasters opened, if they are not, and placed; nothing decoded.

    Raises:
        RadiometryError: the offset or the quantification cannot be told.
        RasterError: none of its bands can be opened.
    """
    if isinstance(delivery.radiometry, RadiometryError):
        raise delivery.radiometry
    bands = bands or open_bands(delivery.tree, delivery.paths)
    level = delivery.identity.level
    floor = {name: floor_of(offset, level) for name, offset in delivery.radiometry.offset.items()}
    placed = readers(bands, delivery.tile, floor)
    lacking = missing(_expected(delivery), placed)
    return Product(
        identity=delivery.identity,
        bands=placed,
        radiometry=delivery.radiometry,
        grid=min((reader.grid for reader in placed.values()), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *delivery.warnings,
            *bands.damaged,
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *pixel_warnings(bands, delivery.tile),
        ),
    )


def stated(delivery: Delivery) -> Metadata:
    """What the metadata say, rasters left alone."""
    unclear = isinstance(delivery.radiometry, RadiometryError)
    there = tuple(delivery.paths)
    absent = missing([name for name in NAMES if name in delivery.listed], there)
    finest = min(delivery.tile, default=None)
    return Metadata(
        identity=delivery.identity,
        radiometry=None if isinstance(delivery.radiometry, RadiometryError) else delivery.radiometry,
        bands=there,
        absent_bands=absent,
        missing_bands=missing(_expected(delivery), (*there, *absent)),
        grid=delivery.tile[finest] if finest is not None else None,
        warnings=(*([str(delivery.radiometry)] if unclear else []), *delivery.warnings),
    )


def of_rasters(open_product: Callable[[OpenOptions], Product], options: OpenOptions) -> Metadata:
    """The same of a source whose rasters are its only metadata; without radiometry where they state none."""
    try:
        return _of_open_product(open_product(options))
    except RadiometryError as err:
        # numbers to open it with, for all else that it says: they are taken out again
        found = _of_open_product(open_product(replace(options, offset=0.0, quantification=1.0)))
        return replace(found, radiometry=None, warnings=(str(err), *found.warnings))


def _of_open_product(product: Product) -> Metadata:
    return Metadata(
        identity=product.identity,
        radiometry=product.radiometry,
        bands=tuple(product.bands),
        absent_bands=(),
        missing_bands=product.missing_bands,
        grid=product.grid,
        warnings=product.warnings,
    )


def _expected(delivery: Delivery) -> tuple[str, ...]:
    level = delivery.identity.level
    return expected_at(level) if level is not None and delivery.identity.sensor == "sentinel-2" else ()
