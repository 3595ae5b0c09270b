"""Selection of the channels that predict a property."""

from spectral_fast.feature_selection._covsel import CovSel
from spectral_fast.feature_selection._importance import VIP, CoefficientMagnitude, SelectivityRatio
from spectral_fast.feature_selection._uve import MCUVE, UVE

__all__ = ["MCUVE", "UVE", "VIP", "CoefficientMagnitude", "CovSel", "SelectivityRatio"]
