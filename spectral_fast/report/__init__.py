"""The self-contained HTML report of a search."""

from spectral_fast.report._coefficients import RegressionVector, regression_vector
from spectral_fast.report._html import write_report

__all__ = ["RegressionVector", "regression_vector", "write_report"]
