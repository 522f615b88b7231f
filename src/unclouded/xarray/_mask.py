"""From a cube to its mask: lazy where it is chunked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from unclouded.core.classes import NODATA
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import whole
from unclouded.jobs._array import radiometry_of
from unclouded.jobs._fit import check_fit, legend_of, notes
from unclouded.jobs._wording import in_python, said_in_python
from unclouded.predict import Edge, Model, Windowing, load_model
from unclouded.scene import Scene
from unclouded.xarray._blocks import Masking, ModelRef, Place, mask_block
from unclouded.xarray._layout import Cube, Layout, Offset, layout_of, of_bands, turned


@dataclass(frozen=True, kw_only=True)
class MaskRequest:
    """Arguments of `mask`, which says what they mean."""

    model: str | Path
    level: str | None
    reflectance: bool
    offset: Offset | None
    quantification: float | None
    sensor: str | None
    edge: Edge
    window: int | None
    allow_level_mismatch: bool


@said_in_python()
def mask_of(cube: Cube, request: MaskRequest) -> xr.DataArray:
    """The mask of a cube."""
    layout = _layout(cube, request)
    model = load_model(request.model)
    spec = model.spec
    scene = Scene(product=layout.product)
    check_fit(scene, spec, allow_level_mismatch=request.allow_level_mismatch)
    size = _usual_window(spec) if request.window is None else request.window
    windowing = Windowing(size=size, edge=request.edge)
    windowing.check(spec)  # now, rather than when the cube is computed
    names = [name for name in spec.bands if name in layout.layers]
    # dates of one radiometry share one record: it travels once, however many they are
    cut = {id(numbers): of_bands(numbers, names) for numbers in layout.numbers}
    masking = Masking(
        model=ModelRef(model=_travelling(request.model), sha256=model.sha256),
        numbers=tuple(cut[id(numbers)] for numbers in layout.numbers),
        windowing=windowing,
    )
    layers = [layout.upright(name) for name in names]
    lazy = any(layer.chunks is not None for layer in layers)
    codes = _lazily(layers, masking, spec) if lazy else _at_once(layers, masking)
    return _dressed(cube, codes if layout.axes.date else codes[0], layout, _attributes(model, scene, names))


def _layout(cube: Cube, request: MaskRequest) -> Layout:
    offset, quantification = request.offset, request.quantification
    if request.reflectance:
        stated = radiometry_of(
            reflectance=True, offset=None if offset is None else 0.0, quantification=quantification
        )
        offset, quantification = stated.offset, stated.quantification
    return layout_of(
        cube, offset=offset, quantification=quantification, sensor=request.sensor, level=request.level
    )


def _usual_window(spec: ModelSpec) -> int:
    """Pixels a side: what lies between halos read twice and memory (`predict._sizing` has the figures)."""
    usual = 512 if spec.stride_px > 1 else 256
    return -(-usual // spec.stride_px) * spec.stride_px


def _travelling(model: str | Path) -> str:
    """A path as every worker on this machine finds it."""
    return str(model.resolve()) if isinstance(model, Path) else _name_or_path(model)


def _name_or_path(model: str) -> str:
    return str(Path(model).resolve()) if Path(model).is_file() else model


def _at_once(layers: list[xr.DataArray], masking: Masking) -> Any:
    bands = [layer.to_numpy() for layer in layers]
    dates = range(len(masking.numbers))
    values = [[band[date] if band.ndim == 3 else band for band in bands] for date in dates]
    everything = whole(values[0][0].shape)
    return mask_block(masking, values, Place(first_date=0, own=everything, given=everything))


def _lazily(layers: list[xr.DataArray], masking: Masking, spec: ModelSpec) -> Any:
    from unclouded.xarray import _lazy  # noqa: PLC0415 - dask may be absent where nothing is chunked

    chunked = next(layer for layer in layers if layer.chunks is not None)
    chunks = dict(zip(chunked.dims, chunked.chunks or (), strict=True))
    arrays = [layer.data if layer.chunks is not None else layer.chunk(chunks).data for layer in layers]
    stack = _lazy.packed(arrays)
    steps = (masking.windowing.size, masking.windowing.width)
    blocks = _lazy.on_lattice(stack, steps=steps, least=spec.halo_px)
    codes = _lazy.overlapped(blocks, mask_block, masking, halo=spec.halo_px, dtype=np.uint8)
    return codes.rechunk((codes.chunks[0], *stack.chunks[-2:]))


def _attributes(model: Model, scene: Scene, names: list[str]) -> dict[str, Any]:
    """CF's description of flags, and what made the mask."""
    spec = model.spec
    legend = legend_of(spec)
    said = [in_python(line) for line in (*scene.warnings, *notes(scene, spec))]
    return {
        "long_name": "cloud mask",
        "flag_values": np.array([item.code for item in legend], np.uint8),
        "flag_meanings": " ".join(item.name for item in legend),
        "flag_colors": " ".join(f"#{item.color}" for item in legend),
        # both words for it, as the codes are, not decoded: rioxarray's and odc-stac's
        "_FillValue": np.uint8(NODATA),
        "nodata": NODATA,
        "unclouded_model": f"{spec.name} {spec.version}",
        "unclouded_model_sha256": model.sha256,
        "unclouded_bands": " ".join(names),
        "unclouded_radiometry": in_python(scene.radiometry.describe()),
        **({"unclouded_notes": "; ".join(said)} if said else {}),
    }


def _dressed(cube: Cube, codes: Any, layout: Layout, attributes: dict[str, Any]) -> xr.DataArray:
    """Codes with the cube's coordinates, in its order of dimensions."""
    template = next(iter(layout.layers.values()))
    coords = {name: held for name, held in cube.coords.items() if set(held.dims) <= set(template.dims)}
    found = turned(xr.DataArray(codes, dims=layout.axes.all, name="mask"), layout)
    found = found.transpose(*template.dims).assign_coords(coords).assign_attrs(attributes)
    mapping = template.encoding.get("grid_mapping") or template.attrs.get("grid_mapping")
    if mapping is None and "spatial_ref" in coords:
        mapping = "spatial_ref"
    if mapping is not None:
        # where the cube has it: writers refuse to find it in both places
        (found.attrs if "grid_mapping" in template.attrs else found.encoding)["grid_mapping"] = mapping
    return found
