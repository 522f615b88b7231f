"""Which scenes are learnt from, which choose the weights, which judge them; a place is on one side only."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from unclouded.core.errors import LabelError, OptionError
from unclouded.patches.pairs import Pair, Split

PARTS: tuple[Split, ...] = ("train", "validation", "test")
COLUMNS = ("id", "site", "split")


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How scenes without a stated part are put into one."""

    validation: float = 0.0
    """Share of the sites that choose weights, 0 to 1."""
    test: float = 0.0
    """Share of the sites that training never opens, 0 to 1."""
    file: str = ""
    """List (CSV with id, site, split) to take instead, relative to the configuration."""
    shared_sites: bool = False
    """Let a site lie on both sides, as the original study does; figures then say little of new places."""

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise OptionError(
                "split: expected validation and test of at least 0 that leave something to learn from, found "
                f"{self.validation} and {self.test}"
            )


def settled(pairs: Sequence[Pair], splitting: Splitting, *, seed: int, folder: Path) -> tuple[Pair, ...]:
    """The pairs, each in a part: as stated, as listed, or by site as drawn from the seed.

    Raises:
        LabelError: a site on both sides, a scene that the list lacks, or nothing to learn from.
    """
    given = _listed(folder / splitting.file) if splitting.file else _drawn(pairs, splitting, seed)
    found = tuple(pair if pair.split else replace(pair, split=_of(pair, given, splitting)) for pair in pairs)
    if not splitting.shared_sites:
        check_sites(found)
    if not any(pair.split == "train" for pair in found):
        raise LabelError("split: expected scenes to learn from, found none in 'train'; move some there")
    return found


def check_sites(pairs: Sequence[Pair]) -> None:
    """Pass where each site is in one part only.

    Raises:
        LabelError: a site on two sides; it and its scenes are named.
    """
    parts: dict[str, dict[str, str]] = {}
    for pair in pairs:
        parts.setdefault(pair.site, {})[pair.split] = pair.id
    for site, sides in sorted(parts.items()):
        if len(sides) > 1:
            where = ", ".join(f"{name} ({part})" for part, name in sorted(sides.items()))
            raise LabelError(
                f"split: expected each site on one side, found {site} on {len(sides)}: {where}; move its "
                "scenes together, or state shared_sites = true"
            )


def write_list(path: Path, pairs: Sequence[Pair]) -> None:
    """Write which scene is where: what a run can be repeated with."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sorted((pair.id, pair.site, pair.split) for pair in pairs))


def _listed(path: Path) -> dict[str, Split]:
    """Part by scene, out of a list."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            # lines that begin with # say where the list comes from
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
        found = {row["id"]: row["split"] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as err:
        raise LabelError(f"{path}: expected a list with columns {', '.join(COLUMNS)}, found: {err}") from err
    wrong = sorted({part for part in found.values() if part not in PARTS})
    if wrong:
        raise LabelError(f"{path}: expected {', '.join(PARTS)}, found {', '.join(wrong)}; repair the list")
    return cast(dict[str, Split], found)


def _drawn(pairs: Sequence[Pair], splitting: Splitting, seed: int) -> dict[str, Split]:
    """Part by site. A site's place in the order depends on its name and the seed alone."""
    sites = {pair.site for pair in pairs if not pair.split}
    ranked = sorted(sites, key=lambda site: hashlib.sha256(f"{seed} {site}".encode()).digest())
    # a part that is wished for keeps a site for itself, and so does training
    spare = len(ranked) - 1
    test = _share(splitting.test, len(ranked), at_most=spare - (splitting.validation > 0))
    validation = _share(splitting.validation, len(ranked), at_most=spare - test)
    ends: tuple[Split, ...] = ("test", "validation", "train")
    counts = (test, validation, len(ranked) - test - validation)
    parts = [part for part, count in zip(ends, counts, strict=True) for _ in range(count)]
    return dict(zip(ranked, parts, strict=True))


def _share(share: float, count: int, *, at_most: int) -> int:
    """A wish for some is a wish for one at least, where there is one to spare."""
    return max(0, min(max(1, round(share * count)), at_most)) if share else 0


def _of(pair: Pair, given: dict[str, Split], splitting: Splitting) -> Split:
    key = pair.id if splitting.file else pair.site
    if key not in given:
        raise LabelError(f"split {splitting.file}: expected {pair.id}, found no line of it; add it")
    return given[key]
