"""One file a reader: a path becomes a `Product` of lazy bands in digital numbers.

A reader is a module `sources/NAME.py` with `sniff(source) -> bool`, which never raises,
`open_product(source, options) -> Product` and `read_metadata(source, options) -> Metadata`; with
`list_granules(source)` where a source may hold several. The folder is the registry.
"""

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

__all__ = ["Metadata", "OpenOptions", "list_granules", "open_product", "read_metadata"]


def open_product(source: object, options: OpenOptions) -> Product:
    """The product at a path, opened by the first reader that knows its kind. No pixel is decoded.

    Raises:
        ProductError: nothing there, or nothing that a reader knows.
        RadiometryError: reflectance cannot be derived and the options do not say how.
    """
    product: Product = _reader(source).open_product(source, options)
    return product


def read_metadata(source: object, options: OpenOptions | None = None) -> Metadata:
    """What a source says of itself: also of a metadata file alone, or of a folder without its images.

    Raises:
        ProductError: nothing there, nothing that a reader knows, or metadata that are broken.
        RadiometryError: offsets that contradict themselves.
    """
    metadata: Metadata = _reader(source).read_metadata(source, options or OpenOptions())
    return metadata


def list_granules(source: object) -> tuple[str, ...]:
    """What `OpenOptions.granule` may name in a source of several scenes; empty where there is but one.

    Raises:
        ProductError: as `open_product`.
    """
    reader = _reader(source)
    found: tuple[str, ...] = reader.list_granules(source) if hasattr(reader, "list_granules") else ()
    return found if len(found) > 1 else ()


def _reader(source: object) -> ModuleType:
    if isinstance(source, Path) and not _exists(source):
        raise ProductError(
            f"{shown(source.name or source)}: expected a product, found nothing at that path; check the path"
        )
    for name in names(__name__):
        reader = import_module(f"{__name__}.{name}")
        if reader.sniff(source):
            return reader
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


def _said(source: object) -> str:
    return shown(plain(source), 60) if isinstance(source, str) else f"source of type {type(source).__name__}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _kind(path: Path) -> str:
    if path.is_dir():
        products = [child for child in path.iterdir() if child.suffix.upper() in {".SAFE", ".ZIP"}]
        if products:
            return f"a folder of {len(products)} that may be"
        return "a folder without MTD_MSIL1C.xml"
    if not path.is_file():
        return "neither a file nor a folder"
    if path.stat().st_size == 0:
        return "an empty file"
    return "a file of another kind"
