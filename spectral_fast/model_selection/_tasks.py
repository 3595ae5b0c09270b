"""What runs in a worker: selections of channels, and models on what they leave."""

import contextlib
import functools
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from threadpoolctl import ThreadpoolController

from spectral_fast._folds import Splits
from spectral_fast.feature_selection._base import NOTHING_SELECTED, fit_arguments
from spectral_fast.kernels import thread_limit
from spectral_fast.model_selection._grid import Model, Selection
from spectral_fast.model_selection._warnings import late_fits, of_candidate, unheard
from spectral_fast.model_selection.families import FAMILIES, Matrix, Settings

__all__ = [
    "EVERYTHING",
    "Job",
    "ModelTask",
    "Outcome",
    "SelectTask",
    "Shared",
    "all_failed",
    "fit_transform",
    "one_thread",
    "outcomes",
    "run_task",
]

#: The fold of a selection that is made on all samples.
EVERYTHING = -1


class Shared(NamedTuple):
    """What the tasks of one preprocessing chain have in common."""

    X: np.ndarray  # (n, p) spectra after the chain's leading stateless steps
    y: np.ndarray
    splits: Splits
    n_classes: int
    groups: np.ndarray | None
    steps: tuple[tuple[str, Any], ...]  # the chain's other steps, fitted fold by fold
    selections: tuple[Selection, ...]
    models: tuple[Model, ...]
    raises: bool  # whether errors are raised instead of recorded


class SelectTask(NamedTuple):
    """One selector, fitted to one training set."""

    chain: int
    fold: int  # EVERYTHING for all samples
    selection: int


class Job(NamedTuple):
    """Settings of one model that are answered together."""

    size: int | None  # of the selection; None for its own choice
    model: int
    positions: tuple[int, ...]  # in the model's settings
    family: int  # in `FAMILIES`


class ModelTask(NamedTuple):
    """Models on the channels that one selection leaves, for some folds."""

    chain: int
    folds: tuple[int, ...]
    selection: int
    jobs: tuple[Job, ...]  # those of a size together
    whole: bool  # whether the channels are selected on all samples

    def candidates(self) -> Iterator[tuple[int | None, int, int]]:
        """Yield the (size, model, position) of each candidate."""
        for job in self.jobs:
            for position in job.positions:
                yield job.size, job.model, position


class Outcome(NamedTuple):
    """What became of one candidate in a task."""

    held_out: np.ndarray | None  # see `families.outputs`; None where it failed
    error: str | None
    seconds: float
    n_late: int = 0  # fits that ended before they converged


#: For each size of a selection its channels, or an error.
Channels = dict[int | None, np.ndarray | str]


def run_task(
    task: SelectTask | ModelTask, shared: Shared, channels: Channels | None
) -> tuple[Any, float]:
    """Return the result of a task and the seconds of its preprocessing.

    That of a `SelectTask` is its `Channels`; that of a `ModelTask` has an `Outcome` for
    each (size, model, position). `channels` are those of the task's selection. Call it
    inside `one_thread`.
    """
    start = time.perf_counter()
    fold = task.fold if isinstance(task, SelectTask) else task.folds[0]
    by_importance = shared.selections[task.selection].by_importance
    try:
        X = selects_on = _fold_spectra(fold, shared)
        if isinstance(task, ModelTask) and task.whole and by_importance:
            selects_on = _fold_spectra(EVERYTHING, shared)
    except Exception as error:
        if shared.raises:
            raise
        return all_failed(task, shared, _described(error)), time.perf_counter() - start
    seconds = time.perf_counter() - start
    if isinstance(task, SelectTask):
        return _select(task, shared, X), seconds
    if by_importance:
        return dict(_evaluate_by_importance(task, shared, X, selects_on)), seconds
    return dict(_evaluate(task, shared, X, channels)), seconds


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread: the tasks are what runs in parallel.

    Sums that a BLAS or a forest splits over threads would also make results depend on `n_jobs`.
    """
    libraries = _libraries(len(sys.modules))
    with libraries.limit(limits=1), thread_limit(1), joblib.parallel_config("sequential"):
        yield


@functools.lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """Return what limits the libraries with threads; they are looked for after each import.

    That takes 10 ms, as much as a batch of fits.
    """
    return ThreadpoolController()


def fit_transform(step: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fit a new copy of a step and return what it makes of the spectra, as a Pipeline does."""
    return _fit_transform(clone(step), X, y)


