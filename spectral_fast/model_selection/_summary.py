"""What a search will do, in words, and what makes its results comparable."""

import dataclasses
import hashlib
from importlib import metadata

import numpy as np

from spectral_fast import __version__
from spectral_fast.model_selection._costs import estimated_seconds
from spectral_fast.model_selection._data import Data
from spectral_fast.model_selection._plan import Plan, is_stateless
from spectral_fast.model_selection._tasks import Shared

__all__ = ["PlanSummary", "identity", "summary"]


@dataclasses.dataclass(frozen=True)
class PlanSummary:
    """What a search will do; prints as text.

    Attributes
    ----------
    n_candidates : int
        Combinations of preprocessing, channels, model and setting.
    n_fits : int
        Fits that as many plain loops over candidates and folds would do.
    n_selections : int
        Fits of selectors; those of models that select by their own importances not counted.
    n_batches : int
        What is done instead of the fits: each a pass that answers several candidates, and
        often several folds.
    n_matrices : int
        Preprocessed matrices that serve all folds.
    seconds : float
        Estimated wall time, roughly.
    """

    n_candidates: int
    n_fits: int
    n_selections: int
    n_batches: int
    n_matrices: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.n_candidates} candidates, {self.n_fits} fits if each were fitted by itself\n"
            f"{self.n_matrices} preprocessed matrices serve all folds\n"
            f"{self.n_selections} selections of channels\n"
            f"{self.n_batches} batches answer all candidates\n"
            f"about {_duration(self.seconds)}"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def summary(plan: Plan, data: Data, n_workers: int) -> PlanSummary:
    """Return what a plan amounts to on some data."""
    shared = Shared(*data, (), tuple(plan.selections), tuple(plan.models), False)
    n_selections = n_batches = n_matrices = 0
    seconds = 0.0
    for number, chain in enumerate(plan.chains):
        n_stateful = sum(not is_stateless(step) for _, step in chain.steps)
        n_matrices += n_stateful == 0
        selections = list(plan.select_tasks(number))
        models = list(plan.model_tasks(number, n_stateful))
        n_selections += len(selections)
        n_batches += sum(len(task.jobs) for task in models)
        seconds += sum(estimated_seconds(task, shared) for task in selections)
        seconds += sum(estimated_seconds(task, shared) for task in models)
    n_fits = len(plan.specs) * plan.n_folds
    return PlanSummary(
        len(plan.specs), n_fits, n_selections, n_batches, n_matrices, seconds / n_workers
    )


def identity(data: Data) -> dict[str, str]:
    """Return what results in a journal must have in common: the data, the folds, the versions."""
    groups = {}
    if data.groups is not None:  # which samples belong together matters, not what they are called
        groups["groups"] = _digest(np.unique(data.groups, return_inverse=True)[1])
    return {
        "spectra and reference values": _digest(data.X, data.y),
        "folds": _digest(*(rows for fold in data.splits for rows in fold)),
        **groups,
        "spectral_fast": __version__,
        **{name: metadata.version(name) for name in ("numpy", "scikit-learn", "scipy")},
    }


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
