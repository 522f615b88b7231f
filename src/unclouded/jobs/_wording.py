"""What messages say of options of the command line, said of the arguments of the same names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from unclouded.core.errors import UncloudedError


@contextmanager
def said_in_python() -> Iterator[None]:
    """Errors of the block, of the same kind, with what is to be done said of arguments."""
    try:
        yield
    except UncloudedError as err:
        raise type(err)(in_python(str(err))) from None


def in_python(line: str) -> str:
    """What is said of options of the command line, said of the arguments of the same names.

    `--offset 0` becomes `offset=0`.
    """
    return re.sub(r"--([a-z][a-z-]*)( -?[0-9.]+)?", _argument, line)


def _argument(option: re.Match[str]) -> str:
    return f"{option[1].replace('-', '_')}={(option[2] or '').strip()}"
