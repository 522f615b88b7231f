"""Reflectance as it is decoded: bands in threads, rows from the top, some blocks ahead of who asks."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from unclouded.core.windows import Window
from unclouded.scene import Scene, keep_block_cache


@dataclass(frozen=True, kw_only=True)
class Slab:
    """Rows of a scene, being filled from the top."""

    place: Window
    """Inside the scene."""
    reflectance: npt.NDArray[np.float32]
    """(band, y, x); 0 in all bands where a pixel is not valid, and in bands that are absent."""
    valid: npt.NDArray[np.bool_]
    """(y, x), True where every band may be used."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Held while validity is written: bands come from several threads."""

    def cut(self, part: Window) -> npt.NDArray[np.float32]:
        """Reflectance of a part of it, a view."""
        return self.reflectance[:, *self._within(part)]

    def seen(self, part: Window) -> npt.NDArray[np.bool_]:
        """Validity of a part of it, a view."""
        return self.valid[self._within(part)]

    def from_row(self, row: int) -> "Slab":
        """A copy of what lies at this row and below it: the rest need not be kept for it."""
        place = self.place
        part = Window(row_off=row, col_off=place.col_off, height=place.row_end - row, width=place.width)
        return Slab(place=part, reflectance=self.cut(part).copy(), valid=self.seen(part).copy())

    def _within(self, part: Window) -> tuple[slice, slice]:
        top, left = part.row_off - self.place.row_off, part.col_off - self.place.col_off
        return slice(top, top + part.height), slice(left, left + part.width)


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """What is read of a scene, and how."""

    scene: Scene
    bands: tuple[str | None, ...]
    """In the order of the network's input; None where one is absent."""
    threads: int
    """Bands decoded at the same time; each by one thread (sources/_raster.py says why)."""
    block_rows: int
    """Rows that are asked of a band at a time."""
    cache_bytes: int
    """Decoded blocks that GDAL keeps."""
    ahead: int
    """Blocks in the making beyond the one that is handed out."""


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Rows of a slab that are in the making."""

    slab: Slab
    part: Window
    running: Sequence[Future[None]]
    """One a band."""

    def finished(self) -> tuple[Slab, int]:
        """The slab, and the first row that is not decoded yet."""
        for future in self.running:
            future.result()
        seen = self.slab.seen(self.part)
        if not seen.all():
            self.slab.cut(self.part)[:, ~seen] = 0.0
        return self.slab, self.part.row_end


def decoded(decoding: Decoding, places: Sequence[Window]) -> Iterator[tuple[Slab, int]]:
    """Slabs of these places, again and again as their rows come: with each the first row that is not there.

    A band's rows are asked for in order and by one caller at a time, so that GDAL's cache of decoded blocks
    serves the next rows and no block is decoded twice.

    Raises:
        BandError: the scene lacks a band.
        RasterError: a file is damaged.
    """
    running: deque[_Block] = deque()
    before: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(
        max(1, decoding.threads),
        thread_name_prefix="decode",
        initializer=keep_block_cache,
        initargs=(decoding.cache_bytes,),
    ) as pool:
        try:
            for slab, part in _blocks(places, len(decoding.bands), decoding.block_rows):
                for position, name in enumerate(decoding.bands):
                    if name is not None:
                        load = partial(_load, decoding, name, slab, position, part, after=before.get(name))
                        before[name] = pool.submit(load)
                running.append(_Block(slab=slab, part=part, running=tuple(before.values())))
                if len(running) > decoding.ahead:
                    yield running.popleft().finished()
            while running:
                yield running.popleft().finished()
        finally:
            for block in running:
                for future in block.running:
                    future.cancel()


def _blocks(places: Sequence[Window], bands: int, rows: int) -> Iterator[tuple[Slab, Window]]:
    """Slabs, each made when its first rows are asked for, and the parts that are decoded at a time."""
    for place in places:
        slab = Slab(
            place=place,
            reflectance=np.zeros((bands, *place.shape), np.float32),
            valid=np.ones(place.shape, np.bool_),
        )
        count = -(-place.height // rows)
        cuts = [place.row_off + place.height * step // count for step in range(count + 1)]
        for top, bottom in pairwise(cuts):
            yield slab, Window(row_off=top, col_off=place.col_off, height=bottom - top, width=place.width)


def _load(
    decoding: Decoding, name: str, slab: Slab, position: int, part: Window, *, after: Future[None] | None
) -> None:
    """Write one band of some rows, when its rows above are done: these were begun earlier."""
    if after is not None:
        wait([after])
    reading = decoding.scene.read((name,), part, threads=1)
    slab.cut(part)[position] = reading.reflectance[0]
    if not reading.valid.all():
        with slab.lock:
            slab.seen(part)[...] &= reading.valid
