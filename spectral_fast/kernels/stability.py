"""Reliability of regression coefficients over the models of many training sets.

References
----------
Centner et al. 1996, Analytical Chemistry 68, 3851-3858; Chan, Golub & LeVeque 1983, The
American Statistician 37, 242-247.
"""

from collections.abc import Iterable

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import kernel

__all__ = ["coefficient_reliability"]

#: Coefficients that a task works on: their sums stay in the fastest cache.
_CHUNK = 256


def _examples():
    yield np.ones((2, 3)), 0, *(np.empty(3) for _ in range(4))


@kernel(work=lambda coef, *rest: 6 * coef.size, examples=_examples)
def _add_models(coef, n_before, workmean, worksquares, outmean, outsquares):
    """Add models to the mean of `n_before` others and to the squares of what differs from it."""
    n_models, p = coef.shape
    n_after = n_before + n_models
    for chunk in prange((p + _CHUNK - 1) // _CHUNK):
        start, stop = chunk * _CHUNK, min(p, (chunk + 1) * _CHUNK)
        mean, squares = workmean[start:stop], worksquares[start:stop]
        first = coef[0, start:stop]
        mean[:] = 0.0
        squares[:] = 0.0
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
                squares[j] += (b[j] - mean[j]) * (b[j] - mean[j])
        for j in range(stop - start):
            # Chan, Golub & LeVeque 1983, eq. 2.1
            change = mean[j] - outmean[start + j]
            outmean[start + j] += change * (n_models / n_after)
            outsquares[start + j] += squares[j] + change * change * (n_before * n_models / n_after)


def coefficient_reliability(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of each coefficient over the models, divided by its standard deviation.

    ``c[j] = mean(coef[:, j]) / sd(coef[:, j])``, the deviation with one degree of freedom
    less than there are models. 0 where the mean is 0; infinite, with the sign of the
    mean, where all models have the same coefficient. NaN where one of them is. O(R p).

    Parameters
    ----------
    blocks : iterable of (R, p) float64
        Coefficients of R models each, at least two in all. They need not be there at the
        same time.

    Returns
    -------
    c : (p,) float64

    Examples
    --------
    >>> import numpy as np
    >>> coefficient_reliability([np.array([[1.0, -2.0, 3.0], [-1.0, -4.0, 3.0]])])
    array([ 0.        , -2.12132034,         inf])
    """
    n_models = 0
    for block in blocks:
        coef = np.ascontiguousarray(block)
        if n_models == 0:
            mean, squares, *work = np.zeros((4, coef.shape[1]))
        _add_models(coef, n_models, *work, mean, squares)
        n_models += len(coef)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0.0, 0.0, mean / np.sqrt(squares / (n_models - 1)))
