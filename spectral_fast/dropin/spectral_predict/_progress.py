"""Rows as they come, and events in the order of evaluation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from spectral_fast.dropin.spectral_predict import _rows

__all__ = ["Place", "Progress"]


class Place(NamedTuple):
    """Where a row stands in the order of evaluation."""

    step: int  # the preprocessing and the model
    subset: int


class Progress:
    """The rows of all steps before the first one that is not complete.

    Parameters
    ----------
    callback : callable or None
        Gets an event at the start of each step, as in the application.
    total : int
        Number of steps.
    """

    def __init__(self, callback: Callable | None, total: int):
        self.rows: list[dict[str, Any]] = []
        self._callback = callback
        self._total = total
        self._best: dict[str, Any] | None = None
        self._waiting: dict[int, dict[int, dict[str, Any]]] = {}
        self._steps: list[tuple[str, int]] = []
        self._next = 0  # the step whose rows are not complete
        self._told = 0

    def announce(self, steps: Sequence[tuple[str, int]]) -> None:
        """Take note of steps that follow: what is said of each, and how many rows it has."""
        self._steps += steps
        self._tell()

    def add(self, rows: Sequence[tuple[Place, dict[str, Any]]]) -> None:
        """Take rows, and tell of the steps before which all others are complete."""
        for (step, subset), row in rows:
            self._waiting.setdefault(step, {})[subset] = row
        while self._next < len(self._steps):
            found = self._waiting.get(self._next, {})
            if len(found) < self._steps[self._next][1]:
                break
            del self._waiting[self._next]
            for _, row in sorted(found.items(), key=lambda each: each[0]):
                self.rows.append(row)
                self._best = _rows.better(self._best, row)
            self._next += 1
            self._tell()

    def _tell(self) -> None:
        if self._told > self._next or self._next >= len(self._steps):
            return
        self._told = self._next + 1
        if self._callback:
            self._callback(
                {
                    "stage": "model_testing",
                    "message": self._steps[self._next][0],
                    "current": self._told,
                    "total": self._total,
                    "best_model": self._best,
                }
            )
