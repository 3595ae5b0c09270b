"""Savitzky-Golay filtering by a polynomial fitted in every window."""

import numpy as np
from numpy.polynomial import Polynomial

# Channels beyond the ends, for a row of p channels.
EXTENSION = {
    "mirror": lambda j, p: -j if j < 0 else 2 * (p - 1) - j,
    "nearest": lambda j, p: 0 if j < 0 else p - 1,
    "wrap": lambda j, p: j % p,
}


def value(row, j, mode, cval):
    """The extended row at channel j, which may lie beyond its ends."""
    if 0 <= j < len(row):
        return row[j]
    if mode == "constant":
        return cval
    return row[EXTENSION[mode](j, len(row))]


def fitted(values, polyorder, deriv, delta, at):
    """Fit a polynomial to one window by least squares, and differentiate it at one point."""
    if not np.isfinite(values).all():
        return np.nan
    points = delta * np.arange(len(values))
    domain = None if len(points) > 1 else [-1.0, 1.0]  # NumPy 2.0 divides by its width
    return Polynomial.fit(points, values, polyorder, domain).deriv(deriv)(points[at])


def savgol(X, window, polyorder, deriv=0, delta=1.0, mode="interp", cval=0.0):
    """Savitzky & Golay 1964; with mode "interp", the edges of Gorry 1990."""
    half = window // 2
    p = X.shape[1]
    out = np.empty(X.shape)
    for i, row in enumerate(X.astype(np.float64)):
        for j in range(p):
            centre = min(max(j, half), p - 1 - half) if mode == "interp" else j
            window_values = [
                value(row, k, mode, cval) for k in range(centre - half, centre + half + 1)
            ]
            at = j - centre + half
            out[i, j] = fitted(np.array(window_values), polyorder, deriv, delta, at)
    return out


def convolve(X, weights, edge_weights, edge_offsets):
    """Weighted sums: a moving window inside, the two outermost windows at the edges."""
    window = len(weights)
    half = window // 2
    p = X.shape[1]
    out = np.empty(X.shape)
    for i, row in enumerate(X.astype(np.float64)):
        ends = np.concatenate([row[:window], row[p - window :]])
        for j in range(half, p - half):
            out[i, j] = np.dot(weights, row[j - half : j + half + 1])
        for e in range(2 * half):
            used = edge_weights[e] != 0
            j = e if e < half else p - 2 * half + e
            out[i, j] = edge_offsets[e] + np.dot(edge_weights[e, used], ends[used])
    return out
