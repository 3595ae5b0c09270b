"""What runs in a worker: every candidate of one chain and one model, on one fold."""

import contextlib
import itertools
import os
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from spectral_fast.kernels import thread_limit
from spectral_fast.model_selection._families import GenericFamily, family_of
from spectral_fast.model_selection._grid import Chain, Model

__all__ = [
    "FoldOutcome",
    "Outcome",
    "compile_kernels",
    "described",
    "evaluate_fold",
    "is_stateless",
]

#: Rows that `compile_kernels` runs on: enough for usual numbers of components.
_N_COMPILED = 64


class Outcome(NamedTuple):
    """What became of one candidate on one fold.

    Attributes
    ----------
    predictions : ndarray of shape (n_test, n_targets)
        NaN where the candidate failed.
    seconds : float
        Wall time; candidates that share a fit share its time equally.
    error : str or None
        Type and message of the exception.
    """

    predictions: np.ndarray
    seconds: float
    error: str | None


class FoldOutcome(NamedTuple):
    """What became of one model's candidates after one chain on one fold.

    Attributes
    ----------
    candidates : list of Outcome
        One for each of the model's settings.
    warnings : list of str
        Category and message of what was warned in a process other than the caller's.
    """

    candidates: list[Outcome]
    warnings: list[str]


def is_stateless(transformer: Any) -> bool:
    """Return whether `transformer` treats each row by itself, whatever it was fitted on."""
    # A FunctionTransformer needs no fit, but its function may use column statistics.
    return not get_tags(transformer).requires_fit and not isinstance(
        transformer, FunctionTransformer
    )


def evaluate_fold(
    X: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    steps: Sequence[tuple[str, Any]],
    model: Model,
    raise_errors: bool,
    caller: int,
) -> FoldOutcome:
    """Return one outcome for each of the model's settings.

    `steps` is the part of the preprocessing that has to be fitted on the training rows.
    Warnings travel with the outcome from workers that are not the process `caller`,
    which would show them for every fold. In that process the caller records them:
    threads share one state of warnings, and would restore it in any order.
    """
    caught: list[warnings.WarningMessage] = []
    with contextlib.ExitStack() as stack:
        if os.getpid() != caller:
            caught = stack.enter_context(warnings.catch_warnings(record=True))
        stack.enter_context(_one_thread())
        outcomes = _evaluate_fold(X, y, train, test, steps, model, raise_errors)
    return FoldOutcome(outcomes, described(caught))


def described(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Return category and message of each warning."""
    return [f"{each.category.__name__}: {each.message}" for each in caught]


def compile_kernels(
    X: np.ndarray, y: np.ndarray, chains: Sequence[Chain], models: Sequence[Model]
) -> None:
    """Have the kernels that workers will call compiled, and saved where workers find them.

    Each worker would compile them for itself otherwise. What calls kernels are the
    package's own transformers, and the families that know their estimators; these run
    once on a few rows, which takes milliseconds where the kernels are compiled already.
    """
    X, y = X[:_N_COMPILED], y[:_N_COMPILED]
    with warnings.catch_warnings(), _one_thread():
        warnings.simplefilter("ignore")
        # What fails here fails again within the folds, where errors are recorded.
        for chain in chains:
            fitted_in_folds = itertools.dropwhile(lambda step: is_stateless(step[1]), chain.steps)
            own = itertools.takewhile(lambda step: _is_own(step[1]), fitted_in_folds)
            with contextlib.suppress(Exception):
                _preprocess(list(own), X, X, y)
        for model in models:
            if not isinstance(family_of(model.estimator), GenericFamily):
                with contextlib.suppress(Exception):
                    _evaluate(model, X, y, X, (len(X), y[0].size), raise_errors=False)


def _is_own(transformer: Any) -> bool:
    return type(transformer).__module__.startswith("spectral_fast.")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: the folds are what runs in parallel.

    Sums that a BLAS splits over threads would also make results depend on `n_jobs`.
    """
    with threadpool_limits(limits=1), thread_limit(1):
        yield


def _evaluate_fold(
    X: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    steps: Sequence[tuple[str, Any]],
    model: Model,
    raise_errors: bool,
) -> list[Outcome]:
    shape = (len(test), y[0].size)
    y_train = y[train]
    try:
        X_train, X_test = _preprocess(steps, X[train], X[test], y_train)
    except Exception as error:
        if raise_errors:
            raise
        return [_failure(error, shape, 0.0)] * len(model.settings)
    for array in (X_train, y_train, X_test):
        array.flags.writeable = False  # the candidates share them
    return _evaluate(model, X_train, y_train, X_test, shape, raise_errors)


def _preprocess(
    steps: Sequence[tuple[str, Any]], X_train: np.ndarray, X_test: np.ndarray, y_train: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    for _, step in steps:
        transformer = clone(step)
        X_train = np.asarray(transformer.fit_transform(X_train, y_train))
        X_test = np.asarray(transformer.transform(X_test))
    return X_train, X_test


def _evaluate(
    model: Model,
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    shape: tuple[int, int],
    raise_errors: bool,
) -> list[Outcome]:
    family = family_of(model.estimator)
    outcomes: dict[int, Outcome] = {}
    batches = deque(family.batches(model.estimator, model.settings, X_train.shape))
    while batches:
        batch = batches.popleft()
        settings = [model.settings[position] for position in batch]
        start = time.perf_counter()
        try:
            predictions = family.predict(model.estimator, settings, X_train, y_train, X_test)
            checked = [_checked(each, shape) for each in predictions]
        except Exception as error:
            if len(batch) > 1:  # each by itself, so that only those at fault fail
                batches.extend([position] for position in batch)
                continue
            if raise_errors:
                raise
            outcomes[batch[0]] = _failure(error, shape, time.perf_counter() - start)
        else:
            seconds = (time.perf_counter() - start) / len(batch)
            for position, each in zip(batch, checked, strict=True):
                outcomes[position] = Outcome(each, seconds, None)
    return [outcomes[position] for position in range(len(model.settings))]


def _checked(predictions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    predictions = np.asarray(predictions, dtype=float).reshape(shape)
    if not np.isfinite(predictions).all():
        raise ValueError("the predictions hold NaN or infinity")
    return predictions


def _failure(error: Exception, shape: tuple[int, int], seconds: float) -> Outcome:
    return Outcome(np.full(shape, np.nan), seconds, f"{type(error).__name__}: {error}")
