"""Weights and samples against imbalance."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class RegressionSampleWeighter(TransformerMixin, BaseEstimator):
    """Weights by which models that take them count rare values more."""

    def __init__(self, strategy="binning", n_bins=5, boost_factor=2.0):
        self.strategy = strategy
        self.n_bins = n_bins
        self.boost_factor = boost_factor
        self.sample_weight_ = None

    def fit(self, X, y):
        y = np.asarray(y, dtype=float)
        if self.strategy == "rare_boost":
            distance = np.abs(y - np.median(y))
            weights = 1.0 + (self.boost_factor - 1.0) * distance / distance.max()
        else:
            bins = np.digitize(y, np.linspace(y.min(), y.max(), self.n_bins + 1))
            weights = 1.0 / np.bincount(bins)[bins]
        self.sample_weight_ = weights / weights.mean()
        return self

    def transform(self, X):
        return X


def build_imbalance_transformer(method, task_type="classification", **params):
    if task_type == "regression" and method in ("binning", "rare_boost", "balanced"):
        return RegressionSampleWeighter(strategy=method, **params)
    raise ValueError(f"Unknown {task_type} method: {method}")
