"""One file a reader: a path becomes a `Product` of lazy bands in digital numbers.

A reader is a module `sources/NAME.py` with `sniff(path) -> bool`, which never raises, and
`open_product(path, options) -> Product`. The folder is the registry.
"""

from importlib import import_module
from pathlib import Path

from unclouded.core.errors import ProductError
from unclouded.core.product import Product
from unclouded.core.registry import names
from unclouded.sources._options import OpenOptions
from unclouded.sources._text import shown

__all__ = ["OpenOptions", "open_product"]


def open_product(path: Path, options: OpenOptions) -> Product:
    """The product at a path, opened by the first reader that knows its kind. No pixel is decoded.

    Raises:
        ProductError: nothing there, or nothing that a reader knows.
        RadiometryError: reflectance cannot be derived and the options do not say how.
    """
    if not _exists(path):
        raise ProductError(
            f"{shown(path.name or path)}: expected a product, found nothing at that path; check the path"
        )
    for name in names(__name__):
        reader = import_module(f"{__name__}.{name}")
        if reader.sniff(path):
            product: Product = reader.open_product(path, options)
            return product
    raise ProductError(
        f"{shown(path.name or path)}: expected a Sentinel-2 .SAFE folder or .zip, "
        f"or a GeoTIFF with named bands, found {_kind(path)}; give the product itself"
    )


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
