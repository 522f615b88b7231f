"""What the numbers of a processing level are: reflectance at the top of the atmosphere, or of the surface."""

from typing import Literal

Kind = Literal["toa", "surface"]

_KINDS: dict[str, Kind] = {
    "L1C": "toa",
    "L2A": "surface",
    # Landsat: level 1 by how well it is placed, without and with its number; level 2 science products
    **dict.fromkeys(("L1", "L1T", "L1TP", "L1GT", "L1GS", "L1G"), "toa"),
    **dict.fromkeys(("L2", "L2SP", "L2SR"), "surface"),
}


def kind_of(level: str | None) -> Kind | None:
    """`toa` or `surface`; None for a level that is not stated or not known.

    A network made for `L1C` has learnt from the top of the atmosphere: Landsat's `L1TP` is of its kind,
    Sentinel-2's own `L2A` is not.
    """
    return _KINDS.get((level or "").upper())
