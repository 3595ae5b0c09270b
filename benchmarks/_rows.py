"""Row-wise operations, ours and others', as functions of the spectra alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from chemotools.derivative import SavitzkyGolay as ChemotoolsSavitzkyGolay
from chemotools.scatter import MultiplicativeScatterCorrection, StandardNormalVariate
from scipy.signal import savgol_coeffs, savgol_filter

from spectral_fast.kernels import msc, savgol, snv
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay

Transform = Callable[[np.ndarray], np.ndarray]
RowKernel = Callable[[np.ndarray, np.ndarray], None]

WINDOW, POLYORDER, DERIV = 15, 2, 1


@dataclass(frozen=True)
class RowOperation:
    """One operation done by several packages.

    Attributes
    ----------
    transformer : callable
        Our scikit-learn transformer, fitted and applied.
    prepare : callable
        Takes the spectra, returns our kernel as a function of input and output.
    others : dict from name to callable
        The same by other software.
    """

    transformer: Transform
    prepare: Callable[[np.ndarray], RowKernel]
    others: dict[str, Transform]

    def kernel(self, X: np.ndarray) -> np.ndarray:
        """Run the kernel into a new array."""
        out = np.empty_like(X)
        self.prepare(X)(X, out)
        return out


def _numpy_snv(X: np.ndarray) -> np.ndarray:
    centred = X - X.mean(axis=1, keepdims=True)
    return centred / X.std(axis=1, keepdims=True)


def _numpy_msc(X: np.ndarray) -> np.ndarray:
    reference = X.mean(axis=0)
    centred = reference - reference.mean()
    slopes = X @ centred / (centred @ centred)
    return (X - X.mean(axis=1, keepdims=True)) / slopes[:, np.newaxis] + reference.mean()


def _prepare_msc(X: np.ndarray) -> RowKernel:
    reference = X.mean(axis=0)
    return lambda X, out: msc(X, reference, out)


def _prepare_savgol(X: np.ndarray) -> RowKernel:
    half = WINDOW // 2
    weights = savgol_coeffs(WINDOW, POLYORDER, deriv=DERIV, use="dot")
    # Filtering the unit vectors shows each edge point's weights.
    response = savgol_filter(np.eye(WINDOW), WINDOW, POLYORDER, deriv=DERIV)
    edge_weights = np.zeros((2 * half, 2 * WINDOW))
    edge_weights[:half, :WINDOW] = response[:, :half].T
    edge_weights[half:, WINDOW:] = response[:, -half:].T
    edge_offsets = np.zeros(2 * half)
    return lambda X, out: savgol(X, weights, edge_weights, edge_offsets, out)


ROW_OPERATIONS = {
    "SNV": RowOperation(
        transformer=lambda X: SNV().fit_transform(X),
        prepare=lambda X: snv,
        others={
            "NumPy": _numpy_snv,
            "chemotools": lambda X: StandardNormalVariate().fit_transform(X),
        },
    ),
    "MSC": RowOperation(
        transformer=lambda X: MSC().fit_transform(X),
        prepare=_prepare_msc,
        others={
            "NumPy": _numpy_msc,
            "chemotools": lambda X: MultiplicativeScatterCorrection().fit_transform(X),
        },
    ),
    "SavitzkyGolay": RowOperation(
        transformer=lambda X: SavitzkyGolay(WINDOW, POLYORDER, DERIV).fit_transform(X),
        prepare=_prepare_savgol,
        others={
            "scipy": lambda X: savgol_filter(X, WINDOW, POLYORDER, deriv=DERIV),
            "chemotools": lambda X: ChemotoolsSavitzkyGolay(
                WINDOW, POLYORDER, DERIV, "interp"
            ).fit_transform(X),
        },
    ),
}
