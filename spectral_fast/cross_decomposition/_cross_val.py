"""Cross-validated and resampled PLS: all training sets and component counts in one pass."""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from joblib import cpu_count
from sklearn.model_selection import KFold
from sklearn.utils import check_array, check_consistent_length

from spectral_fast import kernels
from spectral_fast._folds import Splits, check_partition, split
from spectral_fast._validation import (
    check_finite,
    check_finite_targets,
    check_not_negative,
    check_sample_weight,
    components_error,
    needs_no_conversion,
)

__all__ = [
    "central_spectrum",
    "fit_blocks",
    "fit_resamples",
    "pls_cross_val_predict",
    "pls_resample_coef",
    "predict_folds",
    "predict_held_out",
]

_log = logging.getLogger(__name__)

#: Largest rounding error of the RMSECV, relative to it, that a Gram or covariance matrix may
#: cause: with up to ten components, and with any number. Beyond, the spectra themselves are used.
_SQUARED_ERROR = 3e-10
_SQUARED_ERROR_MANY = 3e-8
_MANY = 10


#: Samples among which the one that centres the spectra is found.
_FEW = 15

#: Channels by which it is found.
_SOME = 200


def pls_cross_val_predict(
    X: Any,
    y: Any,
    n_components: int,
    *,
    cv: Any = 5,
    scale: bool = False,
    sample_weight: Any = None,
    groups: Any = None,
    n_jobs: int | None = None,
    workspace: int = 256,
) -> np.ndarray:
    """Predict each sample by PLS models that did not see it, with 1 to n_components components.

    Equal to scikit-learn's ``cross_val_predict(PLSRegression(a), X, y, cv=cv)`` for
    every number of components a, at the cost of a few matrix products.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Spectra, one a row.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    n_components : int
        Largest number of latent variables, from 1 to min(n_samples, n_features).
    cv : int, cross-validation splitter or iterable of splits, default=5
        As in scikit-learn, so an int does not shuffle. Every sample must be held out
        exactly once; a sample that a training set holds twice counts twice.
    scale : bool, default=False
        Whether X and y are autoscaled inside each training set.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights: a weight of 2 counts as two equal samples.
    groups : array-like of shape (n_samples,), default=None
        Passed to the splitter.
    n_jobs : int, default=None
        Most threads: None and -1 use Numba's number, -2 all cores but one, and so on.
        Results do not depend on it.
    workspace : int, default=256
        Memory for the folds that are worked on together, in MiB, beside a square matrix
        of n_samples where that is used.

    Returns
    -------
    predictions : ndarray of shape (n_components, n_samples[, n_targets])
        Row a - 1 holds the predictions with a components.

    Raises
    ------
    ValueError
        If the splits are no partition, a training set has fewer than two samples of
        positive weight, or X, y or weights are not finite.

    Warns
    -----
    UserWarning
        If a training set has no more components to give: its last predictions are
        repeated.

    See Also
    --------
    pls_resample_coef : Coefficients of many resamples.

    References
    ----------
    Rännar, S., Lindgren, F., Geladi, P. & Wold, S. (1994). A PLS kernel algorithm for
    data sets with many variables and fewer objects. Journal of Chemometrics 8,
    111-125. https://doi.org/10.1002/cem.1180080204

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.cross_decomposition import pls_cross_val_predict
    >>> from spectral_fast.datasets import load_gasoline
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> predictions = pls_cross_val_predict(X, octane, n_components=5, cv=10)
    >>> np.sqrt(np.mean((predictions - octane) ** 2, axis=1)).round(2)  # RMSECV
    array([1.38, 0.45, 0.27, 0.26, 0.24])
    """
    _check_parameters(n_components=n_components, workspace=workspace, scale=scale)
    X, Y, is_1d, sample_weight = _validate(X, y, n_components, sample_weight)
    splits = split(KFold(cv) if isinstance(cv, Integral) else cv, X, y, groups)
    check_partition(splits, len(X))
    with _threads(n_jobs):
        predictions, n_found = predict_folds(
            X, Y, splits, n_components, sample_weight, scale=scale, workspace=workspace
        )
    _warn_of_exhaustion(n_found, n_components)
    return predictions[:, :, 0] if is_1d else predictions


