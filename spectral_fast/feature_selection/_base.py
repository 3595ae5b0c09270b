"""What the selectors of channels share."""

import contextlib
import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from spectral_fast._channels import channel_axis
from spectral_fast._folds import Splits, check_partition, split
from spectral_fast._plotting import new_axes
from spectral_fast._validation import check_finite, check_finite_targets
from spectral_fast.feature_selection._scores import geometric_sizes, path_rmsecv

__all__ = [
    "NOTHING_SELECTED",
    "ChannelSelector",
    "channel_names",
    "fit_arguments",
    "is_count",
    "nothing_selected_ignored",
]

#: How the warning of a selector begins whose own choice is empty.
NOTHING_SELECTED = "No channel is selected"


class ChannelSelector(SelectorMixin, BaseEstimator):
    """A selector of channels, for a regression of one or several targets.

    A subclass validates in `fit` by `_validate`, and hands its choice to `_set`.

    Attributes
    ----------
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        How much each channel is worth to the method, higher being better.
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
    """

    support_: np.ndarray
    scores_: np.ndarray
    ranking_: np.ndarray
    n_features_: int
    mean_spectrum_: np.ndarray

    def subset(self, n_features: int) -> np.ndarray:
        """Return the channels that the method would select, were their number given.

        Parameters
        ----------
        n_features : int
            Number of channels, from 1 to n_features_in_.

        Returns
        -------
        channels : ndarray of shape (n_features,)
            Numbers of the channels, the best first.

        Raises
        ------
        ValueError
            If there are fewer channels.
        """
        check_is_fitted(self)
        self._check_count("n_features", n_features)
        return np.argsort(self.ranking_, kind="stable")[:n_features]

    def plot(self, ax: Any = None) -> Any:
        """Plot the mean spectrum with the selected channels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
            The axes that hold the plot.

        Raises
        ------
        ModuleNotFoundError
            If `ax` is None and matplotlib is not installed.
        """
        check_is_fitted(self)
        ax = new_axes("plot") if ax is None else ax
        axis, label = self._axis()
        ax.plot(axis, self.mean_spectrum_, color="0.6", zorder=1, label="mean spectrum")
        ax.scatter(
            axis[self.support_],
            self.mean_spectrum_[self.support_],
            s=14,
            zorder=2,
            label=f"{self.n_features_} selected channels",
        )
        ax.set_xlabel(label)
        ax.set_ylabel("Signal")
        ax.legend()
        return ax

    def _axis(self) -> tuple[np.ndarray, str]:
        """Return the channels' positions by the numbers in their names, and a label for them."""
        return channel_axis(self._channel_names, self.n_features_in_)

    def _validate(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return checked spectra, C-contiguous float64, and the targets as columns."""
        check_finite_targets(y)
        X, y = self._validate_spectra(X, y, ensure_min_samples=2, multi_output=True, y_numeric=True)
        Y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        for name, values in (("X", X), ("y", Y)):
            if (values == values[0]).all():
                raise ValueError(
                    f"`{name}` must differ between samples; all {len(values)} have the same, such "
                    f"as {values[0, 0]:g}. Pass samples that differ."
                )
        return X, Y

    def _validate_spectra(self, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
        """Return checked spectra, C-contiguous float64, and y if it is there."""
        self._channel_names = channel_names(X)
        checked = validate_data(
            self, X, y, dtype=np.float64, order="C", ensure_all_finite=False, **checks
        )
        check_finite(checked[0] if isinstance(checked, tuple) else checked, self._channel_names)
        return checked

    def _check_count(self, name: str, count: int) -> None:
        """Raise an error where `count`, the value of the parameter `name`, is no channel count."""
        if not is_count(count, self.n_features_in_):
            raise ValueError(
                f"`{name}` must be an integer from 1 to n_features={self.n_features_in_}; got "
                f"{count}. Use {self.n_features_in_} or fewer, or pass wider spectra."
            )

    def _splits(
        self, X: np.ndarray, Y: np.ndarray, groups: Any, *, random_state: Any = None
    ) -> Splits:
        """Return the folds, which must hold out every sample exactly once.

        None stands for the parameter `random_state`.
        """
        random_state = self.random_state if random_state is None else random_state
        splits = split(self.cv, X, Y, groups, random_state)
        check_partition(splits, len(X))
        return splits

    def _best_size(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        order: np.ndarray,
        groups: Any,
        sample_weight: np.ndarray | None,
    ) -> int:
        """Return how many channels, the first ones of `order`, have the least RMSECV of PLS.

        Sets `sizes_` and `rmsecv_`. The subclass has the parameters `n_components`, `cv` and
        `random_state`.
        """
        splits = self._splits(X, Y, groups)
        self.sizes_ = geometric_sizes(1, X.shape[1])
        self.rmsecv_ = path_rmsecv(
            X, Y, splits, order, self.sizes_, self.n_components, sample_weight
        )
        return int(self.sizes_[self.rmsecv_.argmin()])

    def _set(
        self,
        X: np.ndarray,
        selected: np.ndarray,
        scores: np.ndarray,
        ranking: np.ndarray | None = None,
    ) -> None:
        """Set the fitted attributes.

        `selected` holds channel numbers or a mask. Without `ranking` channels rank by their
        scores, of equal ones the lowest channel first.
        """
        self.support_ = np.zeros(X.shape[1], dtype=bool)
        self.support_[selected] = True
        self.n_features_ = int(self.support_.sum())
        self.scores_ = scores
        if ranking is None:
            ranking = np.empty(len(scores), dtype=np.int64)
            ranking[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
        self.ranking_ = ranking
        self.mean_spectrum_ = X.mean(axis=0)

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


@contextlib.contextmanager
def nothing_selected_ignored() -> Iterator[None]:
    """Keep silent about a selector's own choice, where another one is made."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", NOTHING_SELECTED, UserWarning)
        yield


def fit_arguments(selector: Any, sample_weight: Any, groups: Any) -> dict[str, Any]:
    """Return the weights and groups that there are, as arguments for the selector's `fit`.

    Groups are left out where it takes none; weights would be missed, and are an error.
    """
    arguments = {}
    if sample_weight is not None:
        if not has_fit_parameter(selector, "sample_weight"):
            raise ValueError(
                "`sample_weight` needs a selector whose `fit` takes it; that of "
                f"{type(selector).__name__} does not. Leave the weights out, or use another "
                "selector."
            )
        arguments["sample_weight"] = sample_weight
    if groups is not None and has_fit_parameter(selector, "groups"):
        arguments["groups"] = groups
    return arguments


def is_count(value: Any, most: int) -> bool:
    """Return whether `value` is an integer from 1 to `most`."""
    return isinstance(value, Integral) and 1 <= int(value) <= most


def channel_names(X: Any) -> list[str] | None:
    """Return the names of the columns of `X`, numbers included, or None where it has none."""
    columns = getattr(X, "columns", None)
    return None if columns is None else [str(name) for name in columns]
