"""Bundled real spectra, and a simulator of spectra whose truth is known."""

from spectral_fast.datasets._bundled import load_gasoline, load_tecator
from spectral_fast.datasets._simulated import make_spectra

__all__ = ["load_gasoline", "load_tecator", "make_spectra"]
