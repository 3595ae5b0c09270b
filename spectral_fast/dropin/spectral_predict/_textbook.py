"""The application's selections of channels as the literature defines them.

The names and arguments are the application's.
"""

import numpy as np

from spectral_fast.dropin.spectral_predict import _folds
from spectral_fast.dropin.spectral_predict import _variable_selection as _kept
from spectral_fast.dropin.spectral_predict._inputs import check_inputs
from spectral_fast.feature_selection import SPA, UVE
from spectral_fast.feature_selection._base import nothing_selected_ignored

__all__ = [
    "compute_vip",
    "get_uve_threshold",
    "ipls_selection",
    "spa_selection",
    "uve_selection",
    "uve_spa_selection",
]


def uve_selection(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    """Return |mean(b)| / sd(b) of each channel, by PLS that noise does not disturb."""
    return _kept.or_ones(_uve(X, y, n_components, cv_folds).scores_)


def get_uve_threshold(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    """Return the reliabilities, the largest one of noise × cutoff, and which channels exceed it."""
    uve = _uve(X, y, n_components, cv_folds)
    return _kept.above_noise(uve.scores_, uve.cutoff_ * cutoff_multiplier)


def spa_selection(X, y, n_features, n_random_starts=10, cv_folds=5):
    """Return k for the first of k channels by successive projections, … 1 for the last, else 0.

    Of the chains from all channels it is the one with the least RMSECV of multiple linear
    regression. It ends where a training set has no more channels to give.
    """
    X, y = check_inputs(X, y)
    splits = _folds.in_order(len(X), cv_folds)
    most = min(len(train) for train, _ in splits) - 1
    spa = SPA((1, min(n_features, X.shape[1], most)), cv=splits, elimination=False).fit(X, y)
    channels = spa.subset(spa.sizes_[-1])
    print(
        f"SPA: {len(channels)} of {X.shape[1]} channels, "
        f"RMSECV = {spa.rmsecv_[-1]:.4g} in cross-validation"
    )
    return _kept.by_order(channels, X.shape[1])


def ipls_selection(X, y, n_intervals=20, n_components=None, cv_folds=5):
    """Return for each channel the R² of PLS on its interval of the spectrum, 0 where negative.

    Components end at the rank of the interval.
    """
    return _kept.interval_importances(X, y, n_intervals, n_components, cv_folds, beyond_rank=False)


uve_spa_selection = _kept.uve_spa(get_uve_threshold, spa_selection)


def compute_vip(pls_model, X, y):
    """Return the variable importance in projection of each channel, (n_features,).

    VIPⱼ = √(p Σₐ SSₐ wⱼₐ² / Σₐ SSₐ), with SSₐ = t'ₐtₐ q'ₐqₐ explained of y by component a.
    """
    pls = getattr(pls_model, "pls_", pls_model)
    explained = (pls.x_scores_**2).sum(axis=0) * (pls.y_loadings_**2).sum(axis=0)
    weights = pls.x_weights_
    return np.sqrt(len(weights) * (weights**2 @ explained) / explained.sum())


def _uve(X, y, n_components, cv_folds):
    """Return UVE, fitted with noise from NumPy's global generator."""
    X, y = check_inputs(X, y)
    uve = UVE(
        _kept.uve_components(n_components, X),
        cv=_folds.shuffled(len(X), cv_folds),
        random_state=None,
    )
    with nothing_selected_ignored():  # the application keeps all channels then
        return uve.fit(X, y)
