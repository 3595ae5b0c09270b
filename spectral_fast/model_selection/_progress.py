"""What is told of a search while it runs."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm.asyncio import tqdm_asyncio
from tqdm.auto import tqdm

from spectral_fast.model_selection._figures import HeldOut, HeldOutClasses

__all__ = ["Progress"]

#: The best figure comes first: what a narrow terminal has no room for is cut at the end.
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"

#: Between two lines where there is neither a terminal nor a notebook.
_SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """A bar, or lines in a file, and a caller's function, that follow a search.

    Parameters
    ----------
    total : int
        Number of candidates times folds.
    held_out : HeldOut or HeldOutClasses
    shows : bool
        Whether there is a bar; where the standard error is no terminal, a line at intervals.
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
        # In a notebook `tqdm` is another class.
        is_file = tqdm is tqdm_asyncio and not sys.stderr.isatty()
        self._bar = tqdm(total=total, disable=not shows or is_file, bar_format=_BAR)
        self._start = time.monotonic()
        self._next_line = self._start + (_SECONDS_BETWEEN_LINES if shows and is_file else np.inf)
        self._done = 0
        self._best = np.inf

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, error: object, *place: object) -> None:
        is_shown = not self._bar.disable  # which a closed bar no longer tells
        self._bar.close()
        if is_shown and error is None and self._best_so_far:
            print(
                "Fitting the best model; Ctrl-C waits for it, a second one ends at once.",
                file=sys.stderr,
                flush=True,
            )

    @property
    def _best_so_far(self) -> str:
        """The best figure with a comma; empty until there is one."""
        if not np.isfinite(self._best):
            return ""
        return f"best {self._held_out.shown(self._best)}, "

    def update(self, n_done: int, finished: Sequence[np.ndarray]) -> None:
        """Count `n_done` folds more; `finished` are the predictions of complete candidates."""
        self._done += n_done
        if finished:
            losses = [each.loss for each in self._held_out.figures(np.stack(finished))]
            self._best = np.fmin.reduce([self._best, *losses])
        self._bar.set_description_str(self._best_so_far, refresh=False)
        self._bar.update(n_done)
        now = time.monotonic()
        elapsed = now - self._start
        remaining = elapsed * (self._total / max(self._done, 1) - 1)
        if now >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            print(
                f"{self._done} of {self._total} folds, {self._best_so_far}{remaining:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
        if self._callback is not None:
            self._callback(
                {
                    "done": self._done,
                    "total": self._total,
                    "best": self._best,
                    "elapsed": elapsed,
                    "remaining": remaining,
                }
            )
