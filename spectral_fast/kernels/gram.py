"""Algebra of Gram matrices: sums over channels, centring, distances.

A Gram matrix K = X Xᵀ is a sum over channels, hence the one of a union of disjoint
channel sets is the sum of theirs. Matrix products go through BLAS.
"""

from collections.abc import Iterator

import numpy as np
from numba import prange

from spectral_fast.kernels._jit import kernel

__all__ = [
    "centre_gram",
    "covariance",
    "cross_squared_distances",
    "gram",
    "grow_gram",
    "interval_grams",
    "nested_grams",
    "squared_distances",
]

#: Most multiplications, and most rows, of a product of two row blocks: BLAS computes such
#: small ones without copying them first.
_SMALL = 900_000
_ROWS = 25

#: Elements of a matrix that is multiplied as a whole.
_LARGE = 5_000_000


def _examples_gram():
    yield np.ones((2, 3)), np.zeros((1, 2), np.int64), 1, np.empty((1, 4)), np.empty((2, 2))


@kernel(work=lambda X, *rest: X.shape[0] * X.size / 4, examples=_examples_gram, blas=True)
def _gram(X, pairs, n_blocks, workB, out):
    """Write ``X @ X.T``, one pair of row blocks at a time, the lower triangle mirrored."""
    n = X.shape[0]
    for task in prange(pairs.shape[0]):
        first, last = pairs[task, 0] * n // n_blocks, (pairs[task, 0] + 1) * n // n_blocks
        start, stop = pairs[task, 1] * n // n_blocks, (pairs[task, 1] + 1) * n // n_blocks
        B = workB[task, : (last - first) * (stop - start)].reshape(last - first, stop - start)
        np.dot(X[first:last], X[start:stop].T, B)
        for i in range(first, last):
            for j in range(start, min(stop, i + 1)):
                out[i, j] = B[i - first, j - start]
                out[j, i] = B[i - first, j - start]


