"""Spectra made from known pure spectra and concentrations."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

_N_BANDS = 5


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "scatter": [Interval(Real, 0, None, closed="left")],
        "baseline": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_spectra(
    n_samples: int = 100,
    n_channels: int = 200,
    *,
    n_components: int = 3,
    noise: float = 1e-3,
    scatter: float = 0.1,
    baseline: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Simulate absorbance spectra of mixtures.

    Sample i obeys the Beer-Lambert law and is then disturbed as a spectrometer disturbs
    it:

        xᵢ = exp(s zᵢ) cᵢ S + b (uᵢ + vᵢ t) + σ eᵢ

    with concentrations cᵢ, pure spectra S, `scatter` s, `baseline` b, `noise` σ, and t
    running from -1 to 1 over the channels; z, u, v and every element of e are standard
    normal. A pure spectrum is a sum of five absorption bands, each Gaussian or
    Lorentzian, of random position, width and height.

    The random numbers drawn do not depend on `noise`, `scatter` and `baseline`:
    one seed gives the same mixtures under any disturbance.

    Parameters
    ----------
    n_samples : int, default=100
        Number of spectra, at least 1.
    n_channels : int, default=200
        Number of channels, at least 1.
    n_components : int, default=3
        Number of absorbing components, at least 1.
    noise : float, default=1e-3
        Standard deviation of the noise, in absorbance units, at least 0.
    scatter : float, default=0.1
        Relative standard deviation (of the logarithm) of each spectrum's
        multiplicative factor, at least 0.
    baseline : float, default=0.1
        Standard deviation of each spectrum's offset, and of its slope over half
        the axis, in absorbance units, at least 0.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same spectra on every call.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_channels)
            Absorbance, float64.
        target : ndarray of shape (n_samples, n_components)
            Concentrations, uniform between 0 and 1, float64.
        pure_spectra : ndarray of shape (n_components, n_channels)
            Absorbance of each component at concentration 1. Without noise,
            scatter and baseline, `data` is ``target @ pure_spectra``.
        target_names : list of str
            ``["component_1", ...]``.
        target_unit : str
            ``"mol/L"``.
        wavelengths : ndarray of shape (n_channels,)
            Evenly spaced from 1000 to 2500.
        wavelength_unit : str
            ``"nm"``.
        feature_names : list of str
            The wavelengths as text.
        signal : str
            ``"absorbance"``.

    Raises
    ------
    InvalidParameterError
        A parameter is out of its bounds.

    Examples
    --------
    >>> from spectral_fast.datasets import make_spectra
    >>> spectra = make_spectra(50, 120, n_components=2, random_state=0)
    >>> spectra.data.shape, spectra.target.shape, spectra.pure_spectra.shape
    ((50, 120), (50, 2), (2, 120))
    """
    rng = check_random_state(random_state)
    axis = np.linspace(-1.0, 1.0, n_channels)
    wavelengths = np.linspace(1000.0, 2500.0, n_channels)

    pure_spectra = np.array([_pure_spectrum(axis, rng) for _ in range(n_components)])
    concentrations = rng.uniform(size=(n_samples, n_components))
    scatter_factors = np.exp(scatter * rng.standard_normal((n_samples, 1)))
    offsets, slopes = baseline * rng.standard_normal((2, n_samples, 1))

    data = concentrations @ pure_spectra
    data *= scatter_factors
    data += offsets + slopes * axis
    data += noise * rng.standard_normal(data.shape)
    return Bunch(
        data=data,
        target=concentrations,
        pure_spectra=pure_spectra,
        target_names=[f"component_{i + 1}" for i in range(n_components)],
        target_unit="mol/L",
        wavelengths=wavelengths,
        wavelength_unit="nm",
        feature_names=[str(wavelength) for wavelength in wavelengths.tolist()],
        signal="absorbance",
    )


def _pure_spectrum(axis: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Sum random absorption bands over `axis`, which runs from -1 to 1."""
    centres = rng.uniform(-1.0, 1.0, _N_BANDS)
    half_widths = rng.uniform(0.04, 0.25, _N_BANDS)  # at half the band's height
    heights = rng.uniform(0.2, 1.0, _N_BANDS)
    is_gaussian = rng.uniform(size=_N_BANDS) < 0.5
    squared = ((axis[:, np.newaxis] - centres) / half_widths) ** 2
    bands = np.where(is_gaussian, np.exp2(-squared), 1.0 / (1.0 + squared))
    return bands @ heights
