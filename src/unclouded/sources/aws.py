"""One tile as the AWS buckets lay it out: `B01.jp2` or `R10m/B02.jp2` with the tile's metadata beside them.

Also the tile's metadata alone: ESA's `MTD_TL.xml`, `tileInfo.json`, `productInfo.json`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import ProductError
from unclouded.core.product import Identity, Product
from unclouded.core.radiometry import Radiometry
from unclouded.sources import _json, _metadata, _radiometry, _xml
from unclouded.sources._aws import (
    ProductInfo,
    TileInfo,
    belongs,
    is_product_info,
    is_tile_info,
    parse_product_info,
    parse_tile_info,
)
from unclouded.sources._delivery import Delivery, Metadata, opened, stated
from unclouded.sources._layout import BandPath, band_path, best_of, is_product_file, is_product_xml
from unclouded.sources._metadata import (
    ProductMetadata,
    TileMetadata,
    named_baseline,
    named_level,
    named_tile,
    write_baseline,
)
from unclouded.sources._options import OpenOptions
from unclouded.sources._text import shown
from unclouded.sources._tree import Folder

_BAND_FILE = re.compile(r"(?:(preview)/|R(10|20|60)m/)?(B\d[\dA])\.(?:jp2|tiff?)", re.IGNORECASE)
_SAFE_FILE = re.compile(r"IMG_DATA/(?:R\d0m/)?\w+\.(?:jp2|tiff?)", re.IGNORECASE)
_TILE_XML = ("metadata.xml", "MTD_TL.xml")
"""Tile metadata by whose name the rasters beside them are ESA's. Earth Search keeps a copy of them as
`granule_metadata.xml` beside COGs whose numbers it has changed: that speaks for itself alone."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What lies in a tile's folder, each part of it if it is there."""

    folder: Folder
    preview: bool = False
    """Whether the small copies in `preview/` are meant."""
    tile: TileMetadata | None = None
    tile_file: str = ""
    tile_info: TileInfo | None = None
    product_info: ProductInfo | None = None
    product: ProductMetadata | None = None
    product_file: str = ""
    bands: dict[str, BandPath] = field(default_factory=dict)


def sniff(source: object) -> bool:
    """Whether the path is a tile's folder, its `preview/`, or a file of tile metadata. Never raises."""
    try:
        return isinstance(source, Path) and (_is_folder(source) or _is_file(source))
    except OSError:
        return False


def open_product(source: Path, options: OpenOptions) -> Product:
    """The tile of a folder, or its small copy where `preview/` itself is given. No pixel is decoded.

    Raises:
        ProductError: metadata broken, or no band images.
        RadiometryError: nothing tells the processing baseline, and no option states the offset.
        RasterError: none of its bands can be opened.
    """
    found = _find(source)
    if not found.bands:
        raise ProductError(
            f"{found.folder.where}: expected band images beside the metadata (B02.jp2, R10m/B02.jp2), "
            "found none; give the tile's folder"
        )
    return opened(_delivery(found, options))


def read_metadata(source: Path, options: OpenOptions) -> Metadata:
    """What the metadata say, whether images are beside them or not.

    Raises:
        ProductError: metadata broken.
        RadiometryError: offsets that contradict themselves.
    """
    return stated(_delivery(_find(source), options))


def _is_folder(path: Path) -> bool:
    if not path.is_dir():
        return False
    if path.name == "preview" and (path.parent / "tileInfo.json").is_file():
        return True
    if (path / "tileInfo.json").is_file() or (path / "metadata.xml").is_file():
        return True
    return (path / "MTD_TL.xml").is_file() and not any(is_product_xml(child.name) for child in path.iterdir())


def _is_file(path: Path) -> bool:
    """A file of a known name, or JSON of a known kind. Tile metadata inside a SAFE are the product's."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".xml":
        return _is_tile_xml(path)
    return path.suffix.lower() == ".json" and bool(_kind_of_json(path))


def _is_tile_xml(path: Path) -> bool:
    """Whether its root is that of a tile: a product's is called `metadata.xml` in the bucket, too."""
    with path.open("rb") as file:
        return b"_Tile_ID" in file.read(1000)


def _kind_of_json(path: Path) -> str:
    if path.stat().st_size > _json.MAX_BYTES:
        return ""
    try:
        content = _json.parse(path.read_bytes(), where=path.name)
    except ProductError:
        return ""
    return "tile" if is_tile_info(content) else ("product" if is_product_info(content) else "")