def _fit_transform(transformer: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    if hasattr(transformer, "fit_transform"):
        return np.asarray(transformer.fit_transform(X, y))
    return np.asarray(transformer.fit(X, y).transform(X))


def _fold_spectra(fold: int, shared: Shared) -> np.ndarray:
    """Return the spectra after all steps, those with a state fitted to the training rows."""
    if not shared.steps:
        return shared.X
    X = shared.X
    if fold == EVERYTHING:
        for _, step in shared.steps:
            X = fit_transform(step, X, shared.y)
        return X
    train, test = shared.splits[fold]
    X_train, X_test = X[train], X[test]
    for _, step in shared.steps:
        transformer = clone(step)
        X_train = _fit_transform(transformer, X_train, shared.y[train])
        X_test = np.asarray(transformer.transform(X_test))
    X = np.zeros((len(X), X_train.shape[1]), dtype=X_train.dtype)
    X[train], X[test] = X_train, X_test
    return X


def all_failed(task: SelectTask | ModelTask, shared: Shared, error: str) -> Any:
    if isinstance(task, SelectTask):
        return dict.fromkeys(shared.selections[task.selection].sizes, error)
    return {key: Outcome(None, error, 0.0) for key in task.candidates()}


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# --- selection --------------------------------------------------------------------------


def _select(task: SelectTask, shared: Shared, X: np.ndarray) -> Channels:
    selection = shared.selections[task.selection]
    rows = slice(None) if task.fold == EVERYTHING else shared.splits[task.fold][0]
    try:
        selector = clone(selection.selector)
        groups = None if shared.groups is None else shared.groups[rows]
        # The selector's own choice does not matter where all numbers of channels are given.
        own = contextlib.nullcontext() if None in selection.sizes else unheard(NOTHING_SELECTED)
        with own:
            fitted = selector.fit(X[rows], shared.y[rows], **fit_arguments(selector, None, groups))
    except Exception as error:
        if shared.raises:
            raise
        return dict.fromkeys(selection.sizes, _described(error))
    return {size: _channels(fitted, size, shared.raises) for size in selection.sizes}


def _channels(fitted: Any, size: int | None, raises: bool) -> np.ndarray | str:
    """Return the channels in ascending order."""
    try:
        if size is None:
            channels = fitted.get_support(indices=True)
        else:
            channels = np.sort(fitted.subset(size))
        if not len(channels):
            raise ValueError("no channel was selected")
    except Exception as error:
        if raises:
            raise
        return _described(error)
    return channels


# --- models -----------------------------------------------------------------------------


def _evaluate(
    task: ModelTask, shared: Shared, X: np.ndarray, channels: Channels | None
) -> Iterator[tuple[tuple[int | None, int, int], Outcome]]:
    splits = [shared.splits[fold] for fold in task.folds]
    for size, jobs in itertools.groupby(task.jobs, key=lambda job: job.size):
        found = None if channels is None else channels[size]
        if isinstance(found, str):
            for job in jobs:
                for position in job.positions:
                    yield (size, job.model, position), Outcome(None, found, 0.0)
            continue
        matrix = _matrix(X, found, shared, splits)
        for job in jobs:
            model = shared.models[job.model]
            for position, outcome in outcomes(model, job, matrix, shared.raises):
                yield (size, job.model, position), outcome


def _evaluate_by_importance(
    task: ModelTask, shared: Shared, X: np.ndarray, selects_on: np.ndarray
) -> Iterator[tuple[tuple[int | None, int, int], Outcome]]:
    """Yield the outcomes on the channels that matter most to each candidate's own model.

    It is fitted to `selects_on`, of which it sees the training rows or, where the task says so,
    all.
    """
    splits = [shared.splits[fold] for fold in task.folds]
    rows = slice(None) if task.whole else splits[0][0]
    of_candidates: dict[tuple[int, int], _Tried] = {}
    for job in task.jobs:
        model = shared.models[job.model]
        start = time.perf_counter()
        wanted = [each for each in job.positions if (job.model, each) not in of_candidates]
        for each in _rankings(model, wanted, job.family, selects_on[rows], shared.y[rows]):
            of_candidates[job.model, each.position] = each
        share = (time.perf_counter() - start) / len(job.positions)
        for position in job.positions:
            _, order, _, n_late = of_candidates[job.model, position]
            if isinstance(order, Exception):
                if shared.raises:
                    raise order
                error = _described(order)
                yield (job.size, job.model, position), Outcome(None, error, share, n_late)
                continue
            channels = np.sort(order[: job.size])
            matrix = _matrix(X, channels, shared, splits)
            one = job._replace(positions=(position,))
            [(_, outcome)] = outcomes(model, one, matrix, shared.raises)
            outcome = outcome._replace(
                seconds=outcome.seconds + share, n_late=outcome.n_late + n_late
            )
            yield (job.size, job.model, position), outcome


def _rankings(
    model: Model,
    positions: Sequence[int],
    family: int,
    X: np.ndarray,
    y: np.ndarray,
) -> Iterator["_Tried"]:
    """Yield the channels, the most important first, for some of a model's settings."""
    for each in _tried(
        model, positions, lambda batch: FAMILIES[family].importances(model.estimator, batch, X, y)
    ):
        if isinstance(each.answer, Exception):
            yield each
        else:
            yield each._replace(answer=np.argsort(-each.answer, kind="stable"))


def _matrix(X: np.ndarray, channels: np.ndarray | None, shared: Shared, splits: Splits) -> Matrix:
    X = np.ascontiguousarray(X if channels is None else X.take(channels, axis=1)).view()
    X.flags.writeable = False  # the candidates share it
    return Matrix(X, shared.y, splits, shared.n_classes)


def outcomes(model: Model, job: Job, matrix: Matrix, raises: bool) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of each setting of a job."""
    family = FAMILIES[job.family]
    for each in _tried(
        model, job.positions, lambda batch: family.predict(model.estimator, batch, matrix)
    ):
        checked = _checked(each.answer, matrix)
        if not isinstance(checked, Exception):
            yield each.position, Outcome(checked, None, each.seconds, each.n_late)
        elif raises:
            raise checked
        else:
            yield each.position, Outcome(None, _described(checked), each.seconds, each.n_late)


class _Tried(NamedTuple):
    """What a family answers for one setting."""

    position: int
    answer: np.ndarray | Exception
    seconds: float
    n_late: int


def _tried(
    model: Model,
    positions: Sequence[int],
    ask: Callable[[Settings], Sequence[np.ndarray | Exception]],
) -> Iterator[_Tried]:
    """Yield what a family answers for some settings of a model, asked of all of them together.

    Where that fails each is tried by itself, so that only those at fault fail.
    """
    queue: deque[Sequence[int]] = deque([positions] if positions else [])
    while queue:
        batch = queue.popleft()
        start = time.perf_counter()
        answers: Sequence[np.ndarray | Exception]
        with late_fits() as late, of_candidate(0) if len(batch) == 1 else contextlib.nullcontext():
            try:
                answers = ask([model.settings[position] for position in batch])
            except Exception as error:
                if len(batch) > 1:
                    queue.extend([position] for position in batch)
                    continue
                answers = [error]
        seconds = (time.perf_counter() - start) / len(batch)
        for number, (position, answer) in enumerate(zip(batch, answers, strict=True)):
            yield _Tried(position, answer, seconds, late[number])


def _checked(answer: np.ndarray | Exception, matrix: Matrix) -> np.ndarray | Exception:
    """Return held-out outputs, or what is wrong with them."""
    if isinstance(answer, Exception):
        return answer
    if len(answer) != matrix.n_held_out:
        return ValueError(f"{len(answer)} predictions for {matrix.n_held_out} held-out samples")
    # A classifier without probabilities has NaN for them.
    required = answer[:, :1] if matrix.n_classes else answer
    if not np.isfinite(required).all():
        return ValueError("the predictions hold NaN or infinity")
    return answer
