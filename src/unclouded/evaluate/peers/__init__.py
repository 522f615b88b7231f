"""Other people's cloud masks run beside ours: one file a peer, its package imported when it runs.

A module holds `VARIANTS`, names of what it can be run as, the default first; `GSD_M`, the spacing that it was
made for, None where any will do; `LEGEND`, what its codes mean; `choose(variant, present)`, the bands that it
takes of those there are, None where it cannot do; and `open_peer(variant, *, level, threads) -> Run`.
It is fed reflectance, and never knows how it is scored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core import registry

Bands = Mapping[str, npt.NDArray[np.float32]]
"""Band name -> reflectance (y, x), all of one shape."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a peer says of an image."""

    codes: npt.NDArray[np.uint8]
    """(y, x) in the peer's legend."""
    probabilities: Mapping[int, npt.NDArray[np.float32]]
    """Code -> (y, x), 0 … 1; empty where it gives none."""


Run = Callable[[Bands], Answer]


def names() -> tuple[str, ...]:
    """Names of all peers, sorted."""
    return registry.names(__name__)


__all__ = ["Answer", "Bands", "Run", "names"]
