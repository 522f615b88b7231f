"""Building an ONNX graph node by node, in an opset and IR that an onnxruntime of 2021 runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 13, 8  # both old enough for an onnxruntime of 2021
INPUT, PRESENCE, OUTPUT = "reflectance", "presence", "probabilities"


@dataclass(kw_only=True)
class Graph:
    """Nodes and constants as they accumulate."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[tuple[str, tuple[int, ...], bytes], TensorProto] = field(default_factory=dict)

    def const(self, array: npt.NDArray[np.generic]) -> str:
        """Name of an initialiser that holds these values; equal ones are shared."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"c{len(self.constants)}")
        return str(self.constants[key].name)

    def ints(self, values: Sequence[int]) -> str:
        """Name of an int64 initialiser."""
        return self.const(np.asarray(values, np.int64))

    def op(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node with one output; its name."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def split(self, name: str, count: int) -> list[str]:
        """Names of equal parts of a tensor's channels."""
        parts = [f"t{len(self.nodes)}_{part}" for part in range(count)]
        self.nodes.append(helper.make_node("Split", [name], parts, axis=1))
        return parts
