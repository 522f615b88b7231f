"""What is judged: an image, and what its pixels may be."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from real_images import RealImage, list_images, open_image, read_bands, scene_of

from unclouded import labels
from unclouded.core.bands import expected_at
from unclouded.core.classes import CLEAR, SHADOW, Legend
from unclouded.core.folds import Member
from unclouded.labels import LabelItem
from unclouded.scene import Scene, open_scene

Sets = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One image with its reference."""

    id: str
    source: str
    site: str
    stratum: str
    """Biome where the source says so, else empty."""
    train_ok: bool
    """Whether a model of ours may have learnt from it; else it is for comparison alone."""
    open: Callable[[], Scene]
    reference: Callable[[], Sets]
    """What each pixel may be, on the pixels of the image: bit masks uint8 (y, x)."""
    legend: Legend
    files: tuple[Path, ...] = ()
    origin: str = ""

    @property
    def member(self) -> Member:
        """As folds see it: the few chips on which shadow can be judged are spread first."""
        marked = any(classes == {SHADOW} for classes in self.legend.table.values()) and not any(
            CLEAR in classes and SHADOW in classes for classes in self.legend.table.values()
        )
        stratum = "shadow annotated" if marked else self.stratum
        return Member(id=self.id, site=self.site, source=self.source, stratum=stratum)


def chips(data: Path) -> Iterator[Subject]:
    """The chips of `labels/labels.csv`."""
    folder = data / "labels"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    for item in labels.find_items("chips", folder):
        row = rows[item.id]
        yield Subject(
            id=item.id,
            source=row["set"],
            site=item.site or item.id,
            stratum=item.id.partition("/")[2].partition("_")[0] if row["set"] == "l8biome" else "",
            train_ok=row["train_ok"] == "yes",
            open=_opener(item, float(row["gsd_m"])),
            reference=_reference(item),
            legend=item.legend,
            files=(Path(str(item.image)), item.label),
            origin=row["origin"],
        )


def _opener(item: LabelItem, gsd_m: float) -> Callable[[], Scene]:
    return lambda: open_scene(str(item.image), gsd=gsd_m)


def _reference(item: LabelItem) -> Callable[[], Sets]:
    return lambda: np.asarray(labels.read_item(item).values, np.uint8)


def cloudsen12plus(folder: Path, *, split: str = "test") -> Iterator[Subject]:
    """The densely labelled patches of one split of CloudSEN12+, out of its TACO files."""
    for item in labels.find_items("cloudsen12", folder):
        if item.split != split or item.legend.name != "cloudsen12":
            continue
        level = "L2A" if item.id.endswith("_l2a") else "L1C"
        yield Subject(
            id=item.id,
            source=f"cloudsen12plus-{split}",
            site=item.site or item.id,
            stratum="",
            train_ok=False,
            open=_patch_opener(item, level),
            reference=_reference(item),
            legend=item.legend,
        )


def _patch_opener(item: LabelItem, level: str) -> Callable[[], Scene]:
    """The bands of a patch stand in the order of their numbers; L2A lacks the cirrus band."""

    def open_patch() -> Scene:
        bands = read_bands(str(item.image), expected_at(level), gsd_m=10.0)
        return scene_of(bands, name=item.id, level=level, origin="CloudSEN12+: harmonised, no offset")

    return open_patch


def images(data: Path) -> tuple[tuple[RealImage, Callable[[], Scene]], ...]:
    """The images without labels, and how each is opened."""
    return tuple((image, _image_opener(image)) for image in list_images(data))


def _image_opener(image: RealImage) -> Callable[[], Scene]:
    return lambda: open_image(image)


def members(data: Path) -> tuple[Member, ...]:
    """Everything at hand that belongs to a site: chips, images, dates of series."""
    found = [subject.member for subject in chips(data)]
    found += [
        Member(id=image.id, site=image.site, source=image.source, stratum=image.sky)
        for image in list_images(data)
    ]
    return tuple(found)
