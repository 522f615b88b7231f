"""From a path to a scene."""

from collections.abc import Mapping
from pathlib import Path

from unclouded.scene._scene import Scene
from unclouded.sources import OpenOptions, list_scenes, open_product

Source = str | Path | Mapping[str, object] | object
"""A path, an address (`https://…`, `s3://…`), a STAC item as a dict, a mapping of band to file, a cube."""


def open_scene(
    source: Source,
    *,
    offset: float | None = None,
    quantification: float | None = None,
    sensor: str | None = None,
    level: str | None = None,
    gsd: float | None = None,
    granule: str | None = None,
    bearer: str | None = None,
) -> Scene:
    """The product at a path as a scene: its identity, bands and grid. No pixel is decoded.

    Args:
        source: a `.SAFE` folder or `.zip`, an AWS tile's folder, a STAC item (file, folder, address, dict),
            an EOPF Zarr group, a Landsat-8/9 scene's folder, band files (folder, or mapping of band to file),
            a GeoTIFF whose bands are named, or an xarray object.
        offset: what is added to every DN, overruling the source.
        quantification: what the sum is divided by, overruling the source.
        sensor: of a GeoTIFF without a `SENSOR` tag.
        level: of a GeoTIFF without a `LEVEL` tag.
        gsd: spacing of a raster that carries no georeference, m.
        granule: tile (`32TQM`) or folder name, in a product that holds several; id, in a document of items
            such as a FeatureCollection. `open_scenes` opens each.
        bearer: access token for files that CDSE hands out over https.

    Raises:
        ProductError: not a product, or its metadata are broken.
        RadiometryError: reflectance cannot be derived; nothing is guessed.
        RasterError: its rasters cannot be opened.

    Example:
        >>> scene = open_scene("S2A_MSIL1C_20240305T104819_N0510_R051_T31TCJ_20240305T125410.SAFE").at(60)
        >>> reading = scene.read(("B02", "B03", "B04"))  # doctest: +SKIP
    """
    options = OpenOptions(
        offset=offset,
        quantification=quantification,
        sensor=sensor,
        level=level,
        gsd=gsd,
        granule=granule,
        bearer=bearer,
    )
    return Scene(product=open_product(_located(source), options))


def open_scenes(source: Source, options: OpenOptions | None = None) -> tuple[Scene, ...]:
    """Every scene of a source: of each product in a folder of several, one a granule or item, else one.

    Raises:
        The same as `open_scene`.
    """
    chosen = list_scenes(_located(source), options or OpenOptions())
    return tuple(Scene(product=open_product(found, choice)) for found, choice in chosen)


def _located(source: Source) -> Source:
    """Text that is no address is a path."""
    return Path(source) if isinstance(source, str) and "://" not in source else source
