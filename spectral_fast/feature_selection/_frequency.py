"""How often a selector chooses each channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils._param_validation import HasMethods, Interval, validate_params
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples
from threadpoolctl import threadpool_limits

from spectral_fast import kernels
from spectral_fast._channels import channel_axis
from spectral_fast._folds import random_training_sets, split
from spectral_fast._plotting import new_axes
from spectral_fast._validation import N_JOBS
from spectral_fast.feature_selection._base import (
    channel_names,
    fit_arguments,
    nothing_selected_ignored,
)

__all__ = ["SelectionFrequency", "selection_frequency"]


@dataclass(frozen=True, eq=False)
class SelectionFrequency:
    """How often a selector chose each channel.

    Attributes
    ----------
    supports : ndarray of shape (n_fits, n_features), dtype bool
        Which channels each fit selected.
    mean_spectrum : ndarray of shape (n_features,)
        Mean of all spectra.
    feature_names : list of str or None
        Names of the channels, where X has columns.
    """

    supports: np.ndarray
    mean_spectrum: np.ndarray
    feature_names: list[str] | None = None

    @property
    def n_fits(self) -> int:
        """Number of fits."""
        return len(self.supports)

    @property
    def frequency(self) -> np.ndarray:
        """Share of the fits that selected each channel, (n_features,)."""
        return self.supports.mean(axis=0)

    def plot(self, ax: Any = None) -> Any:
        """Plot the frequencies as bars, with the mean spectrum.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
            The axes of the bars; the spectrum has an axis of its own on the right.

        Raises
        ------
        ModuleNotFoundError
            If `ax` is None and matplotlib is not installed.
        """
        ax = new_axes("plot") if ax is None else ax
        axis, label = channel_axis(self.feature_names, len(self.mean_spectrum))
        width = np.abs(np.gradient(axis)) if len(axis) > 1 else 1.0
        ax.bar(axis, self.frequency, width)
        ax.set_ylim(0, 1)
        ax.set_xlabel(label)
        ax.set_ylabel(f"Share of {self.n_fits} selections")
        spectrum = ax.twinx()
        spectrum.plot(axis, self.mean_spectrum, color="C1")
        spectrum.set_ylabel("Signal")
        return ax


@validate_params(
    {
        "selector": [HasMethods(["fit", "get_support"])],
        "X": ["array-like"],
        "y": ["array-like"],
        "sample_weight": ["array-like", None],
        "groups": ["array-like", None],
        "cv": ["cv_object"],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    },
    prefer_skip_nested_validation=False,  # the selector checks its own
)
def selection_frequency(
    selector: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    groups: Any = None,
    cv: Any = None,
    n_resamples: int = 100,
    train_size: float = 0.75,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> SelectionFrequency:
    """Return how often a selector chooses each channel, over parts of the samples.

    A selection that comes back with other samples can be trusted; one that does not
    owes itself to chance.

    Parameters
    ----------
    selector : estimator
        Any selector with ``get_support``, of this package or of scikit-learn. A clone is
        fitted to each part.
    X : array-like of shape (n_samples, n_features)
        Spectra, one a row.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples, for a selector whose ``fit`` takes them.
    groups : array-like of shape (n_samples,), default=None
        Groups whose samples stay together in the parts, random ones or those of `cv`, and
        in the folds of a selector whose ``fit`` takes them.
    cv : int, cross-validation splitter or iterable of splits, default=None
        The parts are its training sets, which need not be a partition; an int is a
        number of folds of samples shuffled by `random_state`. None draws random parts.
    n_resamples : int, default=100
        Number of random parts, where `cv` is None. More of them leave the first ones as
        they are.
    train_size : float, default=0.75
        Share of the samples, or of the `groups`, in each of them, drawn without
        replacement.
    random_state : int, RandomState instance or None, default=0
        Seed of the parts.
    n_jobs : int, default=None
        Number of fits at a time, as in joblib. Results do not depend on it.

    Returns
    -------
    frequency : SelectionFrequency
        With the arrays ``frequency``, ``supports`` and ``mean_spectrum``, and ``plot()``.

    Raises
    ------
    ValueError
        If `train_size` leaves fewer than two samples, or all, in a part, the selector takes
        no weights but there are some, or it refuses the data.

    Notes
    -----
    A fit that selects nothing counts as such, and its warning is not shown.

    References
    ----------
    Meinshausen, N. & Bühlmann, P. (2010). Stability selection. Journal of the Royal
    Statistical Society B 72, 417-473. https://doi.org/10.1111/j.1467-9868.2010.00740.x

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import VIP, selection_frequency
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> result = selection_frequency(VIP(n_components=3), X, octane, n_resamples=20)
    >>> result.n_fits, int((result.frequency == 1).sum())
    (20, 73)
    """
    X, y, sample_weight, groups = indexable(X, y, sample_weight, groups)
    fit_params = fit_arguments(selector, sample_weight, groups)
    if cv is None:
        parts = _random_parts(_num_samples(X), groups, n_resamples, train_size, random_state)
    else:
        parts = [train for train, _ in split(cv, X, y, groups, random_state)]
    # Fits at a time are what runs in parallel, kernels where there is one at a time.
    n_threads = 1 if effective_n_jobs(n_jobs) > 1 else kernels.get_num_threads()
    # What the workers set is for other processes; this outlasts the threads of a threading
    # backend, which share one setting and would restore it in any order.
    with _quiet_and_serial():
        fit = partial(_support, selector, X, y, fit_params, n_threads)
        supports = [fit(parts[0])]  # compiles for all workers
        supports += Parallel(n_jobs=n_jobs)(delayed(fit)(part) for part in parts[1:])
    return SelectionFrequency(
        np.array(supports), np.asarray(X, dtype=np.float64).mean(axis=0), channel_names(X)
    )


def _random_parts(
    n_samples: int, groups: Any, n_parts: int, train_size: float, random_state: Any
) -> list[np.ndarray]:
    """Return the rows of random parts, which hold all samples of a group or none."""
    if groups is None:
        masks = random_training_sets(n_samples, n_parts, train_size, random_state)
    else:
        names, group = np.unique(groups, return_inverse=True)
        drawn = random_training_sets(len(names), n_parts, train_size, random_state, "groups")
        masks = drawn[:, group]
    return [np.flatnonzero(mask) for mask in masks]


def _support(
    selector: Any, X: Any, y: Any, fit_params: dict[str, Any], n_threads: int, rows: np.ndarray
) -> np.ndarray:
    """Return which channels are selected from some of the samples."""
    with _quiet_and_serial(), kernels.thread_limit(n_threads):
        params = {name: _safe_indexing(values, rows) for name, values in fit_params.items()}
        fitted = clone(selector).fit(_safe_indexing(X, rows), _safe_indexing(y, rows), **params)
        return fitted.get_support()


@contextmanager
def _quiet_and_serial() -> Iterator[None]:
    """Give BLAS one thread, and show no warning of an empty selection.

    Sums that a BLAS splits over threads would make results depend on their number.
    """
    with threadpool_limits(limits=1), nothing_selected_ignored():
        yield
