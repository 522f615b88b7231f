"""What `unclouded search` wrote, or any list of STAC items, read back as products to fetch."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unclouded.catalog._records import Wanted
from unclouded.catalog._stac import product_name
from unclouded.core.errors import InputError

PROVIDER = "unclouded:provider"
"""Member of our feature collections that names who has the products."""
OWN_HOSTS = {
    "earth-search.aws.element84.com": "earth-search",
    "stac.dataspace.copernicus.eu": "cdse",
    "planetarycomputer.microsoft.com": "planetary-computer",
}


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """Products of a file."""

    provider: str | None
    """Who has them, where the file says so."""
    wanted: tuple[Wanted, ...]
    products: tuple[str, ...]
    """ESA's names of them, in the same order, where they are known; else the ids."""

    def wanted_of(self, provider: str) -> tuple[Wanted, ...]:
        """The products as a provider knows them: by its own ids, or by ESA's names."""
        if self.provider in {None, provider}:
            return self.wanted
        return tuple(Wanted(id=name) for name in self.products)


def read_search(text: str, *, where: str) -> SearchResult:
    """Products of `unclouded search --json` or `--stac`, of a STAC item or a collection of them.

    Raises:
        InputError: none of these, or without a product.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(f"{where}: expected JSON of unclouded search, found text that is none") from err
    rows = list(_rows(content))
    if not rows:
        raise InputError(f"{where}: expected products, found none; the search may have had no result")
    said = content.get(PROVIDER) if isinstance(content, dict) else None
    providers = {provider for row in rows if (provider := _provider(row))}
    if said is None and len(providers) > 1:
        raise InputError(
            f"{where}: expected products of one provider, found {', '.join(sorted(providers))}; "
            "download them one after the other"
        )
    provider = said if isinstance(said, str) else next(iter(providers), None)
    wanted = tuple(_wanted(row, where) for row in rows)
    return SearchResult(provider=provider, wanted=wanted, products=tuple(_product(row) for row in rows))


def _rows(content: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, list):
        yield from (row for row in content if isinstance(row, dict))
    elif isinstance(content, dict) and content.get("type") == "Feature":
        yield content
    elif isinstance(content, dict) and isinstance(content.get("features"), list):
        yield from (row for row in content["features"] if isinstance(row, dict))


def _wanted(row: Mapping[str, Any], where: str) -> Wanted:
    name = row.get("id")
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: expected products with an id, found one without")
    return Wanted(id=name, item=row if row.get("type") == "Feature" and row.get("assets") else None)


def _product(row: Mapping[str, Any]) -> str:
    properties = row.get("properties")
    name = row.get("product") or (product_name(row["id"], properties) if isinstance(properties, dict) else "")
    return str(name or row["id"])


def _provider(row: Mapping[str, Any]) -> str | None:
    if isinstance(row.get("provider"), str):
        return str(row["provider"])
    links = row.get("links")
    hrefs = (
        [str(link.get("href")) for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    )
    return next(
        (name for host, name in OWN_HOSTS.items() if any(f"//{host}/" in href for href in hrefs)), None
    )
