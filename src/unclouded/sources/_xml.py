"""XML that may come from anyone: no DTD, no entities, bounded size, elements by their local name.

The namespace of Sentinel-2 metadata carries the version of the product specification and changes
with it, the local names stay.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from unclouded.core.errors import ProductError
from unclouded.sources._text import shown

MAX_BYTES = 20_000_000
"""Product and tile metadata are below 1 MB; the largest datastrip file seen has 13 MB."""


def parse(data: bytes, *, where: str) -> Element:
    """The root element.

    Raises:
        ProductError: empty, too big, malformed, or with a DTD or entities.
    """
    if not data:
        raise ProductError(f"{where}: expected XML metadata, found an empty file; get the product again")
    if len(data) > MAX_BYTES:
        raise ProductError(
            f"{where}: expected at most {MAX_BYTES // 1_000_000} MB of metadata, found more; "
            "it is no Sentinel-2 metadata file"
        )
    try:
        root: Element = fromstring(data, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as err:
        raise ProductError(
            f"{where}: expected plain XML, found a DTD or entities, which Sentinel-2 metadata never have; "
            "do not trust this product"
        ) from err
    except (ParseError, LookupError, ValueError) as err:  # the latter two: encodings unknown or broken
        raise ProductError(
            f"{where}: expected well-formed XML, found {shown(err)}; get the product again"
        ) from err
    return root


def local_name(element: Element) -> str:
    """`{namespace}NAME` -> `NAME`."""
    return str(element.tag).rpartition("}")[2]


def every(root: Element, name: str) -> Iterator[Element]:
    """Elements of that local name anywhere below the root, in document order."""
    return (element for element in root.iter() if local_name(element) == name)


def first(root: Element, *path: str) -> Element | None:
    """The first element that is reached by these local names, each anywhere below the one before."""
    found: Element | None = root
    for name in path:
        found = next(every(found, name), None) if found is not None else None
    return found


def text(root: Element, *path: str) -> str | None:
    """Stripped text of the first such element; None where it is absent or empty."""
    found = first(root, *path)
    stripped = (found.text or "").strip() if found is not None else ""
    return stripped or None


def number(value: str | None) -> float | None:
    """A finite number, or None where the text is not one."""
    try:
        parsed = float(value) if value is not None else None
    except ValueError:
        return None
    return parsed if parsed is not None and abs(parsed) < float("inf") else None
