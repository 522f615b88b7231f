"""Planetary Computer (Microsoft): COGs of L2A, signed on the way."""

from collections.abc import Iterator

from unclouded.catalog._body import Opener
from unclouded.catalog._endpoints import check_url
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._sas import SasAuth
from unclouded.catalog._stac import StacService, query_dialect
from unclouded.catalog.providers._hosts import hosts
from unclouded.catalog.providers._items import deliver_assets
from unclouded.core.errors import OptionError, UnknownProductError

COLLECTION = "sentinel-2-l2a"


class PlanetaryComputer:
    """`Provider` of the Planetary Computer."""

    connections = 8

    def __init__(self, context: Context) -> None:
        if context.collection not in {None, COLLECTION}:
            raise OptionError(f"collection '{context.collection}': expected {COLLECTION}")
        patience, stop, endpoints = context.patience, context.stop, context.endpoints
        service_hosts = hosts(endpoints, "planetary-computer", "planetary-computer-sas")
        plain = Http(service_hosts, patience=patience, stop=stop)
        self._file_hosts = hosts(endpoints, "planetary-computer-storage")
        auth = SasAuth(
            http=plain,
            url=endpoints["planetary-computer-sas"],
            collection=COLLECTION,
            hosts=self._file_hosts,
        )
        self._stac = StacService(
            provider="planetary-computer",
            url=endpoints["planetary-computer"],
            http=plain,
            dialect=query_dialect("s2:mgrs_tile"),
        )
        self._opener = Https(Http(self._file_hosts, auth=auth, patience=patience, stop=stop))

    @property
    def opener(self) -> Opener:
        """By https, signed."""
        return self._opener

    def search(self, query: Query) -> Iterator[Found]:
        """Products of L2A.

        Raises:
            OptionError: L1C, which is not kept here.
        """
        if query.level != "L2A":
            raise OptionError(
                "planetary-computer: expected level L2A, found L1C, which it does not keep; take "
                "earth-search or cdse"
            )
        return self._stac.search(query, COLLECTION)

    def deliver(self, wanted: Wanted) -> Delivery:
        """The item's data and metadata."""
        try:
            item = wanted.item or self._stac.item(wanted.id, COLLECTION)
        except UnknownProductError:
            raise self._stac.unknown(wanted.id, COLLECTION) from None
        delivery = deliver_assets(item, name=wanted.id, etag_is_md5=False)
        for file in delivery.files:
            check_url(file.url, self._file_hosts, what=wanted.id)
        return delivery


def open_provider(context: Context) -> PlanetaryComputer:
    """The provider, nothing asked of it yet."""
    return PlanetaryComputer(context)
