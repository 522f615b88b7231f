"""What a TIFF has no place for: names of categories, and a table of them, in GDAL's sidecar."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from unclouded.core.classes import MaskClass

# name, GDALRATFieldType (0 integer, 2 text), GDALRATFieldUsage (2 name, 5 value, 6 red, 7 green, 8 blue)
_COLUMNS = (("value", 0, 5), ("class", 2, 2), ("red", 0, 6), ("green", 0, 7), ("blue", 0, 8))


def sidecar_text(legend: Sequence[MaskClass]) -> str:
    """The `.aux.xml` of a mask: one name a code from 0, and an attribute table with colours."""
    return (
        '<PAMDataset>\n  <PAMRasterBand band="1">\n'
        f"{_category_names(legend)}{_attribute_table(legend)}"
        "  </PAMRasterBand>\n</PAMDataset>\n"
    )


def _category_names(legend: Sequence[MaskClass]) -> str:
    titles = {item.code: item.title for item in legend}
    names = "".join(
        f"      <Category>{escape(titles.get(code, ''))}</Category>\n" for code in range(max(titles) + 1)
    )
    return f"    <CategoryNames>\n{names}    </CategoryNames>\n"


def _attribute_table(legend: Sequence[MaskClass]) -> str:
    columns = "".join(
        f'      <FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type>'
        f"<Usage>{usage}</Usage></FieldDefn>\n"
        for index, (name, kind, usage) in enumerate(_COLUMNS)
    )
    rows = "".join(
        f'      <Row index="{index}">{"".join(f"<F>{cell}</F>" for cell in _cells(item))}</Row>\n'
        for index, item in enumerate(legend)
    )
    return (
        '    <GDALRasterAttributeTable tableType="thematic">\n'
        f"{columns}{rows}    </GDALRasterAttributeTable>\n"
    )


def _cells(item: MaskClass) -> tuple[str, ...]:
    return (str(item.code), escape(item.title), *map(str, bytes.fromhex(item.color)))
