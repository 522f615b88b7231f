"""Small fake products: real JPEG 2000, metadata of the real structure, pixels one can predict.

For odd and broken deliveries. Scenes that look like something come from `unclouded.synthetic`.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from unclouded.core.bands import NAMES, SENTINEL2, band

Dn = npt.NDArray[np.uint16]
CORNER = (399960.0, 5000040.0)
"""Upper left corner of the tile, m."""
CRS = "EPSG:32632"
SENSED = "2024-03-05T10:48:19.024Z"
JP2_OPTIONS: Mapping[str, object] = {
    "driver": "JP2OpenJPEG",
    "QUALITY": 100,
    "REVERSIBLE": "YES",  # the driver's default is lossy
    "NBITS": 15,
    "RESOLUTIONS": 5,
}


def ramp(name: str, height: int, width: int) -> Dn:
    """DN that differ in every pixel of a neighbourhood and in every band, never 0. (y, x)."""
    rows, cols = np.mgrid[0:height, 0:width]
    return np.asarray(1000 + 100 * band(name).band_id + 3 * rows % 900 + 7 * cols % 1100, np.uint16)


@dataclass(frozen=True, kw_only=True)
class FakeSafe:
    """What a fake product is like."""

    baseline: str = "05.10"
    offset: float | None = -1000
    """RADIO_ADD_OFFSET of all bands; None writes no list."""
    quantification: float | None = 10000
    """None writes none."""
    tiles: tuple[str, ...] = ("32TQM",)
    """A granule each."""
    level: str = "L1C"
    """Or `L2A`."""
    spacings: tuple[int, ...] = (10, 20, 60)
    """`R10m`, `R20m`, `R60m` folders of Level-2A that are there."""
    image: str = "jp2"
    """Or `tif`, as the Planetary Computer keeps its products."""
    prefix: str = ""
    """Of Level-2A band files: `L2A_` in the first ones."""
    long_names: bool = False
    """Names as before December 2016."""
    size_60m: int = 32
    """Pixels a side of a 60 m band."""
    bands: tuple[str, ...] = NAMES
    """Those that have a file."""
    dn: Callable[[str, int, int], Dn] = ramp
    """(band, height, width) -> pixels."""
    georeferenced: bool = True
    """Whether the rasters say where they lie."""
    block: int = 64
    """Tile of the JPEG 2000, px."""
    satellite: str = "Sentinel-2A"
    options: Mapping[str, object] = field(default_factory=dict)
    """More options of the raster driver."""

    @property
    def name(self) -> str:
        """Name of the product, without `.SAFE`."""
        major, _, minor = self.baseline.partition(".")
        short = f"S2{self.satellite[-1]}"
        if self.long_names:
            maker = "OPER" if self.level == "L1C" else "USER"
            dates = "20240305T125410_R051_V20240305T104819_20240305T104819"
            return f"{short}_{maker}_PRD_MSI{self.level}_PDMC_{dates}"
        return (
            f"{short}_MSI{self.level}_20240305T104819_N{major}{minor}_R051_T{self.tiles[0]}_20240305T125410"
        )


def write_fake_safe(folder: Path, fake: FakeSafe | None = None) -> Path:
    """The product written below a folder; the path of its `.SAFE`."""
    fake = fake or FakeSafe()
    root = folder / f"{fake.name}.SAFE"
    for tile in fake.tiles:
        _write_granule(root / "GRANULE" / granule_name(fake, tile), fake, tile)
    own = fake.name.replace(f"_PRD_MSI{fake.level}", f"_MTD_SAF{fake.level}")
    metadata = f"{own}.xml" if fake.long_names else f"MTD_MSI{fake.level}.xml"
    (root / metadata).write_text(product_xml(fake), encoding="utf-8")
    return root


def granule_name(fake: FakeSafe, tile: str) -> str:
    """Folder of a granule."""
    if fake.long_names:
        maker = "OPER" if fake.level == "L1C" else "USER"
        return f"S2A_{maker}_MSI_{fake.level}_TL_SGS__20240305T125410_A036542_T{tile}_N{fake.baseline}"
    return f"{fake.level}_T{tile}_A036542_20240305T105512"


def _write_granule(granule: Path, fake: FakeSafe, tile: str) -> None:
    images = granule / "IMG_DATA"
    images.mkdir(parents=True)
    stem = granule.name.rpartition("_N")[0] if fake.long_names else f"T{tile}_20240305T104819"
    for name, gsd in band_files(fake):
        folder = images / f"R{gsd}m" if fake.level == "L2A" else images
        folder.mkdir(exist_ok=True)
        spacing = f"_{gsd}m" if fake.level == "L2A" else ""
        write_band(folder / f"{fake.prefix}{stem}_{name}{spacing}.{fake.image}", fake, name, gsd)
    metadata = f"{stem.replace('_MSI_', '_MTD_')}.xml" if fake.long_names else "MTD_TL.xml"
    (granule / metadata).write_text(tile_xml(fake, tile), encoding="utf-8")


def band_files(fake: FakeSafe) -> list[tuple[str, int]]:
    """Band and spacing, m, of each file of a granule: Level-2A delivers the most of them several times.

    Source: Sentinel-2 product specification; B01 at 20 m from baseline 04.00 on.
    """
    if fake.level == "L1C":
        return [(name, band(name).gsd) for name in fake.bands]
    early = fake.baseline < "04.00"
    return [
        (name, gsd)
        for gsd in fake.spacings
        for name in fake.bands
        if gsd >= band(name).gsd or (name == "B01" and gsd == 20 and not early)
        if name != "B10" and not (name == "B08" and gsd > 10)
    ]


def write_band(path: Path, fake: FakeSafe, name: str, gsd: int) -> None:
    """One band's file, with a side of `size_60m * 60 / gsd` px."""
    if fake.image == "tif":
        side = fake.size_60m * 60 // gsd
        write_fake_geotiff(path, fake.dn(name, side, side)[None], (None,), pixel_size=gsd)
        return
    write_jp2(path, fake, name, gsd)


