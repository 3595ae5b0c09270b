"""Elimination of channels whose regression coefficients are not stable."""

import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval, StrOptions

from spectral_fast import kernels
from spectral_fast._folds import random_training_sets, split
from spectral_fast._validation import check_sample_weight
from spectral_fast.cross_decomposition._solver import fit_blocks, fit_resamples
from spectral_fast.feature_selection._base import NOTHING_SELECTED, ChannelSelector

__all__ = ["MCUVE", "UVE"]

#: Numbers that the training sets worked on together may take: what fits a processor's cache.
_MOST_NUMBERS = 2**21


class UVE(ChannelSelector):
    """Uninformative variable elimination: channels more reliable than noise.

    Channels of noise are appended to X, PLS is fitted to the training set of every
    fold, and a channel is kept if its coefficient varies less between these models,
    beside its size, than those of the noise do.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of PLS, few of them (see Notes); no more are than there are
        channels, samples less one in the smallest training set, or components that all
        samples together give.
    cv : "loo", int, cross-validation splitter or iterable of splits, default="loo"
        The training sets: ``"loo"`` leaves out one sample at a time; an int is a
        number of folds of samples shuffled by `random_state`. They need not be a
        partition: a ``ShuffleSplit`` will do.
    noise : float, default=1e-10
        Size of the noise, relative to the root of the channels' mean variance. Small
        noise leaves the models as they are; with 1 and more it disturbs them.
    n_noise : int, default=None
        Number of noise channels; None means as many as X has.
    cutoff : "max" or float, default="max"
        What a channel must exceed: the most reliable noise channel, or the noise
        channel that this share of them, above 0 and up to 1, does not exceed.
    random_state : int, RandomState instance or None, default=0
        Seed of the noise, and of the folds for an int `cv`.

    Attributes
    ----------
    reliability_ : ndarray of shape (n_features_in_,) or (n_targets, n_features_in_)
        cⱼ of each channel, signed.
    noise_reliability_ : ndarray of shape (n_noise,) or (n_targets, n_noise)
        cⱼ of each noise channel.
    cutoff_ : float
        What the magnitude of cⱼ must exceed.
    n_components_ : int
        Latent variables of the models.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Magnitude of cⱼ, of several targets the largest.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the most reliable channel, 2 for the second, and so on.
    n_features_ : int
        Number of selected channels.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    See Also
    --------
    MCUVE : Resamples instead of folds, and the number of channels by cross-validation.
    UVESPA : Goes on with the successive projections algorithm.

    Notes
    -----
    With the coefficients bⱼ of all training sets, cⱼ = mean(bⱼ) / sd(bⱼ), the standard
    deviation with one degree of freedom less than there are sets. Of several targets the
    one with the largest magnitude counts, for channels and noise alike. X is centred in
    each training set, and not scaled.

    Give few components: at most as many as have the least RMSECV in a PLS model of all
    channels, and rather as many as the samples have constituents. Others fit noise, and the
    coefficients of all channels vary with it: fewer informative channels are kept.

    The noise is uniform between 0 and `noise` times the root of the channels' mean
    variance.

    *Differs from the paper*: the size of the noise is relative to that of X, so that the
    unit of X does not matter; other training sets than leave-one-out, other cutoffs than
    the largest and several targets are possible.

    References
    ----------
    Centner, V., Massart, D. L., de Noord, O. E., de Jong, S., Vandeginste, B. M. &
    Sterna, C. (1996). Elimination of uninformative variables for multivariate
    calibration. Analytical Chemistry 68, 3851-3858. https://doi.org/10.1021/ac960321m

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import UVE
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> uve = UVE(n_components=3).fit(X, octane)
    >>> uve.transform(X).shape
    (60, 111)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "cv": [StrOptions({"loo"}), "cv_object"],
        "noise": [Interval(Real, 0, None, closed="neither")],
        "n_noise": [Interval(Integral, 1, None, closed="left"), None],
        "cutoff": [StrOptions({"max"}), Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 5,
        *,
        cv: Any = "loo",
        noise: float = 1e-10,
        n_noise: int | None = None,
        cutoff: Any = "max",
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.cv = cv
        self.noise = noise
        self.n_noise = n_noise
        self.cutoff = cutoff
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Select channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples in the models.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, `cv` gives fewer than two folds, or one of
            them fewer than two samples of positive weight to train on.

        Warns
        -----
        UserWarning
            If no channel exceeds the cutoff. None is selected then.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        sets = self._training_sets(X, Y, groups)
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        n_components = _n_components(self.n_components, X, sets, weights)
        # Beyond what X gives, the models would describe the noise.
        with kernels.one_blas_thread():
            _, n_found = fit_resamples(X, Y, weights[np.newaxis], n_components)
        self.n_components_ = max(1, int(n_found[0]))

        n, p = X.shape
        noise = check_random_state(self.random_state).random_sample((n, self.n_noise or p))
        noise *= self.noise * np.sqrt(X.var(axis=0).mean())
        c = _reliability(np.hstack([X, noise]), Y, sets, weights, self.n_components_)
        self.reliability_, self.noise_reliability_ = np.split(_as_targets(c), [p], axis=-1)
        strengths = _strengths(c)
        share = 1.0 if self.cutoff == "max" else self.cutoff
        self.cutoff_ = float(np.quantile(strengths[p:], share, method="inverted_cdf"))
        scores = strengths[:p]
        selected = scores > self.cutoff_
        if not selected.any():
            warnings.warn(nothing_selected(self, scores), stacklevel=3)  # beyond the decorator
        self._set(X, selected, scores)
        return self

    def _training_sets(self, X: np.ndarray, Y: np.ndarray, groups: Any) -> Any:
        """Return how often each training set holds each sample."""
        if isinstance(self.cv, str):
            return _LeaveOneOut(len(X))
        splits = split(self.cv, X, Y, groups, self.random_state)
        if len(splits) < 2:
            raise ValueError(
                "`cv` must give at least 2 folds, since coefficients are compared between them; "
                f'got {len(splits)}. Use "loo" or more folds.'
            )
        return np.stack([np.bincount(train, minlength=len(X)) for train, _ in splits])


class MCUVE(ChannelSelector):
    """Monte-Carlo uninformative variable elimination.

    PLS is fitted to many random parts of the samples; channels rank by how little their
    coefficient varies between these models, beside its size.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of PLS, few of them (see Notes); no more are than there are
        channels, or samples less one in a training set.
    n_resamples : int, default=500
        Number of random training sets, from 2 up. More of them leave the first ones as
        they are.
    train_size : float, default=0.75
        Share of the samples in each of them, drawn without replacement.
    n_features_to_select : int or "cv", default="cv"
        Number of channels kept; ``"cv"`` takes the one with the least RMSECV of PLS, of
        equal ones the fewest.
    cv : int, cross-validation splitter or iterable of splits, default=5
        For ``n_features_to_select="cv"``; must hold out every sample once. An int is a
        number of folds of samples shuffled by `random_state`.
    random_state : int, RandomState instance or None, default=0
        Seed of the training sets, and of the folds for an int `cv`.

    Attributes
    ----------
    reliability_ : ndarray of shape (n_features_in_,) or (n_targets, n_features_in_)
        cⱼ of each channel, signed.
    n_components_ : int
        Latent variables of the models.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that were cross-validated, ascending; at most 30 from 1 to
        all. Only with ``"cv"``.
    rmsecv_ : ndarray of shape (n_sizes,)
        RMSECV over all samples with so many channels, in the unit of y; of several
        targets, the root of the mean of their squares, each divided by its target's
        variance. Only with ``"cv"``.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Magnitude of cⱼ, of several targets the largest.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the most reliable channel, 2 for the second, and so on.
    n_features_ : int
        Number of selected channels.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    See Also
    --------
    UVE : Folds instead of resamples, and a comparison with noise.

    Notes
    -----
    cⱼ = mean(bⱼ) / sd(bⱼ) over the training sets, the standard deviation with one degree
    of freedom less than there are sets. X is centred in each of them, and not scaled.

    Give few components: at most as many as have the least RMSECV in a PLS model of all
    channels, and rather as many as the samples have constituents. Others fit noise, and more
    channels of noise are among the best.

    The ranking comes from all samples, so the RMSECV of the number picked is
    optimistic.

    *Differs from the paper*: the number of channels is taken from a geometric grid of at
    most 30, by cross-validation of PLS.

    References
    ----------
    Cai, W., Li, Y. & Shao, X. (2008). A variable selection method based on uninformative
    variable elimination for multivariate calibration of near-infrared spectra.
    Chemometrics and Intelligent Laboratory Systems 90, 188-194.
    https://doi.org/10.1016/j.chemolab.2007.10.001

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import MCUVE
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> mcuve = MCUVE(n_components=3, n_resamples=100).fit(X, octane)
    >>> mcuve.n_features_
    27
    >>> mcuve.rmsecv_[[mcuve.rmsecv_.argmin(), -1]].round(3)  # and that of all channels
    array([0.225, 0.259])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_resamples": [Interval(Integral, 2, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="neither")],
        "n_features_to_select": [StrOptions({"cv"}), Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 5,
        *,
        n_resamples: int = 500,
        train_size: float = 0.75,
        n_features_to_select: Any = "cv",
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.n_resamples = n_resamples
        self.train_size = train_size
        self.n_features_to_select = n_features_to_select
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Select channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples in the models, and of their errors in the
            RMSECV. They have no part in the draws.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter `cv`, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, there are fewer channels than
            `n_features_to_select` or fewer samples than folds, or a training set has
            fewer than two samples of positive weight, or all samples.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        by_cv = isinstance(self.n_features_to_select, str)
        if not by_cv:
            self._check_count("n_features_to_select", self.n_features_to_select)

        sets = random_training_sets(len(X), self.n_resamples, self.train_size, self.random_state)
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        self.n_components_ = _n_components(self.n_components, X, sets, weights)
        c = _reliability(X, Y, sets, weights, self.n_components_)
        self.reliability_ = _as_targets(c)
        scores = _strengths(c)
        order = np.argsort(-scores, kind="stable")

        n_features = self.n_features_to_select
        if by_cv:
            n_features = self._best_size(X, Y, order, groups, sample_weight)
        self._set(X, order[:n_features], scores)
        return self


def nothing_selected(uve: UVE, scores: np.ndarray) -> str:
    """Return what to say where none of the `scores` exceeds the cutoff."""
    return (
        f"{NOTHING_SELECTED}: the largest |mean / sd| of a channel's coefficients is "
        f"{scores.max():.3g}, and that of the noise, the cutoff, {uve.cutoff_:.3g}. "
        "Lower `cutoff`, change `n_components`, or check that X has to do with y."
    )


class _LeaveOneOut:
    """The training sets that leave out one of `n` samples each, made where they are asked for.

    All of them together would be as large as the square of the samples.
    """

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, part: slice) -> np.ndarray:
        left_out = np.arange(self.n)[part]
        sets = np.ones((len(left_out), self.n))
        sets[np.arange(len(left_out)), left_out] = 0.0
        return sets


