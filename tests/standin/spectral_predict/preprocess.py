"""Transformers of spectra."""

import numpy as np
from scipy.signal import savgol_filter
from sklearn.base import BaseEstimator, TransformerMixin


class SNV(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        rows = []
        for row in np.asarray(X):
            sd = row.std()
            rows.append((row - row.mean()) / (sd if sd > 0 else 1.0))
        return np.array(rows)


class SavgolDerivative(TransformerMixin, BaseEstimator):
    def __init__(self, deriv=1, window=7, polyorder=None):
        self.deriv = deriv
        self.window = window
        self.polyorder = polyorder

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X = np.asarray(X)
        window = self.window if self.window % 2 else self.window + 1
        order = self.polyorder
        if order is None:
            order = {1: 2}.get(self.deriv, 3)
        if window < order + 2 or window > X.shape[1]:
            raise ValueError(f"a window of {window} does not suit")
        return savgol_filter(X, window, order, deriv=self.deriv, mode="interp")


def build_preprocessing_pipeline(
    preprocess_name,
    deriv=None,
    window=None,
    polyorder=None,
    imbalance_method=None,
    imbalance_params=None,
    task_type=None,
    interference=None,
    wavelengths=None,
):
    from .imbalance import build_imbalance_transformer
    from .interference import interference_steps

    spectral = {
        "raw": (),
        "snv": ("snv",),
        "deriv": ("savgol",),
        "snv_deriv": ("snv", "savgol"),
        "deriv_snv": ("savgol", "snv"),
    }
    if preprocess_name not in spectral:
        raise ValueError(f"Unknown preprocess: {preprocess_name}")
    steps = interference_steps(interference or {}, wavelengths)
    for name in spectral[preprocess_name]:
        steps.append((name, SNV() if name == "snv" else SavgolDerivative(deriv, window, polyorder)))
    if imbalance_method is not None:
        transformer = build_imbalance_transformer(
            imbalance_method, task_type, **(imbalance_params or {})
        )
        steps.append(("imbalance", transformer))
    return steps
