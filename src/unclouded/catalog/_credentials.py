"""Credentials: where people keep them, and how they stay out of every message."""

import netrc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unclouded.core.errors import InputError, OptionError

CDSE_HOSTS = (
    "identity.dataspace.copernicus.eu",
    "dataspace.copernicus.eu",
    "download.dataspace.copernicus.eu",
)
"""Machines under which a netrc may keep the Copernicus account."""
EODAG_PROVIDERS = ("cop_dataspace", "cop_dataspace_s3")


class Secret:
    """A text that shows itself only when asked to by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written to disk")


@dataclass(frozen=True, kw_only=True)
class Login:
    """A name and what proves it."""

    name: str
    secret: Secret
    one_time: Secret | None = None
    """Code of an authenticator, valid once; session token of an S3 key."""

    def __repr__(self) -> str:
        return "Login(***)"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """All that the services may ask for; what is None was not found."""

    cdse: Login | None = None
    """Copernicus account: mail address, password, code of an authenticator."""
    cdse_s3: Login | None = None
    """Key pair of the Copernicus object store."""
    aws: Login | None = None
    """Key pair of AWS, which the requester-pays buckets bill."""


def find_credentials(
    environment: Mapping[str, str], *, netrc_file: Path | None = None, eodag_file: Path | None = None
) -> Credentials:
    """Credentials from the environment, else from netrc, else from eodag's own configuration.

    Raises:
        InputError: a netrc or eodag file that cannot be read.
    """
    cdse = (
        _from_environment(
            environment, "UNCLOUDED_CDSE_USERNAME", "UNCLOUDED_CDSE_PASSWORD", "UNCLOUDED_CDSE_TOTP"
        )
        or _from_environment(
            environment,
            "EODAG__COP_DATASPACE__AUTH__CREDENTIALS__USERNAME",
            "EODAG__COP_DATASPACE__AUTH__CREDENTIALS__PASSWORD",
            "EODAG__COP_DATASPACE__AUTH__CREDENTIALS__TOTP",
        )
        or _from_netrc(netrc_file)
        or _from_eodag(eodag_file, "username", "password")
    )
    cdse_s3 = (
        _from_environment(environment, "UNCLOUDED_CDSE_S3_KEY", "UNCLOUDED_CDSE_S3_SECRET")
        or _from_environment(
            environment,
            "EODAG__COP_DATASPACE_S3__AUTH__CREDENTIALS__AWS_ACCESS_KEY_ID",
            "EODAG__COP_DATASPACE_S3__AUTH__CREDENTIALS__AWS_SECRET_ACCESS_KEY",
        )
        or _from_eodag(eodag_file, "aws_access_key_id", "aws_secret_access_key")
    )
    aws = _from_environment(environment, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return Credentials(cdse=cdse, cdse_s3=cdse_s3, aws=aws)


def _from_environment(
    environment: Mapping[str, str], name: str, secret: str, one_time: str = ""
) -> Login | None:
    if not environment.get(name) and not environment.get(secret):
        return None
    if not environment.get(name) or not environment.get(secret):
        raise OptionError(f"credentials: expected both {name} and {secret} to be set, found one of them")
    code = environment.get(one_time)
    return Login(
        name=environment[name],
        secret=Secret(environment[secret]),
        one_time=Secret(code) if code else None,
    )


def _from_netrc(path: Path | None) -> Login | None:
    if path is None or not path.is_file():
        return None
    try:
        known = netrc.netrc(str(path)).hosts
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as err:
        # the parser's own message quotes what it read
        raise InputError(
            f"{path.name}: expected a netrc file that only its owner may read, found one that cannot be used "
            f"({type(err).__name__}); check its lines and permissions"
        ) from None
    found = next((known[host] for host in CDSE_HOSTS if host in known), None)
    if found is None or not found[0] or not found[2]:
        return None
    return Login(name=found[0], secret=Secret(found[2]))


def _from_eodag(path: Path | None, name_key: str, secret_key: str) -> Login | None:
    """From eodag.yml, where PyYAML is there to read it: eodag brings it."""
    if path is None or not path.is_file():
        return None
    for provider in EODAG_PROVIDERS:
        found = _dig(_yaml(path), provider, "auth", "credentials") or {}
        name, secret = found.get(name_key), found.get(secret_key)
        if name and secret:
            return Login(name=str(name), secret=Secret(str(secret)))
    return None


def _yaml(path: Path) -> object:
    try:
        import yaml  # noqa: PLC0415 - eodag brings it; without it there is no such file to read
    except ImportError:
        return {}
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        # the parser's own message quotes the lines around the fault
        raise InputError(
            f"{path.name}: expected the YAML of eodag's configuration, found a file that is none; correct it"
        ) from None


def _dig(content: object, *keys: str) -> dict[str, Any] | None:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else None
