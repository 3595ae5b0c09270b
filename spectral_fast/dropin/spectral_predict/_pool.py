"""Threads that share the work of a search."""

import contextlib
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

    What takes long leaves Python's lock to the others: fits of compiled code.
    """

    def __init__(self) -> None:
        self._tasks: queue.PriorityQueue = queue.PriorityQueue()
        self._finished: queue.SimpleQueue = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._n_open = 0
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(joblib.cpu_count())
        ]

    def __enter__(self) -> "Pool":
        # Before the threads, each of which gives back what it finds.
        kernels.one_blas_thread().__enter__()
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        for _ in self._threads:
            self._put((-1,), None)
        for each in self._threads:
            each.join()
        kernels.one_blas_thread().__exit__(*exception)

    def submit(self, priority: tuple, function: Callable, *arguments: Any) -> None:
        """Have a function called; the least priority is first, of numbers from 0."""
        self._n_open += 1
        self._put(priority, lambda: self._finished.put(_outcome(function, *arguments)))

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
            self._put((-1,), help_out)
        help_out()
        outcomes = dict(done.get() for _ in items)
        return [_result(outcomes[k]) for k in range(len(items))]

    def _put(self, priority: tuple, task: Callable | None) -> None:
        self._tasks.put((priority, next(self._numbers), task))

    def _work(self) -> None:
        with one_thread():
            while (task := self._tasks.get()[-1]) is not None:
                task()


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
