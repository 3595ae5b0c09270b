"""CARS as in Li et al. 2009: scikit-learn's PLS, run by run, fold by fold and count by count."""

import numpy as np
from sklearn.cross_decomposition import PLSRegression

from tests.reference.intervals import lower, pls_rmsecv


def coefficient_sizes(X, Y, n_components):
    """Return |b| of PLS, of several targets in their standard deviations and pooled."""
    n_components = min(n_components, X.shape[1], len(X) - 1)
    coef = PLSRegression(n_components, scale=False).fit(X, Y).coef_
    if Y.shape[1] == 1:
        return np.abs(coef[0])
    return np.sqrt(np.sum((coef / Y.std(axis=0)[:, np.newaxis]) ** 2, axis=0))


def cars(X, Y, splits, random_state, *, max_components=10, n_runs=50, train_size=0.8):
    """Return the survivors of each run, their RMSECV, and the number of the best run.

    Draws from the RandomState: in each run a permutation of the samples, then a
    uniform number for each channel drawn.
    """
    n, p = X.shape
    n_drawn = max(2, round(train_size * n))
    a = (p / 2) ** (1 / (n_runs - 1))
    k = np.log(p / 2) / (n_runs - 1)
    alive = list(range(p))
    runs, errors = [], []
    for i in range(1, n_runs + 1):
        rows = random_state.permutation(n)[:n_drawn]
        weights = coefficient_sizes(X[rows][:, alive], Y[rows], max_components)
        n_kept = int(a * np.exp(-k * i) * p + 0.5)
        best = sorted(range(len(alive)), key=lambda c: (-weights[c], c))[:n_kept]
        total = sum(weights[c] for c in best)
        drawn = set()
        for u in random_state.uniform(size=p):
            cumulative = 0.0
            for c in best:
                cumulative += weights[c] / total
                if u < cumulative:
                    drawn.add(alive[c])
                    break
        alive = sorted(drawn)
        runs.append(alive)
        errors.append(pls_rmsecv(X[:, alive], Y, splits, max_components)[0])
    winner = 0
    for i in range(1, n_runs):
        fewer = len(runs[i]) < len(runs[winner])
        if lower(errors[i], errors[winner]) or (fewer and not lower(errors[winner], errors[i])):
            winner = i
    return runs, errors, winner
