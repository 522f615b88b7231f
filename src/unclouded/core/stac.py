"""Words of STAC 1.1 that the item of a model and the items of its masks have in common."""

import re
from typing import Any

from unclouded.core.bands import band
from unclouded.core.classes import MaskClass
from unclouded.core.spec import ModelSpec

VERSION = "1.1.0"
_BASE = "https://stac-extensions.github.io"
CLASSIFICATION = f"{_BASE}/classification/v2.0.0/schema.json"
EO = f"{_BASE}/eo/v2.0.0/schema.json"
FILE = f"{_BASE}/file/v2.1.0/schema.json"
MLM = f"{_BASE}/mlm/v1.5.2/schema.json"
PROCESSING = f"{_BASE}/processing/v1.2.0/schema.json"
PROJECTION = f"{_BASE}/projection/v2.0.0/schema.json"
RASTER = f"{_BASE}/raster/v2.0.0/schema.json"


def model_properties(spec: ModelSpec) -> dict[str, Any]:
    """What the Machine Learning Model extension has of a network, and the bands that it refers to."""
    return {
        "bands": model_bands(spec),
        "mlm:name": spec.name,
        "mlm:architecture": "CNN" if spec.margin_px else "U-Net",
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "ONNX",
        "mlm:pretrained": True,
        "mlm:input": _inputs(spec),
        "mlm:output": [_output(spec)],
    }


def model_asset(spec: ModelSpec, *, href: str, sha256: str) -> dict[str, Any]:
    """A model's file as an asset.

    Args:
        sha256: of the file, hexadecimal.
    """
    return {
        "href": href,
        "type": "application/octet-stream; framework=onnx; profile=onnx",
        "title": spec.name,
        "roles": ["mlm:model", "mlm:weights"],
        "mlm:artifact_type": "ONNX",
        "file:checksum": multihash(sha256),
    }


def model_bands(spec: ModelSpec) -> list[dict[str, Any]]:
    """The bands that a model reads."""
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


def class_object(item: MaskClass) -> dict[str, Any]:
    """A class as the classification extension has it: its names are letters, digits, `_` and `-`."""
    return {
        "value": item.code,
        "name": re.sub(r"[^0-9A-Za-z_-]+", "_", item.name),
        "title": item.title,
        "description": item.title,
        "color_hint": item.color,
    }


def multihash(sha256: str) -> str:
    """A SHA-256 as the file extension writes it: function 0x12, 32 bytes (multiformats.io/multihash)."""
    return f"1220{sha256}"


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
    return {
        "name": "probabilities",
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": [-1, len(spec.classes), -1, -1],
            "dim_order": ["batch", "class", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": [class_object(item) for item in map(spec.class_of, spec.classes)],
        "post_processing_function": None,
    }
