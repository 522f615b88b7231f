"""Metadata of a tile: where it lies, and the angles of sun and view."""

import math

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import SENTINEL2, Band
from unclouded.synthetic._facts import Facts, psd_version
from unclouded.synthetic._names import utc
from unclouded.synthetic._sky import PARALLAX_M_PER_S_M, TRACK_DEG
from unclouded.synthetic._xml import document, element
from unclouded.synthetic.config import SceneConfig

GRID_STEP_M = 5_000
GRID_NODES = 23
"""Angles are given on 23 x 23 nodes, 5 km apart; the last lie beyond the tile."""


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
    azimuth, track = math.radians(config.view_azimuth), math.radians(TRACK_DEG)
    along = PARALLAX_M_PER_S_M * band.delay_s
    east = across * math.sin(azimuth) + along * math.sin(track)
    north = across * math.cos(azimuth) + along * math.cos(track)
    return math.degrees(math.atan(math.hypot(east, north))), math.degrees(math.atan2(east, north)) % 360


def _sun_grids(facts: Facts) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
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


def _grid(name: str, values: npt.NDArray[np.float64]) -> str:
    rows = (element("VALUES", " ".join(f"{value:.6g}" for value in row)) for row in values)
    return element(
        name,
        element("COL_STEP", GRID_STEP_M, unit="m"),
        element("ROW_STEP", GRID_STEP_M, unit="m"),
        element("Values_List", *rows),
    )
