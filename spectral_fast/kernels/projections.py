"""Successive projections: chains of channels from many starts, and their regressions' errors.

A chain starts at a channel and goes on, each time, with the channel whose centred
column is longest once its projection onto the columns of the chain is removed
(Araújo et al. 2001, Chemometrics and Intelligent Laboratory Systems 57, 65-73). That
is the order of the pivots of a Cholesky factorisation of XᵀX, the first pivot being
given: O(p) for each channel of the chain so far, while projecting costs O(n p).

Squared lengths that come from XᵀX err by the rounding of the longest column's square.
So the channels that could be the next one within that error are projected themselves,
and where hardly any digit is left, all lengths are computed anew from X.

A regression with intercept on the first k channels of a chain depends on the first k
columns of an orthonormal basis Q of [1, x₁, x₂, …]. Without the samples s it has the
normal matrix A = I - QₛᵀQₛ, whose Cholesky factor begins with those of all smaller k.
So one factorisation gives a fold's predictions with 1, 2, … channels.
"""

from collections.abc import Sequence

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import helper, kernel

__all__ = ["spa_chains", "spa_scores"]

# Reordered sums vectorise; each runs in one thread, so results do not depend on their number.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

_EPS = np.finfo(np.float64).eps

#: Squared lengths that agree to this are equal, and go to the lowest channel.
_TIE = 1e-10

#: Rounding error of a squared length, relative to the longest one when they were last
#: computed from X.
_ROUNDING = 100.0 * _EPS

#: They are computed anew where the longest has become this small, relative to the longest then.
_REFRESH = 1e-11

#: Least pivot of A. It is the share of a channel's squared residual, given the channels before
#: it, that the training samples hold: below, the fold cannot tell the channel's coefficient.
_MIN_PIVOT = 1e-10

#: Starts are dealt to at most this many tasks, each with its own workspace.
_MAX_TASKS = 16


@helper(fastmath=_SUM_FLAGS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@helper()
def _project(x, Q, workc, workz, out):
    """Set `out` to `x` less its projection onto the rows of `Q`; return its squared length.

    The second pass takes away what rounding left in the first.
    """
    out[:] = x
    for _ in range(2):
        np.dot(Q, out, workc)
        np.dot(workc, Q, workz)
        for i in range(out.size):
            out[i] -= workz[i]
    return _dot(out, out)


@helper()
def _extend(x, k, workc, workz, outQ):
    """Set row `k` of the orthonormal `outQ` to the direction that `x` adds; return its length."""
    length = np.sqrt(_project(x, outQ[:k], workc[:k], workz, outQ[k]))
    for i in range(x.size):
        outQ[k, i] /= length
    return length


@helper()
def _refresh(XT, k, Q, workz, outL, outd):
    """Compute ``L = Q X`` and all squared lengths from X; return the longest.

    Channels of the chain have a length of minus infinity and keep it.
    """
    np.dot(Q[:k], XT.T, outL[:k])
    longest = -np.inf
    for j in range(outd.size):
        if outd[j] > -np.inf:
            workz[:] = XT[j]
            for b in range(k):
                for i in range(workz.size):
                    workz[i] -= outL[b, j] * Q[b, i]
            outd[j] = _dot(workz, workz)
            longest = max(longest, outd[j])
    return longest


@helper()
def _longest(XT, k, Q, d, margin, workc, workz, worke):
    """Return the channel that is longest, projecting those within `margin` of it."""
    bound = d.max() * (1.0 - _TIE) - margin
    best, length = -1, 0.0
    for j in range(d.size):
        if d[j] >= bound:
            exact = _project(XT[j], Q[:k], workc[:k], workz, worke)
            if best < 0 or exact * (1.0 - _TIE) > length:
                best, length = j, exact
    return best


@helper()
def _chain(XT, C, start, floor, workL, workQ, workd, workc, workz, worke, out):
    """Write the chain from `start`; return its length."""
    for j in range(workd.size):
        workd[j] = C[j, j]
    if workd[start] <= floor:
        return 0
    reference = workd.max()
    is_exact = False
    channel = start
    for k in range(out.size):
        if k > 0:
            if workd.max() <= _REFRESH * reference:
                reference = _refresh(XT, k, workQ, workz, workL, workd)
                is_exact = True
                if reference <= floor:
                    return k
            channel = _longest(XT, k, workQ, workd, _ROUNDING * reference, workc, workz, worke)
        out[k] = channel
        length = _extend(XT[channel], k, workc, workz, workQ)
        row = workL[k]
        if is_exact:
            np.dot(XT, workQ[k], row)
        else:
            for b in range(k):
                workc[b] = workL[b, channel]
            np.dot(workc[:k], workL[:k], row)
            for j in range(row.size):
                row[j] = (C[channel, j] - row[j]) / length
        for j in range(row.size):
            workd[j] -= row[j] * row[j]
        workd[channel] = -np.inf
    return out.size


def _examples_chains():
    yield (
        np.ones((3, 2)), np.ones((3, 3)), np.zeros(1, np.int64), 0.0, np.ones((1, 2, 3)),
        np.ones((1, 2, 2)), np.ones((1, 3)), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)),
        np.ones((1, 2), np.int64), np.ones(1, np.int64),
    )  # fmt: skip


