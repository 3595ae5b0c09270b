"""Small spectra that several test files share."""

import numpy as np
from sklearn.model_selection import KFold

from spectral_fast.datasets import load_gasoline, load_tecator


def mixtures(n=16, p=21, n_targets=1, seed=0):
    """Return spectra of which the channels from a third to two thirds hold the targets."""
    rng = np.random.default_rng(seed)
    concentrations = rng.uniform(size=(n, 3)) * [5.0, 2.0, 1.0]
    bands = np.exp(-(((np.arange(p) / p - np.array([[0.4], [0.5], [0.6]])) / 0.06) ** 2))
    X = 1.0 + concentrations @ bands + 0.1 * rng.normal(size=(n, p))
    Y = concentrations @ rng.normal(size=(3, n_targets)) * [7.0, 1.0, 0.1][:n_targets]
    Y = Y + 0.02 * Y.std(axis=0) * rng.normal(size=Y.shape)
    return X, Y[:, 0] if n_targets == 1 else Y


def folds(n, n_splits=4):
    """Return the folds that an int `cv` stands for by default."""
    return list(KFold(n_splits, shuffle=True, random_state=0).split(np.empty(n)))


def measured(name):
    """Return the spectra and the target, fat or octane, of a bundled table."""
    if name == "tecator":
        X, contents = load_tecator(return_X_y=True)
        return X, contents[:, 1]
    return load_gasoline(return_X_y=True)


def noisy_mixtures(seed, noise=1.0):
    """Return spectra, y and which channels hold y (0), something else (1) or noise alone (2).

    The standard deviation of the noise is `noise` where there is nothing else, as at the ends
    of a detector, and 0.2 elsewhere.
    """
    rng = np.random.default_rng(seed)
    band = np.exp(-0.5 * np.linspace(-1.5, 1.5, 20) ** 2)
    y, other = rng.uniform(size=(2, 100))
    X = np.hstack([np.outer(y, band), np.outer(other, band[::2]), np.zeros((100, 60))])
    kinds = np.repeat([0, 1, 2], [20, 10, 60])
    X += np.where(kinds == 2, noise, 0.2) * rng.normal(size=X.shape)
    return X, y + 0.02 * rng.normal(size=100), kinds
