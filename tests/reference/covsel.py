"""CovSel as in the paper: the channel of largest covariance, and both X and Y deflated by it."""

import numpy as np

from tests.reference.importance import pooled


def covsel(X, Y, n_channels):
    """Return the channels in the order of selection, and their squared covariances."""
    n = len(X)
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    if Y.shape[1] > 1:
        Y = Y / Y.std(axis=0)
    order, strengths = [], []
    for _ in range(n_channels):
        squared = [sum((X[:, j] @ y / n) ** 2 for y in Y.T) for j in range(X.shape[1])]
        for j in order:
            squared[j] = 0.0
        best = int(np.argmax(squared))
        order.append(best)
        strengths.append(squared[best])
        z = X[:, best]
        P = np.eye(n) - np.outer(z, z) / (z @ z)
        X, Y = P @ X, P @ Y
    return np.array(order), np.array(strengths)


def rmsecv(X, Y, order, splits):
    """Return the pooled RMSECV of least squares on the first 1, 2, … channels of `order`."""
    path = []
    for size in range(1, len(order) + 1):
        design = np.column_stack([np.ones(len(X)), X[:, order[:size]]])
        squares = np.empty(Y.shape)
        for train, test in splits:
            coef = np.linalg.lstsq(design[train], Y[train], rcond=None)[0]
            squares[test] = (design[test] @ coef - Y[test]) ** 2
        path.append(pooled(squares, Y))
    return np.array(path)
