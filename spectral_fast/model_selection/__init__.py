"""Search for the best calibration: preprocessing × channels × model, cross-validated."""

from spectral_fast.model_selection._search import SpectralSearchCV

__all__ = ["SpectralSearchCV"]