#: How often each training set, a row, holds each sample.
TrainingSets = np.ndarray | _LeaveOneOut


def _blocks(sets: TrainingSets, numbers: int) -> Iterator[slice]:
    """Return parts of the training sets, `numbers` being how many numbers each of them takes."""
    return gen_batches(len(sets), max(32, _MOST_NUMBERS // numbers))


def _n_components(wanted: int, X: np.ndarray, sets: TrainingSets, weights: np.ndarray) -> int:
    """Return how many components all training sets have room for."""
    counted = weights > 0
    smallest = min(
        int(np.count_nonzero(sets[part][:, counted], axis=1).min())
        for part in _blocks(sets, len(X))
    )
    return max(1, min(wanted, X.shape[1], smallest - 1))


def _reliability(
    X: np.ndarray, Y: np.ndarray, sets: TrainingSets, weights: np.ndarray, n_components: int
) -> np.ndarray:
    """Return mean over standard deviation of PLS coefficients, (n_targets, n_features)."""
    (n, p), m = X.shape, Y.shape[1]
    parts = _blocks(sets, 4 * n + min(n, p) * (5 * m + 2 * n_components) + m * p)
    blocks = (sets[part] * weights for part in parts)
    with kernels.one_blas_thread():
        coef = fit_blocks(X, Y, weights, blocks, len(sets), n_components)
        c = kernels.coefficient_reliability(each.reshape(len(each), -1) for each in coef)
    return c.reshape(m, p)


def _strengths(reliability: np.ndarray) -> np.ndarray:
    """Return how reliable each channel is to the target that it is most reliable to."""
    return np.abs(reliability).max(axis=0)


def _as_targets(reliability: np.ndarray) -> np.ndarray:
    """Return the row of a single target, or the rows of several."""
    return reliability[0] if len(reliability) == 1 else reliability
