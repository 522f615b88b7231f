"""Metadata files of a product: the structure of ESA's, the values of the scene.

Structure: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), the elements that readers
use and their neighbours.
"""

import hashlib
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio.warp

from unclouded.core.bands import NAMES, SENTINEL2, Band
from unclouded.core.radiometry import DN_NODATA, DN_SATURATED
from unclouded.synthetic._names import SPACECRAFT, Names, utc
from unclouded.synthetic.scene import PARALLAX_M_PER_S_M, SceneConfig
from unclouded.synthetic.sensor import IRRADIANCE, QUANTIFICATION

GRID_STEP_M = 5_000
GRID_NODES = 23
"""Angles are given on 23 x 23 nodes, 5 km apart; the last lie beyond the tile."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the metadata state."""

    names: Names
    config: SceneConfig
    crs: str
    size_px: int
    """Side of the 10 m grid."""
    add_offset: int
    cloud_percent: float
    """Thick and thin, of the pixels that have data."""
    images: tuple[str, ...]
    """Images relative to the product, without extension."""


def element(name: str, *content: str | float, **attributes: str | float) -> str:
    """An XML element; nested ones are indented. Strings that are no elements are escaped."""
    head = name + "".join(
        f' {key.rstrip("_")}="{html.escape(str(value))}"' for key, value in attributes.items()
    )
    if not content:
        return f"<{head}/>"
    inner = [item if str(item).startswith("<") else html.escape(str(item), quote=False) for item in content]
    if len(inner) == 1 and not str(inner[0]).startswith("<"):
        return f"<{head}>{inner[0]}</{name}>"
    lines = "\n".join(str(item) for item in inner).replace("\n", "\n  ")
    return f"<{head}>\n  {lines}\n</{name}>"


def document(name: str, schema: str, psd: int, *content: str) -> str:
    """A whole metadata file."""
    space = f"https://psd-{psd}.sentinel2.eo.esa.int/PSD/{schema}"
    body = element(name, *content)
    head = (
        f'{name} xmlns:n1="{space}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{space}"'
    )
    return '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + body.replace(name, head, 1) + "\n"


def has_offset(baseline: str) -> bool:
    """Whether products of a processing baseline carry a radiometric offset: from 04.00 on."""
    return float(baseline) >= 4.0


def psd_version(baseline: str) -> int:
    """Version of the product specification that a baseline follows."""
    number = float(baseline)
    if number >= 5.11:
        return 15
    return 14 if number >= 3.0 else 13 if number >= 2.05 else 12


def product_metadata(facts: Facts) -> str:
    """`MTD_MSIL1C.xml`."""
    return document(
        "n1:Level-1C_User_Product",
        "User_Product_Level-1C.xsd",
        psd_version(facts.names.baseline),
        element("n1:General_Info", _product_info(facts), _image_characteristics(facts)),
        element("n1:Geometric_Info", *_product_geometry(facts)),
        element("n1:Quality_Indicators_Info", *_product_quality(facts)),
    )


def _product_info(facts: Facts) -> str:
    names = facts.names
    return element(
        "Product_Info",
        element("PRODUCT_START_TIME", utc(names.start)),
        element("PRODUCT_STOP_TIME", utc(names.start)),
        element("PRODUCT_URI", names.product + ".SAFE"),
        element("PROCESSING_LEVEL", "Level-1C"),
        element("PRODUCT_TYPE", "S2MSI1C"),
        element("PROCESSING_BASELINE", names.baseline),
        element("GENERATION_TIME", utc(names.created)),
        element("PREVIEW_IMAGE_URL", "Not applicable"),
        element("PREVIEW_GEO_INFO", "Not applicable"),
        element(
            "Datatake",
            element("SPACECRAFT_NAME", SPACECRAFT[names.satellite]),
            element("DATATAKE_TYPE", "INS-NOBS"),
            element("DATATAKE_SENSING_START", utc(names.start)),
            element("SENSING_ORBIT_NUMBER", names.relative_orbit),
            element("SENSING_ORBIT_DIRECTION", "DESCENDING"),
            datatakeIdentifier=names.datatake,
        ),
        _query_options(names),
        element("Product_Organisation", element("Granule_List", _granule(facts))),
    )


