"""How often a selector chooses each channel."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils._param_validation import HasMethods, Interval, validate_params
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _get_feature_names, _num_samples
from threadpoolctl import threadpool_limits

from spectral_fast import kernels
from spectral_fast._folds import random_training_sets, split
from spectral_fast._plotting import new_axes
from spectral_fast.feature_selection._base import channel_axis

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
    feature_names : ndarray of shape (n_features,) or None
        Names of the channels, where X has names that are strings.
    """

    supports: np.ndarray
    mean_spectrum: np.ndarray
    feature_names: np.ndarray | None = None

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
        "cv": ["cv_object"],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "train_size": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=False,  # the selector checks its own
)
def selection_frequency(
    selector, X, y, *, cv=None, n_resamples=100, train_size=0.75, random_state=0, n_jobs=None
):
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
    cv : int, cross-validation splitter or iterable of splits, default=None
        The parts are its training sets, which need not be a partition; an int is a
        number of folds of samples shuffled by `random_state`. None draws random parts.
    n_resamples : int, default=100
        Number of random parts, where `cv` is None. More of them leave the first ones as
        they are.
    train_size : float, default=0.75
        Share of the samples in each of them, drawn without replacement.
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
        If `train_size` leaves fewer than two samples, or all, in a part, or the selector
        refuses the data.

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
    X, y = indexable(X, y)
    if cv is None:
        parts = random_training_sets(_num_samples(X), n_resamples, train_size, random_state)
        rows = [np.flatnonzero(part) for part in parts]
    else:
        rows = [train for train, _ in split(cv, X, y, random_state=random_state)]
    # Fits at a time are what runs in parallel, kernels where there is one at a time.
    n_threads = 1 if effective_n_jobs(n_jobs) > 1 else kernels.get_num_threads()
    # What the workers set is for other processes; this outlasts the threads of a threading
    # backend, which share one setting and would restore it in any order.
    with _quiet_and_serial():
        supports = [_support(selector, X, y, rows[0], n_threads)]  # compiles for all workers
        supports += Parallel(n_jobs=n_jobs)(
            delayed(_support)(selector, X, y, part, n_threads) for part in rows[1:]
        )
    return SelectionFrequency(
        np.array(supports), np.asarray(X, dtype=np.float64).mean(axis=0), _get_feature_names(X)
    )


def _support(selector: Any, X: Any, y: Any, rows: np.ndarray, n_threads: int) -> np.ndarray:
    """Return which channels are selected from some of the samples."""
    with _quiet_and_serial(), kernels.thread_limit(n_threads):
        fitted = clone(selector).fit(_safe_indexing(X, rows), _safe_indexing(y, rows))
        return fitted.get_support()


@contextmanager
def _quiet_and_serial() -> Iterator[None]:
    """Give BLAS one thread, and show no warning of an empty selection.

    Sums that a BLAS splits over threads would make results depend on their number.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No channel is selected", UserWarning)
        yield
