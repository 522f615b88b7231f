"""A patch store on disk, for sets larger than memory: Zarr version 3, sharded; needs the extra `zarr`.

`index.json` lists the patches, `reflectance` (n, band, y, x) int16 in ten-thousandths and `sets` (n, y, x)
hold them, a chunk a patch, so that any of them is read alone. Patches are written a shard at a time;
`done/NNNNN.json` holds a shard's pixel counts and appears when the shard is whole: a run that was stopped
goes on from there.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import LabelError, OptionError, OutputError, RasterError
from unclouded.core.windows import Window
from unclouded.patches.augment import Sample
from unclouded.patches.memory import cut
from unclouded.patches.pairs import Pair, read_pair, shape_of
from unclouded.patches.plan import Items, class_pixels

FORMAT = 1
SHARD = 32
"""Patches a shard: 218 MB of 13 bands and 512 px, held in memory while it is written."""
_UNSEEN = -32768
_PER_UNIT = 10_000


@dataclass(frozen=True, kw_only=True)
class PatchRow:
    """One patch: where it comes from."""

    id: str
    """Of the scene."""
    site: str
    split: str
    row: int
    """First row in the scene."""
    col: int
    """First column in the scene."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What writing a store will take."""

    patches: int
    raw_bytes: int
    """Before compression, which usually halves it."""
    seconds: float
    """From reading the first scene."""


@dataclass(frozen=True, kw_only=True)
class ZarrStore:
    """The patches of one part of a store; opened anew in every process that reads."""

    path: Path
    split: str
    bands: tuple[str, ...]
    size: int
    rows: tuple[int, ...]
    """Positions in the arrays of the patches of this part."""
    facts: tuple[dict[str, Any], ...]
    """Of each of them: spacing, sun, weight, presence and pixel counts."""

    @property
    def items(self) -> Items:
        """Counts of each patch."""
        return Items(
            pixels=np.array([fact["pixels"] for fact in self.facts], np.int64),
            labelled=np.array([fact["labelled"] for fact in self.facts], np.int64),
            weight=np.array([fact["weight"] for fact in self.facts], np.float64),
        )

    def sets(self, item: int) -> npt.NDArray[np.uint8]:
        """Labels of a patch."""
        return np.asarray(_chunk(self.path, "sets", self.rows[item]), np.uint8)

    def gsd_m(self, item: int) -> float:
        """Spacing of a patch."""
        return float(self.facts[item]["gsd_m"])

    def read(self, item: int, window: Window) -> Sample:
        """A window of a patch."""
        numbers = _chunk(self.path, "reflectance", self.rows[item])
        valid = (numbers != _UNSEEN).all(axis=0)
        fact = self.facts[item]
        whole = Sample(
            reflectance=np.where(valid, numbers, 0).astype(np.float32) / np.float32(_PER_UNIT),
            valid=valid,
            sets=self.sets(item),
            bands=self.bands,
            presence=np.array(fact["presence"], np.bool_),
            gsd_m=self.gsd_m(item),
            sun_zenith=fact["sun_zenith"],
            sun_azimuth=fact["sun_azimuth"],
            weight=fact["weight"],
        )
        return cut(whole, window)


def plan_store(pairs: Sequence[Pair], size: int) -> tuple[PatchRow, ...]:
    """The patches that scenes are cut into; those at the far sides reach past the scene."""
    rows = []
    for pair in pairs:
        height, width = shape_of(pair)
        rows += [
            PatchRow(id=pair.id, site=pair.site, split=pair.split, row=row, col=col)
            for row in range(0, height, size)
            for col in range(0, width, size)
        ]
    return tuple(rows)