def _work_chains(XT, C, starts, floor, workL, *rest):
    length = workL.shape[1]
    return starts.size * length * (length * sum(XT.shape) + XT.shape[0])


@kernel(work=_work_chains, examples=_examples_chains, blas=True)
def _chains(
    XT, C, starts, floor, workL, workQ, workd, workc, workz, worke, out, out_lengths
):  # fmt: skip
    n_tasks = workd.shape[0]
    for task in prange(n_tasks):
        for s in range(task * starts.size // n_tasks, (task + 1) * starts.size // n_tasks):
            out_lengths[s] = _chain(
                XT, C, starts[s], floor, workL[task], workQ[task], workd[task],
                workc[task], workz[task], worke[task], out[s],
            )  # fmt: skip


def spa_chains(
    X: np.ndarray, C: np.ndarray, starts: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the chain of channels from each start.

    Of columns that are equally long, to a relative 1e-10 of their squares, the lowest channel
    comes first. A chain ends where no column is longer than (n + p) ε of the longest one of
    X: it has reached the rank. One from a column that is no longer than that is empty.
    O(p length²) a start; O(n p length) where lengths under 3e-6 of the longest matter.
    NaN makes chains meaningless.

    Parameters
    ----------
    X : (n, p) float64
        Centred: each column sums to zero.
    C : (p, p) float64
        ``covariance(X)``.
    starts : (n_starts,) int
        Channels.
    length : int
        From 1 to min(n, p).

    Returns
    -------
    chains : (n_starts, length) int64
        Channels in the order in which they are added; -1 beyond the end.
    lengths : (n_starts,) int64

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[3.0, 1.0, 0.0], [-3.0, 1.0, 0.0], [0.0, -2.0, 0.0]])
    >>> chains, lengths = spa_chains(X, X.T @ X, np.array([0, 1, 2]), 3)
    >>> chains
    array([[ 0,  1, -1],
           [ 1,  0, -1],
           [-1, -1, -1]])
    >>> lengths
    array([2, 2, 0])
    """
    n, p = X.shape
    n_tasks = min(_MAX_TASKS, len(starts))
    chains = np.full((len(starts), length), -1, dtype=np.int64)
    lengths = np.empty(len(starts), dtype=np.int64)
    floor = ((n + p) * _EPS) ** 2 * C.diagonal().max()
    shapes = (length, p), (length, n), (p,), (length,), (n,), (n,)
    workspace = [np.empty((n_tasks, *shape)) for shape in shapes]
    _chains(
        np.ascontiguousarray(X.T), np.ascontiguousarray(C), starts.astype(np.int64), float(floor),
        *workspace, chains, lengths,
    )  # fmt: skip
    return chains, lengths


@helper()
def _basis(XT, chain, workc, workz, workQ, outB):
    """Set column 0 of `outB` to that of the intercept, the next ones to the chain's basis.

    Columns beyond the end of the chain are zero.
    """
    n = XT.shape[1]
    outB[:, 0] = 1.0 / np.sqrt(n)
    for k in range(chain.size):
        if chain[k] >= 0:
            _extend(XT[chain[k]], k, workc, workz, workQ)
            outB[:, k + 1] = workQ[k]
        else:
            outB[:, k + 1] = 0.0


@helper()
def _factorise(outM):
    """Turn the leading square of `outM`, A = L L.T, into L, and every row r below into L⁻¹ r.

    Returns the number of columns before the first one whose pivot is too small.
    """
    n_columns = outM.shape[1]
    for i in range(outM.shape[0]):
        row = outM[i]
        for j in range(min(i, n_columns)):
            row[j] = (row[j] - _dot(row[:j], outM[j, :j])) / outM[j, j]
        if i < n_columns:
            pivot = row[i] - _dot(row[:i], row[:i])
            if pivot > _MIN_PIVOT:
                row[i] = np.sqrt(pivot)
            else:
                n_columns = i
    return n_columns


@helper()
def _add_fold(B, YT, G, changed, changes, test_rows, workB, workW, workM, out):
    """Add the squared errors of a fold's test rows with 1, 2, … channels to `out`."""
    m, q = G.shape
    for r in range(changed.size):
        for b in range(q):
            workB[r, b] = B[changed[r], b]
            workW[r, b] = changes[r] * B[changed[r], b]
    np.dot(workW.T, workB, workM[:q])
    for b in range(q):
        workM[b, b] += 1.0
    for c in range(m):
        workM[q + c] = G[c]
        for r in range(changed.size):
            for b in range(q):
                workM[q + c, b] += YT[c, changed[r]] * workW[r, b]
    for r in range(test_rows.size):
        workM[q + m + r] = B[test_rows[r]]
    n_columns = _factorise(workM)
    for r in range(test_rows.size):
        for c in range(m):
            error = YT[c, test_rows[r]] - workM[q + m + r, 0] * workM[q + c, 0]
            for b in range(1, n_columns):
                error -= workM[q + m + r, b] * workM[q + c, b]
                out[b - 1, c] += error * error
    out[n_columns - 1 :] = np.inf


