"""A model as a STAC item: the Machine Learning Model extension, version 1.5.2."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unclouded.core.spec import ModelSpec
from unclouded.core.stac import (
    CLASSIFICATION,
    EO,
    FILE,
    MLM,
    VERSION,
    model_asset,
    model_bands,
    model_properties,
)
from unclouded.training._files import write_whole

_WORLD = [-180.0, -90.0, 180.0, 90.0]


def write_item(file: Path, content: bytes, spec: ModelSpec, *, parameters: int) -> Path:
    """The item beside an ONNX file of this content, `NAME.json`.

    Raises:
        OutputError: it cannot be written.
    """
    item = model_item(
        spec,
        file=file.name,
        content_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=parameters,
        when=datetime.now(UTC),
    )
    path = file.with_suffix(".json")
    write_whole(path, json.dumps(item, indent=1).encode())
    return path


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
        "stac_version": VERSION,
        "stac_extensions": [MLM, EO, CLASSIFICATION, FILE],
        "id": f"{spec.name}-{spec.version}",
        "bbox": _WORLD,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "datetime": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": spec.why or spec.name,
            **model_properties(spec),
            "mlm:memory_size": content_bytes,
            "mlm:total_parameters": parameters,
        },
        "links": [],
        "assets": {
            "model": {
                **model_asset(spec, href=f"./{file}", sha256=sha256),
                "file:size": content_bytes,
                "bands": model_bands(spec),
            }
        },
    }
