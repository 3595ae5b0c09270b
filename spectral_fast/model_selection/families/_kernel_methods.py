"""Support vectors and kernel ridge: one matrix of distances or products for all settings."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import joblib
import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR

from spectral_fast.model_selection._warnings import of_candidate
from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made, outputs
from spectral_fast.model_selection.families._generic import GenericFamily

__all__ = ["KernelFamily"]

#: Samples for which a matrix of all pairs is kept, 130 MB; libsvm keeps a part for more.
_MOST_SAMPLES = 4000


class KernelFamily(Family):
    """scikit-learn's own solvers on kernels from one matrix of all spectra.

    Distances and products of spectra cost n² p, a fit on the kernel hardly depends on p:
    what is left of many settings is mostly the first. Kernels are "rbf" and "linear".
    """

    takes_all_folds = True

    def handles(self, estimator: Any) -> bool:
        # Not isinstance: a subclass may fit or predict in another way.
        return type(estimator) in (SVR, SVC, KernelRidge)

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        shared: dict[str, list[int]] = {}
        for position, setting in enumerate(settings):
            params = {**estimator.get_params(), **setting}
            if _is_served(params):
                key = joblib.hash((params["kernel"], params["gamma"]))
                shared.setdefault(key, []).append(position)
        return list(shared.values())

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        if len(matrix.y) > _MOST_SAMPLES:
            return GenericFamily().predict(estimator, settings, matrix)
        params = {**estimator.get_params(), **settings[0]}
        parts = []
        for train, test in matrix.splits:
            K = _kernel(params, matrix, train, np.concatenate([train, test]))
            K_train, K_test = K[: len(train)], K[len(train) :]
            fold = []
            for number, setting in enumerate(settings):
                model = made(estimator, {**setting, "kernel": "precomputed"})
                with of_candidate(number):
                    model.fit(K_train, matrix.y[train])
                fold.append(outputs(model, K_test, matrix.n_classes))
            parts.append(fold)
        return [np.concatenate(fold) for fold in zip(*parts, strict=True)]


def _is_served(params: Mapping[str, Any]) -> bool:
    gamma = params["gamma"]
    return (
        params["kernel"] in ("rbf", "linear")
        and (gamma in ("scale", "auto", None) or isinstance(gamma, Real))
        # Probabilities come from a cross-validation of the solver's own, on the spectra.
        and params.get("probability", False) in (False, "deprecated")
    )


def _kernel(
    params: Mapping[str, Any], matrix: Matrix, train: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the kernel between `rows` and the training rows."""
    at = np.ix_(rows, train)
    if params["kernel"] == "rbf":
        gamma = _gamma(params["gamma"], matrix.double[train])
        return np.exp(-gamma * matrix.squared_distances[at])
    # Not centred: kernel ridge has no intercept, and support vectors would be found in other steps.
    return matrix.products[at]


def _gamma(gamma: Any, X: np.ndarray) -> float:
    if gamma == "scale":
        variance = X.var()
        return 1.0 / (X.shape[1] * variance) if variance > 0.0 else 1.0
    return 1.0 / X.shape[1] if gamma in ("auto", None) else gamma
