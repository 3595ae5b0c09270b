"""Forests and scikit-learn's boosted trees: the largest fit answers every number of trees."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import joblib
import numpy as np
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

from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made, outputs

__all__ = ["ForestFamily"]


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
    Predictions are equal to the last bit.
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
        kind = _KINDS[type(estimator)]
        counts = [{**estimator.get_params(), **setting}[kind.number] for setting in settings]
        largest = settings[int(np.argmax(counts))]
        folds = []
        for train, test in matrix.splits:
            fitted = made(estimator, largest).fit(matrix.X[train], matrix.y[train])
            smaller = [_first_trees(fitted, count, kind.trees) for count in counts]
            folds.append([outputs(model, matrix.X[test], matrix.n_classes) for model in smaller])
        return [np.concatenate(parts) for parts in zip(*folds, strict=True)]


def _is_served(params: Mapping[str, Any], kind: _Kind) -> bool:
    count = params[kind.number]
    return (
        isinstance(count, int | np.integer)
        and int(count) >= 1
        and isinstance(params["random_state"], int | np.integer)
        and all(params[name] is value for name, value in kind.needed.items())
    )


def _first_trees(fitted: Any, count: int, trees: str) -> Any:
    """Return a model that predicts as a fit of `count` trees does."""
    smaller = copy.copy(fitted)
    setattr(smaller, trees, getattr(fitted, trees)[:count])
    return smaller
