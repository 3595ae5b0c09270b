"""Reliability of regression coefficients over the models of many training sets.

References
----------
Centner et al. 1996, Analytical Chemistry 68, 3851-3858.
"""

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import kernel

__all__ = ["coefficient_reliability"]

#: Coefficients that a task works on: their two sums stay in the fastest cache.
_CHUNK = 256


def _examples():
    yield np.ones((2, 3)), np.empty(3), np.empty(3)


@kernel(work=lambda coef, *rest: 6 * coef.size, examples=_examples)
def _reliability(coef, workmean, out):
    n_models, p = coef.shape
    for chunk in prange((p + _CHUNK - 1) // _CHUNK):
        start, stop = chunk * _CHUNK, min(p, (chunk + 1) * _CHUNK)
        mean, c = workmean[start:stop], out[start:stop]
        first = coef[0, start:stop]
        mean[:] = 0.0
        c[:] = 0.0
        # From the first model's coefficient on, so that equal ones have no rounded mean.
        for model in range(n_models):
            b = coef[model, start:stop]
            for j in range(stop - start):
                mean[j] += b[j] - first[j]
        for j in range(stop - start):
            mean[j] = first[j] + mean[j] / n_models
        for model in range(n_models):
            b = coef[model, start:stop]
            for j in range(stop - start):
                c[j] += (b[j] - mean[j]) * (b[j] - mean[j])
        for j in range(stop - start):
            sd = np.sqrt(c[j] / (n_models - 1))
            if mean[j] == 0.0:
                c[j] = 0.0
            elif sd == 0.0:
                c[j] = np.copysign(np.inf, mean[j])
            else:
                c[j] = mean[j] / sd


def coefficient_reliability(coef: np.ndarray) -> np.ndarray:
    """Return the mean of each coefficient over the models, divided by its standard deviation.

    ``c[j] = mean(coef[:, j]) / sd(coef[:, j])``, the deviation with one degree of freedom
    less than there are models. 0 where the mean is 0; infinite, with the sign of the
    mean, where all models have the same coefficient. NaN where one of them is. O(R p).

    Parameters
    ----------
    coef : (R, p) float64
        Coefficients of R models, at least two.

    Returns
    -------
    c : (p,) float64

    Examples
    --------
    >>> import numpy as np
    >>> coefficient_reliability(np.array([[1.0, -2.0, 3.0], [-1.0, -4.0, 3.0]]))
    array([ 0.        , -2.12132034,         inf])
    """
    p = coef.shape[1]
    out = np.empty(p)
    _reliability(np.ascontiguousarray(coef), np.empty(p), out)
    return out
