"""What an archive's directory may claim: names that stay inside of it, sizes that a data set has."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol

MAX_MEMBERS = 20_000
"""A long-name product of many granules holds a few thousand files."""
MAX_BYTES = 50_000_000_000
"""Unpacked size of all members; a product has below 1 GB, one of many granules some 10 GB."""
MAX_RATIO = 200
"""Unpacked : packed of a member above 1 MB; imagery does not shrink, metadata by 20 : 1."""
_SMALL = 1_000_000


class Member(Protocol):
    """One entry of a directory, as `zipfile.ZipInfo` has it."""

    @property
    def filename(self) -> str:
        """Its path, `/` between the parts."""
        ...

    @property
    def file_size(self) -> int:
        """Bytes unpacked."""
        ...

    @property
    def compress_size(self) -> int:
        """Bytes packed."""
        ...


def leads_out(name: str) -> bool:
    """Whether a member's name is a path that may lie outside of the folder it is unpacked to."""
    parts = PurePosixPath(name).parts
    odd = any(part == ".." or re.search(r"[\x00-\x1f\\:]", part) for part in parts)
    return odd or not parts or name.startswith("/")


def fault_of(members: Sequence[Member]) -> str | None:
    """What is wrong with an archive's directory: `expected …, found …`; None where nothing is."""
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > MAX_BYTES:
        return (
            f"expected at most {MAX_MEMBERS} files of {MAX_BYTES // 10**9} GB unpacked, "
            f"found {len(members)} of {total / 1e9:.0f} GB"
        )
    return next((fault for member in members if (fault := _fault(member)) is not None), None)


def _fault(member: Member) -> str | None:
    name = "".join(char if char.isprintable() else "?" for char in member.filename[:90])
    if leads_out(member.filename):
        return f"expected names inside the archive, found '{name}', which leads out of it"
    if member.file_size > _SMALL and member.file_size > MAX_RATIO * max(1, member.compress_size):
        return (
            f"expected {name} to shrink by at most {MAX_RATIO} : 1, found {member.file_size} bytes packed "
            f"into {member.compress_size}"
        )
    return None
