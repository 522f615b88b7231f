"""Where the parts of a `.SAFE` product lie, by compact and by long names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import ProductError
from unclouded.sources._text import shown
from unclouded.sources._tree import Folder, Tree
from unclouded.sources._zip import Archive, is_zarr_zip

_PRODUCT_XML = re.compile(r"(MTD_MSIL(1C|2A)|S2[A-Z]_\w+_MTD_SAFL(1C|2A)_\w+)\.xml", re.IGNORECASE)
_TILE_XML = re.compile(r"(MTD_TL|S2[A-Z]_\w+_MTD_L(1C|2A)_TL_\w+)\.xml", re.IGNORECASE)
_PRODUCT_ROOT = re.compile(rb"<(?:[\w.-]+:)?Level-(1C|2A)_User_Product[\s>]")
_HEAD = 4000
"""Bytes within which an XML document has its root: real ones have it in the first 100."""
# the spacing is in the names of Level-2A; the Planetary Computer's products are GeoTIFF
_BAND_FILE = re.compile(r"\w*_(B\d[\dA])(?:_(10|20|60)m)?(?:\.jp2|\.tiff?)?", re.IGNORECASE)
_IMAGE_SUFFIXES = (".jp2", ".tif", ".tiff")
_TILE_NAME = re.compile(r"_T(\d{2}[A-Z]{3})_")
_MANIFEST = "manifest.safe"
"""By which ESA's own tools open a product; it names the same files."""
_DEPTH = 4
"""How deep the product's metadata may lie: a zip holds the file itself, `NAME.SAFE/` with it, or that in
folders of its maker's."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A product's files and the two that matter first."""

    tree: Tree
    root: PurePosixPath
    """The product's own folder in the tree."""
    xml: str
    """Path of the product metadata."""


@dataclass(frozen=True, kw_only=True)
class BandPath:
    """One band's raster in the tree."""

    path: str
    gsd: int
    """Spacing that it is delivered at, m: the band's own, or that of the `R20m` folder that it lies in."""


@dataclass(frozen=True, kw_only=True)
class Granule:
    """One granule's files."""

    name: str
    """Its folder."""
    tile: str | None
    """MGRS square out of the folder's name."""
    xml: str | None
    """Path of its metadata."""
    bands: Mapping[str, BandPath]
    """Band -> its raster."""


def band_path(path: str) -> tuple[str, BandPath] | None:
    """Band and raster of a file name such as `T32TQM_20240305T104819_B02_10m.jp2`; None for any other."""
    found = _BAND_FILE.fullmatch(base_name(path))
    if found is None or found[1].upper() not in NAMES:
        return None
    name = found[1].upper()
    return name, BandPath(path=path, gsd=int(found[2]) if found[2] else band(name).gsd)


def best_of(found: Iterable[tuple[str, BandPath]]) -> dict[str, BandPath]:
    """One raster a band, in the order of the table: Level-2A delivers most bands two or three times.

    At its native spacing, else at the nearest finer one, else at the nearest coarser one.
    """
    best: dict[str, BandPath] = {}
    for name, raster in sorted(found, key=lambda item: item[1].path):
        if name not in best or _rank(name, raster) < _rank(name, best[name]):
            best[name] = raster
    return {name: best[name] for name in NAMES if name in best}


def _rank(name: str, raster: BandPath) -> tuple[bool, int]:
    native = band(name).gsd
    return raster.gsd > native, abs(raster.gsd - native)


def is_product_xml(name: str) -> bool:
    """Whether a file's name is that of product metadata."""
    return _PRODUCT_XML.fullmatch(name) is not None


def is_product_file(path: Path) -> bool:
    """Whether a file is product metadata: by its name, or under any other by its root.

    Raises:
        OSError: it cannot be looked at.
    """
    if is_product_xml(path.name):
        return True
    if path.suffix.lower() != ".xml" or not path.is_file():
        return False
    with path.open("rb") as file:
        return _PRODUCT_ROOT.search(file.read(_HEAD)) is not None


def base_name(name: str) -> str:
    """The last part of a path."""
    return PurePosixPath(name).name


def looks_like_safe(path: Path) -> bool:
    """Whether the path looks like a product, whole or not.

    Raises:
        OSError: it cannot be looked at.
    """
    if path.is_dir():
        return path.suffix.upper() == ".SAFE" or _holds_metadata(path) or _only_product(path) is not None
    if is_product_file(path):
        return True
    if path.name == _MANIFEST:
        return path.is_file() and _holds_metadata(path.parent)
    if is_zarr_zip(path.name) or not path.is_file():  # a pipe would wait for a writer
        return False
    with path.open("rb") as file:
        return file.read(2) == b"PK" or path.suffix.lower() == ".zip"


