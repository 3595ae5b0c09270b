"""Removal of interference."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class WavelengthExcluder(TransformerMixin, BaseEstimator):
    def __init__(self, wavelengths, exclude_ranges=None, invert=False):
        self.wavelengths = wavelengths
        self.exclude_ranges = exclude_ranges
        self.invert = invert

    def fit(self, X, y=None):
        out = np.zeros(len(self.wavelengths), dtype=bool)
        for first, last in self.exclude_ranges or ():
            out |= (self.wavelengths >= first) & (self.wavelengths <= last)
        self.mask_ = out if self.invert else ~out
        return self

    def transform(self, X):
        return np.asarray(X)[:, self.mask_]


class MSC(TransformerMixin, BaseEstimator):
    def __init__(self, reference="mean"):
        self.reference = reference

    def fit(self, X, y=None):
        self.reference_ = np.mean(X, axis=0)
        return self

    def transform(self, X):
        fits = [np.polyfit(self.reference_, row, 1) for row in np.asarray(X)]
        return np.array([(row - a) / b for row, (b, a) in zip(np.asarray(X), fits, strict=True)])


def interference_steps(settings, wavelengths):
    steps = []
    exclusion = settings.get("wavelength_exclusion", {})
    if exclusion.get("enabled") and wavelengths is not None:
        ranges = [
            tuple(float(end) for end in part.split("-"))
            for part in exclusion["exclude_ranges"].split(",")
        ]
        steps.append(("wl_exclude", WavelengthExcluder(wavelengths, ranges)))
    if settings.get("msc"):
        steps.append(("msc", MSC()))
    return steps
