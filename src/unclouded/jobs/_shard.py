"""A share of a list, for runs side by side: `3/10` is the third of ten."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from unclouded.core.errors import OptionError

Listed = TypeVar("Listed")
_WRITTEN = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Every `count`-th source of a list, from the `number`-th on.

    By position: the shares differ by one source at most, and the same list is shared out in the same way
    on every machine. They are of whole sources, so that no product is opened to share them out.
    """

    number: int
    """1 … `count`."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise OptionError(
                f"shard: expected i/n with i from 1 to n, found {self}; arrays that count from 0 add 1"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """`3/10` as a shard.

        Raises:
            OptionError: it is none.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise OptionError(f"shard: expected i/n such as 3/10, found '{text[:20]}'")
        return cls(number=int(found[1]), count=int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, listed: Sequence[Listed]) -> Sequence[Listed]:
        """The shard's share of a list, in order."""
        return listed[self.number - 1 :: self.count]

    @property
    def report(self) -> str:
        """Name of the shard's own report: shards that share a folder do not write to one file."""
        return f"run-{self.number}-of-{self.count}.json"
