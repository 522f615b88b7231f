"""Names: what a Sentinel-2 product's says, which of many is nearest, and which may become a path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from unclouded.core.archives import leads_out
from unclouded.core.errors import OptionError, ServiceError

MAX_LENGTH = 200
"""Of a file's name; file systems end at 255 bytes and we append to it."""

# Sentinel-2 products specification: MMM_MSIXXX_datatake_Nxxyy_ROOO_Txxxxx_discriminator; the Planetary
# Computer leaves the baseline out
_PRODUCT = re.compile(
    r"(?P<satellite>S2[A-Z])_MSI(?P<level>L1C|L2A)_(?P<start>\d{8}T\d{6})_(?:N(?P<baseline>\d{4})_)?"
    r"R(?P<orbit>\d{3})_T(?P<tile>\d{2}[A-Z]{3})_(?P<discriminator>\d{8}T\d{6})"
)
_ITEM = re.compile(
    r"(?P<satellite>S2[A-Z])_T?(?P<tile>\d{1,2}[A-Z]{3})_(?P<start>\d{8})(?:T\d{6})?(?:_\d+)?_(?P<level>L1C|L2A)"
)


@dataclass(frozen=True, kw_only=True)
class ProductName:
    """What the name of a compact product says."""

    id: str
    """Without `.SAFE`."""
    satellite: str
    level: str
    """`L1C`, `L2A`."""
    start: datetime
    """Begin of the datatake, aware UTC; the tile is seen up to half an hour later."""
    baseline: str | None
    """`05.10`."""
    tile: str
    """`32TQM`."""

    @property
    def days(self) -> tuple[datetime, ...]:
        """Midnights of the days on which the tile may have been seen."""
        day = self.start.replace(hour=0, minute=0, second=0)
        last = (self.start + timedelta(minutes=30)).replace(hour=0, minute=0, second=0)
        return (day,) if day == last else (day, last)

    @property
    def scene(self) -> tuple[str, datetime, str, str]:
        """What two products share that show the same ground at the same time."""
        return self.satellite, self.start, self.tile, self.level


def parse_product(text: str) -> ProductName | None:
    """What a compact product name says, `.SAFE` and `.zip` left off; None where it is none."""
    name = bare(text)
    found = _PRODUCT.fullmatch(name)
    if found is None:
        return None
    try:
        start = datetime.strptime(found["start"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    digits = found["baseline"]
    return ProductName(
        id=name,
        satellite=found["satellite"],
        level=found["level"],
        start=start,
        baseline=f"{digits[:2]}.{digits[2:]}" if digits else None,
        tile=found["tile"],
    )


def require_product(text: str, *, provider: str) -> ProductName:
    """The same, where nothing else will do.

    Raises:
        OptionError: the text is no compact product name.
    """
    found = parse_product(text)
    if found is None:
        raise OptionError(
            f"'{text[:90]}': expected the name of a Sentinel-2 product as {provider} keeps it, "
            "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458; search for it first"
        )
    return found


def item_scene(text: str) -> tuple[str, str, datetime] | None:
    """(tile, level, day) of a product's or a STAC item's name; None where it says neither."""
    if product := parse_product(text):
        return product.tile, product.level, product.days[0]
    found = _ITEM.fullmatch(bare(text))
    if found is None:
        return None
    try:
        day = datetime.strptime(found["start"], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found["tile"].rjust(5, "0"), found["level"], day


def bare(text: str) -> str:
    """A product's name without the suffixes that folders and archives add."""
    return text.strip().rstrip("/").removesuffix(".zip").removesuffix(".SAFE")


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """The known names most like this one, best first."""
    scored = sorted(known, key=lambda other: SequenceMatcher(None, name, other).ratio(), reverse=True)
    return tuple(scored[:count])


def safe_name(text: str, *, what: str) -> str:
    """The text, where it can be one file's name in our folder.

    Raises:
        OptionError: it would lead elsewhere.
    """
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+=-]*", text) is not None
    if not plain or ".." in text or len(text) > MAX_LENGTH:
        raise OptionError(
            f"{what} '{_shown(text)}': expected a name of letters, digits, dots, dashes and underscores; "
            "it will not be made into a path"
        )
    return text


def safe_path(text: str, *, what: str) -> PurePosixPath:
    """A relative path inside a product.

    Raises:
        ServiceError: it would lead out of the product's folder.
    """
    parts = PurePosixPath(text).parts
    if leads_out(text) or any(len(part) > MAX_LENGTH for part in parts):
        raise ServiceError(
            f"{what}: expected files inside the product, found '{_shown(text)}', which leads out of it; "
            "nothing of this product is kept"
        )
    return PurePosixPath(*parts)


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:90])
