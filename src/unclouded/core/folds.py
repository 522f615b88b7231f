"""Folds of a cross-validation: whole sites are held out, never parts of one.

A held-out site must be absent from everything that a model is made with: human labels, teacher labels,
backgrounds of synthetic clouds, calibration, thresholds. `training` and `check_absent` are that rule.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unclouded.core.errors import LabelError, OptionError

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Member:
    """Something that was seen at a site: a labelled chip, an image, a background."""

    id: str
    site: str
    """Place that must not be on both sides of a split."""
    source: str
    """Label set or collection that it comes from."""
    stratum: str = ""
    """What should be spread over the folds within a source: a biome."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One split: what is judged, and the sites that nothing may be learnt from."""

    name: str
    judged: tuple[str, ...]
    """Ids, sorted."""
    held_out: tuple[str, ...]
    """Sites, sorted: those of what is judged."""


def site_folds(members: Sequence[Member], *, folds: int = 5, seed: int = 0) -> tuple[Fold, ...]:
    """Every member judged once, each site whole in one fold, sources and strata spread evenly.

    The same members and seed give the same folds, whatever the order of the members.

    Raises:
        OptionError: fewer than two folds, or more than there are sites.
    """
    sites = sorted({member.site for member in members})
    if not 2 <= folds <= len(sites):
        raise OptionError(f"folds: expected 2 to {len(sites)}, one a site at most, found {folds}")
    placed = _spread(members, folds, np.random.default_rng(seed))
    return tuple(
        _fold(f"fold{at}", [member for member in members if placed[member.site] == at]) for at in range(folds)
    )


def leave_one_source_out(members: Sequence[Member]) -> tuple[Fold, ...]:
    """A fold for each source, which judges all of it.

    Raises:
        OptionError: all members are of one source.
    """
    sources = sorted({member.source for member in members})
    if len(sources) < 2:
        raise OptionError(f"folds by source: expected two sources or more, found {', '.join(sources)}")
    return tuple(_fold(f"without-{name}", [m for m in members if m.source == name]) for name in sources)


def training(members: Iterable[Member], fold: Fold) -> tuple[Member, ...]:
    """The members that a fold's model may be made with."""
    held_out = set(fold.held_out)
    return tuple(member for member in members if member.site not in held_out)


def check_absent(fold: Fold, used: Iterable[str], *, what: str) -> None:
    """Pass where none of the sites used is held out.

    Args:
        what: what the sites are used for, for the message.

    Raises:
        LabelError: one is.
    """
    leaked = sorted(set(fold.held_out) & set(used))
    if leaked:
        raise LabelError(
            f"{fold.name}: expected {what} without its held-out sites, found {', '.join(leaked)}; "
            "leave them out"
        )


def to_json(folds: Iterable[Fold]) -> str:
    """The folds as text, for a file beside what was trained on them."""
    body = [{"name": f.name, "judged": list(f.judged), "held_out": list(f.held_out)} for f in folds]
    return json.dumps({"format_version": FORMAT_VERSION, "folds": body}, indent=1) + "\n"


def from_json(text: str, *, where: str) -> tuple[Fold, ...]:
    """The folds out of a file's text.

    Raises:
        OptionError: the text is no list of folds.
    """
    try:
        body = json.loads(text)
        if body["format_version"] != FORMAT_VERSION:
            raise OptionError(
                f"{where}: expected version {FORMAT_VERSION}, found {body['format_version']}; write it again"
            )
        return tuple(
            Fold(name=f["name"], judged=tuple(f["judged"]), held_out=tuple(f["held_out"]))
            for f in body["folds"]
        )
    except (ValueError, KeyError, TypeError) as err:
        if isinstance(err, OptionError):
            raise
        raise OptionError(f"{where}: expected folds as JSON, found other text; write it again") from err


def _fold(name: str, judged: Sequence[Member]) -> Fold:
    return Fold(
        name=name,
        judged=tuple(sorted(member.id for member in judged)),
        held_out=tuple(sorted({member.site for member in judged})),
    )


def _spread(members: Sequence[Member], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Site -> fold. Each goes where its own kind is rarest, then its source, then anything."""
    kinds: dict[str, tuple[str, str]] = {}
    for member in sorted(members, key=lambda member: (member.source, member.stratum, member.id)):
        kinds.setdefault(member.site, (member.source, member.stratum))
    size = Counter(member.site for member in members)
    order = sorted(kinds)
    rank = dict(zip(order, rng.permutation(len(order)).tolist(), strict=True))
    held: Counter[tuple[int, str, str]] = Counter()
    placed: dict[str, int] = {}
    # large sites first within a kind: they are the hard ones to balance
    for site in sorted(order, key=lambda site: (kinds[site], -size[site], rank[site])):
        source, stratum = kinds[site]

        def load(at: int, source: str = source, stratum: str = stratum) -> tuple[int, int, int, int]:
            return held[at, source, stratum], held[at, source, ""], held[at, "", ""], at

        best = min(range(folds), key=load)
        placed[site] = best
        for key in {(best, source, stratum), (best, source, ""), (best, "", "")}:
            held[key] += size[site]
    return placed
