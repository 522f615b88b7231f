"""`manifest.safe`: every file of a product with its size and checksum."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from unclouded.synthetic._facts import Facts, has_offset
from unclouded.synthetic._names import utc
from unclouded.synthetic._xml import element


def manifest(root: Path, facts: Facts) -> str:
    """`manifest.safe`: every file with its size and checksum, SHA3-256 as in products of today."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    algorithm = "SHA3-256" if has_offset(facts.names.baseline) else "MD5"
    objects = [_data_object(path, root, algorithm) for path in files]
    body = element(
        "xfdu:XFDU",
        element("informationPackageMap", _content_units(files, root)),
        element("metadataSection", _period(facts), _platform(facts)),
        element("dataObjectSection", *objects),
    )
    head = (
        'xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" xmlns:safe="http://www.esa.int/safe/sentinel/1.1"'
        ' xmlns:gml="http://www.opengis.net/gml"'
        ' version="esa/safe/sentinel/1.1/sentinel-2/msi/archive_l1c_user_product"'
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + body.replace("xfdu:XFDU", head, 1) + "\n"
    )


def _content_units(files: Iterable[Path], root: Path) -> str:
    units = (
        element(
            "xfdu:contentUnit",
            element("dataObjectPointer", dataObjectID=_object_id(path, root)),
            unitType="Metadata Unit" if path.suffix == ".xml" else "Measurement Data Unit",
        )
        for path in files
    )
    return element(
        "xfdu:contentUnit",
        *units,
        unitType="Product_Level-1C",
        textInfo="SENTINEL-2 MSI Level-1C User Product",
    )


def _period(facts: Facts) -> str:
    start = element("safe:acquisitionPeriod", element("safe:startTime", utc(facts.names.start)))
    return _wrapped("acquisitionPeriod", start)


def _platform(facts: Facts) -> str:
    instrument = element("safe:familyName", "Multi-Spectral Instrument", abbreviation="MSI")
    platform = element(
        "safe:platform",
        element("safe:familyName", "SENTINEL"),
        element("safe:number", facts.names.satellite[1:]),
        element("safe:instrument", instrument),
    )
    return _wrapped("platform", platform)


def _wrapped(name: str, content: str) -> str:
    data = element("xmlData", content)
    wrap = element("metadataWrap", data, mimeType="text/xml", vocabularyName="Sentinel-SAFE")
    return element("metadataObject", wrap, ID=name, category="DMD", classification="DESCRIPTION")


def _object_id(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix().replace("/", "_").replace(".", "_") + "_Data"


def _data_object(path: Path, root: Path, algorithm: str) -> str:
    kind = "text/xml" if path.suffix == ".xml" else "application/octet-stream"
    stream = element(
        "byteStream",
        element("fileLocation", locatorType="URL", href="./" + path.relative_to(root).as_posix()),
        element("checksum", checksum(path, algorithm), checksumName=algorithm),
        mimeType=kind,
        size=path.stat().st_size,
    )
    return element("dataObject", stream, ID=_object_id(path, root))


_DIGESTS: Mapping[str, str] = {"SHA3-256": "sha3_256", "MD5": "md5"}


def checksum(path: Path, algorithm: str) -> str:
    """Checksum of a file as manifests write it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _DIGESTS[algorithm]).hexdigest().upper()
