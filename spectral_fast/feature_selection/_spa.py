"""Selection of channels by the successive projections algorithm."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import f as f_distribution
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spectral_fast import kernels
from spectral_fast._folds import Splits
from spectral_fast.feature_selection._base import ChannelSelector, is_count
from spectral_fast.feature_selection._scores import pooled_rmse, target_scales
from spectral_fast.feature_selection._subsets import CrossValidatedPLS

__all__ = ["SPA", "check_starts", "size_range"]

_EPS = np.finfo(np.float64).eps

#: Most channels by default.
_MOST = 30

#: RMSECV are equal that differ by no more than this part of the lesser one, or of the
#: spread of y: one set of channels reached in two orders differs by rounding.
_EQUAL = 1e-8
_EQUAL_OF_SPREAD = 1e-10


class SPA(ChannelSelector):
    """Successive projections algorithm: channels that are least collinear and predict best.

    From every start a chain of channels grows, each one the channel that has most left once
    its projection onto those before it is removed. Every chain is cross-validated with
    1, 2, … channels, the best set of all is kept, and channels that it can do without are
    eliminated.

    Parameters
    ----------
    n_features_to_select : int, tuple (least, most) or None, default=None
        Number of channels, or range of the numbers that are compared, from 1 to
        min(n_features, samples in the smallest training set less one). None means from
        1 to 30, or as many fewer as there are channels, or samples in the smallest
        training set less two.
    starts : "all", int or array-like of int, default="all"
        Channels, counted from 0, at which chains start.
    regression : {"mlr", "pls"}, default="mlr"
        What predicts y from a set of channels: multiple linear regression, all sets
        from one factorisation for each chain; or PLS with up to `max_components`
        components, the number with the least RMSECV, which costs a
        cross-validation of PLS for each set: seconds for 1,000 sets, so give few starts.
    max_components : int, default=10
        Largest number of latent variables of ``regression="pls"``. No model has more than
        channels, nor than the smallest training set has samples less one.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Must hold out every sample once. An int is a number of folds, from 2 to
        n_samples, of samples shuffled by `random_state`. None means 5.
    elimination : bool, default=True
        Whether channels of little relevance are eliminated from the best set, down to
        the least number asked for; an int `n_features_to_select` leaves none to
        eliminate.
    alpha : float, default=0.25
        Significance level of the F-test of the elimination, above 0 and up to 0.5. A
        smaller one eliminates more.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`.

    Attributes
    ----------
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that were compared, ascending.
    rmsecv_ : ndarray of shape (n_sizes,)
        Least RMSECV over the starts with so many channels, in the unit of y; of several
        targets, the root of the mean of their squares, each divided by its target's
        variance.
    subsets_ : list of n_sizes ndarrays
        For each of `sizes_` the channels with that RMSECV, in the order of their chain.
    start_ : int
        Where the chain of the best set starts.
    chain_ : ndarray of shape (n_channels,)
        That chain, up to the largest size.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Relevance of the channels of the best set, 0 elsewhere.
    ranking_ : ndarray of shape (n_features_in_,)
        The selected channels by relevance from 1 up, the eliminated ones next, then all
        others with one rank.
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
    UVESPA : Eliminates uninformative channels first.

    Notes
    -----
    With the columns xⱼ of X mean-centred on all samples and the channels S of a chain, the
    next one is the j with the largest ‖(I - P) xⱼ‖, P projecting onto the span of S;
    of equal ones (to 1e-10 of the square) the lowest channel. Of sets with equal RMSECV (to
    a relative 1e-8, or 1e-10 of the standard deviation of y) the one of fewer channels,
    then of the lowest start, is best.

    The relevance of a channel is |bⱼ| sd(xⱼ), with the coefficient bⱼ of the multiple
    linear regression on all samples; of several targets the mean of those divided by
    the targets' standard deviations. Channels are added by descending relevance, and the
    fewest with PRESS ≤ PRESS_min F(1 - alpha; n, n) are kept: those whose error is not
    significantly larger than the least.

    Needs 8 n_features² bytes.

    *Differs from the papers*: PRESS is that of the folds, where the papers take a
    separate validation set, or the authors' program leave-one-out. No more than 30 channels
    are compared by default. A chain ends at the rank of X.

    References
    ----------
    Araújo, M. C. U., Saldanha, T. C. B., Galvão, R. K. H., Yoneyama, T., Chame, H. C. &
    Visani, V. (2001). The successive projections algorithm for variable selection in
    spectroscopic multicomponent analysis. Chemometrics and Intelligent Laboratory
    Systems 57, 65-73. https://doi.org/10.1016/S0169-7439(01)00119-8

    Galvão, R. K. H., Araújo, M. C. U., Fragoso, W. D., Silva, E. C., José, G. E., Soares,
    S. F. C. & Paiva, H. M. (2008). A variable elimination method to improve the parsimony
    of MLR models using the successive projections algorithm. Chemometrics and Intelligent
    Laboratory Systems 92, 83-91. https://doi.org/10.1016/j.chemolab.2007.12.004

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import SPA
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> spa = SPA().fit(X, octane)
    >>> spa.get_support(indices=True)
    array([153, 199, 384, 394, 395, 397, 399])
    >>> spa.subset(9)  # before elimination
    array([199, 384, 396, 397, 395, 394, 398, 153, 399])
    >>> spa.rmsecv_.min().round(3)
    np.float64(0.258)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_features_to_select": [Interval(Integral, 1, None, closed="left"), tuple, None],
        "starts": [StrOptions({"all"}), Interval(Integral, 0, None, closed="left"), "array-like"],
        "regression": [StrOptions({"mlr", "pls"})],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "elimination": ["boolean"],
        "alpha": [Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_features_to_select: Any = None,
        *,
        starts: Any = "all",
        regression: str = "mlr",
        max_components: int = 10,
        cv: Any = 5,
        elimination: bool = True,
        alpha: float = 0.25,
        random_state: Any = 0,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.starts = starts
        self.regression = regression
        self.max_components = max_components
        self.cv = cv
        self.elimination = elimination
        self.alpha = alpha
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Select channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, `cv` does not hold out every sample once, or
            the data do not give as many channels as are asked for at least.

        Warns
        -----
        UserWarning
            If no chain is as long as the largest number of channels, in one of the training
            sets at least: the numbers beyond are left out.
        """
        X, Y = self._validate(X, y)
        splits = self._splits(X, Y, groups)
        least, most = self._range(splits)
        starts = check_starts(self.starts, X.shape[1])

        centred = _centred(X)
        chains, lengths = kernels.spa_chains(centred, kernels.covariance(centred), starts, most)
        sizes = np.arange(least, most + 1)
        rmsecv = self._rmsecv(centred, Y, splits, chains, sizes)
        self.sizes_ = sizes[: _n_reached(np.isfinite(rmsecv).any(axis=0), sizes, lengths.max())]
        rmsecv = rmsecv[:, : len(self.sizes_)]
        self.rmsecv_ = rmsecv.min(axis=0)
        best_starts = _is_least(rmsecv, self.rmsecv_, Y).argmax(axis=0)
        self.subsets_ = [chains[s, :k] for s, k in zip(best_starts, self.sizes_, strict=True)]
        best = _is_least(self.rmsecv_, self.rmsecv_.min(), Y).argmax()
        chain = chains[best_starts[best], : self.sizes_[-1]]
        self.start_ = int(chain[0])
        self.chain_ = chain[chain >= 0]

        channels, scores = _by_relevance(centred, Y, self.subsets_[best])
        ranking = np.full(X.shape[1], len(channels) + 1)
        ranking[channels] = np.arange(1, len(channels) + 1)
        n_kept = len(channels)
        if self.elimination:
            n_kept = max(least, self._n_relevant(centred, Y, splits, channels))
        self._set(X, channels[:n_kept], scores, ranking)
        return self

    def subset(self, n_features: int) -> np.ndarray:
        """Return the best set of a number of channels, before any elimination.

        Parameters
        ----------
        n_features : int
            One of `sizes_`.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels, in the order of their chain.

        Raises
        ------
        ValueError
            If sets of that size were not compared.
        """
        check_is_fitted(self)
        if not is_count(n_features, self.n_features_in_) or n_features not in self.sizes_:
            raise ValueError(
                f"`n_features` must be an integer from {self.sizes_[0]} to {self.sizes_[-1]}, the "
                f"sizes that were compared; got {n_features}. Set `n_features_to_select` to a "
                "range that holds it, and fit."
            )
        return self.subsets_[n_features - self.sizes_[0]]

    def _range(self, splits: Splits) -> tuple[int, int]:
        """Return the least and the largest number of channels to compare."""
        p = self.n_features_in_
        smallest = min(np.unique(train).size for train, _ in splits)
        limit = min(p, smallest - 1)
        if limit < 1:
            raise ValueError(
                "`cv` must leave at least two samples in each training set; got one of "
                f"{smallest}. Hold out fewer samples, or add some."
            )
        wanted = self.n_features_to_select
        if wanted is None:
            return 1, max(1, min(p, smallest - 2, _MOST))
        sizes = size_range(wanted)
        if sizes[1] > limit:
            raise ValueError(
                f"`n_features_to_select` must be at most {limit}, as n_features={p} and the "
                f"smallest training set has {smallest} samples, one of which a regression's "
                f"intercept takes; got {wanted}. Use {limit} or fewer, or add samples."
            )
        return sizes

    def _rmsecv(
        self, X: np.ndarray, Y: np.ndarray, splits: Splits, chains: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return the RMSECV of the first channels of each chain, (n_chains, n_sizes).

        Infinite where a chain ends before, or a training set is collinear.
        """
        if self.regression == "mlr":
            weights = np.stack([np.bincount(train, minlength=len(X)) for train, _ in splits])
            errors = kernels.spa_scores(
                X, Y - Y.mean(axis=0), chains, weights.astype(float), [test for _, test in splits]
            )
            return pooled_rmse(errors[:, sizes - 1, np.newaxis] / len(X), Y)
        pls = CrossValidatedPLS(X, Y, splits, self.max_components)
        rmsecv = np.full((len(chains), len(sizes)), np.inf)
        known: dict[bytes, float] = {}
        with kernels.one_blas_thread():
            for s, chain in enumerate(chains):
                for i, size in enumerate(sizes[sizes <= (chain >= 0).sum()]):
                    channels = np.sort(chain[:size])
                    key = channels.tobytes()
                    if key not in known:
                        known[key] = pls.score(channels).rmsecv
                    rmsecv[s, i] = known[key]
        return rmsecv

    def _n_relevant(
        self, X: np.ndarray, Y: np.ndarray, splits: Splits, channels: np.ndarray
    ) -> int:
        """Return the fewest of the first channels whose PRESS is not significantly larger."""
        rmsecv = self._rmsecv(X, Y, splits, channels[np.newaxis], np.arange(1, len(channels) + 1))
        ratio = f_distribution.ppf(1.0 - self.alpha, len(X), len(X))
        return int(_is_least(rmsecv[0], rmsecv.min() * np.sqrt(ratio), Y).argmax()) + 1


def check_starts(starts: Any, p: int) -> np.ndarray:
    """Return the channels to start at, ascending, of `p` channels."""
    if isinstance(starts, str):
        return np.arange(p)
    channels = np.unique(starts)
    if not (channels.size and channels.dtype.kind in "iu" and 0 <= channels[0] <= channels[-1] < p):
        raise ValueError(
            f"`starts` must be numbers of channels, from 0 to {p - 1}; got {starts!r}. "
            'Use "all", or at least one such number.'
        )
    return channels


def size_range(wanted: Any) -> tuple[int, int]:
    """Return the least and the largest number of channels that are wanted."""
    sizes = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    integers = all(isinstance(size, Integral) for size in sizes)
    if not (len(sizes) == 2 and integers and 1 <= sizes[0] <= sizes[1]):
        raise ValueError(
            "`n_features_to_select`, where it is a tuple, must hold two integers from 1 up, "
            f"the second not below the first; got {wanted}. Use (1, 20), say."
        )
    return sizes


def _centred(X: np.ndarray) -> np.ndarray:
    """Return X less its mean, columns that are constant within rounding being zero."""
    centred = X - X.mean(axis=0)
    rounding = len(X) * _EPS * np.linalg.norm(X, axis=0)
    centred[:, np.linalg.norm(centred, axis=0) <= rounding] = 0.0
    return centred


def _is_least(rmsecv: np.ndarray, least: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return which errors are as small as the least one, up to rounding."""
    spread = pooled_rmse((Y - Y.mean(axis=0)) ** 2, Y)
    return rmsecv <= least * (1.0 + _EQUAL) + _EQUAL_OF_SPREAD * spread


def _n_reached(is_reached: np.ndarray, sizes: np.ndarray, longest: int) -> int:
    """Return how many of the ascending `sizes` some chain reaches.

    Warns unless it is all of them; an error is raised for none.
    """
    n_reached = int(is_reached.sum())
    if n_reached < len(sizes):
        limit = min(longest, sizes[n_reached] - 1)
        found = (
            f"No chain has more than {limit} channels that are linearly independent in every "
            f"training set; sizes up to {sizes[-1]} were to be compared. "
        )
        if n_reached == 0:
            raise ValueError(
                f"{found}Set `n_features_to_select` to fewer, or `starts` to channels that vary."
            )
        warnings.warn(
            f"{found}Larger ones are left out: set `n_features_to_select` to at most {limit}.",
            stacklevel=4,  # the caller of fit, beyond its decorator
        )
    return n_reached


def _by_relevance(
    X: np.ndarray, Y: np.ndarray, channels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the channels by descending relevance, and the relevance of all of X."""
    channels = np.sort(channels)
    sd = X[:, channels].std(axis=0, ddof=1)
    coef = np.linalg.lstsq(X[:, channels] / sd, Y - Y.mean(axis=0), rcond=None)[0]
    relevance = np.zeros(X.shape[1])
    relevance[channels] = (np.abs(coef) / target_scales(Y, np.ones(len(Y)))).mean(axis=1)
    return channels[np.argsort(-relevance[channels], kind="stable")], relevance
