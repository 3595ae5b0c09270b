"""PLS on many training sets at once, in the space of the channels.

The counterpart of `pls_folds` for many samples and few channels: everything of a
fold is as long as the channels, and the samples appear only in a covariance matrix,

    C_f w = C w - Σ_i (change of weight of i) x_i (x_i · w) - total x̄ (x̄ · w).

The sum is over the samples whose weight in the fold differs from that in C. Few are
left as they are, many are put into a matrix of the fold's own (`fold_covariances`).
As with the Gram matrix, forming C squares the condition number, and the estimated
rounding is reported.

References
----------
Dayal & MacGregor 1997, Journal of Chemometrics 11, 73-85; Lindgren, Geladi & Wold
1993, Journal of Chemometrics 7, 45-59; Engstrøm & Jensen 2025, Journal of
Chemometrics 39, e70008 (arXiv:2401.13185).
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import prange

from spectral_fast.kernels import _jit
from spectral_fast.kernels._jit import get_num_threads, helper, kernel, one_blas_thread
from spectral_fast.kernels.gram import covariance
from spectral_fast.kernels.pls_folds import FoldFits

__all__ = ["fold_covariances", "pls_covariance"]

# Reordered sums vectorise; each runs in one thread, so results do not depend on their number.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

_EPS = np.finfo(np.float64).eps


@helper(fastmath=_SUM_FLAGS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@helper()
def _add(out, factor, a):
    for i in range(out.size):
        out[i] += factor * a[i]


class _Folds(NamedTuple):
    """The folds' data and everything that a component changes.

    F folds, n samples, p channels, m targets, A components.
    """

    X: np.ndarray  # (n, p)
    total: np.ndarray  # (F,) sum of the weights
    x_mean: np.ndarray  # (F, p)
    y_mean: np.ndarray  # (F, m)
    y_floor: np.ndarray  # (F,) squared residual below which y is exhausted
    changed_rows: np.ndarray  # samples whose weight differs from that in C, fold by fold
    changes: np.ndarray  # weight in C less weight in the fold
    changed_start: np.ndarray  # (F + 1,) where each fold's begin
    test_rows: np.ndarray  # samples to predict, fold by fold
    test_start: np.ndarray  # (F + 1,)
    W: np.ndarray  # (F m, p) X.T of the weighted residuals of y
    Z: np.ndarray  # (F m, p) C W, made C_f W
    w: np.ndarray  # (F, m, p) weight vectors on their way to rotations
    R: np.ndarray  # (F, A, p) rotations: X R are scores, orthonormal under the weights
    P: np.ndarray  # (F, A, p) loadings: C_f R
    M: np.ndarray  # (F, m, m) products of the weight vectors
    N: np.ndarray  # (F, m, m) products of their scores
    Q: np.ndarray  # (F, m, A) loadings of y, zero beyond the components found
    a: np.ndarray  # (F, 3, m) combinations of the targets
    left: np.ndarray  # (F,) squared residual of y
    predictions: np.ndarray  # (A, number of test rows, m)
    centre: np.ndarray  # (F, A) scores of the fold's mean spectrum
    coefficients: np.ndarray  # (F, m, p)
    n_found: np.ndarray  # (F,) components found
    noise: np.ndarray  # (F, A) rounding of a component's share of y, root mean square


@helper()
def _find_direction(M, N, max_iter, tol, outa, workb, workd):
    """Combine the targets for the next component; see `pls_folds`."""
    m = M.shape[0]
    start = 0
    while start < m - 1 and M[start, start] <= 0.0:
        start += 1
    for c in range(m):
        outa[c] = 1.0 if c == start else 0.0
        workb[c] = 0.0
    iteration = 0
    while True:
        iteration += 1
        norm = 0.0
        for c in range(m):
            for e in range(m):
                norm += outa[c] * M[c, e] * outa[e]
        if not norm > 0.0:
            return 0.0
        norm = np.sqrt(norm)
        for c in range(m):
            outa[c] /= norm
        change = 0.0
        tt = 0.0
        for c in range(m):
            workd[c] = 0.0
            for e in range(m):
                change += (outa[c] - workb[c]) * M[c, e] * (outa[e] - workb[e])
                tt += outa[c] * N[c, e] * outa[e]
                workd[c] += M[c, e] * outa[e]
        if m == 1 or (iteration > 1 and change < tol) or iteration == max_iter:
            return tt
        for c in range(m):
            workb[c] = outa[c]
            outa[c] = workd[c]


@helper()
def _multiply(start, stop, C, folds):
    """Set Z = C W for the folds from `start` to `stop` - 1, together or each with its own C."""
    m = folds.y_mean.shape[1]
    if C.shape[0] == 1:
        np.dot(folds.W[start * m : stop * m], C[0], folds.Z[start * m : stop * m])
        return
    for c in range(start * m, stop * m):
        np.dot(C[c // m], folds.W[c], folds.Z[c])


@helper()
def _correct(f, folds):
    """Turn the products with C into products with the fold's own, centred matrix."""
    m = folds.y_mean.shape[1]
    for c in range(f * m, f * m + m):
        w, z = folds.W[c], folds.Z[c]
        for j in range(folds.changed_start[f], folds.changed_start[f + 1]):
            x = folds.X[folds.changed_rows[j]]
            _add(z, -folds.changes[j] * _dot(x, w), x)
        mean = folds.x_mean[f]
        _add(z, -folds.total[f] * _dot(mean, w), mean)


