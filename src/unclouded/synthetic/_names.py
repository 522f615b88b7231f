"""Names of everything in a product, compact (since December 2016) or long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from unclouded.core.errors import OptionError

SPACECRAFT = {"S2A": "Sentinel-2A", "S2B": "Sentinel-2B", "S2C": "Sentinel-2C"}
"""Satellite -> its name in the metadata."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a product's files are called and the few facts that names are made of."""

    satellite: str
    """S2A, S2B or S2C."""
    baseline: str
    """`05.11`."""
    tile: str
    """`32TPT`."""
    sensing: datetime
    """When the tile was seen, UTC."""
    long: bool
    """Names as before December 2016."""
    relative_orbit: int = 65
    absolute_orbit: int = 44_535

    def __post_init__(self) -> None:
        if self.satellite not in SPACECRAFT:
            raise OptionError(f"satellite '{self.satellite}': expected one of {', '.join(SPACECRAFT)}")
        if len(self.baseline) != 5 or not self.baseline.replace(".", "", 1).isdigit():
            raise OptionError(f"processing baseline '{self.baseline}': expected a number such as 05.11")

    @property
    def start(self) -> datetime:
        """Start of the datatake: a few minutes before the tile."""
        return self.sensing - timedelta(seconds=217)

    @property
    def created(self) -> datetime:
        """When the product was made."""
        return self.sensing + timedelta(hours=3, seconds=41)

    @property
    def _made(self) -> str:
        return _compact(self.created)

    @property
    def product(self) -> str:
        """Name of the product without extension."""
        if self.long:
            return (
                f"{self.satellite}_OPER_PRD_MSIL1C_PDMC_{self._made}_R{self.relative_orbit:03d}"
                f"_V{_compact(self.start)}_{_compact(self.sensing)}"
            )
        number = self.baseline.replace(".", "")
        return (
            f"{self.satellite}_MSIL1C_{_compact(self.start)}_N{number}_R{self.relative_orbit:03d}"
            f"_T{self.tile}_{self._made}"
        )

    @property
    def product_xml(self) -> str:
        """File name of the product's metadata."""
        if self.long:
            return self.product.replace("_PRD_MSIL1C_", "_MTD_SAFL1C_") + ".xml"
        return "MTD_MSIL1C.xml"

    @property
    def _station(self) -> str:
        return "2APS" if self.baseline >= "02.05" else "SGS_"

    @property
    def tile_id(self) -> str:
        """Identifier of the tile in the metadata, the granule's folder in long names."""
        return (
            f"{self.satellite}_OPER_MSI_L1C_TL_{self._station}_{self._made}_A{self.absolute_orbit:06d}"
            f"_T{self.tile}_N{self.baseline}"
        )

    @property
    def datastrip_id(self) -> str:
        """Identifier of the datastrip."""
        return (
            f"{self.satellite}_OPER_MSI_L1C_DS_{self._station}_{self._made}_S{_compact(self.sensing)}"
            f"_N{self.baseline}"
        )

    @property
    def granule(self) -> str:
        """Folder of the granule, relative to the product."""
        if self.long:
            return f"GRANULE/{self.tile_id}"
        return f"GRANULE/L1C_T{self.tile}_A{self.absolute_orbit:06d}_{_compact(self.sensing)}"

    @property
    def granule_xml(self) -> str:
        """The granule's metadata, relative to the product."""
        if self.long:
            return f"{self.granule}/{self._long_stem('MTD')}.xml"
        return f"{self.granule}/MTD_TL.xml"

    @property
    def datastrip_xml(self) -> str:
        """The datastrip's metadata, relative to the product."""
        if self.long:
            stem = self.datastrip_id.rpartition("_N")[0].replace("_MSI_", "_MTD_")
            return f"DATASTRIP/{self.datastrip_id}/{stem}.xml"
        return f"DATASTRIP/DS_{self._station}_{self._made}_S{_compact(self.sensing)}/MTD_DS.xml"

    def image(self, band: str) -> str:
        """An image relative to the product, without extension."""
        stem = self._long_stem("MSI") if self.long else f"T{self.tile}_{_compact(self.start)}"
        return f"{self.granule}/IMG_DATA/{stem}_{band}"

    @property
    def preview(self) -> str:
        """The quicklook relative to the product, without extension."""
        if self.long:
            return f"{self.granule}/QI_DATA/{self._long_stem('PVI')}"
        return f"{self.granule}/QI_DATA/T{self.tile}_{_compact(self.start)}_PVI"

    def _long_stem(self, what: str) -> str:
        return self.tile_id.rpartition("_N")[0].replace("_MSI_", f"_{what}_")

    @property
    def datatake(self) -> str:
        """Identifier of the datatake."""
        return f"G{self.satellite}_{_compact(self.start)}_{self.absolute_orbit:06d}_N{self.baseline}"


def _compact(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}"


def utc(moment: datetime) -> str:
    """As the metadata write times."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
