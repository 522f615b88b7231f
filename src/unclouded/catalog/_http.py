"""HTTP for the base install: the standard library, with an allow-list of hosts, retries and no secrets shown.

Why no client library: docs/decisions/0007.
"""

import json
import logging
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, Protocol

import certifi

from unclouded._version import __version__
from unclouded.catalog._endpoints import check_url, host_of, shown
from unclouded.catalog._patience import TRANSIENT, Patience, TransientError, Waiting, retry_after_s
from unclouded.core.errors import ServiceError, UnknownProductError

logger = logging.getLogger(__name__)

AGENT = f"unclouded/{__version__}"
REDIRECTS = {301, 302, 303, 307, 308}
UNSATISFIABLE = 416
MAX_REDIRECTS = 5
MAX_JSON = 100_000_000
"""Bytes of an answer that is read whole; a page of 100 items has some 3 MB."""


class Auth(Protocol):
    """What makes a request one of ours. Safe to call from several threads."""

    def headers(self, url: str) -> Mapping[str, str]:
        """Headers for this address; none for hosts that are not to see them."""
        ...

    def sign(self, url: str) -> str:
        """The address as it is to be fetched."""
        ...

    def renew(self, url: str, used: Mapping[str, str]) -> bool:
        """After a refusal: whether there is now something newer to try with."""
        ...

    def advice(self, status: int) -> str:
        """What a user can do about a refusal."""
        ...


