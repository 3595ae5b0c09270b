"""PLS regression: all component counts and folds from one pass of the engine."""

import warnings
from collections.abc import Sequence
from typing import Any

import joblib
import numpy as np
from scipy.linalg import pinv
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression

from spectral_fast import kernels
from spectral_fast._validation import components_error
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.cross_decomposition._solver import predict_held_out
from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made

__all__ = ["PLSFamily"]

#: What changes a prediction; the engine has scikit-learn's defaults for the others.
_SERVED = {"n_components", "scale"}


class PLSFamily(Family):
    """PLS regression by the engine: every number of components in one pass."""

    takes_all_folds = True

    def handles(self, estimator: Any) -> bool:
        # Not isinstance: a subclass may fit or predict in another way.
        return type(estimator) in (PLSRegression, SklearnPLSRegression)

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        shared: dict[str, list[int]] = {}
        given, defaults = estimator.get_params(), type(estimator)().get_params()
        for position, setting in enumerate(settings):
            params = {**given, **setting}
            count, scale = params["n_components"], params["scale"]
            others = [name for name in params if name not in _SERVED and name != "copy"]
            if (
                isinstance(count, int | np.integer)
                and count >= 1
                and isinstance(scale, bool)
                and all(params[name] == defaults[name] for name in others)
            ):
                shared.setdefault(joblib.hash(scale), []).append(position)
        return list(shared.values())

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        counts = [setting.get("n_components", estimator.n_components) for setting in settings]
        smallest = min(len(train) for train, _ in matrix.splits)
        most = min(smallest, matrix.X.shape[1])
        possible = [count for count in counts if count <= most]
        if possible:
            scale = settings[0].get("scale", estimator.scale)
            with kernels.one_blas_thread():
                predictions, n_found = predict_held_out(
                    matrix.double,
                    matrix.Y,
                    matrix.splits,
                    max(possible),
                    scale=scale,
                    K=None if scale or matrix.X.shape[0] > matrix.X.shape[1] else matrix.gram,
                )
            if n_found.min() < max(possible):
                warnings.warn(
                    f"X has only {n_found.min()} components that covary with y; more predict "
                    "the same.",
                    stacklevel=2,
                )
        return [
            predictions[count - 1]
            if count <= most
            else components_error(count, most, of="a training set")
            for count in counts
        ]

    def importances(
        self, estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
    ) -> list[np.ndarray]:
        counts = [setting.get("n_components", estimator.n_components) for setting in settings]
        largest = made(estimator, settings[0])
        largest.set_params(n_components=min(max(counts), *X.shape)).fit(X, y)
        return [_coefficients(largest, count) for count in counts]


def _coefficients(fitted: Any, count: int) -> np.ndarray:
    """Return the absolute coefficients that a fit of the first `count` components has.

    NIPALS extracts components one after another, so a fit holds those of every smaller one.
    """
    weights, x_loadings, y_loadings = (
        array[:, : min(count, fitted.x_weights_.any(axis=0).sum())]
        for array in (fitted.x_weights_, fitted.x_loadings_, fitted.y_loadings_)
    )
    rotations = weights @ pinv(x_loadings.T @ weights)
    coefficients = (rotations @ y_loadings.T) * fitted._y_std / fitted._x_std[:, np.newaxis]
    return np.abs(coefficients).sum(axis=1)
