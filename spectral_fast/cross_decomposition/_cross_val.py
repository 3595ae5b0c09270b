"""Cross-validated and resampled PLS: all training sets and component counts in one pass."""

import logging
import warnings
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, check_consistent_length

from spectral_fast import kernels
from spectral_fast._validation import check_finite, needs_no_conversion

__all__ = ["pls_cross_val_predict", "pls_resample_coef"]

_log = logging.getLogger(__name__)

#: Largest rounding error of the RMSECV, relative to it, that a Gram or covariance matrix may
#: cause: with up to ten components, and with any number. Beyond, the spectra themselves are used.
_SQUARED_ERROR = 3e-10
_SQUARED_ERROR_MANY = 3e-8
_MANY = 10


def pls_cross_val_predict(
    X,
    y,
    n_components,
    *,
    cv=5,
    scale=False,
    sample_weight=None,
    groups=None,
    n_jobs=None,
    workspace=256,
):
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
        Most threads; None and -1 use Numba's number. Results do not depend on it.
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
    _check_integers(n_components=n_components, workspace=workspace)
    X, Y, is_1d, sample_weight = _validate(X, y, n_components, sample_weight)
    n = len(X)
    splits = list(check_cv(cv).split(X, y, groups))
    test_rows = [np.asarray(test) for _, test in splits]
    if not np.array_equal(np.sort(np.concatenate(test_rows)), np.arange(n)):
        raise ValueError(
            "`cv` must hold out every sample exactly once; its test sets are no partition of the "
            f"{n} samples. Use a k-fold or leave-one-out splitter, once for each repetition."
        )
    weights = np.stack([np.bincount(train, minlength=n) for train, _ in splits]) * sample_weight
    with _threads(n_jobs):
        found, _ = _fit_folds(X, Y, weights, test_rows, n_components, scale, False, workspace)
    predictions = np.empty((n_components, n, Y.shape[1]))
    predictions[:, np.concatenate(test_rows)] = found
    return predictions[:, :, 0] if is_1d else predictions


def pls_resample_coef(
    X, y, n_components, masks_or_weights, *, scale=False, n_jobs=None, workspace=256
):
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
        Most threads; None and -1 use Numba's number. Results do not depend on it.
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
    _check_integers(n_components=n_components, workspace=workspace)
    X, Y, is_1d, _ = _validate(X, y, n_components, None)
    weights = check_array(masks_or_weights, dtype=np.float64, input_name="masks_or_weights")
    if weights.shape[1] != len(X):
        raise ValueError(
            f"`masks_or_weights` must have a column for each of the {len(X)} samples; got "
            f"{weights.shape[1]}. Pass an array of shape (n_resamples, n_samples)."
        )
    _check_weights(weights, "masks_or_weights")
    none = [np.empty(0, dtype=np.int64)] * len(weights)
    with _threads(n_jobs):
        _, coef = _fit_folds(X, Y, weights, none, n_components, scale, True, workspace)
    return coef[:, 0] if is_1d else coef


def _check_integers(**parameters):
    # By hand: scikit-learn's decorator takes longer than the fits to a small data set.
    for name, value in parameters.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(
                f"`{name}` must be an integer from 1 up; got {value!r}. Use 1 or more."
            )


def _validate(X, y, n_components, sample_weight):
    """Return X, 2-D y, whether y was 1-D, and the weights."""
    if not needs_no_conversion(X, (np.float64,)) or len(X) < 2:
        X = check_array(
            X, dtype=np.float64, order="C", ensure_min_samples=2, ensure_all_finite=False
        )
    check_finite(X)
    y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_consistent_length(X, y)
    if n_components > min(X.shape):
        raise ValueError(
            f"`n_components` must be at most min(n_samples, n_features)={min(X.shape)}; got "
            f"{n_components}. Use {min(X.shape)} or fewer."
        )
    if sample_weight is None:
        sample_weight = np.ones(len(X))
    else:
        sample_weight = check_array(
            sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
        )
        check_consistent_length(X, sample_weight)
        _check_weights(sample_weight, "sample_weight")
    return X, y.reshape(len(y), -1), y.ndim == 1, sample_weight


def _check_weights(weights, name):
    if (weights < 0).any():
        raise ValueError(
            f"`{name}` must not be negative; got {weights.min():g}. Use 0 to leave a sample out."
        )


@contextmanager
def _threads(n_jobs):
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1):
        raise ValueError(
            f"`n_jobs` must be None, -1 or a positive integer; got {n_jobs!r}. "
            "Use 1 for one thread."
        )
    limit = kernels.get_num_threads() if n_jobs in (None, -1) else int(n_jobs)
    # BLAS keeps to one thread all along, as changing its mind takes longer than small products.
    with kernels.thread_limit(limit), kernels.one_blas_thread():
        yield


