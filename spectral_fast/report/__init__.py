"""What a search found: an HTML report, a ranking as text, the regression vector."""

from spectral_fast.report._coefficients import RegressionVector, regression_vector
from spectral_fast.report._html import write_report
from spectral_fast.report._ranking import ranking_text

__all__ = ["RegressionVector", "ranking_text", "regression_vector", "write_report"]
