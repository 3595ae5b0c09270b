"""The application's selections of channels, with its numbers.

Each returns importances, one a channel, higher for better channels.
"""

import itertools
from collections.abc import Callable

import numpy as np

from spectral_fast import kernels
from spectral_fast.dropin.spectral_predict import _folds
from spectral_fast.dropin.spectral_predict._inputs import check_inputs

__all__ = [
    "above_noise",
    "by_order",
    "get_uve_threshold",
    "interval_importances",
    "interval_scores",
    "ipls_selection",
    "least_correlated",
    "or_ones",
    "spa_selection",
    "uve_components",
    "uve_reliability",
    "uve_selection",
    "uve_spa",
    "uve_spa_selection",
]

#: Standard deviations of coefficients up to this one count as none.
_NO_SPREAD = 1e-10
#: Added to the standard deviations of channels.
_TINY = 1e-10


def uve_selection(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    """Return how reliable the coefficient of each channel is, by PLS beside noise channels."""
    reliability, _ = uve_reliability(*check_inputs(X, y), n_components, cv_folds)
    return or_ones(reliability)


def get_uve_threshold(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    """Return the reliabilities, the largest one of noise × cutoff, and which channels exceed it."""
    reliability, noise = uve_reliability(*check_inputs(X, y), n_components, cv_folds)
    return above_noise(reliability, noise.max() * cutoff_multiplier)


def spa_selection(X, y, n_features, n_random_starts=10, cv_folds=5):
    """Return n_features for the first of the channels that are least correlated, … 1, else 0."""
    X, y = check_inputs(X, y)
    n_features = min(n_features, X.shape[1])
    channels = least_correlated(X, y, n_features)
    n_components = min(n_features, len(X) - 1, 10)
    with kernels.one_blas_thread():
        splits = _folds.in_order(len(X), cv_folds)
        score = _folds.mean_r2(X[:, channels], y, n_components, splits, beyond_rank=True)
    print(f"SPA: {n_features} of {X.shape[1]} channels, R² = {score:.4f} in cross-validation")
    if not np.isfinite(score):
        return np.ones(X.shape[1])
    return by_order(channels, X.shape[1])


def ipls_selection(X, y, n_intervals=20, n_components=None, cv_folds=5):
    """Return for each channel the R² of PLS on its interval of the spectrum, 0 where negative."""
    return interval_importances(X, y, n_intervals, n_components, cv_folds, beyond_rank=True)


def uve_spa(threshold_of: Callable, select: Callable) -> Callable:
    """Return the selection by one function among the survivors of another."""

    def uve_spa_selection(
        X,
        y,
        n_features,
        cutoff_multiplier=1.0,
        uve_n_components=None,
        uve_cv_folds=5,
        spa_n_random_starts=10,
        spa_cv_folds=5,
    ):
        """Return the importances of `spa_selection` among the survivors of UVE, else 0."""
        _, threshold, kept = threshold_of(X, y, cutoff_multiplier, uve_n_components, uve_cv_folds)
        n_kept = int(kept.sum())
        print(f"UVE: {n_kept} of {len(kept)} channels kept, threshold {threshold:.4f}")
        importances = np.zeros(len(kept))
        importances[kept] = select(
            np.asarray(X)[:, kept], y, min(n_features, n_kept), spa_n_random_starts, spa_cv_folds
        )
        return importances

    return uve_spa_selection


uve_spa_selection = uve_spa(get_uve_threshold, spa_selection)


def uve_reliability(
    X: np.ndarray, y: np.ndarray, n_components: int | None, cv_folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean(|b|) / sd(b) of the channels of X and of as many noise channels, (p,) each.

    The noise comes from NumPy's global generator, so that ``np.random.seed`` fixes it.
    """
    n, p = X.shape
    noise = np.random.randn(n, p)  # noqa: NPY002 - the application's generator
    coef = _folds.coefficients(
        np.hstack([X, noise]), y, uve_components(n_components, X), _folds.shuffled(n, cv_folds)
    )
    sd = coef.std(axis=0)
    varies = sd > _NO_SPREAD
    reliability = np.divide(np.abs(coef).mean(axis=0), sd, out=np.zeros_like(sd), where=varies)
    return reliability[:p], reliability[p:]


def uve_components(n_components: int | None, X: np.ndarray) -> int:
    """Return the number of components of the models with noise channels."""
    if n_components is None:
        n_components = min(10, X.shape[1] // 2, len(X) // 2)
    return max(1, n_components)


def above_noise(reliability: np.ndarray, threshold: float) -> tuple[np.ndarray, float, np.ndarray]:
    """Return both, and which channels exceed the threshold: all of them, if none does."""
    kept = reliability > threshold
    return reliability, threshold, kept if kept.any() else np.ones_like(kept)


def least_correlated(X: np.ndarray, y: np.ndarray, n_features: int) -> np.ndarray:
    """Return a chain of channels, each least correlated with all before it.

    The first one correlates best with y; each other one has the least sum of squared
    correlations with those before it, of equal ones it is the lowest. So the first k channels
    of a longer chain are the chain of length k.

    Parameters
    ----------
    X : (n, p) float
    y : (n,) float
    n_features : int
        Length of the chain, from 1 to p.

    Returns
    -------
    channels : (n_features,) int
    """
    n, p = X.shape
    Z = (X - X.mean(axis=0)) / (X.std(axis=0) + _TINY)
    chain = [int(np.argmax(np.abs(Z.T @ ((y - y.mean()) / (y.std() + _TINY)))))]
    projections = np.zeros(p, dtype=Z.dtype)
    while len(chain) < n_features:
        projections += (Z.T @ np.ascontiguousarray(Z[:, chain[-1]]) / n) ** 2
        projections[chain] = np.inf
        chain.append(_least(projections, Z, chain))
    return np.array(chain)


def _least(projections: np.ndarray, Z: np.ndarray, chain: list[int]) -> int:
    """Return the lowest of the channels with the least projection on the chain.

    Equal channels tie, and constant ones hold nothing but rounding errors: where the sums
    leave the choice open, the application's formula decides.
    """
    n = len(Z)
    least = projections.min()
    rounding = len(chain) * n * np.finfo(Z.dtype).eps
    ties = np.flatnonzero(projections <= least + rounding * (least + 2 * least**0.5 + rounding))
    if len(ties) == 1:
        return int(ties[0])
    chosen = Z[:, chain]
    return int(ties[np.argmin([np.sum((Z[:, j] @ chosen / n) ** 2) for j in ties])])


def interval_importances(
    X: np.ndarray,
    y: np.ndarray,
    n_intervals: int,
    n_components: int | None,
    cv_folds: int,
    *,
    beyond_rank: bool,
) -> np.ndarray:
    """Do as `ipls_selection` does."""
    X, y = check_inputs(X, y)
    edges, scores = interval_scores(
        X, y, n_intervals, n_components, cv_folds, beyond_rank=beyond_rank
    )
    best = scores.argmax()
    print(
        f"iPLS: {len(scores)} intervals, best one channels {edges[best]}-{edges[best + 1]}, "
        f"R² = {scores[best]:.4f}"
    )
    return or_ones(np.repeat(scores, np.diff(edges)))


def interval_scores(
    X: np.ndarray,
    y: np.ndarray,
    n_intervals: int,
    n_components: int | None,
    cv_folds: int,
    *,
    beyond_rank: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of equal intervals, (n_intervals + 1,), and the R² ≥ 0 of each.

    The last interval takes the channels that are left over.
    """
    n, p = X.shape
    n_intervals = max(1, min(n_intervals, p))
    edges = np.append(np.arange(n_intervals) * (p // n_intervals), p)
    splits = _folds.in_order(n, cv_folds)
    scores = np.zeros(n_intervals)
    with kernels.one_blas_thread():
        for k, (first, end) in enumerate(itertools.pairwise(edges)):
            size = int(end - first)
            most = min(size // 2, n // 2, 10) if n_components is None else n_components
            wanted = max(1, min(most, size, n - 1))
            score = _folds.mean_r2(X[:, first:end], y, wanted, splits, beyond_rank=beyond_rank)
            scores[k] = max(0.0, score)  # 0 for NaN, too
    return edges, scores


def by_order(channels: np.ndarray, n_channels: int) -> np.ndarray:
    """Return the number of chosen channels for the first one, … 1 for the last, and else 0."""
    importances = np.zeros(n_channels)
    importances[channels] = np.arange(len(channels), 0, -1)
    return importances


def or_ones(importances: np.ndarray) -> np.ndarray:
    """Return ones in the place of nothing but zeros, which say nothing."""
    return importances if importances.any() else np.ones_like(importances)
