"""The application's transformers.

Their results are the application's to the last bit: support vector machines and neural networks
that stop early tell spectra apart that differ by rounding errors.
"""

import numpy as np
from scipy.signal import savgol_filter
from sklearn.base import BaseEstimator, TransformerMixin

from spectral_fast.dropin._pickling import StandIn

__all__ = ["SNV", "SavgolDerivative"]

_ORIGIN = "spectral_predict.preprocess"


class _Stateless(TransformerMixin, BaseEstimator):
    """A transformer that learns nothing.

    Its attributes are its parameters and nothing else, as in the application.
    """

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True


class SNV(StandIn, _Stateless):
    """Standard normal variate of each spectrum."""

    __module__ = _ORIGIN

    def transform(self, X):
        """Return the spectra, each with mean 0 and standard deviation 1."""
        X = np.asarray(X)
        sd = X.std(axis=1, keepdims=True)
        sd[sd == 0.0] = 1.0
        return (X - X.mean(axis=1, keepdims=True)) / sd


class SavgolDerivative(StandIn, _Stateless):
    """Savitzky-Golay derivative of each spectrum.

    Parameters
    ----------
    deriv : int, default=1
        Order of the derivative.
    window : int, default=7
        Channels in the window; an even number stands for the next one.
    polyorder : int, default=None
        Degree of the polynomial; None means 2 for the first derivative, else 3.
    """

    __module__ = _ORIGIN

    def __init__(self, deriv=1, window=7, polyorder=None):
        self.deriv = deriv
        self.window = window
        self.polyorder = polyorder

    def transform(self, X):
        """Return the derivatives of the spectra, by channel."""
        X = np.asarray(X)
        window = self.window + (self.window % 2 == 0)
        polyorder = self.polyorder
        if polyorder is None:
            polyorder = 2 if self.deriv == 1 else 3
        if window < polyorder + 2:
            raise ValueError(
                f"`window` must be at least polyorder + 2 = {polyorder + 2}; got {self.window}. "
                "Use a wider window, or a lower polyorder."
            )
        if window > X.shape[1]:
            raise ValueError(
                f"`window` must be at most the number of channels, {X.shape[1]}; got "
                f"{self.window}. Use a narrower window, or wider spectra."
            )
        return savgol_filter(X, window, polyorder, deriv=self.deriv)
