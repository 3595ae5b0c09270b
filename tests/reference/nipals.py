"""PLS regression by NIPALS as in the textbooks, subtracting each component from X and Y."""

import itertools
from types import SimpleNamespace

import numpy as np

EPS = np.finfo(float).eps


def first_singular_vectors(X, Y, max_iter, tol):
    """The power method on Xᵀ Y, started from the first column of Y that is not zero."""
    u = next(y for y in Y.T if np.any(np.abs(y) > EPS))
    previous = np.full(X.shape[1], 100.0)
    for iteration in itertools.count(1):
        w = X.T @ u / (u @ u)
        w = w / (np.sqrt(w @ w) + EPS)
        t = X @ w
        v = Y.T @ t / (t @ t)
        u = Y @ v / (v @ v + EPS)
        converged = np.sum((w - previous) ** 2) < tol
        if Y.shape[1] == 1 or converged or iteration == max_iter:
            return w, v, iteration
        previous = w


def nipals(X, Y, n_components, scale, max_iter=500, tol=1e-6):
    """Wegelin 2000, section 4.1, regression mode; Y comes centred and scaled.

    Arrays hold one component a row, and zeros after Y is exhausted.
    """
    n, p = X.shape
    m = Y.shape[1]
    x_mean = X.mean(axis=0)
    X = X - x_mean
    x_std = np.ones(p)
    if scale:
        x_std = X.std(axis=0, ddof=1)
        x_std[np.ptp(X, axis=0) == 0] = 1.0
        X = X / x_std
    Y = Y.copy()
    found = SimpleNamespace(
        x_weights=np.zeros((n_components, p)),
        y_weights=np.zeros((n_components, m)),
        x_scores=np.zeros((n_components, n)),
        y_scores=np.zeros((n_components, n)),
        x_loadings=np.zeros((n_components, p)),
        y_loadings=np.zeros((n_components, m)),
        x_mean=x_mean,
        x_std=x_std,
        n_iter=np.zeros(n_components, dtype=int),
    )
    for k in range(n_components):
        Y[:, np.all(np.abs(Y) < 10 * EPS, axis=0)] = 0.0
        if not np.any(np.abs(Y) > EPS):
            break
        w, v, found.n_iter[k] = first_singular_vectors(X, Y, max_iter, tol)
        sign = np.sign(w[np.argmax(np.abs(w))])
        w, v = sign * w, sign * v
        t = X @ w
        u = Y @ v / (v @ v)
        loading_x = X.T @ t / (t @ t)
        loading_y = Y.T @ t / (t @ t)
        X = X - np.outer(t, loading_x)
        Y = Y - np.outer(t, loading_y)
        found.x_weights[k], found.y_weights[k] = w, v
        found.x_scores[k], found.y_scores[k] = t, u
        found.x_loadings[k], found.y_loadings[k] = loading_x, loading_y
    return found
