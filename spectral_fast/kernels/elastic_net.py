"""Lasso and elastic net by coordinate descent, for many folds and penalties at once.

The iterates are those of scikit-learn's `enet_coordinate_descent` (1.9) from coefficients of
zero: coordinates in order, the same duality gap, the same screening. Fits of collinear spectra
often end at the largest number of iterations, where only the same iterates are the same answer;
for that reason no fit starts from another one's coefficients.

Channels are worked on in groups of four. The four inner products with the residuals are formed
together, then corrected for the steps of the group's earlier channels by the products of the
channels themselves. Each coordinate sees what it would see one at a time, up to rounding. A group
of zeros is passed over while the residuals cannot have moved far enough for one to change.

The two loops over samples where the time goes are written in LLVM's vectors: the few dozen samples
of a usual calibration are too few for the loops that it would unroll by itself.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic, overload

from spectral_fast.kernels._jit import get_num_threads, helper, kernel

__all__ = ["ElasticNetFits", "elastic_net_folds"]

# Reordered sums vectorise; each runs in one thread, so results do not depend on their number.
_SUM_FLAGS = ("reassoc", "contract", "nsz")

#: Channels that are worked on together.
_GROUP = 4

#: Samples are padded to a multiple of this, the length of a vector.
_VECTOR = 8

#: Rows of a group's numbers. With s_i = ‖x_i‖² + l2 for channel i: 1 / s_i, by how much
#: coefficients shrink, ‖x_i‖; and in row `_PRODUCTS` + k the products x_k · x_i / s_i.
_INVERSE, _THRESHOLD, _LENGTH, _PRODUCTS = 0, 1, 2, 3

#: Channels between the places where residuals are compared with those of the sweep before.
_BLOCK = 64

#: Share of a threshold that rounding stays below.
_MARGIN = 1e-9


@helper(fastmath=_SUM_FLAGS)
def _dot(a, b):
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


def _dot_four(channels, j0, j1, j2, j3, b):
    """Return the inner products of four channels with `b`."""
    return channels[j0] @ b, channels[j1] @ b, channels[j2] @ b, channels[j3] @ b


def _subtract_four(channels, j0, j1, j2, j3, f0, f1, f2, f3, out):
    """Subtract four channels times their factors."""
    out -= f0 * channels[j0] + f1 * channels[j1] + f2 * channels[j2] + f3 * channels[j3]


_VECTOR_TYPE = ir.VectorType(ir.DoubleType(), _VECTOR)


def _lanes(builder, a, b, *lanes):
    """Return the named lanes of the vectors `a` and `b`, counted through both."""
    return builder.shuffle_vector(
        a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    )


def _place(builder, data, i):
    """Return the address of the vector at the i-th number."""
    return builder.bitcast(builder.gep(data, [i], inbounds=True), _VECTOR_TYPE.as_pointer())


def _load(builder, data, i):
    return builder.load(_place(builder, data, i), align=8)


def _multiply_add(builder, a, b, c):
    flags = ("contract",)
    return builder.fadd(builder.fmul(a, b, flags=flags), c, flags=flags)


def _loop_over_samples(context, builder, signature, args, starts, step):
    """Write a loop over the samples of four channels and one more row, `_VECTOR` at a time.

    The channels are the first argument and their numbers the next four, the row is the last.
    The number of samples is a positive multiple of `_VECTOR`. `step` gets the sums so far, the
    channels' vectors, the row's vector and its address; it returns the new sums, which begin
    with `starts`.
    """
    channels, *members = args[:5]
    matrix = context.make_array(signature.args[0])(context, builder, channels)
    samples = context.make_array(signature.args[-1])(context, builder, args[-1])
    size = builder.extract_value(matrix.shape, 1)
    rows = [builder.gep(matrix.data, [builder.mul(j, size)], inbounds=True) for j in members]
    entry = builder.block
    body = builder.append_basic_block("samples")
    end = builder.append_basic_block("end_of_samples")
    builder.branch(body)
    builder.position_at_end(body)
    i = builder.phi(size.type)
    i.add_incoming(size.type(0), entry)
    sums = [builder.phi(start.type) for start in starts]
    new = step(
        sums, [_load(builder, row, i) for row in rows],
        _load(builder, samples.data, i), _place(builder, samples.data, i),
    )  # fmt: skip
    for each, start, value in zip(sums, starts, new, strict=True):
        each.add_incoming(start, entry)
        each.add_incoming(value, body)
    following = builder.add(i, size.type(_VECTOR))
    i.add_incoming(following, body)
    builder.cbranch(builder.icmp_unsigned("<", following, size), body, end)
    builder.position_at_end(end)
    return new


@intrinsic
def _dot_four_vectors(typing_context, channels, j0, j1, j2, j3, b):
    def write(context, builder, signature, args):
        zeros = ir.Constant(_VECTOR_TYPE, [0.0] * _VECTOR)
        a, b, c, d = _loop_over_samples(
            context, builder, signature, args, [zeros] * 4,
            lambda sums, rows, samples, _: [
                _multiply_add(builder, row, samples, each)
                for each, row in zip(sums, rows, strict=True)
            ],
        )  # fmt: skip
        # Neighbouring lanes are added, until four are left, those of a, b, c and d.
        even, odd = (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15)
        ab = builder.fadd(_lanes(builder, a, b, *even), _lanes(builder, a, b, *odd))
        cd = builder.fadd(_lanes(builder, c, d, *even), _lanes(builder, c, d, *odd))
        halves = builder.fadd(
            _lanes(builder, ab, cd, 0, 1, 8, 9, 4, 5, 12, 13),
            _lanes(builder, ab, cd, 2, 3, 10, 11, 6, 7, 14, 15),
        )
        totals = builder.fadd(
            _lanes(builder, halves, halves, 0, 1, 2, 3), _lanes(builder, halves, halves, 4, 5, 6, 7)
        )
        return context.make_tuple(
            builder,
            signature.return_type,
            [builder.extract_element(totals, ir.IntType(32)(k)) for k in range(4)],
        )

    return types.UniTuple(types.float64, 4)(channels, j0, j1, j2, j3, b), write


@intrinsic
def _subtract_four_vectors(typing_context, channels, j0, j1, j2, j3, f0, f1, f2, f3, out):
    def write(context, builder, signature, args):
        undefined = ir.Constant(_VECTOR_TYPE, ir.Undefined)
        factors = [
            _lanes(
                builder,
                builder.insert_element(undefined, builder.fneg(factor), ir.IntType(32)(0)),
                undefined,
                *(0,) * _VECTOR,
            )
            for factor in args[5:9]
        ]

        def step(_, rows, samples, address):
            for factor, row in zip(factors, rows, strict=True):
                samples = _multiply_add(builder, factor, row, samples)
            builder.store(samples, address, align=8)
            return []

        _loop_over_samples(context, builder, signature, args, [], step)
        return context.get_dummy_value()

    return types.void(channels, j0, j1, j2, j3, f0, f1, f2, f3, out), write


def _are_plain(*arrays):
    """Return whether numbers of these types of arrays lie one after the other, as doubles."""
    return all(each.layout == "C" and each.dtype == types.float64 for each in arrays)


# Python runs the plain functions; in compiled code the vectors take their place.
@overload(_dot_four, jit_options={"forceinline": True})
def _compiled_dot_four(channels, j0, j1, j2, j3, b):
    if not _are_plain(channels, b):
        return None

    def compiled(channels, j0, j1, j2, j3, b):
        return _dot_four_vectors(channels, j0, j1, j2, j3, b)  # type: ignore[call-arg]

    return compiled


@overload(_subtract_four, jit_options={"forceinline": True})
def _compiled_subtract_four(channels, j0, j1, j2, j3, f0, f1, f2, f3, out):
    if not _are_plain(channels, out):
        return None

    def compiled(channels, j0, j1, j2, j3, f0, f1, f2, f3, out):
        _subtract_four_vectors(  # type: ignore[call-arg]
            channels, j0, j1, j2, j3, f0, f1, f2, f3, out
        )

    return compiled


@helper()
def _shrunk(value, threshold, positive):
    """Return `value` moved towards zero by `threshold`, at most to zero."""
    low = -np.inf if positive else -threshold
    return value - min(max(value, low), threshold)


@helper()
def _largest(a, b, c, d, positive):
    if positive:
        return max(max(a, b), max(c, d))
    return max(max(abs(a), abs(b)), max(abs(c), abs(d)))


@helper()
def _centre(X, rows, fit_intercept, out_channels, out_means, out_norms, out_lengths):
    """Write the centred training rows transposed, the channels' means and squared norms.

    What `out_channels` has beyond the training rows and the channels becomes zero.
    """
    n, p = rows.size, X.shape[1]
    out_channels[p:] = 0.0
    for j in range(p):
        channel = out_channels[j]
        total = 0.0
        for i in range(n):
            channel[i] = X[rows[i], j]
            total += channel[i]
        out_means[j] = total / n if fit_intercept else 0.0
        for i in range(n):
            channel[i] -= out_means[j]
        channel[n:] = 0.0
        out_norms[j] = _dot(channel, channel)
    out_lengths[:p] = np.sqrt(out_norms[:p])
    out_lengths[p:] = 0.0


@helper()
def _centre_target(Y, target, rows, fit_intercept, outy):
    """Write the centred training values of a target; return their mean."""
    n = rows.size
    outy[:] = 0.0
    for i in range(n):
        outy[i] = Y[rows[i], target]
    mean = outy[:n].sum() / n if fit_intercept else 0.0
    for i in range(n):
        outy[i] -= mean
    return mean


@helper()
def _duality_gap(channels, l1, l2, positive, w, y, residuals, out_gradient):
    """Return the duality gap, and the largest of ``gradient = X.T @ residuals - l2 * w``."""
    for j in range(0, out_gradient.size, _GROUP):
        g0, g1, g2, g3 = _dot_four(channels, j, j + 1, j + 2, j + 3, residuals)
        out_gradient[j] = g0
        out_gradient[j + 1] = g1
        out_gradient[j + 2] = g2
        out_gradient[j + 3] = g3
    largest = -np.inf
    absolute = 0.0
    for j in range(w.size):
        out_gradient[j] -= l2 * w[j]
        largest = max(largest, out_gradient[j] if positive else abs(out_gradient[j]))
        absolute += abs(w[j])
    squares = _dot(residuals, residuals) + l2 * _dot(w, w)
    scale = l1 / largest if largest > l1 else 1.0
    dual = -0.5 * scale**2 * squares + scale * _dot(residuals, y)
    return 0.5 * squares + l1 * absolute - dual, largest


@helper()
def _screen(
    channels, norms, gradient, largest, gap, l1, l2, n_active, out_active, outw, out_residuals
):
    """Drop the channels whose coefficient is zero at the optimum; return how many are left.

    Gap-safe sphere rule, equation 11 of Ndiaye et al.
    """
    radius = np.sqrt(2.0 * gap) / l1
    kept = 0
    for f in range(n_active):
        j = out_active[f]
        distance = (1.0 - abs(gradient[j] / max(l1, largest))) / np.sqrt(norms[j] + l2)
        if distance <= radius:
            out_active[kept] = j
            kept += 1
        elif outw[j] != 0.0:
            for i in range(out_residuals.size):
                out_residuals[i] += outw[j] * channels[j, i]
            outw[j] = 0.0
    # The rest of the last group is a channel of zeros.
    for f in range(kept, kept + _GROUP):
        out_active[f] = channels.shape[0] - 1
    return kept


@helper()
def _form_groups(channels, lengths, active, n_active, inverse, l1, out_groups):
    """Write what a group's step needs, in rows of four; see `_INVERSE` to `_PRODUCTS`."""
    for f in range(0, n_active, _GROUP):
        group = out_groups[f // _GROUP]
        j0, j1, j2, j3 = active[f], active[f + 1], active[f + 2], active[f + 3]
        for k in range(_GROUP):
            j = active[f + k]
            group[_INVERSE, k] = inverse[j]
            group[_THRESHOLD, k] = l1 * inverse[j]
            group[_LENGTH, k] = lengths[j]
            s0, s1, s2, s3 = _dot_four(channels, j0, j1, j2, j3, channels[j])
            group[_PRODUCTS + k, 0] = s0 * inverse[j0]
            group[_PRODUCTS + k, 1] = s1 * inverse[j1]
            group[_PRODUCTS + k, 2] = s2 * inverse[j2]
            group[_PRODUCTS + k, 3] = s3 * inverse[j3]


@helper(fastmath=_SUM_FLAGS, inline=True)
def _move(residuals, out_point):
    """Set the point to the residuals; return the distance between the two."""
    total = 0.0
    for i in range(residuals.size):
        step = residuals[i] - out_point[i]
        total += step * step
        out_point[i] = residuals[i]
    return np.sqrt(total)


@helper(fastmath=("contract",))
def _sweep(
    channels, active, n_active, groups, l1, positive,
    out_points, out_moved, out_limits, outw, out_residuals,
):  # fmt: skip
    """Set each coefficient to its optimum, the others fixed, in the order of `active`.

    By Cauchy and Schwarz a group of zeros stays so until the residuals have moved by a certain
    distance. Since it was last looked at they have moved at most by the way from the start of
    the block in that sweep, by what they moved from sweep to sweep at that start, which is
    summed in `out_moved`, and by the way from there in this sweep. The last two make up
    `travelled`. Returns the largest change and the largest coefficient, both absolute.
    """
    change = 0.0
    largest = 0.0
    moved = 0.0
    travelled = 0.0
    for f in range(0, n_active, _GROUP):
        if f % _BLOCK == 0:
            block = f // _BLOCK
            out_moved[block] += _move(out_residuals, out_points[block])
            moved = out_moved[block]
            travelled = moved
        if travelled < out_limits[f // _GROUP]:
            continue
        group = groups[f // _GROUP]
        inverse = group[_INVERSE]
        threshold = group[_THRESHOLD]
        length = group[_LENGTH]
        product0 = group[_PRODUCTS]
        product1 = group[_PRODUCTS + 1]
        product2 = group[_PRODUCTS + 2]
        product3 = group[_PRODUCTS + 3]
        j0, j1, j2, j3 = active[f], active[f + 1], active[f + 2], active[f + 3]
        w0, w1, w2, w3 = outw[j0], outw[j1], outw[j2], outw[j3]
        t0, t1, t2, t3 = _dot_four(channels, j0, j1, j2, j3, out_residuals)
        inner = _largest(t0, t1, t2, t3, positive)
        if inner <= l1 and w0 == 0.0 and w1 == 0.0 and w2 == 0.0 and w3 == 0.0:
            longest = _largest(length[0], length[1], length[2], length[3], False)
            distance = ((1.0 - _MARGIN) * l1 - inner) / longest
            out_limits[f // _GROUP] = moved + (distance - (travelled - moved))
            continue
        # `t` is the coefficient without the absolute penalty, `n` the new one, `d` its change.
        t0 = t0 * inverse[0] + w0 * product0[0]
        t1 = t1 * inverse[1] + w1 * product1[1]
        t2 = t2 * inverse[2] + w2 * product2[2]
        t3 = t3 * inverse[3] + w3 * product3[3]
        n0 = _shrunk(t0, threshold[0], positive)
        d0 = n0 - w0
        t1 -= d0 * product0[1]
        t2 -= d0 * product0[2]
        t3 -= d0 * product0[3]
        n1 = _shrunk(t1, threshold[1], positive)
        d1 = n1 - w1
        t2 -= d1 * product1[2]
        t3 -= d1 * product1[3]
        n2 = _shrunk(t2, threshold[2], positive)
        d2 = n2 - w2
        t3 -= d2 * product2[3]
        n3 = _shrunk(t3, threshold[3], positive)
        d3 = n3 - w3
        outw[j0] = n0
        outw[j1] = n1
        outw[j2] = n2
        outw[j3] = n3
        largest = max(largest, _largest(n0, n1, n2, n3, False))
        change = max(change, _largest(d0, d1, d2, d3, False))
        _subtract_four(channels, j0, j1, j2, j3, d0, d1, d2, d3, out_residuals)
        travelled += (abs(d0) * length[0] + abs(d1) * length[1]) + (
            abs(d2) * length[2] + abs(d3) * length[3]
        )
    return change, largest


@helper()
def _fit(
    channels, norms, lengths, p, y, l1, l2, max_iter, tol, positive,
    work_inverse, work_gradient, work_limits, work_moved, work_active, work_groups,
    work_residuals, work_points, outw,
):  # fmt: skip
    """Descend from coefficients of zero.

    Returns the duality gap, what it has to reach and the number of sweeps.
    """
    tolerance = tol * _dot(y, y)
    if not np.isfinite(norms[:p].sum() + tolerance):
        outw[:] = np.nan
        return np.nan, tolerance, 0
    outw[:] = 0.0
    work_residuals[:] = y
    n_active = 0
    for j in range(p):
        if norms[j] > 0.0:
            work_inverse[j] = 1.0 / (norms[j] + l2)
            work_active[n_active] = j
            n_active += 1
    work_inverse[p:] = 0.0
    n_grouped = -1
    n_iter = 0
    gap, largest = _duality_gap(
        channels, l1, l2, positive, outw[:p], y, work_residuals, work_gradient
    )
    while gap > tolerance:
        n_active = _screen(
            channels, norms, work_gradient, largest, gap, l1, l2, n_active,
            work_active, outw, work_residuals,
        )  # fmt: skip
        if n_iter == max_iter:
            break
        if n_active != n_grouped:
            _form_groups(channels, lengths, work_active, n_active, work_inverse, l1, work_groups)
            n_grouped = n_active
            work_limits[:] = 0.0
            work_moved[:] = 0.0
            work_points[:] = work_residuals
        settled = False
        while not settled:
            n_iter += 1
            change, size = _sweep(
                channels, work_active, n_active, work_groups, l1, positive,
                work_points, work_moved, work_limits, outw, work_residuals,
            )  # fmt: skip
            settled = size == 0.0 or change / size <= tol or n_iter == max_iter
        gap, largest = _duality_gap(
            channels, l1, l2, positive, outw[:p], y, work_residuals, work_gradient
        )
    return gap, tolerance, n_iter


def _work(X, Y, rows, starts, l1, *rest):
    # A fit takes some hundred sweeps; those of spectra often many more.
    return 100.0 * rows.size * X.shape[1] * l1.size * Y.shape[1]


def _examples():
    yield (
        np.ones((2, 3)), np.ones((2, 1)), np.array([0, 1]), np.array([0, 2]),
        np.ones(1), np.zeros(1), 1, 1e-4, False, True,
        np.empty((1, 4, 8)), np.empty((1, 8, 4)), np.empty((1, 8), np.uintp),
        np.empty((1, 1, 7, 4)), np.empty((1, 2, 8)), np.empty((1, 1, 8)),
        np.empty((1, 1, 1, 3)), np.empty((1, 1, 1)), np.empty((1, 1, 1)), np.empty((1, 1, 1)),
        np.empty((1, 1, 1), np.int64),
    )  # fmt: skip


@kernel(work=_work, examples=_examples)
def _descend_folds(
    X, Y, rows, starts, l1, l2, max_iter, tol, positive, fit_intercept,
    work_channels, work_vectors, work_active, work_groups, work_samples, work_points,
    out_coef, out_intercept, out_gap, out_tolerance, out_n_iter,
):  # fmt: skip
    p = X.shape[1]
    n_tasks = work_channels.shape[0]
    n_pairs = (starts.size - 1) * l1.size
    for task in prange(n_tasks):
        channels = work_channels[task]
        means = work_vectors[task, 0]
        norms = work_vectors[task, 1]
        inverse = work_vectors[task, 2]
        gradient = work_vectors[task, 3]
        w = work_vectors[task, 4]
        lengths = work_vectors[task, 5]
        y = work_samples[task, 0]
        residuals = work_samples[task, 1]
        centred = -1
        for pair in range(task * n_pairs // n_tasks, (task + 1) * n_pairs // n_tasks):
            fold = pair // l1.size
            c = pair % l1.size
            train = rows[starts[fold] : starts[fold + 1]]
            if fold != centred:
                _centre(X, train, fit_intercept, channels, means, norms, lengths)
                centred = fold
            for t in range(Y.shape[1]):
                mean = _centre_target(Y, t, train, fit_intercept, y)
                gap, tolerance, n_iter = _fit(
                    channels, norms, lengths, p, y, l1[c] * train.size, l2[c] * train.size,
                    max_iter, tol, positive,
                    inverse, gradient, work_vectors[task, 6], work_vectors[task, 7],
                    work_active[task], work_groups[task], residuals, work_points[task], w,
                )  # fmt: skip
                out_coef[fold, c, t] = w[:p]
                out_intercept[fold, c, t] = mean - _dot(means[:p], w[:p])
                out_gap[fold, c, t] = gap
                out_tolerance[fold, c, t] = tolerance
                out_n_iter[fold, c, t] = n_iter


def _aligned(*shape):
    """Return an empty array that begins where a line of the cache does: vectors load faster."""
    size = math.prod(shape)
    memory = np.empty(size + _VECTOR)
    start = -memory.ctypes.data // memory.itemsize % _VECTOR
    return memory[start : start + size].reshape(shape)


class ElasticNetFits(NamedTuple):
    """What `elastic_net_folds` returns; see there.

    Attributes
    ----------
    coef : (n_folds, n_penalties, m, p)
    intercept, gap, tolerance, n_iter : (n_folds, n_penalties, m)
    """

    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    tolerance: np.ndarray
    n_iter: np.ndarray


@np.errstate(invalid="ignore")  # NaN and infinity show in the result
def elastic_net_folds(
    X: np.ndarray,
    Y: np.ndarray,
    folds: Sequence[np.ndarray],
    alphas: np.ndarray,
    l1_ratios: np.ndarray,
    *,
    max_iter: int = 1000,
    tol: float = 1e-4,
    positive: bool = False,
    fit_intercept: bool = True,
) -> ElasticNetFits:
    """Fit an elastic net to the training rows of each fold, for each penalty and target.

    Minimises, over n training rows and for one target y,
    ``‖y - b₀ - X b‖² / (2 n) + alpha (l1_ratio ‖b‖₁ + (1 - l1_ratio) ‖b‖² / 2)``
    by cyclic coordinate descent from ``b = 0``, until the duality gap is at most
    ``tol ‖y - ȳ‖²`` or `max_iter` sweeps are done. The gap is looked at when no coefficient
    has changed by more than `tol` of the largest; channels that it shows to have no part in
    the optimum are left out of the sweeps that follow.

    O(n p) a sweep. A constant channel has the coefficient zero. NaN or infinity in the
    training rows makes the fold's coefficients NaN, in a target those of the target.

    Parameters
    ----------
    X : (N, p) float64
    Y : (N, m) float64
    folds : sequence of (n,) int arrays
        Training rows of each fold, at least one.
    alphas : (n_penalties,) float64
        Weights of the penalty, positive.
    l1_ratios : (n_penalties,) float64
        Share of the absolute values in it, above 0 and at most 1.
    max_iter : int, default=1000
        Most sweeps, at least 1.
    tol : float, default=1e-4
        Not negative.
    positive : bool, default=False
        Whether coefficients must not be negative.
    fit_intercept : bool, default=True
        Whether the training rows are centred.

    Returns
    -------
    coef : (n_folds, n_penalties, m, p) float64
    intercept : (n_folds, n_penalties, m) float64
    gap : (n_folds, n_penalties, m) float64
        Duality gaps of the sum of squares, n times the objective above.
    tolerance : (n_folds, n_penalties, m) float64
        What the gap has to reach; a fit with a larger one has not converged.
    n_iter : (n_folds, n_penalties, m) int64
        Number of sweeps.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010, Journal of Statistical Software 33 (1), equation 5,
    for the descent; Fercoq, Gramfort & Salmon 2015, ICML 37, 333-342, for the gap; Ndiaye,
    Fercoq, Gramfort & Salmon 2017, Journal of Machine Learning Research 18 (128), equation
    11, for the screening.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([[1.0], [3.0], [5.0], [0.0]])
    >>> fits = elastic_net_folds(X, Y, [[0, 1, 2]], [0.1, 1.0], [1.0, 1.0])
    >>> fits.coef[0, :, 0, 0]
    array([1.85, 0.5 ])
    >>> fits.intercept[0, :, 0]
    array([1.15, 2.5 ])
    """
    X, Y, alphas, l1_ratios = (
        np.ascontiguousarray(array, dtype=np.float64) for array in (X, Y, alphas, l1_ratios)
    )
    rows = np.concatenate([np.asarray(fold, dtype=np.int64) for fold in folds])
    sizes = [len(fold) for fold in folds]
    shape = (len(sizes), alphas.size, Y.shape[1])
    p = X.shape[1]
    coef = np.empty((*shape, p))
    intercept, gap, tolerance = np.empty(shape), np.empty(shape), np.empty(shape)
    n_iter = np.empty(shape, dtype=np.int64)
    n_tasks = min(get_num_threads(), len(sizes) * alphas.size)
    n_channels = p + _GROUP - p % _GROUP  # at least one of zeros, to fill a group
    n_samples = -(-max(1, *sizes) // _VECTOR) * _VECTOR
    _descend_folds(
        X, Y, rows, np.concatenate([[0], np.cumsum(sizes)]), alphas * l1_ratios,
        alphas * (1.0 - l1_ratios), int(max_iter), float(tol), bool(positive), bool(fit_intercept),
        _aligned(n_tasks, n_channels, n_samples), np.empty((n_tasks, 8, n_channels)),
        # Unsigned: an index that could count from the end takes longer.
        np.empty((n_tasks, n_channels + _GROUP), dtype=np.uintp),
        np.empty((n_tasks, n_channels // _GROUP, _PRODUCTS + _GROUP, _GROUP)),
        _aligned(n_tasks, 2, n_samples), _aligned(n_tasks, -(-p // _BLOCK), n_samples),
        coef, intercept, gap, tolerance, n_iter,
    )  # fmt: skip
    return ElasticNetFits(coef, intercept, gap, tolerance, n_iter)
