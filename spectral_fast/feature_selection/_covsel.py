"""Selection of channels by their covariance with the targets."""

import warnings
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spectral_fast import kernels
from spectral_fast._validation import check_sample_weight
from spectral_fast.feature_selection._base import ChannelSelector, is_count
from spectral_fast.feature_selection._scores import most_components, path_rmsecv, target_scales

__all__ = ["CovSel"]

#: Most channels considered where cross-validation chooses their number.
_MOST = 30
#: Relative difference up to which covariances are equal but for their rounding.
_EQUAL = 1e-12


class CovSel(ChannelSelector):
    """Select channels by covariance with the targets, one after another.

    The first channel is the one with the largest squared covariance with y; each next
    one that with the largest squared covariance with what the channels before it leave
    of y. Squared covariances are summed over several targets, each divided by its
    standard deviation.

    Parameters
    ----------
    n_features_to_select : int or "cv", default=10
        The number of channels, from 1 to n_features. ``"cv"`` takes the number with the
        least RMSECV of PLS, of equal ones the least, from 1 to 30 or to one less than
        the smallest training set has samples.
    n_components : int, default=None
        For ``"cv"``, latent variables of the PLS models, at most as many as they have
        channels. None means just as many, which is multiple linear regression.
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
        Squared covariance of each channel when its turn came, 0 for channels whose turn
        did not come. It need not fall from one to the next.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the first channel, 2 for the second, and so on; those whose turn did not
        come share the rank after the last.
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
    What is left of y is orthogonal to the chosen channels, so its covariances with the
    spectra are those with what is left of the spectra; these are not changed.

    *Differs from the paper*: several targets are divided by their standard deviations.

    References
    ----------
    Roger, J. M., Palagos, B., Bertrand, D. & Fernandez-Ahumada, E. (2011). CovSel:
    variable selection for highly multivariate and multi-response calibration:
    application to IR spectroscopy. Chemometrics and Intelligent Laboratory Systems 106,
    216-223. https://doi.org/10.1016/j.chemolab.2010.10.003

    Mishra, P. (2022). A brief note on a new faster covariate's selection (fCovSel)
    algorithm. Journal of Chemometrics 36, e3397. https://doi.org/10.1002/cem.3397

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import CovSel
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> CovSel(n_features_to_select=4).fit(X, octane).subset(4)
    array([385, 153, 396, 394])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_features_to_select": [Interval(Integral, 1, None, closed="left"), StrOptions({"cv"})],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_features_to_select: Any = 10,
        *,
        n_components: int | None = None,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.n_components = n_components
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Select the channels.

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
            If fewer channels than asked for, perhaps none, covary with what the others
            leave of y; only these are selected then.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        if self.n_features_to_select == "cv":
            order, strengths, count = self._cross_validate(X, Y, groups, sample_weight)
        else:
            count = self.n_features_to_select
            self._check_count("n_features_to_select", count)
            order, strengths = _chain(X, Y, sample_weight, count)
        if len(order) < max(count, 1):
            warnings.warn(
                f"`n_features_to_select` is {self.n_features_to_select!r}, but only {len(order)} "
                "could be selected: no other channel covaries with what they leave of y. Ask for "
                "fewer channels, or add samples that differ.",
                stacklevel=3,  # the caller of fit, beyond its decorator
            )
        scores = np.zeros(X.shape[1])
        scores[order] = strengths
        ranking = np.full(X.shape[1], len(order) + 1)
        ranking[order] = np.arange(1, len(order) + 1)
        self._set(X, order[:count], scores, ranking)
        return self

    def subset(self, n_features: int) -> np.ndarray:
        """Return the first channels in the order of selection.

        Parameters
        ----------
        n_features : int
            Number of channels, from 1 to the number of channels that `fit` ranked.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels, the best first.

        Raises
        ------
        ValueError
            If fewer channels were ranked.
        """
        check_is_fitted(self)
        n_ranked = int(np.count_nonzero(self.scores_))
        if not is_count(n_features, n_ranked):
            raise ValueError(
                f"`n_features` must be an integer from 1 to {n_ranked}, the channels that were "
                f"ranked; got {n_features}. Use {n_ranked} or fewer, or fit with a larger "
                "`n_features_to_select`."
            )
        return super().subset(n_features)

    def _cross_validate(
        self, X: np.ndarray, Y: np.ndarray, groups: Any, sample_weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the order, the squared covariances, and the best number of channels."""
        splits = self._splits(X, Y, groups)
        most = min(X.shape[1], most_components(splits, sample_weight), _MOST)
        order, strengths = _chain(X, Y, sample_weight, most)
        self.sizes_ = np.arange(1, len(order) + 1)
        if not len(order):
            self.rmsecv_ = np.empty(0)
            return order, strengths, 0
        n_components = self.n_components or len(order)
        self.rmsecv_ = path_rmsecv(X, Y, splits, order, self.sizes_, n_components, sample_weight)
        return order, strengths, self.sizes_[self.rmsecv_.argmin()]


def _chain(
    X: np.ndarray, Y: np.ndarray, sample_weight: np.ndarray | None, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return up to `length` channels in the order of selection, and their squared covariances."""
    n, p = X.shape
    weights = np.ones(n) if sample_weight is None else sample_weight
    total = weights.sum()
    root = np.sqrt(weights)[:, np.newaxis]
    X_centred = root * (X - weights @ X / total)
    left = root * ((Y - weights @ Y / total) / target_scales(Y, weights))
    rounding = (n + p) * np.finfo(np.float64).eps
    floor = (rounding * np.linalg.norm(left) * np.linalg.norm(root * X, axis=0)) ** 2
    order, strengths = [], []
    basis = np.empty((length, n))
    with kernels.one_blas_thread():
        for k in range(length):
            covariances = left.T @ X_centred
            squares = np.einsum("tj,tj->j", covariances, covariances)
            squares[squares <= floor] = 0.0
            best = int((squares >= (1 - _EQUAL) * squares.max()).argmax())
            if squares[best] == 0.0:
                break
            basis[k] = X_centred[:, best]
            for _ in range(2):  # once is not enough for channels that are nearly collinear
                basis[k] -= basis[:k].T @ (basis[:k] @ basis[k])
            basis[k] /= np.linalg.norm(basis[k])
            left -= np.outer(basis[k], basis[k] @ left)
            order.append(best)
            strengths.append(squares[best] / total**2)
    return np.array(order, dtype=np.int64), np.array(strengths)
