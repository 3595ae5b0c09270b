"""Latent-variable regression and classification."""

from spectral_fast.cross_decomposition._cross_val import pls_cross_val_predict, pls_resample_coef
from spectral_fast.cross_decomposition._pls import PLSRegression
from spectral_fast.cross_decomposition._pls_cv import PLSRegressionCV
from spectral_fast.cross_decomposition._plsda import PLSDA

__all__ = [
    "PLSDA",
    "PLSRegression",
    "PLSRegressionCV",
    "pls_cross_val_predict",
    "pls_resample_coef",
]
