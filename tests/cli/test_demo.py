"""`unclouded demo`: the whole way, as a newcomer walks it."""

import json

from unclouded.testing.commands import unclouded


def run(*words):
    return unclouded("demo", *words, timeout=300)


def test_a_demo_makes_masks_and_scores_and_says_what_it_is(tmp_path):
    folder = tmp_path / "demo"
    done = run("-o", folder, "-q")
    assert done.returncode == 0, done.stderr
    for word in ("synthetic scene", "clear ", "f1 ", "unclouded mask PRODUCT.SAFE", " s: "):
        assert word in done.stdout
    scores = json.loads((folder / "scores" / "metrics.json").read_text())
    assert len(scores["scenes"]) == 1
    (preview,) = (folder / "masks").glob("*_preview.png")
    assert str(preview) in done.stdout
    again = run("-o", folder, "-q", "--seed", "8")
    assert again.returncode == 0, again.stderr
    assert len(list(folder.glob("*.SAFE"))) == 1


def test_a_folder_of_ones_own_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = run("-o", tmp_path)
    assert done.returncode == 2
    assert "expected an empty folder" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"
