"""Random frog: how often a random walk through subsets of channels visits each of them."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from spectral_fast import kernels
from spectral_fast._validation import check_sample_weight
from spectral_fast.feature_selection._base import ChannelSelector
from spectral_fast.feature_selection._subsets import (
    CrossValidatedPLS,
    coefficient_sizes,
    least_by_size,
)

__all__ = ["RandomFrog"]


class RandomFrog(ChannelSelector):
    """Selection of the channels that a random walk through subsets visits most often.

    The walk starts with `n_initial` random channels. Each step proposes a subset of
    another, random size: it drops the channels with the smallest PLS coefficients, or
    adds random ones and keeps those with the largest. The proposal is accepted if its
    cross-validated error is not larger, and else with a small probability. A channel's
    score is the share of the steps after which it was in the subset.

    Parameters
    ----------
    max_components : int, default=10
        Number of latent variables of the models whose coefficients are compared, and
        the largest one in the cross-validation. No model has more than channels, nor
        than training samples less one.
    n_iterations : int, default=1000
        Number of steps. The scores of two seeds agree where there are enough; the
        paper takes 10,000.
    n_initial : int, default=None
        Number of channels at the start, at most n_features; None means 50, or n_features
        where that is less.
    n_features_to_select : int, default=10
        Number of channels to select, at most n_features: those of the highest scores.
    theta : float, default=0.3
        Standard deviation of a proposed size, relative to the present one.
    omega : float, default=3
        For each channel to add, so many random ones compete; at least 1.
    eta : float, default=0.1
        Largest probability of accepting a larger error, from 0 to 1.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Must hold out every sample once. An int is a number of folds, from 2 to
        n_samples, of samples shuffled by `random_state`. The same folds serve all steps.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`, and of the walk.

    Attributes
    ----------
    iteration_sizes_ : ndarray of shape (n_iterations,)
        Number of channels in the subset after each step.
    iteration_rmsecv_ : ndarray of shape (n_iterations,)
        RMSECV of the subset after each step.
    sizes_ : ndarray of shape (n_sizes,)
        The numbers of channels in `iteration_sizes_`, ascending.
    rmsecv_ : ndarray of shape (n_sizes,)
        Least RMSECV of the subsets with so many channels.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Selection probability: the share of the steps after which a channel was in the
        subset.
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
    With Q channels in the subset, a step draws the size Q* of the proposal from the
    normal distribution with mean Q and standard deviation θ Q, rounded, from 2 to
    n_features. Where Q* < Q, the Q* channels with the largest coefficients stay; where
    Q* > Q, ω (Q* - Q) random channels come in, a model of all of them is fitted, and the
    Q* channels with the largest coefficients stay. An RMSECV that is larger than the one
    before is accepted with the probability η RMSECV / RMSECV*.

    RMSECV is the least over the numbers of components, pooled over the samples and
    weighted by their weights, in the unit of y. For several targets it is relative:
    √(mean over the targets of MSE / variance of y); coefficients b are compared by
    √(Σ (b / s)²) over the targets, s being their standard deviations.

    *Differs from the paper*: it classifies, with PLS-LDA and misclassification
    rates; coefficients and RMSECV of PLS take their place, as in the authors' program
    for regression (libPLS 1.98), which also has the least size of 2.

    References
    ----------
    Li, H.-D., Xu, Q.-S. & Liang, Y.-Z. (2012). Random frog: an efficient reversible jump
    Markov Chain Monte Carlo-like approach for variable selection with applications to
    gene selection and disease classification. Analytica Chimica Acta 740, 20-26.
    https://doi.org/10.1016/j.aca.2012.06.031

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import RandomFrog
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> frog = RandomFrog(5, n_iterations=100).fit(X, octane)
    >>> frog.get_support(indices=True)
    array([122, 147, 155, 164, 171, 172, 229, 236, 247, 249])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "n_iterations": [Interval(Integral, 1, None, closed="left")],
        "n_initial": [Interval(Integral, 1, None, closed="left"), None],
        "n_features_to_select": [Interval(Integral, 1, None, closed="left")],
        "theta": [Interval(Real, 0, None, closed="neither")],
        "omega": [Interval(Real, 1, None, closed="left")],
        "eta": [Interval(Real, 0, 1, closed="both")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        max_components: int = 10,
        *,
        n_iterations: int = 1000,
        n_initial: int | None = None,
        n_features_to_select: int = 10,
        theta: float = 0.3,
        omega: float = 3,
        eta: float = 0.1,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.max_components = max_components
        self.n_iterations = n_iterations
        self.n_initial = n_initial
        self.n_features_to_select = n_features_to_select
        self.theta = theta
        self.omega = omega
        self.eta = eta
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Walk through subsets of the channels and select those visited most often.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: a weight of 2 counts as two equal samples.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X, y or weights hold NaN or infinity, more channels are asked for than
            there are, or `cv` does not hold out every sample once.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        n_initial = min(50, X.shape[1]) if self.n_initial is None else self.n_initial
        self._check_count("n_initial", n_initial)
        self._check_count("n_features_to_select", self.n_features_to_select)
        random_state = check_random_state(self.random_state)
        splits = self._splits(X, Y, groups, random_state=random_state)
        pls = CrossValidatedPLS(X, Y, splits, self.max_components, sample_weight)
        with kernels.one_blas_thread():
            visits = self._walk(pls, n_initial, random_state)
        self.sizes_, self.rmsecv_ = least_by_size(self.iteration_sizes_, self.iteration_rmsecv_)
        best = np.argsort(-visits, kind="stable")[: self.n_features_to_select]
        self._set(X, best, visits / self.n_iterations)
        return self

    def _walk(
        self, pls: CrossValidatedPLS, n_initial: int, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Set what happened in each step; return how often each channel was in the subset."""
        p = pls.X.shape[1]
        visits = np.zeros(p)
        self.iteration_sizes_ = np.empty(self.n_iterations, dtype=np.int64)
        self.iteration_rmsecv_ = np.empty(self.n_iterations)
        subset = np.sort(random_state.permutation(p)[:n_initial])
        error = pls.score(subset).rmsecv
        for i in range(self.n_iterations):
            proposal = self._propose(pls, subset, random_state)
            proposed_error = error if proposal is subset else pls.score(proposal).rmsecv
            chance = random_state.uniform()
            if proposed_error <= error or chance < self.eta * error / proposed_error:
                subset, error = proposal, proposed_error
            visits[subset] += 1
            self.iteration_sizes_[i] = len(subset)
            self.iteration_rmsecv_[i] = error
        return visits

    def _propose(
        self, pls: CrossValidatedPLS, subset: np.ndarray, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Return a subset of a random size, ascending."""
        p, present = pls.X.shape[1], len(subset)
        size = random_state.normal(present, self.theta * present)
        size = int(np.clip(size + 0.5, min(2, p), p))
        if size == present:
            return subset
        if size > present:
            others = np.setdiff1d(np.arange(p), subset)
            added = random_state.permutation(others)[: int(self.omega * (size - present))]
            subset = np.sort(np.concatenate([subset, added]))
        coefficients = coefficient_sizes(
            pls.X.take(subset, axis=1), pls.Y, self.max_components, pls.sample_weight
        )
        return np.sort(subset[np.argsort(-coefficients, kind="stable")[:size]])
