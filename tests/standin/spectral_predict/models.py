"""The models and their grids."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from . import model_registry

TIERS = {"quick": ("PLS", "Ridge"), "standard": ("PLS", "Ridge", "Lasso", "RandomForest")}


class PLSTransformer(TransformerMixin, BaseEstimator):
    """Scores of partial least squares, as a step before a classifier."""

    def __init__(self, n_components=2, max_iter=500, tol=1e-6, scale=False):
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol
        self.scale = scale

    def fit(self, X, y):
        self.pls_ = PLSRegression(**self.get_params()).fit(X, y)
        return self

    def transform(self, X):
        return self.pls_.transform(X)


def get_model_grids(
    task_type,
    n_features,
    max_n_components=8,
    max_iter=500,
    ridge_alphas_list=None,
    lasso_alphas_list=None,
    elasticnet_alphas_list=None,
    elasticnet_l1_ratios=None,
    rf_n_trees_list=None,
    tier="standard",
    enabled_models=None,
    **others,
):
    names = enabled_models or TIERS[tier]
    components = range(2, max_n_components + 1)
    trees = rf_n_trees_list or [20]
    if task_type == "classification":
        grids = {
            "PLS-DA": [(PLSTransformer(a), {"n_components": a}) for a in components],
            "RandomForest": [
                (RandomForestClassifier(t, random_state=42), {"n_estimators": t}) for t in trees
            ],
        }
        return {name: grid for name, grid in grids.items() if name in names or name == "PLS-DA"}
    grids = {
        "PLS": [(PLSRegression(a, scale=False), {"n_components": a}) for a in components],
        "Ridge": [
            (Ridge(alpha, random_state=42), {"alpha": alpha})
            for alpha in ridge_alphas_list or [0.01, 1.0]
        ],
        "Lasso": [
            (Lasso(alpha, max_iter=max_iter, random_state=42), {"alpha": alpha})
            for alpha in lasso_alphas_list or [0.1]
        ],
        "ElasticNet": [
            (
                ElasticNet(alpha, l1_ratio=ratio, max_iter=max_iter, random_state=42),
                {"alpha": alpha, "l1_ratio": ratio},
            )
            for alpha in elasticnet_alphas_list or [0.1]
            for ratio in elasticnet_l1_ratios or [0.5]
        ],
        "RandomForest": [
            (RandomForestRegressor(t, random_state=42), {"n_estimators": t}) for t in trees
        ],
    }
    return {name: grid for name, grid in grids.items() if name in names}


def compute_vip(pls_model, X, y):
    """Return the importance in projection, the loadings of y left out."""
    pls = getattr(pls_model, "pls_", pls_model)
    squares = np.sum(pls.x_scores_**2, axis=0)
    return np.sqrt(len(pls.x_weights_) * (pls.x_weights_**2 @ squares) / squares.sum())


def get_feature_importances(model, model_name, X, y):
    if not model_registry.supports_feature_importance(model_name):
        raise ValueError(f"Unknown model type: {model_name}")
    if model_name in ("PLS", "PLS-DA"):
        return compute_vip(model, X, y)
    if model_name == "RandomForest":
        return model.feature_importances_
    return np.abs(model.coef_).ravel()
