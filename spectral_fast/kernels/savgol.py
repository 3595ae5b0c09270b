"""Savitzky-Golay filtering of rows."""

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import helper, kernel

__all__ = ["savgol"]

#: Rows are dealt to at most this many tasks, each with its own accumulator.
_MAX_TASKS = 64


@helper()
def _filter_inside(x, weights, total, out):
    """Write ``Σ_k weights[k] x[j + k]`` for every window that lies inside `x`.

    Three taps a sweep vectorise, more would not; `total` stays in the first-level cache.
    """
    window = weights.size
    inside = x.size - window + 1
    if window == 1:
        for j in range(inside):
            out[j] = weights[0] * x[j]
        return
    for j in range(inside):
        total[j] = 0.0
    for k in range(window % 3):
        x0 = x[k:]
        for j in range(inside):
            total[j] += weights[k] * x0[j]
    for k in range(window % 3, window, 3):
        w0, w1, w2 = weights[k], weights[k + 1], weights[k + 2]
        x0, x1, x2 = x[k:], x[k + 1 :], x[k + 2 :]
        if k < window - 3:
            for j in range(inside):
                total[j] += w0 * x0[j] + w1 * x1[j] + w2 * x2[j]
        else:
            for j in range(inside):
                out[j] = total[j] + (w0 * x0[j] + w1 * x1[j] + w2 * x2[j])


def _examples():
    for dtype in (np.float64, np.float32):
        X = np.ones((2, 4), dtype)
        yield X, np.ones(3), np.ones((2, 6)), np.ones(2), np.empty((1, 4)), np.empty_like(X)


@kernel(
    work=lambda X, weights, edge_weights, edge_offsets, work, out: X.size * weights.size,
    examples=_examples,
)
def _savgol(X, weights, edge_weights, edge_offsets, work, out):
    n, p = X.shape
    window = weights.size
    half = window // 2
    n_tasks = work.shape[0]
    for task in prange(n_tasks):
        total = work[task]
        for i in range(task * n // n_tasks, (task + 1) * n // n_tasks):
            _filter_inside(X[i], weights, total, out[i, half:])
            for e in range(2 * half):
                edge = edge_offsets[e]
                for k in range(2 * window):
                    if edge_weights[e, k] != 0.0:
                        edge += edge_weights[e, k] * X[i, k if k < window else p - 2 * window + k]
                out[i, e if e < half else p - 2 * half + e] = edge


def savgol(X, weights, edge_weights, edge_offsets, out):
    """Convolve each row with a symmetric window, and fill its edges from their own weights.

    With h = window // 2, ``out[i, j] = Σ_k weights[k] X[i, j - h + k]`` for
    h ≤ j < p - h. The h points at either edge are affine in the first and the
    last `window` channels, which covers every way of extending a row. A NaN or
    infinity reaches the points whose window holds it. O(n p window).

    Parameters
    ----------
    X : (n, p) float64 or float32, C-contiguous
    weights : (window,) float64, window odd and at most p
    edge_weights : (2 h, 2 window) float64
        One line for each edge point, left ones first: its weights on the first
        `window` channels, then on the last.
    edge_offsets : (2 h,) float64
        Added to the edge points.
    out : like X, written; must not overlap X

    References
    ----------
    Savitzky & Golay 1964, Analytical Chemistry 36, 1627-1639;
    Gorry 1990, Analytical Chemistry 62, 570-573, for the edges.
    """
    work = np.empty((max(1, min(X.shape[0], _MAX_TASKS)), X.shape[1]))
    _savgol(X, weights, edge_weights, edge_offsets, work, out)
