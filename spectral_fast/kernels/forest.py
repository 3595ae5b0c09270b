"""Random forests: the trees of scikit-learn, to the last bit, without an object for each.

Spectra have few samples and many collinear channels, which often split a node equally well. Which
of them a tree takes depends on the order in which channels are drawn and samples are summed up.
For that reason the random numbers and the order of the samples at each step are those of
scikit-learn's `DepthFirstTreeBuilder` and `BestSplitter` (1.9; earlier ones leave equal values in
another order).

A tree sees the ranks of a channel's values, which are counted once for all trees. Weights are
whole numbers: how often a sample was drawn.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import get_num_threads, helper, kernel

__all__ = ["ForestTrees", "forest_trees"]

#: Values of a channel that lie no further apart are one value.
_RESOLUTION = np.float32(1e-7)

#: A node with no more impurity is a leaf.
_EPSILON = np.finfo(np.float64).eps

#: Up to so many values are sorted by insertion.
_FEW = 15

#: Up to so many ranks for each sample of a node, its samples are sorted by these.
_SPARSE = 5

#: Rows of the stack that holds unsorted parts: twice the logarithm of the largest size.
_SORT_DEPTH = 128


@helper()
def _swap(keys, samples, i, j):
    keys[i], keys[j] = keys[j], keys[i]
    samples[i], samples[j] = samples[j], samples[i]


@helper()
def _sift_down(keys, samples, first, start, end):
    root = start
    while True:
        child = 2 * root + 1
        largest = root
        if child < end and keys[first + largest] < keys[first + child]:
            largest = child
        if child + 1 < end and keys[first + largest] < keys[first + child + 1]:
            largest = child + 1
        if largest == root:
            return
        _swap(keys, samples, first + root, first + largest)
        root = largest


@helper()
def _heap_sort(keys, samples, first, n):
    for start in range((n - 2) // 2, -1, -1):
        _sift_down(keys, samples, first, start, n)
    for end in range(n - 1, 0, -1):
        _swap(keys, samples, first, first + end)
        _sift_down(keys, samples, first, 0, end)


@helper()
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@helper()
def _sort(keys, samples, first, end, work_parts):
    """Sort by key, equal ones in the order that Musser's introsort leaves them in."""
    depth = 0
    size = end - first
    while size > 1:
        size >>= 1
        depth += 2
    work_parts[0, 0] = first
    work_parts[0, 1] = end
    work_parts[0, 2] = depth
    n_parts = 1
    while n_parts > 0:
        n_parts -= 1
        first, end, depth = work_parts[n_parts, 0], work_parts[n_parts, 1], work_parts[n_parts, 2]
        while end - first > _FEW and depth > 0:
            depth -= 1
            pivot = _median(keys[first], keys[first + (end - first) // 2], keys[end - 1])
            i = first
            left = first
            right = end
            while i < right:
                if keys[i] < pivot:
                    _swap(keys, samples, i, left)
                    i += 1
                    left += 1
                elif keys[i] > pivot:
                    right -= 1
                    _swap(keys, samples, i, right)
                else:
                    i += 1
            work_parts[n_parts, 0] = first
            work_parts[n_parts, 1] = left
            work_parts[n_parts, 2] = depth
            n_parts += 1
            first = right
        if end - first > _FEW:
            _heap_sort(keys, samples, first, end - first)
            continue
        for i in range(first + 1, end):
            key, sample = keys[i], samples[i]
            j = i
            while j > first and keys[j - 1] > key:
                keys[j] = keys[j - 1]
                samples[j] = samples[j - 1]
                j -= 1
            keys[j] = key
            samples[j] = sample


@helper()
def _is_above(value, other):
    return value > other + _RESOLUTION


@helper()
def _is_cut(key_before, key, are_apart, before, value):
    """Return whether a sample has another value than the one before it."""
    return key != key_before and (are_apart or _is_above(value, before))


@helper()
def _rank(channel, work_values, work_samples, work_parts, out_ranks):
    """Give the values of a channel ranks from 0 up, equal ones the same.

    Returns whether all that differ are further apart than the resolution.
    """
    n = channel.size
    for i in range(n):
        work_values[i] = channel[i]
        work_samples[i] = i
    _sort(work_values, work_samples, 0, n, work_parts)
    are_apart = True
    rank = 0
    for i in range(n):
        if i > 0 and work_values[i] != work_values[i - 1]:
            rank += 1
            are_apart = are_apart and _is_above(work_values[i], work_values[i - 1])
        out_ranks[work_samples[i]] = rank
    return are_apart


@helper()
def _next_random(state):
    """Return the next state: Marsaglia 2003, section 3, xorshift of 32 bits."""
    if state == 0:
        state = 1
    state ^= (state << 13) & 0xFFFFFFFF
    state ^= state >> 17
    return state ^ ((state << 5) & 0xFFFFFFFF)


@helper()
def _part(channel, threshold, start, end, out_samples):
    """Put the samples with values up to the threshold before the others."""
    while start < end:
        if channel[out_samples[start]] <= threshold:
            start += 1
        else:
            end -= 1
            out_samples[start], out_samples[end] = out_samples[end], out_samples[start]


@helper()
def _split(
    channels, ranks, are_apart, weights, shares, classes, start, end, n_known, min_leaf,
    max_features, is_classes, weight, sums, state, work_samples, work_keys, work_by_rank, work_seen,
    work_channels, work_constant, work_left, work_parts,
):  # fmt: skip
    """Find the best cut among channels that are drawn, until `max_features` are not constant.

    The samples of the node are left in two parts. Returns the channel, the threshold, the
    place of the cut (`end` where there is none), the number of channels known to be constant
    and the state of the random numbers. Of the channels, `n_known` are known to be constant in
    the parent and stand first; behind them come those that turn out to be, then what has not
    been drawn yet.

    Inside the loop no helper takes an array: to count references to it would take longer than
    most of what is done for a channel.
    """
    p, n_ranks = ranks.shape
    best = -np.inf
    best_cut = end
    best_channel = 0
    threshold = 0.0
    n_left = p  # channels that were not drawn, or are constant
    n_visited = 0
    n_drawn = 0  # known constants that were drawn
    n_found = 0  # constants that were found
    while n_left > n_known + n_found and (
        n_visited < max_features or n_visited <= n_found + n_drawn
    ):
        n_visited += 1
        state = _next_random(state)
        place = n_drawn + (state & 0x7FFFFFFF) % (n_left - n_found - n_drawn)
        if place < n_known:
            work_channels[n_drawn], work_channels[place] = (
                work_channels[place], work_channels[n_drawn],
            )  # fmt: skip
            n_drawn += 1
            continue
        place += n_found
        j = work_channels[place]

        # Ranks that all differ sort the samples.
        is_sorted = _SPARSE * (end - start) >= n_ranks
        if is_sorted:
            is_tied = 0
            for i in range(start, end):
                sample = work_samples[i]
                rank = ranks[j, sample]
                is_tied |= work_seen[rank]
                work_seen[rank] = 1
                work_by_rank[rank] = sample
            is_sorted = is_tied == 0
            if is_sorted:
                i = start
                rank = 0
                while i < end:
                    # What is written for a rank that no sample has is written over.
                    work_samples[i] = work_by_rank[rank]
                    work_keys[i] = rank
                    i += work_seen[rank]
                    work_seen[rank] = 0
                    rank += 1
            else:
                for i in range(start, end):
                    work_seen[ranks[j, work_samples[i]]] = 0
        if not is_sorted and end - start > _FEW:
            for i in range(start, end):
                work_keys[i] = ranks[j, work_samples[i]]
            _sort(work_keys, work_samples, start, end, work_parts)
        elif not is_sorted:
            for i in range(start, end):
                sample = work_samples[i]
                rank = ranks[j, sample]
                k = i
                while k > start and work_keys[k - 1] > rank:
                    work_keys[k] = work_keys[k - 1]
                    work_samples[k] = work_samples[k - 1]
                    k -= 1
                work_keys[k] = rank
                work_samples[k] = sample

        if work_keys[start] == work_keys[end - 1] or not (
            are_apart[j]
            or _is_above(channels[j, work_samples[end - 1]], channels[j, work_samples[start]])
        ):
            work_channels[place] = work_channels[n_known + n_found]
            work_channels[n_known + n_found] = j
            n_found += 1
            continue
        n_left -= 1
        work_channels[place] = work_channels[n_left]
        work_channels[n_left] = j

        # What a cut gains: up to what all cuts share, the decrease of the impurity.
        is_best = False
        left = 0.0
        if is_classes:
            # Whole numbers, whose sums are exact in whatever order.
            squares_left = 0.0
            squares_right = 0.0
            for k in range(sums.size):
                work_left[k] = 0.0
                squares_right += sums[k] * sums[k]
            for cut in range(start + 1, end - min_leaf + 1):
                sample = work_samples[cut - 1]
                w, k = weights[sample], classes[sample]
                squares_left += w * (2.0 * work_left[k] + w)
                squares_right -= w * (2.0 * (sums[k] - work_left[k]) - w)
                work_left[k] += w
                left += w
                if cut - start < min_leaf or not _is_cut(
                    work_keys[cut - 1], work_keys[cut], are_apart[j],
                    channels[j, sample], channels[j, work_samples[cut]],
                ):  # fmt: skip
                    continue
                right = weight - left
                gain = -right * (1.0 - squares_right / (right * right)) - left * (
                    1.0 - squares_left / (left * left)
                )
                if gain > best:
                    best = gain
                    best_cut = cut
                    is_best = True
        else:
            total = sums[0]
            left_total = 0.0
            before = start
            for cut in range(start + 1, end - min_leaf + 1):
                sample = work_samples[cut - 1]
                left += weights[sample]
                left_total += shares[sample]
                if cut - start < min_leaf or not _is_cut(
                    work_keys[cut - 1], work_keys[cut], are_apart[j],
                    channels[j, sample], channels[j, work_samples[cut]],
                ):  # fmt: skip
                    continue
                if cut - before > end - cut:
                    # Summed up from the nearer end, which rounds in another way.
                    left_total = total
                    for i in range(end - 1, cut - 1, -1):
                        left_total -= shares[work_samples[i]]
                before = cut
                right = weight - left
                right_total = total - left_total
                gain = left_total * left_total / left + right_total * right_total / right
                if gain > best:
                    best = gain
                    best_cut = cut
                    is_best = True
        if is_best:
            best_channel = j
            below = channels[j, work_samples[best_cut - 1]]
            above = channels[j, work_samples[best_cut]]
            threshold = np.float64(below) / 2.0 + np.float64(above) / 2.0

    if best_cut < end:
        _part(channels[best_channel], threshold, start, end, work_samples)
    for i in range(n_known):
        work_channels[i] = work_constant[i]
    for i in range(n_known, n_known + n_found):
        work_constant[i] = work_channels[i]
    return best_channel, threshold, best_cut, n_known + n_found, state


@helper()
def _impurity(is_classes, weight, sums, squares):
    """Return the variance of a node's targets, or Gini's index of its classes."""
    if is_classes:
        total = 0.0
        for k in range(sums.size):
            total += sums[k] * sums[k]
        return 1.0 - total / (weight * weight)
    mean = sums[0] / weight
    return squares / weight - mean * mean


@helper()
def _grow(
    channels, ranks, are_apart, targets, is_classes, weights, state, max_features, max_depth,
    min_split, min_leaf, min_decrease, work_rows, work_shares, work_seen, work_channels, work_sums,
    work_parts, work_stack, work_impurities, out_links, out_thresholds, out_leaves,
    out_importances,
):  # fmt: skip
    """Grow one tree, the left branch of each node first; return the number of its nodes.

    A row of `out_links` is a node's channel, left and right child, or -1 in a leaf. A row of
    `out_leaves` is a leaf's mean target, or the share of each class.
    """
    p, n = channels.shape
    samples, classes, keys, by_rank = work_rows[0], work_rows[1], work_rows[2], work_rows[3]
    shares, squares = work_shares[0], work_shares[1]  # what a sample adds to its node's sums
    sums, left_sums = work_sums[0], work_sums[1]
    for j in range(p):
        work_channels[0, j] = j
    out_importances[:] = 0.0
    all_weight = 0.0
    end = 0
    for i in range(n):
        all_weight += weights[i]
        if weights[i] > 0:
            samples[end] = i
            end += 1
        classes[i] = np.intp(targets[i]) if is_classes else 0
        shares[i] = weights[i] if is_classes else weights[i] * targets[i]
        squares[i] = shares[i] * targets[i]
    # Samples from and to, depth, parent, whether the left child, number of constant channels.
    work_stack[0] = 0
    work_stack[0, 1] = end
    work_stack[0, 3] = -1
    n_stacked = 1
    n_nodes = 0
    while n_stacked > 0:
        n_stacked -= 1
        start, end, depth = (
            work_stack[n_stacked, 0], work_stack[n_stacked, 1], work_stack[n_stacked, 2],
        )  # fmt: skip
        parent, is_left, n_known = (
            work_stack[n_stacked, 3], work_stack[n_stacked, 4], work_stack[n_stacked, 5],
        )  # fmt: skip
        node = n_nodes
        n_nodes += 1
        if parent >= 0:
            out_links[parent, 2 - is_left] = node
        weight = 0.0
        sum_squares = 0.0
        sums[:] = 0.0
        for i in range(start, end):
            weight += weights[samples[i]]
            sum_squares += squares[samples[i]]
            sums[classes[samples[i]]] += shares[samples[i]]
        if node == 0:
            work_impurities[0] = _impurity(is_classes, weight, sums, sum_squares)
        impurity = work_impurities[n_stacked]
        is_leaf = (
            depth >= max_depth
            or end - start < min_split
            or end - start < 2 * min_leaf
            or impurity <= _EPSILON
        )
        if not is_leaf:
            channel, threshold, cut, n_known, state = _split(
                channels, ranks, are_apart, weights, shares, classes, start, end, n_known, min_leaf,
                max_features, is_classes, weight, sums, state, samples, keys, by_rank, work_seen,
                work_channels[0], work_channels[1], left_sums, work_parts,
            )  # fmt: skip
            is_leaf = cut == end
        if not is_leaf:
            left = 0.0
            left_squares = 0.0
            left_sums[:] = 0.0
            for i in range(start, cut):
                left += weights[samples[i]]
                left_squares += squares[samples[i]]
                left_sums[classes[samples[i]]] += shares[samples[i]]
            if cut - start > end - cut and not is_classes:
                left_sums[0] = sums[0]
                for i in range(end - 1, cut - 1, -1):
                    left_sums[0] -= shares[samples[i]]
            right = weight - left
            left_impurity = _impurity(is_classes, left, left_sums, left_squares)
            for k in range(sums.size):
                left_sums[k] = sums[k] - left_sums[k]
            right_impurity = _impurity(is_classes, right, left_sums, sum_squares - left_squares)
            decrease = (weight / all_weight) * (
                impurity - right / weight * right_impurity - left / weight * left_impurity
            )
            is_leaf = decrease + _EPSILON < min_decrease
        if is_leaf:
            out_links[node] = -1
            for k in range(sums.size):
                out_leaves[node, k] = sums[k] / weight
            continue
        out_links[node, 0] = channel
        out_thresholds[node] = threshold
        out_importances[channel] += (
            weight * impurity - left * left_impurity - right * right_impurity
        )
        for is_left in range(2):
            work_stack[n_stacked, 0] = start if is_left else cut
            work_stack[n_stacked, 1] = cut if is_left else end
            work_stack[n_stacked, 2] = depth + 1
            work_stack[n_stacked, 3] = node
            work_stack[n_stacked, 4] = is_left
            work_stack[n_stacked, 5] = n_known
            work_impurities[n_stacked] = left_impurity if is_left else right_impurity
            n_stacked += 1
    for j in range(p):
        out_importances[j] /= all_weight
    return n_nodes


@helper()
def _predict(new, links, thresholds, leaves, out):
    """Write what the leaf of each row of `new` has."""
    for row in range(new.shape[0]):
        node = 0
        while links[node, 0] >= 0:
            below = new[row, links[node, 0]] <= thresholds[node]
            node = links[node, 1] if below else links[node, 2]
        out[row] = leaves[node]


def _work(channels, targets, weights, states, new, n_classes, max_features, *rest):
    # Each sample is in a node of each of some levels.
    return 20.0 * weights.size * min(max_features, channels.shape[0])


def _workspace(n_tasks, n, p, n_sums):
    """Return what `n_tasks` trees of n samples and p channels are grown in."""
    return (
        np.empty((p, n), np.uint32),
        np.empty(p, np.bool_),
        np.empty((n_tasks, n), np.float32),
        # Unsigned: Numba looks for negative indices of other types. The ranks' samples are
        # copied before they are there.
        np.zeros((n_tasks, 4, n), np.uint32),
        np.empty((n_tasks, 2, n)),
        np.zeros((n_tasks, n), np.int8),
        np.empty((n_tasks, 2, p), np.uint32),
        np.empty((n_tasks, 2, n_sums)),
        np.empty((n_tasks, _SORT_DEPTH, 3), np.int64),
        np.empty((n_tasks, n + 1, 6), np.int64),
        np.empty((n_tasks, n + 1)),
        np.empty((n_tasks, 2 * n, 3), np.int64),
        np.empty((n_tasks, 2 * n)),
        np.empty((n_tasks, 2 * n, n_sums)),
    )


def _examples():
    yield (
        np.ones((3, 2), np.float32), np.ones(2), np.ones((1, 2), np.int32), np.ones(1, np.int64),
        np.ones((1, 3), np.float32), 0, 3, 5, 2, 1, 0.0, *_workspace(1, 2, 3, 1),
        np.empty((1, 1, 1)), np.empty((1, 3)), np.empty(1, np.int64),
    )  # fmt: skip


@kernel(work=_work, examples=_examples)
def _grow_trees(
    channels, targets, weights, states, new, n_classes, max_features, max_depth, min_split,
    min_leaf, min_decrease, work_ranks, work_apart, work_values, work_rows, work_shares, work_seen,
    work_channels, work_sums, work_parts, work_stack, work_impurities, work_links,
    work_thresholds, work_leaves, out_predictions, out_importances, out_n_nodes,
):  # fmt: skip
    p = channels.shape[0]
    n_trees = states.size
    n_tasks = work_rows.shape[0]
    for task in prange(n_tasks):
        for j in range(task * p // n_tasks, (task + 1) * p // n_tasks):
            work_apart[j] = _rank(
                channels[j], work_values[task], work_rows[task, 0], work_parts[task], work_ranks[j]
            )
    for task in prange(n_tasks):
        links, thresholds, leaves = work_links[task], work_thresholds[task], work_leaves[task]
        for tree in range(task * n_trees // n_tasks, (task + 1) * n_trees // n_tasks):
            out_n_nodes[tree] = _grow(
                channels, work_ranks, work_apart, targets, n_classes > 0, weights[tree],
                states[tree], max_features, max_depth, min_split, min_leaf, min_decrease,
                work_rows[task], work_shares[task], work_seen[task], work_channels[task],
                work_sums[task], work_parts[task], work_stack[task], work_impurities[task],
                links, thresholds, leaves, out_importances[tree],
            )  # fmt: skip
            _predict(new, links, thresholds, leaves, out_predictions[tree])


class ForestTrees(NamedTuple):
    """What `forest_trees` returns; see there.

    Attributes
    ----------
    predictions : (n_trees, N, K)
    importances : (n_trees, p)
    n_nodes : (n_trees,)
    """

    predictions: np.ndarray
    importances: np.ndarray
    n_nodes: np.ndarray


def forest_trees(
    X: np.ndarray,
    y: np.ndarray,
    X_new: np.ndarray,
    n_trees: int,
    random_state: int,
    *,
    n_classes: int = 0,
    bootstrap: bool = True,
    max_features: int | None = None,
    max_depth: int | None = None,
    min_samples_split: int = 2,
    min_samples_leaf: int = 1,
    min_impurity_decrease: float = 0.0,
) -> ForestTrees:
    """Grow the trees of a random forest, and tell what each predicts for other spectra.

    Each tree is grown on as many samples as there are, drawn with replacement. Each node draws
    channels, and takes the cut that lowers the impurity most: the variance of the target, or
    Gini's index of the classes. Values that are less than 1e-7 apart are not cut between.
    Spectra are rounded to single precision, as scikit-learn does.

    A tree is O(n max_features) for each of its levels, after O(n log n) for each channel once.
    Memory is O(n p + n_trees (n + p + N K)). A constant channel is drawn, but not counted.
    Values have to be finite in single precision; others give trees without a meaning.

    Parameters
    ----------
    X : (n, p) float64 or float32
        Training spectra.
    y : (n,) float64 or int
        Reference values, or numbers of classes from 0 to `n_classes` - 1.
    X_new : (N, p) float64 or float32
    n_trees : int
        At least 1.
    random_state : int
        Seed of `numpy.random.RandomState`. The trees of a smaller number are the first ones.
    n_classes : int, default=0
        0 for a regression.
    bootstrap : bool, default=True
        Whether samples are drawn; otherwise each tree sees all.
    max_features : int, default=None
        Channels that a node draws, constant ones not counted, at least 1; None for all.
    max_depth : int, default=None
        Most levels below the first node, at least 1; None for no limit.
    min_samples_split : int, default=2
        Fewest different samples of a node that is split.
    min_samples_leaf : int, default=1
        Fewest different samples of a node, at least 1.
    min_impurity_decrease : float, default=0.0
        By how much a split lowers the impurity, weighted with the node's share of all samples.

    Returns
    -------
    predictions : (n_trees, N, K) float64
        The mean target (K is 1), or the share of each class, in the leaf of each new spectrum.
        A forest predicts the mean over its trees.
    importances : (n_trees, p) float64
        By how much a channel's nodes lower the impurity, weighted with their shares of all
        samples.
    n_nodes : (n_trees,) int64

    References
    ----------
    Breiman 2001, Machine Learning 45, 5-32, for the forest; Breiman, Friedman, Olshen & Stone
    1984, Classification and Regression Trees, for the trees; Marsaglia 2003, Journal of
    Statistical Software 8 (14), for the random numbers; Musser 1997, Software: Practice and
    Experience 27, 983-993, for the sorting.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> trees = forest_trees(X, np.array([1.0, 1.0, 4.0, 4.0]), X[1:3], 3, 0, bootstrap=False)
    >>> trees.predictions.mean(axis=0)[:, 0]
    array([1., 4.])
    >>> trees.importances[0]
    array([2.25, 0.  ])
    """
    n, p = X.shape
    numbers = np.random.RandomState(random_state)
    seeds = numbers.randint(np.iinfo(np.int32).max, size=n_trees)
    weights = np.ones((n_trees, n), dtype=np.int32)
    states = np.empty(n_trees, dtype=np.int64)
    for tree, seed in enumerate(seeds):
        if bootstrap:
            numbers.seed(seed)
            weights[tree] = np.bincount(numbers.randint(0, n, n), minlength=n)
        numbers.seed(seed)
        states[tree] = numbers.randint(0, 2**31 - 1)
    predictions = np.empty((n_trees, len(X_new), max(n_classes, 1)))
    importances = np.empty((n_trees, p))
    n_nodes = np.empty(n_trees, dtype=np.int64)
    _grow_trees(
        np.ascontiguousarray(X.T, dtype=np.float32), np.ascontiguousarray(y, dtype=np.float64),
        weights, states, np.ascontiguousarray(X_new, dtype=np.float32), int(n_classes),
        int(p if max_features is None else max_features),
        int(n if max_depth is None else max_depth), int(min_samples_split), int(min_samples_leaf),
        float(min_impurity_decrease),
        *_workspace(min(get_num_threads(), n_trees), n, p, max(n_classes, 1)),
        predictions, importances, n_nodes,
    )  # fmt: skip
    return ForestTrees(predictions, importances, n_nodes)
