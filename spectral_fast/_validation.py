"""Checks of spectra and reference values, with errors that say where the fault is."""

import itertools
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval

__all__ = [
    "N_JOBS",
    "check_finite",
    "check_finite_targets",
    "check_not_negative",
    "check_sample_weight",
    "check_spectra",
    "components_error",
    "listed",
    "needs_no_conversion",
]

#: What `n_jobs` may be, as a constraint of scikit-learn's: not 0, at which joblib fails.
N_JOBS = [
    Interval(Integral, None, -1, closed="right"),
    Interval(Integral, 1, None, closed="left"),
    None,
]

_N_LISTED = 5


def check_spectra(X: Any, y: Any = None, *, channel_names: Sequence[Any] | None = None) -> None:
    """Raise an error where spectra or reference values cannot be calibrated on.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Spectra, one a row.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Reference values, in the target's unit.
    channel_names : sequence of length n_features, default=None
        What to call the channels in an error; by default their numbers from 0.

    Raises
    ------
    ValueError
        If X or y holds NaN or infinity, a spectrum has the same value in every
        channel, or a target has the same value in every sample. Rows are counted
        from 0.

    Examples
    --------
    >>> from spectral_fast._validation import check_spectra
    >>> check_spectra([[0.1, 0.2], [0.3, float("nan")]], channel_names=["900 nm", "902 nm"])
    Traceback (most recent call last):
        ...
    ValueError: X has NaN or infinite values in row 1 (counted from 0), channel 902 nm. Remove \
these rows or channels, or fill the gaps.
    """
    X = np.asarray(X)
    check_finite(X, channel_names)
    _check_varying_spectra(X)
    if y is not None:
        _check_targets(np.asarray(y))


def needs_no_conversion(X: Any, dtypes: Sequence[Any]) -> bool:
    """Return whether `X` is a C-contiguous matrix of one of the types already.

    Conversions then change nothing, and take longer than a kernel on a small matrix.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.size > 0
        and X.dtype in dtypes
        and X.flags.c_contiguous
    )


def check_finite(X: np.ndarray, channel_names: Sequence[Any] | None = None) -> None:
    """Raise an error that names the rows and channels where `X` holds NaN or infinity."""
    with np.errstate(all="ignore"):
        if np.isfinite(X.sum(dtype=np.float64)):
            return  # without the memory for a mask
    bad = ~np.isfinite(X)
    if bad.any():
        rows = np.flatnonzero(bad.any(axis=1))
        names = range(X.shape[1]) if channel_names is None else channel_names
        channels = itertools.compress(names, bad.any(axis=0))
        raise ValueError(
            f"X has NaN or infinite values in {listed(rows, 'row')} (counted from 0), "
            f"{listed(channels, 'channel')}. Remove these rows or channels, or fill the gaps."
        )


def _check_varying_spectra(X: np.ndarray) -> None:
    constant = np.flatnonzero(X.min(axis=1) == X.max(axis=1))
    if X.shape[1] > 1 and constant.size:
        raise ValueError(
            f"X has the same value in every channel of {listed(constant, 'row')} "
            "(counted from 0). Remove these rows: such a spectrum holds no information."
        )


def check_finite_targets(y: Any) -> None:
    """Raise an error that names the rows where `y` holds NaN or infinity.

    What else may be wrong with `y` is left to scikit-learn's checks.
    """
    try:
        y = np.asarray(y)
        y = y.astype(np.float64) if y.dtype == object else y
    except (TypeError, ValueError):
        return
    if y.ndim == 0 or y.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(y.reshape(len(y), -1)).all(axis=1))
    if bad.size:
        raise ValueError(
            f"y has NaN or infinite values in {listed(bad, 'row')} (counted from 0). "
            "Remove these rows, or measure them."
        )


def _check_targets(y: np.ndarray) -> None:
    check_finite_targets(y)
    y = y.reshape(len(y), -1)
    constant = np.flatnonzero(y.min(axis=0) == y.max(axis=0))
    if constant.size:
        where = "" if y.shape[1] == 1 else f" in {listed(constant, 'target')} (counted from 0)"
        raise ValueError(
            f"y is constant{where}: all {len(y)} samples have the value "
            f"{y[0, constant[0]]:g}. A calibration needs samples that differ."
        )


def check_sample_weight(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Return the weights of the samples of `X` as float64, or None where there are none."""
    if sample_weight is None:
        return None
    weights = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(
            f"`sample_weight` must have one dimension; got shape {weights.shape}. "
            "Pass one number for each sample."
        )
    check_consistent_length(X, weights)
    check_not_negative(weights, "sample_weight")
    if np.count_nonzero(weights) < 2:
        raise ValueError(
            "`sample_weight` must be above zero for at least two samples; it is for "
            f"{np.count_nonzero(weights)}. Give more samples weight."
        )
    return weights


def check_not_negative(weights: np.ndarray, name: str) -> None:
    """Raise an error where one of the `weights`, the values of the parameter `name`, is."""
    if (weights < 0).any():
        raise ValueError(
            f"`{name}` must not be negative; got {weights.min():g}. Use 0 to leave a sample out."
        )


def components_error(n_components: int, largest: int, of: str = "") -> ValueError:
    """Return the error that `n_components` is not from 1 to `largest`, the bound by the data.

    `of` says of what data, where they are not those of the caller.
    """
    where = f" of {of}" if of else ""
    if largest < 1:
        remedy = "Pass samples that have channels"
    elif n_components < 1:
        remedy = "Use 1 or more"
    else:
        remedy = f"Use {largest} or fewer"
    return ValueError(
        f"`n_components` must be from 1 to min(n_samples, n_features)={largest}{where}; got "
        f"{n_components}. {remedy}."
    )


def listed(names: Iterable[Any], noun: str = "") -> str:
    """Return '1, 2, 3, 4, 5 and 12 more', with a noun 'rows 1, 2, 3, 4, 5 and 12 more'."""
    names = [str(name) for name in names]
    text = ", ".join(names[:_N_LISTED])
    if noun:
        text = f"{noun}{'s' * (len(names) > 1)} {text}"
    more = len(names) - _N_LISTED
    return f"{text} and {more} more" if more > 0 else text
