"""Lasso and elastic net: the compiled descent for all penalties, folds and targets."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso

from spectral_fast.kernels import ElasticNetFits, elastic_net_folds
from spectral_fast.model_selection._warnings import of_candidate
from spectral_fast.model_selection.families._base import Family, Matrix, Settings

__all__ = ["ElasticNetFamily"]

#: What all candidates of a batch have in common.
_SHARED = ("max_iter", "tol", "positive", "fit_intercept")

#: Folds whose coefficients are held at once.
_FOLDS = 16


class ElasticNetFamily(Family):
    """Lasso and elastic net by the descent of scikit-learn, compiled for many fits at once.

    Every fit starts from zero, as scikit-learn's does, and warns as it does where it ends
    before it has converged. Each target is fitted by itself.
    """

    takes_all_folds = True

    def handles(self, estimator: Any) -> bool:
        # Not isinstance: a subclass may fit or predict in another way.
        return type(estimator) in (Lasso, ElasticNet)

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        shared: dict[tuple[Any, ...], list[int]] = {}
        for position, setting in enumerate(settings):
            params = _parameters(estimator, setting)
            if _is_served(params):
                shared.setdefault(tuple(params[name] for name in _SHARED), []).append(position)
        return list(shared.values())

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        params = [_parameters(estimator, setting) for setting in settings]
        parts = []
        for first in range(0, len(matrix.splits), _FOLDS):
            splits = matrix.splits[first : first + _FOLDS]
            fits = _fits(params, matrix.double, matrix.Y, [train for train, _ in splits])
            for (_, test), coef, intercept in zip(splits, fits.coef, fits.intercept, strict=True):
                predictions = matrix.double[test] @ coef.transpose(0, 2, 1)
                parts.append(predictions + intercept[:, np.newaxis])
        return list(np.concatenate(parts, axis=1))

    def importances(
        self, estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
    ) -> list[np.ndarray]:
        params = [_parameters(estimator, setting) for setting in settings]
        fits = _fits(params, X, y.reshape(len(y), -1), [np.arange(len(y))])
        return list(np.abs(fits.coef[0]).sum(axis=1))


def _parameters(estimator: Any, setting: Mapping[str, Any]) -> dict[str, Any]:
    return vars(estimator) | setting  # `get_params` takes as long as a fit


def _is_served(params: Mapping[str, Any]) -> bool:
    """Return whether the values are valid and the descent is the cyclic one on the spectra."""
    return (
        params["selection"] == "cyclic"
        and params["precompute"] is False
        and all(isinstance(params[name], Real) for name in ("alpha", "l1_ratio", "tol"))
        and 0.0 < params["alpha"] < np.inf
        and 0.0 < params["l1_ratio"] <= 1.0
        and params["tol"] >= 0.0
        and isinstance(params["max_iter"], int | np.integer)
        and int(params["max_iter"]) >= 1
        and all(isinstance(params[name], bool) for name in ("positive", "fit_intercept"))
    )


def _fits(
    params: list[dict[str, Any]], X: np.ndarray, Y: np.ndarray, folds: list[np.ndarray]
) -> ElasticNetFits:
    """Fit one batch to each training set; warn of each fit that has not converged."""
    fits = elastic_net_folds(
        X,
        Y,
        folds,
        np.array([each["alpha"] for each in params]),
        np.array([each["l1_ratio"] for each in params]),
        **{name: params[0][name] for name in _SHARED},
    )
    late = fits.gap > fits.tolerance
    for at in zip(*np.nonzero(late), strict=True):
        gap, tolerance = fits.gap[at], fits.tolerance[at]
        with of_candidate(int(at[1])):
            warnings.warn(
                "Objective did not converge. You might want to increase `max_iter` or `alpha`, or "
                f"to check the scale of the spectra. Duality gap: {gap:.3e}, tolerance: "
                f"{tolerance:.3e}",
                ConvergenceWarning,
                stacklevel=3,
            )
    return fits