@helper()
def _advance(f, k, spread, max_iter, tol, folds):
    """Add latent variable `k` to fold `f`, whose products are in Z.

    Returns 1, or 0 and adds none where X or y is exhausted.
    """
    m, p = folds.w[f].shape
    if not folds.left[f] > folds.y_floor[f]:
        return 0
    W, Z = folds.W[f * m : f * m + m], folds.Z[f * m : f * m + m]
    w, M, N, a = folds.w[f], folds.M[f], folds.N[f], folds.a[f, 0]
    for c in range(m):
        for e in range(m):
            M[c, e] = _dot(W[c], W[e])
        for j in range(p):
            w[c, j] = W[c, j]
        # Twice: orthogonal scores to working precision, as in Gram-Schmidt.
        for _ in range(2):
            for b in range(k):
                coefficient = _dot(folds.P[f, b], w[c])
                _add(w[c], -coefficient, folds.R[f, b])
                _add(Z[c], -coefficient, folds.P[f, b])
    for c in range(m):
        for e in range(m):
            N[c, e] = _dot(w[c], Z[e])
    tt = _find_direction(M, N, max_iter, tol, a, folds.a[f, 1], folds.a[f, 2])

    r, loading = folds.R[f, k], folds.P[f, k]
    for j in range(p):
        r[j] = 0.0
        loading[j] = 0.0
    for c in range(m):
        _add(r, a[c], w[c])
        _add(loading, a[c], Z[c])
    # C w is rounded relative to the largest eigenvalue of C, channel by channel.
    floor = _EPS * spread * _dot(r, r) / np.sqrt(p)
    if not tt > 10.0 * floor:
        return 0
    norm = np.sqrt(tt)
    for j in range(p):
        r[j] /= norm
        loading[j] /= norm
    explained = 0.0
    for c in range(m):
        q = _dot(r, W[c])
        folds.Q[f, c, k] = q
        explained += q * q
        _add(W[c], -q, loading)
        _add(folds.coefficients[f, c], q, r)
    folds.left[f] -= explained
    folds.noise[f, k] = floor / tt * np.sqrt(explained / folds.total[f])
    return 1