def _find(source: Path) -> _Found:
    preview = source.is_dir() and source.name == "preview"
    if preview:
        source = source.parent
    home = source if source.is_dir() else source.parent
    folder = Folder(home, depth=2)
    tile_file = _tile_file(source, folder)
    infos = _infos(source, folder)
    tile_info = parse_tile_info(infos["tile"]) if "tile" in infos else None
    product_info = parse_product_info(infos["product"]) if "product" in infos else None
    if tile_info is not None and product_info is not None and not belongs(product_info, tile_info):
        product_info = None
    tile = _parsed_tile(folder, tile_file) if tile_file else None
    product_xml = _product_file(home, tile_info)
    product = _parsed_product(product_xml, tile) if product_xml else None
    if product is not None and product_info is not None and not _of_one(product, product_info):
        product_info = None
    return _Found(
        folder=folder,
        preview=preview,
        tile=tile,
        tile_file=tile_file,
        tile_info=tile_info,
        product_info=product_info,
        product=product,
        product_file=product_xml.name if product_xml else "",
        bands=_bands(folder, source, preview=preview),
    )


def _tile_file(source: Path, folder: Folder) -> str:
    if source.suffix.lower() == ".xml":
        return source.name
    there = [name for name in _TILE_XML if name in folder.files] if _whole(source) else []
    home = source if source.is_dir() else source.parent
    return next((name for name in there if not is_product_file(home / name)), "")


def _whole(source: Path) -> bool:
    """Whether what lies beside a file belongs to it: in a folder of downloads it may not."""
    return source.is_dir() or source.name in {"tileInfo.json", *_TILE_XML}


def _infos(source: Path, folder: Folder) -> dict[str, Any]:
    """`tile` and `product` -> the content of the JSON documents."""
    names = ["tileInfo.json", "productInfo.json"] if _whole(source) else []
    if source.suffix.lower() == ".json" and source.name not in names:
        names = [source.name]
    found: dict[str, Any] = {}
    for name in names:
        if name in folder.files:
            content = _json.parse(folder.head(name, _json.MAX_BYTES + 1), where=shown(name))
            if is_tile_info(content):
                found["tile"] = content
            elif is_product_info(content):
                found["product"] = content
    return found


def _parsed_tile(folder: Folder, name: str) -> TileMetadata:
    root = _xml.parse(folder.head(name, _xml.MAX_BYTES + 1), where=shown(name))
    if not _metadata.is_tile(root):
        raise ProductError(
            f"{shown(name)}: expected metadata of a Sentinel-2 tile, "
            f"found <{shown(_xml.local_name(root))}>; give a tile's folder"
        )
    return _metadata.parse_tile(root)


def _product_file(home: Path, tile_info: TileInfo | None) -> Path | None:
    """The product's own metadata: beside the tile's, above it in a SAFE, or in a copy of the bucket."""
    for path in _product_candidates(home.resolve(), tile_info):
        try:
            if path.is_file():
                return path
        except OSError:
            continue
    return None


def _product_candidates(home: Path, tile_info: TileInfo | None) -> Iterator[Path]:
    for folder in (home, *([home.parent.parent] if home.parent.name == "GRANULE" else [])):
        yield from sorted(child for child in folder.iterdir() if is_product_xml(child.name))
    if (home / "metadata.xml").is_file() and is_product_file(home / "metadata.xml"):
        yield home / "metadata.xml"
    yield home / "product_metadata.xml"
    yield home / "product" / "metadata.xml"
    path = PurePosixPath((tile_info.product_path if tile_info else None) or "")
    if path.parts[:1] == ("products",) and ".." not in path.parts and "\x00" not in str(path):
        for above in list(home.parents)[:8]:
            yield above / path / "metadata.xml"


def _parsed_product(path: Path, tile: TileMetadata | None) -> ProductMetadata:
    with path.open("rb") as file:
        data = file.read(_xml.MAX_BYTES + 1)
    metadata = _metadata.parse_product(_xml.parse(data, where=shown(path.name)), where=shown(path.name))
    square = _metadata.named_tile(metadata.uri)
    if tile is not None and tile.tile is not None and square not in (None, tile.tile):
        raise ProductError(
            f"{shown(path.name)}: expected the product of tile {tile.tile}, found that of {square}; "
            "keep each tile's metadata with it"
        )
    return metadata


def _of_one(product: ProductMetadata, info: ProductInfo) -> bool:
    """Whether a record may be that of the product whose metadata are there: names that differ say no."""
    own = (product.uri or "").removesuffix(".SAFE")
    return not own or not info.name or own == info.name


def _bands(folder: Folder, source: Path, *, preview: bool) -> dict[str, BandPath]:
    if not _whole(source):
        return {}
    found = [_image(path, preview=preview) for path in folder.files]
    return best_of(pair for pair in found if pair is not None)


