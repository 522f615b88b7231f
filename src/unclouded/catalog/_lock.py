"""One run at a time on one product, however the other one ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unclouded.core.errors import OutputError


@contextmanager
def alone(part: Path) -> Iterator[None]:
    """Hold a product's part for this run. The system lets go of it even after SIGKILL.

    Raises:
        OutputError: another run holds it.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where two runs are the user's own care
    except ImportError:
        yield
        return
    path = part.with_name(f".{part.name}.lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise OutputError(
                f"{part}: another run is fetching this product; wait for it, or name another folder with -o"
            ) from err
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
