"""Lasso and elastic net by coordinate descent, one coordinate after another."""

import numpy as np


def duality_gap(X, y, w, l1, l2, positive):
    """Return the gap, the gradient and the largest entry of it.

    Fercoq, Gramfort & Salmon 2015, section 2, with √l2 I as p more rows of X.
    """
    residuals = y - X @ w
    gradient = X.T @ residuals - l2 * w
    largest = np.max(gradient if positive else np.abs(gradient))
    squares = residuals @ residuals + l2 * (w @ w)
    scale = min(1.0, l1 / largest) if largest > 0 else 1.0
    primal = 0.5 * squares + l1 * np.abs(w).sum()
    dual = scale * (residuals @ y) - 0.5 * scale**2 * squares
    return primal - dual, gradient, largest


def descend(X, y, l1, l2, max_iter, tol, positive):
    """Minimise ``‖y - X w‖² / 2 + l1 ‖w‖₁ + l2 ‖w‖² / 2``: Friedman et al. 2010, equation 5.

    Channels are screened whenever the gap is known: Ndiaye et al. 2017, equation 11.
    """
    w = np.zeros(X.shape[1])
    norms = (X**2).sum(axis=0)
    tolerance = tol * (y @ y)
    active = [j for j in range(len(w)) if norms[j] > 0]
    gap, gradient, largest = duality_gap(X, y, w, l1, l2, positive)
    n_iter = 0
    settled = True
    while gap > tolerance:
        if settled:
            radius = np.sqrt(2 * gap) / l1
            correlation = np.abs(gradient) / max(l1, largest)
            inside = [j for j in active if 1 - correlation[j] <= radius * np.sqrt(norms[j] + l2)]
            w[[j for j in active if j not in inside]] = 0.0
            active = inside
        if n_iter == max_iter:
            break
        before = w.copy()
        for j in active:
            rest = X[:, j] @ (y - X @ w) + norms[j] * w[j]
            size = max((rest if positive else abs(rest)) - l1, 0.0)
            w[j] = np.sign(rest) * size / (norms[j] + l2)
        n_iter += 1
        settled = not w.any() or np.abs(w - before).max() <= tol * np.abs(w).max()
        settled = settled or n_iter == max_iter
        if settled:
            gap, gradient, largest = duality_gap(X, y, w, l1, l2, positive)
    return w, gap, tolerance, n_iter


def elastic_net_folds(
    X, Y, folds, alphas, l1_ratios, max_iter, tol, positive=False, fit_intercept=True
):
    """Return coefficients, intercepts, gaps, tolerances and sweeps by fold, penalty, target."""
    shape = (len(folds), len(alphas), Y.shape[1])
    coef = np.empty((*shape, X.shape[1]))
    intercept, gap, tolerance = np.empty(shape), np.empty(shape), np.empty(shape)
    n_iter = np.empty(shape, dtype=int)
    for at in np.ndindex(shape):
        fold, c, target = at
        X_train, y_train = X[folds[fold]], Y[folds[fold], target]
        x_mean = X_train.mean(axis=0) * fit_intercept
        y_mean = y_train.mean() * fit_intercept
        weight = alphas[c] * len(y_train)
        coef[at], gap[at], tolerance[at], n_iter[at] = descend(
            X_train - x_mean, y_train - y_mean,
            weight * l1_ratios[c], weight * (1 - l1_ratios[c]), max_iter, tol, positive,
        )  # fmt: skip
        intercept[at] = y_mean - x_mean @ coef[at]
    return coef, intercept, gap, tolerance, n_iter
