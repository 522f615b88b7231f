"""Signatures of the Planetary Computer's storage: a token a collection, renewed when it ends."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from unclouded.catalog._credentials import Secret
from unclouded.catalog._endpoints import host_of
from unclouded.catalog._http import Http
from unclouded.core.errors import ServiceError

EARLY = timedelta(minutes=1)


class SasAuth:
    """Appends the collection's token to addresses of the storage hosts."""

    def __init__(
        self,
        *,
        http: Http,
        url: str,
        collection: str,
        hosts: tuple[str, ...],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._http = http
        self._url = f"{url}/token/{collection}"
        self._hosts = hosts
        self._now = now
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._ends = datetime.min.replace(tzinfo=UTC)

    def headers(self, url: str) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's signature
        """None: the signature is part of the address."""
        return {}

    def sign(self, url: str) -> str:
        """The address with its signature."""
        if not self._signs(url):
            return url
        with self._lock:
            if self._token is None or self._now() > self._ends - EARLY:
                self._fetch()
            return f"{url}{'&' if '?' in url else '?'}{self._reveal()}"

    def renew(self, url: str, used: Mapping[str, str]) -> bool:
        """After a refusal: another token, unless another thread has brought one meanwhile."""
        if not self._signs(url):
            return False
        with self._lock:
            if used.get("url", "").endswith(self._reveal()):
                self._fetch()
        return True

    def advice(self, status: int) -> str:  # noqa: ARG002
        """What a user can do."""
        return "the storage refused a fresh signature; try again later"

    def _signs(self, url: str) -> bool:
        return host_of(url) in self._hosts

    def _reveal(self) -> str:
        return self._token.reveal() if self._token else ""

    def _fetch(self) -> None:
        answer: Any = self._http.get_json(self._url)
        try:
            self._token = Secret(str(answer["token"]).lstrip("?"))
            self._ends = datetime.fromisoformat(str(answer["msft:expiry"]))
        except (KeyError, TypeError, ValueError):
            raise ServiceError(
                "planetary-computer: expected a signature with its expiry, found none; try again later"
            ) from None
        if self._ends.tzinfo is None:
            self._ends = self._ends.replace(tzinfo=UTC)
