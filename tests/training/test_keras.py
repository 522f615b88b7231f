"""Weights in the layouts that Keras writes. The layouts were compared with files of Keras 3.15 itself, whose
predictions our network repeated to 6e-8 (activation ReLU and LeakyReLU, `.keras`, `.hdf5`, `.weights.h5`)."""

import json
import zipfile

import numpy as np
import pytest

from unclouded.core.bands import STUDY_ORDER
from unclouded.core.errors import ModelError

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")

from unclouded.training.keras import import_keras  # noqa: E402 - after the skip

LAYERS = ("conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1", "dense_2")
SHAPES = ((3, 3, 13, 8), (3, 3, 8, 8), (3, 3, 8, 8), (32, 50), (50, 50), (50, 1))


def drawn(seed=0):
    """Kernel and bias of each layer, in the axes that Keras has: no two elements alike."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(0, 0.2, s).astype("f4"), rng.normal(0, 0.1, s[-1]).astype("f4")) for s in SHAPES]


def predicted(weights, patch, slope=0.0):
    """The network in numpy, as Keras computes it: probability of one patch (row, column, band)."""
    maps = patch.astype(np.float64)
    for kernel, bias in weights[:3]:
        padded = np.pad(maps, [(1, 1), (1, 1), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        out = np.einsum("yxcij,ijcf->yxf", windows, kernel) + bias
        out = np.where(out > 0, out, slope * out)
        maps = out.reshape(out.shape[0] // 2, 2, out.shape[1] // 2, 2, -1).max(axis=(1, 3))
    values = maps.reshape(-1)
    for kernel, bias in weights[3:5]:
        values = np.maximum(values @ kernel + bias, 0)
    return 1 / (1 + np.exp(-(values @ weights[5][0] + weights[5][1])[0]))


def hdf5(path, weights, *, whole=True, keras=2, config="{}"):
    """A whole model or weights alone, as Keras 2 (`kernel:0`) and 3 write HDF5."""
    end = ":0" if keras == 2 else ""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        if whole:
            file.attrs["model_config"] = config
        names = [LAYERS[0], "max_pooling2d", *LAYERS[1:3], "flatten", LAYERS[3], "dropout", *LAYERS[4:]]
        root.attrs["layer_names"] = [name.encode() for name in names] if keras == 2 else names
        for name in names:
            group = root.create_group(name)
            inner = [f"{name}/kernel{end}", f"{name}/bias{end}"] if name in LAYERS else []
            group.attrs["weight_names"] = np.array([item.encode() for item in inner], dtype="S40")
            for item, values in zip(inner, weights[LAYERS.index(name)] if inner else (), strict=True):
                group.create_dataset(item, data=values)


def numbered(target, weights):
    """Weights of Keras 3: layers by name, variables by number; written backwards, order must not matter."""
    with h5py.File(target, "w") as file:
        for name, values in reversed(list(zip(LAYERS, weights, strict=True))):
            for number, value in enumerate(values):
                file.create_dataset(f"layers/{name}/vars/{number}", data=value)
        file.create_group("layers/dropout/vars")


def keras3(path, weights, config="{}"):
    inner = path.with_suffix(".weights")
    numbered(inner, weights)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.write(inner, "model.weights.h5")


LEAKY = json.dumps({"layers": [{"class_name": "LeakyReLU"}]})
WRITERS = {
    "model.hdf5": hdf5,
    "model3.h5": lambda path, weights, **more: hdf5(path, weights, keras=3, **more),
    "weights.hdf5": lambda path, weights: hdf5(path, weights, whole=False),
    "model.keras": keras3,
    "only.weights.h5": numbered,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_network_answers_as_keras_does(tmp_path, name):
    weights = drawn()
    WRITERS[name](tmp_path / name, weights)
    network = import_keras(tmp_path / name)
    assert network.config.bands == STUDY_ORDER
    assert (network.config.patch, network.config.activation) == (16, "relu")
    patches = np.random.default_rng(1).uniform(0, 1, (6, 16, 16, 13)).astype(np.float32)
    with torch.no_grad():
        found = torch.sigmoid(network(torch.from_numpy(patches.transpose(0, 3, 1, 2).copy()))).numpy()
    expected = [predicted(weights, patch) for patch in patches]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found) > 1e-3


@pytest.mark.parametrize("name", ["model.hdf5", "model.keras"])
def test_leaky_relu_is_known_from_the_file(tmp_path, name):
    weights = drawn(2)
    WRITERS[name](tmp_path / name, weights, config=LEAKY)
    network = import_keras(tmp_path / name)
    assert network.config.activation == "leaky_relu"
    patch = np.random.default_rng(1).uniform(0, 1, (16, 16, 13)).astype(np.float32)
    with torch.no_grad():
        found = torch.sigmoid(network(torch.from_numpy(patch.transpose(2, 0, 1)[None].copy()))).item()
    assert found == pytest.approx(predicted(weights, patch, slope=0.3), abs=1e-5)


def test_other_files_are_named(tmp_path):
    (tmp_path / "text.hdf5").write_text("no HDF5", encoding="utf-8")
    with pytest.raises(ModelError, match=r"text\.hdf5: expected weights saved by Keras"):
        import_keras(tmp_path / "text.hdf5")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(ModelError, match=r"other\.keras"):
        import_keras(tmp_path / "other.keras")
    hdf5(tmp_path / "a.hdf5", drawn())
    with pytest.raises(ModelError, match=r"of 4 bands.*found kernels 3x3x13x8 .*state the bands"):
        import_keras(tmp_path / "a.hdf5", bands=("B02", "B03", "B04", "B08"))
