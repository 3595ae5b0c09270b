"""Ridge regression: all penalties and folds from one decomposition."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg
from sklearn.linear_model import Ridge

from spectral_fast._folds import Splits
from spectral_fast.kernels import RidgePredictions, RidgeStatus, ridge_cross_val_predict
from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made

__all__ = ["RidgeFamily"]

#: Solvers of scikit-learn that end at the minimum; others stop on a tolerance, often far from it.
_EXACT = ("auto", "svd", "cholesky")


class RidgeFamily(Family):
    """Ridge regression by the deletion formula: every penalty and fold at once."""

    takes_all_folds = True

    def handles(self, estimator: Any) -> bool:
        if type(estimator) is not Ridge:
            return False
        params = estimator.get_params()
        return params["fit_intercept"] and not params["positive"] and params["solver"] in _EXACT

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        served = [
            position
            for position, setting in enumerate(settings)
            if setting.keys() <= {"alpha", "copy_X", "max_iter", "random_state"}
            and isinstance(alpha := setting.get("alpha", estimator.alpha), int | float | np.number)
            and 0 < alpha < np.inf
        ]
        return [served] if served else []

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        alphas = np.array([setting.get("alpha", estimator.alpha) for setting in settings])
        together = matrix.leaves_out and matrix.is_partition
        groups = [matrix.splits] if together else [[split] for split in matrix.splits]
        parts = [_held_out(estimator, settings, alphas, matrix, group) for group in groups]
        return list(np.concatenate(parts, axis=1))

    def importances(
        self, estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
    ) -> list[np.ndarray]:
        if X.dtype != np.float64 or estimator.solver != "auto" or y.ndim > 1:
            return super().importances(estimator, settings, X, y)
        # The equations that scikit-learn solves, their matrix computed once.
        X, y = X - X.mean(axis=0), y - y.mean()
        n, p = X.shape
        products = X @ X.T if n < p else X.T @ X
        right = y if n < p else X.T @ y
        found = []
        for setting in settings:
            penalised = products.copy()
            penalised.flat[:: len(products) + 1] += setting.get("alpha", estimator.alpha)
            solution = linalg.solve(penalised, right, assume_a="pos", overwrite_a=True)
            found.append(np.abs(solution @ X if n < p else solution))
        return found


def _held_out(
    estimator: Any, settings: Settings, alphas: np.ndarray, matrix: Matrix, splits: Splits
) -> np.ndarray:
    """Return the predictions, (n_alphas, held-out rows, targets), of folds that share their rows.

    The deletion formula trains on all rows that a fold does not hold out. What it cannot
    answer is fitted.
    """
    rows = np.unique(np.concatenate([np.concatenate(split) for split in splits]))
    tests = [np.searchsorted(rows, test) for _, test in splits]
    if all(len(train) + len(test) == len(rows) for train, test in splits):
        found = ridge_cross_val_predict(matrix.centred[rows], matrix.Y[rows], alphas, tests)
    else:
        found = _nothing(len(alphas), len(rows), matrix.Y.shape[1], len(splits))
    for setting, predictions, statuses in zip(settings, *found, strict=True):
        for (train, test), at, status in zip(splits, tests, statuses, strict=True):
            if status != RidgeStatus.OK:
                model = made(estimator, setting).fit(matrix.X[train], matrix.y[train])
                predictions[at] = model.predict(matrix.X[test]).reshape(len(test), -1)
    return found.predictions[:, np.concatenate(tests)]


def _nothing(n_alphas: int, n_rows: int, n_targets: int, n_folds: int) -> RidgePredictions:
    return RidgePredictions(
        np.full((n_alphas, n_rows, n_targets), np.nan),
        np.full((n_alphas, n_folds), RidgeStatus.UNDETERMINED),
    )
