"""Cross-validated and resampled PLS: all training sets and component counts in one pass."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from joblib import cpu_count
from sklearn.model_selection import KFold
from sklearn.utils import check_array, check_consistent_length

from spectral_fast import kernels
from spectral_fast._folds import check_partition, split
from spectral_fast._validation import (
    check_finite,
    check_finite_targets,
    check_not_negative,
    check_sample_weight,
    components_error,
    needs_no_conversion,
)
from spectral_fast.cross_decomposition._solver import fit_resamples, predict_folds

__all__ = ["pls_cross_val_predict", "pls_resample_coef"]


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


def _warn_of_exhaustion(n_found: np.ndarray, n_components: int) -> None:
    short = np.flatnonzero(n_found < n_components)
    if short.size:
        warnings.warn(
            f"{short.size} of {n_found.size} training sets have fewer than {n_components} "
            f"components to give, number {short[0]} (counted from 0) has {n_found[short[0]]}; X or "
            "y holds no more there. What all of them give is repeated for the rest.",
            stacklevel=3,  # the caller of the public function
        )
