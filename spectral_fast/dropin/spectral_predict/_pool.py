"""Threads that share the work of a search."""

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
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
            self._tasks.put(((-1,), next(self._numbers), None, ()))
        for each in self._threads:
            each.join()
        kernels.one_blas_thread().__exit__(*exception)

    def submit(self, priority: tuple, function: Callable, *arguments: Any) -> None:
        """Have a function called; the least priority is first."""
        self._n_open += 1
        self._tasks.put((priority, next(self._numbers), function, arguments))

    def finished(self, wait: bool) -> Iterator[Any]:
        """Yield results as they come, all of them or those that are there; raise a task's error."""
        while self._n_open and (wait or not self._finished.empty()):
            result = self._finished.get()
            self._n_open -= 1
            if isinstance(result, BaseException):
                raise result
            yield result

    def _work(self) -> None:
        with one_thread():
            while True:
                _, _, function, arguments = self._tasks.get()
                if function is None:
                    return
                try:
                    result = function(*arguments)
                except BaseException as error:
                    result = error
                self._finished.put(result)
