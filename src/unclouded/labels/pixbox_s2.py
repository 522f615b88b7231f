"""PixBox-S2-CMIX (Brockmann Consult 2021): 17,351 single pixels in 29 Sentinel-2 L1C products, for testing.

`pixbox_sentinel2_cmix_20180425.csv`; rows and columns count on the 10 m grid. Cloud and cloud shadow are
flags of their own, and 361 pixels have both. doi 10.5281/zenodo.5036991.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLEAR, LEGENDS, SHADOW, SNOW, class_bits, to_sets
from unclouded.core.errors import LabelError, PairError
from unclouded.labels._items import Points
from unclouded.labels._names import mgrs_tile
from unclouded.labels._tables import read_table, whole_number

LABELS = LEGENDS["pixbox-s2"]
SHADOW_FLAGS = {0: False, 1: False, 2: False, 3: True, 4: False}
"""SHADOW_ID -> whether it is the shadow of a cloud on the ground; others are of terrain or on a cloud."""
_CLOUD, _SHADOW = "CLOUD_CHARACTERISTICS_ID", "SHADOW_ID"
_COLUMNS = ("PRODUCT_ID", "PIXEL_X", "PIXEL_Y", _CLOUD, _SHADOW)
_GSD_M = 10
# The table has numbers; names were published apart, in OmniCloudMask's evaluation of the set. The product of
# 872013732 is missing from the archive of images.
PRODUCTS = {
    5472572: "S2A_MSIL1C_20171205T143751_N0206_R096_T19KEU_20171205T180316",
    183807605: "S2A_MSIL1C_20170929T211511_N0205_R143_T06VWN_20170929T211510",
    273136892: "S2A_MSIL1C_20180126T182631_N0206_R127_T11SPC_20180126T201415",
    433871481: "S2A_MSIL1C_20180303T140051_N0206_R067_T19FDV_20180303T202004",
    522655885: "S2A_MSIL1C_20171107T150421_N0206_R125_T22WES_20171107T165127",
    623596858: "S2A_MSIL1C_20170629T103021_N0205_R108_T31TFJ_20170629T103020",
    701404038: "S2A_MSIL1C_20170908T100031_N0205_R122_T32SPJ_20170908T100655",
    784585929: "S2B_MSIL1C_20170731T102019_N0205_R065_T33VVE_20170731T102348",
    872013732: "S2A_MSIL1C_20180223T092031_N0206_R093_T36VUM_20180223T113049",
    885047116: "S2B_MSIL1C_20171210T060229_N0206_R091_T42RUN_20171210T071154",
    960993216: "S2A_MSIL1C_20180106T032121_N0206_R118_T48NUG_20180106T083912",
    1041598282: "S2A_MSIL1C_20180222T012651_N0206_R074_T54TWN_20180222T031349",
    1126775487: "S2B_MSIL1C_20170725T183309_N0205_R127_T11SPC_20170725T183309",
    1211409580: "S2A_MSIL1C_20170209T154541_N0204_R111_T17PPK_20170209T154543",
    1248336059: "S2A_MSIL1C_20170725T142751_N0205_R053_T19GBQ_20170725T143854",
    1309065466: "S2B_MSIL1C_20170712T113319_N0205_R080_T28PCV_20170712T114542",
    1386821964: "S2A_MSIL1C_20170726T102021_N0205_R065_T33VVE_20170726T102259",
    1407300752: "S2A_MSIL1C_20170113T072241_N0204_R006_T40UEE_20170113T072238",
    1470797653: "S2A_MSIL1C_20180217T053911_N0206_R005_T44SKJ_20180217T082149",
    1559102360: "S2A_MSIL1C_20170917T052641_N0205_R105_T48XWG_20170917T052642",
    1650478641: "S2A_MSIL1C_20170916T143741_N0205_R096_T19KEU_20170916T143942",
    1727138395: "S2A_MSIL1C_20170620T181921_N0205_R127_T11SPC_20170620T182846",
    1727140056: "S2A_MSIL1C_20180302T142851_N0206_R053_T19GBQ_20180302T192732",
    1821333386: "S2B_MSIL1C_20180302T150259_N0206_R125_T22WES_20180302T183800",
    1832501017: "S2B_MSIL1C_20170728T101029_N0205_R022_T32TPS_20170728T101024",
    1892503998: "S2B_MSIL1C_20170916T101019_N0205_R022_T32SPJ_20170916T101354",
    1899752240: "S2A_MSIL1C_20170712T071621_N0205_R006_T40UEE_20170712T071617",
    2019111565: "S2A_MSIL1C_20170706T051651_N0205_R062_T48XWG_20170706T051649",
    2065997836: "S2A_MSIL1C_20180102T140051_N0206_R067_T21LXK_20180102T154324",
}


def find_points(folder: Path) -> tuple[Points, ...]:
    """The pixels of each product, by product name.

    Raises:
        PairError: there is no table.
        LabelError: a table that lacks a column, or a code or product that is unknown.
    """
    tables = sorted(folder.rglob("pixbox_sentinel2*.csv"))
    if not tables:
        raise PairError(
            f"{folder}: expected pixbox_sentinel2_cmix_20180425.csv, found none; unpack the set there"
        )
    return tuple(points for table in tables for points in read_points(table))


def read_points(path: Path) -> tuple[Points, ...]:
    """The pixels of each product in one table, by product name.

    What is clear and in the shadow of a cloud is cloud shadow. A cloud with shadow on it stays a cloud.

    Raises:
        LabelError: a table that lacks a column, or a code or product that is unknown.
    """
    rows = read_table(path, _COLUMNS, delimiters=",;\t")
    numbers = {name: _column(rows, name, path) for name in _COLUMNS}
    sets = _sets(numbers[_CLOUD], numbers[_SHADOW], path)
    return tuple(_by_product(numbers, sets, path))


def _column(rows: list[dict[str, str]], name: str, path: Path) -> npt.NDArray[np.int64]:
    # line 1 is the header
    return np.array(
        [whole_number(row, name, f"{path}: line {at}") for at, row in enumerate(rows, 2)], np.int64
    )


def _sets(cloud: npt.NDArray[np.int64], shadow: npt.NDArray[np.int64], path: Path) -> npt.NDArray[np.uint8]:
    unknown, counts = np.unique(shadow[~np.isin(shadow, list(SHADOW_FLAGS))], return_counts=True)
    if unknown.size:
        found = ", ".join(f"{code} ({count} px)" for code, count in zip(unknown, counts, strict=True))
        raise LabelError(
            f"{path}: {_SHADOW} is {', '.join(map(str, SHADOW_FLAGS))}, found {found}; repair the table"
        )
    sets = to_sets(cloud, LABELS, where=f"{path}: {_CLOUD}")
    unshaded = class_bits(frozenset({CLEAR, SNOW}))
    shaded = np.isin(shadow, [code for code, cast in SHADOW_FLAGS.items() if cast]) & (sets & unshaded > 0)
    return np.where(shaded, sets & ~np.uint8(unshaded) | np.uint8(1 << SHADOW), sets).astype(np.uint8)


def _by_product(
    numbers: dict[str, npt.NDArray[np.int64]], sets: npt.NDArray[np.uint8], path: Path
) -> Iterator[Points]:
    places: dict[str, list[int]] = defaultdict(list)
    for at, number in enumerate(numbers["PRODUCT_ID"].tolist()):
        if number not in PRODUCTS:
            raise LabelError(
                f"{path}: line {at + 2}: expected one of the set's {len(PRODUCTS)} products, found "
                f"PRODUCT_ID {number}; give the table of PixBox-S2-CMIX"
            )
        places[PRODUCTS[number]].append(at)
    for product, lines in sorted(places.items()):
        yield Points(
            product=product,
            site=mgrs_tile(product),
            gsd_m=_GSD_M,
            rows=numbers["PIXEL_Y"][lines].astype(np.int32),
            columns=numbers["PIXEL_X"][lines].astype(np.int32),
            sets=sets[lines],
        )


__all__ = ["LABELS", "PRODUCTS", "find_points", "read_points"]
