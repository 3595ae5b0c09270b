"""Data, searches and a model that fails, for the tests of searches."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.model_selection import SpectralSearchCV


def tecator():
    data = load_tecator()
    return data.data[:40, ::3], data.target[:40, data.target_names.index("fat")]


def gasoline():
    data = load_gasoline()
    return data.data[:30, ::10], data.target[:30].ravel()


def tall():
    """More samples than channels."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(45, 24)).cumsum(axis=1)
    return X, X @ rng.normal(size=24) + rng.normal(size=45)


def several_targets():
    data = load_tecator()
    return data.data[:40, ::3], data.target[:40]


def small(n_samples=20, n_features=16, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)).cumsum(axis=1)
    return X, X[:, 3] - 0.5 * X[:, 9] + 0.1 * rng.normal(size=n_samples)


def quick(**parameters):
    return SpectralSearchCV(
        **{"models": {"ridge": {"alpha": [0.1, 1.0]}}, "preprocessing": "raw", "cv": 3} | parameters
    )


class Fails(RegressorMixin, BaseEstimator):
    def __init__(self, when="fit"):
        self.when = when

    def fit(self, X, y):
        if self.when == "fit":
            raise RuntimeError("no fit today")
        return self

    def predict(self, X):
        value = {"nan": np.nan, "inf": np.inf}.get(self.when, 0.0)
        return np.full(len(X) + (self.when == "shape"), value)
