"""What `mask` writes beside the mask, and what is done to it after the network: end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from PIL import Image

from unclouded.core.classes import NODATA
from unclouded.core.errors import OptionError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.jobs import MaskOptions, mask
from unclouded.outputs import preview
from unclouded.outputs.picture import WHITE_POINT
from unclouded.refine import Refinement, refine_array
from unclouded.testing.options import patchwise
from unclouded.testing.products import FakeSafe, write_fake_geotiff, write_fake_safe

CLOUD_ONLY = Refinement.of(min_area_m2=30_000, closing={"cloud": 60}, buffer={"cloud": 100})


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A product with a bright blot, a speck and a strip that was not seen."""

    def dn(_name, height, width):
        rows, cols = (np.arange(side) / side for side in (height, width))
        values = np.full((height, width), 1300, np.uint16)
        values[np.hypot(rows[:, None] - 0.5, cols - 0.4) < 0.2] = 6500
        values[np.hypot(rows[:, None] - 0.1, cols - 0.1) < 0.03] = 6500
        values[:, width * 7 // 8 :] = 0
        return values

    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=dn))


def masked(source, folder, **options):
    (scene,) = mask(source, folder, patchwise(gsd=20, **options)).scenes
    return scene.masked


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read().squeeze(), dataset.tags()


def grid_of(path):
    with rasterio.open(path) as dataset:
        return Grid(
            height=dataset.height, width=dataset.width, transform=dataset.transform, crs=str(dataset.crs)
        )


def test_a_mask_is_refined_and_says_so(product, tmp_path):
    raw = masked(product, tmp_path / "raw")
    refined = masked(product, tmp_path / "refined", refinement=CLOUD_ONLY, window=64)
    codes, tags = read(raw.mask)
    assert tags["UNCLOUDED_REFINEMENT"] == raw.refinement == "none"
    expected = refine_array(codes, grid_of(raw.mask), CLOUD_ONLY)
    found, tags = read(refined.mask)
    np.testing.assert_array_equal(found, expected)
    assert (found == 1).sum() > (codes == 1).sum() > 0
    assert tags["UNCLOUDED_REFINEMENT"] == refined.refinement
    assert refined.refinement == "areas below 30000 m2 filled; closing cloud=60m; buffer cloud=100m"
    # shares are those of the file
    assert refined.shares["cloud"] == pytest.approx((found == 1).sum() / (found != NODATA).sum())


def test_a_part_is_refined_as_in_the_whole(product, tmp_path):
    """A cloud beside the part still has its buffer within it."""
    part = Window(row_off=30, col_off=50, height=40, width=21)
    whole, _ = read(masked(product, tmp_path / "whole", refinement=CLOUD_ONLY).mask)
    cut, _ = read(masked(product, tmp_path / "part", refinement=CLOUD_ONLY, part=part).mask)
    np.testing.assert_array_equal(cut, whole[part.slices])
    assert len(np.unique(cut)) > 1


def test_an_area_is_refined_as_in_the_whole_and_255_around(product, tmp_path):
    whole = masked(product, tmp_path / "whole", refinement=CLOUD_ONLY)
    codes, _ = read(whole.mask)
    t = grid_of(whole.mask).transform
    corners = [(t.c + 20 * col, t.f - 20 * row) for col, row in ((30, 20), (70, 35), (45, 80), (30, 20))]
    area = json.dumps(
        {
            "type": "Polygon",
            "crs": {"type": "name", "properties": {"name": "EPSG:32632"}},
            "coordinates": [corners],
        }
    )
    scene = masked(product, tmp_path / "part", refinement=CLOUD_ONLY, area=area, probabilities=True)
    cut, _ = read(scene.mask)
    percent, _ = read(scene.probabilities)
    here = grid_of(scene.mask).transform
    top, left = round((t.f - here.f) / 20), round((here.c - t.c) / 20)
    around = codes[top : top + cut.shape[0], left : left + cut.shape[1]]
    inside = cut != NODATA
    np.testing.assert_array_equal(cut[inside], around[inside])
    assert 0.3 < inside.mean() < 0.7
    assert ((percent == NODATA).all(axis=0) >= ~inside).all()
    assert scene.shares["cloud"] == pytest.approx((cut == 1).sum() / inside.sum())


def test_probabilities_are_those_of_the_codes(product, tmp_path):
    scene = masked(product, tmp_path, probabilities=True)
    percent, tags = read(scene.probabilities)
    codes, _ = read(scene.mask)
    seen = codes != NODATA
    assert (percent[:, ~seen] == NODATA).all()
    assert np.abs(percent[:, seen].sum(axis=0).astype(int) - 100).max() <= 1
    sure = seen & (np.abs(percent[0].astype(int) - percent[1]) > 1)
    np.testing.assert_array_equal(percent.argmax(axis=0)[sure], codes[sure])
    assert sure.sum() > 0.9 * seen.sum()
    assert tags["UNCLOUDED_MODEL"].startswith("patchcnn-v1")