def _examples_scores():
    rows, bounds = np.zeros(1, np.int64), np.array([0, 1])
    yield (
        np.ones((2, 3)), np.ones((1, 3)), np.zeros((1, 1), np.int64),
        rows, np.ones(1), bounds, rows, bounds,
        np.ones((1, 1, 3)), np.ones((1, 3, 2)), np.ones((1, 1, 2)), np.ones((1, 1)),
        np.ones((1, 3)), np.ones((1, 1, 2)), np.ones((1, 1, 2)), np.ones((1, 4, 2)),
        np.ones((1, 1, 1)),
    )  # fmt: skip


def _work_scores(XT, YT, chains, changed, changes, changed_start, test_rows, *rest):
    n_chains, length = chains.shape
    return n_chains * length**2 * (4 * XT.shape[1] + changed.size + test_rows.size)


@kernel(work=_work_scores, examples=_examples_scores, blas=True)
def _scores(
    XT, YT, chains, changed, changes, changed_start, test_rows, test_start,
    workQ, workB, workG, workc, workz, work_changed, work_weighted, workM, out,
):  # fmt: skip
    m, q = workG.shape[1:]
    n_tasks = workQ.shape[0]
    for task in prange(n_tasks):
        B, G = workB[task], workG[task]
        for s in range(task * len(chains) // n_tasks, (task + 1) * len(chains) // n_tasks):
            _basis(XT, chains[s], workc[task], workz[task], workQ[task], B)
            np.dot(YT, B, G)
            out[s] = 0.0
            for f in range(changed_start.size - 1):
                first, last = changed_start[f], changed_start[f + 1]
                start, stop = test_start[f], test_start[f + 1]
                _add_fold(
                    B, YT, G, changed[first:last], changes[first:last], test_rows[start:stop],
                    work_changed[task, : last - first], work_weighted[task, : last - first],
                    workM[task, : q + m + stop - start], out[s],
                )  # fmt: skip
            for k in range(chains.shape[1]):
                if chains[s, k] < 0:
                    out[s, k] = np.inf


def spa_scores(
    X: np.ndarray,
    Y: np.ndarray,
    chains: np.ndarray,
    weights: np.ndarray,
    test_rows: Sequence[np.ndarray],
) -> np.ndarray:
    """Return the squared errors of regressions on the first channels of each chain.

    Least squares with an intercept on the training set of each fold, for every number of
    channels at once. O(n length²) a chain, and O(length³) for each of its folds. NaN in X or
    Y gives infinite or NaN errors.

    Parameters
    ----------
    X : (n, p) float64
        Centred: each column sums to zero.
    Y : (n, m) float64
        Centred, too, lest digits cancel.
    chains : (n_chains, length) int
        Channels as `spa_chains` returns them; columns of a chain are linearly independent.
    weights : (F, n) float64
        How often each training set holds each sample.
    test_rows : F arrays of int
        The samples to predict in each fold.

    Returns
    -------
    errors : (n_chains, length, m) float64
        ``errors[s, k - 1]``: sums over all test rows, with k channels; infinite beyond the end
        of a chain, and from the first channel on whose residual, given those before it,
        loses all but 1e-5 of its length in a training set.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[-1.0], [0.0], [0.0], [1.0]])
    >>> Y = np.array([[-2.0], [0.0], [-1.0], [3.0]])
    >>> weights = np.array([[1.0, 1.0, 1.0, 0.0]])  # the fourth sample is left out
    >>> spa_scores(X, Y, np.array([[0]]), weights, [np.array([3])]).round(8)
    array([[[4.]]])
    """
    (n, m), (n_chains, length) = Y.shape, chains.shape
    changed = [np.flatnonzero(each != 1.0) for each in weights]
    changes = np.concatenate([w[rows] - 1.0 for w, rows in zip(weights, changed, strict=True)])
    n_changed, n_test = list(map(len, changed)), list(map(len, test_rows))
    q = length + 1
    shapes = (
        (length, n), (n, q), (m, q), (length,), (n,),
        (max(n_changed), q), (max(n_changed), q), (q + m + max(n_test), q),
    )  # fmt: skip
    n_tasks = min(_MAX_TASKS, n_chains)
    workspace = [np.empty((n_tasks, *shape)) for shape in shapes]
    errors = np.empty((n_chains, length, m))
    _scores(
        np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T), chains.astype(np.int64),
        np.concatenate(changed).astype(np.int64), changes, np.cumsum([0, *n_changed]),
        np.concatenate(test_rows).astype(np.int64), np.cumsum([0, *n_test]),
        *workspace, errors,
    )  # fmt: skip
    return errors