def _holds_metadata(folder: Path) -> bool:
    return any(_PRODUCT_XML.fullmatch(child.name) for child in folder.iterdir())


def _only_product(folder: Path) -> Path | None:
    """The one `.SAFE` folder in a folder, as unzipping into a folder of the product's name leaves it."""
    inside = [child for child in folder.iterdir() if child.is_dir() and child.suffix.upper() == ".SAFE"]
    return inside[0] if len(inside) == 1 else None


def _tree(path: Path) -> Tree:
    if path.name == _MANIFEST or is_product_file(path):
        return Folder(path.parent, only="GRANULE")  # what else lies beside a file may be a lot
    if path.is_dir():
        nested = None if _holds_metadata(path) else _only_product(path)
        return Folder(nested or path)
    return Archive(path)


def locate(path: Path) -> Layout:
    """The product at a path: its `.SAFE` folder, the folder around it, its metadata or manifest, or a zip.

    Raises:
        ProductError: no product metadata, or several; the archive or folder is refused.
    """
    tree = _tree(path)
    if path.name in tree.files and is_product_file(path):
        return Layout(tree=tree, root=PurePosixPath(), xml=path.name)
    found = [name for name in tree.files if _PRODUCT_XML.fullmatch(base_name(name))]
    depths = {name: len(PurePosixPath(name).parts) for name in found}
    found = [name for name in found if depths[name] == min(depths.values()) <= _DEPTH]
    if len(found) != 1:
        what = "none" if not found else shown(", ".join(found))
        raise ProductError(
            f"{tree.where}: expected one MTD_MSIL1C.xml (or S2?_OPER_MTD_SAFL1C_*.xml), found {what}; "
            "get the product again, or give the one that is meant"
        )
    return Layout(tree=tree, root=PurePosixPath(found[0]).parent, xml=found[0])


def granules(layout: Layout) -> list[Granule]:
    """Every folder below GRANULE, empty ones too.

    Without any, the product's own folder if it holds tile metadata: people rearrange products.
    """
    tree, home = layout.tree, layout.root / "GRANULE"
    names = sorted({base_name(name) for name in tree.folders if PurePosixPath(name).parent == home})
    found = [_granule(tree, home / name) for name in names]
    flat = _granule(tree, layout.root)
    return found if found or flat.xml is None else [flat]


def _granule(tree: Tree, folder: PurePosixPath) -> Granule:
    inside = [name for name in tree.files if folder in PurePosixPath(name).parents]
    xml = [n for n in inside if PurePosixPath(n).parent == folder and _TILE_XML.fullmatch(base_name(n))]
    images = [
        n for n in inside if "IMG_DATA" in PurePosixPath(n).parts and n.lower().endswith(_IMAGE_SUFFIXES)
    ]
    tile = _TILE_NAME.search(f"{folder.name}_")
    return Granule(
        name=folder.name,
        tile=tile[1] if tile else None,
        xml=xml[0] if xml else None,
        bands=best_of(found for found in map(band_path, images) if found is not None),
    )


def choose(found: list[Granule], wanted: str | None, where: str) -> tuple[Granule, tuple[str, ...]]:
    """The granule to read, and a line for each that is left out because it is empty.

    Raises:
        ProductError: no granule with images, none of that name, or several and no name.
    """
    usable = [granule for granule in found if granule.bands]
    empty = [granule for granule in found if not granule.bands]
    known = shown(", ".join(granule.tile or granule.name for granule in usable), 400)
    if not usable:
        raise ProductError(
            f"{where}: expected a granule with band images, found {len(found)} without any; "
            "get the product again"
        )
    if wanted is not None:
        usable = [granule for granule in usable if is_called(granule, wanted)]
        if len(usable) != 1:
            raise ProductError(f"{where}: expected granule '{shown(wanted)}' among {known}; name one of them")
    if len(usable) > 1:
        raise ProductError(
            f"{where}: expected one granule, found {len(usable)}: {known}; choose one with granule="
        )
    return usable[0], tuple(f"granule {shown(granule.name)}: no images in it, ignored" for granule in empty)


def is_called(granule: Granule, wanted: str) -> bool:
    """Whether a user means this granule: by its tile, with or without the `T`, or by its folder's name."""
    return wanted == granule.name or wanted.upper().removeprefix("T") == granule.tile