def test_the_item_describes_the_files(product, tmp_path, valid_stac):
    scene = masked(product, tmp_path, probabilities=True, refinement=CLOUD_ONLY)
    item = json.loads(scene.item.read_text(encoding="utf-8"))
    valid_stac(item)
    for name in ("mask", "probabilities", "preview", "style"):
        asset = item["assets"][name]
        assert (tmp_path / asset["href"]).stat().st_size == asset["file:size"], name
    codes, _ = read(scene.mask)
    counts = {one["value"]: one["count"] for one in item["assets"]["mask"]["classification:classes"]}
    assert counts == {code: (codes == code).sum() for code in (0, 1, NODATA)}
    assert item["properties"]["eo:cloud_cover"] == pytest.approx(100 * scene.shares["cloud"], abs=1e-3)
    assert item["properties"]["proj:shape"] == list(codes.shape)
    assert item["links"][0]["href"] == product.as_uri()
    assert "buffer cloud=100m" in item["properties"]["processing:lineage"]


def test_what_is_written_is_in_the_report_and_found_again(product, tmp_path):
    options = patchwise(gsd=60, probabilities=True, refinement=Refinement.of(buffer={"cloud": 120}))
    first = mask(product, tmp_path, options).scenes[0].masked
    again = mask(product, tmp_path, options).scenes[0]
    assert (again.state, again.masked) == ("skipped", first)
    for path in (first.mask, first.probabilities, first.preview, first.style, first.item):
        assert path.is_file()
        path.unlink()
        assert mask(product, tmp_path, options).scenes[0].state == "done", path.name
    report = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert report["options"]["refinement"]["buffer"] == [{"name": "cloud", "radius_m": 120}]
    (entry,) = report["scenes"].values()
    assert entry["scene"]["refinement"] == "buffer cloud=120m"
    # another refinement is another mask
    other = replace(options, refinement=Refinement())
    assert mask(product, tmp_path, other).scenes[0].state == "done"


def test_without_a_time_there_is_no_item(stack, tmp_path):
    scene = masked(stack(level="L1C"), tmp_path)
    assert scene.item is None
    assert not list(tmp_path.glob("stack*.json"))


def test_what_cannot_be_refined_is_one_line(product, stack, tmp_path):
    with pytest.raises(OptionError, match=r"patchcnn-v1: shadow=50m cannot be met"):
        masked(product, tmp_path, refinement=Refinement.of(buffer={"shadow": 50}))
    with pytest.raises(OptionError, match="state it with --pixel-size"):
        mask(
            stack(level="L1C", pixel_size=None),
            tmp_path,
            patchwise(refinement=Refinement.of(buffer={"cloud": 50})),
        )
    assert not list(tmp_path.glob("*.tif"))


def test_a_length_below_a_pixel_is_named(product, tmp_path):
    (scene,) = mask(product, tmp_path, patchwise(refinement=Refinement.of(buffer={"cloud": 30}))).scenes
    assert "buffer cloud=30m has no effect on pixels of 60 m" in scene.masked.warnings


@pytest.mark.parametrize(
    ("names", "told"),
    [(("B08", "B11", "B12"), "grey: B08"), (("B04", "B08", "B11"), "false colour: B11, B08, B04")],
)
def test_a_picture_is_made_of_the_bands_there_are(extra, monkeypatch, tmp_path, names, told):
    """The model reads no green and blue: the picture is grey or of false colours, not black."""
    extra("torch")
    from unclouded.testing.models import write_small_unet

    titles = []
    draw = preview._page
    monkeypatch.setattr(
        preview, "_page", lambda panels, items, title: titles.append(title) or draw(panels, items, title)
    )
    source = write_fake_geotiff(
        tmp_path / "stack.tif",
        np.full((3, 64, 64), 3000, np.uint16),
        names,
        scale=1e-4,
        offset=-0.1,
        tags={"SENSOR": "sentinel-2", "LEVEL": "L1C"},
        nodata=0,
    )
    model = write_small_unet(tmp_path / "small.onnx", bands=names)
    scene = mask(source, tmp_path / "out", MaskOptions(model=model)).scenes[0].masked
    with Image.open(scene.preview) as image:
        left = np.asarray(image)[100:500, 100:500]
    grey = 255 * (0.2 / WHITE_POINT) ** (1 / 1.6)
    assert left[200, 200].tolist() == pytest.approx([grey] * 3, abs=2)
    assert titles[0].endswith(told)
