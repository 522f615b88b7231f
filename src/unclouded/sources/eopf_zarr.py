"""EOPF products as Zarr: a folder, its `.zarr.zip`, or an address over https.

Needs the extra `zarr`, over https `cloud` too.

Numbers are masked and scaled by ourselves: readers of Zarr differ in what they make of the fill value.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from affine import Affine

from unclouded.core.bands import expected_at, missing
from unclouded.core.errors import OptionError, ProductError, ServiceError
from unclouded.core.grid import Grid
from unclouded.core.product import Product
from unclouded.sources import _eopf, _json, _radiometry
from unclouded.sources._arrays import ArrayBand
from unclouded.sources._delivery import Delivery, Metadata, stated
from unclouded.sources._eopf import Node
from unclouded.sources._hrefs import Hrefs
from unclouded.sources._options import OpenOptions
from unclouded.sources._providers import is_loopback, plain
from unclouded.sources._text import shown
from unclouded.sources._zip import Archive, is_zarr_zip

_MARKERS = ("zarr.json", ".zgroup", ".zmetadata", ".zattrs")
# zarr raises of many kinds where a store is damaged
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, NotImplementedError)


def sniff(source: object) -> bool:
    """Whether it is a Zarr group, a dump of a hierarchy's metadata, or a group's address. Never raises."""
    try:
        if isinstance(source, Path):
            return _is_group(source) or _is_zip(source) or _is_dump(source)
    except OSError:
        return False
    return isinstance(source, str) and bool(_root_of(source))


def open_product(source: Path | str, options: OpenOptions) -> Product:
    """The bands of a product, cut from its chunks as they are read.

    Raises:
        OptionError: the packages that read it are not there.
        ProductError: no group, or no bands in it.
        RadiometryError: no scale and offset, or not ESA's at this processing baseline.
        ServiceError: an address that does not answer.
    """
    where = _where(source)
    if isinstance(source, Path) and source.is_file() and not _is_zip(source):
        raise ProductError(f"{where}: expected a Zarr store, found its metadata alone; give the store")
    group = _group(source, where)
    attributes = _attributes(group)
    found = _eopf.nodes(lambda path: _node(group, path))
    if not found:
        raise ProductError(
            f"{where}: expected bands below measurements/reflectance/r10m, r20m, r60m, found none; "
            "give the product's own group"
        )
    who = _eopf.identity(attributes, _name(source))
    grids = {name: _eopf.grid(node, lambda path: _values(group, path)) for name, node in found.items()}
    numbers = _eopf.radiometry(found, who, options, where=where)
    bands = {
        name: ArrayBand(
            values=node.values,
            where=f"{where}/{node.path}",
            levels=(grids[name] or _unplaced(node),),
            nodata=_json.number(node.attributes, "fill_value"),
            zero_is_nodata=not node.is_float,
        )
        for name, node in found.items()
    }
    lacking = missing(expected_at(who.level), bands) if who.level else ()
    unplaced = [name for name, grid in grids.items() if grid is None or grid.crs is None]
    return Product(
        identity=who,
        bands=bands,
        radiometry=numbers,
        grid=min((reader.grid for reader in bands.values()), key=lambda grid: grid.pixel_size),
        missing_bands=lacking,
        warnings=(
            *_radiometry.baseline_notes(who.baseline),
            *([f"missing bands: {', '.join(lacking)}"] if lacking else []),
            *([f"no georeference in {', '.join(unplaced)}: their place is unknown"] if unplaced else []),
        ),
    )


def read_metadata(source: Path | str, options: OpenOptions) -> Metadata:
    """What the hierarchy says, of a store or of a dump of its metadata.

    Raises:
        The same as `open_product`.
    """
    where = _where(source)
    if isinstance(source, Path) and source.is_file() and not _is_zip(source):
        content = _json.parse(source.read_bytes(), where=where)
        attributes = _json.dig(content, "attributes") or {}
        found = _eopf.nodes(lambda path: _dumped(content, path))
        return _stated(found, attributes, source.stem, where, options, there=False)
    group = _group(source, where)
    found = _eopf.nodes(lambda path: _node(group, path))
    return _stated(found, _attributes(group), _name(source), where, options, there=True)


def _stated(
    found: Mapping[str, Node], attributes: Any, name: str, where: str, options: OpenOptions, *, there: bool
) -> Metadata:
    who = _eopf.identity(attributes, name)
    grids = [(node.gsd, grid) for node in found.values() if (grid := _eopf.grid(node, lambda _: None))]
    delivery = Delivery(
        tree=Hrefs({}, where=where),
        identity=who,
        radiometry=_radiometry.settled(lambda: _eopf.radiometry(found, who, options, where=where)),
        paths={},
        listed=tuple(found),
        tile=dict(grids),
        warnings=tuple(_radiometry.baseline_notes(who.baseline)),
    )
    said = stated(delivery)
    if not there:
        return said
    return Metadata(**{**said.__dict__, "bands": said.absent_bands, "absent_bands": ()})


def _is_group(path: Path) -> bool:
    return path.is_dir() and any((path / marker).is_file() for marker in _MARKERS)


def _is_zip(path: Path) -> bool:
    return is_zarr_zip(path.name) and path.is_file()


def _is_dump(path: Path) -> bool:
    """A hierarchy's groups and arrays as one JSON document (`members`)."""
    if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size > _json.MAX_BYTES:
        return False
    try:
        content = _json.parse(path.read_bytes(), where=path.name)
    except ProductError:
        return False
    return isinstance(_json.dig(content, "members"), dict) and "zarr_format" in content