def _query_options(names: Names) -> str:
    if names.long:
        listed = (element("BAND_NAME", _physical(band)) for band in SENTINEL2)
        return element("Query_Options", element("Band_List", *listed), element("PRODUCT_FORMAT", "SAFE"))
    return element("Query_Options", element("PRODUCT_FORMAT", "SAFE_COMPACT"), completeSingleTile="true")


def _granule(facts: Facts) -> str:
    names = facts.names
    if names.long:
        listed = [element("IMAGE_ID", image.rpartition("/")[2]) for image in facts.images]
        tag = "Granules"
    else:
        listed = [element("IMAGE_FILE", image) for image in facts.images]
        tag = "Granule"
    return element(
        tag,
        *listed,
        datastripIdentifier=names.datastrip_id,
        granuleIdentifier=names.tile_id,
        imageFormat="JPEG2000",
    )


def _image_characteristics(facts: Facts) -> str:
    special = {"NODATA": DN_NODATA, "SATURATED": DN_SATURATED}
    offsets = (element("RADIO_ADD_OFFSET", facts.add_offset, band_id=band.band_id) for band in SENTINEL2)
    return element(
        "Product_Image_Characteristics",
        *(
            element(
                "Special_Values", element("SPECIAL_VALUE_TEXT", text), element("SPECIAL_VALUE_INDEX", value)
            )
            for text, value in special.items()
        ),
        element(
            "Image_Display_Order",
            element("RED_CHANNEL", NAMES.index("B04")),
            element("GREEN_CHANNEL", NAMES.index("B03")),
            element("BLUE_CHANNEL", NAMES.index("B02")),
        ),
        element("QUANTIFICATION_VALUE", QUANTIFICATION, unit="none"),
        *([element("Radiometric_Offset_List", *offsets)] if has_offset(facts.names.baseline) else []),
        _reflectance_conversion(facts.names.sensing),
        element("Spectral_Information_List", *(_spectral(band) for band in SENTINEL2)),
        element("REFERENCE_BAND", NAMES.index("B04")),
    )


def sun_correction(moment: datetime) -> float:
    """U: inverse square of the distance to the sun, astronomical units (Spencer 1971, first term)."""
    day = moment.timetuple().tm_yday
    return (1 - 0.01673 * math.cos(2 * math.pi * (day - 4) / 365.256)) ** -2


def _reflectance_conversion(moment: datetime) -> str:
    return element(
        "Reflectance_Conversion",
        element("U", f"{sun_correction(moment):.14f}"),
        element(
            "Solar_Irradiance_List",
            *(
                element("SOLAR_IRRADIANCE", IRRADIANCE[band.name], bandId=band.band_id, unit="W/m²/µm")
                for band in SENTINEL2
            ),
        ),
    )


def _physical(band: Band) -> str:
    """As the metadata write bands: `B1`, `B8A`."""
    return band.name.replace("B0", "B")


def _spectral(band: Band) -> str:
    low, high = round(band.centre_nm - band.width_nm / 2), round(band.centre_nm + band.width_nm / 2)
    steps = np.arange(low, high + 1)
    # flat with soft shoulders, as the measured responses are
    response = 1 - np.abs((steps - band.centre_nm) / (band.width_nm / 2 + 1)) ** 6
    return element(
        "Spectral_Information",
        element("RESOLUTION", band.gsd),
        element(
            "Wavelength",
            element("MIN", low, unit="nm"),
            element("MAX", high, unit="nm"),
            element("CENTRAL", band.centre_nm, unit="nm"),
        ),
        element(
            "Spectral_Response",
            element("STEP", 1, unit="nm"),
            element("VALUES", " ".join(f"{value:.4f}" for value in np.clip(response, 0, 1))),
        ),
        bandId=band.band_id,
        physicalBand=_physical(band),
    )


def _product_geometry(facts: Facts) -> tuple[str, str]:
    footprint = element(
        "Product_Footprint",
        element(
            "Product_Footprint",
            element("Global_Footprint", element("EXT_POS_LIST", footprint_of(facts))),
        ),
        element("RASTER_CS_TYPE", "POINT"),
        element("PIXEL_ORIGIN", 1),
    )
    system = element(
        "Coordinate_Reference_System",
        element("GEO_TABLES", "EPSG", version="1"),
        element("HORIZONTAL_CS_TYPE", "GEOGRAPHIC"),
    )
    return footprint, system


