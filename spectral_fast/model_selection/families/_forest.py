"""Forests and scikit-learn's boosted trees: the largest fit answers every number of trees."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from spectral_fast.model_selection.families._base import (
    Family,
    Matrix,
    Settings,
    made,
    outputs,
)
from spectral_fast.model_selection.families._random_forest import grown

__all__ = ["ForestFamily", "feature_importances"]


class _Kind(NamedTuple):
    """What the trees of an ensemble are called, and what they must be fitted with."""

    #: Parameter with their number.
    number: str
    #: Attribute that holds them, in the order in which they were fitted.
    trees: str
    #: Values without which the number changes more than where the fit ends.
    needed: dict[str, Any]


_FOREST = _Kind("n_estimators", "estimators_", {"warm_start": False, "oob_score": False})
_BOOSTED = _Kind("n_estimators", "estimators_", {"warm_start": False, "n_iter_no_change": None})
_HISTOGRAM = _Kind("max_iter", "_predictors", {"warm_start": False, "early_stopping": False})

_KINDS = {
    RandomForestRegressor: _FOREST,
    RandomForestClassifier: _FOREST,
    ExtraTreesRegressor: _FOREST,
    ExtraTreesClassifier: _FOREST,
    GradientBoostingRegressor: _BOOSTED,
    GradientBoostingClassifier: _BOOSTED,
    HistGradientBoostingRegressor: _HISTOGRAM,
    HistGradientBoostingClassifier: _HISTOGRAM,
}


class ForestFamily(Family):
    """Ensembles of trees: candidates that differ only in the number of trees share a fit.

    Trees are fitted one after another, each with random numbers of its own or the next of a
    sequence: with an integer `random_state` the first of many are those of a smaller fit.
    Predictions are equal to the last bit, and so are those of the kernel's random forests.
    """

    takes_all_folds = False

    def handles(self, estimator: Any) -> bool:
        # Not isinstance: a subclass may fit or predict in another way.
        return type(estimator) in _KINDS

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        kind = _KINDS[type(estimator)]
        shared: dict[str, list[int]] = {}
        for position, setting in enumerate(settings):
            params = {**estimator.get_params(), **setting}
            if _is_served(params, kind):
                del params[kind.number]
                shared.setdefault(joblib.hash(params), []).append(position)
        return list(shared.values())

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        largest, counts = _largest(estimator, settings)
        folds = []
        for train, test in matrix.splits:
            X_train, y_train, X_test = matrix.X[train], matrix.y[train], matrix.X[test]
            forest = grown(largest, X_train, y_train, X_test)
            if forest is not None:
                folds.append([forest.outputs(count, matrix.n_classes) for count in counts])
                continue
            smaller = _smaller(clone(largest).fit(X_train, y_train), counts)
            folds.append([outputs(model, X_test, matrix.n_classes) for model in smaller])
        return [np.concatenate(parts) for parts in zip(*folds, strict=True)]

    def importances(
        self, estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
    ) -> list[np.ndarray]:
        return [np.abs(each) for each in feature_importances(estimator, settings, X, y)]


def feature_importances(
    estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
) -> list[np.ndarray]:
    """Return the attribute of that name of each candidate of one batch, fitted to `X`."""
    largest, counts = _largest(estimator, settings)
    forest = grown(largest, X, y, X[:0])
    if forest is not None:
        return [forest.importances(count) for count in counts]
    return [model.feature_importances_ for model in _smaller(largest.fit(X, y), counts)]


def _is_served(params: Mapping[str, Any], kind: _Kind) -> bool:
    count = params[kind.number]
    return (
        isinstance(count, int | np.integer)
        and int(count) >= 1
        and isinstance(params["random_state"], int | np.integer)
        and all(params[name] is value for name, value in kind.needed.items())
    )


def _largest(estimator: Any, settings: Settings) -> tuple[Any, list[int]]:
    """Return the model of the most trees, not fitted, and the number of each candidate."""
    number = _KINDS[type(estimator)].number
    counts = [{**estimator.get_params(), **setting}[number] for setting in settings]
    return made(estimator, settings[int(np.argmax(counts))]), counts


def _smaller(fitted: Any, counts: Sequence[int]) -> list[Any]:
    """Return models that predict as fits of so many trees do."""
    trees = _KINDS[type(fitted)].trees
    models = []
    for count in counts:
        model = copy.copy(fitted)
        setattr(model, trees, getattr(fitted, trees)[:count])
        models.append(model)
    return models
