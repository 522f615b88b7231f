"""docs/reference/label-sets.md says what the code says."""

import re
from pathlib import Path

import pytest

from unclouded import labels
from unclouded.core.classes import LEGENDS, set_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "label-sets.md"


def row(legend):
    """A legend as a line of the page's last table."""
    codes = {}
    for code, classes in sorted(legend.table.items()):
        codes.setdefault(classes, []).append(str(code))
    names = {classes: " or ".join(set_names(classes)).replace("_", " ") or "ignored" for classes in codes}
    meanings = "; ".join(f"{', '.join(found)} {names[classes]}" for classes, found in codes.items())
    return f"| `{legend.name}` | {meanings} | {legend.note or '-'} |"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_every_legend_is_in_the_table_as_it_is_in_the_code(page):
    table = page.partition("## Legends")[2].splitlines()[4:]
    assert table == [row(legend) for legend in LEGENDS.values()]


def test_every_set_has_a_line(page):
    sets = page.partition("## The sets")[2].partition("###")[0]
    listed = {
        name
        for line in re.findall(r"^\| (`.*?) \|", sets, re.MULTILINE)
        for name in re.findall(r"`(.*?)`", line)
    }
    assert listed == {name.replace("_", "-") for name in labels.names()}


def test_the_legend_on_the_page_is_one(page, tmp_path):
    (tmp_path / "a.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    assert labels.read_legend(tmp_path / "a.toml").name == "interpreter-2024"


def test_the_lines_of_python_on_the_page_run(page, replica):
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    folder = replica("vector")
    path = folder / "a.geojson"
    path.write_text(
        path.read_text()
        .replace('"class": "cloud"', '"kind": 2')
        .replace('"class": "cloud_shadow"', '"kind": 4')
    )
    (item,) = labels.find_items("vector", folder)
    from unclouded.labels._codes import grid_of, open_dataset

    with open_dataset(item.image, driver="GTiff", path=item.image, kind="") as image:
        names = {"path": path, "grid": grid_of(image)}
    exec(code, names)
    assert sorted(set(names["sets"].values.ravel().tolist())) == [0, 0b00110, 0b01000]
