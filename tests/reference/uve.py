"""Uninformative variable elimination: scikit-learn's PLS, training set by training set."""

import numpy as np
from sklearn.cross_decomposition import PLSRegression

from tests.reference.importance import rmsecv
from tests.reference.spa import spa


def reliability(X, Y, training_sets, n_components):
    """Return mean / standard deviation of each coefficient, (n_targets, n_features).

    A training set holds row numbers; a sample of weight two is there twice.
    """
    models = []
    for rows in training_sets:
        pls = PLSRegression(n_components, scale=False)
        models.append(pls.fit(X[rows], Y[rows]).coef_)
    c = np.empty(models[0].shape)
    for target in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[target, j] = ratio([model[target, j] for model in models])
    return c


def coefficient_reliability(coef):
    """Return mean / standard deviation of each column."""
    return np.array([ratio(list(column)) for column in coef.T])


def ratio(values):
    mean = sum(values) / len(values)
    sd = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    if mean == 0:
        return 0.0
    return mean / sd if sd > 0 else np.inf * mean


def uve(X, Y, training_sets, n_components, *, noise=1e-10, n_noise=None, share=1.0, seed=0):
    """Return the channels kept, the reliabilities of channels and noise, and the cutoff."""
    n, p = X.shape
    E = np.random.RandomState(seed).random_sample((n, n_noise or p))
    E = E * noise * np.sqrt(np.mean([X[:, j].var() for j in range(p)]))
    c = reliability(np.column_stack([X, E]), Y, training_sets, n_components)
    strength = [max(abs(c[:, j])) for j in range(c.shape[1])]
    from_noise = sorted(strength[p:])
    # the least value that the share of the noise does not exceed
    cutoff = next(
        value
        for k, value in enumerate(from_noise, start=1)
        if k >= share * len(from_noise) * (1 - 1e-12)
    )
    kept = [j for j in range(p) if strength[j] > cutoff]
    return kept, c[:, :p], c[:, p:], cutoff


def draws(n, n_resamples, n_train, seed=0):
    """Return the rows of each random training set."""
    rng = np.random.RandomState(seed)
    return [np.sort(np.argsort(rng.random_sample(n))[:n_train]) for _ in range(n_resamples)]


def mcuve(X, Y, training_sets, n_components, sizes, splits):
    """Return reliabilities, channels from the best on, and the RMSECV of each number of them."""
    c = reliability(X, Y, training_sets, n_components)
    strength = [max(abs(c[:, j])) for j in range(X.shape[1])]
    order = sorted(range(X.shape[1]), key=lambda j: (-strength[j], j))
    return c, order, rmsecv(X, Y, order, sizes, n_components, splits)


def uve_spa(X, Y, training_sets, n_components, splits, least, most, starts=None):
    """Return the channels kept by UVE, those selected, best first, and those eliminated by SPA."""
    kept, *_ = uve(X, Y, training_sets, n_components)
    if starts is not None:
        starts = [position for position, channel in enumerate(kept) if channel in starts]
    selected, eliminated, *_ = spa(X[:, kept], Y, splits, least, most, starts)
    return kept, [kept[j] for j in selected], [kept[j] for j in eliminated]