@helper()
def _predict(f, folds):
    """Predict the samples that fold `f` leaves out, with every number of components."""
    R = folds.R[f]
    A, m = R.shape[0], folds.y_mean.shape[1]
    n_found = folds.n_found[f]
    for k in range(n_found):
        folds.centre[f, k] = _dot(folds.x_mean[f], R[k])
    for j in range(folds.test_start[f], folds.test_start[f + 1]):
        x = folds.X[folds.test_rows[j]]
        for c in range(m):
            folds.predictions[0, j, c] = folds.y_mean[f, c]
        for k in range(A):
            if k > 0:
                for c in range(m):
                    folds.predictions[k, j, c] = folds.predictions[k - 1, j, c]
            if k < n_found:
                score = _dot(x, R[k]) - folds.centre[f, k]
                for c in range(m):
                    folds.predictions[k, j, c] += score * folds.Q[f, c, k]


@helper()
def _fit_block(start, stop, C, n_components, spread, max_iter, tol, folds):
    """Fit the folds from `start` to `stop` - 1."""
    for k in range(n_components):
        _multiply(start, stop, C, folds)
        for f in range(start, stop):
            if folds.n_found[f] == k:
                _correct(f, folds)
                folds.n_found[f] += _advance(f, k, spread, max_iter, tol, folds)
    for f in range(start, stop):
        _predict(f, folds)


def _examples():
    X, Y, weights = np.ones((3, 2)), np.ones((3, 1)), np.array([[1.0, 1.0, 0.0]])
    folds = _start(X, Y, weights, weights[0], [np.arange(1)], 1)
    yield np.ones((1, 2, 2)), 1, 1.0, 500, 1e-6, *folds


def _work(C, n_components, spread, max_iter, tol, *folds):
    folds = _Folds(*folds)
    p = folds.X.shape[1]
    rows = folds.W.size * (p / 2 + 3 * n_components)
    return n_components * (rows + 2 * (len(folds.changes) + len(folds.test_rows)) * p)


