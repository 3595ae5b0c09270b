"""What runs in a worker: every candidate of one chain and one model, on one fold."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from spectral_fast.kernels import thread_limit
from spectral_fast.model_selection._families import family_of
from spectral_fast.model_selection._grid import Model

__all__ = ["Outcome", "evaluate_fold", "is_stateless"]


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
) -> list[Outcome]:
    """Return one outcome for each of the model's settings.

    `steps` is the part of the preprocessing that has to be fitted on the training rows.
    """
    shape = (len(test), y[0].size)
    y_train = y[train]
    # One thread: the folds are what runs in parallel, and sums that a BLAS splits over
    # threads would make results depend on `n_jobs`.
    with threadpool_limits(limits=1), thread_limit(1):
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