def footprint_of(facts: Facts) -> str:
    """Corners as `latitude longitude` pairs, closed."""
    east, north = facts.config.origin
    side = facts.size_px * 10
    corners = [(0, 0), (side, 0), (side, side), (0, side), (0, 0)]
    eastings = [east + right for right, _ in corners]
    northings = [north - down for _, down in corners]
    lon, lat = rasterio.warp.transform(facts.crs, "EPSG:4326", eastings, northings)
    return " ".join(f"{y:.12f} {x:.12f}" for x, y in zip(lon, lat, strict=True))


def _product_quality(facts: Facts) -> tuple[str, str, str]:
    checks = (
        "FORMAT_CORRECTNESS",
        "GENERAL_QUALITY",
        "GEOMETRIC_QUALITY",
        "RADIOMETRIC_QUALITY",
        "SENSOR_QUALITY",
    )
    return (
        element("Cloud_Coverage_Assessment", f"{facts.cloud_percent:.12f}"),
        element(
            "Technical_Quality_Assessment",
            element("DEGRADED_ANC_DATA_PERCENTAGE", "0.0"),
            element("DEGRADED_MSI_DATA_PERCENTAGE", 0),
        ),
        element(
            "Quality_Control_Checks",
            element(
                "Quality_Inspections",
                *(element("quality_check", "PASSED", checkType=check) for check in checks),
            ),
            element("Failed_Inspections"),
        ),
    )


def tile_metadata(facts: Facts) -> str:
    """`MTD_TL.xml`."""
    names = facts.names
    info = element(
        "n1:General_Info",
        element("TILE_ID", names.tile_id, metadataLevel="Brief"),
        element("DATASTRIP_ID", names.datastrip_id, metadataLevel="Standard"),
        element("DOWNLINK_PRIORITY", "NOMINAL", metadataLevel="Standard"),
        element("SENSING_TIME", utc(names.sensing), metadataLevel="Standard"),
        element(
            "Archiving_Info",
            element("ARCHIVING_CENTRE", names.tile_id[20:24]),
            element("ARCHIVING_TIME", utc(names.created)),
            metadataLevel="Expertise",
        ),
    )
    quality = element(
        "n1:Quality_Indicators_Info",
        element(
            "Image_Content_QI",
            element("CLOUDY_PIXEL_PERCENTAGE", f"{facts.cloud_percent:.12f}"),
            element("DEGRADED_MSI_DATA_PERCENTAGE", 0),
        ),
        element("PVI_FILENAME", names.preview),
        metadataLevel="Standard",
    )
    return document(
        "n1:Level-1C_Tile_ID",
        "S2_PDI_Level-1C_Tile_Metadata.xsd",
        psd_version(names.baseline),
        info,
        element("n1:Geometric_Info", _geocoding(facts), _angles(facts)),
        quality,
    )


