"""Metadata of a product and its datastrip: the structure of ESA's files, the values of the scene.

Structure: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), the elements that readers
use and their neighbours.
"""

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import rasterio.warp

from unclouded.core.bands import NAMES, SENTINEL2, Band
from unclouded.core.radiometry import DN_NODATA, DN_SATURATED
from unclouded.synthetic._facts import Facts, has_offset, psd_version
from unclouded.synthetic._names import SPACECRAFT, Names, utc
from unclouded.synthetic._tile_metadata import tile_metadata
from unclouded.synthetic._xml import document, element
from unclouded.synthetic.sensor import IRRADIANCE, QUANTIFICATION


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


def files_of(facts: Facts) -> Sequence[tuple[str, str]]:
    """Metadata files: path relative to the product, text."""
    names = facts.names
    return (
        (names.product_xml, product_metadata(facts)),
        (names.granule_xml, tile_metadata(facts)),
        (names.datastrip_xml, datastrip_metadata(facts)),
    )
