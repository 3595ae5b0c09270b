"""Selection of channels that tell classes apart."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.preprocessing import label_binarize
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from spectral_fast.feature_selection._base import ChannelSelector
from spectral_fast.feature_selection._importance import VIP

__all__ = ["ForClasses"]


class ForClasses(ChannelSelector):
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
    support_, scores_, ranking_, n_features_, mean_spectrum_
        As every selector has them; those of `selector_`.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import VIP, ForClasses
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> grade = ["premium" if each > 87 else "regular" for each in octane]
    >>> ForClasses(VIP(n_components=3)).fit_transform(X, grade).shape
    (60, 83)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "selector": [HasMethods(["fit", "subset"]), None]
    }

    def __init__(self, selector: Any = None) -> None:
        self.selector = selector

    @_fit_context(prefer_skip_nested_validation=False)  # the selector is the user's own
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Fit the selector to the coded classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,)
            Classes.
        groups : array-like of shape (n_samples,), default=None
            Passed to the selector, so that samples of a group stay together in its folds.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If all samples are of one class.
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
        selector = VIP() if self.selector is None else clone(self.selector)
        targets = coded[:, 0] if coded.shape[1] == 1 else coded
        self.selector_ = selector.fit(X, targets, groups=groups)
        self._set(spectra, selector.support_, selector.scores_, selector.ranking_)
        return self

    def subset(self, n_features: int) -> np.ndarray:
        """Return the channels that the selector would take, were their number given.

        Parameters
        ----------
        n_features : int
            Number of channels, from 1 to n_features_in_.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels, the best first.
        """
        check_is_fitted(self)
        return self.selector_.subset(n_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags
