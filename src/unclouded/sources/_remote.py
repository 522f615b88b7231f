"""Rasters on the network: what GDAL must know to read them there, and what its words come to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rasterio.env import get_gdal_config
from rasterio.session import Session

from unclouded.core.errors import RasterError, ServiceError

_REFUSED = re.compile(r"access is denied|access ?denied|access key id|signature", re.IGNORECASE)
"""What stores of S3's kind say where GDAL passes on their words in place of the status."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """Where on the network a raster lies, and what GDAL must know to read it there."""

    host: str
    """For messages: never the whole address, which may hold a signature."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """GDAL options."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """GDAL option -> name of the setting that a user keeps its value in; empty: GDAL's own settings."""

    def session(self) -> Session | None:
        """The user's keys for this service, where GDAL's configuration has them; None leaves it to GDAL.

        They are looked up whenever a file is opened, as GDAL does with `AWS_ACCESS_KEY_ID`: in the
        environment, or in what was set by `rasterio.Env`. No record of ours ever holds them.
        """
        found = {option: setting(name) for option, name in self.keys.items()}
        return _Keys(found) if self.keys and None not in found.values() else None

    def failure(self, where: str, said: str) -> RasterError | ServiceError:
        """What GDAL's words come to: the service's fault, or that of the one file."""
        found = re.search(r"(?:HTTP response code|HTTP error code|response_code)\D{0,5}(\d{3})", said)
        status = int(found[1]) if found else 0
        names = " and ".join(self.keys.values() or ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
        if "AWS_SECRET_ACCESS_KEY" in said:  # GDAL names what it misses
            return ServiceError(f"{where}: expected keys for {self.host}, found none; set {names}")
        if status in {401, 403} or _REFUSED.search(said):
            hint = f" ({names})" if self.keys else ""
            return ServiceError(
                f"{where}: expected {self.host} to hand out the file, found it refused "
                f"(HTTP {status or 403}); check the credentials for this service{hint}"
            )
        if status >= 429 or "curl" in said.lower() or "resolve host" in said.lower():
            why = f"HTTP {status}" if status else "no connection"
            return ServiceError(
                f"{where}: expected an answer from {self.host}, found none ({why}); try again later"
            )
        return RasterError(
            f"{where}: expected a raster at {self.host}, found none that can be read"
            f"{f' (HTTP {status})' if status else ''}; check the item"
        )


def setting(name: str) -> str | None:
    """A setting of GDAL's configuration, which takes in the environment; None where it is not set."""
    found = get_gdal_config(name, normalize=False)
    return str(found) if found else None


class _Keys(Session):  # type: ignore[misc]  # rasterio does not type it
    """Keys of a service of its own: what stands in `AWS_*` is for another."""

    def __init__(self, options: Mapping[str, str | None]) -> None:
        self._options = {"AWS_SESSION_TOKEN": "", **options}

    def get_credential_options(self) -> dict[str, str | None]:
        """As GDAL names them."""
        return dict(self._options)
