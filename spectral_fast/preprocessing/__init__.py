"""Transformers that remove scatter, baselines and noise from spectra."""

from spectral_fast.preprocessing._savgol import SavitzkyGolay
from spectral_fast.preprocessing._scatter import MSC, SNV

__all__ = ["MSC", "SNV", "SavitzkyGolay"]
