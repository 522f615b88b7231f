"""Landsat-8/9 Collection 2 level-1 scenes: a folder of `*_B2.TIF` with its `*_MTL.txt` or `*_MTL.json`.

Bands by analogy with Sentinel-2's (`core.bands`); reflectance at the top of the atmosphere.
"""

from pathlib import Path, PurePosixPath

from unclouded.core.bands import SENTINEL2, band, missing
from unclouded.core.errors import ProductError, RadiometryError
from unclouded.core.levels import kind_of
from unclouded.core.product import Identity, Product
from unclouded.core.radiometry import Radiometry
from unclouded.sources import _mtl, _radiometry
from unclouded.sources._bandset import open_bands, readers
from unclouded.sources._delivery import Metadata
from unclouded.sources._layout import BandPath, best_of
from unclouded.sources._mtl import Landsat
from unclouded.sources._options import OpenOptions
from unclouded.sources._text import shown
from unclouded.sources._tree import Folder

ANALOGUES = tuple(band.name for band in SENTINEL2 if band.landsat is not None)
_ENDINGS = ("_mtl.txt", "_mtl.json")
_MOST = 1_000_000
"""A metadata file has some 20 kB."""


def sniff(source: object) -> bool:
    """Whether it is a scene's folder or its metadata file. Never raises."""
    try:
        return isinstance(source, Path) and _metadata_file(source) is not None
    except OSError:
        return False


def open_product(source: Path, options: OpenOptions) -> Product:
    """A scene's bands. No pixel is decoded. Level 2 is refused: its reflectance is the surface's.

    Raises:
        ProductError: metadata broken, of another satellite or level, or no band files.
        RadiometryError: the factors of reflectance are missing, and no option states them.
        RasterError: none of its bands can be opened.
    """
    folder, name, scene = _load(source)
    paths = _paths(folder, scene)
    if not paths:
        raise ProductError(
            f"{folder.where}: expected band files beside {name}, found none; get the scene again"
        )
    radiometry = _numbers(scene, list(paths), options, name)
    bands = open_bands(folder, paths)
    placed = readers(bands, {})
    lacking = missing(ANALOGUES, placed)
    plain = [band for band, info in bands.infos.items() if not info.grid.georeferenced]
    return Product(
        identity=_identity(folder, scene),
        bands=placed,
        radiometry=radiometry,
        grid=min((reader.grid for reader in placed.values()), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *bands.damaged,
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *([f"no georeference in {', '.join(plain)}: their place is unknown"] if plain else []),
        ),
    )


def read_metadata(source: Path, options: OpenOptions) -> Metadata:
    """What the metadata say, whether the bands are there or not.

    Raises:
        ProductError: metadata broken, or of another satellite or level.
    """
    folder, name, scene = _load(source)
    there = tuple(_paths(folder, scene))
    found = _radiometry.settled(lambda: _numbers(scene, list(ANALOGUES), options, name))
    return Metadata(
        identity=_identity(folder, scene),
        radiometry=None if isinstance(found, RadiometryError) else found,
        bands=there,
        absent_bands=missing([name for name in ANALOGUES if name in scene.files], there),
        missing_bands=missing(ANALOGUES, (*there, *scene.files)),
        grid=None,
        warnings=(str(found),) if isinstance(found, RadiometryError) else (),
    )


def _metadata_file(path: Path) -> Path | None:
    if path.is_file():
        return path if path.name.lower().endswith(_ENDINGS) else None
    if not path.is_dir():
        return None
    found = sorted(child for child in path.iterdir() if child.name.lower().endswith(_ENDINGS))
    return next((child for child in found if child.suffix.lower() == ".txt"), found[0] if found else None)


def _load(source: Path) -> tuple[Folder, str, Landsat]:
    path = _metadata_file(source)
    if path is None:
        raise ProductError(f"{shown(source.name)}: expected *_MTL.txt, found none; give a scene's folder")
    folder = Folder(path.parent, depth=0)
    data = folder.head(path.name, _MOST)
    scene = _mtl.parse(data.decode("utf-8", "replace"), where=shown(path.name))
    if kind_of(scene.level) != "toa":
        raise ProductError(
            f"{shown(path.name)}: expected level 1 (L1TP, L1GT, L1GS), found {shown(scene.level or 'none')}; "
            "get its level 1"
        )
    return folder, shown(path.name), scene


def _paths(folder: Folder, scene: Landsat) -> dict[str, BandPath]:
    """By the names in the metadata; files that were renamed by what their names end with."""
    found: dict[str, BandPath] = {}
    for name in ANALOGUES:
        stated = PurePosixPath(scene.files.get(name, "")).name
        ending = f"_{band(name).landsat}.tif".lower()
        renamed = next((file for file in folder.files if file.lower().endswith(ending)), "")
        path = stated if stated in folder.files else renamed
        if path:
            found[name] = BandPath(path=path, gsd=band(name).gsd)
    return best_of(found.items())


def _identity(folder: Folder, scene: Landsat) -> Identity:
    return Identity(
        id=shown(scene.product or folder.where),
        sensor=scene.satellite,
        satellite=f"L{scene.satellite[-1]}",
        level=scene.level,
        sensing_time=scene.sensing_time,
        sun_zenith=90 - scene.sun_elevation if scene.sun_elevation is not None else None,
        sun_azimuth=scene.sun_azimuth % 360 if scene.sun_azimuth is not None else None,
        cloud_cover_stated=scene.cloud_cover,
    )


def _numbers(scene: Landsat, names: list[str], options: OpenOptions, where: str) -> Radiometry:
    if options.offset is not None and options.quantification is not None:
        return Radiometry(
            offset=dict.fromkeys(names, options.offset),
            quantification=dict.fromkeys(names, options.quantification),
            origin="--offset, --quantification",
        )
    offset, quantification = _mtl.top_of_atmosphere(scene, names, where=where)
    if options.offset is not None:
        offset = dict.fromkeys(names, options.offset)
    if options.quantification is not None:
        quantification = dict.fromkeys(names, options.quantification)
    stated = [name for name in ("offset", "quantification") if getattr(options, name) is not None]
    own = ", ".join(f"--{name}" for name in stated)
    return Radiometry(
        offset=offset, quantification=quantification, origin=f"{own}, {where}" if own else where
    )