def write_jp2(path: Path, fake: FakeSafe, name: str, gsd: int | None = None) -> None:
    """One band's JPEG 2000, by itself at the band's own spacing."""
    gsd = gsd or band(name).gsd
    side = fake.size_60m * 60 // gsd
    place = {"crs": CRS, "transform": Affine(gsd, 0, CORNER[0], 0, -gsd, CORNER[1])}
    profile = {
        **JP2_OPTIONS,
        **fake.options,
        **(place if fake.georeferenced else {}),
        "BLOCKXSIZE": fake.block,
        "BLOCKYSIZE": fake.block,
    }
    with _quietly():
        dataset = rasterio.open(path, "w", height=side, width=side, count=1, dtype="uint16", **profile)
    with dataset:
        dataset.write(fake.dn(name, side, side), 1)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without rasterio's warning that a raster has no georeference: some of ours must not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


_OFFSET_NAMES = {
    "L1C": ("RADIO_ADD_OFFSET", "Radiometric_Offset_List"),
    "L2A": ("BOA_ADD_OFFSET", "BOA_ADD_OFFSET_VALUES_LIST"),
}


def _quantification_xml(fake: FakeSafe) -> str:
    if fake.quantification is None:
        return ""
    if fake.level == "L1C":
        return f'<QUANTIFICATION_VALUE unit="none">{fake.quantification:g}</QUANTIFICATION_VALUE>'
    return (
        "<QUANTIFICATION_VALUES_LIST>"
        f'<BOA_QUANTIFICATION_VALUE unit="none">{fake.quantification:g}</BOA_QUANTIFICATION_VALUE>'
        '<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
        "</QUANTIFICATION_VALUES_LIST>"
    )


