"""Errors of cross-validation by which the selectors compare sets of channels."""

from collections.abc import Iterator

import numpy as np

from spectral_fast import kernels
from spectral_fast._folds import Splits
from spectral_fast.cross_decomposition._solver import predict_folds

__all__ = [
    "geometric_sizes",
    "most_components",
    "path_grams",
    "path_rmsecv",
    "pooled_rmse",
    "target_scales",
]


def pooled_rmse(
    squared_errors: np.ndarray, Y: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the root mean squared errors, pooled over samples and targets.

    One target: in its unit. Several: relative, √(mean over the targets of MSE / variance),
    the variance (ddof=1) being 1 for a constant target.

    Parameters
    ----------
    squared_errors : (..., n, m)
    Y : (n', m)
        Targets of all samples.
    sample_weight : (n,) float64, optional
        Weights of the errors.

    Returns
    -------
    rmse : (...)
    """
    mse = np.average(squared_errors, axis=-2, weights=sample_weight)
    if Y.shape[1] > 1:
        varies = np.ptp(Y, axis=0) > 0
        mse = mse / np.where(varies, Y.var(axis=0, ddof=1), 1.0)
    return np.sqrt(mse.mean(axis=-1))


def target_scales(Y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what makes several targets comparable by division: 1 for one, or a constant one.

    Parameters
    ----------
    Y : (n, m)
    weights : (n,)
        Of the samples.

    Returns
    -------
    scales : (m,)
        Else the standard deviation (ddof=0).
    """
    used = Y[weights > 0]
    if Y.shape[1] == 1:
        return np.ones(Y.shape[1])
    deviations = Y - np.average(Y, axis=0, weights=weights)
    sd = np.sqrt(np.average(deviations**2, axis=0, weights=weights))
    return np.where(np.ptp(used, axis=0) > 0, sd, 1.0)


def geometric_sizes(least: int, most: int, n: int = 30) -> np.ndarray:
    """Return at most `n` numbers of channels from `least` to `most`, evenly apart in ratio."""
    return np.unique(np.geomspace(least, most, n).round().astype(np.int64))


def most_components(splits: Splits, sample_weight: np.ndarray | None = None) -> int:
    """Return how many components every training set can have: its samples less one."""
    if sample_weight is None:
        smallest = min(len(train) for train, _ in splits)
    else:
        smallest = min(int(np.count_nonzero(sample_weight[train])) for train, _ in splits)
    return max(1, smallest - 1)


def path_rmsecv(
    X: np.ndarray,
    Y: np.ndarray,
    splits: Splits,
    order: np.ndarray,
    sizes: np.ndarray,
    n_components: int,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """Return the RMSECV of PLS on the first k channels of `order`, for each k of `sizes`.

    A model has `n_components`, but no more than it has channels, nor than the smallest
    training set has samples of positive weight less one.

    Parameters
    ----------
    X : (n, p) C-contiguous float64
    Y : (n, m) float64
    splits : Splits
        A partition of the samples.
    order : (q,) int
        Channels, the first to be taken first.
    sizes : (n_sizes,) int
        Ascending, from 1 to q.
    n_components : int
    sample_weight : (n,) float64, optional

    Returns
    -------
    rmsecv : (n_sizes,)
    """
    most = min(n_components, most_components(splits, sample_weight))
    rmsecv = np.empty(len(sizes))
    with kernels.one_blas_thread():
        for i, (size, K) in enumerate(zip(sizes, path_grams(X, order, sizes), strict=True)):
            channels = np.take(X, order[:size], axis=1)
            predictions, _ = predict_folds(channels, Y, splits, min(most, size), sample_weight, K=K)
            rmsecv[i] = pooled_rmse((predictions[-1] - Y) ** 2, Y, sample_weight)
    return rmsecv


def path_grams(
    X: np.ndarray, order: np.ndarray, sizes: np.ndarray
) -> Iterator[np.ndarray] | list[None]:
    """Return the Gram matrix of each size, or None for each where they would cost more."""
    if len(X) >= sizes[-1]:
        return [None] * len(sizes)
    return kernels.nested_grams(X - X.mean(axis=0), order, sizes)
