"""Selection of intervals of channels by PLS on each of them: iPLS, FiPLS, BiPLS, SiPLS."""

import functools
import itertools
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spectral_fast import kernels
from spectral_fast._plotting import new_axes
from spectral_fast._validation import check_sample_weight
from spectral_fast.feature_selection._base import ChannelSelector
from spectral_fast.feature_selection._subsets import (
    CrossValidatedPLS,
    Score,
    first_least,
    least_by_size,
)

__all__ = ["IntervalPLS"]

#: Most numbers that the Gram matrices of all intervals may hold together: 256 MiB.
_MOST_IN_GRAMS = 2**25


class IntervalPLS(ChannelSelector):
    """Selection of spectral intervals by cross-validated PLS (iPLS and its extensions).

    The spectrum is cut into intervals. PLS models of each interval, of sets of
    intervals as `method` says, and of the full spectrum for reference are
    cross-validated in the same folds, each with the number of components that gives it
    the least error. The set of intervals with the least error is selected, even where
    the full spectrum has a lower one: compare with `rmsecv_full_`.

    Parameters
    ----------
    n_intervals : int, default=None
        Number of intervals, at most n_features; None means 20, or n_features where that
        is less. They are equally wide; of p channels the first ``p % n_intervals``
        intervals have one more.
    width : int, default=None
        Channels in each interval instead, the last one having what remains; then
        `n_intervals` is not used.
    method : {"single", "forward", "backward", "synergy"}, default="single"
        Which sets of intervals are compared:

        - ``"single"``: each interval alone (iPLS);
        - ``"forward"``: starting with none, the interval that lowers the error most is
          added, until none does (FiPLS);
        - ``"backward"``: starting with all, the interval without which the error is
          least is dropped, down to a single interval (BiPLS); the best set on the way
          is selected;
        - ``"synergy"``: all sets of `n_combined` intervals (SiPLS).
    n_combined : int, default=2
        Number of intervals in a set of ``method="synergy"``, from 2 to 4.
    max_components : int, default=10
        Largest number of latent variables. No model has more than channels, nor than
        the smallest training set has samples less one.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Must hold out every sample once. An int is a number of folds, from 2 to
        n_samples, of samples shuffled by `random_state`. None means 5.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`.

    Attributes
    ----------
    intervals_ : ndarray of shape (n_intervals, 2)
        First channel of each interval, and the one after its last.
    selected_intervals_ : ndarray of shape (n_selected,)
        Numbers of the selected intervals, ascending.
    n_components_ : int
        Number of components of the selected set.
    interval_rmsecv_ : ndarray of shape (n_intervals,)
        RMSECV of each interval alone.
    interval_n_components_ : ndarray of shape (n_intervals,)
        Number of components of each interval alone.
    rmsecv_full_ : float
        RMSECV of the full spectrum.
    n_components_full_ : int
        Number of components of the full spectrum.
    path_ : list of (intervals, rmsecv, n_components)
        The sets that were compared, each with its interval numbers: for
        ``"forward"`` and ``"backward"`` those chosen step by step, for the others all
        of them, the least RMSECV first.
    sizes_ : ndarray of shape (n_sizes,)
        Numbers of channels that the sets in `path_` have, ascending.
    rmsecv_ : ndarray of shape (n_sizes,)
        Least RMSECV of the sets with so many channels.
    support_ : ndarray of shape (n_features_in_,), dtype bool
        Which channels are selected.
    scores_ : ndarray of shape (n_features_in_,)
        For each channel, minus the RMSECV of its interval alone.
    ranking_ : ndarray of shape (n_features_in_,)
        1 for the best channel: the selected ones by their scores, then the others.
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
    RMSECV is pooled over the samples, weighted by their weights, in the unit of y. For
    several targets it is relative: √(mean over the targets of MSE / variance of y).

    Errors are equal if they differ by less than a part in 10⁹, which is rounding. Of
    equal ones, the fewest components, the fewest intervals and the lowest channels win.

    *Differs from the papers*: nothing is tuned by hand, neither the limits of the
    selected interval nor which samples are outliers. Leardi & Nørgaard go on with a
    genetic algorithm, which is not part of this.

    References
    ----------
    Nørgaard, L., Saudland, A., Wagner, J., Nielsen, J. P., Munck, L. & Engelsen, S. B.
    (2000). Interval partial least-squares regression (iPLS): a comparative
    chemometric study with an example from near-infrared spectroscopy. Applied
    Spectroscopy 54, 413-419. https://doi.org/10.1366/0003702001949500

    Leardi, R. & Nørgaard, L. (2004). Sequential application of backward interval
    partial least squares and genetic algorithms for the selection of relevant spectral
    regions. Journal of Chemometrics 18, 486-497. https://doi.org/10.1002/cem.893

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.feature_selection import IntervalPLS
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> ipls = IntervalPLS(20, method="synergy").fit(X, octane)
    >>> ipls.selected_intervals_
    array([6, 8])
    >>> print(f"{ipls.rmsecv_.min():.3f}, all channels {ipls.rmsecv_full_:.3f}")
    0.189, all channels 0.232
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_intervals": [Interval(Integral, 1, None, closed="left"), None],
        "width": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions({"single", "forward", "backward", "synergy"})],
        "n_combined": [Interval(Integral, 2, 4, closed="both")],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_intervals: int | None = None,
        *,
        width: int | None = None,
        method: str = "single",
        n_combined: int = 2,
        max_components: int = 10,
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.n_intervals = n_intervals
        self.width = width
        self.method = method
        self.n_combined = n_combined
        self.max_components = max_components
        self.cv = cv
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Cross-validate the sets of intervals and select the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights: a weight of 2 counts as two equal samples.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If X, y or weights hold NaN or infinity, there are more intervals, or wider
            ones, than channels, more combined than there are, or `cv` does not hold out
            every sample once.
        """
        X, Y = self._validate(X, y)
        sample_weight = check_sample_weight(sample_weight, X)
        edges = self._edges()
        splits = self._splits(X, Y, groups)
        pls = CrossValidatedPLS(X, Y, splits, self.max_components, sample_weight)
        with kernels.one_blas_thread():
            sets = _Sets(pls, edges)
            alone = [sets.score((number,)) for number in sets.numbers]
            self.rmsecv_full_, self.n_components_full_ = sets.score(sets.numbers)
            self.path_, best = self._search(sets)

        self.intervals_ = np.column_stack([edges[:-1], edges[1:]])
        self.interval_rmsecv_ = np.array([each.rmsecv for each in alone])
        self.interval_n_components_ = np.array([each.n_components for each in alone])
        self.selected_intervals_ = np.array(best.intervals)
        self.n_components_ = best.n_components
        self.sizes_, self.rmsecv_ = least_by_size(
            np.array([len(sets.channels(each.intervals)) for each in self.path_]),
            np.array([each.rmsecv for each in self.path_]),
        )
        self._rank(X, sets.channels(best.intervals))
        return self

    def plot(self, ax: Any = None) -> Any:
        """Plot the RMSECV of each interval over the mean spectrum.

        The selected intervals stand out. A dashed line marks the RMSECV of the full
        spectrum, the numbers at the foot of the bars are those of components.

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
        left, right = self._limits(axis)
        selected = np.isin(np.arange(len(left)), self.selected_intervals_)
        colours = np.where(selected, "C0", "0.85")
        ax.bar(
            left, self.interval_rmsecv_, right - left, align="edge", color=colours, edgecolor="0.6"
        )
        for number, count in enumerate(self.interval_n_components_):
            ax.annotate(
                str(count),
                ((left[number] + right[number]) / 2, 0),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                size="x-small",
            )
        ax.axhline(
            self.rmsecv_full_,
            color="0.3",
            linestyle="--",
            label=f"full spectrum, {self.n_components_full_} components",
        )
        ax.set_xlabel(label)
        ax.set_ylabel("RMSECV")
        ax.legend()
        spectrum = ax.twinx()
        spectrum.plot(axis, self.mean_spectrum_, color="C1")
        spectrum.set_ylabel("Signal")
        return ax

    def _edges(self) -> np.ndarray:
        """Return the first channel of each interval, and the number of channels."""
        p = self.n_features_in_
        if self.width is not None:
            self._check_count("width", self.width)
            edges = np.append(np.arange(0, p, self.width), p)
        else:
            n_intervals = min(20, p) if self.n_intervals is None else self.n_intervals
            self._check_count("n_intervals", n_intervals)
            widths = np.full(n_intervals, p // n_intervals)
            widths[: p % n_intervals] += 1
            edges = np.concatenate([[0], widths.cumsum()])
        n_intervals = len(edges) - 1
        if self.method == "synergy" and self.n_combined > n_intervals:
            raise ValueError(
                f"`n_combined` must be at most the number of intervals, {n_intervals}; got "
                f"{self.n_combined}. Cut the spectrum into more intervals, or use another method."
            )
        return edges

    def _search(self, sets: "_Sets") -> tuple[list["IntervalSet"], "IntervalSet"]:
        """Return the sets of intervals to keep, and the best one."""
        if self.method == "forward":
            path = sets.grow()
            return path, path[-1]
        if self.method == "backward":
            path = sets.shrink()
            return path, _best(path[::-1])
        path = sets.combine(self.n_combined if self.method == "synergy" else 1)
        return sorted(path, key=lambda each: each.rmsecv), _best(path)

    def _rank(self, X: np.ndarray, selected: np.ndarray) -> None:
        """Set the fitted attributes that all selectors have."""
        p = X.shape[1]
        scores = -np.repeat(self.interval_rmsecv_, np.diff(self.intervals_, axis=1)[:, 0])
        others = np.ones(p, dtype=bool)
        others[selected] = False
        ranking = np.empty(p, dtype=np.int64)
        ranking[np.lexsort((-scores, others))] = np.arange(1, p + 1)
        self._set(X, selected, scores, ranking)

    def _limits(self, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where each interval begins and ends, half-way between channels."""
        if len(axis) > 1:
            middles = (axis[:-1] + axis[1:]) / 2
            bounds = np.concatenate(
                [[2 * axis[0] - middles[0]], middles, [2 * axis[-1] - middles[-1]]]
            )
        else:
            bounds = axis[0] + np.array([-0.5, 0.5])
        return bounds[self.intervals_[:, 0]], bounds[self.intervals_[:, 1]]


