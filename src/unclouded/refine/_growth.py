"""Classes grown by a disc, and gaps closed by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import WORST_FIRST
from unclouded.refine._bits import Spacing, Words, pack, spread, unpack
from unclouded.refine._rules import Rule, worst_first

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """Pixels that a rule would give to a class."""

    code: int
    rule: Rule
    covered: npt.NDArray[np.bool_]
    """(y, x)"""


def buffered(codes: Codes, rules: tuple[Rule, ...], spacing: Spacing) -> Codes:
    """Codes (y, x) in which each rule's classes reach as far as its radius."""
    return _settled(codes, [claim for rule in rules for claim in _around(codes, rule, spacing)])


def closed(codes: Codes, rules: tuple[Rule, ...], spacing: Spacing) -> Codes:
    """Codes (y, x) in which gaps of each rule's classes are closed by its radius."""
    return _settled(codes, [claim for rule in rules for claim in _between(codes, rule, spacing)])


def _settled(codes: Codes, claims: list[_Claim]) -> Codes:
    """Every claim on a better class granted; of several on one pixel the worst."""
    out = codes.copy()
    for claim in sorted(claims, key=lambda claim: -WORST_FIRST.index(claim.code)):
        np.copyto(out, np.uint8(claim.code), where=claim.covered & _open_to(claim)[codes])
    return out


def _open_to(claim: _Claim) -> npt.NDArray[np.bool_]:
    """Codes (256,) that the class may take: better ones, but for those of the rule's own group."""
    better = WORST_FIRST[WORST_FIRST.index(claim.code) + 1 :]
    allowed = np.zeros(256, np.bool_)
    allowed[[code for code in better if code not in claim.rule.classes]] = True
    return allowed


def _around(codes: Codes, rule: Rule, spacing: Spacing) -> Iterator[_Claim]:
    reach = spacing.reach(rule.radius_m)
    for code in worst_first(rule.classes):
        pixels = codes == code
        if pixels.any():
            grown = unpack(spread(pack(pixels), reach), codes.shape[1])
            yield _Claim(code=code, rule=rule, covered=grown)


def _between(codes: Codes, rule: Rule, spacing: Spacing) -> Iterator[_Claim]:
    """Claims of a closing: grown, then shrunk as much.

    Discs reach past the rim, so that they can shrink back from there: a cloud cut by the edge is not
    extended along it.
    """
    reach = spacing.reach(rule.radius_m)
    rows, cols = len(reach) - 1, reach[0]
    grown: dict[int, Words] = {}
    for code in worst_first(rule.classes):
        pixels = codes == code
        if pixels.any():
            grown[code] = spread(pack(np.pad(pixels, ((rows, rows), (cols, cols)))), reach)
    if not grown:
        return
    union = np.bitwise_or.reduce(list(grown.values()))
    shrunk = ~spread(~union, reach)
    height, width = codes.shape
    for code, words in grown.items():
        covered = unpack(words & shrunk, width + 2 * cols)[rows : rows + height, cols : cols + width]
        yield _Claim(code=code, rule=rule, covered=covered)
