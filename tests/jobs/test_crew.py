"""Tasks and who carries them out: how many at a time, whose fault it was, what is told in the end."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import ServiceError
from unclouded.jobs._crew import work_off
from unclouded.jobs._task import Finished


class Crew:
    """Finishes tasks, numbers here, in whatever order; some die, and what was beside them is suspect."""

    def __init__(self, limit, deadly=frozenset()):
        self.limit, self._deadly = limit, deadly
        self.running, self.most, self.stopped = 0, 0, 0
        self._pool = ThreadPoolExecutor(1)

    def submit(self, task):
        self.running += 1
        self.most = max(self.most, self.running)
        return self._pool.submit(lambda: task)

    def finished(self, task, future):
        assert future.result() == task
        beside = self.running > 1 and bool(self._deadly)
        self.running -= 1
        if task in self._deadly or beside:
            return Finished(seconds=0.0, error=ServiceError(f"{task} died"), suspect=True)
        return Finished(seconds=float(task))

    def stop(self):
        self.stopped += 1
        self._pool.shutdown()


@given(st.integers(0, 30), st.integers(1, 8), st.sets(st.integers(0, 29)))
def test_each_task_is_told_once_and_only_the_guilty_failed(count, limit, deadly):
    crew, told = Crew(limit, frozenset(deadly)), []
    work_off(crew, iter(range(count)), lambda task, finished: told.append((task, finished)))
    assert sorted(task for task, _ in told) == list(range(count))
    assert {task for task, finished in told if finished.error} == {task for task in deadly if task < count}
    assert crew.most <= limit
    assert crew.stopped == 1


def test_what_was_finished_when_it_was_broken_off_is_told():
    told = []

    class Halting(Crew):
        def finished(self, task, future):
            if task == 1:
                raise KeyboardInterrupt
            return super().finished(task, future)

    crew = Halting(10)
    with pytest.raises(KeyboardInterrupt):
        work_off(crew, range(5), lambda task, finished: told.append((task, finished)))
    assert [task for task, _ in told] == [0, 2, 3, 4]
    assert crew.stopped == 1


def test_tasks_are_asked_for_no_sooner_than_there_is_room():
    asked = []

    def tasks():
        for number in range(6):
            asked.append(number)
            yield number

    class Watching(Crew):
        def submit(self, task):
            assert len(asked) - task == 1
            return super().submit(task)

    work_off(Watching(2), tasks(), lambda *_: None)
    assert asked == list(range(6))


def test_futures_that_were_taken_back_are_not_told():
    told = []

    class Leaving(Crew):
        def submit(self, task):
            future = Future()
            if task == 0:
                future.set_result(task)
            else:
                future.cancel()
                future.set_running_or_notify_cancel()
            return future

        def finished(self, *_):
            raise ServiceError("gone")

    with pytest.raises(ServiceError, match="gone"):
        work_off(Leaving(3), range(3), lambda task, _: told.append(task))
    assert told == []
