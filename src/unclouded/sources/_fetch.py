"""One small document over https: a STAC item. Pixels go through GDAL."""

import ssl
from typing import Any

import certifi

from unclouded.core.errors import ServiceError, UnknownProductError
from unclouded.sources._providers import is_loopback, plain
from unclouded.sources._text import shown

TIMEOUT_S = 60


def fetch(address: str, *, most: int) -> bytes:
    """The first bytes of what lies at an address, at most `most`.

    Raises:
        UnknownProductError: the service has nothing there.
        ServiceError: it refuses, or does not answer.
    """
    # only here: to import unclouded is to import no network
    from http.client import HTTPException  # noqa: PLC0415 - see above
    from urllib.error import HTTPError  # noqa: PLC0415 - see above
    from urllib.request import Request  # noqa: PLC0415 - see above

    where = shown(plain(address))
    request = Request(address, headers={"Accept": "application/geo+json, application/json"})  # noqa: S310 - checked
    try:
        with _opener(address).open(request, timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read(most)
    except HTTPError as err:
        err.close()
        if err.code in {404, 410}:
            raise UnknownProductError(
                f"{where}: expected an item, found nothing there (HTTP {err.code}); check the address"
            ) from None
        raise ServiceError(
            f"{where}: expected an item, found the service refuses (HTTP {err.code}); try again later"
        ) from None
    except (OSError, HTTPException, ValueError) as err:
        raise ServiceError(
            f"{where}: expected an answer, found none ({type(err).__name__}); check the network"
        ) from None
    return data


def _opener(address: str) -> Any:
    """Follows redirects to https only; to this machine only from this machine."""
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener  # noqa: PLC0415 - as above

    class Careful(HTTPRedirectHandler):
        def redirect_request(  # noqa: PLR0917 - the standard library's signature
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            if not newurl.startswith("https://") and not (is_loopback(address) and is_loopback(newurl)):
                return None
            if is_loopback(newurl) and not is_loopback(address):
                return None
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    context = ssl.create_default_context(cafile=certifi.where())
    return build_opener(Careful, HTTPSHandler(context=context))
