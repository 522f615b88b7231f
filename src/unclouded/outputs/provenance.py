"""What made a mask, from what: the same words in every file beside it."""

from dataclasses import dataclass
from datetime import datetime

from unclouded.core.classes import LEGEND_TAG, MaskClass
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.spec import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a mask, from what."""

    identity: Identity
    """Of the product."""
    source: str | None = None
    """Where the product lies: an address without credentials; None where that is nobody's business."""
    grid: Grid
    """Of the mask."""
    spec: ModelSpec
    model_sha256: str
    """Of the model file."""
    legend: tuple[MaskClass, ...]
    """The classes that the mask can hold, as the model names them."""
    legend_name: str
    """Legend by which the mask is scored."""
    bands: tuple[str, ...]
    """Bands that were read."""
    radiometry: str
    """How DN became reflectance, and who said so."""
    edge: str
    """What the network saw past the scene's edge."""
    reading: str
    """At which resolution levels the bands were read."""
    runtime: str
    """What the network ran on."""
    refinement: str
    """What was done to the mask after the network; `none` where nothing was."""
    software: str
    """Version of unclouded."""
    created: datetime
    """Aware UTC."""

    def tags(self) -> dict[str, str]:
        """Metadata tags of the mask."""
        of_the_mask = {"UNCLOUDED_REFINEMENT": self.refinement, LEGEND_TAG: self.legend_name}
        return self.network_tags() | of_the_mask

    def network_tags(self) -> dict[str, str]:
        """Metadata tags of what the network said, before anything was done to it."""
        identity, spec = self.identity, self.spec
        tags = {
            "TIFFTAG_SOFTWARE": f"unclouded {self.software}",
            "UNCLOUDED_SOURCE": identity.id,
            "UNCLOUDED_SENSOR": identity.sensor,
            "UNCLOUDED_LEVEL": identity.level or "not stated",
            "UNCLOUDED_BASELINE": identity.baseline or "not stated",
            "UNCLOUDED_MODEL": f"{spec.name} {spec.version}",
            "UNCLOUDED_MODEL_SHA256": self.model_sha256,
            "UNCLOUDED_MODEL_RECOMMENDED": "yes" if spec.recommended else f"no: {spec.why}",
            "UNCLOUDED_BANDS": " ".join(self.bands),
            "UNCLOUDED_RADIOMETRY": self.radiometry,
            "UNCLOUDED_EDGE": self.edge,
            "UNCLOUDED_RUNTIME": self.runtime,
            "UNCLOUDED_READING": self.reading,
        }
        if identity.sensing_time is not None:
            tags["TIFFTAG_DATETIME"] = f"{identity.sensing_time:%Y:%m:%d %H:%M:%S}"
        return tags

    def lineage(self) -> str:
        """The same in a sentence, for people."""
        identity = self.identity
        level = f" {identity.level}" if identity.level else ""
        baseline = f" of baseline {identity.baseline}" if identity.baseline else ""
        return (
            f"{self.spec.name} {self.spec.version} on {identity.sensor}{level}{baseline}; "
            f"radiometry: {self.radiometry}; refinement: {self.refinement}"
        )
