"""Threads that share the work of a search."""

import contextlib
import heapq
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib

from spectral_fast import kernels
from spectral_fast.model_selection._tasks import one_thread

__all__ = ["Pool"]


class Pool:
    """Threads that run the most urgent task first.

    What takes long leaves Python's lock to the others: fits of compiled code. What does not is
    left to one of the threads while the others have anything else to do: two such tasks at once
    take as long as one after the other.
    """

    def __init__(self) -> None:
        self._tasks = _Tasks()
        self._finished: queue.SimpleQueue = queue.SimpleQueue()
        self._n_open = 0
        self._threads = [
            threading.Thread(target=self._work, args=(number == 0,), daemon=True)
            for number in range(joblib.cpu_count())
        ]

    def __enter__(self) -> "Pool":
        # Before the threads, each of which gives back what it finds.
        kernels.one_blas_thread().__enter__()
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._tasks.close()
        for each in self._threads:
            each.join()
        kernels.one_blas_thread().__exit__(*exception)

    def submit(
        self, priority: tuple, function: Callable, *arguments: Any, keeps_lock: bool = False
    ) -> None:
        """Have a function called; the least priority is first, of numbers from 0.

        `keeps_lock` tells that it hardly ever leaves Python's lock to others.
        """
        self._n_open += 1
        self._tasks.put(
            priority, lambda: self._finished.put(_outcome(function, *arguments)), keeps_lock
        )

    def finished(self, wait: bool) -> Iterator[Any]:
        """Yield results as they come, all of them or those that are there; raise a task's error."""
        while self._n_open and (wait or not self._finished.empty()):
            outcome = self._finished.get()
            self._n_open -= 1
            yield _result(outcome)

    def map(self, function: Callable, items: Sequence[Any]) -> list[Any]:
        """Return what a function gives for each item, by this task and threads that are free."""
        left = deque(enumerate(items))
        done: queue.SimpleQueue = queue.SimpleQueue()

        def help_out() -> None:
            with contextlib.suppress(IndexError):
                while True:
                    k, item = left.popleft()
                    done.put((k, _outcome(function, item)))

        for _ in range(min(len(items), len(self._threads)) - 1):
            self._tasks.put((-1,), help_out, keeps_lock=False)
        help_out()
        outcomes = dict(done.get() for _ in items)
        return [_result(outcomes[k]) for k in range(len(items))]

    def _work(self, prefers_lock: bool) -> None:
        with one_thread():
            while (task := self._tasks.get(prefers_lock)) is not None:
                task()


class _Tasks:
    """What the threads have to do, the most urgent first, by whether it keeps Python's lock."""

    def __init__(self) -> None:
        self._heaps: dict[bool, list] = {False: [], True: []}
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, priority: tuple, task: Callable, keeps_lock: bool) -> None:
        with self._changed:
            heapq.heappush(self._heaps[keeps_lock], (priority, next(self._numbers), task))
            self._changed.notify()

    def get(self, prefers_lock: bool) -> Callable | None:
        """Return a task of the preferred kind, or else of the other; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or any(self._heaps.values()))
            if self._is_closed:
                return None
            heap = self._heaps[prefers_lock] or self._heaps[not prefers_lock]
            return heapq.heappop(heap)[-1]

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _outcome(function: Callable, *arguments: Any) -> Any:
    """Return what a function gives, or its error."""
    try:
        return function(*arguments)
    except BaseException as error:
        return error


def _result(outcome: Any) -> Any:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
