"""The rasters of one mask from strips made up here: no network, no product."""

from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo import cog_validate

from unclouded.core.classes import CLEAR, NODATA, SHADOW, THICK
from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.spec import ModelSpec
from unclouded.core.strips import Strip
from unclouded.core.windows import Window, whole
from unclouded.jobs._files import Frame, files_of, write_rasters
from unclouded.outputs.provenance import Provenance
from unclouded.refine import Refinement, reach_px, refine_array

HEIGHT, WIDTH = 700, 90
SPEC = ModelSpec(
    name="box-v1",
    version="1",
    bands=("B04",),
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=20,
    classes=(THICK, CLEAR, SHADOW),
    halo_px=0,
)
GRID = Grid(height=HEIGHT, width=WIDTH, transform=Affine(20, 0, 5e5, 0, -20, 5e6), crs="EPSG:32633")
WHOLE = Frame(grid=GRID, inner=whole(GRID.shape))


def made(refinement, grid=GRID):
    return Provenance(
        identity=Identity(id="scene", sensor="sentinel-2"),
        grid=grid,
        spec=SPEC,
        model_sha256="ab" * 32,
        legend=tuple(map(SPEC.class_of, sorted(SPEC.classes))),
        legend_name="unclouded",
        bands=SPEC.bands,
        radiometry="stated",
        edge="reflect",
        reading="full resolution",
        runtime="cpu",
        refinement=refinement.describe(),
        software="1",
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def scene():
    """Probabilities, and the codes that are likeliest by them; a strip was not seen."""
    rng = np.random.default_rng(0)
    coarse = rng.dirichlet([1, 1, 1], (HEIGHT // 10, WIDTH // 10)).astype(np.float32)
    probabilities = np.kron(np.moveaxis(coarse, -1, 0), np.ones((1, 10, 10), np.float32))
    codes = np.array(SPEC.classes, np.uint8)[probabilities.argmax(axis=0)]
    codes[:, :7] = NODATA
    return probabilities, codes


def strips(scene, rows):
    probabilities, codes = scene
    for row in range(0, len(codes), rows):
        part = slice(row, row + rows)
        yield Strip(row_off=row, codes=codes[part], probabilities=probabilities[:, part])


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read().squeeze(), dataset.tags()


@pytest.mark.parametrize("rows", [33, 256, 1000])
def test_codes_are_refined_and_probabilities_are_the_networks(scene, tmp_path, rows):
    refinement = Refinement.of(min_area_m2=50_000, buffer={"shadow": 45})
    files = files_of(tmp_path, "scene", probabilities=True, preview=False)
    counted = np.zeros(256, int)
    write_rasters(
        strips(scene, rows),
        files,
        made(refinement),
        refinement,
        frame=WHOLE,
        count=lambda strip: np.add.at(counted, strip.codes.ravel(), 1),
    )
    probabilities, codes = scene
    written, tags = read(files.mask)
    np.testing.assert_array_equal(written, refine_array(codes, GRID, refinement))
    assert (written != codes).any()
    np.testing.assert_array_equal(counted, np.bincount(written.ravel(), minlength=256))
    assert tags["UNCLOUDED_REFINEMENT"] == "areas below 50000 m2 filled; buffer shadow=45m"
    percent, network_tags = read(files.probabilities)
    seen = codes != NODATA
    assert np.abs(percent[:, seen] / 100 - probabilities[:, seen]).max() <= 0.005 + 1e-6
    assert (percent[:, ~seen] == NODATA).all()
    assert "UNCLOUDED_REFINEMENT" not in network_tags
    assert "UNCLOUDED_LEGEND" not in network_tags
    for path in (files.mask, files.probabilities):
        assert cog_validate(path, strict=True) == (True, [], [])


def test_without_probabilities_there_is_no_file_of_them(scene, tmp_path):
    files = files_of(tmp_path, "scene", probabilities=False, preview=False)
    asked = Refinement()
    write_rasters(strips(scene, 100), files, made(asked), asked, frame=WHOLE, count=lambda _strip: None)
    assert {path.name for path in tmp_path.iterdir()} == {"scene_mask.tif", "scene_mask.tif.aux.xml"}
    np.testing.assert_array_equal(read(files.mask)[0], scene[1])


@pytest.mark.parametrize("error", [RasterError("B04.jp2: truncated"), KeyboardInterrupt()])
def test_a_scene_that_breaks_off_leaves_no_file(scene, tmp_path, error):
    def broken():
        yield from list(strips(scene, 100))[:3]
        raise error

    files = files_of(tmp_path, "scene", probabilities=True, preview=False)
    asked = Refinement()
    with pytest.raises(type(error)):
        write_rasters(broken(), files, made(asked), asked, frame=WHOLE, count=lambda _strip: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [33, 256, 1000])
def test_a_part_is_as_in_the_whole(scene, tmp_path, rows):
    """What its refinement looks at comes in the strips, and is neither written nor counted."""
    refinement = Refinement.of(min_area_m2=5000, closing={"cloud": 40}, buffer={"shadow": 45})
    probabilities, codes = scene
    part = Window(row_off=200, col_off=30, height=301, width=41)
    wide = part.grown(reach_px(refinement, GRID)).clipped(GRID.shape)
    inner = Window(
        row_off=part.row_off - wide.row_off, col_off=part.col_off - wide.col_off, height=301, width=41
    )
    cut = (probabilities[:, *wide.slices], codes[wide.slices])
    files = files_of(tmp_path, "scene", probabilities=True, preview=False)
    counted = []
    write_rasters(
        strips(cut, rows),
        files,
        made(refinement, GRID.cut(part)),
        refinement,
        frame=Frame(grid=GRID.cut(wide), inner=inner),
        count=lambda strip: counted.append(strip.codes.size),
    )
    expected = refine_array(codes, GRID, refinement)[part.slices]
    np.testing.assert_array_equal(read(files.mask)[0], expected)
    percent, _ = read(files.probabilities)
    seen = codes[part.slices] != NODATA
    assert np.abs(percent[:, seen] / 100 - probabilities[:, *part.slices][:, seen]).max() <= 0.005 + 1e-6
    assert sum(counted) == expected.size
