"""Selection of channels by what one PLS model of all of them says of each."""

import warnings
from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import stats
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from spectral_fast import kernels
from spectral_fast._validation import check_sample_weight
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.cross_decomposition._solver import fit_resamples
from spectral_fast.feature_selection._base import NOTHING_SELECTED, ChannelSelector
from spectral_fast.feature_selection._scores import target_scales

__all__ = ["VIP", "CoefficientMagnitude", "SelectivityRatio"]

#: Relative amount by which rounding may take an importance below the threshold that it equals,
#: as the VIP of a single channel equals 1.
_ROUNDING = 1e-12


class _ImportanceSelector(ChannelSelector):
    """Selects the channels with the largest importance in a PLS model of all channels.

    A subclass computes the importances in `_importances`, and the least one to select in
    `_least_importance`.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "n_features_to_select": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"cv"}),
            None,
        ],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 5,
        *,
        threshold: Any = 1.0,
        n_features_to_select: Any = None,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.n_components = n_components
        self.threshold = threshold
        self.n_features_to_select = n_features_to_select
        self.cv = cv
        self.random_state = random_state

    @abstractmethod
    def _importances(
        self, X: np.ndarray, Y: np.ndarray, n_components: int, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        """Return the importance of each channel, not negative."""

    @abstractmethod
    def _least_importance(self, importances: np.ndarray, n_samples: int) -> float:
        """Return the threshold in the unit of the importances."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Rank the channels and select the best ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter of ``n_features_to_select="cv"``.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, more channels are asked for than there are, or
            `cv` does not hold out every sample once.

        Warns
        -----
        UserWarning
            If no channel reaches the threshold; none is selected then.
        """
        return self._fit(X, y, groups)

    def _fit(self, X: Any, y: Any, groups: Any, sample_weight: Any = None) -> Self:
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        wanted = self.n_features_to_select
        if wanted not in (None, "cv"):
            self._check_count("n_features_to_select", wanted)
        n_components = min(self.n_components, len(X) - 1, X.shape[1])
        importances = self._importances(X, Y, n_components, sample_weight)
        if wanted is None:
            selected = self._above_threshold(importances, len(X))
        else:
            selected = np.argsort(-importances, kind="stable")
            if wanted == "cv":
                wanted = self._best_size(X, Y, selected, groups, sample_weight)
            selected = selected[:wanted]
        self._set(X, selected, importances)
        return self

    def _above_threshold(self, importances: np.ndarray, n_samples: int) -> np.ndarray:
        least = self._least_importance(importances, n_samples)
        selected = (importances >= (1 - _ROUNDING) * least) & (importances > 0)
        if not selected.any():
            warnings.warn(
                f"{NOTHING_SELECTED}: the largest importance is "
                f"{importances.max():.3g}, and must be positive and at least {least:.3g}. Lower "
                "`threshold`, or give the number of channels as `n_features_to_select`.",
                stacklevel=5,  # the caller of fit, beyond its decorator
            )
        return selected


class VIP(_ImportanceSelector):
    """Select channels by their variable importance in projection.

    VIPⱼ = √(p Σₐ SSₐ wⱼₐ² / Σₐ SSₐ) in a PLS model of all p channels, with the unit
    weights wₐ of component a and the sum of squares SSₐ that it explains of y, all
    targets together. The mean of VIP² over the channels is 1.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of the model: at most as many as there are channels, or samples
        less one.
    threshold : float, default=1.0
        Least VIP of a selected channel.
    n_features_to_select : int, "cv" or None, default=None
        The number of channels, from 1 to n_features; `threshold` is not used then.
        ``"cv"`` takes the number with the least RMSECV of PLS, of equal ones the fewest
        channels, out of up to 30 numbers from 1 to n_features. None selects by
        `threshold`.
    cv : int, cross-validation splitter or iterable of splits, default=5
        For ``"cv"``; must hold out every sample once. An int is a number of folds of
        samples shuffled by `random_state`.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`.

    Attributes
    ----------
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        VIP of each channel.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the channel with the largest VIP, 2 for the next, and so on; of equal ones
        the lowest channel comes first.
    n_features_ : int
        Number of selected channels.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that were cross-validated; only with ``"cv"``.
    rmsecv_ : ndarray of shape (n_sizes,)
        Their RMSECV, in the unit of y; for several targets the root mean of the
        squared RMSECV relative to the targets' variances. The channels were ranked on
        all samples, so it is optimistic.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Notes
    -----
    *Differs from the papers*: spectra are centred, not autoscaled.

    References
    ----------
    Wold, S., Johansson, E. & Cocchi, M. (1993). PLS: partial least squares projections
    to latent structures. In: 3D QSAR in Drug Design, 523-550.

    Chong, I.-G. & Jun, C.-H. (2005). Performance of some variable selection methods when
    multicollinearity is present. Chemometrics and Intelligent Laboratory Systems 78,
    103-112. https://doi.org/10.1016/j.chemolab.2004.12.011

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import VIP
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> vip = VIP(n_components=3).fit(X, octane)
    >>> vip.n_features_, int(vip.scores_.argmax())
    (81, 153)
    """

    def _importances(
        self, X: np.ndarray, Y: np.ndarray, n_components: int, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        return PLSRegression(n_components, scale=False).fit(X, Y).vip()

    def _least_importance(self, importances: np.ndarray, n_samples: int) -> float:
        return self.threshold


class CoefficientMagnitude(_ImportanceSelector):
    """Select channels by the magnitude of their PLS regression coefficients.

    The importance of channel j is |bⱼ| in a PLS model of all channels; for several
    targets √Σₜ(bⱼₜ/sₜ)², with the standard deviations sₜ of the targets.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of the model: at most as many as there are channels, or samples
        less one.
    threshold : float, default=1.0
        Least importance of a selected channel, as a multiple of the mean over all
        channels.
    n_features_to_select : int, "cv" or None, default=None
        The number of channels, from 1 to n_features; `threshold` is not used then.
        ``"cv"`` takes the number with the least RMSECV of PLS, of equal ones the fewest
        channels, out of up to 30 numbers from 1 to n_features. None selects by
        `threshold`.
    cv : int, cross-validation splitter or iterable of splits, default=5
        For ``"cv"``; must hold out every sample once. An int is a number of folds of
        samples shuffled by `random_state`.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`.

    Attributes
    ----------
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Importance of each channel, in the unit of y over that of X.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the most important channel, 2 for the next, and so on; of equal ones the
        lowest channel comes first.
    n_features_ : int
        Number of selected channels.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that were cross-validated; only with ``"cv"``.
    rmsecv_ : ndarray of shape (n_sizes,)
        Their RMSECV, as in :class:`VIP`.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Notes
    -----
    *Differs from the paper*: it names no threshold. The mean of the magnitudes is the
    default of scikit-learn's :class:`~sklearn.feature_selection.SelectFromModel`.

    References
    ----------
    Mehmood, T., Liland, K. H., Snipen, L. & Sæbø, S. (2012). A review of variable
    selection methods in partial least squares regression. Chemometrics and Intelligent
    Laboratory Systems 118, 62-69. https://doi.org/10.1016/j.chemolab.2012.07.010

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import CoefficientMagnitude
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> selector = CoefficientMagnitude(n_components=3).fit(X, octane)
    >>> selector.n_features_, int(selector.scores_.argmax())
    (105, 153)
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Rank the channels and select the best ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: a weight of 2 counts as two equal samples.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter of ``n_features_to_select="cv"``.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X, y or the weights hold NaN or infinity, a weight is negative, fewer than
            two are positive, more channels are asked for than there are, or `cv` does not
            hold out every sample once.

        Warns
        -----
        UserWarning
            If no channel reaches the threshold; none is selected then.
        """
        return self._fit(X, y, groups, sample_weight)

    def _importances(
        self, X: np.ndarray, Y: np.ndarray, n_components: int, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        with kernels.one_blas_thread():
            coef, _ = fit_resamples(X, Y, weights[np.newaxis], n_components)
        return np.linalg.norm(coef[0] / target_scales(Y, weights)[:, np.newaxis], axis=0)

    def _least_importance(self, importances: np.ndarray, n_samples: int) -> float:
        return self.threshold * importances.mean()


class SelectivityRatio(_ImportanceSelector):
    """Select channels by their selectivity ratio.

    The spectra are projected on the regression vector b of a PLS model of all channels.
    The score t = X b explains (x'ⱼt)² / t't of the sum of squares of channel j, and the
    ratio is that part over the rest. For several targets it is the largest of the
    targets' ratios.

    Parameters
    ----------
    n_components : int, default=5
        Latent variables of the model: at most as many as there are channels, or samples
        less one.
    threshold : float, default=None
        Least ratio of a selected channel. None tests whether the explained variance is
        larger than the rest: the threshold is F₁₋ₐ(n - 2, n - 3) for n samples.
    alpha : float, default=0.05
        Significance level of that test, between 0 and 1.
    n_features_to_select : int, "cv" or None, default=None
        The number of channels, from 1 to n_features; `threshold` is not used then.
        ``"cv"`` takes the number with the least RMSECV of PLS, of equal ones the fewest
        channels, out of up to 30 numbers from 1 to n_features. None selects by
        `threshold`.
    cv : int, cross-validation splitter or iterable of splits, default=5
        For ``"cv"``; must hold out every sample once. An int is a number of folds of
        samples shuffled by `random_state`.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`.

    Attributes
    ----------
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        Selectivity ratio of each channel; infinite where nothing is left to explain.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the channel with the largest ratio, 2 for the next, and so on; of equal
        ones the lowest channel comes first.
    n_features_ : int
        Number of selected channels.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that were cross-validated; only with ``"cv"``.
    rmsecv_ : ndarray of shape (n_sizes,)
        Their RMSECV, as in :class:`VIP`.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Notes
    -----
    *Differs from the paper*: nothing for one target. Ratios of several targets, of which
    the largest counts, are tested each by itself.

    References
    ----------
    Rajalahti, T. et al. (2009). Biomarker discovery in mass spectral profiles by means of
    selectivity ratio plot. Chemometrics and Intelligent Laboratory Systems 95, 35-48.
    https://doi.org/10.1016/j.chemolab.2008.08.004

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import SelectivityRatio
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> selector = SelectivityRatio(n_components=3).fit(X, octane)
    >>> selector.n_features_, int(selector.scores_.argmax())
    (12, 153)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_ImportanceSelector._parameter_constraints,
        "threshold": [Interval(Real, 0, None, closed="left"), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 5,
        *,
        threshold: float | None = None,
        alpha: float = 0.05,
        n_features_to_select: Any = None,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            n_components,
            threshold=threshold,
            n_features_to_select=n_features_to_select,
            cv=cv,
            random_state=random_state,
        )
        self.alpha = alpha

    def _importances(
        self, X: np.ndarray, Y: np.ndarray, n_components: int, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        pls = PLSRegression(n_components, scale=False).fit(X, Y)
        return pls.selectivity_ratio(X).max(axis=0)

    def _least_importance(self, importances: np.ndarray, n_samples: int) -> float:
        if self.threshold is not None:
            return self.threshold
        if n_samples < 4:
            raise ValueError(
                "The F-test of `alpha` needs at least 4 samples; got "
                f"{n_samples}. Give a `threshold`, or add samples."
            )
        return stats.f.isf(self.alpha, n_samples - 2, n_samples - 3)
