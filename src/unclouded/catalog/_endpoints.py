"""Where the services are. The one table of base addresses; each can be put elsewhere."""

from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from unclouded.core.errors import OptionError, ServiceError

DEFAULTS: Mapping[str, str] = {
    # https://element84.com/earth-search: STAC of public buckets on AWS
    "earth-search": "https://earth-search.aws.element84.com/v1",
    # https://documentation.dataspace.copernicus.eu/APIs.html: STAC, OData, downloads, Keycloak, S3
    "cdse": "https://stac.dataspace.copernicus.eu/v1",
    "cdse-odata": "https://catalogue.dataspace.copernicus.eu/odata/v1",
    "cdse-download": "https://download.dataspace.copernicus.eu/odata/v1",
    "cdse-token": "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
    "cdse-s3": "https://eodata.dataspace.copernicus.eu",
    # https://planetarycomputer.microsoft.com/docs: STAC, tokens, storage
    "planetary-computer": "https://planetarycomputer.microsoft.com/api/stac/v1",
    "planetary-computer-sas": "https://planetarycomputer.microsoft.com/api/sas/v1",
    "planetary-computer-storage": "https://sentinel2l2a01.blob.core.windows.net",
    # https://cloud.google.com/storage/docs/public-datasets/sentinel-2
    "google": "https://storage.googleapis.com",
    # https://registry.opendata.aws/sentinel-2: requester pays
    "aws": "https://s3.eu-central-1.amazonaws.com",
    "zenodo": "https://zenodo.org/api",
}

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def merged(overrides: Mapping[str, str]) -> dict[str, str]:
    """All addresses, some put elsewhere, without a slash at the end.

    Raises:
        OptionError: an address of no service, or one that is not https (http is for this machine alone).
    """
    unknown = set(overrides) - set(DEFAULTS)
    if unknown:
        raise OptionError(
            f"service address: expected one of {', '.join(sorted(DEFAULTS))}, found "
            f"{', '.join(sorted(unknown))}"
        )
    for name, url in overrides.items():
        if not _trusted_scheme(url):
            raise OptionError(f"address of {name}: expected https://…, found '{shown(url)}'")
    return {name: url.rstrip("/") for name, url in {**DEFAULTS, **overrides}.items()}


def check_url(url: str, hosts: Iterable[str], *, what: str) -> str:
    """The address, where it is one that we may fetch from.

    An item is data that someone else wrote: what it links to is fetched only from the hosts that its
    provider is known to keep products on.

    Raises:
        ServiceError: another host, another scheme, or a name and password in the address.
    """
    parts = _split(url)
    allowed = parts is not None and _trusted_scheme(url) and "@" not in parts.netloc
    if parts is None or not allowed or not _among(parts.netloc, hosts):
        raise ServiceError(
            f"{what}: expected https on {', '.join(sorted(set(hosts)))}, found a link to '{shown(url)}'; "
            "it is not followed"
        )
    return url


def host_of(url: str) -> str:
    """Host with its port, as in the address."""
    return urlsplit(url).netloc.lower()


def shown(url: str) -> str:
    """An address without what may be secret: query, fragment, name and password."""
    parts = _split(url)
    if parts is None:
        return "an address that cannot be read"
    text = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return "".join(char if char.isprintable() else "?" for char in text)[:200]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _trusted_scheme(url: str) -> bool:
    parts = _split(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _among(netloc: str, hosts: Iterable[str]) -> bool:
    """A host that begins with a dot stands for all below it."""
    host = netloc.lower()
    return any(host == known or (known.startswith(".") and host.endswith(known)) for known in hosts)
