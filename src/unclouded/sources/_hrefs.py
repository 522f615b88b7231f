"""The rasters of a STAC item, wherever they lie: beside the item, or on the network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit

from unclouded.core.errors import ProductError
from unclouded.sources._jp2 import HEAD_BYTES
from unclouded.sources._providers import check_address, plain, provider_of
from unclouded.sources._raster import RasterFile, raster_file, remote_file
from unclouded.sources._remote import Remote
from unclouded.sources._text import shown

_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where an item came from: what its relative addresses start at."""

    folder: Path | None = None
    """Of an item on disk."""
    address: str | None = None
    """Of an item on the network."""
    local_only: bool = False
    """Whether only what lies in the folder counts: the folder itself was given."""


class Hrefs:
    """Rasters by their key in the item."""

    def __init__(self, places: Mapping[str, Path | str], *, where: str, bearer: str | None = None) -> None:
        self._places = dict(places)
        self._bearer = bearer
        self.where = where
        self.files = {
            key: place.stat().st_size if isinstance(place, Path) else 0 for key, place in self._places.items()
        }
        self.folders: tuple[str, ...] = ()

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file on disk, at most `count`.

        Raises:
            ProductError: it cannot be read.
        """
        place = self._places[name]
        if isinstance(place, str):
            raise ProductError(f"{name}: expected a file on disk, found an address; download it first")
        try:
            with place.open("rb") as file:
                return file.read(count)
        except OSError as err:
            raise ProductError(f"{name}: cannot be read ({err.strerror}); check its permissions") from err

    def open_raster(self, name: str, *, where: str) -> RasterFile:
        """A file as a raster.

        Raises:
            RasterError: it is none that we read.
            ServiceError: the service refuses or does not answer.
        """
        place = self._places[name]
        if isinstance(place, Path):
            head = self.head(name, HEAD_BYTES)
            return raster_file(path=str(place), head=head, size=self.files[name], where=where)
        driver = _DRIVERS.get(_suffix(place), "GTiff")
        return remote_file(
            path=gdal_path(place), driver=driver, where=where, remote=_remote(place, self._bearer)
        )


def place_of(href: str, home: Home, *, where: str, is_folder: bool = False) -> Path | str | None:
    """The file or the address that an href means; None for a file that is not there.

    A file of that name beside an item on disk counts before the network.

    Raises:
        ProductError: an address that we do not open, or a path that leads out of the item's folder.
    """
    if "://" in href:
        beside = _beside(href, home, is_folder=is_folder)
        if beside is not None or home.local_only:
            return beside
        check_address(href, where=where, home=home.address)
        return href
    if home.address is not None:
        try:
            address = urljoin(home.address, href)
        except ValueError:
            address = ""
        check_address(address, where=where, home=home.address)
        return address
    if home.folder is not None:
        return _inside(href, home.folder, where, is_folder=is_folder)
    raise ProductError(
        f"{where}: expected absolute addresses in an item without a place of its own, "
        f"found '{shown(plain(href), 60)}'; give the item's file or address"
    )


def _there(path: Path, *, is_folder: bool) -> bool:
    return path.is_dir() if is_folder else path.is_file()


def _beside(href: str, home: Home, *, is_folder: bool) -> Path | None:
    name = PurePosixPath(unquote(href.partition("?")[0])).name
    if home.folder is None or not name:
        return None
    path = home.folder / name
    return path.resolve() if _there(path, is_folder=is_folder) else None


def _inside(href: str, folder: Path, where: str, *, is_folder: bool) -> Path | None:
    root = folder.resolve()
    try:
        path = (root / href).resolve()
        there = _there(path, is_folder=is_folder)
    except (OSError, ValueError):
        there, path = False, root / "x"
    if not path.is_relative_to(root):
        raise ProductError(
            f"{where}: expected paths below the item's folder, found '{shown(href, 60)}', which leads out; "
            "do not trust this item, or keep its files with it"
        )
    return path if there else None


def gdal_path(address: str) -> str:
    """GDAL's name of an address that was checked: read over http, in ranges."""
    parts = urlsplit(address)
    if parts.scheme == "s3":
        return f"/vsis3/{parts.netloc}{parts.path}"
    known = provider_of(address)
    if known is not None and known.signed and "sig=" not in parts.query:
        # GDAL asks for a signature, keeps it and renews it before it ends
        # (GDAL documentation, /vsicurl/, pc_url_signing)
        return f"/vsicurl?pc_url_signing=yes&pc_collection={known.signed}&url={quote(address, safe='')}"
    return f"/vsicurl/{address}"


def _remote(address: str, bearer: str | None) -> Remote:
    known = provider_of(address)
    in_bucket = known is not None and address.startswith("s3://")
    environment = dict(known.environment) if known is not None and in_bucket else {}
    keys = known.keys if known is not None and in_bucket else {}
    if bearer is not None and known is not None and known.name == "CDSE" and address.startswith("https://"):
        environment |= {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": bearer}
    return Remote(host=urlsplit(address).hostname or "the service", environment=environment, keys=keys)


def _suffix(address: str) -> str:
    path = urlsplit(address).path
    for suffix in _DRIVERS:
        if path.lower().endswith(suffix) or f"{suffix})" in path.lower():  # CDSE: …Nodes(x.jp2)/$value
            return suffix
    return ""
