"""NIPALS partial least squares regression for one or several targets.

Wold's algorithm subtracts each component from the whole matrix. Here the
matrix stays as it is and the scores and the targets are kept orthogonal to all
earlier scores instead, which gives the same component: with F orthogonal to T,
``(X - T P.T).T @ F = X.T @ F``, and a score ``(X - T P.T) @ w`` is ``X @ w`` made
orthogonal to T. Orthogonalising twice keeps it as exact as the subtraction.

The matrix is worked on in chunks of channels that stay in the second-level cache
for everything that is done with them: one component reads the matrix once and
writes nothing to it, where the textbook order of the operations reads it four
times and writes it once.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import helper, kernel

__all__ = ["Nipals", "nipals"]

# Reordered sums vectorise; each runs in one thread, so results do not depend on their number.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

_EPS = np.finfo(np.float64).eps

#: Samples that are worked on together, so that what they share is loaded once.
_GROUP = 4

#: Elements of a chunk, for about half a second-level cache, and its least channels.
_CHUNK_SIZE = 65_536
_CHUNK_CHANNELS = 64


@helper(fastmath=_SUM_FLAGS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@helper(fastmath=_SUM_FLAGS)
def _squared_distance(a, b):
    total = 0.0
    for i in range(a.size):
        total += (a[i] - b[i]) * (a[i] - b[i])
    return total


@helper(fastmath=_SUM_FLAGS)
def _dot_group(A, b, out):
    """Set ``out = A @ b`` for the four rows of `A`."""
    total0 = 0.0
    total1 = 0.0
    total2 = 0.0
    total3 = 0.0
    for i in range(b.size):
        total0 += A[0, i] * b[i]
        total1 += A[1, i] * b[i]
        total2 += A[2, i] * b[i]
        total3 += A[3, i] * b[i]
    out[0] = total0
    out[1] = total1
    out[2] = total2
    out[3] = total3


@helper()
def _add(out, factor, a):
    for i in range(out.size):
        out[i] += factor * a[i]


@helper()
def _add_group(out, factors, A):
    """Add ``factors @ A`` for the four rows of `A`."""
    f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
    for i in range(out.size):
        out[i] += (f0 * A[0, i] + f1 * A[1, i]) + (f2 * A[2, i] + f3 * A[3, i])


@helper()
def _orthogonalise(out, T, tt):
    """Make `out` orthogonal to the rows of `T`, whose squared norms are `tt`; twice is enough."""
    for _ in range(2):
        for k in range(T.shape[0]):
            _add(out, -_dot(T[k], out) / tt[k], T[k])


@helper()
def _largest(a):
    """Return the index of the largest absolute value, the first of equal ones."""
    index = 0
    largest = abs(a[0])
    for i in range(1, a.size):
        if abs(a[i]) > largest:
            index = i
            largest = abs(a[i])
    return index


@helper()
def _centre_chunk(X, first, scale, out_chunk, out_mean, out_std):
    """Copy the channels of a chunk, centred and, if asked, autoscaled.

    Returns the sum of their squares.
    """
    n = X.shape[0]
    width = out_mean.size
    spread = 0.0
    for j in range(width):
        out_mean[j] = 0.0
        out_std[j] = 0.0
    for i in range(n):
        x = X[i, first : first + width]
        for j in range(width):
            out_mean[j] += x[j]
    for j in range(width):
        out_mean[j] /= n
    for i in range(n):
        x = X[i, first : first + width]
        centred = out_chunk[i]
        for j in range(width):
            centred[j] = x[j] - out_mean[j]
        spread += _dot(centred[:width], centred[:width])
    if not scale:
        for j in range(width):
            out_std[j] = 1.0
        return spread
    spread = 0.0
    for i in range(n):
        centred = out_chunk[i]
        for j in range(width):
            out_std[j] += centred[j] * centred[j]
    for j in range(width):
        out_std[j] = np.sqrt(out_std[j] / (n - 1))
        if out_std[j] <= n * _EPS * abs(out_mean[j]):  # constant within rounding
            out_std[j] = 1.0
    for i in range(n):
        centred = out_chunk[i]
        for j in range(width):
            centred[j] /= out_std[j]
        spread += _dot(centred[:width], centred[:width])
    return spread


@helper()
def _find_weights(Yt, C, Z, max_iter, tol, outw, outv, outt, outu, workw, worka):
    """Find the dominant singular pair of ``X.T @ Y`` by the power method.

    The iterate w = C a is kept through its m coefficients a, because
    X.T u = C v for u = Y v and X w = Z a: no step touches X.

    Returns the number of iterations, or 0 where all of Y is zero.
    """
    m, n = Yt.shape
    start = 0
    while start < m and abs(Yt[start, _largest(Yt[start])]) <= _EPS:
        start += 1
    if start == m:
        return 0
    for c in range(m):
        worka[c] = 0.0
    worka[start] = 1.0 / _dot(Yt[start], Yt[start])
    for j in range(workw.size):
        workw[j] = 100.0  # far from any unit vector, as in scikit-learn
    iteration = 0
    while True:
        iteration += 1
        for j in range(outw.size):
            outw[j] = worka[0] * C[0, j]
        for i in range(n):
            outt[i] = worka[0] * Z[0, i]
        for c in range(1, m):
            _add(outw, worka[c], C[c])
            _add(outt, worka[c], Z[c])
        norm = np.sqrt(_dot(outw, outw)) + _EPS
        for j in range(outw.size):
            outw[j] /= norm
        for i in range(n):
            outt[i] /= norm
        tt = _dot(outt, outt)
        if tt == 0.0:
            return iteration
        for c in range(m):
            outv[c] = _dot(Yt[c], outt) / tt
        if m == 1 or iteration == max_iter or _squared_distance(outw, workw) < tol:
            return iteration
        for j in range(outw.size):
            workw[j] = outw[j]
        vv = _dot(outv, outv) + _EPS
        for i in range(n):
            outu[i] = 0.0
        for c in range(m):
            _add(outu, outv[c] / vv, Yt[c])
        uu = _dot(outu, outu)
        for c in range(m):
            worka[c] = outv[c] / vv / uu


@helper()
def _fix_signs(outw, outv, outt):
    """Make the largest weight positive."""
    if outw[_largest(outw)] < 0.0:
        for j in range(outw.size):
            outw[j] = -outw[j]
        for c in range(outv.size):
            outv[c] = -outv[c]
        for i in range(outt.size):
            outt[i] = -outt[i]


@helper()
def _project_y(Yt, v, outu):
    """Set ``u = Y v / v.T v``."""
    for i in range(outu.size):
        outu[i] = 0.0
    vv = _dot(v, v)
    for c in range(v.size):
        _add(outu, v[c] / vv, Yt[c])


def _examples():
    A, n, p, m = 1, 4, 4, 1
    yield (
        np.ones((n, p)), A, True, 500, 1e-6,
        np.ones((m, n)), np.ones((1, n, p)), np.ones((1, m, n)), np.ones((m, n)), np.ones((m, p)),
        np.ones(p), np.ones(m), np.ones(A), np.ones(1),
        np.ones(p), np.ones(p), np.ones((A, p)), np.ones((A, m)), np.ones((A, n)),
        np.ones((A, n)), np.ones((A, p)), np.ones((A, m)), np.ones(A, np.int64),
    )  # fmt: skip


@kernel(
    # a barrier after each component: what counts is the work of one
    work=lambda X, A, scale, max_iter, tol, workYt, *rest: (2 + 4 * workYt.shape[0]) * X.size,
    examples=_examples,
)
def _nipals(
    X, n_components, scale, max_iter, tol,
    workYt, workX, workZ, workz, workC, workw, worka, worktt, workspread,
    out_mean, out_std, outW, outV, outT, outU, outP, outQ, out_iterations,
):  # fmt: skip
    p = X.shape[1]
    n_chunks, n, width = workX.shape
    m = workYt.shape[0]
    noise = 0.0
    for k in range(n_components + 1):
        for chunk in prange(n_chunks):
            first = chunk * width
            last = first + width
            if k == 0:
                workspread[chunk] = _centre_chunk(
                    X, first, scale, workX[chunk], out_mean[first : min(p, last)],
                    out_std[first : min(p, last)],
                )  # fmt: skip
            for c in range(m):
                for j in range(first, last):
                    workC[c, j] = 0.0
            n_next = m if k < n_components else 0  # after the last component, loadings only
            for i in range(0, n, _GROUP):
                group = workX[chunk, i : i + _GROUP]
                if k > 0:
                    _add_group(outP[k - 1, first:last], outT[k - 1, i : i + _GROUP], group)
                for c in range(n_next):
                    _add_group(workC[c, first:last], workYt[c, i : i + _GROUP], group)
            for i in range(0, n, _GROUP):
                group = workX[chunk, i : i + _GROUP]
                for c in range(n_next):
                    _dot_group(group, workC[c, first:last], workZ[chunk, c, i : i + _GROUP])
        if k > 0:
            for j in range(outP.shape[1]):
                outP[k - 1, j] /= worktt[k - 1]
        if k == n_components:
            break
        if k == 0:
            spread = 0.0
            for chunk in range(n_chunks):
                spread += workspread[chunk]
            # the squared norm of scores that are nothing but rounding
            noise = (10.0 * _EPS) ** 2 * spread

        for c in range(m):
            for i in range(n):
                workz[c, i] = 0.0
            for chunk in range(n_chunks):
                _add(workz[c], 1.0, workZ[chunk, c])
            _orthogonalise(workz[c], outT[:k], worktt)
            if abs(workYt[c, _largest(workYt[c])]) < 10 * _EPS:
                for i in range(n):
                    workYt[c, i] = 0.0
        out_iterations[k] = _find_weights(
            workYt, workC, workz, max_iter, tol, outW[k], outV[k], outT[k], outU[k], workw, worka
        )
        if out_iterations[k] == 0:
            break
        worktt[k] = _dot(outT[k], outT[k])
        if worktt[k] <= noise:
            out_iterations[k] = -1
            outW[k] = 0.0
            outV[k] = 0.0
            outT[k] = 0.0
            outU[k] = 0.0
            break
        _fix_signs(outW[k], outV[k], outT[k])
        _project_y(workYt, outV[k], outU[k])
        for c in range(m):
            outQ[k, c] = _dot(workYt[c], outT[k]) / worktt[k]
            _orthogonalise(workYt[c], outT[: k + 1], worktt)


class Nipals(NamedTuple):
    """What `nipals` finds, component by component along the first axis."""

    x_weights: np.ndarray  # (n_components, p)
    y_weights: np.ndarray  # (n_components, m)
    x_scores: np.ndarray  # (n_components, n)
    y_scores: np.ndarray  # (n_components, n)
    x_loadings: np.ndarray  # (n_components, p)
    y_loadings: np.ndarray  # (n_components, m)
    x_mean: np.ndarray  # (p,)
    x_std: np.ndarray  # (p,), ones without `scale`
    n_iter: np.ndarray  # (n_components,), 0 where Y is exhausted, -1 where X is, then 0


def nipals(X, Y, n_components, scale, max_iter, tol):
    """Fit PLS1 or PLS2 regression with scikit-learn's start, stopping rule and signs.

    For each component: w = XᵀYv normalised and v = YᵀXw / tᵀt in turn, until w
    moves by less than `tol` in squared norm; t = X w, p = Xᵀt / tᵀt,
    q = Yᵀt / tᵀt; X -= t pᵀ, Y -= t qᵀ. Components stay zero once Y is
    exhausted (every value at most the machine epsilon) or X is (scores that are
    rounding errors of X). A NaN or infinity reaches every
    array. O(n p m n_components).

    Parameters
    ----------
    X : (n, p) float64, C-contiguous
        Neither centred nor scaled; a channel that is constant within rounding is not scaled.
    Y : (n, m) float64
        Centred, and scaled where `scale` is true.
    n_components, scale, max_iter, tol : int, bool, int, float

    Returns
    -------
    Nipals

    References
    ----------
    Wold, Sjöström & Eriksson 2001, Chemometrics and Intelligent Laboratory
    Systems 58, 109-130; Wegelin 2000, University of Washington TR 371, section 4.1.
    """
    n, p = X.shape
    m = Y.shape[1]
    A = n_components
    n_even = -(-n // _GROUP) * _GROUP
    n_chunks = -(-p // max(_CHUNK_CHANNELS, _CHUNK_SIZE // n_even))
    width = -(-p // n_chunks)
    p_even = n_chunks * width

    Yt = np.zeros((m, n_even))
    Yt[:, :n] = Y.T
    chunks = np.empty((n_chunks, n_even, width))
    chunks[:, n:] = 0.0
    chunks[-1, :, width - (p_even - p) :] = 0.0
    mean, std = np.empty(p), np.empty(p)
    W, V, P, Q = (np.zeros((A, size)) for size in (p_even, m, p_even, m))
    T, U = np.zeros((A, n_even)), np.zeros((A, n_even))
    n_iter = np.zeros(A, dtype=np.int64)
    _nipals(
        X, A, scale, max_iter, tol,
        Yt, chunks, np.zeros((n_chunks, m, n_even)), np.empty((m, n_even)), np.empty((m, p_even)),
        np.empty(p_even), np.empty(m), np.empty(A), np.empty(n_chunks),
        mean, std, W, V, T, U, P, Q, n_iter,
    )  # fmt: skip
    return Nipals(W[:, :p], V, T[:, :n], U[:, :n], P[:, :p], Q, mean, std, n_iter)
