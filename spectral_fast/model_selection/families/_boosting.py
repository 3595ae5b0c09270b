"""Boosted trees: one fit for all numbers of rounds, on spectra that are quantised once."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from spectral_fast.boosting import BoostedClassifier, BoostedRegressor
from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made, outputs
from spectral_fast.model_selection.families._boosting_libraries import library_of
from spectral_fast.model_selection.families._generic import GenericFamily

__all__ = ["BoostingFamily"]

_FACADE = (BoostedRegressor, BoostedClassifier)
#: The facade's parameters in which models on the same quantised spectra may differ.
_OF_TREES = frozenset(
    [
        "n_estimators",
        "learning_rate",
        "max_depth",
        "subsample",
        "colsample",
        "reg_lambda",
        "cv",
        "n_jobs",
    ]
)


class BoostingFamily(Family):
    """XGBoost, LightGBM and CatBoost: the facade, and their own estimators.

    A booster of 200 rounds holds the one of 100, so candidates that differ only in the
    number of rounds share the largest fit, and the candidates of a fold share the spectra
    that the library has quantised. A candidate is served only if all parameters that it
    sets are known to leave both exact. Every fit runs on one thread, whatever the candidate
    says: the workers of a search are what runs in parallel.
    """

    takes_all_folds = False

    def handles(self, estimator: Any) -> bool:
        return type(estimator) in _FACADE or library_of(estimator) is not None

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        shared: dict[str, list[int]] = {}
        for position, setting in enumerate(settings):
            candidate = made(estimator, setting)
            if _is_served(candidate):
                shared.setdefault(_data_key(candidate), []).append(position)
        return list(shared.values())

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        folds = [_held_out(estimator, settings, matrix, *split) for split in matrix.splits]
        return [np.concatenate(parts) for parts in zip(*folds, strict=True)]


def _is_served(candidate: Any) -> bool:
    """Return whether sharing leaves the candidate's predictions as they are."""
    library = library_of(candidate)
    if library is not None:
        return library.serves(candidate)
    return (
        candidate.early_stopping_rounds is None
        and candidate.device == "cpu"
        and isinstance(candidate.random_state, Integral)
    )


def _data_key(candidate: Any) -> str:
    """Return what candidates on the same quantised spectra have in common."""
    library = library_of(candidate)
    if library is not None:
        params, of_trees = library.chosen(candidate), library.of_trees
    else:
        params, of_trees = candidate.get_params(), _OF_TREES
    return joblib.hash({name: params[name] for name in params if name not in of_trees})


def _held_out(
    estimator: Any, settings: Settings, matrix: Matrix, train: np.ndarray, test: np.ndarray
) -> list[np.ndarray]:
    """Return the outputs of each candidate for the held-out rows of one fold."""
    X, y, classification = matrix.X[train], matrix.y[train], matrix.n_classes > 0
    if not _is_plain(matrix.X, y, classification):
        fold = Matrix(matrix.X, matrix.y, [(train, test)], matrix.n_classes)
        return GenericFamily().predict(estimator, settings, fold)

    candidates = [_native(made(estimator, setting)) for setting in settings]
    library = library_of(candidates[0])
    assert library is not None  # `handles` says so
    paths: dict[str, dict[int, int]] = {}
    for position, candidate in enumerate(candidates):
        params, rounds = library.path(candidate)
        paths.setdefault(joblib.hash(params), {})[position] = rounds

    answers: dict[int, np.ndarray] = {}
    # XGBoost prepares the spectra on all cores whatever its own parameter says.
    with threadpool_limits(1, user_api="openmp"):
        data = library(candidates[0], X, y, classification)
        for path in paths.values():
            model = data.fit(candidates[max(path, key=path.__getitem__)])
            for position, rounds in path.items():
                first = _First(model, data.first_rounds(model, rounds))
                answers[position] = outputs(first, matrix.X[test], matrix.n_classes)
    return [answers[position] for position in range(len(candidates))]


def _is_plain(X: np.ndarray, y: np.ndarray, classification: bool) -> bool:
    """Return whether every library and the facade take the samples as they are.

    Each has a way of its own with gaps, several targets, and classes that a fold lacks.
    """
    if y.ndim != 1 or not np.isfinite(X).all():
        return False
    return not classification or np.array_equal(np.unique(y), np.arange(max(2, y.max() + 1)))


def _native(candidate: Any) -> Any:
    """Return the library's own estimator, on one thread."""
    estimator = candidate.native() if type(candidate) in _FACADE else candidate
    library = library_of(estimator)
    assert library is not None  # `handles` says so
    return library.alone(estimator)


class _First:
    """The first rounds of a fitted model."""

    def __init__(self, model: Any, first: dict[str, Any]) -> None:
        self._model = model
        self._first = first

    @property
    def classes_(self) -> np.ndarray:
        return self._model.classes_

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self._model.predict(X, **self._first)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self._model.predict_proba(X, **self._first)