def pls_resample_coef(
    X: Any,
    y: Any,
    n_components: int,
    masks_or_weights: Any,
    *,
    scale: bool = False,
    n_jobs: int | None = None,
    workspace: int = 256,
) -> np.ndarray:
    """Return the PLS coefficients of many resamples of one data set.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Spectra, one a row.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    n_components : int
        Latent variables, from 1 to min(n_samples, n_features).
    masks_or_weights : array-like of shape (n_resamples, n_samples)
        For each resample, which samples it holds (bool), or how often (non-negative
        numbers: bootstrap counts, or any weights).
    scale : bool, default=False
        Whether X and y are autoscaled inside each resample.
    n_jobs : int, default=None
        Most threads: None and -1 use Numba's number, -2 all cores but one, and so on.
        Results do not depend on it.
    workspace : int, default=256
        Memory for the resamples that are worked on together, in MiB, beside a square
        matrix of n_samples where that is used.

    Returns
    -------
    coef : ndarray of shape (n_resamples[, n_targets], n_features)
        As ``coef_`` of a :class:`PLSRegression` fitted to each resample.

    Raises
    ------
    ValueError
        If a resample has fewer than two samples of positive weight, or X, y or weights
        are not finite.

    Warns
    -----
    UserWarning
        If a resample has fewer components to give: its coefficients are those of all
        that there are.

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.cross_decomposition import pls_resample_coef
    >>> from spectral_fast.datasets import load_gasoline
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> masks = np.random.default_rng(0).random((100, len(X))) < 0.8  # Monte Carlo
    >>> pls_resample_coef(X, octane, 3, masks).shape
    (100, 401)
    """
    _check_parameters(n_components=n_components, workspace=workspace, scale=scale)
    X, Y, is_1d, _ = _validate(X, y, n_components, None)
    weights = check_array(masks_or_weights, dtype=np.float64, input_name="masks_or_weights")
    if weights.shape[1] != len(X):
        raise ValueError(
            f"`masks_or_weights` must have a column for each of the {len(X)} samples; got "
            f"{weights.shape[1]}. Pass an array of shape (n_resamples, n_samples)."
        )
    check_not_negative(weights, "masks_or_weights")
    with _threads(n_jobs):
        coef, n_found = fit_resamples(X, Y, weights, n_components, scale=scale, workspace=workspace)
    _warn_of_exhaustion(n_found, n_components)
    return coef[:, 0] if is_1d else coef


def _check_parameters(*, n_components: Any, workspace: Any, scale: Any) -> None:
    # By hand: scikit-learn's decorator takes longer than the fits to a small data set.
    for name, value in (("n_components", n_components), ("workspace", workspace)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"`{name}` must be an integer from 1 up; got {value!r}. Use 1 or more."
            )
    if not isinstance(scale, bool | np.bool_):
        raise ValueError(f"`scale` must be True or False; got {scale!r}. Use True to autoscale.")


def _validate(
    X: Any, y: Any, n_components: int, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray, bool, np.ndarray | None]:
    """Return X, 2-D y, whether y was 1-D, and the weights, the largest being 1."""
    if not needs_no_conversion(X, (np.float64,)) or len(X) < 2:
        X = check_array(
            X, dtype=np.float64, order="C", ensure_min_samples=2, ensure_all_finite=False
        )
    check_finite(X)
    check_finite_targets(y)
    if not (type(y) is np.ndarray and y.dtype == np.float64 and y.ndim in (1, 2) and y.size):
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_consistent_length(X, y)
    if n_components > min(X.shape):
        raise components_error(n_components, min(X.shape))
    return X, y.reshape(len(y), -1), y.ndim == 1, check_sample_weight(sample_weight, X)


@contextmanager
def _threads(n_jobs: Any) -> Iterator[None]:
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ValueError(
            f"`n_jobs` must be None or an integer other than 0; got {n_jobs!r}. "
            "Use 1 for one thread, -1 for all."
        )
    limit = -1 if n_jobs is None else int(n_jobs)
    if limit == -1:
        limit = kernels.get_num_threads()
    elif limit < 0:  # as joblib counts
        limit = max(1, cpu_count() + 1 + limit)
    # BLAS keeps to one thread all along, as changing its mind takes longer than small products.
    with kernels.thread_limit(limit), kernels.one_blas_thread():
        yield


