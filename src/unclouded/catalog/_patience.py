"""How often, and how long apart, something that may pass is tried again."""

import email.utils
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from unclouded.core.errors import ServiceError

TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
"""HTTP states that say: not now (RFC 9110, RFC 6585)."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Bounds of all retries."""

    tries: int = 6
    """Of one request, and of one file without a byte of progress in between."""
    first_wait_s: float = 1.0
    """Doubles from try to try."""
    longest_wait_s: float = 120.0
    """Also the longest Retry-After that is waited for."""
    timeout_s: float = 60.0
    """Of a connection that says nothing."""


class TransientError(Exception):
    """Something that may pass. Never leaves this room."""

    def __init__(self, reason: str, *, wait_s: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.status = status


class CancelledError(Exception):
    """The run is being stopped. Never leaves this room."""


class Waiting:
    """Counts the tries of one matter and waits between them; a stop ends the wait."""

    def __init__(self, patience: Patience, stop: threading.Event) -> None:
        self._patience = patience
        self._stop = stop
        self._failed = 0

    def progress(self) -> None:
        """Bytes have arrived: the count starts anew."""
        self._failed = 0

    def after(self, trouble: TransientError, *, what: str) -> None:
        """Wait before the next try.

        Raises:
            ServiceError: tried often enough, or asked to wait for too long.
        """
        self._failed += 1
        if self._failed >= self._patience.tries:
            raise ServiceError(f"{what}: {trouble.reason}, {self._failed} times in a row; {_advice(trouble)}")
        if trouble.wait_s is not None and trouble.wait_s > self._patience.longest_wait_s:
            raise ServiceError(
                f"{what}: {trouble.reason}, and asks to come back in {trouble.wait_s:.0f} s; "
                f"{_advice(trouble)}"
            )
        if self._stop.wait(self._wait_s(trouble)):
            raise CancelledError

    def _wait_s(self, trouble: TransientError) -> float:
        if trouble.wait_s is not None:
            return trouble.wait_s
        grown: float = self._patience.first_wait_s * 2 ** (self._failed - 1)
        # apart by chance, so that connections that were cut together do not come back together
        return min(self._patience.longest_wait_s, grown) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _advice(trouble: TransientError) -> str:
    if trouble.status == 429:
        return "the quota of this service is used up for now; run the same command later, what is done stays"
    return "run the same command later, what has arrived is kept"
