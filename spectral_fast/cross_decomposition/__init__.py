"""Latent-variable regression."""

from spectral_fast.cross_decomposition._pls import PLSRegression

__all__ = ["PLSRegression"]
