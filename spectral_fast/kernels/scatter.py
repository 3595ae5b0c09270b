"""Row-wise scatter correction: standard normal variate and multiplicative scatter correction.

Each row is read while it lies in the first-level cache and written once, so on
large matrices both kernels run at memory speed.
"""

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import helper, kernel

__all__ = ["msc", "snv"]

# Sums may be reordered so that they vectorise; each row is one thread's work,
# hence the order does not depend on the number of threads.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

_EPS = np.finfo(np.float64).eps


@helper(fastmath=_SUM_FLAGS)
def _mean(row):
    total = np.float64(0.0)  # also where NumPy would sum float32 rows in float32
    for j in range(row.size):
        total += row[j]
    return total / row.size


@helper(fastmath=_SUM_FLAGS)
def _sum_of_squares(row, mean):
    total = 0.0
    for j in range(row.size):
        total += (row[j] - mean) * (row[j] - mean)
    return total


@helper(fastmath=_SUM_FLAGS)
def _sum_of_products(row, mean, weights):
    total = 0.0
    for j in range(row.size):
        total += (row[j] - mean) * weights[j]
    return total


def _examples_snv():
    for dtype in (np.float64, np.float32):
        yield np.ones((2, 3), dtype), np.empty((2, 3), dtype)


@kernel(work=lambda X, out: 4 * X.size, examples=_examples_snv)
def snv(X, out):
    """Centre each row and divide it by its standard deviation.

    ``out[i, j] = (X[i, j] - mean_i) / sd_i`` with ``sd_i² = Σ_j (X[i, j] - mean_i)² / p``.
    A row that is constant within rounding becomes zeros; a NaN or infinity makes
    its row NaN. O(n p).

    Parameters
    ----------
    X : (n, p) float64 or float32, C-contiguous
    out : like X, written; may be X

    References
    ----------
    Barnes, Dhanoa & Lister 1989, Applied Spectroscopy 43, 772-777, eq. 1.
    """
    n, p = X.shape
    for i in prange(n):
        mean = _mean(X[i])
        variance = _sum_of_squares(X[i], mean) / p
        rounding = p * _EPS * mean
        factor = 0.0 if variance <= rounding * rounding else 1.0 / np.sqrt(variance)
        for j in range(p):
            out[i, j] = (X[i, j] - mean) * factor


def _examples_msc():
    for dtype in (np.float64, np.float32):
        yield np.ones((2, 3), dtype), np.ones(3), np.empty((2, 3), dtype)


@kernel(work=lambda X, reference, out: 5 * X.size, examples=_examples_msc)
def msc(X, reference, out):
    """Remove from each row its offset and slope against a reference spectrum.

    Least squares ``X[i] ≈ a_i + b_i reference``, then ``out[i] = (X[i] - a_i) / b_i``.
    A row with b_i = 0 within rounding, such as a constant one, has its offset
    removed and keeps its scale; a NaN or infinity makes its row NaN. O(n p).

    Parameters
    ----------
    X : (n, p) float64 or float32, C-contiguous
    reference : (p,) float64, not constant
    out : like X, written; may be X

    References
    ----------
    Geladi, MacDougall & Martens 1985, Applied Spectroscopy 39, 491-500, eqs. 3-5.
    """
    n, p = X.shape
    reference_mean = _mean(reference)
    reference_ss = _sum_of_squares(reference, reference_mean)
    for i in prange(n):
        mean = _mean(X[i])
        # Σ (x - mean) reference = Σ (x - mean)(reference - reference_mean)
        slope = _sum_of_products(X[i], mean, reference) / reference_ss
        rounding = p * _EPS * abs(mean) / np.sqrt(reference_ss / p)
        factor = 1.0 if abs(slope) <= rounding else 1.0 / slope
        for j in range(p):
            out[i, j] = (X[i, j] - mean) * factor + reference_mean