@kernel(work=_work, examples=_examples, blas=True)
def _fit(
    C, n_components, spread, max_iter, tol,
    X, total, x_mean, y_mean, y_floor, changed_rows, changes, changed_start, test_rows, test_start,
    workW, workZ, workw, workR, workP, workM, workN, workQ, worka, workleft,
    out_predictions, workcentre, out_coefficients, out_n_found, out_noise,
):  # fmt: skip
    n_folds = total.shape[0]
    # Folds whose products are computed together: 8, and of very many up to 32. More make
    # better use of BLAS, fewer of the threads. Folds with matrices of their own share nothing.
    n_blocks = min((n_folds + 7) // 8, max(16, (n_folds + 31) // 32))
    if C.shape[0] > 1:
        n_blocks = n_folds
    for block in prange(n_blocks):
        # Made here, since what a parallel loop writes to arrays of a tuple from outside is lost.
        folds = _Folds(
            X, total, x_mean, y_mean, y_floor, changed_rows, changes, changed_start, test_rows,
            test_start, workW, workZ, workw, workR, workP, workM, workN, workQ, worka, workleft,
            out_predictions, workcentre, out_coefficients, out_n_found, out_noise,
        )  # fmt: skip
        start = block * n_folds // n_blocks
        stop = (block + 1) * n_folds // n_blocks
        _fit_block(start, stop, C, n_components, spread, max_iter, tol, folds)


def _start(X, Y, weights, base, test_rows, n_components):
    """Return the folds before their first component."""
    p, m = X.shape[1], Y.shape[1]
    n_folds, A = len(weights), n_components
    total = weights.sum(axis=1)
    y_mean = weights @ Y / total[:, np.newaxis]
    # Centring X changes nothing in the products: the residuals sum to zero.
    residuals = Y.T - y_mean[:, :, np.newaxis]
    weighted = weights[:, np.newaxis] * residuals
    left = (weighted * residuals).sum(axis=(1, 2))
    products = np.concatenate([weights, weighted.reshape(-1, len(X))]) @ X
    x_mean = products[:n_folds] / total[:, np.newaxis]
    W = products[n_folds:]
    difference = base - weights
    changed_fold, changed_rows = np.nonzero(difference)
    return _Folds(
        X=X,
        total=total,
        x_mean=x_mean,
        y_mean=y_mean,
        y_floor=(10.0 * _EPS) ** 2 * left,
        changed_rows=changed_rows,
        changes=difference[changed_fold, changed_rows],
        changed_start=np.searchsorted(changed_fold, np.arange(n_folds + 1)),
        test_rows=np.concatenate(test_rows).astype(np.int64),
        test_start=np.cumsum([0, *map(len, test_rows)]),
        W=W,
        Z=np.empty((n_folds * m, p)),
        w=np.empty((n_folds, m, p)),
        R=np.empty((n_folds, A, p)),
        P=np.empty((n_folds, A, p)),
        M=np.empty((n_folds, m, m)),
        N=np.empty((n_folds, m, m)),
        Q=np.zeros((n_folds, m, A)),
        a=np.empty((n_folds, 3, m)),
        left=left,
        predictions=np.empty((A, sum(map(len, test_rows)), m)),
        centre=np.empty((n_folds, A)),
        coefficients=np.zeros((n_folds, m, p)),
        n_found=np.zeros(n_folds, dtype=np.int64),
        noise=np.zeros((n_folds, A)),
    )


def pls_covariance(C, X, Y, weights, base, test_rows, n_components, *, max_iter=500, tol=1e-6):
    """Fit PLS to every fold from covariance matrices of the spectra.

    O(F p² n_components), once `C` is there, and where the folds share it
    O(p n_components) for each sample whose weight in a fold differs from `base`.

    Parameters
    ----------
    C : (p, p) or (F, p, p) float64
        ``(base * X.T) @ X``, or the same with each fold's own weights.
    X : (n, p) float64
        Centred, or nearly so: fold by fold the rest is done here.
    Y, weights, test_rows, n_components, max_iter, tol
        As in `pls_gram`.
    base : (n,) float64
        The weights in `C`, where the folds share it, at least each fold's.

    Returns
    -------
    FoldFits
        The coefficients act on the channels of centred spectra.
    """
    if C.ndim == 2:
        C = C[np.newaxis]
        folds = _start(X, Y, weights, base, test_rows, n_components)
    else:
        folds = _start(X, Y, weights, weights, test_rows, n_components)
    spread = float(np.trace(C, axis1=1, axis2=2).max())
    _fit(C, n_components, spread, max_iter, float(tol), *folds)
    return FoldFits(folds.predictions, folds.coefficients, folds.n_found, folds.noise)


def fold_covariances(X, weights):
    """Return each fold's ``(weights * X.T) @ X``, (F, p, p).

    Through the samples that it leaves out, all together as many products as for one
    matrix where each sample is left out once: O(n p²).

    Parameters
    ----------
    X : (n, p) float64
        Centred, or nearly so.
    weights : (F, n) float64
        Not negative.

    Returns
    -------
    covariances : (F, p, p) float64
    """
    n_folds, p = len(weights), X.shape[1]
    base = weights.max(axis=0)
    left_out = base - weights
    covariances = np.empty((n_folds, p, p))

    def multiply(fold):
        rows = np.flatnonzero(left_out[fold])
        part = X[rows]
        if not (left_out[fold, rows] == 1.0).all():
            part *= np.sqrt(left_out[fold, rows])[:, np.newaxis]
        np.matmul(part.T, part, out=covariances[fold])

    # Starting threads takes as long as a small matrix.
    pays = np.count_nonzero(left_out) * p * p / 2 >= _jit.MIN_PARALLEL_WORK
    with one_blas_thread(), ThreadPoolExecutor(get_num_threads()) as threads:
        list((threads.map if pays else map)(multiply, range(n_folds)))
    if np.array_equal(left_out.sum(axis=0), base):
        whole = covariances.sum(axis=0)
    else:
        whole = covariance(np.sqrt(base)[:, np.newaxis] * X)
    return np.subtract(whole, covariances, out=covariances)