class Anonymous:
    """No account."""

    def headers(self, url: str) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's signature
        """None."""
        return {}

    def sign(self, url: str) -> str:
        """The address itself."""
        return url

    def renew(self, url: str, used: Mapping[str, str]) -> bool:  # noqa: ARG002
        """There is nothing to renew."""
        return False

    def advice(self, status: int) -> str:  # noqa: ARG002
        """Another provider may keep the same product."""
        return "the service keeps this from anonymous users; try another --provider"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by us, each checked."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def _opener() -> urllib.request.OpenerDirector:
    """Only http and https: urllib's usual opener also reads files and data: addresses."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())  # some Pythons come without any root certificate
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _NoRedirect(),
    ):
        opener.add_handler(handler)
    return opener


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request."""

    url: str
    body: bytes | None = None
    """Makes it a POST."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Http:
    """A provider's hosts, its account and our patience."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        *,
        auth: Auth | None = None,
        patience: Patience | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.hosts = hosts
        self.auth: Auth = auth or Anonymous()
        self.patience = patience or Patience()
        self.stop = stop or threading.Event()
        self._opener = _opener()

    def get_json(self, url: str) -> Any:
        """The JSON at an address.

        Raises:
            UnknownProductError: nothing there.
            ServiceError: refused, broken, or not to be reached after some tries.
        """
        return self._json(Request(url=url))

    def post_json(self, url: str, content: object) -> Any:
        """The JSON that answers another."""
        body = json.dumps(content).encode()
        return self._json(Request(url=url, body=body, headers={"Content-Type": "application/json"}))

    def post_form(self, url: str, content: Mapping[str, str]) -> Any:
        """The JSON that answers a form."""
        body = urllib.parse.urlencode(content).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._json(Request(url=url, body=body, headers=kind))

    def get_bytes(self, url: str, *, limit: int = MAX_JSON) -> bytes:
        """A small file, whole."""
        return self._whole(Request(url=url), limit)

    @contextmanager
    def open(self, request: Request) -> Iterator[HTTPResponse]:
        """One try at a request: redirects followed, a refusal answered once with renewed credentials.

        Reading the response may raise what http.client raises: `broken` says what it means.

        Raises:
            TransientError: it may pass.
            UnknownProductError: 404.
            ServiceError: it will not pass.
        """
        response = self._authorised(request)
        try:
            yield response
        finally:
            response.close()

    def _json(self, request: Request) -> Any:
        text = self._whole(request, MAX_JSON)
        if not text:
            return {}
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as err:
            raise ServiceError(
                f"{host_of(request.url)}: expected JSON from {shown(request.url)}, found "
                f"{text[:40]!r}; the service is out of order or has moved"
            ) from err

    def _whole(self, request: Request, limit: int) -> bytes:
        waiting = Waiting(self.patience, self.stop)
        while True:
            try:
                with self.open(request) as response:
                    content = _read(response, limit + 1)
            except TransientError as trouble:
                logger.info("%s: %s", shown(request.url), trouble.reason)
                waiting.after(trouble, what=host_of(request.url))
                continue
            if len(content) > limit:
                raise ServiceError(
                    f"{shown(request.url)}: expected at most {limit} bytes, found more; it is not read"
                )
            return content

    def _authorised(self, request: Request) -> HTTPResponse:
        used = dict(self.auth.headers(request.url))
        signed = self.auth.sign(request.url)
        try:
            return self._follow(request, signed, used)
        except urllib.error.HTTPError as err:
            if err.code not in {401, 403} or not self.auth.renew(request.url, used | {"url": signed}):
                raise self._refusal(request.url, err) from None
        try:
            return self._follow(request, self.auth.sign(request.url), dict(self.auth.headers(request.url)))
        except urllib.error.HTTPError as err:
            raise self._refusal(request.url, err) from None

    def _follow(self, request: Request, url: str, secret: Mapping[str, str]) -> HTTPResponse:
        body = request.body
        for _ in range(MAX_REDIRECTS + 1):
            check_url(url, self.hosts, what=host_of(request.url))
            try:
                return self._once(url, body, {**request.headers, **secret})
            except urllib.error.HTTPError as err:
                target = err.headers.get("Location")
                if err.code not in REDIRECTS or not target:
                    raise
                err.close()
                url = urllib.parse.urljoin(url, target)
                secret = self.auth.headers(url)
                body = body if err.code in {307, 308} else None
        raise ServiceError(
            f"{shown(request.url)}: expected an answer, found {MAX_REDIRECTS} redirects in a row"
        )

    def _once(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> HTTPResponse:
        asked = urllib.request.Request(url, data=body, headers={"User-Agent": AGENT, **headers})  # noqa: S310 - check_url
        try:
            response: HTTPResponse | None = self._opener.open(asked, timeout=self.patience.timeout_s)
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException) as err:
            raise broken(err) from err
        if response is None:
            raise ServiceError(f"{shown(url)}: expected an answer over http, found none")
        return response

    def _refusal(self, url: str, err: urllib.error.HTTPError) -> Exception:
        """What an error state means. The body is closed and its text not trusted with more than a line."""
        with err:
            reason = _reason(err)
        if err.code == UNSATISFIABLE:
            return TransientError("does not have the range asked for", status=err.code)
        if err.code in TRANSIENT:
            wait = retry_after_s(err.headers.get("Retry-After"))
            return TransientError(f"answers {err.code} {err.reason}", wait_s=wait, status=err.code)
        where = f"{host_of(url)}: answers {err.code} {err.reason}{reason}"
        if err.code in {404, 410}:
            return UnknownProductError(f"{where}; nothing is kept at {shown(url)}")
        if err.code in {401, 403}:
            return ServiceError(f"{where}; {self.auth.advice(err.code)}")
        return ServiceError(f"{where} to {shown(url)}; the service may have changed")


def _read(response: HTTPResponse, count: int) -> bytes:
    """At most so many bytes; a connection cut before the end of the answer is no end of it."""
    try:
        content: bytes = response.read(count)
    except (OSError, HTTPException) as err:
        raise broken(err) from err
    if response.length and len(content) < count:
        raise TransientError("the connection was cut")
    return content


def _reason(err: urllib.error.HTTPError) -> str:
    """` (text)`: what an OAuth or STAC service says about a refusal; never what we sent."""
    try:
        content = json.loads(err.read(10_000))
    except (ValueError, OSError, HTTPException, RecursionError):
        return ""
    keys = ("error_description", "description", "detail", "message", "error")
    text = next((content[key] for key in keys if isinstance(content, dict) and content.get(key)), None)
    return f" ({' '.join(text.split())[:150]})" if isinstance(text, str) else ""


def broken(err: Exception) -> Exception:
    """What a failed connection means: mostly that it may pass."""
    cause = err.reason if isinstance(err, urllib.error.URLError) else err
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ServiceError(
            f"expected a valid certificate, found: {cause.verify_message}; check the clock and any proxy"
        )
    if isinstance(cause, TimeoutError):
        return TransientError("does not answer in time")
    text = getattr(cause, "strerror", None) or type(cause).__name__
    return TransientError(f"the connection broke ({text})")
