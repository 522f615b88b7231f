"""Checkpoints: what was saved comes back; a stranger's pickle never runs."""

import pickle

import pytest

torch = pytest.importorskip("torch")

from unclouded.core.errors import ModelError, OutputError  # noqa: E402
from unclouded.models.patchcnn import Config, build  # noqa: E402
from unclouded.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402


def test_what_is_saved_comes_back(tmp_path):
    network = build(Config(batch_norm=True, filters=5, activation="leaky_relu"))
    network(torch.rand(8, 13, 16, 16))  # moves the running statistics
    save_checkpoint(tmp_path / "a.pt", network)
    found = load_checkpoint(tmp_path / "a.pt")
    assert found.config == network.config
    assert not found.training
    for name, value in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


class Trap:
    """Runs code when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    (tmp_path / "a.pt").write_bytes(pickle.dumps({"format": 1, "model": Trap(tmp_path / "ran")}, protocol=2))
    torch.save({"format": 1, "model": Trap(tmp_path / "ran")}, tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        with pytest.raises(ModelError, match=name):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"format": 2, "model": "patchcnn"}, ("format 1",)),
        ({"weights": 1}, ("patchcnn", "weights")),
        ([1, 2], ("list",)),
        ({"format": 1, "model": "patchcnn", "options": {"width": 3}, "weights": {}}, ("options",)),
        ({"format": 1, "model": "patchcnn", "options": {}, "weights": {}}, ("weights",)),
    ],
)
def test_another_file_is_named_as_such(tmp_path, body, words):
    torch.save(body, tmp_path / "x.pt")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path / "x.pt")
    assert all(word in str(caught.value) for word in ("x.pt", *words)), str(caught.value)


def test_a_file_that_is_not_there_or_cut_off_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.pt"):
        load_checkpoint(tmp_path / "none.pt")
    save_checkpoint(tmp_path / "a.pt", build(Config()))
    content = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"cut\.pt"):
        load_checkpoint(tmp_path / "cut.pt")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        save_checkpoint(tmp_path / "nowhere" / "a.pt", build(Config()))
