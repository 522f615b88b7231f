"""WHUS2-CD+ (Li et al. 2021): 36 whole Sentinel-2A scenes over China at 10 m, cloud or not.

A mask a product, `PRODUCT_Mask.tif`. doi 10.5281/zenodo.5511792.
"""

from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile

LABELS = LEGENDS["whus2-cd"]
_END = "_Mask"


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The masks, each with the name of its L1C product, or the product itself where it lies in the folder.

    Raises:
        PairError: there is none.
    """
    masks = (path for path in folder.rglob("*.tif") if path.stem.endswith(_END))
    return listed((_item(path, folder) for path in masks), folder, layout=f"PRODUCT{_END}.tif")


def _item(path: Path, folder: Path) -> LabelItem:
    product = path.stem.removesuffix(_END).removesuffix(".SAFE")
    beside = next((found for found in folder.rglob(f"{product}.SAFE") if found.is_dir()), None)
    return LabelItem(
        set_name="whus2_cd",
        id=product,
        site=mgrs_tile(product),
        label=path,
        image=beside or product,
        legend=LABELS,
    )


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
