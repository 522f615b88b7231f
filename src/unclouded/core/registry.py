"""A folder is a registry: each of its modules is found by its file name, those with a `_` are helpers."""

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from unclouded.core.errors import OptionError


def names(package: str) -> tuple[str, ...]:
    """Names of the modules in a package, sorted, helpers left out."""
    path = import_module(package).__path__
    return tuple(sorted(item.name for item in iter_modules(path) if not item.name.startswith("_")))


def find(package: str, name: str) -> ModuleType:
    """The module of that name; dashes may stand for underscores.

    Raises:
        OptionError: no such module; the known names and the nearest one are named.
    """
    known = names(package)
    key = name.replace("-", "_")
    if key not in known:
        near = get_close_matches(key, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        kind = package.rpartition(".")[2]
        raise OptionError(f"{kind} '{name}': expected one of {', '.join(known)}{hint}")
    return import_module(f"{package}.{key}")
