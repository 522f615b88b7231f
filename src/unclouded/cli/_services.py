"""What search and download share: addresses and credentials from the environment."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from unclouded.catalog import DEFAULTS, Credentials, Secret, Service, find_credentials


def service(provider: str, *, collection: str | None = None, code: str | None = None) -> Service:
    """A service as the environment has it.

    Args:
        code: of an authenticator, over the one in the environment.
    """
    return Service(
        provider=provider,
        collection=collection,
        endpoints=_addresses(os.environ),
        credentials=_credentials(provider, code),
    )


def _addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """`UNCLOUDED_CDSE_URL` and its kind, for every address in the table."""
    variables = {name: f"UNCLOUDED_{name.upper().replace('-', '_')}_URL" for name in DEFAULTS}
    return {name: environment[variable] for name, variable in variables.items() if environment.get(variable)}


def _credentials(provider: str, code: str | None) -> Credentials:
    if provider != "cdse":  # the others need no file of anyone's
        return find_credentials(os.environ)
    home = Path.home()
    found = find_credentials(
        os.environ,
        netrc_file=Path(os.environ.get("NETRC") or home / ".netrc"),
        eodag_file=Path(os.environ.get("EODAG_CFG_FILE") or home / ".config" / "eodag" / "eodag.yml"),
    )
    if code is None or found.cdse is None:
        return found
    return replace(found, cdse=replace(found.cdse, one_time=Secret(code)))
