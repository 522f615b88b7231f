"""What every reader of `unclouded.sources` must do, whatever it reads. Run over all names found."""

from pathlib import Path
from types import ModuleType

from unclouded.core.bands import NAMES
from unclouded.core.errors import UncloudedError
from unclouded.core.product import Product
from unclouded.core.windows import whole
from unclouded.sources import OpenOptions


def hostile_paths(folder: Path) -> list[Path]:
    """Things that are no product, made in a folder, and one that is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "empty": b"",
        "text.txt": b"no product\n",
        "noise.bin": bytes(range(256)) * 16,
        "noise.zip": b"PK\x03\x04" + bytes(range(256)),
        "noise.tif": b"II*\x00" + bytes(range(256)),
        "inline.tif": b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
        "MTD_MSIL1C.xml": b"<a/>",
        "MTD_MSIL2A.xml": b"<Level-2A_User_Product/>",
        "MTD_TL.xml": b"<Level-1C_Tile_ID/>",
        "tileInfo.json": b'{"utmZone": 1, "latitudeBand": "A", "gridSquare": []}',
        "item.json": b'{"type": "Feature", "id": "x", "assets": {"red": 5}, "properties": {}}',
        "items.json": b'[{"type": "Feature", "id": "x", "assets": {}, "properties": {}}, 5]',
        "dump.json": b'{"members": {}, "zarr_format": 2}',
        "deep.json": b"[" * 100_000,
        "x_MTL.txt": b"GROUP = X",
        "name with\nline": b"x",
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    folders = [folder / name for name in ("hollow.SAFE", "hollow.zarr", "bands", "granule")]
    for hollow in folders:
        hollow.mkdir(exist_ok=True)
    (folder / "hollow.zarr" / "zarr.json").write_bytes(b"{}")
    (folder / "bands" / "x_B02.tif").write_bytes(b"II*\x00")
    (folder / "granule" / "MTD_TL.xml").write_bytes(b"<Level-1C_Tile_ID/>")
    return [*(folder / name for name in made), folder, *folders, folder / "absent"]


def check_sniff(reader: ModuleType, path: Path) -> None:
    """A reader says yes or no to anything, and what it says yes to and cannot open is our error."""
    answer = reader.sniff(path)
    if answer is not True and answer is not False:
        raise AssertionError(f"{reader.__name__}.sniff({path.name}): expected a bool, found {answer!r}")
    if not answer:
        return
    try:
        reader.open_product(path, OpenOptions())
    except UncloudedError as err:
        message = str(err)
        if len(message.splitlines()) != 1:
            raise AssertionError(f"expected a message of one line, found {message!r}") from err


def check_product(product: Product) -> None:
    """A product whose records agree with one another and whose bands can be read at every level."""
    names = tuple(product.bands)
    if names != tuple(name for name in NAMES if name in names):
        raise AssertionError(f"expected bands in the table's order, found {names}")
    if set(names) & set(product.missing_bands):
        raise AssertionError("a band cannot be present and missing")
    if not set(names) <= set(product.radiometry.offset) or not set(names) <= set(
        product.radiometry.quantification
    ):
        raise AssertionError("expected radiometry of every band")
    finest = min(reader.grid.pixel_size for reader in product.bands.values())
    if product.grid.pixel_size != finest:
        raise AssertionError(f"expected the grid of the finest band, {finest} m, found {product.grid}")
    for name, reader in product.bands.items():
        if reader.levels[0] != reader.grid:
            raise AssertionError(f"{name}: expected the first level to be the full resolution")
        for level, grid in enumerate(reader.levels):
            samples = reader.read(whole(grid.shape), level)
            if samples.dn.shape != grid.shape or samples.valid.shape != grid.shape:
                raise AssertionError(
                    f"{name}, level {level}: expected {grid.shape}, found {samples.dn.shape}"
                )
            if samples.valid.dtype != bool:
                raise AssertionError(f"{name}: expected validity as bool, found {samples.valid.dtype}")
