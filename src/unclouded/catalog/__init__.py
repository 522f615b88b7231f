"""Search and download of products: one file a provider, the same few records for all.

`search` asks a catalogue; `download` brings products into a folder, resumed where it was left and checked
against what the provider states. Addresses and credentials are given, never looked up here.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unclouded.catalog._area import Area, parse_area
from unclouded.catalog._batch import DownloadReport, ProductReport, Tick, download_all
from unclouded.catalog._credentials import Credentials, Login, Secret, find_credentials
from unclouded.catalog._endpoints import DEFAULTS, merged
from unclouded.catalog._names import bare, parse_product, safe_name
from unclouded.catalog._patience import Patience
from unclouded.catalog._read import PROVIDER, SearchResult, read_search
from unclouded.catalog._records import Context, Found, Query, Wanted, parse_time
from unclouded.catalog._zenodo import Zenodo
from unclouded.core.errors import OptionError
from unclouded.core.registry import find, names

__all__ = [
    "DEFAULTS",
    "PROVIDER",
    "Area",
    "Credentials",
    "DownloadReport",
    "Found",
    "Login",
    "Patience",
    "ProductReport",
    "Query",
    "SearchResult",
    "Secret",
    "Service",
    "Tick",
    "Wanted",
    "dataset_names",
    "download",
    "download_dataset",
    "find_credentials",
    "parse_area",
    "parse_time",
    "provider_names",
    "read_search",
    "same_scene",
    "search",
]

_PROVIDERS = f"{__name__}.providers"
_DATASETS = f"{__name__}.datasets"
DEFAULT_PROVIDER = "google"
"""Needs no account."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """Which service, and how to reach it."""

    provider: str = DEFAULT_PROVIDER
    collection: str | None = None
    """Another of the provider's collections than the usual one of a level."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Base addresses put elsewhere, by their names in `DEFAULTS`."""
    credentials: Credentials = field(default_factory=Credentials)
    patience: Patience = field(default_factory=Patience)


def provider_names() -> tuple[str, ...]:
    """Names of the providers, as the command line spells them."""
    return tuple(name.replace("_", "-") for name in names(_PROVIDERS))


def dataset_names() -> tuple[str, ...]:
    """Names of the data sets, as the command line spells them."""
    return tuple(name.replace("_", "-") for name in names(_DATASETS))


def search(query: Query, service: Service) -> tuple[Found, ...]:
    """Products that a provider has, earliest first.

    Raises:
        OptionError: the provider has no search, or not this level.
        ServiceError: it does not answer, or not with products.
    """
    provider = find(_PROVIDERS, service.provider).open_provider(_context(service))
    return tuple(sorted(provider.search(query), key=lambda found: (found.sensing_time, found.id)))


def download(
    wanted: Iterable[Wanted | str],
    folder: Path,
    service: Service,
    *,
    wait_s: float = 0.0,
    progress: Callable[[Tick], None] | None = None,
) -> DownloadReport:
    """Products in a folder: what is there stays, what was begun is gone on with.

    Args:
        wanted: names of products, or what `read_search` gives.
        wait_s: how long to wait for products that an archive brings back.
        progress: called from several threads, one at a time.

    Raises:
        OptionError: a name that could be no product's.
        OutputError: the folder cannot be written.
    """
    asked = [_checked(item) for item in wanted]
    if not asked:
        raise OptionError("download: expected at least one product, found none")
    context = _context(service)
    provider = find(_PROVIDERS, service.provider).open_provider(context)
    return download_all(
        provider, service.provider, asked, folder, context=context, wait_s=wait_s, progress=progress
    )


def download_dataset(
    name: str,
    folder: Path,
    service: Service,
    *,
    products: bool = True,
    wait_s: float = 0.0,
    progress: Callable[[Tick], None] | None = None,
) -> DownloadReport:
    """The labels of a data set and the products they were drawn on.

    `NAME.json` in the folder maps the names that the labels use to the products.

    Args:
        products: False leaves the products out.
    """
    dataset: Any = find(_DATASETS, name)
    context = _context(service)
    labels = download_all(
        Zenodo(context, folder=dataset.LABELS),
        "zenodo",
        [Wanted(id=f"zenodo-{dataset.RECORD}")],
        folder,
        context=context,
        progress=progress,
    )
    scenes = {item: item for item in dataset.PRODUCTS} | dict(dataset.OLD_NAMES)
    _write_scenes(folder / f"{name.replace('_', '-')}.json", scenes)
    if not products:
        return labels
    rest = download(dataset.PRODUCTS, folder, service, wait_s=wait_s, progress=progress)
    return DownloadReport(folder=folder, products=(*labels.products, *rest.products))


def same_scene(found: Iterable[Found]) -> tuple[tuple[Found, ...], ...]:
    """Products that show the same ground at the same time, earliest baseline first: reprocessed ones."""
    groups: dict[object, list[Found]] = {}
    for item in found:
        product = parse_product(item.product)
        if product is not None:
            groups.setdefault(product.scene, []).append(item)
    return tuple(
        tuple(sorted(group, key=lambda item: item.baseline or ""))
        for group in groups.values()
        if len(group) > 1
    )


def _checked(item: Wanted | str) -> Wanted:
    wanted = item if isinstance(item, Wanted) else Wanted(id=item)
    return Wanted(id=safe_name(bare(wanted.id), what="product"), item=wanted.item)


def _context(service: Service) -> Context:
    return Context(
        endpoints=merged(service.endpoints),
        credentials=service.credentials,
        patience=service.patience,
        collection=service.collection,
    )


def _write_scenes(path: Path, scenes: Mapping[str, str]) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(f"{json.dumps(scenes, indent=1)}\n", encoding="utf-8")
    draft.replace(path)
