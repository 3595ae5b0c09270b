"""Scatter correction row by row, from the formulas of the papers."""

import numpy as np


def snv(X):
    """Barnes, Dhanoa & Lister 1989, eq. 1, with the number of channels as the divisor."""
    out = np.empty(X.shape)
    for i, row in enumerate(X.astype(np.float64)):
        if np.ptp(row) == 0:
            out[i] = 0
        elif np.isfinite(row).all():
            out[i] = (row - np.mean(row)) / np.std(row)
        else:
            out[i] = np.nan
    return out


def msc(X, reference):
    """Geladi, MacDougall & Martens 1985, eqs. 3-5: regress on the reference, undo the line."""
    line = np.column_stack([np.ones(len(reference)), reference])
    out = np.empty(X.shape)
    for i, row in enumerate(X.astype(np.float64)):
        if not np.isfinite(row).all():
            out[i] = np.nan
        elif np.ptp(row) == 0:  # no slope to undo: moved onto the reference, the scale kept
            out[i] = np.mean(reference)
        else:
            (offset, slope), *_ = np.linalg.lstsq(line, row, rcond=None)
            out[i] = (row - offset) / slope
    return out
