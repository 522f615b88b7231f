"""A network of segmentation-models-pytorch as an ONNX graph, traced by torch's own exporter."""

import io
import warnings

import torch
from onnx import ModelProto, load_from_string
from torch import Tensor, nn

from unclouded.models.smp import SmpNet
from unclouded.training._graph import INPUT, IR_VERSION, OPSET, OUTPUT, PRESENCE


class _Probabilities(nn.Module):
    """The network with what a file gives at its end; without presence, all bands are there."""

    def __init__(self, network: SmpNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, reflectance: Tensor, presence: Tensor | None = None) -> Tensor:
        """Probabilities (n, class, y, x)."""
        if presence is None:
            presence = torch.ones_like(reflectance[:, :, 0, 0])
        return torch.softmax(self.network(reflectance, presence), dim=1)


def smp_model(network: SmpNet, *, optional: bool) -> ModelProto:
    """Reflectance (n, band, y, x) to probabilities; `presence` (n, band) is a second input where optional."""
    stride, bands = network.config.stride_px, len(network.config.bands)
    example = [torch.zeros(1, bands, 2 * stride, 3 * stride), torch.ones(1, bands)]
    names = [INPUT, PRESENCE] if optional else [INPUT]
    axes = {INPUT: {0: "n", 2: "y", 3: "x"}, OUTPUT: {0: "n", 2: "out_y", 3: "out_x"}}
    file = io.BytesIO()
    with warnings.catch_warnings():
        # the tracing exporter: the other one needs two packages more, and writes for runtimes of today alone
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Probabilities(network).eval(),
            tuple(example[: len(names)]),
            file,  # type: ignore[arg-type] # the tracing exporter takes a file in memory
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=[OUTPUT],
            dynamic_axes={**axes, PRESENCE: {0: "n"}} if optional else axes,
        )
    model = load_from_string(file.getvalue())
    model.ir_version = IR_VERSION
    return model
