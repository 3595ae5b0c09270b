"""Boosted trees: one facade over XGBoost, LightGBM and CatBoost."""

from spectral_fast.boosting._facade import BoostedClassifier, BoostedRegressor

__all__ = ["BoostedClassifier", "BoostedRegressor"]