def _image(path: str, *, preview: bool) -> tuple[str, BandPath] | None:
    """Band and raster of a path in a tile's folder, by the bucket's names or by those inside a SAFE."""
    if _SAFE_FILE.fullmatch(path):
        return band_path(path)
    found = _BAND_FILE.fullmatch(path)
    if found is None or bool(found[1]) != preview or found[3].upper() not in NAMES:
        return None
    name = found[3].upper()
    return name, BandPath(path=path, gsd=int(found[2]) if found[2] else band(name).gsd)


def _delivery(found: _Found, options: OpenOptions) -> Delivery:
    identity = _identity(found, options)
    return Delivery(
        tree=found.folder,
        identity=identity,
        radiometry=_radiometry.settled(lambda: _radiometry_of(found, options)),
        paths=found.bands,
        tile=(found.tile.grids if found.tile else {}) or (found.tile_info.grids if found.tile_info else {}),
        warnings=(*_notes(found, identity), *_radiometry.baseline_notes(identity.baseline)),
    )


def _identity(found: _Found, options: OpenOptions) -> Identity:
    tile, info, record, product = found.tile, found.tile_info, found.product_info, found.product
    name = _name(found)
    baseline = next(iter(_baselines(found).values()), None)
    level = (tile.level if tile else None) or (info.level if info else None) or named_level(name)
    square = (tile.tile if tile else None) or (info.tile if info else None) or named_tile(name)
    if square is None and record is not None and len(record.tiles) == 1:
        square = next(iter(record.tiles.values()))
    satellite = tile.satellite if tile and tile.satellite else re.match(r"S2[A-Z](?=_)", name)
    clouds = [source.cloud_cover for source in (tile, info, product) if source is not None]
    times = [source.sensing_time for source in (tile, info, product, record) if source is not None]
    return Identity(
        id=f"{name}_preview" if found.preview else name,
        sensor="sentinel-2",
        satellite=satellite if isinstance(satellite, str) else (satellite[0] if satellite else None),
        level=level or (product.level if product else None) or options.level,
        baseline=write_baseline(baseline) if baseline else None,
        tile=square,
        sensing_time=next((time for time in times if time), None),
        sun_zenith=tile.sun_zenith if tile else None,
        sun_azimuth=tile.sun_azimuth if tile else None,
        cloud_cover_stated=next((cloud for cloud in clouds if cloud is not None), None),
    )


def _name(found: _Found) -> str:
    """The product's name, else the folder's where it is one, else the tile's."""
    own = (found.product.uri or "").removesuffix(".SAFE") if found.product else ""
    for name in (
        own if own.startswith("S2") else None,
        found.tile_info.product if found.tile_info else None,
        found.product_info.name if found.product_info else None,
        found.folder.where if named_level(found.folder.where) else None,
        found.tile.id if found.tile else None,
    ):
        if name:
            return shown(name)
    return found.folder.where


def _baselines(found: _Found) -> dict[str, tuple[int, int]]:
    """Who says which baseline, the surest first."""
    said = {
        found.product_file: found.product.baseline if found.product else None,
        **_each("productInfo.json", found.product_info),
        **_each("tileInfo.json", found.tile_info),
        f"TILE_ID in {found.tile_file}": found.tile.baseline if found.tile else None,
        f"DATASTRIP_ID in {found.tile_file}": found.tile.strip_baseline if found.tile else None,
        "folder name": named_baseline(found.folder.where),
    }
    return {who: baseline for who, baseline in said.items() if baseline is not None}


def _each(file: str, info: ProductInfo | TileInfo | None) -> dict[str, tuple[int, int]]:
    return {f"{name} in {file}": found for name, found in (info.baselines if info else {}).items()}


def _radiometry_of(found: _Found, options: OpenOptions) -> Radiometry:
    if found.product is not None:
        return _radiometry.of_product(found.product, options, where=found.product_file)
    return _radiometry.of_baseline(_baselines(found), options, where=found.folder.where)


def _notes(found: _Found, identity: Identity) -> list[str]:
    lines = list(_radiometry.oddities(found.product)) if found.product else []
    if identity.level is None:
        lines.append("processing level: not stated (option level)")
    if identity.satellite is not None and identity.satellite not in _metadata.KNOWN_SATELLITES:
        lines.append(f"satellite {identity.satellite}: unknown to this version; read as its metadata say")
    if found.tile is None:
        lines.append("no tile metadata (metadata.xml); sun angles are unknown")
    small = [path for path in found.folder.files if path.startswith("preview/B")]
    if not found.preview and len(small) > len(found.bands) > 0:
        lines.append(f"preview/ holds {len(small)} bands at a coarse spacing; give that folder to read them")
    return lines
