"""Uninformative variable elimination, and successive projections on what it leaves."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing

from spectral_fast.feature_selection._base import ChannelSelector, nothing_selected_ignored
from spectral_fast.feature_selection._spa import SPA, check_starts, size_range
from spectral_fast.feature_selection._uve import UVE, nothing_selected

__all__ = ["UVESPA"]

#: Parameters that mean what they do in the two selectors.
_OF_UVE = ("n_components", "noise", "n_noise", "cutoff")
_OF_SPA = ("n_features_to_select", "starts", "cv", "elimination", "alpha", "random_state")


class UVESPA(ChannelSelector):
    """Uninformative variable elimination, then the successive projections algorithm.

    :class:`UVE` eliminates the channels that are not more reliable than noise, and
    :class:`SPA` selects among the others: informative channels that are little collinear.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of the PLS models of UVE, at least 1; no more are than there are
        channels, samples less one in the smallest training set, or components that all
        samples together give.
    uve_cv : "loo", int, cross-validation splitter or iterable of splits, default="loo"
        The training sets of UVE: ``"loo"`` leaves out one sample at a time; an int is a
        number of folds of samples shuffled by `random_state`. They need not be a partition.
    noise : float, default=1e-10
        Size of the noise, above 0, relative to the root of the channels' mean variance.
    n_noise : int, default=None
        Number of noise channels, at least 1; None means as many as X has.
    cutoff : "max" or float, default="max"
        What a channel must exceed to survive: the most reliable noise channel, or the
        noise channel that this share of them, above 0 and up to 1, does not exceed.
    n_features_to_select : int, tuple (least, most) or None, default=None
        Number of channels, or range of the numbers that SPA compares, from 1 to
        min(n_features, samples in its smallest training set less one). Where fewer
        channels survive, it is cut to their number. None leaves the range to
        :class:`SPA`.
    starts : "all", int or array-like of int, default="all"
        Channels, counted from 0 in X, at which chains start if they survive.
    cv : int, cross-validation splitter or iterable of splits, default=5
        The folds of SPA: must hold out every sample once. An int is a number of folds of
        samples shuffled by `random_state`.
    elimination : bool, default=True
        Whether SPA eliminates channels of little relevance from its best set, down to
        the least number asked for.
    alpha : float, default=0.25
        Significance level of the F-test of the elimination, above 0 and up to 0.5. A
        smaller one eliminates more.
    random_state : int, RandomState instance or None, default=0
        Seed of the noise, and of the folds for an int `uve_cv` or `cv`.

    Attributes
    ----------
    uve_ : UVE
        The first step, fitted.
    spa_ : SPA or None
        The second step, fitted to the survivors: its channels are counted among them. None
        where no channel survives.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that SPA compared, ascending.
    rmsecv_ : ndarray of shape (n_sizes,)
        Their RMSECV, as in :class:`SPA`.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        The scores of SPA, 0 for the channels eliminated by UVE.
    ranking_ : ndarray of shape (n_features_in_,)
        First the channels of SPA's best set, as it ranks them, then the other survivors,
        then the channels eliminated by UVE, by reliability.
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
    *Differs from the paper*: what :class:`UVE` and :class:`SPA` say there.

    References
    ----------
    Ye, S., Wang, D. & Min, S. (2008). Successive projections algorithm combined with
    uninformative variable elimination for spectral variable selection. Chemometrics and
    Intelligent Laboratory Systems 91, 194-199.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import UVESPA
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> selector = UVESPA(n_components=3).fit(X, octane)
    >>> selector.uve_.n_features_
    111
    >>> selector.get_support(indices=True)
    array([120, 149, 160, 237, 367, 376])
    """

    uve_: UVE
    spa_: SPA | None

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "uve_cv": UVE._parameter_constraints["cv"],
        **{name: UVE._parameter_constraints[name] for name in _OF_UVE},
        **{name: SPA._parameter_constraints[name] for name in _OF_SPA},
    }

    def __init__(
        self,
        n_components: int = 5,
        *,
        uve_cv: Any = "loo",
        noise: float = 1e-10,
        n_noise: int | None = None,
        cutoff: Any = "max",
        n_features_to_select: Any = None,
        starts: Any = "all",
        cv: Any = 5,
        elimination: bool = True,
        alpha: float = 0.25,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.uve_cv = uve_cv
        self.noise = noise
        self.n_noise = n_noise
        self.cutoff = cutoff
        self.n_features_to_select = n_features_to_select
        self.starts = starts
        self.cv = cv
        self.elimination = elimination
        self.alpha = alpha
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
            Non-negative weights of the samples in the models of UVE. SPA has none.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitters, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, none of the `starts` survives, or UVE or SPA
            raises an error.

        Warns
        -----
        UserWarning
            If no channel survives, so that none is selected, or fewer than
            `n_features_to_select` asks for.
        """
        spectra, _ = self._validate(X, y)
        starts = check_starts(self.starts, spectra.shape[1])
        self.uve_ = UVE(
            self.n_components,
            cv=self.uve_cv,
            noise=self.noise,
            n_noise=self.n_noise,
            cutoff=self.cutoff,
            random_state=self.random_state,
        )
        with nothing_selected_ignored():
            self.uve_.fit(X, y, sample_weight=sample_weight, groups=groups)
        survivors = self.uve_.get_support(indices=True)
        selected = survivors
        scores = np.zeros(spectra.shape[1])
        # What comes first, then by reliability.
        tier = np.where(self.uve_.support_, len(survivors) + 1, len(survivors) + 2)
        if survivors.size:
            spa = SPA(
                self._cut(len(survivors)),
                starts=self._surviving_starts(starts, survivors),
                cv=self.cv,
                elimination=self.elimination,
                alpha=self.alpha,
                random_state=self.random_state,
            )
            named = X if hasattr(self, "feature_names_in_") else spectra
            self.spa_ = spa.fit(_safe_indexing(named, survivors, axis=1), y, groups=groups)
            self.sizes_, self.rmsecv_ = spa.sizes_, spa.rmsecv_
            selected = survivors[spa.support_]
            scores[survivors] = spa.scores_
            tier[survivors] = spa.ranking_
        else:
            self.spa_ = None
            self.sizes_, self.rmsecv_ = np.empty(0, dtype=np.int64), np.empty(0)
            warnings.warn(
                nothing_selected(self.uve_, self.uve_.scores_),
                stacklevel=3,  # the caller of the decorated method
            )
        ranking = np.empty(len(scores), dtype=np.int64)
        ranking[np.lexsort((-self.uve_.scores_, tier))] = np.arange(1, len(scores) + 1)
        self._set(spectra, selected, scores, ranking)
        return self

    def subset(self, n_features: int) -> np.ndarray:
        """Return the best set of a number of channels, before any elimination by SPA.

        Parameters
        ----------
        n_features : int
            Number of channels, from 1 to n_features_in_.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels. Of the `sizes_` that SPA compared, its best set in the
            order of its chain; of more, its largest set and the most reliable of the others;
            of fewer, the first channels of the ranking.

        Raises
        ------
        ValueError
            If there are fewer channels.
        """
        ranked = super().subset(n_features)
        if self.spa_ is None or n_features < self.sizes_[0]:
            return ranked
        size = min(n_features, int(self.sizes_[-1]))
        best = self.uve_.get_support(indices=True)[self.spa_.subset(size)]
        reliable = np.argsort(self.uve_.ranking_)
        others = reliable[~np.isin(reliable, best)]
        return np.concatenate([best, others[: n_features - size]])

    def _cut(self, n_survivors: int) -> Any:
        """Return `n_features_to_select`, no larger than the number of survivors."""
        wanted = self.n_features_to_select
        if wanted is None or size_range(wanted)[1] <= n_survivors:
            return wanted
        warnings.warn(
            f"UVE leaves {n_survivors} channels, fewer than `n_features_to_select`={wanted}: SPA "
            f"selects at most {n_survivors}. Lower `cutoff`, or select fewer.",
            stacklevel=4,  # the caller of fit, beyond its decorator
        )
        cut = np.minimum(wanted, n_survivors).tolist()
        return tuple(cut) if isinstance(wanted, tuple) else cut

    def _surviving_starts(self, starts: np.ndarray, survivors: np.ndarray) -> Any:
        """Return the starts, counted among the survivors."""
        if isinstance(self.starts, str):
            return self.starts
        surviving = np.flatnonzero(np.isin(survivors, starts))
        if not surviving.size:
            raise ValueError(
                f"`starts` must hold a channel that UVE does not eliminate; got {self.starts!r}. "
                f'Use "all", or channels such as {survivors[0]}.'
            )
        return surviving