def estimate(pairs: Sequence[Pair], bands: Sequence[str], size: int) -> Estimate:
    """How many patches, how many bytes and about how long: the first scene is read and timed."""
    rows = plan_store(pairs, size)
    started = time.perf_counter()
    read_pair(pairs[0], bands)
    each = (time.perf_counter() - started) / sum(row.id == pairs[0].id for row in rows)
    return Estimate(
        patches=len(rows), raw_bytes=len(rows) * size**2 * (2 * len(bands) + 1), seconds=each * len(rows)
    )


def write_store(
    path: Path,
    pairs: Sequence[Pair],
    bands: Sequence[str],
    size: int,
    report: Callable[[int, int], None] | None = None,
) -> None:
    """Write every patch of the scenes; a store that was begun for the same patches is finished.

    Args:
        report: told after each shard how many patches are done and how many there are.

    Raises:
        OptionError: zarr is not installed.
        OutputError: the folder holds another store, or cannot be written to.
        InputError: a scene or label that cannot be used.
    """
    rows = plan_store(pairs, size)
    try:
        _begin(path, rows, bands, size)
        arrays = _arrays(path)
        by_id = {pair.id: pair for pair in pairs}
        done = path / "done"
        for shard, samples in _shards(rows, by_id, bands, size, done):
            first = shard * SHARD
            arrays["reflectance"][first : first + len(samples)] = np.stack([_coded(s) for s in samples])
            arrays["sets"][first : first + len(samples)] = np.stack([s.sets for s in samples])
            _write_json(done / f"{shard:05d}.json", [_facts(sample) for sample in samples])
            if report is not None:
                report(first + len(samples), len(rows))
    except OSError as err:
        if isinstance(err, OutputError | RasterError):
            raise
        raise OutputError(
            f"{path}: cannot write the store: {err.strerror or err}; make room or choose another folder, "
            "then call it again: what is done is kept"
        ) from err


