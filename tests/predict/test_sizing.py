"""Windows out of a memory limit."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import OptionError
from unclouded.predict import DEFAULT_MEMORY, Task, windowing_for, windowing_of_size
from unclouded.predict._sizing import _cost, bytes_of, least_memory, work_of


@pytest.fixture(scope="module")
def unet_spec(box_model):
    """Halo and stride of the U-Net with its four classes."""
    return replace(box_model(96).spec, margin_px=0, stride_px=16, min_size_px=16, classes=(0, 1, 2, 3))


@given(
    shape=st.tuples(st.integers(1, 11_000), st.integers(1, 11_000)),
    threads=st.integers(1, 16),
    memory=st.integers(400, 8_000),
)
def test_windows_fit_the_memory_and_the_stride(unet_spec, shape, threads, memory):
    task = Task(spec=unet_spec, shape=shape, threads=threads)
    try:
        windowing = windowing_for(task, memory * 10**6)
    except OptionError as err:
        least = int(re.search(r"at least (\d+) MB", str(err))[1])
        assert least > memory
        windowing_for(task, least * 10**6)  # what it says is enough, is
        return
    windowing.check(unet_spec)
    assert bytes_of(task, windowing) <= memory * 10**6
    assert windowing.cache_bytes < memory * 10**6


@pytest.mark.parametrize("side", [300, 1830, 5490, 10980])
def test_more_memory_never_makes_more_work(unet_spec, side):
    task = Task(spec=unet_spec, shape=(side, side), threads=2)
    chosen = [windowing_for(task, memory * 10**6) for memory in (700, 1000, 1400, 2000, 4000)]
    cost = [_cost(task, windowing) for windowing in chosen]
    assert cost == sorted(cost, reverse=True)
    assert work_of(task, chosen[-1]) < 1.5 * (side + 192) ** 2


def test_a_scene_smaller_than_a_window_is_one_window(unet_spec):
    windowing = windowing_for(Task(spec=unet_spec, shape=(100, 37), threads=2))
    assert windowing.size >= 100
    assert windowing.width >= 37


def test_a_size_asked_for_is_kept_or_refused(unet_spec):
    task = Task(spec=unet_spec, shape=(5490, 5490), threads=2)
    assert windowing_of_size(task, 256).size == 256
    assert not windowing_of_size(task, 256).alone
    assert windowing_of_size(task, 256, 450 * 10**6).alone
    with pytest.raises(OptionError, match=r"at least \d+ MB for windows of 2048 px, found 700 MB"):
        windowing_of_size(task, 2048, 700 * 10**6)
    with pytest.raises(OptionError, match="multiple of 16"):
        windowing_of_size(task, 250)


def test_the_least_memory_is_least(unet_spec):
    task = Task(spec=unet_spec, shape=(10980, 10980), threads=2)
    least = least_memory(task)
    windowing_for(task, least)
    with pytest.raises(OptionError, match="raise --max-memory"):
        windowing_for(task, least - 2_000_000)
    assert least < 700 * 10**6 < DEFAULT_MEMORY
