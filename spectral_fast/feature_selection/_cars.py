"""Competitive adaptive reweighted sampling (CARS)."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from spectral_fast import kernels
from spectral_fast._validation import check_sample_weight
from spectral_fast.feature_selection._base import ChannelSelector
from spectral_fast.feature_selection._scores import path_grams
from spectral_fast.feature_selection._subsets import (
    CrossValidatedPLS,
    coefficient_sizes,
    first_least,
)

__all__ = ["CARS"]


class CARS(ChannelSelector):
    """Competitive adaptive reweighted sampling: the fittest channels survive.

    In each of `n_runs` runs a PLS model of the channels still alive is fitted to a
    random share of the samples, and the sizes of its coefficients are the channels'
    weights. A number of channels that falls exponentially from run to run is kept, those
    of the largest weights; then channels are drawn from them, with replacement and with
    probabilities that are their weights, and those never drawn die. The survivors of
    each run are cross-validated, and those with the least error are selected.

    Parameters
    ----------
    max_components : int, default=10
        Number of latent variables of the runs' models, and the largest one in the
        cross-validation. No model has more than channels, nor than training samples
        less one.
    n_runs : int, default=50
        Number of runs, at least 2.
    train_size : float, default=0.8
        Share of the samples that a run draws, without replacement, rounded to at least
        2 samples.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Must hold out every sample once. An int is a number of folds, from 2 to
        n_samples, of samples shuffled by `random_state`. The same folds serve all runs.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`, and of the runs.

    Attributes
    ----------
    run_sizes_ : ndarray of shape (n_runs,)
        Number of channels alive after each run.
    run_rmsecv_ : ndarray of shape (n_runs,)
        RMSECV of the channels alive after each run.
    sizes_ : ndarray of shape (n_sizes,)
        The numbers of channels in `run_sizes_`, ascending.
    rmsecv_ : ndarray of shape (n_sizes,)
        RMSECV with so many channels.
    n_components_ : int
        Number of components of the selected channels.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Number of runs that a channel survived.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the best channel, 2 for the second, and so on.
    n_features_ : int
        Number of selected channels.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Notes
    -----
    Of the p channels, run i = 1, …, N keeps a e⁻ᵏⁱ p, rounded, with
    a = (p/2)^(1/(N-1)) and k = ln(p/2) / (N-1): all in the first run, two in the last.
    Then p channels are drawn. A run's survivors are among those of the run before, so
    ``subset(k)``, for each k in `sizes_`, gives the survivors of a run.

    RMSECV is the least over the numbers of components, pooled over the samples, in the
    unit of y. For several targets it is relative: √(mean over the targets of MSE /
    variance of y); the weights then are √(Σ (b / s)²) over the coefficients b and the
    standard deviations s of the targets. Errors that differ by less than a part in 10⁹,
    which is rounding, are equal; of equal ones, the fewest channels win.

    *Differs from the paper*: in nothing that it states. It leaves open how many channels
    are drawn; p is what the authors' program (libPLS 1.98, ``originalVersion=1``) draws.
    That program scores the channels that go into a run, not its survivors, and its
    exponential function is one run ahead.

    References
    ----------
    Li, H., Liang, Y., Xu, Q. & Cao, D. (2009). Key wavelengths screening using
    competitive adaptive reweighted sampling method for multivariate calibration.
    Analytica Chimica Acta 648, 77-84. https://doi.org/10.1016/j.aca.2009.06.046

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import CARS
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> cars = CARS().fit(X, octane)
    >>> cars.n_features_
    26
    >>> print(f"{cars.rmsecv_.min():.3f}")
    0.168
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "n_runs": [Interval(Integral, 2, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="right")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        max_components: int = 10,
        *,
        n_runs: int = 50,
        train_size: float = 0.8,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.max_components = max_components
        self.n_runs = n_runs
        self.train_size = train_size
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Let the channels compete and select the best survivors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples in the models and in RMSECV. A run draws
            from those of positive weight, whatever it is.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X, y or weights hold NaN or infinity, or `cv` does not hold out every sample once.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        random_state = check_random_state(self.random_state)
        splits = self._splits(X, Y, groups, random_state=random_state)
        pls = CrossValidatedPLS(X, Y, splits, self.max_components, sample_weight)
        with kernels.one_blas_thread():
            survived = self._compete(X, Y, sample_weight, random_state)
            self.run_sizes_ = np.array([(survived > i).sum() for i in range(self.n_runs)])
            self.sizes_, run = np.unique(self.run_sizes_, return_inverse=True)
            order = np.argsort(-survived, kind="stable")
            grams = path_grams(X, order, self.sizes_)
            scores = [
                pls.score(order[:size], K) for size, K in zip(self.sizes_, grams, strict=True)
            ]
        self.rmsecv_ = np.array([score.rmsecv for score in scores])
        self.run_rmsecv_ = self.rmsecv_[run]
        best = first_least(self.rmsecv_)
        self.n_components_ = scores[best].n_components
        self._set(X, order[: self.sizes_[best]], survived.astype(np.float64))
        return self

    def _compete(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        sample_weight: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> np.ndarray:
        """Return the number of runs that each channel survives."""
        p = X.shape[1]
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        used = np.flatnonzero(weights)
        n_drawn = max(2, round(self.train_size * len(used)))
        survived = np.zeros(p, dtype=np.int64)
        alive = np.arange(p)
        for n_kept in _numbers_kept(p, self.n_runs):
            rows = random_state.permutation(used)[:n_drawn]
            sizes = coefficient_sizes(
                X[np.ix_(rows, alive)], Y[rows], self.max_components, weights[rows]
            )
            kept = np.argsort(-sizes, kind="stable")[:n_kept]
            alive = alive[_draw(sizes, kept, p, random_state)]
            survived[alive] += 1
        return survived


def _numbers_kept(p: int, n_runs: int) -> np.ndarray:
    """Return how many of `p` channels each run keeps by the exponentially decreasing function."""
    k = np.log(p / 2) / (n_runs - 1)
    a = (p / 2) ** (1 / (n_runs - 1))
    kept = a * np.exp(-k * np.arange(1, n_runs + 1)) * p
    return np.floor(kept + 0.5).astype(np.int64)


def _draw(
    weights: np.ndarray, kept: np.ndarray, n_draws: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return which of the kept channels `n_draws` draws by weight bring up, ascending."""
    weights = weights[kept]
    total = weights.sum()
    probabilities = weights / total if total > 0 else None  # equal ones, where y does not vary
    return np.unique(random_state.choice(kept, n_draws, p=probabilities))