def _fit_folds(X, Y, weights, test_rows, n_components, scale, wants_coef, workspace):
    """Fit PLS to every row of `weights`, by the way that is cheapest and exact enough.

    Returns the predictions, and the coefficients if they are wanted.
    """
    _check_training_sets(weights)
    base = weights.max(axis=0)
    # Not the models' centring, only better for the rounding. Samples without weight, whose
    # spectra may be anything, have no part in it.
    X = X - (X.mean(axis=0) if base.all() else X[base > 0].mean(axis=0))
    way = "direct" if scale else _cheapest(X, Y, weights, base, n_components)
    problem = X, Y, weights, base, test_rows, n_components, scale, wants_coef, workspace
    fits, coef = _WAYS[way](*problem)
    if way != "direct":
        error, error_many = _relative_errors(fits, Y, test_rows, n_components)
        _log.debug("%s way: estimated error %.1e, and %.1e in all", way, error, error_many)
        exact = error <= _SQUARED_ERROR and error_many <= _SQUARED_ERROR_MANY
        if not exact or fits.n_found.min() < n_components:
            way = "direct"
            fits, coef = _WAYS[way](*problem)
    if way == "direct":
        _log.debug("direct way: %d × %d, %d training sets", *X.shape, len(weights))
    _warn_of_exhaustion(fits.n_found, n_components)
    return fits.predictions, coef


def _cheapest(X, Y, weights, base, n_components):
    """Return the way that takes the least time, counted in multiplications."""
    n, p = X.shape
    rows = len(weights) * Y.shape[1]
    changes = np.count_nonzero(weights != base) * Y.shape[1]
    # Square products run at twice the speed of products of a few rows with many, which wait
    # for memory; products with single samples at a third of it.
    multiplications = {
        "gram": n * n * p / 4 + rows * n * n * n_components / 2,
        "covariance": n * p * p / 4 + (rows * p / 2 + 9 * changes) * p * n_components,
        "direct": 2 * rows * n * p * n_components,
    }
    return min(multiplications, key=multiplications.__getitem__)


def _by_gram(X, Y, weights, base, test_rows, n_components, scale, wants_coef, workspace):
    K = kernels.gram(X)
    n, m = Y.shape
    fits = _in_blocks(
        lambda part: kernels.pls_gram(
            K, Y, weights[part], test_rows[part], n_components, dual=wants_coef
        ),
        len(weights),
        n * (4 * m + n_components * (1 + wants_coef)),
        workspace,
    )
    return fits, kernels.pls_coefficients(fits.coefficients, X) if wants_coef else None


def _by_covariance(X, Y, weights, base, test_rows, n_components, scale, wants_coef, workspace):
    weighted = X if (base == 1.0).all() else np.sqrt(base)[:, np.newaxis] * X
    C = kernels.covariance(weighted)
    fits = _in_blocks(
        lambda part: kernels.pls_covariance(
            C, X, Y, weights[part], base, test_rows[part], n_components
        ),
        len(weights),
        X.shape[1] * (5 * Y.shape[1] + 2 * n_components),
        workspace,
    )
    return fits, fits.coefficients


def _directly(X, Y, weights, base, test_rows, n_components, scale, wants_coef, workspace):
    n, m = Y.shape
    fits = _in_blocks(
        lambda part: kernels.pls_direct(
            X, Y, weights[part], test_rows[part], n_components, scale=scale, dual=wants_coef
        ),
        len(weights),
        n * (4 * m + n_components * (1 + wants_coef)) + 16 * m * X.shape[1],
        workspace,
    )
    if not wants_coef:
        return fits, None
    variance = kernels.channel_variances(X, weights) if scale else None
    return fits, kernels.pls_coefficients(fits.coefficients, X, variance)


_WAYS = {"gram": _by_gram, "covariance": _by_covariance, "direct": _directly}


def _in_blocks(fit, n_folds, floats, workspace):
    """Run `fit` on as many training sets at a time as the workspace holds.

    `floats` is how many numbers it keeps for one of them.
    """
    size = max(1, workspace * 2**20 // (8 * floats))
    parts = [fit(slice(start, start + size)) for start in range(0, n_folds, size)]
    if len(parts) == 1:
        return parts[0]
    predictions, *others = zip(*parts, strict=True)
    return kernels.FoldFits(np.concatenate(predictions, axis=1), *map(np.concatenate, others))


def _check_training_sets(weights):
    small = np.flatnonzero((weights > 0).sum(axis=1) < 2)
    if small.size:
        raise ValueError(
            "Each training set must have at least two samples of positive weight; number "
            f"{small[0]} (counted from 0) has {(weights[small[0]] > 0).sum()}. "
            "Hold out fewer samples, or give more of them weight."
        )


def _relative_errors(fits, Y, test_rows, n_components):
    """Return the estimated rounding error for up to ten components and for all.

    Relative to the RMSECV, or to the spread of y where nothing is predicted.
    """
    noise = np.maximum.accumulate(fits.noise.max(axis=0))
    if fits.predictions.shape[1]:
        errors = fits.predictions - Y[np.concatenate(test_rows)]
        reference = np.sqrt((errors * errors).mean(axis=1)).min(axis=1)
    else:
        reference = np.full(n_components, Y.std(axis=0).min())
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(noise > 0, noise / reference, 0.0)
    return relative[:_MANY].max(), relative.max()


def _warn_of_exhaustion(n_found, n_components):
    short = np.flatnonzero(n_found < n_components)
    if short.size:
        warnings.warn(
            f"{short.size} of {n_found.size} training sets have fewer than {n_components} "
            f"components to give, number {short[0]} (counted from 0) has {n_found[short[0]]}; X or "
            "y holds no more there. What all of them give is repeated for the rest.",
            stacklevel=4,  # the caller of the public function
        )
