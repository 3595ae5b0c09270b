"""Boosted trees, every split tried by plain loops over samples and channels."""

import numpy as np


def boosted(X, y, n_rounds, learning_rate, max_depth, reg_lambda, symmetric=False):
    """Return the predictions for the training samples after each round, (n_rounds, n).

    `symmetric` trees, CatBoost's, split all leaves of a level on the same channel and value.
    """
    grow = symmetric_leaves if symmetric else leaves
    predictions = np.full(len(y), y.mean())
    stages = []
    for _ in range(n_rounds):
        residuals = y - predictions
        for rows in grow(X, residuals, np.ones(len(y)), max_depth, reg_lambda):
            value = residuals[rows].sum() / (len(rows) + reg_lambda)
            predictions[rows] += learning_rate * value
        stages.append(predictions.copy())
    return np.array(stages)


def boosted_classes(X, second, n_rounds, learning_rate, max_depth, reg_lambda):
    """Return the probabilities of the second of two classes after each round, (n_rounds, n).

    A step is Newton's for the log loss: the derivatives are second - p, weighed by p(1 - p).
    """
    share = second.mean()
    logits = np.full(len(second), np.log(share / (1 - share)))
    stages = []
    for _ in range(n_rounds):
        p = 1 / (1 + np.exp(-logits))
        residuals, weights = second - p, p * (1 - p)
        for rows in leaves(X, residuals, weights, max_depth, reg_lambda):
            value = residuals[rows].sum() / (weights[rows].sum() + reg_lambda)
            logits[rows] += learning_rate * value
        stages.append(1 / (1 + np.exp(-logits)))
    return np.array(stages)


def splits(X, rows):
    """Yield every way to split rows by a value of a channel."""
    for channel in range(X.shape[1]):
        for value in np.unique(X[rows, channel])[1:]:
            below = X[rows, channel] < value
            yield rows[below], rows[~below]


def leaves(X, residuals, weights, depth, reg_lambda, rows=None):
    """Return the leaves of a tree as row numbers, each split by itself."""

    def score(rows):
        return residuals[rows].sum() ** 2 / (weights[rows].sum() + reg_lambda)

    rows = np.arange(len(X)) if rows is None else rows
    best, gain = None, 1e-9
    for left, right in splits(X, rows):
        if score(left) + score(right) - score(rows) > gain:
            best, gain = (left, right), score(left) + score(right) - score(rows)
    if depth == 0 or best is None:
        return [rows]
    return [
        leaf
        for part in best
        for leaf in leaves(X, residuals, weights, depth - 1, reg_lambda, rows=part)
    ]


def symmetric_leaves(X, residuals, weights, depth, reg_lambda):
    """Return the leaves of a tree of equal splits, each the best by the cosine of the fit."""

    def cosine(parts):
        sums = np.array([residuals[rows].sum() for rows in parts])
        sizes = np.array([weights[rows].sum() for rows in parts])
        values = sums / (sizes + reg_lambda)
        return (values @ sums) / np.sqrt(values**2 @ sizes + 1e-100)

    parts = [np.arange(len(X))]
    for _ in range(depth):
        best, most = parts, -np.inf
        for channel in range(X.shape[1]):
            for value in np.unique(X[:, channel])[1:]:
                halves = [
                    rows[side]
                    for rows in parts
                    for side in (X[rows, channel] < value, X[rows, channel] >= value)
                ]
                if cosine(halves) > most + 1e-12:
                    best, most = halves, cosine(halves)
        parts = [rows for rows in best if len(rows)]
    return parts
