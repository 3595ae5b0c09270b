"""PLS on many training sets at once: every fold and every number of latent variables in one pass.

All training sets ("folds") are rows of one matrix, told apart by their sample
weights: 0 for a sample that is left out, 1 or any other positive number for one
that is in. For each fold, a latent variable's scores are

    s = X X.T v,    v = weights ∘ residual of y,

made orthogonal to the fold's earlier scores; the samples that are left out
receive their scores along with the others. The products of all folds are one
matrix product, and they are the only place where the spectra appear:

- `pls_gram` takes X X.T, computed once, where there are fewer samples than channels;
- `pls_direct` takes X itself, one fold's autoscaling included. It is slower for
  short, wide X, and as exact as the NIPALS algorithm, while forming X X.T squares
  the condition number.

Both report, fold by fold and component by component, how much of the result
rounding may have taken, so that a caller can go from the first to the second.

References
----------
Rännar, Lindgren, Geladi & Wold 1994, Journal of Chemometrics 8, 111-125; Dayal &
MacGregor 1997, Journal of Chemometrics 11, 73-85; Engstrøm & Jensen 2025,
Journal of Chemometrics 39, e70008 (arXiv:2401.13185).
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import helper, kernel

__all__ = ["FoldFits", "channel_variances", "pls_coefficients", "pls_direct", "pls_gram"]

# Reordered sums vectorise; each runs in one thread, so results do not depend on their number.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

_EPS = np.finfo(np.float64).eps

#: Rows of V whose products with the spectra are computed together: more make better use
#: of BLAS, fewer of the threads.
_ROWS = 16

#: Multiplications up to which OpenBLAS makes no copies of the matrices it multiplies.
_SMALL_PRODUCT = 10**6

#: The samples go into at most so many chunks, each with a share of the weight vectors,
#: of at least so many samples.
_CHUNKS = 16
_SAMPLES = 128


@helper()
def _n_blocks(n_rows, few, many):
    """Return into how many blocks rows go whose products are computed together.

    A block has `few` rows, or up to `many` where that leaves 16 blocks: more rows make better use
    of BLAS, fewer of the threads.
    """
    return min((n_rows + few - 1) // few, max(16, (n_rows + many - 1) // many))


@helper(fastmath=_SUM_FLAGS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@helper(fastmath=_SUM_FLAGS)
def _weighted_dot(weights, a, b):
    total = 0.0
    for i in range(a.size):
        total += weights[i] * a[i] * b[i]
    return total


@helper()
def _add(out, factor, a):
    for i in range(out.size):
        out[i] += factor * a[i]


@helper(fastmath=_SUM_FLAGS)
def _dots(rows, z, out):
    """Set `out` to the products of the rows with `z`, four at a time: `z` is read once for them."""
    n_rows, n = rows.shape
    n_fours = n_rows - n_rows % 4
    for b in range(0, n_fours, 4):
        p0 = p1 = p2 = p3 = 0.0
        r0, r1, r2, r3 = rows[b], rows[b + 1], rows[b + 2], rows[b + 3]
        for i in range(n):
            p0 += r0[i] * z[i]
            p1 += r1[i] * z[i]
            p2 += r2[i] * z[i]
            p3 += r3[i] * z[i]
        out[b], out[b + 1], out[b + 2], out[b + 3] = p0, p1, p2, p3
    for b in range(n_fours, n_rows):
        out[b] = _dot(rows[b], z)


@helper(fastmath=("contract",))
def _subtract(rows, factors, out):
    """Take the rows times their factors from `out`, four at a time."""
    n_rows, n = rows.shape
    n_fours = n_rows - n_rows % 4
    for b in range(0, n_fours, 4):
        f0, f1, f2, f3 = factors[b], factors[b + 1], factors[b + 2], factors[b + 3]
        r0, r1, r2, r3 = rows[b], rows[b + 1], rows[b + 2], rows[b + 3]
        for i in range(n):
            out[i] -= f0 * r0[i] + f1 * r1[i] + f2 * r2[i] + f3 * r3[i]
    for b in range(n_fours, n_rows):
        _add(out, -factors[b], rows[b])


@helper()
def _combine(factors, divisor, rows, out):
    """Set `out` to the sum of the rows times their factors, over the divisor."""
    factor = factors[0] / divisor
    for i in range(out.size):
        out[i] = factor * rows[0, i]
    for c in range(1, rows.shape[0]):
        _add(out, factors[c] / divisor, rows[c])


@helper()
def _weigh(weights, a, mean, out):
    for i in range(out.size):
        out[i] = weights[i] * (a[i] - mean)


@helper(fastmath=_SUM_FLAGS)
def _shift(weights, change, out, outz):
    """Add a number to `out`, and set `outz` to the weighted result."""
    for i in range(out.size):
        out[i] += change
        outz[i] = weights[i] * out[i]


@helper(fastmath=_SUM_FLAGS)
def _add_weighted(weights, factor, a, out, outz):
    """Add as `_add`, set `outz` to the weighted result, and return the product of both."""
    square = 0.0
    for i in range(out.size):
        out[i] += factor * a[i]
        outz[i] = weights[i] * out[i]
        square += outz[i] * out[i]
    return square


@helper(fastmath=_SUM_FLAGS)
def _add_and_sum(weights, factor, a, out):
    """Add as `_add`, and return the weighted sum of the result."""
    total = 0.0
    for i in range(out.size):
        out[i] += factor * a[i]
        total += weights[i] * out[i]
    return total


@helper()
def _orthogonalise(weights, T, out, workz, out_coefficients, workc):
    """Make `out` orthogonal to the rows of `T`, which are orthonormal under the weights.

    `workz` holds the weighted `out`. Sets the coefficients of what is taken away, and returns the
    weighted square of what is left. Of a single target nearly all that there is to take is along
    the last row, so that goes first; another pass over all rows follows where one cancels so
    much that its rounding shows.
    """
    k = T.shape[0]
    if k == 0:
        return _dot(workz, out)
    out_coefficients[:] = 0.0
    last = _dot(T[k - 1], workz)
    out_coefficients[k - 1] = last
    after = _add_weighted(weights, -last, T[k - 1], out, workz)
    for _ in range(2):
        before = after
        _dots(T, workz, workc)
        _subtract(T, workc, out)
        for b in range(k):
            out_coefficients[b] += workc[b]
        after = _weighted_dot(weights, out, out)
        if after > 0.01 * before:
            break
        _weigh(weights, out, 0.0, workz)
    return after


@helper()
def _find_direction(M, N, max_iter, tol, outa, workb, workd):
    """Combine the targets for the next component by NIPALS' power method.

    The unit weight vector is w = Σ_c a_c X.T v_c. `M` holds the products of the
    X.T v_c and `N` those of their scores X X.T v_c, so that no iteration needs a
    vector longer than the number of targets. Start, stopping rule and limit are
    scikit-learn's.

    Returns the squared norm of the scores X w, 0 where no direction is left.
    """
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


class _Folds(NamedTuple):
    """The folds' data and everything that a component changes.

    F folds, n samples, m targets, A components.
    """

    Y: np.ndarray  # (n, m) targets
    weights: np.ndarray  # (F, n)
    total: np.ndarray  # (F,) sum of the weights
    y_mean: np.ndarray  # (F, m)
    y_std: np.ndarray  # (F, m), ones without autoscaling
    y_floor: np.ndarray  # (F,) squared residual below which y is exhausted
    spread: np.ndarray  # (F,) sum of the squared norms of its spectra
    test_rows: np.ndarray  # samples to predict, fold by fold
    test_start: np.ndarray  # (F + 1,) where each fold's begin
    U: np.ndarray  # (F, m, n) residuals of y; minus the prediction of a sample that is left out
    V: np.ndarray  # (F m, n) weights ∘ U
    S: np.ndarray  # (F m, n) X X.T V
    T: np.ndarray  # (F, A, n) scores, orthonormal under the weights
    Z: np.ndarray  # (F, A or 0, n) X.T Z are the weight vectors
    B: np.ndarray  # (F, A, A) row k: the scores of weight vector k in terms of T
    q: np.ndarray  # (F, m, A) loadings of y
    G: np.ndarray  # (F, m, A) coefficients of the orthogonalisation
    M: np.ndarray  # (F, m, m) products of the weight vectors
    N: np.ndarray  # (F, m, m) products of their scores
    a: np.ndarray  # (F, 3, m) combinations of the targets
    z: np.ndarray  # (F, m, n) scratch
    predictions: np.ndarray  # (A, number of test rows, m)
    dual: np.ndarray  # (F, m, n or 0) X.T dual are the coefficients
    n_found: np.ndarray  # (F,) components found
    noise: np.ndarray  # (F, A) rounding of a component's share of y, root mean square


@helper()
def _advance(start, stop, k, is_gram, max_iter, tol, folds):
    """Add latent variable `k` to folds `start` to `stop` - 1, whose products ``X X.T v`` are in S.

    None is added where X or y is exhausted. The loop is in here, as handing over so many arrays
    takes longer than a fold of few samples.
    """
    m, n = folds.U.shape[1:]
    wants_dual = folds.Z.shape[1] > 0
    for f in range(start, stop):
        if folds.n_found[f] < k:
            continue
        weights = folds.weights[f]
        U, T, B, G, M, N = folds.U[f], folds.T[f], folds.B[f], folds.G[f], folds.M[f], folds.N[f]
        V = folds.V[f * m : f * m + m]
        S = folds.S[f * m : f * m + m]
        left = 0.0
        for c in range(m):
            left += _dot(V[c], U[c])
        if not left > folds.y_floor[f]:
            continue
        for c in range(m):
            _shift(weights, -_dot(weights, S[c]) / folds.total[f], S[c], folds.z[f, c])
        for c in range(m):
            for e in range(m):
                M[c, e] = _dot(V[c], S[e])
        for c in range(m):
            N[c, c] = _orthogonalise(weights, T[:k], S[c], folds.z[f, c], G[c, :k], B[k, :k])
            for e in range(c):
                N[c, e] = N[e, c] = _weighted_dot(weights, S[c], S[e])
        a = folds.a[f, 0]
        tt = _find_direction(M, N, max_iter, tol, a, folds.a[f, 1], folds.a[f, 2])

        # What rounding leaves of scores that should be zero: with the Gram matrix X X.T v is
        # rounded, each sample by itself; without it X w, for the unit vector w.
        z = folds.Z[f, k] if wants_dual else folds.z[f, 0]
        _combine(a, 1.0, V, z)
        floor = _EPS * np.sqrt(folds.spread[f])
        if is_gram:
            floor *= np.sqrt(folds.spread[f] * _dot(z, z) / n)
        if not tt > (10.0 * floor) ** 2:
            continue

        norm = np.sqrt(tt)
        _combine(a, norm, S, T[k])
        for b in range(k):
            B[k, b] = 0.0
            for c in range(m):
                B[k, b] += a[c] * G[c, b]
        B[k, k] = norm
        explained = 0.0
        for c in range(m):
            q = _dot(V[c], T[k])
            explained += q * q
            folds.q[f, c, k] = q
            # Where little of y is left its rounding has a mean, which would bring in that of X.
            mean = _add_and_sum(weights, -q, T[k], U[c]) / folds.total[f]
            _weigh(weights, U[c], mean, V[c])
        folds.noise[f, k] = floor / norm * np.sqrt(explained / folds.total[f])
        folds.n_found[f] += 1


@helper()
def _combine_weights(start, stop, folds):
    """Set the dual coefficients, B⁻¹ q of the rows of Z, by back substitution."""
    for f in range(start, stop):
        n_found, B = folds.n_found[f], folds.B[f]
        for c in range(folds.q.shape[1]):
            q = folds.q[f, c]
            for k in range(n_found - 1, -1, -1):
                q[k] /= B[k, k]
                for b in range(k):
                    q[b] -= B[k, b] * q[k]
                _add(folds.dual[f, c], q[k], folds.Z[f, k])


@helper()
def _predict(start, stop, k, folds):
    """Predict the samples that each fold leaves out, with the components found so far."""
    for f in range(start, stop):
        for j in range(folds.test_start[f], folds.test_start[f + 1]):
            i = folds.test_rows[j]
            for c in range(folds.Y.shape[1]):
                centre = folds.Y[i, c] if folds.weights[f, i] > 0.0 else folds.y_mean[f, c]
                folds.predictions[k, j, c] = centre - folds.y_std[f, c] * folds.U[f, c, i]


def _examples():
    folds = _start(np.ones((3, 1)), np.ones((1, 3)), np.ones(1), [np.arange(1)], 1, False, False)
    yield np.ones((3, 3)), 0, 1, 500, 1e-6, *folds


def _work(K, first, last, max_iter, tol, *folds):
    folds = _Folds(*folds)
    return (last - first) * folds.U.size * (K.shape[0] / 4 + first + last + 10)


@helper()
def _add_to_block(start, stop, K, first, last, max_iter, tol, folds):
    """Add components to the folds from `start` to `stop` - 1."""
    m = folds.Y.shape[1]
    is_gram = K.shape[0] > 0
    for k in range(first, last):
        if is_gram:
            np.dot(folds.V[start * m : stop * m], K, folds.S[start * m : stop * m])
        _advance(start, stop, k, is_gram, max_iter, tol, folds)
        _predict(start, stop, k, folds)
    if last == folds.Z.shape[1]:
        _combine_weights(start, stop, folds)


@kernel(work=_work, examples=_examples, blas=True)
def _add_components(
    K, first, last, max_iter, tol,
    Y, weights, total, y_mean, y_std, y_floor, spread, test_rows, test_start,
    workU, workV, workS, workT, workZ, workB, workq, workG, workM, workN, worka, workz,
    out_predictions, out_dual, out_n_found, out_noise,
):  # fmt: skip
    """Add components `first` to `last` - 1 to all folds; without `K` their products are there."""
    n_folds = weights.shape[0]
    most = 16 if 16 * K.size <= _SMALL_PRODUCT else 32
    n_blocks = _n_blocks(n_folds, 8, most)
    for block in prange(n_blocks):
        # Made here, since what a parallel loop writes to arrays of a tuple from outside is lost.
        folds = _Folds(
            Y, weights, total, y_mean, y_std, y_floor, spread, test_rows, test_start,
            workU, workV, workS, workT, workZ, workB, workq, workG, workM, workN, worka, workz,
            out_predictions, out_dual, out_n_found, out_noise,
        )  # fmt: skip
        start = block * n_folds // n_blocks
        stop = (block + 1) * n_folds // n_blocks
        _add_to_block(start, stop, K, first, last, max_iter, tol, folds)


def _examples_products():
    X = np.ones((2, 3))
    yield X, np.ones((1, 3)), 1, *map(np.ones, ((1, 2), (1, 2), (1, 1, 3), (1, 1, 2)))


@kernel(
    work=lambda X, variance, m, workV, *rest: workV.shape[0] * X.size / 2,
    examples=_examples_products,
    blas=True,
)
def _multiply(X, variance, m, workV, workS, workW, workB):
    """Set S = V X X.T through the weight vectors W = V X, divided by the folds' variances."""
    n, p = X.shape
    n_rows = workV.shape[0]
    n_chunks = workW.shape[0]
    n_blocks = (n_rows + _ROWS - 1) // _ROWS
    for task in prange(n_blocks * n_chunks):
        block, chunk = task // n_chunks, task % n_chunks
        start, stop = block * n_rows // n_blocks, (block + 1) * n_rows // n_blocks
        first, last = chunk * n // n_chunks, (chunk + 1) * n // n_chunks
        V = workB[task, : (stop - start) * (last - first)].reshape(stop - start, last - first)
        for r in range(stop - start):
            for i in range(last - first):
                V[r, i] = workV[start + r, first + i]
        np.dot(V, X[first:last], workW[chunk, start:stop])
    for r in prange(n_rows):
        for chunk in range(1, n_chunks):
            for j in range(p):
                workW[0, r, j] += workW[chunk, r, j]
        for j in range(p):
            workW[0, r, j] /= variance[r // m if variance.shape[0] > 1 else 0, j]
    for task in prange(n_blocks * n_chunks):
        block, chunk = task // n_chunks, task % n_chunks
        start, stop = block * n_rows // n_blocks, (block + 1) * n_rows // n_blocks
        first, last = chunk * n // n_chunks, (chunk + 1) * n // n_chunks
        S = workB[task, : (stop - start) * (last - first)].reshape(stop - start, last - first)
        np.dot(workW[0, start:stop], X[first:last].T, S)
        for r in range(stop - start):
            for i in range(last - first):
                workS[start + r, first + i] = S[r, i]


def _start(Y, weights, spread, test_rows, n_components, scale, dual):
    """Return the folds before their first component."""
    n, m = Y.shape
    n_folds = len(weights)
    total = weights.sum(axis=1)
    y_mean = weights @ Y / total[:, np.newaxis]
    U = np.where(weights[:, np.newaxis] > 0, Y.T - y_mean[:, :, np.newaxis], 0.0)
    y_std = np.ones((n_folds, m))
    if scale:
        variance = (weights[:, np.newaxis] * U * U).sum(axis=2) / total[:, np.newaxis]
        y_std[variance > 0] = np.sqrt(variance[variance > 0])
        U /= y_std[:, :, np.newaxis]
    U = np.ascontiguousarray(U)  # its layout followed that of Y.T
    V = weights[:, np.newaxis] * U
    A = n_components
    return _Folds(
        Y=np.ascontiguousarray(Y),
        weights=weights,
        total=total,
        y_mean=y_mean,
        y_std=y_std,
        y_floor=(10.0 * _EPS) ** 2 * (U * V).sum(axis=(1, 2)),
        spread=spread,
        test_rows=np.concatenate(test_rows).astype(np.int64),
        test_start=np.cumsum([0, *map(len, test_rows)]),
        U=U,
        V=V.reshape(n_folds * m, n),
        S=np.empty((n_folds * m, n)),
        T=np.empty((n_folds, A, n)),
        Z=np.empty((n_folds, A if dual else 0, n)),
        B=np.empty((n_folds, A, A)),
        q=np.empty((n_folds, m, A)),
        G=np.empty((n_folds, m, A)),
        M=np.empty((n_folds, m, m)),
        N=np.empty((n_folds, m, m)),
        a=np.empty((n_folds, 3, m)),
        z=np.empty((n_folds, m, n)),
        predictions=np.empty((A, sum(map(len, test_rows)), m)),
        dual=np.zeros((n_folds, m, n if dual else 0)),
        n_found=np.zeros(n_folds, dtype=np.int64),
        noise=np.zeros((n_folds, A)),
    )


class FoldFits(NamedTuple):
    """What `pls_gram`, `pls_direct` and `pls_covariance` find.

    Attributes
    ----------
    predictions : (n_components, number of test rows, m)
        Row a - 1 with a components, or with all that there are; the test rows fold by fold.
    coefficients : (F, m, p), (F, m, n) or (F, m, 0)
        (F, m, p) if they were found in terms of the channels, or (F, m, n), where
        `pls_coefficients` makes them of, if asked for; else (F, m, 0).
    n_found : (F,)
        Components found before X or y was exhausted.
    noise : (F, n_components)
        Estimated rounding error of each component's share of y: the root mean square over
        the samples, in the unit of y (in standard deviations with `scale`).
    """

    predictions: np.ndarray
    coefficients: np.ndarray
    n_found: np.ndarray
    noise: np.ndarray


def pls_gram(K, Y, weights, test_rows, n_components, *, dual=False, max_iter=500, tol=1e-6):
    """Fit PLS to every fold from the Gram matrix of the spectra.

    O(F n² n_components), once `K` is there.

    Parameters
    ----------
    K : (n, n) float64
        X Xᵀ. Centring X by any vector beforehand changes only the rounding.
    Y : (n, m) float64
    weights : (F, n) float64
        0 where a sample is left out of a fold; each fold has at least one sample in.
    test_rows : list of F arrays of int
        The samples to predict in each fold.
    n_components : int
    dual : bool
        Whether the coefficients are wanted.
    max_iter, tol : int, float
        Limit and stopping rule of the power method, for several targets.

    Returns
    -------
    FoldFits
    """
    spread = (weights > 0) @ K.diagonal()
    folds = _start(Y, weights, spread, test_rows, n_components, False, dual)
    _add_components(np.ascontiguousarray(K), 0, n_components, max_iter, float(tol), *folds)
    return FoldFits(folds.predictions, folds.dual, folds.n_found, folds.noise)


def pls_direct(
    X, Y, weights, test_rows, n_components, *, scale=False, dual=False, max_iter=500, tol=1e-6
):
    """Fit PLS to every fold from the spectra themselves, autoscaled fold by fold if asked.

    O(F n p n_components).

    Parameters
    ----------
    X : (n, p) float64
        Centred, or nearly so: fold by fold the rest is done here.
    Y, weights, test_rows, n_components : see `pls_gram`
    scale : bool
        Whether each fold divides its channels and targets by their standard deviations.
    dual, max_iter, tol : see `pls_gram`

    Returns
    -------
    FoldFits
    """
    m = Y.shape[1]
    variance = channel_variances(X, weights) if scale else np.ones((1, X.shape[1]))
    used = (weights > 0).astype(np.float64)
    if scale:
        spread = (used @ (X * X) / variance).sum(axis=1)
    else:
        spread = used @ np.einsum("ij,ij->i", X, X)
    folds = _start(Y, weights, spread, test_rows, n_components, scale, dual)
    n_rows, n = folds.V.shape
    n_chunks = min(_CHUNKS, -(-n // _SAMPLES))
    n_blocks = -(-n_rows // _ROWS)
    W = np.empty((n_chunks, n_rows, X.shape[1]))
    buffers = np.empty((n_blocks * n_chunks, _ROWS * -(-n // n_chunks)))
    for k in range(n_components):
        _multiply(X, variance, m, folds.V, folds.S, W, buffers)
        _add_components(np.empty((0, 0)), k, k + 1, max_iter, float(tol), *folds)
    return FoldFits(
        folds.predictions, folds.dual * folds.y_std[..., np.newaxis], folds.n_found, folds.noise
    )


@kernel(
    work=lambda dual, X, out: dual.shape[0] * X.size / 2,
    examples=lambda: [(np.ones((1, 2)), np.ones((2, 3)), np.empty((1, 3)))],
    blas=True,
)
def _multiply_dual(dual, X, out):
    n_rows = dual.shape[0]
    n_blocks = _n_blocks(n_rows, _ROWS, 64)
    for block in prange(n_blocks):
        start, stop = block * n_rows // n_blocks, (block + 1) * n_rows // n_blocks
        np.dot(dual[start:stop], X, out[start:stop])


def pls_coefficients(dual, X, variance=None):
    """Return the coefficients that the folds' `dual` stands for.

    They act on centred spectra, in the units of X and Y: ``dual @ X``, divided by the
    folds' `channel_variances` where they autoscaled. O(F m n p).

    Parameters
    ----------
    dual : (F, m, n) float64
        `FoldFits.coefficients` of `pls_gram` or `pls_direct`.
    X : (n, p) float64
        The spectra that these were fitted to.
    variance : (F, p) float64, optional
        `channel_variances` of autoscaled folds.

    Returns
    -------
    coefficients : (F, m, p) float64
    """
    n_folds, m, n = dual.shape
    out = np.empty((n_folds, m, X.shape[1]))
    _multiply_dual(dual.reshape(-1, n), X, out.reshape(n_folds * m, -1))
    if variance is not None:
        out /= variance[:, np.newaxis]
    return out


def _examples_variances():
    yield np.ones((3, 2)), np.ones((1, 3)), np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))


@kernel(work=lambda X, weights, *rest: 4 * weights.shape[0] * X.size, examples=_examples_variances)
def _variances(X, weights, workmean, workrounding, out):
    """Write each fold's variance of each channel, in two passes, and 1 where it is zero."""
    n, p = X.shape
    for f in prange(weights.shape[0]):
        mean, rounding, variance = workmean[f], workrounding[f], out[f]
        mean[:] = 0.0
        rounding[:] = 0.0
        variance[:] = 0.0
        total = 0.0
        for i in range(n):
            total += weights[f, i]
            _add(mean, weights[f, i], X[i])
        for j in range(p):
            mean[j] /= total
        for i in range(n):
            weight = weights[f, i]
            if weight > 0.0:
                for j in range(p):
                    deviation = X[i, j] - mean[j]
                    variance[j] += weight * deviation * deviation
                    rounding[j] += weight * X[i, j] * X[i, j]
        for j in range(p):
            # The mean of equal numbers is off by its rounding.
            if variance[j] <= (n * _EPS) ** 2 * rounding[j]:
                variance[j] = 1.0
            else:
                variance[j] /= total


def channel_variances(X, weights):
    """Return each fold's variance of each channel, (F, p); 1 where it is 0 within rounding.

    Samples of weight 0 have no part in it, whatever their spectra. O(F n p).

    Parameters
    ----------
    X : (n, p) float64
    weights : (F, n) float64
        As in `pls_gram`.

    Returns
    -------
    variances : (F, p) float64
    """
    shape = len(weights), X.shape[1]
    out = np.empty(shape)
    _variances(X, weights, np.empty(shape), np.empty(shape), out)
    return out
