"""What made a mask, from what: out of the scene, the model and the options."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from unclouded._version import __version__
from unclouded.core.grid import Grid
from unclouded.core.spec import ModelSpec
from unclouded.jobs._fit import legend_name, legend_of
from unclouded.outputs.provenance import Provenance
from unclouded.predict import Edge, Model, as_trained
from unclouded.refine import Refinement
from unclouded.scene import Scene


def provenance_of(
    scene: Scene, model: Model, grid: Grid, *, edge: Edge, refinement: Refinement, source: str | Path | None
) -> Provenance:
    """What makes the mask of a scene, now.

    Args:
        grid: of the mask.
        source: where the product was found.
    """
    spec = model.spec
    return Provenance(
        identity=scene.product.identity,
        source=None if source is None else address_of(source),
        grid=grid,
        spec=spec,
        model_sha256=model.sha256,
        legend=legend_of(spec),
        legend_name=legend_name(spec),
        bands=tuple(name for name in spec.bands if name in scene.bands),
        radiometry=scene.radiometry.describe(),
        edge=edge,
        reading=_reading(scene, spec),
        runtime=model.session.device.partition(" (")[0],
        refinement=refinement.describe(),
        software=__version__,
        created=datetime.now(UTC),
    )


def _reading(scene: Scene, spec: ModelSpec) -> str:
    """At which resolution levels the bands are read."""
    if scene.exact:
        return "full resolution"
    coarse = as_trained(scene, spec).coarse_m
    listed = ", ".join(f"{name} {coarse[name]:g} m" for name in spec.bands if name in coarse)
    general = "coarsest level that is fine enough"
    return f"{general}, for {listed}" if listed else general


def address_of(source: str | Path) -> str:
    """Where a product lies, as a URI: without user, password and signature, which are nobody's business."""
    if isinstance(source, Path) or "://" not in source:
        return Path(source).resolve().as_uri()
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
