"""What is told of a search while it runs."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from spectral_fast.model_selection._figures import HeldOut, HeldOutClasses

__all__ = ["Progress"]


class Progress:
    """A bar, and a caller's function, that follow a search.

    Parameters
    ----------
    total : int
        Number of candidates times folds.
    held_out : HeldOut or HeldOutClasses
    shows : bool
        Whether there is a bar.
    callback : callable or None
        Gets a dict after each step: ``done`` and ``total`` count candidates' folds, ``best``
        is the least loss so far (the error, or 1 less the score), ``elapsed`` and
        ``remaining`` are seconds.
    """

    def __init__(
        self,
        total: int,
        held_out: HeldOut | HeldOutClasses,
        shows: bool,
        callback: Callable[[dict[str, Any]], Any] | None,
    ):
        self._total = total
        self._held_out = held_out
        self._callback = callback
        self._bar = tqdm(total=total, disable=not shows, unit="fold")
        self._start = time.monotonic()
        self._done = 0
        self._best = np.inf

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def update(self, n_done: int, finished: Sequence[np.ndarray]) -> None:
        """Count `n_done` folds more; `finished` are the predictions of complete candidates."""
        self._done += n_done
        if finished:
            losses = [each.loss for each in self._held_out.figures(np.stack(finished))]
            self._best = np.fmin.reduce([self._best, *losses])
        self._bar.set_postfix_str(f"best {self._held_out.shown(self._best)}", refresh=False)
        self._bar.update(n_done)
        if self._callback is not None:
            elapsed = time.monotonic() - self._start
            self._callback(
                {
                    "done": self._done,
                    "total": self._total,
                    "best": self._best,
                    "elapsed": elapsed,
                    "remaining": elapsed * (self._total / max(self._done, 1) - 1),
                }
            )
