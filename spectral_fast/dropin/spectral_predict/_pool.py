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
            threading.Thread(target=self._work, args=(number == 0,))
            for number in range(joblib.cpu_count())
        ]

    def __enter__(self) -> "Pool":
        with contextlib.ExitStack() as stack:
            stack.enter_context(kernels.one_blas_thread())
            stack.callback(self._end)
            for each in self._threads:
                each.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def _end(self) -> None:
        """Let each thread finish the fit that it is at."""
        self._tasks.close()
        for each in self._threads:
            if each.ident is not None:  # it was started
                each.join()

    def submit(
        self, priority: tuple, function: Callable, *arguments: Any, keeps_lock: bool = False
    ) -> None:
        """Have a function called; the least priority is first, of numbers from 0.

        `keeps_lock` tells that it hardly ever leaves Python's lock to others.
        """
        self._n_open += 1
        self._tasks.put(
            priority,
            lambda: self._finished.put(_outcome(function, *arguments)),
            keeps_lock and len(self._threads) > 1,
        )

    def finished(self, wait: bool) -> Iterator[Any]:
        """Yield results as they come, all of them or those that are there; raise a task's error."""
        while self._n_open and (wait or not self._finished.empty()):
            outcome = self._finished.get()
            self._n_open -= 1
            yield _result(outcome)

    def map(self, function: Callable, items: Sequence[Any]) -> list[Any]:
        """Return what a function gives for each item, by this task and threads that are free.

        Where the search has ended meanwhile, so does the task.
        """
        left = deque(enumerate(items))
        done: queue.SimpleQueue = queue.SimpleQueue()

        def help_out() -> None:
            with contextlib.suppress(IndexError):
                while not self._tasks.is_closed:
                    k, item = left.popleft()
                    done.put((k, _outcome(function, item)))

        for _ in range(min(len(items), len(self._threads)) - 1):
            self._tasks.put((-1,), help_out, keeps_lock=False)
        help_out()
        if left:
            raise _Ended
        outcomes = dict(done.get() for _ in items)
        return [_result(outcomes[k]) for k in range(len(items))]

    def _work(self, prefers_lock: bool) -> None:
        # The last one to leave gives BLAS its threads back, also where nobody waits for it.
        with kernels.one_blas_thread(), one_thread():
            while (task := self._tasks.get(prefers_lock)) is not None:
                task()


class _Ended(BaseException):
    """Ends a task whose result nobody waits for; no model's failure."""


class _Tasks:
    """What the threads have to do, the most urgent first, by whether it keeps Python's lock.

    The thread that is interrupted by the user puts tasks and closes; it takes no lock that it
    could then leave without giving it back.
    """

    def __init__(self) -> None:
        self._heaps: dict[bool, list] = {False: [], True: []}
        self._numbers = itertools.count()
        self._ready: queue.SimpleQueue = queue.SimpleQueue()  # as many items as there are tasks
        self._taking = threading.Lock()
        self.is_closed = False

    def put(self, priority: tuple, task: Callable, keeps_lock: bool) -> None:
        heapq.heappush(self._heaps[keeps_lock], (priority, next(self._numbers), task))
        self._ready.put(None)

    def get(self, prefers_lock: bool) -> Callable | None:
        """Return a task of the preferred kind, or else of the other; None at the end."""
        self._ready.get()
        if self.is_closed:
            self._ready.put(None)  # for the next thread
            return None
        with self._taking:
            heap = self._heaps[prefers_lock] or self._heaps[not prefers_lock]
            return heapq.heappop(heap)[-1]

    def close(self) -> None:
        self.is_closed = True
        self._ready.put(None)


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
