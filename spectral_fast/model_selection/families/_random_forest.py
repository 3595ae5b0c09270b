"""Random forests by the kernel, where it grows the trees that scikit-learn would."""

import functools
import logging
import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from spectral_fast.kernels import ForestTrees, forest_trees
from spectral_fast.model_selection.families._base import outputs, with_chances

__all__ = ["GrownForest", "grown", "is_alike"]

_log = logging.getLogger(__name__)

#: Parameters that change nothing in a tree, or that the kernel knows.
_SERVED = {
    *("n_estimators", "random_state", "n_jobs", "verbose", "bootstrap", "max_features"),
    *("max_depth", "min_samples_split", "min_samples_leaf", "min_impurity_decrease"),
}


class GrownForest:
    """The trees of a forest, which are the first ones of a larger one.

    Parameters
    ----------
    trees : ForestTrees
    classes : ndarray of int, optional
        Those that were trained on; None for a regression.
    """

    def __init__(self, trees: ForestTrees, classes: np.ndarray | None) -> None:
        self._trees = trees
        self._classes = classes
        # One tree after another: NumPy's sum adds the values of a single sample in pairs.
        self._sums = np.cumsum(trees.predictions, axis=0, out=trees.predictions)

    def outputs(self, count: int, n_classes: int) -> np.ndarray:
        """Return what a forest of the first `count` trees says of each new spectrum."""
        mean = self._sums[count - 1] / count
        if self._classes is None:
            return mean
        predicted = self._classes[np.argmax(mean, axis=1)]
        return with_chances(predicted, mean, self._classes, n_classes)

    def importances(self, count: int) -> np.ndarray:
        """Return `feature_importances_` of a forest of the first `count` trees."""
        found = self._trees.importances[:count][self._trees.n_nodes[:count] > 1]
        if not len(found):
            return np.zeros(found.shape[1])
        totals = found.sum(axis=1, keepdims=True)
        mean = np.divide(found, totals, out=found.copy(), where=totals > 0.0).mean(axis=0)
        with np.errstate(invalid="ignore"):  # NaN where splits gain nothing
            return mean / mean.sum()


def grown(estimator: Any, X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> GrownForest | None:
    """Grow a random forest on X and y; None where that is left to scikit-learn.

    Parameters
    ----------
    estimator : estimator
        A forest or any other, not fitted, its `random_state` a number.
    X : (n, p) float64 or float32
    y : (n,) or (n, m) float64, or (n,) int
    X_new : (N, p) float64 or float32
        What it is to predict.
    """
    if type(estimator) not in (RandomForestRegressor, RandomForestClassifier):
        return None
    params = estimator.get_params()
    defaults = type(estimator)().get_params()
    if any(not _is_same(params[name], defaults[name]) for name in params.keys() - _SERVED):
        return None
    if y.ndim > 1 or 0 in X.shape or not is_alike():
        return None
    return _grown(estimator, X, y, X_new)


@functools.cache
def is_alike() -> bool:
    """Return whether the installed scikit-learn grows the kernel's trees, to the last bit.

    Another version may sort, another compiler round in another way. A few small trees tell: of
    collinear channels with equal values, and of targets that are rounded when they are summed up.
    """
    n = 60
    y = np.sin(np.arange(n) ** 2.0)
    X = np.round(np.outer(y, [1.0, 2.0, 3.0]) + np.cos(np.arange(n) ** 1.5)[:, np.newaxis], 1)
    for forest, target in (
        (RandomForestRegressor(5, random_state=0), y),
        (RandomForestClassifier(5, random_state=0), np.digitize(y, [-0.5, 0.5])),
    ):
        fitted = clone(forest).fit(X, target)
        ours = _grown(forest, X, target, X + 0.05)
        n_classes = 3 * (target is not y)
        same = ours is not None and (
            np.array_equal(ours.outputs(5, n_classes), outputs(fitted, X + 0.05, n_classes))
            and np.array_equal(ours.importances(5), fitted.feature_importances_)
        )
        if not same:
            _log.info("Random forests are fitted by scikit-learn, which rounds or sorts otherwise.")
            return False
    return True


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (np.isscalar(value) and value == default)


def _grown(estimator: Any, X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> GrownForest | None:
    params = estimator.get_params()
    estimator._validate_params()
    with np.errstate(over="ignore"):
        single, single_new = X.astype(np.float32), X_new.astype(np.float32)
    if not all(np.isfinite(array).all() for array in (single, single_new, y)):
        return None
    classes = None
    if type(estimator) is RandomForestClassifier:
        classes, y = np.unique(y.astype(int), return_inverse=True)
    min_split, min_leaf = _sizes(params, len(X))
    trees = forest_trees(
        *(single, y, single_new, params["n_estimators"], params["random_state"]),
        n_classes=0 if classes is None else len(classes),
        bootstrap=params["bootstrap"],
        max_features=_n_features(params["max_features"], X.shape[1]),
        max_depth=params["max_depth"],
        min_samples_split=min_split,
        min_samples_leaf=min_leaf,
        min_impurity_decrease=params["min_impurity_decrease"],
    )
    return GrownForest(trees, classes)


def _n_features(value: Any, p: int) -> int:
    """Return how many channels a node draws, at least 1: see scikit-learn's `max_features`."""
    if value is None:
        return p
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, str):
        return max(1, int(np.sqrt(p) if value == "sqrt" else np.log2(p)))
    return max(1, int(value * p))


def _sizes(params: Mapping[str, Any], n: int) -> tuple[int, int]:
    """Return the least samples of a node that is split, and of any; some are shares of all."""
    split, leaf = params["min_samples_split"], params["min_samples_leaf"]
    if not isinstance(leaf, numbers.Integral):
        leaf = math.ceil(leaf * n)
    if not isinstance(split, numbers.Integral):
        split = math.ceil(split * n)
    return max(int(split), 2 * int(leaf)), int(leaf)