def open_store(path: Path, split: str, bands: Sequence[str]) -> ZarrStore:
    """The patches of one part that say anything.

    Raises:
        OptionError: zarr is not installed.
        LabelError: no store, one that is not finished, of other bands, or without such patches.
    """
    _check_zarr()
    index = _read_index(path)
    rows = index["rows"]
    shards = -(-len(rows) // SHARD)
    lacking = [shard for shard in range(shards) if not (path / "done" / f"{shard:05d}.json").exists()]
    if lacking or tuple(index["bands"]) != tuple(bands):
        found = f"{shards - len(lacking)} of {shards} shards" if lacking else f"bands {index['bands']}"
        raise LabelError(
            f"{path}: expected a finished store of bands {' '.join(bands)}, found {found}; run `unclouded "
            "patches` again"
        )
    facts = [fact for shard in range(shards) for fact in _read_json(path / "done" / f"{shard:05d}.json")]
    kept = [i for i, row in enumerate(rows) if row["split"] == split and facts[i]["labelled"]]
    if not kept:
        raise LabelError(f"{path}: expected labelled patches in '{split}', found none; choose other splits")
    return ZarrStore(
        path=path,
        split=split,
        bands=tuple(bands),
        size=index["size"],
        rows=tuple(kept),
        facts=tuple(facts[i] for i in kept),
    )


def _check_zarr() -> None:
    if find_spec("zarr") is None:
        raise OptionError("a patch store needs zarr: pip install 'unclouded[zarr]'")


def _begin(path: Path, rows: Sequence[PatchRow], bands: Sequence[str], size: int) -> None:
    """Make the arrays and the index, or find that those there are the same."""
    _check_zarr()
    import zarr  # noqa: PLC0415 - an extra
    from zarr.codecs import Crc32cCodec, ZstdCodec  # noqa: PLC0415 - an extra

    index = {"format": FORMAT, "bands": list(bands), "size": size, "rows": [asdict(row) for row in rows]}
    if (path / "index.json").exists():
        if _read_index(path) != index:
            raise OutputError(
                f"{path}: expected an empty folder or a store of the same patches, found one of others; "
                "remove it or choose another folder"
            )
        return
    (path / "done").mkdir(parents=True, exist_ok=True)
    group = zarr.open_group(path, mode="a", zarr_format=3)
    for name, inner, dtype in (("reflectance", (len(bands),), "int16"), ("sets", (), "uint8")):
        shape = (*inner, size, size)
        group.create_array(
            name,
            shape=(len(rows), *shape),
            dtype=dtype,
            chunks=(1, *shape),
            shards=(SHARD, *shape),
            compressors=[ZstdCodec(level=3), Crc32cCodec()],
            overwrite=True,
        )
    _write_json(path / "index.json", index)


def _shards(
    rows: Sequence[PatchRow], pairs: dict[str, Pair], bands: Sequence[str], size: int, done: Path
) -> Iterator[tuple[int, list[Sample]]]:
    """The shards that are not written yet, each with its patches. A scene is read once in a row."""
    name, scene = "", None
    for shard in range(-(-len(rows) // SHARD)):
        if (done / f"{shard:05d}.json").exists():
            continue
        samples = []
        for row in rows[shard * SHARD : (shard + 1) * SHARD]:
            if scene is None or row.id != name:
                name, scene = row.id, read_pair(pairs[row.id], bands)
            samples.append(_patch(scene, row, size))
        yield shard, samples


def _patch(scene: Sample, row: PatchRow, size: int) -> Sample:
    """A patch of a scene, unseen where it reaches past it."""
    wanted = Window(row_off=row.row, col_off=row.col, height=size, width=size).clipped(scene.valid.shape)
    inner = cut(scene, wanted)
    grow = [(0, size - wanted.height), (0, size - wanted.width)]
    return replace(
        inner,
        reflectance=np.pad(inner.reflectance, [(0, 0), *grow]),
        valid=np.pad(inner.valid, grow),
        sets=np.pad(inner.sets, grow),
    )


def _coded(sample: Sample) -> npt.NDArray[np.int16]:
    """Reflectance in ten-thousandths, a number of its own where it was not seen."""
    limit = _UNSEEN + 1, -_UNSEEN - 1
    numbers = np.clip(np.rint(sample.reflectance * np.float32(_PER_UNIT)), *limit)
    return np.where(sample.valid, numbers, _UNSEEN).astype(np.int16)


def _facts(sample: Sample) -> dict[str, Any]:
    return {
        "gsd_m": sample.gsd_m,
        "sun_zenith": sample.sun_zenith,
        "sun_azimuth": sample.sun_azimuth,
        "weight": sample.weight,
        "presence": sample.presence.tolist(),
        "labelled": int(np.count_nonzero(sample.sets)),
        "pixels": class_pixels(sample.sets).tolist(),
    }


@lru_cache(maxsize=4)
def _arrays(path: Path) -> Any:
    """The store's group, open for reading and writing; one a process."""
    import zarr  # noqa: PLC0415 - an extra

    return zarr.open_group(path, mode="r+", zarr_format=3)


@lru_cache(maxsize=2)  # the labels and the reflectance of one patch: a square asks for both twice
def _chunk(path: Path, name: str, row: int) -> npt.NDArray[np.generic]:
    try:
        found = np.asarray(_arrays(path)[name][row])
    except Exception as err:  # zarr and its codecs share no public base
        shard = row // SHARD
        raise RasterError(
            f"{path}: patch {row} of {name} is damaged: {' '.join(str(err).split())[:160]}; remove "
            f"done/{shard:05d}.json and run `unclouded patches` again"
        ) from err
    found.setflags(write=False)
    return found


def _read_index(path: Path) -> dict[str, Any]:
    index = _read_json(path / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise LabelError(f"{path}: expected a patch store of format {FORMAT}, found another; write it again")
    return index


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise LabelError(
            f"{path}: expected part of a patch store, found: {err}; run `unclouded patches` again"
        ) from err


def _write_json(path: Path, body: object) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(json.dumps(body), encoding="utf-8")
    beside.replace(path)
