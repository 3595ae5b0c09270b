"""Selectors that lend another one: to classes, or to a number of channels."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.preprocessing import label_binarize
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from spectral_fast.feature_selection._base import (
    ChannelSelector,
    fit_arguments,
    nothing_selected_ignored,
)
from spectral_fast.feature_selection._importance import VIP

__all__ = ["ForClasses", "TopChannels"]


class _Lending(ChannelSelector):
    """A selector that fits a clone of another one, and has its scores and ranking."""

    selector_: Any

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "selector": [HasMethods(["fit", "subset"]), None]
    }

    def __init__(self, selector: Any = None) -> None:
        self.selector = selector

    def _fitted(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> Any:
        """Return a clone of the selector that is fitted."""
        selector = VIP() if self.selector is None else clone(self.selector)
        return selector.fit(X, y, **fit_arguments(selector, sample_weight, groups))

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


class ForClasses(_Lending):
    """A selector of this package, for classes instead of numbers.

    The classes are coded as targets of 0 and 1, one for each class, a single one for two
    classes, as in :class:`~spectral_fast.cross_decomposition.PLSDA`.

    Parameters
    ----------
    selector : ChannelSelector, default=None
        Any selector of this package; it is cloned. None stands for :class:`VIP`.

    Attributes
    ----------
    selector_ : ChannelSelector
        The fitted selector.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        The scores of `selector_`.
    ranking_ : ndarray of shape (n_features_in_,)
        The ranking of `selector_`: 1 for the best channel.
    n_features_ : int
        Number of selected channels.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import VIP, ForClasses
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> grade = ["premium" if each > 87 else "regular" for each in octane]
    >>> ForClasses(VIP(n_components=3)).fit_transform(X, grade).shape
    (60, 83)
    """

    @_fit_context(prefer_skip_nested_validation=False)  # the selector is the user's own
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit the selector to the coded classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, for a selector whose `fit` takes them.
        groups : array-like of shape (n_samples,), default=None
            Passed to the selector, so that samples of a group stay together in its folds.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If all samples are of one class, there are weights that the selector does not
            take, or it refuses the data.
        """
        spectra, y = self._validate_spectra(X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(column_or_1d(y))
        if len(self.classes_) < 2:
            [only] = self.classes_.tolist()
            raise ValueError(
                f"`y` must have two classes or more; got one class, {only!r}. "
                "Add samples of another class."
            )
        coded = label_binarize(y, classes=self.classes_).astype(np.float64)
        targets = coded[:, 0] if coded.shape[1] == 1 else coded
        self.selector_ = self._fitted(X, targets, sample_weight, groups)
        self._set(spectra, self.selector_.support_, self.selector_.scores_, self.selector_.ranking_)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


class TopChannels(_Lending):
    """The channels that another selector takes, were their number given.

    Parameters
    ----------
    selector : ChannelSelector, default=None
        Any selector of this package; it is cloned. None stands for :class:`VIP`.
    n_features_to_select : int, default=10
        Number of channels, from 1 to that of the spectra.

    Attributes
    ----------
    selector_ : ChannelSelector
        The fitted selector.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        The scores of `selector_`.
    ranking_ : ndarray of shape (n_features_in_,)
        The ranking of `selector_`: 1 for the best channel.
    n_features_ : int
        Number of selected channels.
    mean_spectrum_ : ndarray of shape (n_features_in_,)
        Mean of the training spectra.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import UVE, TopChannels
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> TopChannels(UVE(n_components=3), n_features_to_select=12).fit_transform(X, octane).shape
    (60, 12)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_Lending._parameter_constraints,
        "n_features_to_select": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, selector: Any = None, n_features_to_select: int = 10) -> None:
        super().__init__(selector)
        self.n_features_to_select = n_features_to_select

    @_fit_context(prefer_skip_nested_validation=False)  # the selector is the user's own
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit the selector and take the channels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples, for a selector whose `fit` takes them.
        groups : array-like of shape (n_samples,), default=None
            Passed to the selector, so that samples of a group stay together in its folds.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If there are fewer channels, the selector has no subset of this size, there are
            weights that it does not take, or it refuses the data.
        """
        # What y may be is the selector's affair.
        spectra = self._validate_spectra(X)
        self._check_count("n_features_to_select", self.n_features_to_select)
        with nothing_selected_ignored():
            self.selector_ = self._fitted(X, y, sample_weight, groups)
        chosen = np.asarray(self.selector_.subset(self.n_features_to_select))
        self._set(spectra, chosen, self.selector_.scores_, self.selector_.ranking_)
        return self