def _geocoding(facts: Facts) -> str:
    zone = facts.crs[-2:] + ("N" if facts.crs.startswith("EPSG:326") else "S")
    east, north = facts.config.origin
    return element(
        "Tile_Geocoding",
        element("HORIZONTAL_CS_NAME", f"WGS84 / UTM zone {zone}"),
        element("HORIZONTAL_CS_CODE", facts.crs),
        *(_size(facts.size_px * 10 // gsd, gsd) for gsd in (10, 20, 60)),
        *(_position(east, north, gsd) for gsd in (10, 20, 60)),
        metadataLevel="Brief",
    )


def _size(side: int, gsd: int) -> str:
    return element("Size", element("NROWS", side), element("NCOLS", side), resolution=gsd)


def _position(east: float, north: float, gsd: int) -> str:
    return element(
        "Geoposition",
        element("ULX", round(east)),
        element("ULY", round(north)),
        element("XDIM", gsd),
        element("YDIM", -gsd),
        resolution=gsd,
    )


def _angles(facts: Facts) -> str:
    config = facts.config
    zenith, azimuth = _sun_grids(facts)
    bands = [(band, *view_of(config, band)) for band in SENTINEL2]
    return element(
        "Tile_Angles",
        element("Sun_Angles_Grid", _grid("Zenith", zenith), _grid("Azimuth", azimuth)),
        element("Mean_Sun_Angle", *_pair(config.sun_zenith, config.sun_azimuth)),
        *(
            element(
                "Viewing_Incidence_Angles_Grids",
                _grid("Zenith", np.full((GRID_NODES, GRID_NODES), view_zenith)),
                _grid("Azimuth", np.full((GRID_NODES, GRID_NODES), view_azimuth)),
                bandId=band.band_id,
                detectorId=7,
            )
            for band, view_zenith, view_azimuth in bands
        ),
        element(
            "Mean_Viewing_Incidence_Angle_List",
            *(
                element(
                    "Mean_Viewing_Incidence_Angle", *_pair(view_zenith, view_azimuth), bandId=band.band_id
                )
                for band, view_zenith, view_azimuth in bands
            ),
        ),
        metadataLevel="Standard",
    )


def view_of(config: SceneConfig, band: Band) -> tuple[float, float]:
    """View zenith and azimuth of a band, degrees: a late band looks from further down the track."""
    across = math.tan(math.radians(config.view_zenith))
    azimuth, track = math.radians(config.view_azimuth), math.radians(193.0)
    along = PARALLAX_M_PER_S_M * band.delay_s
    east = across * math.sin(azimuth) + along * math.sin(track)
    north = across * math.cos(azimuth) + along * math.cos(track)
    return math.degrees(math.atan(math.hypot(east, north))), math.degrees(math.atan2(east, north)) % 360


def _sun_grids(facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    """Sun angles on the nodes: they change by about 0.9 degrees over 100 km, the means are the scene's."""
    config = facts.config
    place = np.arange(GRID_NODES) * GRID_STEP_M / 1000.0 - facts.size_px / 200.0
    east, north = place[None, :], -place[:, None]
    azimuth = math.radians(config.sun_azimuth)
    toward = east * math.sin(azimuth) + north * math.cos(azimuth)
    turn = 0.012 * east + 0.004 * north
    return config.sun_zenith - 0.009 * toward, config.sun_azimuth + turn


def _pair(zenith: float, azimuth: float) -> tuple[str, str]:
    return (
        element("ZENITH_ANGLE", f"{zenith:.10f}", unit="deg"),
        element("AZIMUTH_ANGLE", f"{azimuth:.10f}", unit="deg"),
    )


def _grid(name: str, values: np.ndarray) -> str:
    rows = (element("VALUES", " ".join(f"{value:.6g}" for value in row)) for row in values)
    return element(
        name,
        element("COL_STEP", GRID_STEP_M, unit="m"),
        element("ROW_STEP", GRID_STEP_M, unit="m"),
        element("Values_List", *rows),
    )


def datastrip_metadata(facts: Facts) -> str:
    """`MTD_DS.xml`, the parts that name the datatake."""
    names = facts.names
    return document(
        "n1:Level-1C_DataStrip_ID",
        "S2_PDI_Level-1C_Datastrip_Metadata.xsd",
        psd_version(names.baseline),
        element(
            "n1:General_Info",
            element(
                "Datatake_Info",
                element("SPACECRAFT_NAME", SPACECRAFT[names.satellite]),
                element("DATATAKE_TYPE", "INS-NOBS"),
                element("DATATAKE_SENSING_START", utc(names.start)),
                element("SENSING_ORBIT_NUMBER", names.relative_orbit),
                element("SENSING_ORBIT_DIRECTION", "DESCENDING"),
                datatakeIdentifier=names.datatake,
            ),
            element(
                "Datastrip_Time_Info",
                element("DATASTRIP_SENSING_START", utc(names.start)),
                element("DATASTRIP_SENSING_STOP", utc(names.sensing)),
            ),
            element("Processing_Info", element("PROCESSING_BASELINE", names.baseline)),
        ),
    )


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


def files_of(facts: Facts) -> Sequence[tuple[str, str]]:
    """Metadata files: path relative to the product, text."""
    names = facts.names
    return (
        (names.product_xml, product_metadata(facts)),
        (names.granule_xml, tile_metadata(facts)),
        (names.datastrip_xml, datastrip_metadata(facts)),
    )
