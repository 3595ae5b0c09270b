"""Successive projections algorithm by projections and least squares, one model at a time.

Araújo et al. 2001 for the chains, Galvão et al. 2008 for the elimination.
"""

import numpy as np
from scipy.stats import f as f_distribution


def chain(X, start, length):
    """Return the chain from a start, on mean-centred columns; it ends at the rank."""
    X = X - X.mean(axis=0)
    floor = sum(X.shape) * np.finfo(float).eps * max(np.linalg.norm(x) for x in X.T)
    if np.linalg.norm(X[:, start]) <= floor:
        return []
    channels = [start]
    while len(channels) < length:
        Q, _ = np.linalg.qr(X[:, channels])
        residuals = X - Q @ (Q.T @ X)
        residuals -= Q @ (Q.T @ residuals)
        squares = np.sum(residuals**2, axis=0)
        squares[channels] = -1.0
        if squares.max() <= floor**2:
            break
        channels.append(int(np.flatnonzero(squares >= squares.max() * (1 - 1e-10))[0]))
    return channels


def chains(X, starts, length):
    """Return the chain of each start as a row, with -1 beyond its end."""
    rows = [chain(X, start, length) for start in starts]
    return np.array([row + [-1] * (length - len(row)) for row in rows])


def with_intercept(X):
    return np.column_stack([np.ones(len(X)), X])


def shares_of_residuals(X, train):
    """Return the part of each channel's squared residual that the training samples hold."""
    full, part = (np.linalg.qr(with_intercept(rows))[1] for rows in (X, X[train]))
    shares = np.zeros(len(full))
    shares[: len(part)] = (np.diag(part) / np.diag(full)[: len(part)]) ** 2
    return shares


def mlr_errors(X, Y, splits):
    """Return the summed squared held-out errors of each target; infinite for collinear folds."""
    total = np.zeros(Y.shape[1])
    for train, test in splits:
        if not (shares_of_residuals(X, train) > 1e-10).all():
            return np.full(Y.shape[1], np.inf)
        # columns of equal length lose the least digits
        scale = np.linalg.norm(X[train] - X[train].mean(axis=0), axis=0)
        shifted = (X - X[train].mean(axis=0)) / scale
        coef = np.linalg.lstsq(with_intercept(shifted[train]), Y[train], rcond=None)[0]
        total += np.sum((with_intercept(shifted[test]) @ coef - Y[test]) ** 2, axis=0)
    return total


def chain_errors(X, Y, rows, splits):
    """Return those errors with the first 1, 2, … channels of each row."""
    errors = np.full((*np.shape(rows), Y.shape[1]), np.inf)
    for s, row in enumerate(rows):
        for k in range(1, np.count_nonzero(np.array(row) >= 0) + 1):
            errors[s, k - 1] = mlr_errors(X[:, row[:k]], Y, splits)
    return errors


def rmsecv(errors, Y):
    """Return the RMSECV: in the unit of y for one target, relative for several."""
    mse = errors / len(Y)
    return np.sqrt(mse[0] if Y.shape[1] == 1 else np.mean(mse / Y.var(axis=0, ddof=1)))


def relevance(X, Y):
    """Return |b| sd(x) of the regression on all samples."""
    coef = np.linalg.lstsq(with_intercept(X), Y, rcond=None)[0][1:]
    sd = np.ones(1) if Y.shape[1] == 1 else Y.std(axis=0)
    return np.mean(np.abs(coef) / sd, axis=1) * X.std(axis=0, ddof=1)


def is_least(error, least, Y):
    spread = rmsecv(np.sum((Y - Y.mean(axis=0)) ** 2, axis=0), Y)
    return error <= least * (1 + 1e-8) + 1e-10 * spread


def spa(X, Y, splits, least, most, starts=None, alpha=0.25, press=mlr_errors):
    """Return the selected channels, best first, and what led to them.

    `press` gives the errors of a set of channels, X, Y and splits given.

    Returns
    -------
    selected, eliminated, relevances, subsets, rmsecv
        Subsets and RMSECV are dicts by size.
    """
    starts = range(X.shape[1]) if starts is None else starts
    rows = [chain(X, start, most) for start in starts]
    errors, subsets = {}, {}
    for size in range(least, most + 1):
        found = [
            rmsecv(press(X[:, row[:size]], Y, splits), Y) if len(row) >= size else np.inf
            for row in rows
        ]
        if np.isfinite(found).any():
            errors[size] = min(found)
            first = next(s for s, error in enumerate(found) if is_least(error, min(found), Y))
            subsets[size] = rows[first][:size]
    size = next(k for k in errors if is_least(errors[k], min(errors.values()), Y))
    channels = np.sort(subsets[size])
    relevances = relevance(X[:, channels], Y)
    channels = channels[np.argsort(-relevances, kind="stable")]
    scree = [rmsecv(press(X[:, channels[:k]], Y, splits), Y) for k in range(1, len(channels) + 1)]
    bound = min(scree) * np.sqrt(f_distribution.ppf(1 - alpha, len(X), len(X)))
    kept = 1 + next(k for k, error in enumerate(scree) if is_least(error, bound, Y))
    kept = max(least, kept)
    return channels[:kept], channels[kept:], np.sort(relevances)[::-1], subsets, errors
