"""Tokens of the Copernicus Data Space: one session for all threads, renewed before it ends.

Keycloak, client `cdse-public`: a token lives 10 minutes, its refresh token 60; an account has at most 100
sessions (documentation.dataspace.copernicus.eu, APIs, Token generation; Quotas).
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unclouded.catalog._credentials import Login, Secret
from unclouded.catalog._endpoints import host_of
from unclouded.catalog._http import Http
from unclouded.core.errors import ServiceError

CLIENT = "cdse-public"
EARLY_S = 30.0
"""A token is renewed this long before it ends, so that a request does not outlive it."""
ACCOUNT = (
    "set UNCLOUDED_CDSE_USERNAME and UNCLOUDED_CDSE_PASSWORD, or keep the account in netrc under "
    "identity.dataspace.copernicus.eu"
)


@dataclass(frozen=True, kw_only=True)
class _Token:
    access: Secret
    ends: float
    """On the monotonic clock."""
    refresh: Secret | None
    refresh_ends: float


class TokenAuth:
    """Bearer tokens for some hosts, by name and password once and by refresh token after that."""

    def __init__(
        self,
        login: Login | None,
        *,
        http: Http,
        url: str,
        hosts: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._login = login
        self._http = http
        self._url = url
        self._hosts = hosts
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._code_used = False

    def headers(self, url: str) -> Mapping[str, str]:
        """The bearer token, for the hosts that may see it.

        Raises:
            ServiceError: no account, or one that is refused.
        """
        if host_of(url) not in self._hosts:
            return {}
        with self._lock:
            if self._token is None or self._clock() > self._token.ends - EARLY_S:
                self._token = self._new()
            return {"Authorization": f"Bearer {self._token.access.reveal()}"}

    def sign(self, url: str) -> str:
        """The address itself: the token travels in a header."""
        return url

    def renew(self, url: str, used: Mapping[str, str]) -> bool:
        """After a refusal: another token, unless another thread has brought one meanwhile."""
        if host_of(url) not in self._hosts or "Authorization" not in used:
            return False
        with self._lock:
            if self._token and used["Authorization"] == f"Bearer {self._token.access.reveal()}":
                self._token = self._new()
        return True

    def advice(self, status: int) -> str:
        """What a user can do."""
        if status == 401:
            return "the account's token was refused twice; log in again: run the same command once more"
        return "the account may not fetch this: check its terms and quota at dataspace.copernicus.eu"

    def _new(self) -> _Token:
        token = self._token
        if token and token.refresh and self._clock() < token.refresh_ends - EARLY_S:
            try:
                return self._ask({"grant_type": "refresh_token", "refresh_token": token.refresh.reveal()})
            except ServiceError:  # the session may have been ended elsewhere: log in again
                pass
        return self._log_in()

    def _log_in(self) -> _Token:
        login = self._login
        if login is None:
            raise ServiceError(
                f"cdse: expected an account of the Copernicus Data Space, found none; {ACCOUNT}, or take "
                "another --provider (google needs none)"
            )
        form = {"grant_type": "password", "username": login.name, "password": login.secret.reveal()}
        if login.one_time is not None:
            if self._code_used:
                raise ServiceError(
                    "cdse: the session of an account with two-factor authentication has ended and its code "
                    "can be used once; run the same command with a fresh code, what is done stays"
                )
            form["totp"] = login.one_time.reveal()
            self._code_used = True
        try:
            return self._ask(form)
        except ServiceError as err:
            raise self._refused(err) from None

    def _ask(self, form: Mapping[str, str]) -> _Token:
        answer: Any = self._http.post_form(self._url, {"client_id": CLIENT, **form})
        now = self._clock()
        try:
            refresh = answer.get("refresh_token")
            return _Token(
                access=Secret(str(answer["access_token"])),
                ends=now + float(answer.get("expires_in", 600)),
                refresh=Secret(str(refresh)) if refresh else None,
                refresh_ends=now + float(answer.get("refresh_expires_in", 0)),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ServiceError("cdse: expected a token from the login service, found none") from None

    def _refused(self, err: ServiceError) -> ServiceError:
        """The login service says the same of a wrong password and of a missing second factor."""
        said = str(err).partition(";")[0]
        second = (
            "the code of the authenticator is valid for half a minute and once"
            if self._login and self._login.one_time
            else "an account with two-factor authentication also needs its current code: "
            "UNCLOUDED_CDSE_TOTP or --totp"
        )
        return ServiceError(f"cdse login: {said}; check name and password; {second}")
