"""The fake products of `testing.products` as other places lay them out: a tile's folder on AWS."""

import json
from pathlib import Path

from unclouded.testing.products import CORNER, CRS, FakeSafe, band_files, product_xml, tile_xml, write_band

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
