"""Savitzky-Golay smoothing and derivatives."""

from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.special import perm
from sklearn.utils._param_validation import Interval, StrOptions

from spectral_fast import kernels
from spectral_fast.preprocessing._base import StatelessRowTransformer


class SavitzkyGolay(StatelessRowTransformer):
    """Savitzky-Golay smoothing and derivatives: a polynomial fitted in a moving window.

    The parameters and the results are those of :func:`scipy.signal.savgol_filter`.

    Parameters
    ----------
    window_length : int, default=15
        Channels in the window; odd, at most n_features.
    polyorder : int, default=2
        Degree of the polynomial; less than `window_length`.
    deriv : int, default=0
        Order of the derivative; 0 smooths.
    delta : float, default=1.0
        Distance of neighbouring channels (nm or cm⁻¹), for the unit of the
        derivative; negative on an axis that falls; not 0.
    mode : {"interp", "mirror", "nearest", "constant", "wrap"}, default="interp"
        What happens at the edges: the polynomial of the outermost full window, or
        the window moves over a spectrum extended by its mirror image, its
        outermost value, `cval`, or its other end.
    cval : float, default=0.0
        Value beyond the edges for ``mode="constant"``.

    Attributes
    ----------
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels seen in `fit`, where they were strings.

    Notes
    -----
    *Differs from the paper*: the edges, which the paper drops.

    References
    ----------
    Savitzky, A. & Golay, M. J. E. (1964). Smoothing and differentiation of data
    by simplified least squares procedures. Analytical Chemistry 36, 1627-1639.
    https://doi.org/10.1021/ac60214a047

    Gorry, P. A. (1990). General least-squares smoothing and differentiation by
    the convolution (Savitzky-Golay) method. Analytical Chemistry 62, 570-573.
    https://doi.org/10.1021/ac00205a007

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.preprocessing import SavitzkyGolay
    >>> parabola = np.arange(6.0) ** 2
    >>> SavitzkyGolay(window_length=5, polyorder=2, deriv=1).fit_transform([parabola]).round(6)
    array([[ 0.,  2.,  4.,  6.,  8., 10.]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "window_length": [Interval(Integral, 1, None, closed="left")],
        "polyorder": [Interval(Integral, 0, None, closed="left")],
        "deriv": [Interval(Integral, 0, None, closed="left")],
        "delta": [Interval(Real, None, None, closed="neither")],
        "mode": [StrOptions({"interp", "mirror", "nearest", "constant", "wrap"})],
        "cval": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        window_length: int = 15,
        polyorder: int = 2,
        deriv: int = 0,
        *,
        delta: float = 1.0,
        mode: str = "interp",
        cval: float = 0.0,
    ) -> None:
        self.window_length = window_length
        self.polyorder = polyorder
        self.deriv = deriv
        self.delta = delta
        self.mode = mode
        self.cval = cval

    def _learn(self, X: np.ndarray) -> None:
        self._check_window(X.shape[1])

    def _apply(self, X: np.ndarray, out: np.ndarray) -> None:
        self._check_window(X.shape[1])
        weights, edge_weights, edge_offsets = _design(
            self.window_length, self.polyorder, self.deriv, self.delta, self.mode, self.cval
        )
        kernels.savgol(X, weights, edge_weights, edge_offsets, out)

    def _check_window(self, n_features: int) -> None:
        window, polyorder = self.window_length, self.polyorder
        if window % 2 == 0 or window > n_features:
            largest = n_features - 1 + n_features % 2
            remedy = f"{window - 1} or {window + 1}" if window < largest else f"{largest} or lower"
            raise ValueError(
                f"`window_length` must be odd and at most n_features={n_features}; got {window}. "
                f"Use {remedy}, or pass wider spectra."
            )
        if polyorder >= window:
            raise ValueError(
                f"`polyorder` must be less than window_length={window}; got {polyorder}. "
                f"Use {window - 1} or lower, or a wider window."
            )
        if self.delta == 0:
            raise ValueError(
                "`delta` must not be 0; got 0. Pass the distance of neighbouring channels."
            )


@lru_cache(maxsize=256)
def _design(
    window: int, polyorder: int, deriv: int, delta: float, mode: str, cval: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the kernel needs: centre weights, edge weights, edge offsets."""
    half = window // 2
    at = _polynomial_weights(window, polyorder, deriv, delta)
    edge_weights = np.zeros((2 * half, 2 * window))
    edge_offsets = np.zeros(2 * half)
    if mode == "interp":
        edge_weights[:half, :window] = at[:half]
        edge_weights[half:, window:] = at[half + 1 :]
    else:
        # Channels are counted from the first of the left `window` channels, which are columns
        # 0 … window - 1, or of the right ones, which are the columns after them.
        for edge in range(2 * half):
            is_left = edge < half
            for k, weight in enumerate(at[half]):
                channel = edge - half + k if is_left else edge + 1 - half + k
                outside = -channel if is_left else channel - (window - 1)
                if outside <= 0:
                    column = channel if is_left else window + channel
                elif mode == "constant":
                    edge_offsets[edge] += weight * cval
                    continue
                elif mode == "mirror":
                    column = outside if is_left else 2 * window - 1 - outside
                elif mode == "nearest":
                    column = 0 if is_left else 2 * window - 1
                else:
                    column = 2 * window - outside if is_left else outside - 1
                edge_weights[edge, column] += weight
    for array in (at, edge_weights, edge_offsets):
        array.flags.writeable = False
    return at[half], edge_weights, edge_offsets


def _polynomial_weights(window: int, polyorder: int, deriv: int, delta: float) -> np.ndarray:
    """Return a square array whose line i gives the fitted derivative at point i of the window."""
    half = window // 2
    scale = max(half, 1)  # keeps the powers within ±1
    points = (np.arange(window) - half) / scale
    q, r = np.linalg.qr(np.vander(points, polyorder + 1, increasing=True))
    powers = np.arange(polyorder + 1)
    derivative = np.zeros((window, polyorder + 1))
    kept = powers >= deriv
    derivative[:, kept] = perm(powers[kept], deriv) * points[:, None] ** (powers[kept] - deriv)
    return derivative @ np.linalg.solve(r, q.T) / (scale * delta) ** deriv
