"""What a search found: a report, a ranking, the regression vector, the domain, a script."""

from spectral_fast.report._coefficients import RegressionVector, regression_vector
from spectral_fast.report._domain import calibration_domain, distances
from spectral_fast.report._html import write_report
from spectral_fast.report._ranking import ranking_text
from spectral_fast.report._script import rebuild_script

__all__ = [
    "RegressionVector",
    "calibration_domain",
    "distances",
    "ranking_text",
    "rebuild_script",
    "regression_vector",
    "write_report",
]
