"""Packages that some label sets need beyond the base install."""

from importlib import import_module
from types import ModuleType

from unclouded.core.errors import OptionError


def needed(package: str, *, for_set: str) -> ModuleType:
    """The module of that name, imported when it is asked for.

    Raises:
        OptionError: it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as err:
        raise OptionError(
            f"{for_set}: expected the package {package.partition('.')[0]}, found none; "
            "pip install 'unclouded[labels]'"
        ) from err
