"""PLS on subsets of channels: cross-validated errors and sizes of coefficients."""

from typing import NamedTuple

import numpy as np

from spectral_fast._folds import Splits
from spectral_fast.cross_decomposition._solver import fit_resamples, predict_folds
from spectral_fast.feature_selection._scores import most_components, pooled_rmse, target_scales

__all__ = ["CrossValidatedPLS", "Score", "coefficient_sizes", "first_least", "least_by_size"]

#: Errors that differ by less, relatively, are equal: rounding in the PLS engine may take as much.
_EQUAL = 1e-9


def first_least(errors: np.ndarray) -> int:
    """Return the number of the first of the least errors, equal up to rounding."""
    errors = np.asarray(errors)
    return int(np.argmax(errors <= errors.min() * (1 + _EQUAL)))


def least_by_size(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct sizes, ascending, and the least error of each."""
    distinct, group = np.unique(sizes, return_inverse=True)
    least = np.full(len(distinct), np.inf)
    np.minimum.at(least, group, errors)
    return distinct, least


class Score(NamedTuple):
    """The RMSECV of a subset of channels, and the number of components that gives it."""

    rmsecv: float
    n_components: int


class CrossValidatedPLS:
    """PLS on any subset of the channels, cross-validated in the same folds.

    Use it inside ``kernels.one_blas_thread()``.

    Parameters
    ----------
    X : (n, p) C-contiguous float64
    Y : (n, m) float64
    splits : Splits
        A partition of the samples.
    max_components : int
        Models have at most so many, at most their channels, and at most one less than
        the smallest training set has samples of positive weight.
    sample_weight : (n,) float64, optional
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        splits: Splits,
        max_components: int,
        sample_weight: np.ndarray | None = None,
    ) -> None:
        self.X = X
        self.Y = Y
        self.splits = splits
        self.max_components = min(max_components, most_components(splits, sample_weight))
        self.sample_weight = sample_weight

    def score(self, channels: np.ndarray, K: np.ndarray | None = None) -> Score:
        """Return the least RMSECV over the numbers of components, of equal ones the fewest.

        Parameters
        ----------
        channels : (q,) int
        K : (n, n) float64, optional
            Gram matrix of these channels, centred.
        """
        predictions, _ = predict_folds(
            self.X.take(channels, axis=1),
            self.Y,
            self.splits,
            min(self.max_components, len(channels)),
            self.sample_weight,
            K=K,
        )
        errors = pooled_rmse((predictions - self.Y) ** 2, self.Y, self.sample_weight)
        best = first_least(errors)
        return Score(float(errors[best]), best + 1)


def coefficient_sizes(
    X: np.ndarray, Y: np.ndarray, max_components: int, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return how large each channel's PLS coefficient is, (p,).

    |b| of a single target; of several √(Σ (b / s)²) over them, s being the target's
    standard deviation. There are `max_components`, but no more than channels, nor than
    samples of positive weight less one.

    Parameters
    ----------
    X : (n, p) C-contiguous float64
    Y : (n, m) float64
    max_components : int
    sample_weight : (n,) float64, optional
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    most = min(max_components, X.shape[1], np.count_nonzero(weights) - 1)
    coef, _ = fit_resamples(X, Y, weights[np.newaxis], max(1, most))
    return np.linalg.norm(coef[0] / target_scales(Y, weights)[:, np.newaxis], axis=0)