class IntervalSet(NamedTuple):
    """A set of intervals and its score."""

    intervals: tuple[int, ...]
    rmsecv: float
    n_components: int


def _best(sets: list[IntervalSet]) -> IntervalSet:
    """Return the first of those with the least error."""
    return sets[first_least(np.array([each.rmsecv for each in sets]))]


class _Sets:
    """Sets of intervals, each scored once."""

    def __init__(self, pls: CrossValidatedPLS, edges: np.ndarray) -> None:
        n, p = pls.X.shape
        self.pls = pls
        self.edges = edges
        self.numbers = tuple(range(len(edges) - 1))
        self.scores: dict[tuple[int, ...], Score] = {}
        self.grams = None
        if n < p and len(self.numbers) * n * n <= _MOST_IN_GRAMS:
            self.grams = kernels.interval_grams(pls.X - pls.X.mean(axis=0), edges)

    def channels(self, intervals: tuple[int, ...]) -> np.ndarray:
        return np.concatenate([np.arange(*self.edges[k : k + 2]) for k in intervals])

    def score(self, intervals: tuple[int, ...]) -> Score:
        if intervals not in self.scores:
            K = None
            if self.grams is not None:
                K = functools.reduce(np.add, (self.grams[k] for k in intervals))
            self.scores[intervals] = self.pls.score(self.channels(intervals), K)
        return self.scores[intervals]

    def scored(self, candidates: Iterable[tuple[int, ...]]) -> list[IntervalSet]:
        return [IntervalSet(each, *self.score(each)) for each in candidates]

    def combine(self, size: int) -> list[IntervalSet]:
        """Return all sets of `size` intervals, the lowest intervals first."""
        return self.scored(itertools.combinations(self.numbers, size))

    def grow(self) -> list[IntervalSet]:
        """Return the sets that grow by the best interval as long as the error falls."""
        path = [_best(self.combine(1))]
        while len(path) < len(self.numbers):
            last = path[-1]
            others = [k for k in self.numbers if k not in last.intervals]
            best = _best(self.scored(tuple(sorted((*last.intervals, k))) for k in others))
            if _best([last, best]) is last:
                break
            path.append(best)
        return path

    def shrink(self) -> list[IntervalSet]:
        """Return the sets that shrink by the worst interval, from all down to one."""
        path = self.scored([self.numbers])
        while len(path[-1].intervals) > 1:
            intervals = path[-1].intervals
            # Those that lack a higher interval come first.
            path.append(_best(self.scored(itertools.combinations(intervals, len(intervals) - 1))))
        return path
