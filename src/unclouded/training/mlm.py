"""A model as a STAC item: the Machine Learning Model extension, version 1.5.2."""

from datetime import UTC, datetime
from typing import Any

from unclouded.core.bands import band
from unclouded.core.classes import CLASSES
from unclouded.core.spec import ModelSpec

_EXTENSIONS = (
    "https://stac-extensions.github.io/mlm/v1.5.2/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
_WORLD = [-180.0, -90.0, 180.0, 90.0]


def model_item(
    spec: ModelSpec, *, file: str, content_bytes: int, sha256: str, parameters: int, when: datetime
) -> dict[str, Any]:
    """The item of an ONNX file that lies beside it.

    Args:
        file: name of the ONNX file.
        content_bytes: its size.
        parameters: how many weights it has.
        when: it was exported, aware.
    """
    west, south, east, north = _WORLD
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": list(_EXTENSIONS),
        "id": f"{spec.name}-{spec.version}",
        "bbox": _WORLD,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": spec.why or spec.name,
            "bands": _bands(spec),
            "mlm:name": spec.name,
            "mlm:architecture": "CNN" if spec.margin_px else "U-Net",
            "mlm:tasks": ["semantic-segmentation"],
            "mlm:framework": "ONNX",
            "mlm:memory_size": content_bytes,
            "mlm:total_parameters": parameters,
            "mlm:pretrained": True,
            "mlm:input": _inputs(spec),
            "mlm:output": [_output(spec)],
        },
        "links": [],
        "assets": {"model": _asset(spec, file, content_bytes, sha256)},
    }


def _inputs(spec: ModelSpec) -> list[dict[str, Any]]:
    count = len(spec.bands)
    reflectance = {
        "name": "reflectance",
        "description": f"{' or '.join(spec.levels)} reflectance, 1.0 is 100 %; normalised inside the model",
        "bands": list(spec.bands),
        "input": {
            "shape": [-1, count, -1, -1],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "pre_processing_function": None,
    }
    if not spec.optional_bands:
        return [reflectance]
    presence = {
        "name": "presence",
        "description": "1 where a band is there, 0 where it is not and its reflectance is 0",
        "bands": list(spec.bands),
        "input": {"shape": [-1, count], "dim_order": ["batch", "bands"], "data_type": "float32"},
        "pre_processing_function": None,
    }
    return [reflectance, presence]


def _output(spec: ModelSpec) -> dict[str, Any]:
    table = {item.code: item for item in CLASSES}
    return {
        "name": "probabilities",
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": [-1, len(spec.classes), -1, -1],
            "dim_order": ["batch", "class", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": [
            {
                "value": code,
                "name": spec.title_of(code).replace(" ", "_"),
                "description": spec.title_of(code),
                "color_hint": table[code].color,
            }
            for code in spec.classes
        ],
        "post_processing_function": None,
    }


def _asset(spec: ModelSpec, file: str, content_bytes: int, sha256: str) -> dict[str, Any]:
    return {
        "href": f"./{file}",
        "type": "application/octet-stream; framework=onnx; profile=onnx",
        "title": spec.name,
        "roles": ["mlm:model", "mlm:weights"],
        "mlm:artifact_type": "ONNX",
        "file:size": content_bytes,
        "file:checksum": f"1220{sha256}",  # multihash: sha2-256, 32 bytes
        "bands": _bands(spec),
    }


def _bands(spec: ModelSpec) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "eo:common_name": band(name).common_name,
            # micrometres, as the extension wants
            "eo:center_wavelength": round(band(name).centre_nm / 1000, 4),
            "eo:full_width_half_max": round(band(name).width_nm / 1000, 4),
        }
        for name in spec.bands
    ]
