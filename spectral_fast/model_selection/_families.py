"""Families: how candidates that differ only in their parameters are answered together.

A family says which candidates one fit can serve and returns their predictions.
The predictions equal those of a fit for each candidate by itself.
"""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import joblib
import numpy as np
from scipy.linalg import pinv
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression

from spectral_fast.cross_decomposition import PLSRegression

__all__ = ["Family", "GenericFamily", "PLSFamily", "family_of"]

Settings = Sequence[dict[str, Any]]


class Family(Protocol):
    """How the candidates of one estimator are answered."""

    def handles(self, estimator: Any) -> bool:
        """Return whether this family knows `estimator`."""

    def batches(
        self, estimator: Any, settings: Settings, shape: tuple[int, int]
    ) -> list[list[int]]:
        """Return the candidates that share a fit, as lists of positions in `settings`.

        `shape` is that of the training spectra.
        """

    def predict(
        self,
        estimator: Any,
        settings: Settings,
        X_train: np.ndarray,
        y_train: np.ndarray,
        X_test: np.ndarray,
    ) -> list[np.ndarray]:
        """Return the predictions for `X_test` of each candidate of one batch."""


class GenericFamily:
    """A fit for each candidate, for any estimator."""

    def handles(self, estimator: Any) -> bool:
        return True

    def batches(self, estimator, settings, shape):
        return [[position] for position in range(len(settings))]

    def predict(self, estimator, settings, X_train, y_train, X_test):
        return [
            clone(estimator).set_params(**setting).fit(X_train, y_train).predict(X_test)
            for setting in settings
        ]


class PLSFamily:
    """One PLS fit for all component counts.

    NIPALS extracts components one after another, so a fit of A components holds
    the weights and loadings of every smaller fit.
    """

    def handles(self, estimator: Any) -> bool:
        # Not isinstance: a subclass may fit or predict in another way.
        return type(estimator) in (PLSRegression, SklearnPLSRegression)

    def batches(self, estimator, settings, shape):
        shared: dict[Any, list[int]] = {}
        for position, setting in enumerate(settings):
            count = {**estimator.get_params(), **setting}["n_components"]
            others = {name: value for name, value in setting.items() if name != "n_components"}
            # A count that cannot be fitted has a fit, and thus an error, of its own.
            possible = isinstance(count, int) and 1 <= count <= min(shape)
            key = joblib.hash(others) if possible else position
            shared.setdefault(key, []).append(position)
        return list(shared.values())

    def predict(self, estimator, settings, X_train, y_train, X_test):
        candidates = [clone(estimator).set_params(**setting) for setting in settings]
        largest = max(candidates, key=lambda candidate: candidate.n_components)
        largest.fit(X_train, y_train)
        return [
            _first_components(largest, candidate.n_components).predict(X_test)
            for candidate in candidates
        ]


def _first_components(fitted: Any, count: int) -> Any:
    """Return a model that predicts as a fit of `count` components does.

    The rotations are computed anew from the first weights and loadings: where
    later components are rounding noise, they spoil the pseudo-inverse that the
    larger fit's first rotations come from. Components that are zero because the
    data had no more to give are left out, so that what a larger count predicts is
    equal, not only close, and a ranking keeps the smaller count first.
    """
    count = min(count, int(fitted.x_weights_.any(axis=0).sum()))
    weights, x_loadings, y_loadings = (
        np.array(array[:, :count])
        for array in (fitted.x_weights_, fitted.x_loadings_, fitted.y_loadings_)
    )
    rotations = weights @ pinv(x_loadings.T @ weights)
    smaller = copy.copy(fitted)
    smaller.coef_ = ((rotations @ y_loadings.T) * fitted._y_std).T / fitted._x_std
    return smaller


_FAMILIES: tuple[Family, ...] = (PLSFamily(), GenericFamily())


def family_of(estimator: Any) -> Family:
    """Return the first family that handles `estimator`."""
    return next(family for family in _FAMILIES if family.handles(estimator))
