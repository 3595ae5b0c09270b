"""PLS models of many training sets at once, by the cheapest way that is exact enough."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np

from spectral_fast import kernels
from spectral_fast._folds import Splits

__all__ = [
    "central_spectrum",
    "fit_blocks",
    "fit_resamples",
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
