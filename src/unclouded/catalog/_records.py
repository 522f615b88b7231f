"""What providers take and give."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from unclouded.catalog._area import Area
from unclouded.catalog._body import Opener
from unclouded.catalog._credentials import Credentials
from unclouded.catalog._endpoints import DEFAULTS
from unclouded.catalog._patience import Patience
from unclouded.catalog._transfer import RemoteFile
from unclouded.core.errors import OptionError

LEVELS = ("L1C", "L2A")


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is searched for."""

    area: Area
    start: datetime
    """Aware UTC, included."""
    end: datetime
    """Aware UTC, included."""
    level: str = "L1C"
    max_cloud: float | None = None
    """Per cent, as the provider states it of the whole tile."""
    limit: int = 500
    """Products at most."""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise OptionError(f"level '{self.level}': expected one of {', '.join(LEVELS)}")
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise OptionError("times: expected aware ones, found times without a zone; add UTC")
        if self.start > self.end:
            raise OptionError(
                f"time: expected --from before --to, found {_day(self.start)} and {_day(self.end)}; swap them"
            )
        if self.max_cloud is not None and not 0 <= self.max_cloud <= 100:
            raise OptionError(f"cloud cover: expected per cent from 0 to 100, found {self.max_cloud:g}")
        if self.limit < 1:
            raise OptionError(f"limit: expected at least 1 product, found {self.limit}")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One product that a provider has."""

    id: str
    """As the provider names it."""
    provider: str
    collection: str
    product: str
    """ESA's product name; the id where the provider does not say."""
    level: str
    sensing_time: datetime
    """Aware UTC."""
    tile: str | None = None
    baseline: str | None = None
    """`05.10`."""
    cloud_cover_stated: float | None = None
    """Per cent of the tile, as the provider has it: it may be far off, above all over your own area."""
    size: int | None = None
    """Bytes of the whole delivery, where the provider says so."""
    item: Mapping[str, Any] = field(repr=False)
    """The STAC item itself."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One product to fetch."""

    id: str
    item: Mapping[str, Any] | None = field(default=None, repr=False)
    """The STAC item, where a search has brought it."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """All files of a product, before the first is fetched."""

    id: str
    name: str
    """Of the file or folder that it becomes."""
    folder: bool
    files: tuple[RemoteFile, ...]
    item: Mapping[str, Any] | None = field(default=None, repr=False)
    """STAC item to write beside the files, its assets pointing at them."""
    unpack: bool = False
    """Whether zips in the folder are unpacked beside themselves."""
    size_about: int | None = None
    """Bytes, where only roughly known; for the bar and for the look at the disk."""

    @property
    def size(self) -> int | None:
        """Bytes of all files, None where some size is not known."""
        sizes = [file.size for file in self.files]
        return self.size_about if None in sizes else sum(size or 0 for size in sizes)


class Provider(Protocol):
    """One service, opened. Safe to call from several threads."""

    @property
    def connections(self) -> int:
        """Transfers at a time that it allows."""
        ...

    @property
    def opener(self) -> Opener:
        """How its files are opened."""
        ...

    def search(self, query: Query) -> Iterator[Found]:
        """Products in the order that the service gives them."""
        ...

    def deliver(self, wanted: Wanted) -> Delivery:
        """What a product consists of here.

        Raises:
            UnknownProductError: not here; the nearest names are.
            OfflineError: it was ordered from the archive.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """What opens a provider."""

    endpoints: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    credentials: Credentials = field(default_factory=Credentials)
    patience: Patience = field(default_factory=Patience)
    stop: threading.Event = field(default_factory=threading.Event)
    collection: str | None = None
    """Another of the provider's collections than the usual one of a level."""


def parse_time(text: str, *, end: bool = False) -> datetime:
    """A day or a moment as aware UTC; the end of the day where it closes a span.

    Raises:
        OptionError: neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as err:
        raise OptionError(f"time '{text[:40]}': expected 2024-03-05 or 2024-03-05T10:48:19Z") from err
    if end and len(text.strip()) <= len("2024-03-05"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_000)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