def predict_folds(
    X: np.ndarray,
    Y: np.ndarray,
    splits: Splits,
    n_components: int,
    sample_weight: np.ndarray | None = None,
    *,
    scale: bool = False,
    K: np.ndarray | None = None,
    workspace: int = 256,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict held-out samples as `pls_cross_val_predict` does, from checked arrays.

    Call it inside ``kernels.one_blas_thread()``.

    Parameters
    ----------
    X : (n, p) C-contiguous float64
    Y : (n, m) float64
    splits : Splits
        A partition of the samples.
    n_components : int
        At most min(n, p).
    sample_weight : (n,) float64, optional
    scale : bool
    K : (n, n) float64, optional
        Gram matrix of X, where the caller has it: centred, or nearly so.
    workspace : int
        MiB.

    Returns
    -------
    predictions : (n_components, n, m) float64
    n_found : (n_folds,) int
        Components that each training set had to give.
    """
    held_out, n_found = predict_held_out(
        X, Y, splits, n_components, sample_weight, scale=scale, K=K, workspace=workspace
    )
    predictions = np.empty((n_components, *Y.shape))
    predictions[:, np.concatenate([test for _, test in splits])] = held_out
    return predictions, n_found


def predict_held_out(
    X: np.ndarray,
    Y: np.ndarray,
    splits: Splits,
    n_components: int,
    sample_weight: np.ndarray | None = None,
    *,
    scale: bool = False,
    K: np.ndarray | None = None,
    workspace: int = 256,
) -> tuple[np.ndarray, np.ndarray]:
    """Do as `predict_folds` for any splits; the predictions stand in the order of the test rows."""
    n = len(X)
    weights = np.stack([np.bincount(train, minlength=n) for train, _ in splits])
    if sample_weight is not None:
        weights = weights * sample_weight
    _check_training_sets(weights)
    test_rows = [test for _, test in splits]
    problem = _Problem(X, Y, weights.max(axis=0), n_components, scale, False, workspace, K)
    fits, _ = problem.solve(weights, test_rows)
    return fits.predictions, fits.n_found


def fit_resamples(
    X: np.ndarray,
    Y: np.ndarray,
    weights: np.ndarray,
    n_components: int,
    *,
    scale: bool = False,
    workspace: int = 256,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients, (n_resamples, m, p), and the components found, of checked arrays.

    `weights` is (n_resamples, n); the other arguments and the rest are as in
    `predict_folds`.
    """
    _check_training_sets(weights)
    problem = _Problem(X, Y, weights.max(axis=0), n_components, scale, True, workspace)
    fits, coef = problem.solve(weights)
    assert coef is not None  # the problem wants them
    return coef, fits.n_found


def fit_blocks(
    X: np.ndarray,
    Y: np.ndarray,
    used: np.ndarray,
    blocks: Iterable[np.ndarray],
    n_sets: int,
    n_components: int,
    workspace: int = 256,
) -> Iterator[np.ndarray]:
    """Yield the coefficients of one block of training sets after another, as `fit_resamples` does.

    Parameters
    ----------
    X, Y, n_components, workspace
        As in `fit_resamples`.
    used : (n,)
        Which samples may be in a training set, above 0 for them.
    blocks : iterable of (R, n) float64
        The weights of R training sets each.
    n_sets : int
        Number of training sets in all blocks.

    Yields
    ------
    coef : (R, m, p)
    """
    problem = _Problem(X, Y, used, n_components, False, True, workspace, n_sets=n_sets)
    for weights in blocks:
        _check_training_sets(weights)
        _, coef = problem.solve(weights)
        assert coef is not None  # the problem wants them
        yield coef


class _Problem:
    """Spectra and targets to fit PLS to, on any training sets, and the ways to do so.

    Each way returns the fits, and the coefficients if they are wanted.
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        used: np.ndarray,
        n_components: int,
        scale: bool,
        wants_coef: bool,
        workspace: int,
        K: np.ndarray | None = None,
        n_sets: int | None = None,
    ) -> None:
        self.spectra = X
        self.used = used
        self.Y = Y
        self.n_components = n_components
        self.scale = scale
        self.wants_coef = wants_coef
        self.workspace = workspace
        self.K = K
        self.C = np.empty((0, 0))
        self.C_base = np.empty(0)
        self.n_sets = n_sets
        self.needs_direct = scale

    @cached_property
    def X(self) -> np.ndarray:
        """The spectra less a central one."""
        return self.spectra - central_spectrum(self.spectra, self.used)

    def solve(
        self, weights: np.ndarray, test_rows: list[np.ndarray] | None = None
    ) -> tuple[kernels.FoldFits, np.ndarray | None]:
        """Fit to each row of weights by the way that is cheapest and exact enough."""
        # Only their ratios within a training set matter; so products of tiny ones stay above zero.
        self.weights = weights / weights.max(axis=1, keepdims=True)
        self.base = self.weights.max(axis=0)
        if test_rows is None:
            test_rows = [np.empty(0, dtype=np.int64)] * len(weights)
        self.test_rows = test_rows
        way = "direct" if self.needs_direct else self._cheapest()
        fits, coef = getattr(self, f"_fit_{way}")()
        if way != "direct":
            error, error_many = self._relative_errors(fits)
            _log.debug("%s way: estimated error %.1e, and %.1e in all", way, error, error_many)
            exact = error <= _SQUARED_ERROR and error_many <= _SQUARED_ERROR_MANY
            if not exact or fits.n_found.min() < self.n_components:
                way = "direct"
                self.needs_direct = True
                fits, coef = self._fit_direct()
        if way == "direct":
            _log.debug(
                "direct way: %d × %d, %d training sets", *self.spectra.shape, len(self.weights)
            )
        return fits, coef

    def _cheapest(self) -> str:
        """Return the way that takes the least time, counted in multiplications."""
        n, p = self.spectra.shape
        m, A = self.Y.shape[1], self.n_components
        rows = len(self.weights) * m
        changes = np.count_nonzero(self.weights != self.base)
        if self._takes_own_covariances():
            for_one = 7 * rows * p
        else:
            for_one = rows * p / 2 + 7 * changes * m
        # Square products run at twice the speed of products of a few rows with many, which wait
        # for memory; products with single vectors at a seventh of it.
        # Of the square matrices each block of training sets bears its share.
        share = 1.0 if self.n_sets is None else len(self.weights) / self.n_sets
        multiplications = {
            "gram": (share * n * n * p / 4 if self.K is None else 0) + rows * n * n * A / 2,
            "covariance": share * n * p * p / 4 + (for_one + n) * p * A,
            "direct": 2 * rows * n * p * A,
        }
        return min(multiplications, key=multiplications.__getitem__)

    def _fit_gram(self) -> tuple[kernels.FoldFits, np.ndarray | None]:
        if self.K is None:
            self.K = kernels.gram(self.X)
        n, m = self.Y.shape
        fits = self._in_blocks(
            lambda part: kernels.pls_gram(
                self.K,
                self.Y,
                self.weights[part],
                self.test_rows[part],
                self.n_components,
                dual=self.wants_coef,
            ),
            n * (5 * m + self.n_components * (1 + self.wants_coef)),
        )
        coef = kernels.pls_coefficients(fits.coefficients, self.X) if self.wants_coef else None
        return fits, coef

    def _fit_covariance(self) -> tuple[kernels.FoldFits, np.ndarray]:
        X, n_components = self.X, self.n_components
        own = self._takes_own_covariances()
        C = kernels.fold_covariances(X, self.weights) if own else self._base_covariance()
        fits = self._in_blocks(
            lambda part: kernels.pls_covariance(
                C[part] if own else C,
                X,
                self.Y,
                self.weights[part],
                self.base,
                self.test_rows[part],
                n_components,
            ),
            X.shape[1] * (5 * self.Y.shape[1] + 2 * n_components),
        )
        return fits, fits.coefficients

    def _base_covariance(self) -> np.ndarray:
        """Return the covariance matrix of the samples, weighted by their base; it is kept."""
        if not np.array_equal(self.base, self.C_base):
            everywhere = (self.base == 1.0).all()
            weighted = self.X if everywhere else np.sqrt(self.base)[:, np.newaxis] * self.X
            self.C, self.C_base = kernels.covariance(weighted), self.base
        return self.C

    def _takes_own_covariances(self) -> bool:
        """Whether the covariance way makes a matrix for each training set.

        Where the workspace holds them, and they are shorter than the samples left out.
        """
        p = self.spectra.shape[1]
        n_folds = len(self.weights)
        changes = np.count_nonzero(self.weights != self.base)
        return 2 * changes > n_folds * p and n_folds * p * p * 8 <= self.workspace * 2**20

    def _fit_direct(self) -> tuple[kernels.FoldFits, np.ndarray | None]:
        n, p = self.spectra.shape
        m = self.Y.shape[1]
        fits = self._in_blocks(
            lambda part: kernels.pls_direct(
                self.X,
                self.Y,
                self.weights[part],
                self.test_rows[part],
                self.n_components,
                scale=self.scale,
                dual=self.wants_coef,
            ),
            n * (5 * m + self.n_components * (1 + self.wants_coef)) + 16 * m * p,
        )
        if not self.wants_coef:
            return fits, None
        variance = kernels.channel_variances(self.X, self.weights) if self.scale else None
        return fits, kernels.pls_coefficients(fits.coefficients, self.X, variance)

    def _in_blocks(self, fit: Callable[[slice], kernels.FoldFits], floats: int) -> kernels.FoldFits:
        """Run `fit` on as many training sets at a time as the workspace holds.

        `floats` is how many numbers it keeps for one of them.
        """
        size = max(1, self.workspace * 2**20 // (8 * floats))
        starts = range(0, len(self.weights), size)
        parts = [fit(slice(start, start + size)) for start in starts]
        if len(parts) == 1:
            return parts[0]
        predictions, *others = zip(*parts, strict=True)
        return kernels.FoldFits(np.concatenate(predictions, axis=1), *map(np.concatenate, others))

    def _relative_errors(self, fits: kernels.FoldFits) -> tuple[float, float]:
        """Return the estimated rounding error for up to ten components and for all.

        Relative to the RMSECV, or to the spread of y where nothing is predicted.
        """
        noise = np.maximum.accumulate(fits.noise.max(axis=0))
        if fits.predictions.shape[1]:
            errors = fits.predictions - self.Y[np.concatenate(self.test_rows)]
            reference = np.sqrt((errors * errors).mean(axis=1)).min(axis=1)
        else:
            reference = np.full(self.n_components, self.Y.std(axis=0).min())
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(noise > 0, noise / reference, 0.0)
        return relative[:_MANY].max(), relative.max()


def central_spectrum(X: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the most central of a few samples of those that are `used`.

    What is subtracted from X changes no model, but its rounding. A mean would follow
    a sample that is far off.
    """
    rows = np.flatnonzero(used)
    few = rows[:: max(1, len(rows) // _FEW)]
    parts = X[few, :: max(1, X.shape[1] // _SOME)]
    deviations = parts - parts[0]
    products = deviations @ deviations.T
    norms = products.diagonal()
    distances = norms[:, np.newaxis] + norms - 2 * products
    middle = len(few) // 2
    return X[few[np.partition(distances, middle, axis=1)[:, middle].argmin()]]


def _check_training_sets(weights: np.ndarray) -> None:
    small = np.flatnonzero((weights > 0).sum(axis=1) < 2)
    if small.size:
        raise ValueError(
            "Each training set must have at least two samples of positive weight; number "
            f"{small[0]} (counted from 0) has {(weights[small[0]] > 0).sum()}. "
            "Hold out fewer samples, or give more of them weight."
        )


def _warn_of_exhaustion(n_found: np.ndarray, n_components: int) -> None:
    short = np.flatnonzero(n_found < n_components)
    if short.size:
        warnings.warn(
            f"{short.size} of {n_found.size} training sets have fewer than {n_components} "
            f"components to give, number {short[0]} (counted from 0) has {n_found[short[0]]}; X or "
            "y holds no more there. What all of them give is repeated for the rest.",
            stacklevel=3,  # the caller of the public function
        )
