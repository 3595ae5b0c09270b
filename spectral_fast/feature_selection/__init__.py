"""Selection of the channels that predict a property."""

from spectral_fast.feature_selection._covsel import CovSel
from spectral_fast.feature_selection._importance import VIP, CoefficientMagnitude, SelectivityRatio

__all__ = ["VIP", "CoefficientMagnitude", "CovSel", "SelectivityRatio"]