def gram(X: np.ndarray) -> np.ndarray:
    """Return the Gram matrix K = X Xᵀ, symmetric to the bit.

    Neither centred nor divided; see `centre_gram`. A NaN or infinity reaches the
    row and the column of its sample. O(n² p).

    Parameters
    ----------
    X : (n, p) float64 or float32
        Float32 is promoted.

    Returns
    -------
    K : (n, n) float64

    Examples
    --------
    >>> import numpy as np
    >>> gram(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[ 5., 11.],
           [11., 25.]])
    """
    X = np.ascontiguousarray(X, dtype=np.float64)
    n = X.shape[0]
    rows = min(_ROWS, max(8, int(np.sqrt(_SMALL / max(1, X.shape[1])))))
    n_blocks = max(1, -(-n // rows))
    pairs = np.argwhere(np.tri(n_blocks))
    K = np.empty((n, n))
    _gram(X, pairs, n_blocks, np.empty((len(pairs), (-(-n // n_blocks)) ** 2)), K)
    return K


def covariance(X: np.ndarray) -> np.ndarray:
    """Return XᵀX, symmetric to the bit.

    Neither centred nor divided: with the column means removed from X it is n - 1
    times the sample covariance. Remove them first where they are large, since a
    correction afterwards cancels. A NaN or infinity reaches the row and the column
    of its channel. O(n p²).

    Parameters
    ----------
    X : (n, p) float64 or float32
        Float32 is promoted.

    Returns
    -------
    C : (p, p) float64

    Examples
    --------
    >>> import numpy as np
    >>> covariance(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[10., 14.],
           [14., 20.]])
    """
    X = np.asarray(X, dtype=np.float64)
    if X.size < _LARGE:
        return gram(X.T)
    # Transposing it would take as long, and waking BLAS's threads is nothing against it.
    return X.T @ X


def centre_gram(K: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the Gram matrix of the rows less their weighted mean.

    ``K[i, j] - k[i] - k[j] + w.T K w`` with ``k = K w`` and w the weights divided by
    their sum. With weights of one on training rows and zero elsewhere, all rows are
    centred by the training mean. Where means are large beside the spread, the
    differences cancel: remove the column means from X first. A NaN in a row that
    has a weight reaches every element. O(n²).

    Parameters
    ----------
    K : (n, n) float64, symmetric
    weights : (n,) float64, optional
        Not negative, with a positive sum. Equal by default.

    Returns
    -------
    centred : (n, n) float64

    Examples
    --------
    >>> import numpy as np
    >>> centre_gram(gram(np.array([[1.0], [2.0], [6.0]])), np.array([1.0, 1.0, 0.0]))
    array([[ 0.25, -0.25, -2.25],
           [-0.25,  0.25,  2.25],
           [-2.25,  2.25, 20.25]])
    """
    if weights is None:
        weights = np.ones(K.shape[0])
    rows = np.flatnonzero(weights)
    shares = weights[rows] / weights[rows].sum()
    products = K[:, rows] @ shares  # rows without a weight stay out, NaN or not
    # the sum first: it is symmetric to the bit
    return K - (products[:, np.newaxis] + products) + shares @ products[rows]


def grow_gram(K: np.ndarray, X_added: np.ndarray) -> None:
    """Add the channels `X_added` to the Gram matrix `K`, in place.

    ``K += X_added X_addedᵀ``. O(n² q) for q added channels.

    Parameters
    ----------
    K : (n, n) float64, changed
    X_added : (n, q) float64 or float32

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> K = gram(X[:, :1])
    >>> grow_gram(K, X[:, 1:])
    >>> np.array_equal(K, gram(X))
    True
    """
    X_added = np.asarray(X_added, dtype=np.float64)
    K += X_added @ X_added.T


def interval_grams(X: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return one Gram matrix for each interval of channels.

    Interval k holds the channels from ``edges[k]`` up to, not including,
    ``edges[k + 1]``. The Gram matrix of any set of intervals is the sum of theirs.
    All of them together cost as much as one of all channels: O(n² p).

    Parameters
    ----------
    X : (n, p) float64 or float32
    edges : (n_intervals + 1,) int
        Not decreasing, within 0 to p. An empty interval gives zeros.

    Returns
    -------
    grams : (n_intervals, n, n) float64

    Examples
    --------
    >>> import numpy as np
    >>> interval_grams(np.array([[1.0, 2.0, 3.0]]), [0, 1, 3])
    array([[[ 1.]],
    <BLANKLINE>
           [[13.]]])
    """
    X = np.asarray(X, dtype=np.float64)
    n = X.shape[0]
    grams = np.empty((len(edges) - 1, n, n))
    for k in range(len(edges) - 1):
        channels = X[:, edges[k] : edges[k + 1]]
        np.matmul(channels, channels.T, out=grams[k])
    return grams


def nested_grams(X: np.ndarray, order: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the Gram matrix of the first k channels of `order`, for each k of `sizes`.

    K(S₂) = K(S₁) + X_{S₂∖S₁} X_{S₂∖S₁}ᵀ: each one costs the channels that it adds,
    all together O(n² max(sizes)), and only those in use take memory.

    Parameters
    ----------
    X : (n, p) float64 or float32
    order : (q,) int
        Channels, the first to be taken first.
    sizes : (n_sizes,) int
        Not decreasing, within 0 to q.

    Yields
    ------
    K : (n, n) float64
        A new array each time.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0, 3.0]])
    >>> [float(K[0, 0]) for K in nested_grams(X, [2, 0, 1], [1, 2, 3])]
    [9.0, 10.0, 14.0]
    """
    X = np.asarray(X, dtype=np.float64)
    K = np.zeros((X.shape[0], X.shape[0]))
    taken = 0
    for size in sizes:
        added = X[:, order[taken:size]]
        K = K + added @ added.T  # a few channels a time are little work for `gram`'s threads
        taken = size
        yield K


def _examples():
    yield np.ones((2, 3)), np.ones(2), np.ones(3), np.empty((2, 3))


@kernel(work=lambda K, norms, other_norms, out: 2 * K.size, examples=_examples)
def _squared_distances(K, norms, other_norms, out):
    for i in prange(K.shape[0]):
        for j in range(K.shape[1]):
            distance = (norms[i] + other_norms[j]) - 2.0 * K[i, j]
            out[i, j] = 0.0 if distance < 0.0 else distance  # NaN is not below zero


def cross_squared_distances(
    K: np.ndarray, norms: np.ndarray, other_norms: np.ndarray
) -> np.ndarray:
    """Return the squared distances between two sets of rows from their products.

    ``norms[i] + other_norms[j] - 2 K[i, j]``, at least zero. Rounding is relative to
    the norms, not to the distance: remove a large common mean from both sets first.
    A NaN norm makes its row or column NaN, a NaN in `K` its element. O(n n').

    Parameters
    ----------
    K : (n, n') float64
        Products ``X @ X_other.T`` of the two sets.
    norms : (n,) float64
        Squared norms of the first set, the diagonal of its Gram matrix.
    other_norms : (n',) float64
        Those of the second set.

    Returns
    -------
    distances : (n, n') float64

    Examples
    --------
    >>> import numpy as np
    >>> train, test = np.array([[0.0], [3.0]]), np.array([[1.0]])
    >>> cross_squared_distances(test @ train.T, np.diag(gram(test)), np.diag(gram(train)))
    array([[1., 4.]])
    """
    K, norms, other_norms = (
        np.ascontiguousarray(array, dtype=np.float64) for array in (K, norms, other_norms)
    )
    distances = np.empty(K.shape)
    _squared_distances(K, norms, other_norms, distances)
    return distances


def squared_distances(K: np.ndarray) -> np.ndarray:
    """Return the squared distances between rows from their Gram matrix, as for an RBF kernel.

    `cross_squared_distances` of the rows with themselves: symmetric, with an exact
    zero between a row and itself. Rounding is relative to the norms: centre `K`
    first, which changes no distance. O(n²).

    Parameters
    ----------
    K : (n, n) float64, symmetric

    Returns
    -------
    distances : (n, n) float64

    Examples
    --------
    >>> import numpy as np
    >>> squared_distances(gram(np.array([[0.0], [1.0], [3.0]])))
    array([[0., 1., 9.],
           [1., 0., 4.],
           [9., 4., 0.]])
    """
    norms = np.diagonal(K)
    return cross_squared_distances(K, norms, norms)