def _root_of(address: str) -> str | None:
    """The address of the group, up to its `.zarr`."""
    found = re.match(r"(https?://[^?#]*?\.zarr)(?:/|$)", address)
    return found[1] if found else None


def _where(source: Path | str) -> str:
    return shown(source.name if isinstance(source, Path) else plain(source).rpartition("/")[2])


def _name(source: Path | str) -> str:
    name = source.name if isinstance(source, Path) else urlsplit(source).path.rstrip("/").rpartition("/")[2]
    return name.removesuffix(".zip").removesuffix(".zarr")


def _group(source: Path | str, where: str) -> Any:
    try:
        import zarr  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptionError(f"{where}: Zarr needs zarr: pip install 'unclouded[zarr]'") from None
    if isinstance(source, str) and not source.startswith("https://") and not is_loopback(source):
        raise ProductError(f"{where}: expected an https address, found another; give the address over https")
    inside = _inside(source) if isinstance(source, Path) and _is_zip(source) else ""
    try:
        return zarr.open_group(_store(source, where), path=inside, mode="r")
    except _DAMAGE as err:
        kind = ProductError if isinstance(source, Path) else ServiceError
        raise kind(
            f"{where}: expected a Zarr group, found none that can be opened ({type(err).__name__}); "
            "check the path or address"
        ) from None


def _inside(path: Path) -> str:
    """Where in an archive the group is: at its top, or in the one folder that it holds.

    Raises:
        ProductError: damaged, or its directory is not to be trusted.
    """
    tops = [name.rpartition("/") for name in Archive(path).files]
    return min((folder for folder, _, name in tops if name in _MARKERS), key=len, default="")


def _store(source: Path | str, where: str) -> Any:
    if isinstance(source, str):
        return _remote_store(source, where)
    from zarr.storage import ZipStore  # noqa: PLC0415 - an extra

    return ZipStore(source.resolve(), mode="r") if _is_zip(source) else str(source)


def _remote_store(address: str, where: str) -> Any:
    try:
        from obstore.store import HTTPStore  # noqa: PLC0415 - an extra
        from zarr.storage import ObjectStore  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptionError(
            f"{where}: Zarr over https needs zarr and obstore: pip install 'unclouded[zarr,cloud]'"
        ) from None
    options: Any = {"allow_http": True} if is_loopback(address) else {}
    return ObjectStore(
        HTTPStore.from_url(_root_of(address) or address, client_options=options), read_only=True
    )


def _attributes(group: Any) -> dict[str, Any]:
    try:
        return dict(group.attrs)
    except _DAMAGE:
        return {}


def _node(group: Any, path: str) -> Node | None:
    try:
        array = group.get(path)
        if array is None or not hasattr(array, "dtype"):
            return None
        parents = [path.rsplit("/", count)[0] for count in range(1, path.count("/") + 1)]
        around = [dict(found.attrs) for parent in parents if (found := group.get(parent)) is not None]
        return Node(
            path=path,
            gsd=_eopf.gsd_of(path, path.rpartition("/")[2].upper()),
            attributes=dict(array.attrs),
            around=(*around, _attributes(group)),
            shape=tuple(array.shape),
            is_float=array.dtype.kind == "f",
            values=array,
        )
    except _DAMAGE:
        return None


def _values(group: Any, path: str) -> Any:
    try:
        array = group.get(path)
        return None if array is None else array[:]
    except _DAMAGE:
        return None


def _dumped(content: Any, path: str) -> Node | None:
    around: list[Mapping[str, Any]] = []
    for part in path.split("/"):
        around.insert(0, _json.dig(content, "attributes") or {})
        content = _json.dig(content, "members", part)
    shape = _json.dig(content, "shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) and size > 0 for size in shape):
        return None
    kind = str(_json.dig(content, "dtype") or _json.dig(content, "data_type") or "")
    return Node(
        path=path,
        gsd=_eopf.gsd_of(path, path.rpartition("/")[2].upper()),
        attributes=_json.dig(content, "attributes") or {},
        around=tuple(around),
        shape=tuple(shape),
        is_float="f" in kind,
    )


def _unplaced(node: Node) -> Grid:
    height, width = node.shape
    return Grid(height=height, width=width, transform=Affine.scale(node.gsd, -node.gsd), crs=None)
