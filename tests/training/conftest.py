"""A tiny data set on disk: bright squares are cloud."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

BANDS = ("B02", "B04", "B11")
CONFIG = """
model = "patchcnn"
seed = 5

[options]
bands = ["B02", "B04", "B11"]
patch = 8
filters = 4
dense = 16

[[scenes]]
stack = "stacks/*.tif"
mask = "masks/{name}.tif"
scales = [1, 2]

[sampling]
batch = 64
gain = 0.02

[optimisation]
steps = 120
learning_rate = 0.01
log_every = 50

[spec]
name = "squares-v1"
version = "1"
levels = ["L1C"]
gsd_m = [10, 60]
best_gsd_m = 60
why = "a test"
training_data = ["squares"]
"""


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small lose more to waiting threads than they gain, most of all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_set(tmp_path):
    """Folder with `config.toml`, two stacks and their masks."""
    import rasterio
    from affine import Affine

    rng = np.random.default_rng(1)
    place = {"crs": "EPSG:32632", "transform": Affine(60, 0, 600_000, 0, -60, 5_300_040)}
    for folder in ("stacks", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(2):
        cloud = np.kron(rng.random((8, 9)) < 0.4, np.ones((6, 6), bool))
        dn = (1500 + 3500 * cloud + rng.integers(0, 300, (3, *cloud.shape))).astype(np.uint16)
        dn[:, :3] = 0  # rows that were not seen
        codes = cloud.astype(np.uint8)
        size = {"height": cloud.shape[0], "width": cloud.shape[1], **place}
        path = tmp_path / "stacks" / f"square{number}.tif"
        with rasterio.open(path, "w", driver="GTiff", count=3, dtype="uint16", nodata=0, **size) as file:
            file.write(dn)
            file.descriptions = BANDS
            file.scales, file.offsets = [1e-4] * 3, [0.0] * 3
            file.update_tags(SENSOR="sentinel-2", LEVEL="L1C")
        with rasterio.open(
            tmp_path / "masks" / path.name, "w", driver="GTiff", count=1, dtype="uint8", **size
        ) as file:
            file.write(codes, 1)
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


UNET = """
model = "unet"
seed = 3

[options]
bands = ["B02", "B04", "B11"]
classes = [0, 1]
widths = [8, 12]
depths = [1, 1]

[[scenes]]
stack = "stacks/square0.tif"
mask = "masks/{name}.tif"
split = "train"

[[scenes]]
stack = "stacks/square1.tif"
mask = "masks/{name}.tif"
split = "validation"

[squares]
size = 16
batch = 4

[augmentation]
flips = true
gain = 0.05
drop = 0.2
least_bands = 2

[optimisation]
steps = 60
epoch_steps = 20
learning_rate = 0.01
schedule = "cosine"
log_every = 10

[spec]
name = "squares-u"
version = "1"
levels = ["L1C"]
gsd_m = [10, 60]
best_gsd_m = 60
optional_bands = ["B02", "B04", "B11"]
"""


@pytest.fixture
def unet_set(data_set):
    """The same scenes for a network that labels pixels: one to learn from, one to judge it."""
    (data_set / "config.toml").write_text(UNET, encoding="utf-8")
    return data_set
