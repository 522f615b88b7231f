"""What a source is, what its numbers look like, and which models can run on it: in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import expected_at
from unclouded.core.errors import InputError, RadiometryError, RasterError, ServiceError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.radiometry import Radiometry
from unclouded.core.spec import ModelSpec
from unclouded.jobs._fit import Subject, check_fit
from unclouded.jobs._look import look_at
from unclouded.jobs._place import extent
from unclouded.predict import bundled_models, load_model
from unclouded.scene import Scene, open_scene
from unclouded.sources import Metadata, OpenOptions, list_scenes, read_metadata

PERCENTILES: Mapping[str, float] = {"p1": 1, "p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "p99": 99}
"""Name -> per cent of the pixels that lie below."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Whether a bundled model can run on a source."""

    name: str
    runs: bool
    why: str
    """Why it cannot; where it can, why it is not recommended, if it is not."""
    recommended: bool


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What is known of one scene of a source."""

    identity: Identity
    radiometry: Radiometry | None
    """None where nobody says how numbers become reflectance; `warnings` say why."""
    bands: tuple[str, ...]
    """Those whose pixels are there."""
    missing_bands: tuple[str, ...]
    """Those that the level should have, or that the metadata name, and that are not there."""
    grid: Grid | None
    """Of the finest band; None where nobody says."""
    valid_share: float | None
    """Share of the pixels that were seen, 0 … 1; None where no pixel was read."""
    percentiles: Mapping[str, Mapping[str, float]]
    """Band -> name of `PERCENTILES` -> reflectance of the valid pixels; empty where none was read."""
    models: tuple[Runs, ...]
    warnings: tuple[str, ...]

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        who, radiometry = self.identity, self.radiometry
        return {
            "id": who.id,
            "satellite": who.satellite,
            "level": who.level,
            "baseline": who.baseline,
            "tile": who.tile,
            "sensing_time": _iso(who),
            "offset": dict(radiometry.offset) if radiometry else None,
            "quantification": _one_or_each(radiometry.quantification) if radiometry else None,
            "offset_origin": radiometry.origin if radiometry else None,
            "bands": list(self.bands),
            "missing_bands": list(self.missing_bands),
            "grid": _plain_grid(self.grid) if self.grid else None,
            "sun_zenith": who.sun_zenith,
            "sun_azimuth": who.sun_azimuth,
            "valid_share": self.valid_share,
            "percentiles": {band: dict(values) for band, values in self.percentiles.items()},
            "cloud_cover_stated": who.cloud_cover_stated,
            "models": [dict(vars(item)) for item in self.models],
            "warnings": list(self.warnings),
        }


def inspect(source: str | Path, options: OpenOptions | None = None) -> tuple[Inspection, ...]:
    """What is known of each scene of a source: of its metadata, and of its pixels read coarsely.

    Metadata alone will do, an XML file or a folder without images; that pixels are missing is said then.

    Example:
        >>> from unclouded.jobs import inspect
        >>> (found,) = inspect("S2B_MSIL1C_20240305T104819_….SAFE")  # doctest: +SKIP
        >>> found.radiometry.offset["B04"], found.valid_share  # doctest: +SKIP
        (-1000.0, 0.83)

    Raises:
        ProductError: nothing there, nothing that is known, or metadata that are broken.
        RadiometryError: the metadata contradict themselves.
    """
    options = options or OpenOptions()
    located = Path(source) if isinstance(source, str) and "://" not in source else source
    return tuple(_inspected(found, choice) for found, choice in list_scenes(located, options))


def _inspected(source: object, options: OpenOptions) -> Inspection:
    stated = read_metadata(source, options)
    if not stated.bands or stated.radiometry is None:
        return _of_metadata(stated)
    try:
        return _of_scene(_opened(source, options))
    except RasterError as err:
        absent = (*stated.bands, *stated.absent_bands)
        return _of_metadata(replace(stated, bands=(), absent_bands=absent), f"pixels cannot be read: {err}")
    except ServiceError as err:
        return _of_metadata(stated, f"pixels cannot be reached: {err}")
    except RadiometryError as err:  # its pixels contradict what it says
        return _of_metadata(replace(stated, radiometry=None), f"pixels are not read: {err}")


def _opened(source: object, options: OpenOptions) -> Scene:
    return open_scene(
        source,
        offset=options.offset,
        quantification=options.quantification,
        sensor=options.sensor,
        level=options.level,
        gsd=options.gsd,
        granule=options.granule,
    )


@dataclass(frozen=True, kw_only=True)
class _Named:
    """What a model must know of a source whose pixels were not opened."""

    id: str
    level: str | None
    bands: tuple[str, ...]


def _of_metadata(stated: Metadata, unread: str | None = None) -> Inspection:
    """What is known without pixels, and why without."""
    if unread is None:
        unread = (
            "pixels are not read: how they become reflectance is not known"
            if stated.bands
            else "pixels are missing: there are metadata alone"
        )
    named = (*stated.bands, *stated.absent_bands)
    subject = _Named(id=stated.identity.id, level=stated.identity.level, bands=named)
    return Inspection(
        identity=stated.identity,
        radiometry=stated.radiometry,
        bands=stated.bands,
        missing_bands=(*stated.absent_bands, *stated.missing_bands),
        grid=stated.grid,
        valid_share=None,
        percentiles={},
        models=_models(subject, unread),
        warnings=(unread, *_level_warnings(stated.identity, named), *stated.warnings),
    )


def _of_scene(scene: Scene) -> Inspection:
    """What is known with pixels."""
    look = look_at(scene)
    return Inspection(
        identity=scene.product.identity,
        radiometry=scene.radiometry,
        bands=scene.bands,
        missing_bands=scene.missing_bands,
        grid=scene.grid,
        valid_share=look.valid_share,
        percentiles={name: _percentiles(values) for name, values in look.reflectance.items()},
        models=_models(scene, ""),
        warnings=(
            *_level_warnings(scene.product.identity, scene.bands),
            *scene.warnings,
            *look.warnings,
        ),
    )


def _percentiles(values: npt.NDArray[np.float32]) -> dict[str, float]:
    if not values.size:
        return {}
    found = np.percentile(values.astype(np.float64), list(PERCENTILES.values()))
    return {name: round(float(value), 5) for name, value in zip(PERCENTILES, found, strict=True)}


def _models(subject: Subject, unread: str) -> tuple[Runs, ...]:
    """Every bundled model, in order."""
    return tuple(_runs(subject, load_model(name).spec, unread) for name in bundled_models())


def _runs(subject: Subject, spec: ModelSpec, unread: str) -> Runs:
    try:
        check_fit(subject, spec, allow_level_mismatch=False)
    except InputError as err:
        why = str(err).removeprefix(f"{subject.id}: ")
        return Runs(name=spec.name, runs=False, why=why, recommended=spec.recommended)
    why = unread or ("" if spec.recommended else f"not recommended: {spec.why}")
    return Runs(name=spec.name, runs=not unread, why=why, recommended=spec.recommended)


def _level_warnings(identity: Identity, bands: tuple[str, ...]) -> list[str]:
    """A line where the level should not have a band that is there."""
    if identity.sensor != "sentinel-2" or identity.level is None:
        return []
    expected = expected_at(identity.level)
    foreign = [name for name in bands if name not in expected]
    if not expected or not foreign:
        return []
    these = ", ".join(foreign)
    return [f"level and bands disagree: {identity.level} has no {these}, and here it is; check the level"]


def _iso(identity: Identity) -> str | None:
    """Sensing time, UTC, as ISO 8601 with Z."""
    if identity.sensing_time is None:
        return None
    moment = identity.sensing_time.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_or_each(values: Mapping[str, float]) -> float | dict[str, float]:
    """The one number where all bands agree."""
    distinct = set(values.values())
    return distinct.pop() if len(distinct) == 1 else dict(values)


def _plain_grid(grid: Grid) -> dict[str, object]:
    return {
        "crs": grid.crs,
        "height": grid.height,
        "width": grid.width,
        "pixel_size": grid.pixel_size if grid.spacing_known else None,
        "transform": list(grid.transform[:6]),
        "bounds": list(extent(grid)) if grid.georeferenced else None,
    }
