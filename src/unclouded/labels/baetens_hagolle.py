"""Baetens & Hagolle 2018: 38 masks of 60 m drawn with active learning, of 37 Sentinel-2 L1C products.

`Reference_dataset/` holds 31 and `Hollstein/` 7; a folder a scene, named as its product, with
`Classification/classification_map.tif`. No images. doi 10.5281/zenodo.1460961.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import LabelError
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile

LABELS = LEGENDS["baetens-hagolle"]
_MAP = "Classification/classification_map.tif"
# Eight products of 2015 and 2016 bear the old long names of whole orbits; the tile that was labelled is the
# product of today's name (ESA-PhiLab/eo4ai, constants/datasets/S2CESBIO38/sceneIDs.yaml, MIT). Keyed by the
# long name's sensing time, which is unique among them.
_TILE_PRODUCTS = {
    "V20151206T080705": "S2A_MSIL1C_20151206T075212_N0204_R092_T37PGQ_20151206T075547",
    "V20160126T023520": "S2A_MSIL1C_20160126T023442_N0201_R103_T49JGL_20160126T023437",
    "V20160323T102143": "S2A_MSIL1C_20160323T102022_N0201_R065_T32TMR_20160323T102143",
    "V20160417T111159": "S2A_MSIL1C_20160417T110652_N0201_R137_T29RPQ_20160417T111159",
    "V20160817T101032": "S2A_MSIL1C_20160817T101032_N0204_R022_T33UUU_20160817T101559",
    "V20160831T095032": "S2A_MSIL1C_20160831T095032_N0204_R079_T35VLJ_20160831T095217",
    "V20161108T102232": "S2A_MSIL1C_20161108T102232_N0204_R065_T32TNR_20161108T102425",
    "V20161112T082202": "S2A_MSIL1C_20161112T082202_N0204_R121_T34LGJ_20161112T083553",
}


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The scenes of both parts, the one that is in both taken once, each with the name of its L1C product.

    Raises:
        PairError: there is no classification map.
        LabelError: a scene whose product is unknown.
    """
    # Reference_dataset first: it is the one kept where a scene is in both
    found: dict[str, LabelItem] = {}
    for scene in _scenes(folder):
        product = product_of(scene)
        found.setdefault(product, _item(scene, product, folder))
    return listed(found.values(), folder, layout=f"SCENE/{_MAP}")


def _scenes(folder: Path) -> Iterator[Path]:
    maps = folder.rglob("classification_map.tif")
    scenes = {path.parent.parent for path in maps if path.parent.name == "Classification"}
    yield from sorted(scenes, key=lambda scene: ("Hollstein" in scene.parts, str(scene)))


def product_of(scene: Path) -> str:
    """Name of the L1C product that a scene's folder is of.

    Raises:
        LabelError: the folder's name is not known.
    """
    stated = _stated_product(scene / "used_parameters.json")
    name = (stated or scene.name).removesuffix(".SAFE")
    if mgrs_tile(name):
        return name
    for sensed, product in _TILE_PRODUCTS.items():
        if f"_{sensed}_" in name:
            return product
    raise LabelError(
        f"{scene}: expected a folder named as an L1C product of one tile, found '{name}'; "
        "name it as the set's archive does"
    )


def _stated_product(parameters: Path) -> str | None:
    if not parameters.is_file():
        return None
    try:
        stated = json.loads(parameters.read_text(encoding="utf-8")).get("cloudy_product_name")
    except (OSError, ValueError, AttributeError):
        return None  # the folder's name says it too
    return stated if isinstance(stated, str) else None


def _item(scene: Path, product: str, folder: Path) -> LabelItem:
    beside = next(
        (
            path
            for root in (scene, folder)
            for end in (".SAFE", ".zip")
            if (path := root / f"{product}{end}").exists()
        ),
        None,
    )
    return LabelItem(
        set_name="baetens_hagolle",
        id=product,
        site=mgrs_tile(product),
        label=scene / _MAP,
        image=beside or product,
        legend=LABELS,
    )


__all__ = ["LABELS", "find_items", "open_codes", "product_of", "read_codes"]
