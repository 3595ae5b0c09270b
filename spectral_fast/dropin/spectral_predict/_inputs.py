"""Spectra and reference values as the application's functions take them."""

from typing import Any

import numpy as np

from spectral_fast._validation import check_finite, check_finite_targets

__all__ = ["check_inputs"]


def check_inputs(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return X as a matrix of floats and y as a vector of float64.

    X keeps its precision and its layout.

    Raises
    ------
    ValueError
        If one of them is no such thing, holds NaN or infinity, or they do not match.
    """
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(
            f"`X` must have a row for each sample and a column for each channel; got {X.ndim} "
            "dimensions. Pass an array of shape (n_samples, n_features)."
        )
    if X.dtype.kind != "f":
        X = X.astype(np.float64)
    check_finite(X)
    y = np.asarray(y).ravel()
    if y.dtype.kind not in "fiub":
        text = [each for each in y if isinstance(each, str | bytes)]
        if text:
            raise ValueError(
                f"`y` must hold numbers; got text such as {text[0]!r}. Encode labels as numbers, "
                "and convert numbers that are stored as text."
            )
    y = y.astype(np.float64)
    if len(y) != len(X):
        raise ValueError(
            f"`y` must have a value for each of the {len(X)} samples of X; got {len(y)}."
        )
    check_finite_targets(y)
    return X, y
