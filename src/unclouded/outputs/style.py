"""The style that QGIS takes by itself where it lies beside the mask under the same name: `<id>_mask.qml`."""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from unclouded.core.classes import CLEAR, MaskClass
from unclouded.outputs._atomic import replacing

_CLEAR_ALPHA, _ALPHA = 0, 190
"""Clear is left to the scene below; the other classes let it shine through, 0 … 255."""


def write_style(path: Path, legend: Sequence[MaskClass]) -> None:
    """Write the style of a mask.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as part:
        part.write_text(style_text(legend), encoding="utf-8")


def style_text(legend: Sequence[MaskClass]) -> str:
    """The style of a mask with these classes: paletted, nearest neighbour, to be laid over its scene.

    Source: what QGIS 3 writes for a paletted raster, with what it needs not left out.
    """
    entries = "".join(f"        {_entry(item)}\n" for item in legend)
    return (
        '<qgis version="3.22" styleCategories="Symbology">\n'
        "  <pipe>\n"
        "    <provider>\n"
        '      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" '
        'zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2"/>\n'
        "    </provider>\n"
        '    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">\n'
        "      <rasterTransparency/>\n"
        f"      <colorPalette>\n{entries}      </colorPalette>\n"
        "    </rasterrenderer>\n"
        "  </pipe>\n"
        "</qgis>\n"
    )


def _entry(item: MaskClass) -> str:
    alpha = _CLEAR_ALPHA if item.code == CLEAR else _ALPHA
    return (
        f'<paletteEntry value="{item.code}" label={quoteattr(item.title)} color="#{item.color.lower()}" '
        f'alpha="{alpha}"/>'
    )
