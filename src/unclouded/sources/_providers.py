"""Where catalogues keep Sentinel-2 pixels, and what is known of the offset in them: the table of providers.

A pixel file's place decides, not the catalogue that points to it: collections of one name
(`sentinel-2-l2a`) exist at four providers that differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from unclouded.core.errors import ProductError
from unclouded.sources._text import shown

Rule = Literal["baseline", "item", "flag"]
"""What settles the offset: ESA's own pixels, by `baseline`; what the `item` states, by asset; a `flag`
of the item that has been wrong, and is held against the pixels."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One place of pixel files."""

    name: str
    hosts: tuple[str, ...] = ()
    """Of `https://` addresses."""
    buckets: tuple[str, ...] = ()
    """Of `s3://` addresses, and what a path on a shared host begins with."""
    rule: Rule
    environment: Mapping[str, str] = field(default_factory=dict)
    """GDAL options for `s3://`."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """GDAL option -> name of the setting that holds it, for `s3://` with keys that are not those of AWS."""
    signed: str | None = None
    """Collection whose signature GDAL must append to addresses."""


PROVIDERS = (
    # Offsets were subtracted from the pixels of some items and not of others; both the flag
    # `earthsearch:boa_offset_applied` and `raster:bands` have been wrong.
    # Source: Element84/earth-search issues 9, 66, 71; cirrus-geo/cirrus-earth-search issue 33; real items.
    Provider(
        name="Earth Search sentinel-2-l2a",
        hosts=("sentinel-cogs.s3.us-west-2.amazonaws.com", "sentinel-cogs.s3.amazonaws.com"),
        buckets=("sentinel-cogs",),
        rule="flag",
        environment={"AWS_NO_SIGN_REQUEST": "YES", "AWS_REGION": "us-west-2"},
    ),
    # A mirror of the above. Source: Digital Earth Africa, s2_l2a.
    Provider(
        name="Digital Earth Africa s2_l2a",
        hosts=("deafrica-sentinel-2.s3.af-south-1.amazonaws.com",),
        buckets=("deafrica-sentinel-2",),
        rule="flag",
        environment={"AWS_NO_SIGN_REQUEST": "YES", "AWS_REGION": "af-south-1"},
    ),
    # `raster:bands` are right, the offset is not in the pixels. Source: Earth Search README (2025), c1 and
    # pre-c1; the real item of tests.
    Provider(
        name="Earth Search sentinel-2-c1-l2a",
        hosts=("e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",),
        buckets=("e84-earth-search-sentinel-data",),
        rule="item",
        environment={"AWS_NO_SIGN_REQUEST": "YES", "AWS_REGION": "us-west-2"},
    ),
    Provider(
        name="Digital Earth Africa s2_l2a_c1",
        hosts=("deafrica-sentinel-2-l2a-c1.s3.af-south-1.amazonaws.com",),
        buckets=("deafrica-sentinel-2-l2a-c1", "deafrica-sentinel-2-l2a-c1-dev"),
        rule="item",
        environment={"AWS_NO_SIGN_REQUEST": "YES", "AWS_REGION": "af-south-1"},
    ),
    # ESA's files as they are. `raster:bands` of Earth Search's Level-1C come from comparing baselines as
    # text, older items say 0. Source: Element84/earth-search issue 140; stactools-sentinel2.
    Provider(
        name="AWS sentinel-s2",
        hosts=(
            "sentinel-s2-l1c.s3.eu-central-1.amazonaws.com",
            "sentinel-s2-l2a.s3.eu-central-1.amazonaws.com",
            "roda.sentinel-hub.com",
        ),
        buckets=("sentinel-s2-l1c", "sentinel-s2-l2a"),
        rule="baseline",
        environment={"AWS_REQUEST_PAYER": "requester", "AWS_REGION": "eu-central-1"},
    ),
    # The offset is not in the pixels, items say nothing of it: `s2:processing_baseline` from 04.00 on.
    # Source: microsoft/PlanetaryComputer issue 134.
    Provider(
        name="Planetary Computer",
        hosts=("sentinel2l2a01.blob.core.windows.net",),
        rule="baseline",
        signed="sentinel-2-l2a",
    ),
    # ESA's files as they are, `raster:offset` an asset. Source: its documentation; a real item.
    Provider(
        name="CDSE",
        hosts=(
            "download.dataspace.copernicus.eu",
            "zipper.dataspace.copernicus.eu",
            "eodata.dataspace.copernicus.eu",
        ),
        buckets=("eodata",),
        rule="item",
        environment={
            "AWS_S3_ENDPOINT": "eodata.dataspace.copernicus.eu",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_REGION": "default",
        },
        keys={
            "AWS_ACCESS_KEY_ID": "UNCLOUDED_CDSE_S3_KEY",
            "AWS_SECRET_ACCESS_KEY": "UNCLOUDED_CDSE_S3_SECRET",
        },
    ),
    # DN as ESA has them, scale and offset in the arrays' attributes. Source: EOPF-Explorer/data-model.
    Provider(
        name="EOPF",
        hosts=(
            "esa-zarr-sentinel-explorer-fra.s3.de.io.cloud.ovh.net",
            "objectstore.eodc.eu",
            "objects.eodc.eu",
        ),
        buckets=("esa-zarr-sentinel-explorer-fra",),
        rule="baseline",
    ),
    # ESA's trees as they are. Source: the bucket's own description.
    Provider(
        name="Google Cloud",
        hosts=("storage.googleapis.com",),
        buckets=("gcp-public-data-sentinel-2",),
        rule="baseline",
    ),
)

_SHARED_HOSTS = {"storage.googleapis.com"}
"""Anybody may keep files there: the bucket in the path counts too."""


def provider_of(address: str) -> Provider | None:
    """The provider that keeps what lies at an address."""
    parts = _split(address)
    host = (parts.hostname or "").lower()
    if parts.scheme in {"s3", "gs"}:
        return next((item for item in PROVIDERS if host in item.buckets), None)
    for item in PROVIDERS:
        bucket = parts.path.lstrip("/").partition("/")[0]
        if host in item.hosts and (host not in _SHARED_HOSTS or bucket in item.buckets):
            return item
    return None


def _split(address: str) -> SplitResult:
    """The parts of an address; empty ones of what is none."""
    try:
        parts = urlsplit(address)
        _ = parts.hostname, parts.port
    except ValueError:
        return urlsplit("")
    return parts


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine, named as such: where plain http is no risk."""
    return _split(address).hostname in {"127.0.0.1", "::1", "localhost"}


def check_address(address: str, *, where: str, home: str | None = None) -> None:
    """Pass for an address that we open: of a known provider, or of the host that the item itself came from.

    Raises:
        ProductError: any other.
    """
    parts, own = _split(address), _split(home or "")
    place, known = (parts.scheme, parts.hostname, parts.port), provider_of(address)
    odd = any(char <= " " or char in '<>"\\^`{|}\x7f' for char in address) or parts.username is not None
    same = bool(home) and place == (own.scheme, own.hostname, own.port) and parts.hostname
    safe = parts.scheme in {"https", "s3"} or (parts.scheme == "http" and is_loopback(address))
    if odd or not safe or not (same or known):
        names = ", ".join(dict.fromkeys(item.name.partition(" sentinel")[0] for item in PROVIDERS))
        raise ProductError(
            f"{where}: expected an address of {names}, or of the item's own host, "
            f"found {shown(plain(address))}; do not trust this item, or download it first"
        )


def plain(address: str) -> str:
    """The address without what may be secret in it: query, fragment, name and password."""
    parts = _split(address)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if parts.scheme else parts.path
