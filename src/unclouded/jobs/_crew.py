"""Who carries out the tasks of a run: threads of this process that hand over to each other."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from unclouded.jobs._scene import Progress
from unclouded.jobs._task import Bench, Finished, Task, carry_out

HANDOVER = 1.0
"""Share of a scene's pixels that are predicted when the next scene may begin: what is left then is to write
the files, and the memory of the windows is free again."""


class Crew(Protocol):
    """Carries out tasks, several at a time."""

    @property
    def limit(self) -> int:
        """Tasks that may be with it at a time."""
        ...

    def submit(self, task: Task) -> Future[Finished]:
        """Take on a task."""
        ...

    def finished(self, task: Task, future: Future[Finished]) -> Finished:
        """What became of it.

        Raises:
            ServiceError: the crew itself is gone.
        """
        ...

    def stop(self) -> None:
        """Break off what has not begun, and what has as soon as that can be done without harm."""
        ...


def work_off(crew: Crew, tasks: Iterable[Task], tell: Callable[[Task, Finished], None]) -> None:
    """Have tasks carried out, as many at a time as the crew takes, and tell what became of each as it ends.

    Those that may have failed for another's fault are tried again at the end, one at a time. However it ends,
    the crew is stopped, and what it has finished by then is told.
    """
    done: _Done = SimpleQueue()
    suspects: list[Task] = []

    def hear(task: Task, finished: Finished) -> None:
        if finished.suspect:
            suspects.append(task)
        else:
            tell(task, finished)

    try:
        _work_off(crew, tasks, hear, done, crew.limit)
        _work_off(crew, suspects, tell, done, 1)
    finally:
        crew.stop()
        while not done.empty():
            task, future = done.get()
            if not future.cancelled() and future.exception() is None:
                tell(task, future.result())


_Done = SimpleQueue[tuple[Task, Future[Finished]]]


def _work_off(
    crew: Crew, tasks: Iterable[Task], tell: Callable[[Task, Finished], None], done: _Done, limit: int
) -> None:
    running = 0
    for task in tasks:
        while running >= limit:
            _tell_next(crew, done, tell)
            running -= 1
        crew.submit(task).add_done_callback(partial(_put, done, task))
        running += 1
    for _ in range(running):
        _tell_next(crew, done, tell)


def _put(done: _Done, task: Task, future: Future[Finished]) -> None:
    done.put((task, future))


def _tell_next(crew: Crew, done: _Done, tell: Callable[[Task, Finished], None]) -> None:
    task, future = done.get()
    tell(task, crew.finished(task, future))


class Relay:
    """Scenes one after the other, each begun while the one before it ends.

    The next one's source is fetched while this one is masked; it is opened and decoded while this one's files
    are written.
    """

    limit = 2

    def __init__(self, bench: Bench, progress: Progress) -> None:
        self._bench, self._progress = bench, progress
        self._pool = ThreadPoolExecutor(self.limit, thread_name_prefix="scene")
        self._turn = threading.Semaphore(1)
        self._stopped = threading.Event()

    def submit(self, task: Task) -> Future[Finished]:
        """Take on a task."""
        return self._pool.submit(self._carry_out, task)

    def finished(self, task: Task, future: Future[Finished]) -> Finished:  # noqa: ARG002 - as in Crew
        """What became of it."""
        return future.result()

    def stop(self) -> None:
        """Scenes that have begun end at their next window; nothing of them stays behind."""
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _carry_out(self, task: Task) -> Finished:
        mine = threading.Event()

        def begin() -> None:
            self._turn.acquire()
            mine.set()
            self._check()

        def hand_over() -> None:
            if mine.is_set():
                mine.clear()
                self._turn.release()

        def tell(name: str, share: float) -> None:
            self._check()
            self._progress(name, share)
            if share >= HANDOVER:
                hand_over()

        try:
            return carry_out(task, self._bench, progress=tell, begin=begin)
        finally:
            hand_over()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt
