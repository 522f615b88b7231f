"""The fake products of `testing.products` as other places lay them out: AWS tiles, COGs and STAC items."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.io import MemoryFile

from unclouded.core.bands import SENTINEL2, band
from unclouded.testing.products import (
    CORNER,
    CRS,
    Dn,
    FakeSafe,
    band_files,
    product_xml,
    tile_xml,
    write_band,
)

TILE_PATH = "tiles/32/T/QM/2024/3/5/0"


def write_fake_aws(
    bucket: Path, fake: FakeSafe, *, metadata: bool = True, infos: bool = True, product: bool = False
) -> Path:
    """One tile in a copy of a bucket; the path of its folder.

    Args:
        metadata: write the tile's `metadata.xml`.
        infos: write `tileInfo.json` and `productInfo.json`.
        product: write the product's metadata where `tileInfo.json` says that they are.
    """
    home = bucket / TILE_PATH
    home.mkdir(parents=True)
    for name, gsd in band_files(fake):
        folder = home / f"R{gsd}m" if fake.level == "L2A" else home
        folder.mkdir(exist_ok=True)
        write_band(folder / f"{name}.jp2", fake, name, gsd)
    if metadata:
        (home / "metadata.xml").write_text(tile_xml(fake, fake.tiles[0]), encoding="utf-8")
    if infos:
        (home / "tileInfo.json").write_text(json.dumps(tile_info(fake)), encoding="utf-8")
        (home / "productInfo.json").write_text(json.dumps(product_info(fake)), encoding="utf-8")
    if product:
        folder = bucket / _product_path(fake)
        folder.mkdir(parents=True)
        (folder / "metadata.xml").write_text(product_xml(fake), encoding="utf-8")
    return home


def tile_info(fake: FakeSafe) -> dict[str, object]:
    """The content of `tileInfo.json`."""
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG:8.8.1:{CRS.removeprefix('EPSG:')}"}}
    return {
        "path": TILE_PATH,
        "timestamp": "2024-03-05T10:48:19.024Z",
        "utmZone": 32,
        "latitudeBand": "T",
        "gridSquare": "QM",
        "datastrip": {
            "id": f"S2A_OPER_MSI_{fake.level}_DS_SGS__20240305T125410_S20240305T104819_N{fake.baseline}",
            "path": f"{_product_path(fake)}/datastrip/0",
        },
        "tileOrigin": {"type": "Point", "crs": crs, "coordinates": list(CORNER)},
        "dataCoveragePercentage": 100.0,
        "cloudyPixelPercentage": 7.5,
        "productName": fake.name,
        "productPath": _product_path(fake),
    }


def product_info(fake: FakeSafe) -> dict[str, object]:
    """The content of `productInfo.json`."""
    tile = {"path": TILE_PATH, "utmZone": 32, "latitudeBand": "T", "gridSquare": "QM"}
    return {
        "name": fake.name,
        "path": _product_path(fake),
        "timestamp": "2024-03-05T10:48:11.000Z",
        "datatakeIdentifier": f"GS2A_20240305T104819_036542_N{fake.baseline}",
        "tiles": [tile],
    }


def _product_path(fake: FakeSafe) -> str:
    return f"products/2024/3/5/{fake.name}"


Dialect = str
"""How an item writes what it says: `earth-search-v1`, `earth-search-v0`, `planetary-computer`, `cdse`."""

_RED_EDGE = {"rededge071": "rededge1", "rededge075": "rededge2", "rededge078": "rededge3"}
_WORDS = {item.name: _RED_EDGE.get(item.common_name, item.common_name) for item in SENTINEL2}
"""As Earth Search calls its assets."""


def write_fake_cogs(folder: Path, fake: FakeSafe, *, block: int = 128) -> dict[str, str]:
    """Each band as a COG at its own spacing; band -> file name."""
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, str] = {}
    for name, gsd in band_files(fake):
        if gsd == band(name).gsd:
            side = fake.size_60m * 60 // gsd
            write_cog(folder / f"{name}.tif", fake.dn(name, side, side), gsd, block=block)
            names[name] = f"{name}.tif"
    return names


def write_cog(path: Path, dn: Dn, gsd: float, *, block: int = 128) -> None:
    """One band with overviews by average and nodata 0, as the public buckets keep them."""
    place = {"crs": CRS, "transform": Affine(gsd, 0, CORNER[0], 0, -gsd, CORNER[1])}
    profile = {
        "height": dn.shape[0],
        "width": dn.shape[1],
        "count": 1,
        "dtype": dn.dtype,
        "nodata": 0,
        **place,
    }
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile) as draft:
            draft.write(dn, 1)
        with memory.open() as draft:
            rasterio.shutil.copy(draft, path, driver="COG", COMPRESS="DEFLATE", BLOCKSIZE=block,
                                 OVERVIEW_RESAMPLING="AVERAGE")  # fmt: skip


def stac_item(
    fake: FakeSafe,
    hrefs: Mapping[str, str],
    *,
    dialect: Dialect,
    stated_offset: float | None = None,
    flag: bool | None = None,
    home: str | None = None,
) -> dict[str, Any]:
    """A STAC item of the bands at these addresses.

    Args:
        dialect: how it names its assets and fields.
        stated_offset: what `raster:bands` or `raster:offset` say, e.g. -0.1; None leaves them out.
        flag: `boa_offset_applied`; None leaves it out.
        home: a `canonical` link, which tells who keeps the pixels.
    """
    properties: dict[str, Any] = {
        "datetime": "2024-03-05T10:48:19.024000Z",
        "platform": fake.satellite.lower(),
        "constellation": "sentinel-2",
        "eo:cloud_cover": 12.5,
        "view:sun_elevation": 36.75,
        "view:sun_azimuth": 158.5,
        "grid:code": "MGRS-32TQM",
        **_dialect_properties(fake, dialect),
    }
    if flag is not None:
        prefix = "sentinel" if dialect == "earth-search-v0" else "earthsearch"
        properties[f"{prefix}:boa_offset_applied"] = flag
    return {
        "type": "Feature",
        "stac_version": "1.1.0" if dialect == "cdse" else "1.0.0",
        "id": fake.name,
        "collection": f"sentinel-2-{fake.level.lower()}",
        "geometry": None,
        "properties": properties,
        "links": [{"rel": "canonical", "href": home}] if home else [],
        "assets": {
            _asset_key(name, dialect): _asset(name, href, fake, dialect, stated_offset)
            for name, href in hrefs.items()
        },
    }


def _dialect_properties(fake: FakeSafe, dialect: Dialect) -> dict[str, Any]:
    if dialect == "cdse":
        return {
            "processing:version": fake.baseline,
            "product:type": f"S2MSI{fake.level[1:]}",
            "proj:code": CRS,
        }
    epsg = {"proj:epsg": int(CRS.removeprefix("EPSG:"))}
    if dialect == "earth-search-v0":
        return {"sentinel:processing_baseline": fake.baseline, "sentinel:product_id": fake.name, **epsg}
    return {
        "s2:processing_baseline": fake.baseline,
        "s2:product_type": f"S2MSI{fake.level[1:]}",
        "s2:product_uri": f"{fake.name}.SAFE",
        **epsg,
    }


def _asset_key(name: str, dialect: Dialect) -> str:
    if dialect == "earth-search-v1":
        return _WORDS[name]
    return f"{name}_{band(name).gsd}m" if dialect == "cdse" else name


def _asset(
    name: str, href: str, fake: FakeSafe, dialect: Dialect, stated_offset: float | None
) -> dict[str, Any]:
    gsd = band(name).gsd
    side = fake.size_60m * 60 // gsd
    kind = (
        "image/jp2" if href.endswith(".jp2") else "image/tiff; application=geotiff; profile=cloud-optimized"
    )
    asset: dict[str, Any] = {
        "href": href,
        "type": kind,
        "gsd": gsd,
        "proj:shape": [side, side],
        "proj:transform": [gsd, 0, CORNER[0], 0, -gsd, CORNER[1]],
        "roles": ["data", "reflectance"],
    }
    if dialect == "cdse":
        asset["bands"] = [{"name": name, "eo:common_name": band(name).common_name}]
        if stated_offset is not None:
            asset |= {"raster:scale": 0.0001, "raster:offset": stated_offset}
        return asset
    word = _WORDS[name] if dialect == "earth-search-v1" else name
    asset["eo:bands"] = [{"name": word, "common_name": _common(name)}]
    if stated_offset is not None:
        asset["raster:bands"] = [{"nodata": 0, "scale": 0.0001, "offset": stated_offset}]
    return asset


def _common(name: str) -> str:
    """As STAC 1.0 has it: one word for three bands of the red edge."""
    return "rededge" if _WORDS[name].startswith("rededge") else _WORDS[name]
