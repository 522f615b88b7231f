"""Hollstein et al. 2016: labelled spectra of Sentinel-2 in 13 bands, single pixels of 59 scenes, in HDF5.

`20170710_s2_manual_classification_data.h5` and earlier ones: `spectra` (n, 13), `classes` (n,), `class_ids`,
`class_names`, `band`, `product_id`, `granule_id`. Needs the extra `labels`. doi 10.3390/rs8080666.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import canonical_names
from unclouded.core.classes import LEGENDS, to_sets
from unclouded.core.errors import BandError, LabelError, PairError, RasterError
from unclouded.labels._extra import needed
from unclouded.labels._items import Spectra

LABELS = LEGENDS["hollstein"]
_NEEDED = ("spectra", "classes", "band", "product_id", "granule_id")


def find_spectra(folder: Path) -> tuple[Spectra, ...]:
    """The spectra of each file in a folder.

    Raises:
        PairError: there is no file.
        RasterError: one is not HDF5, or damaged.
        LabelError: arrays are missing or do not fit together, or a class is unknown.
        OptionError: h5py is not installed.
    """
    files = sorted(folder.rglob("*s2_manual_classification_data.h5"))
    if not files:
        raise PairError(
            f"{folder}: expected *_s2_manual_classification_data.h5, found none; unpack the set there"
        )
    return tuple(read_spectra(path) for path in files)


def read_spectra(path: Path) -> Spectra:
    """All spectra of a file, with the sets of classes that they may be.

    Raises:
        RasterError: not HDF5, or damaged.
        LabelError: arrays are missing or do not fit together, or a class is unknown.
        OptionError: h5py is not installed.
    """
    h5py = needed("h5py", for_set="Hollstein")
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: file[name][()] for name in _NEEDED if name in file}
    except OSError as err:
        raise RasterError(
            f"{path}: expected an HDF5 file of spectra, found: {err}; download it again"
        ) from err
    absent = [name for name in _NEEDED if name not in arrays]
    if absent:
        raise LabelError(
            f"{path}: expected arrays {', '.join(_NEEDED)}, found none named {', '.join(absent)}; "
            "give the file that the set ships"
        )
    return _spectra(arrays, path)


def _spectra(arrays: dict[str, npt.NDArray[Any]], path: Path) -> Spectra:
    bands = _bands(arrays["band"], path)
    spectra, classes = arrays["spectra"], arrays["classes"]
    lengths = {name: len(arrays[name]) for name in ("spectra", "classes", "product_id", "granule_id")}
    if spectra.ndim != 2 or spectra.shape[1] != len(bands) or len(set(lengths.values())) != 1:
        raise LabelError(
            f"{path}: expected as many spectra of {len(bands)} bands as classes, products and granules, "
            f"found {spectra.shape} and {', '.join(f'{n} {name}' for name, n in lengths.items())}; "
            "download it again"
        )
    return Spectra(
        reflectance=spectra.astype(np.float32),
        bands=bands,
        sets=to_sets(classes.astype(np.int64), LABELS, where=f"{path}: classes"),
        products=_texts(arrays["product_id"]),
        sites=_texts(arrays["granule_id"]),
    )


def _bands(names: npt.NDArray[Any], path: Path) -> tuple[str, ...]:
    """Band names as the products write them; the file has numbers such as 1 and 8A."""
    try:
        return canonical_names(f"B{name.removeprefix('B')}" for name in _texts(names).tolist())
    except BandError as err:
        raise LabelError(f"{path}: {err}") from err


def _texts(values: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Texts of fixed or variable length, which HDF5 gives as bytes."""
    texts = (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in values.tolist()
    )
    return np.array(list(texts), np.str_)


__all__ = ["LABELS", "find_spectra", "read_spectra"]
