"""One file a reader: a path becomes a `Product` of lazy bands in digital numbers.

A reader is a module `sources/NAME.py` with `sniff(source) -> bool`, which never raises,
`open_product(source, options) -> Product` and `read_metadata(source, options) -> Metadata`; with
`list_granules(source)` where a source may hold several. The folder is the registry.
"""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from unclouded.core.errors import ProductError
from unclouded.core.product import Product
from unclouded.core.registry import names
from unclouded.sources._delivery import Metadata
from unclouded.sources._options import OpenOptions
from unclouded.sources._providers import plain
from unclouded.sources._text import shown

__all__ = [
    "Metadata",
    "OpenOptions",
    "find_sources",
    "list_granules",
    "list_scenes",
    "open_product",
    "read_metadata",
]

_RESULTS = ("_mask.tif", "_probabilities.tif")
_REPORTS = ("run.json", "stack.json", "codes.json")
"""In folders of masks and stacks, which may lie among the products that they were made of."""
_DEPTH = 12
"""Folders that hold one folder each and no more: a copy of a bucket has 8 above its tile."""


def open_product(source: object, options: OpenOptions) -> Product:
    """The product at a path, opened by the first reader that knows its kind. No pixel is decoded.

    Raises:
        ProductError: nothing there, or nothing that a reader knows.
        RadiometryError: reflectance cannot be derived and the options do not say how.
    """
    located = _located(source)
    product: Product = _reader(located).open_product(located, options)
    return product


def read_metadata(source: object, options: OpenOptions | None = None) -> Metadata:
    """What a source says of itself: also of a metadata file alone, or of a folder without its images.

    Raises:
        ProductError: nothing there, nothing that a reader knows, or metadata that are broken.
        RadiometryError: offsets that contradict themselves.
    """
    located = _located(source)
    metadata: Metadata = _reader(located).read_metadata(located, options or OpenOptions())
    return metadata


def list_granules(source: object) -> tuple[str, ...]:
    """What `OpenOptions.granule` may name in a source of several scenes; empty where there is but one.

    Raises:
        ProductError: as `open_product`.
    """
    located = _located(source)
    reader = _reader(located)
    found: tuple[str, ...] = reader.list_granules(located) if hasattr(reader, "list_granules") else ()
    return found if len(found) > 1 else ()


def list_scenes(source: object, options: OpenOptions) -> tuple[tuple[object, OpenOptions], ...]:
    """What to open for each scene of a source: the product, and the options that name the granule or item.

    Raises:
        ProductError: as `open_product`.
    """
    if options.granule is not None:
        return tuple((found, options) for found in find_sources(source))
    return tuple(
        (found, replace(options, granule=granule))
        for found in find_sources(source)
        for granule in list_granules(found) or (None,)
    )


def find_sources(source: object) -> tuple[object, ...]:
    """The source itself, or the products in a folder that is none.

    They are its own children, or those further down where there is one folder at a time. Products come
    before documents of items, those before single GeoTIFFs; the first kind that is there counts.
    """
    if not isinstance(source, Path) or not _is_dir(source) or _reader_of(source) is not None:
        return (source,)
    return _below(source, _DEPTH) or (source,)


def _below(folder: Path, depth: int) -> tuple[Path, ...]:
    try:
        children = sorted(child for child in folder.iterdir() if not _is_left_out(child))
    except OSError:
        return ()
    for kind in (_is_product, _is_document, _is_geotiff):
        if found := tuple(child for child in children if kind(child)):
            return found
    folders = [child for child in children if child.is_dir()]
    return _below(folders[0], depth - 1) if len(folders) == 1 and depth > 0 else ()


def _is_left_out(path: Path) -> bool:
    """Whether it is hidden, still being downloaded, or what we have made ourselves."""
    if path.name.startswith(".") or path.suffix == ".part":
        return True
    return path.name.endswith(_RESULTS) or any((path / report).is_file() for report in _REPORTS)


def _is_product(path: Path) -> bool:
    return (path.is_dir() or path.suffix.lower() == ".zip") and _reader_of(path) is not None


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in {".json", ".geojson", ".xml", ".txt"} and _reader_of(path) is not None


def _is_geotiff(path: Path) -> bool:
    return path.suffix.lower() in {".tif", ".tiff"}


def _located(source: object) -> object:
    """The one product that is meant.

    Raises:
        ProductError: a folder of several.
    """
    found = find_sources(source)
    if len(found) > 1 and isinstance(source, Path):
        known = shown(", ".join(item.name for item in found if isinstance(item, Path)), 400)
        raise ProductError(
            f"{shown(source.name or source)}: expected one product, found a folder of {len(found)}: {known}; "
            "give one of them"
        )
    return found[0]


def _reader_of(source: object) -> ModuleType | None:
    """The first reader that knows its kind."""
    readers = (import_module(f"{__name__}.{name}") for name in names(__name__))
    return next((reader for reader in readers if reader.sniff(source)), None)


def _reader(source: object) -> ModuleType:
    if isinstance(source, Path) and not _exists(source):
        raise ProductError(
            f"{shown(source.name or source)}: expected a product, found nothing at that path; check the path"
        )
    reader = _reader_of(source)
    if reader is not None:
        return reader
    if isinstance(source, str) and _is_of_many_files(source):
        raise ProductError(
            f"{_said(source)}: expected a product of many files on disk, found its address; fetch it first "
            "(unclouded download NAME), or mask it where it is (unclouded mask s3://…)"
        )
    if not isinstance(source, Path):
        raise ProductError(
            f"{_said(source)}: expected a path, the address of a STAC item, GeoTIFF or Zarr group, an item, "
            "a mapping of band to file, or an xarray object, found another; give the product itself"
        )
    raise ProductError(
        f"{shown(source.name or source)}: expected a Sentinel-2 .SAFE folder or .zip, an AWS tile, "
        "a STAC item, a Zarr group, a Landsat scene, a folder of band files, or a GeoTIFF with named bands, "
        f"found {_kind(source)}; give the product itself"
    )


def _is_of_many_files(address: str) -> bool:
    """Whether an address names a SAFE folder, an archive or a tile: nothing lists or unpacks them there."""
    path = address.partition("?")[0].rstrip("/").lower()
    return "://" in address and (path.endswith((".safe", ".zip")) or address.startswith("s3://"))


def _said(source: object) -> str:
    return shown(plain(source), 60) if isinstance(source, str) else f"source of type {type(source).__name__}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _kind(path: Path) -> str:
    if path.is_dir():
        return "a folder without any of them"
    if not path.is_file():
        return "neither a file nor a folder"
    if path.stat().st_size == 0:
        return "an empty file"
    return "a file of another kind"
