"""Partial least squares in folds, as the application's selections judge by it."""

import warnings

import numpy as np
import sklearn.cross_decomposition
from sklearn.model_selection import KFold

from spectral_fast import kernels
from spectral_fast._folds import Splits
from spectral_fast.cross_decomposition._solver import fit_resamples

__all__ = ["coefficients", "in_order", "mean_r2", "shuffled"]


def in_order(n_samples: int, n_folds: int) -> Splits:
    """Return folds of samples that follow each other."""
    return list(KFold(_enough(n_samples, n_folds)).split(np.empty((n_samples, 0))))


def shuffled(n_samples: int, n_folds: int) -> Splits:
    """Return folds of shuffled samples, always the same ones."""
    folds = KFold(_enough(n_samples, n_folds), shuffle=True, random_state=42)
    return list(folds.split(np.empty((n_samples, 0))))


def _enough(n_samples: int, n_folds: int) -> int:
    """Return the number of folds: half as many as samples, where there are too few of them."""
    return max(2, n_samples // 2) if n_samples < n_folds else n_folds


def mean_r2(
    X: np.ndarray,
    y: np.ndarray,
    n_components: int,
    splits: Splits,
    *,
    beyond_rank: bool,
) -> float:
    """Return the mean over the folds of R² in each; NaN where a fold has none.

    Use it inside ``kernels.one_blas_thread()``.

    Parameters
    ----------
    X : (n, p) float
    y : (n,) float64
    n_components : int
    splits : Splits
        A partition of the samples.
    beyond_rank : bool
        Whether to take components beyond the rank of a training set from rounding errors,
        as scikit-learn does; else there are no more than the rank.
    """
    if not all(_has_room(train, X, n_components) for train, _ in splits):
        return np.nan
    X = np.ascontiguousarray(X, dtype=np.float64)
    tests = [test for _, test in splits]
    # Few channels: other ways than the direct one would save little, and often lack precision.
    fits = kernels.pls_direct(
        X - X.mean(axis=0), y[:, np.newaxis], _weights(splits, len(X)), tests, n_components
    )
    found = np.empty_like(y)
    found[np.concatenate(tests)] = fits.predictions[-1, :, 0]
    if beyond_rank and fits.n_found.min() < n_components:
        found = _predicted_beyond_rank(X, y, n_components, splits)
    return float(np.mean([_r2(y[test], found[test]) for _, test in splits]))


def _has_room(train: np.ndarray, X: np.ndarray, n_components: int) -> bool:
    """Return whether scikit-learn fits so many components to a training set."""
    return len(train) >= 2 and 1 <= n_components <= min(len(train), X.shape[1])


def _r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return R² as scikit-learn defines it for a constant y; NaN for a single sample."""
    if len(y) < 2:
        return np.nan
    left = ((y - predicted) ** 2).sum()
    there = ((y - y.mean()) ** 2).sum()
    if there == 0.0:
        return float(left == 0.0)
    return 1.0 - left / there


def _predicted_beyond_rank(X, y, n_components, splits):
    """Return held-out predictions, NaN where no model can be fitted."""
    predicted = np.full(len(y), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # models of rounding errors are meant
        for train, test in splits:
            model = sklearn.cross_decomposition.PLSRegression(n_components, scale=False)
            try:
                predicted[test] = model.fit(X[train], y[train]).predict(X[test]).ravel()
            except (ValueError, np.linalg.LinAlgError):
                continue
    return predicted


def coefficients(X: np.ndarray, y: np.ndarray, n_components: int, splits: Splits) -> np.ndarray:
    """Return the coefficients of the model of each training set, (n_folds, p).

    Zeros where a training set has fewer samples than components.
    """
    coef = np.zeros((len(splits), X.shape[1]))
    large = [fold for fold, (train, _) in enumerate(splits) if _has_room(train, X, n_components)]
    if large:
        weights = _weights([splits[fold] for fold in large], len(X))
        with kernels.one_blas_thread():
            found, _ = fit_resamples(X, y[:, np.newaxis], weights, n_components)
        coef[large] = found[:, 0]
    return coef


def _weights(splits: Splits, n_samples: int) -> np.ndarray:
    """Return how often each training set holds each sample."""
    counts = [np.bincount(train, minlength=n_samples) for train, _ in splits]
    return np.array(counts, dtype=np.float64)