def product_xml(fake: FakeSafe) -> str:
    """Product metadata, the parts of them that readers use."""
    item_name, list_name = _OFFSET_NAMES[fake.level]
    number = fake.level.removeprefix("L")
    offsets = "".join(
        f'<{item_name} band_id="{item.band_id}">{fake.offset:g}</{item_name}>' for item in SENTINEL2
    ) if fake.offset is not None else ""  # fmt: skip
    listed = f"<{list_name}>{offsets}</{list_name}>" if offsets else ""
    quantification = _quantification_xml(fake)
    images = "".join(
        f"<IMAGE_FILE>GRANULE/{granule_name(fake, tile)}/IMG_DATA/T{tile}_20240305T104819_{name}"
        f"{f'_{gsd}m' if fake.level == 'L2A' else ''}</IMAGE_FILE>"
        for tile in fake.tiles
        for name, gsd in band_files(fake)
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{number}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{number}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_URI>{fake.name}.SAFE</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-{number}</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI{number}</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{fake.baseline}</PROCESSING_BASELINE>
      <Product_Organisation><Granule_List><Granule>{images}</Granule></Granule_List></Product_Organisation>
      <Datatake datatakeIdentifier="GS2A_20240305T104819_036542_N{fake.baseline}">
        <SPACECRAFT_NAME>{fake.satellite}</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>2024-03-05T10:48:19.024Z</DATATAKE_SENSING_START>
      </Datatake>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      {quantification}{listed}
    </Product_Image_Characteristics>
  </n1:General_Info>
  <n1:Quality_Indicators_Info>
    <Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment>
  </n1:Quality_Indicators_Info>
</n1:Level-{number}_User_Product>
"""


def tile_xml(fake: FakeSafe, tile: str) -> str:
    """Tile metadata, the parts of them that readers use."""
    sides = {gsd: fake.size_60m * 60 // gsd for gsd in (10, 20, 60)}
    sizes = "".join(
        f'<Size resolution="{gsd}"><NROWS>{side}</NROWS><NCOLS>{side}</NCOLS></Size>'
        for gsd, side in sides.items()
    )
    places = "".join(
        f'<Geoposition resolution="{gsd}"><ULX>{CORNER[0]:.0f}</ULX><ULY>{CORNER[1]:.0f}</ULY>'
        f"<XDIM>{gsd}</XDIM><YDIM>-{gsd}</YDIM></Geoposition>"
        for gsd in sides
    )
    number = fake.level.removeprefix("L")
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{number}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{number}_Tile_Metadata.xsd">
  <n1:General_Info>
    <TILE_ID>S2A_OPER_MSI_{fake.level}_TL_SGS__20240305T125410_A036542_T{tile}_N{fake.baseline}</TILE_ID>
    <SENSING_TIME>{SENSED}</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding>
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone 32N</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>{CRS}</HORIZONTAL_CS_CODE>
      {sizes}{places}
    </Tile_Geocoding>
    <Tile_Angles>
      <Mean_Sun_Angle><ZENITH_ANGLE unit="deg">53.25</ZENITH_ANGLE>
        <AZIMUTH_ANGLE unit="deg">158.5</AZIMUTH_ANGLE></Mean_Sun_Angle>
    </Tile_Angles>
  </n1:Geometric_Info>
</n1:Level-{number}_Tile_ID>
"""


def write_fake_geotiff(
    path: Path,
    values: npt.NDArray[np.generic],
    names: tuple[str | None, ...],
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    tags: Mapping[str, str] | None = None,
    pixel_size: float | None = 20.0,
    nodata: float | None = None,
) -> Path:
    """A GeoTIFF of named bands, (band, y, x); pixel size None writes no georeference."""
    place = (
        {"crs": CRS, "transform": Affine(pixel_size, 0, CORNER[0], 0, -pixel_size, CORNER[1])}
        if pixel_size is not None
        else {}
    )
    count, height, width = values.shape
    profile = {"height": height, "width": width, "count": count, "dtype": values.dtype, "nodata": nodata}
    with _quietly():
        dataset = rasterio.open(path, "w", driver="GTiff", **profile, **place)
    with dataset:
        dataset.write(values)
        for position, name in enumerate(names, start=1):
            if name is not None:
                dataset.set_band_description(position, name)
        dataset.scales = (scale,) * count
        dataset.offsets = (offset,) * count
        dataset.update_tags(**(tags or {}))
    return path
