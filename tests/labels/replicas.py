"""Tiny label sets in the layouts that the real ones are published in. Every pixel is made here.

`make(name, folder)` writes one; the names are those of `unclouded.labels`.
"""

import csv
import io
import json
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

UTM = Affine(10, 0, 600_000, 0, -10, 5_100_000)
MARRAKECH_LONG = "S2A_OPER_PRD_MSIL1C_PDMC_20160417T203056_R137_V20160417T111159_20160417T111159"
TYROL_LONG = "S2A_OPER_PRD_MSIL1C_PDMC_20161109T224916_R065_V20161108T102232_20161108T102232"
MARRAKECH = "S2A_MSIL1C_20160417T110652_N0201_R137_T29RPQ_20160417T111159"
ARLES = "S2A_MSIL1C_20170917T103021_N0205_R108_T31TFJ_20170917T103018"
BOREAL = "S2A_MSIL1C_20180429T032541_N0206_R018_T49SCV_20180429T062304"
COAST = "S2A_MSIL1C_20180722T030541_N0206_R075_T49RFP_20180722T060550"


def make(name, folder):
    """Write the replica of a set into a folder, and give the folder."""
    globals()[name](folder)
    return folder


def write_tif(path, values, *, gsd=10, driver="GTiff", place=True, **profile):
    """A raster (y, x) or (band, y, x), in UTM 32N unless it has no place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = values[None] if values.ndim == 2 else values
    # spelt out: affine 2 multiplies with *, affine 3 with @
    transform = Affine(gsd, 0, UTM.c, 0, -gsd, UTM.f)
    where = {"transform": transform, "crs": "EPSG:32632"} if place else {}
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver=driver, dtype=bands.dtype, **shape, **{**where, **profile}
        ) as out:
            out.write(bands)
    return path


def codes(*values, height=2):
    """A raster whose columns hold these codes, and whose rows differ: the last row is upside down."""
    row = np.array(values, np.uint8)
    return np.stack([row] * (height - 1) + [row[::-1]])


def image(height, width, bands=4):
    """An image without an empty pixel."""
    return np.arange(1, bands * height * width + 1, dtype=np.uint16).reshape(bands, height, width)


def write_rows(path, header, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([*([header] if header else []), *rows])


# --- folders of GeoTIFF masks ------------------------------------------------------------------------------


def unclouded(folder):
    for name in ("a", "b"):
        write_tif(folder / "images" / f"{name}_img.tif", image(2, 6))
        write_tif(folder / "masks" / f"{name}_mask.tif", codes(0, 1, 2, 3, 4, 255))


def original(folder):
    write_tif(folder / "T31TFJ_20170917_60.tif", codes(0, 255), gsd=60, place=False)


def binary(folder):
    write_tif(folder / "a_lab.tif", codes(0, 1, 255))
    write_tif(folder / "a_img.tif", image(2, 3))


def chips(folder):
    header = ("file", "set", "sensor", "legend", "shadow_annotated", "thin_apart", "site")
    biome = "0 fill, 64 shadow, 128 clear, 192 thin, 255 thick"
    dense = "0 clear, 1 thick, 2 thin, 3 shadow"
    write_rows(
        folder / "labels.csv",
        header,
        ("l8biome/a", "l8biome", "landsat-8", biome, "yes", "yes", "LC80160502014041LGN00 (inferred)"),
        ("l8biome/b", "l8biome", "landsat-8", biome, "no", "yes", "LC80420082013220LGN00 (inferred)"),
        ("oncloudn/c", "oncloudn", "sentinel-2", "0 not cloud, 1 cloud", "no", "no", "lat 1 lon 2"),
        (
            "38cloud/p1",
            "38cloud",
            "landsat-8",
            "0 not cloud, 255 cloud",
            "no",
            "no",
            "LC08_L1TP_002053_20160520",
        ),
        ("cloudsen12-dense/ROI_12_clear", "cloudsen12-dense", "sentinel-2", dense, "yes", "yes", "15N 77E"),
    )
    held = {
        "l8biome/a": (0, 64, 128, 192, 255),
        "l8biome/b": (128, 192, 255),
        "oncloudn/c": (0, 1),
        "38cloud/p1": (0, 255),
        "cloudsen12-dense/ROI_12_clear": (0, 1, 2, 3),
    }
    for name, values in held.items():
        write_tif(folder / f"{name}_lab.tif", codes(*values))
        write_tif(folder / f"{name}_img.tif", image(2, len(values)))


# --- Sentinel-2 --------------------------------------------------------------------------------------------


def baetens_hagolle(folder):
    scenes = {
        f"Reference_dataset/{ARLES}": None,
        f"Reference_dataset/{MARRAKECH_LONG}": None,
        # the scene that is in both parts: the copy must not be listed, so it would be seen by its codes
        f"Hollstein/{MARRAKECH_LONG}": MARRAKECH_LONG,
        "Hollstein/some_folder": TYROL_LONG,
    }
    for scene, stated in scenes.items():
        root = folder / scene
        values = codes(99) if stated == MARRAKECH_LONG else codes(0, 1, 2, 3, 4, 5, 6, 7)
        write_tif(root / "Classification" / "classification_map.tif", values, gsd=60)
        write_tif(root / "Classification" / "confidence_enhanced.tif", values, gsd=60)
        (root / "Samples").mkdir()
        (root / "Statistics").mkdir()
        if stated:
            (root / "used_parameters.json").write_text(json.dumps({"cloudy_product_name": stated}))


def tif_bytes(values, **profile):
    """A GeoTIFF as bytes."""
    bands = values[None] if values.ndim == 2 else values
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
    place = {"transform": UTM, "crs": "EPSG:32632", **profile}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", dtype=bands.dtype, **shape, **place) as out:
            out.write(bands)
        return memory.read()


def tortilla(parts, *, magic=b"#y", fields=()):
    """A TACO of version 1: `parts` are (id, format, bytes), `fields` what each row says beside that."""
    import pyarrow as pa
    from pyarrow import parquet

    data, rows = b"", []
    for at, (name, kind, content) in enumerate(parts):
        row = {
            "tortilla:id": name,
            "tortilla:file_format": kind,
            "tortilla:offset": 200 + len(data),
            "tortilla:length": len(content),
        }
        rows.append({**row, **(fields[at] if fields else {})})
        data += content
    table = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), table, compression="zstd")
    footer = table.getvalue()
    header = magic + (200 + len(data)).to_bytes(8, "little") + len(footer).to_bytes(8, "little")
    return header.ljust(200, b"\0") + data + footer


def padded(values, side):
    """12 px padded with zeros to 15, three columns left or right and three rows above or below."""
    rows, columns = {"left-bottom": ((0, 3), (3, 0)), "right-bottom": ((0, 3), (0, 3))}[side]
    lead = [(0, 0)] * (values.ndim - 2)
    return np.pad(values, [*lead, rows, columns])


def sample(values, side):
    """One patch: its image and its label, padded, as a file in the file."""
    label = padded(values, side)
    # the label's padding looks like clear: 0
    parts = (
        ("s2l1c", "GTiff", tif_bytes(padded(image(12, 12, 13), side))),
        ("target", "GTiff", tif_bytes(label)),
    )
    return tortilla(parts)


def stripes(*values):
    """12 x 12 px whose columns hold these codes in turn."""
    return np.tile(np.array(values, np.uint8), (12, 12 // len(values) + 1))[:, :12]


def cloudsen12(folder):
    kinds = (
        ("ROI_0001__20190101", "high", "train", "ROI_0001", stripes(0, 1, 2, 3), "left-bottom"),
        (
            "ROI_0002__20190101",
            "scribble",
            "validation",
            "ROI_0002",
            stripes(0, 1, 2, 3, 4, 5, 6, 99),
            "right-bottom",
        ),
        ("ROI_0003__20190101", "nolabel", "test", "ROI_0003", stripes(0), "right-bottom"),
        ("ROI_0004__20190101", "high", "test", "ROI_0004", stripes(1), "right-bottom"),
    )
    parts = [(name, "TORTILLA", sample(values, side)) for name, *_, values, side in kinds]
    fields = [
        {"tortilla:data_split": split, "label_type": kind, "roi_id": roi, "real_proj_shape": 12}
        for _, kind, split, roi, *_ in kinds
    ]
    content = tortilla(parts, magic=b"WX", fields=fields)
    (folder / "cloudsen12-l1c.0000.part.taco").write_bytes(content)
    extra = tortilla([("ROI_0001__20190101", "TORTILLA", tortilla([("x", "GTiff", b"")]))], magic=b"WX")
    (folder / "cloudsen12-extra.0000.part.taco").write_bytes(extra)


def copernicus_bench_cloud_s2(folder):
    names = {
        "train": "ROI_00001__20200101T101010",
        "val": "ROI_00002__20200101T101010",
        "test": "ROI_00001__20200609T101010",
    }
    for split, name in names.items():
        write_rows(folder / "cloud_s2" / f"{split}.csv", None, (name,))
        pixels = image(2, 5, 13)
        pixels[:, :, 4] = 0  # padding
        write_tif(folder / "cloud_s2" / "s2_toa" / f"{name}.tif", pixels)
        write_tif(folder / "cloud_s2" / "cloud" / f"{name}.tif", np.array([[0, 1, 2, 3, 0]] * 2, np.uint8))


def one_hot(*classes):
    """(2, n, 3) bool."""
    return np.stack([np.eye(3, dtype=np.bool_)[list(classes)]] * 2)


def s2_cloud_catalogue(folder):
    tags = (
        ("S2A_MSIL1C_20180101T010721_N0206_R045_T53HLD_20180101T041600", 1, 1, 0),
        ("S2A_MSIL1C_20180102T010721_N0206_R045_T53HLE_20180102T041600", 0, 1, 1),
        ("S2A_MSIL1C_20180103T010721_N0206_R045_T53HLF_20180103T041600", 1, 0, 0),
    )
    header = (
        "",
        "scene",
        "difficulty",
        "annotator",
        "shadows_marked",
        "snow/ice",
        "thin",
        "thick",
        "low",
        "high",
    )
    rows = [
        (at, name, 2, "A", marked, 0, thin, thick, 0, 0)
        for at, (name, marked, thin, thick) in enumerate(tags)
    ]
    write_rows(folder / "classification_tags.csv", header, *rows)
    for part in ("masks", "subscenes"):
        (folder / part).mkdir()
    for name, *_ in tags:
        np.save(folder / "masks" / f"{name}.npy", one_hot(0, 1, 2, 0))
        np.save(folder / "subscenes" / f"{name}.npy", np.full((2, 4, 13), 0.3, np.float32))


def kappaset(folder):
    import h5py

    for tile, name in (("T35VLF", "a"), ("T35VMF", "b")):
        path = folder / f"S2A_MSIL1C_20200506T094041_N0209_R036_{tile}_20200506T115022_{name}.nc"
        with h5py.File(path, "w") as file:
            for band in ("B01", "B02"):
                file[band] = np.ones((2, 6), np.uint16)
            file["Label"] = codes(0, 1, 2, 3, 4, 5)


def pixbox_s2(folder, rows=None, *, delimiter=","):
    header = ("ID", "PRODUCT_ID", "PIXEL_X", "PIXEL_Y", "CLOUD_CHARACTERISTICS_ID", "SHADOW_ID")
    rows = rows or [
        (1, 623596858, 10, 20, 1, 0),  # clear
        (2, 623596858, 11, 21, 7, 3),  # clear, in the shadow of a cloud
        (3, 623596858, 12, 22, 2, 3),  # opaque cloud with shadow on it
        (4, 623596858, 13, 23, 8, 3),  # mixed, its clear part in shadow
        (5, 5472572, 14, 24, 0, 3),  # none of the classes
        (6, 5472572, 15, 25, 11, 4),  # haze, another shadow
    ]
    folder.mkdir(exist_ok=True)
    lines = [delimiter.join(map(str, row)) for row in (header, *rows)]
    (folder / "pixbox_sentinel2_cmix_20180425.csv").write_text("\n".join(lines) + "\n")


def hollstein(folder, **changed):
    import h5py

    bands = [f"{number}" for number in range(1, 9)] + ["8A"] + [f"{number}" for number in range(9, 13)]
    arrays = {
        "spectra": np.arange(6 * 13, dtype=np.float32).reshape(6, 13) / 100,
        "classes": np.array([10, 20, 30, 40, 50, 60], np.uint8),
        "class_ids": np.array([10, 20, 30, 40, 50, 60], np.uint8),
        "class_names": np.array([b"Clear", b"Water", b"Shadow", b"Cirrus", b"Cloud", b"Snow"]),
        "band": np.array([name.encode() for name in bands]),
        "product_id": np.array([b"S2A_OPER_A"] * 3 + [b"S2A_OPER_B"] * 3),
        "granule_id": np.array([b"32TNR"] * 3 + [b"49JGL"] * 3),
        "latitude": np.zeros(6),
        **changed,
    }
    with h5py.File(folder / "20170710_s2_manual_classification_data.h5", "w") as file:
        for name, values in arrays.items():
            if values is not None:
                file[name] = values


def whus2_cd(folder):
    for product in (BOREAL, COAST):
        write_tif(folder / "ReferenceMask" / f"{product}_Mask.tif", codes(0, 128, 255))
    (folder / "L1C" / f"{COAST}.SAFE").mkdir(parents=True)


def on_cloud_n(folder):
    places = {"train": (("aaaa", "Chifunfu"), ("bbbb", "Australia")), "test": (("cccc", "Chifunfu"),)}
    for split, chips_there in places.items():
        rows = [(chip, place, "2020-04-29T08:20:47Z", "az://x") for chip, place in chips_there]
        write_rows(
            folder / split / f"{split}_metadata.csv", ("chip_id", "location", "datetime", "cloudpath"), *rows
        )
        for chip, _ in chips_there:
            write_tif(folder / split / f"{split}_labels" / f"{chip}.tif", codes(0, 1))
            for band in ("B02", "B03", "B04", "B08"):
                write_tif(folder / split / f"{split}_features" / chip / f"{band}.tif", image(2, 2, 1))


# --- Landsat -----------------------------------------------------------------------------------------------


def l8_biome(folder):
    shadowed, bare = "LC80160502014041LGN00", "LC80420082013220LGN00"
    marked, unmarked = codes(0, 64, 128, 192, 255), codes(0, 128, 192, 255)
    scene = folder / "BC" / shadowed
    write_tif(scene / f"{shadowed}_fixedmask.img", marked, gsd=30, driver="ENVI")
    for number, gsd in ((1, 30), (8, 15), (10, 30)):
        width = 5 * 30 // gsd
        write_tif(scene / f"{shadowed}_B{number}.TIF", image(2 * 30 // gsd, width, 1), gsd=gsd)
    write_tif(folder / "barren" / bare / f"{bare}_fixedmask.TIF", unmarked, gsd=30)
    write_tif(folder / "barren" / bare / f"{bare}.TIF", image(2, 4, 11), gsd=30)


SPARCS_COLOURS = {
    0: (0, 0, 0),
    1: (0, 0, 128),
    2: (0, 0, 255),
    3: (0, 255, 255),
    4: (128, 128, 128),
    5: (255, 255, 255),
    6: (128, 128, 0),
}


def sparcs(folder):
    values = codes(0, 1, 2, 3, 4, 5, 6)
    colours = np.array([SPARCS_COLOURS[code] for code in range(7)], np.uint8)[values].transpose(2, 0, 1)
    for name in ("LC80010812013365LGN00_18", "LC80020622013244LGN00_5", "LC80030652013182LGN00_11"):
        write_tif(folder / f"{name}_data.tif", image(2, 7, 10), gsd=30)
    write_tif(folder / "LC80010812013365LGN00_18_labels.tif", values, gsd=30)
    write_tif(folder / "LC80020622013244LGN00_5_mask.png", colours, driver="PNG", place=False)
    write_tif(folder / "LC80030652013182LGN00_11_mask.png", values, driver="PNG", place=False)


def cloud38(folder):
    scene = "LC08_L1TP_002053_20160520_20170324_01_T1"
    train, test = folder / "38-Cloud_training", folder / "38-Cloud_test"
    name = f"patch_192_10_by_12_{scene}"
    write_tif(train / "train_gt" / f"gt_{name}.TIF", codes(0, 255), place=False)
    for band in ("red", "green", "blue", "nir"):
        write_tif(train / f"train_{band}" / f"{band}_{name}.TIF", image(2, 2, 1), place=False)
    more = folder / "95-cloud_training_only_additional_to38-cloud"
    tail = "additional_to38cloud"
    other = "patch_1_1_by_1_LC08_L1TP_003052_20160120_20170405_01_T1"
    write_tif(more / f"train_gt_{tail}" / f"gt_{other}.TIF", codes(0, 255), place=False)
    write_tif(more / f"train_red_{tail}" / f"red_{other}.TIF", image(2, 2, 1), place=False)
    write_tif(train / "Entire_scene_gts" / f"edited_corrected_gts_{scene}.TIF", codes(0, 1), gsd=30)
    tested = "LC08_L1TP_064015_20160420_20170223_01_T1"
    write_tif(test / "Entire_scene_gts" / f"edited_corrected_gts_{tested}.TIF", codes(0, 1), gsd=30)


def ukis_csmask(folder):
    np.savez(folder / "landsat5.npz", img=np.ones((2, 5, 6), np.float32), msk=codes(0, 1, 2, 3, 4))


# --- polygons ----------------------------------------------------------------------------------------------


def square(left, top, size=20.0):
    """A ring of UTM coordinates, clockwise from its upper left corner, m."""
    right, bottom = left + size, top - size
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def vector(folder):
    write_tif(folder / "a_img.tif", image(4, 6))
    rings = {"cloud": square(600_000, 5_100_000), "cloud_shadow": square(600_040, 5_100_000)}
    features = [
        {
            "type": "Feature",
            "properties": {"class": name},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name, ring in rings.items()
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    content = {"type": "FeatureCollection", "crs": crs, "features": features}
    (folder / "a.geojson").write_text(json.dumps(content))


if __name__ == "__main__":  # python tests/labels/replicas.py SET FOLDER
    import sys

    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    make(sys.argv[1], target)
