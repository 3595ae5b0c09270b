"""Scatter correction."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array

from spectral_fast import kernels
from spectral_fast.preprocessing._base import RowTransformer, StatelessRowTransformer


class SNV(StatelessRowTransformer):
    """Standard normal variate: each spectrum centred and scaled to unit standard deviation.

    Removes the offset and the multiplicative effect of particle size and path
    length from each spectrum by itself. A spectrum that is constant over its
    channels becomes zeros.

    Attributes
    ----------
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels seen in `fit`, where they were strings.

    See Also
    --------
    MSC : Correction against a reference spectrum.

    Notes
    -----
    *Differs from the paper*: the standard deviation divides by the number of
    channels, as in most software, instead of one less. The ratio is the same
    for all spectra, so it changes no model that is free in its scale.

    References
    ----------
    Barnes, R. J., Dhanoa, M. S. & Lister, S. J. (1989). Standard normal variate
    transformation and de-trending of near-infrared diffuse reflectance spectra.
    Applied Spectroscopy 43, 772-777. https://doi.org/10.1366/0003702894202201

    Examples
    --------
    >>> from spectral_fast.preprocessing import SNV
    >>> SNV().fit_transform([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-1.225,  0.   ,  1.225]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def _apply(self, X: np.ndarray, out: np.ndarray) -> None:
        kernels.snv(X, out)


class MSC(RowTransformer):
    """Multiplicative scatter correction against a reference spectrum.

    Each spectrum is regressed on the reference, x ≈ a + b · reference, and
    becomes (x - a) / b.

    Parameters
    ----------
    reference : {"mean", "median"} or array-like of shape (n_features,), default="mean"
        The mean or the median of the calibration spectra, channel by channel, or
        a spectrum of your own.

    Attributes
    ----------
    reference_ : ndarray of shape (n_features,)
        The reference spectrum in use.
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels seen in `fit`, where they were strings.

    See Also
    --------
    SNV : Correction that needs no reference.

    Notes
    -----
    A spectrum without any slope against the reference, such as a constant one,
    has its offset removed and keeps its scale.

    *Differs from the paper*: all channels take part in the regression.

    References
    ----------
    Geladi, P., MacDougall, D. & Martens, H. (1985). Linearization and
    scatter-correction for near-infrared reflectance spectra of meat. Applied
    Spectroscopy 39, 491-500. https://doi.org/10.1366/0003702854248656

    Examples
    --------
    >>> from spectral_fast.preprocessing import MSC
    >>> MSC().fit_transform([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0]])
    array([[2. , 3.5, 5. ],
           [2. , 3.5, 5. ]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "reference": [StrOptions({"mean", "median"}), "array-like"]
    }

    def __init__(self, reference: Any = "mean") -> None:
        self.reference = reference

    def _learn(self, X: np.ndarray) -> None:
        if isinstance(self.reference, str):
            if self.reference == "mean":
                reference = X.mean(axis=0, dtype=np.float64)  # sums of float32 lose digits
            else:
                reference = np.median(X, axis=0).astype(np.float64)
        else:
            reference = check_array(
                self.reference, dtype=np.float64, ensure_2d=False, copy=True, input_name="reference"
            )
            if reference.shape != (X.shape[1],):
                raise ValueError(
                    f"`reference` must have one value a channel, shape ({X.shape[1]},); got "
                    f"{reference.shape}. Pass a spectrum on the channels of X."
                )
        if np.ptp(reference) == 0.0:
            raise ValueError(
                f"`reference` must vary over the channels; got the constant {reference[0]:g} with "
                f"n_features={X.shape[1]}. Pass another reference, or spectra that are not flat."
            )
        self.reference_ = reference

    def _apply(self, X: np.ndarray, out: np.ndarray) -> None:
        kernels.msc(X, self.reference_, out)
