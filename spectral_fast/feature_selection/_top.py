"""A number of channels from a selector that would choose one itself."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from spectral_fast.feature_selection._base import ChannelSelector, nothing_selected_ignored
from spectral_fast.feature_selection._importance import VIP

__all__ = ["TopChannels"]


class TopChannels(ChannelSelector):
    """The channels that another selector takes, were their number given.

    Parameters
    ----------
    selector : ChannelSelector, default=None
        Any selector of this package; it is cloned. None stands for :class:`VIP`.
    n_features : int, default=10
        Number of channels, from 1 to that of the spectra.

    Attributes
    ----------
    selector_ : ChannelSelector
        The fitted selector.
    support_, scores_, ranking_, n_features_, mean_spectrum_
        As every selector has them; scores and ranking are those of `selector_`.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import UVE, TopChannels
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> TopChannels(UVE(n_components=3), n_features=12).fit_transform(X, octane).shape
    (60, 12)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "selector": [HasMethods(["fit", "subset"]), None],
        "n_features": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, selector: Any = None, n_features: int = 10) -> None:
        self.selector = selector
        self.n_features = n_features

    @_fit_context(prefer_skip_nested_validation=False)  # the selector is the user's own
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit the selector and take the channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        groups : array-like of shape (n_samples,), default=None
            Passed to the selector, so that samples of a group stay together in its folds.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If there are fewer channels, or the selector has no subset of this size.
        """
        # What y may be is the selector's affair.
        spectra = self._validate_spectra(X)
        self._check_count("n_features", self.n_features)
        selector = VIP() if self.selector is None else clone(self.selector)
        with nothing_selected_ignored():
            self.selector_ = selector.fit(X, y, groups=groups)
        chosen = np.asarray(self.selector_.subset(self.n_features))
        self._set(spectra, chosen, self.selector_.scores_, self.selector_.ranking_)
        return self

    def subset(self, n_features: int) -> np.ndarray:
        """Return the channels that the selector would take, were their number given.

        Parameters
        ----------
        n_features : int
            Number of channels, from 1 to n_features_in_; one of the sizes that the selector
            compared, where it has a subset of its own for each.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels, as the selector orders them.

        Raises
        ------
        ValueError
            If there are fewer channels, or the selector has no subset of this size.
        """
        check_is_fitted(self)
        return self.selector_.subset(n_features)
