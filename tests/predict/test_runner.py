"""Batches: as many windows at a time as the device has memory for."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from unclouded.core.errors import ModelError
from unclouded.predict import Model, Windowing, predict
from unclouded.predict._runner import Runner
from unclouded.predict.runtimes import DeviceMemoryError


@dataclass(frozen=True, kw_only=True)
class SmallCard:
    """P(cloud) is the first band; memory for so many windows at a time."""

    room: int
    batch: int = 8
    metadata: dict = field(default_factory=dict)
    device: str = "CUDA"
    asked: list = field(default_factory=list)

    def run(self, reflectance):
        self.asked.append(len(reflectance))
        if len(reflectance) > self.room:
            raise DeviceMemoryError("CUDA failure 2: out of memory")
        return np.stack([1 - reflectance[:, 0], reflectance[:, 0]], axis=1)


def run(session, count, spec):
    runner = Runner(session=session, spec=spec, presence=np.ones(3, bool))
    windows = list(np.random.default_rng(0).random((count, 3, 6, 6), dtype=np.float32))
    found = runner.run(windows, (6, 6))
    np.testing.assert_array_equal(np.stack(found)[:, 1], np.stack(windows)[:, 0])
    return runner


@pytest.mark.parametrize(
    ("room", "count", "asked"),
    [(8, 20, [8, 8, 4]), (4, 8, [8, 4, 4]), (3, 8, [8, 4, 2, 2, 2, 2]), (1, 3, [3, 1, 1, 1])],
)
def test_a_full_card_halves_the_batch_and_goes_on(box_model, room, count, asked):
    session = SmallCard(room=room)
    run(session, count, box_model(0).spec)
    assert session.asked == asked


def test_the_smaller_batch_is_kept(box_model):
    session = SmallCard(room=2)
    runner = run(session, 8, box_model(0).spec)
    assert runner.most == 2
    session.asked.clear()
    runner.run([np.zeros((3, 6, 6), np.float32)] * 4, (6, 6))
    assert session.asked == [2, 2]


def test_no_room_for_one_window_says_what_to_do(box_model):
    with pytest.raises(ModelError, match=r"memory on CUDA for a window of 6 x 6 px.*smaller --window-px"):
        run(SmallCard(room=0), 2, box_model(0).spec)


def test_a_scene_passes_through_a_full_card(array_scene, box_model):
    scene = array_scene(40, 50)
    session = SmallCard(room=2)
    model = Model(spec=replace(box_model(0).spec), sha256="0" * 64, session=session)
    for part in predict(scene, model, Windowing(size=10, threads=2)):
        seen = part.reading.valid
        expected = scene.reflectance[0][part.window.slices]
        np.testing.assert_array_equal(part.probabilities[1][seen], expected[seen])
    assert max(session.asked) > 2
    assert sum(asked for asked in session.asked if asked <= 2) == 20
