"""Interval PLS: scikit-learn's PLS, fold by fold and count by count, for each set of intervals."""

import itertools

import numpy as np
from sklearn.cross_decomposition import PLSRegression

#: What rounding may make of equal errors, relative to them.
EQUAL = 1e-9


def pls_rmsecv(X, Y, splits, max_components, weights=None):
    """Return the least RMSECV over the numbers of components, and the fewest that give it.

    `Y` has two dimensions. `weights` are whole numbers: how often each sample is there.
    """
    weights = np.ones(len(X), dtype=int) if weights is None else weights
    smallest = min(np.count_nonzero(weights[train]) for train, _ in splits)
    best = None
    for a in range(1, min(max_components, X.shape[1], smallest - 1) + 1):
        predictions = np.empty(Y.shape)
        for train, test in splits:
            rows = np.repeat(train, weights[train])
            model = PLSRegression(a, scale=False).fit(X[rows], Y[rows])
            predictions[test] = model.predict(X[test]).reshape(len(test), -1)
        mse = np.average((predictions - Y) ** 2, axis=0, weights=weights)
        if Y.shape[1] > 1:
            mse = mse / Y.var(axis=0, ddof=1)
        rmse = np.sqrt(mse.mean())
        if best is None or lower(rmse, best[0]):
            best = rmse, a
    return best


def lower(error, other):
    return error * (1 + EQUAL) < other


def cut(p, n_intervals, width=None):
    """Return the channels of each interval."""
    channels = list(range(p))
    if width is None:
        return [list(part) for part in np.array_split(channels, n_intervals)]
    return [channels[start : start + width] for start in range(0, p, width)]


def interval_pls(X, Y, splits, intervals, method, *, n_combined=2, max_components=10, weights=None):
    """Return the chosen intervals and what was compared: (intervals, RMSECV, components)."""

    def score(numbers):
        channels = [j for number in sorted(numbers) for j in intervals[number]]
        found = pls_rmsecv(X[:, channels], Y, splits, max_components, weights)
        return tuple(sorted(numbers)), *found

    def best_of(numbers):
        best = None
        for each in map(score, numbers):
            if best is None or lower(each[1], best[1]):
                best = each
        return best

    everything = tuple(range(len(intervals)))
    if method == "forward":
        path = [best_of([(k,) for k in everything])]
        while len(path[-1][0]) < len(intervals):
            last = path[-1]
            step = best_of([(*last[0], k) for k in everything if k not in last[0]])
            if not lower(step[1], last[1]):
                break
            path.append(step)
        return path[-1][0], path
    if method == "backward":
        path = [score(everything)]
        while len(path[-1][0]) > 1:
            last = path[-1][0]
            path.append(best_of([tuple(set(last) - {k}) for k in reversed(last)]))
        best = path[-1]
        for each in reversed(path):
            if lower(each[1], best[1]):
                best = each
        return best[0], path
    size = n_combined if method == "synergy" else 1
    sets = list(itertools.combinations(everything, size))
    return best_of(sets)[0], sorted(map(score, sets), key=lambda each: each[1])
