"""Time Gram algebra and ridge paths beside NumPy, scipy and scikit-learn.

Run ``python -m benchmarks.bench_gram``. Every pair of results is compared before
anything is timed, and everything is compiled by then.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics.pairwise import euclidean_distances

import spectral_fast
from benchmarks import _timing
from spectral_fast import kernels
from spectral_fast.datasets import make_spectra

SIZES = {
    "small": [(50, 2151), (200, 1000)],
    "all": [(50, 2151), (200, 1000), (500, 2000), (1000, 200)],
}
N_FOLDS = 10
N_ALPHAS = 10
N_SUBSETS = 20
OURS = "spectral_fast"

#: Least penalty relative to the sum of the eigenvalues, and the largest difference of predictions
#: relative to the largest centred target. The first range is served by eigenvalues, the second
#: by singular values; there scikit-learn's default solver errs by more.
RIDGE_RANGES = {1e-5: 1e-9, 1e-10: 1e-5}
#: Largest difference of distances and Gram matrices, relative to the largest element.
TOLERANCE = 1e-11

Records = list[dict[str, Any]]
Sizes = list[tuple[int, int]]
Calls = dict[str, Callable[[], Any]]


def calibration(n_samples: int, n_channels: int, least: float) -> tuple[np.ndarray, ...]:
    """Return spectra, one target, and penalties from `least` to 1 times the variation."""
    spectra = make_spectra(n_samples, n_channels, random_state=0)
    X, Y = spectra.data, spectra.target[:, :1]
    variation = np.sum((X - X.mean(axis=0)) ** 2)
    return X, Y, variation * np.geomspace(least, 1.0, N_ALPHAS)


def predict(
    X: np.ndarray, Y: np.ndarray, alphas: np.ndarray, folds: list[np.ndarray]
) -> np.ndarray:
    """Return our held-out predictions for each penalty."""
    return kernels.ridge_cross_val_predict(X, Y, alphas, folds).predictions


def fit_each(
    X: np.ndarray, Y: np.ndarray, alphas: np.ndarray, folds: list[np.ndarray]
) -> np.ndarray:
    """Return held-out predictions of a scikit-learn fit for each penalty and fold."""
    out = np.empty((len(alphas), *Y.shape))
    for fold in folds:
        X_train, Y_train = np.delete(X, fold, axis=0), np.delete(Y, fold, axis=0)
        for predictions, alpha in zip(out, alphas, strict=True):
            model = Ridge(alpha).fit(X_train, Y_train)
            predictions[fold] = model.predict(X[fold]).reshape(-1, Y.shape[1])
    return out


def squared_errors(X: np.ndarray, Y: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Return our squared leave-one-out errors, one column a penalty."""
    left_out = predict(X, Y, alphas, list(np.arange(len(X))[:, np.newaxis]))[..., 0]
    return (left_out.T - Y) ** 2


def squared_errors_sklearn(X: np.ndarray, Y: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Return those of RidgeCV, which then fits the best penalty."""
    return RidgeCV(alphas, store_cv_results=True).fit(X, Y[:, 0]).cv_results_


def time_agreeing(case: str, calls: Calls, rtol: float, budget: float) -> Records:
    """Time calls that return the same array, within `rtol` of its largest element."""
    expected = calls[OURS]()
    for call in calls.values():
        assert_allclose(call(), expected, rtol=0, atol=rtol * np.abs(expected).max())
    return _timing.summarise(case, _timing.time_calls(calls, budget), [OURS])


def bench_folds(least: float, sizes: Sizes, budget: float) -> Records:
    """Time held-out predictions of all penalties and folds."""
    records: Records = []
    for n_samples, n_channels in sizes:
        X, Y, alphas = calibration(n_samples, n_channels, least)
        Y = Y - Y.mean()  # predictions agree on the scale of the centred target
        folds = [np.arange(k, n_samples, N_FOLDS) for k in range(N_FOLDS)]
        calls: Calls = {
            OURS: partial(predict, X, Y, alphas, folds),
            "scikit-learn Ridge": partial(fit_each, X, Y, alphas, folds),
        }
        case = f"{n_samples} × {n_channels}"
        records += time_agreeing(case, calls, RIDGE_RANGES[least], budget)
    return records


def bench_leave_one_out(sizes: Sizes, budget: float) -> Records:
    """Time squared leave-one-out errors of all penalties."""
    least, rtol = next(iter(RIDGE_RANGES.items()))
    records: Records = []
    for n_samples, n_channels in sizes:
        given = calibration(n_samples, n_channels, least)
        calls: Calls = {
            OURS: partial(squared_errors, *given),
            "scikit-learn RidgeCV": partial(squared_errors_sklearn, *given),
        }
        records += time_agreeing(f"{n_samples} × {n_channels}", calls, rtol, budget)
    return records


def distances(X: np.ndarray) -> np.ndarray:
    """Return squared distances through the Gram matrix of the centred spectra."""
    return kernels.squared_distances(kernels.gram(X - X.mean(axis=0)))


def distances_numpy(K: np.ndarray) -> np.ndarray:
    """Return squared distances from a Gram matrix by array expressions."""
    norms = np.diag(K)
    return np.maximum(norms[:, np.newaxis] + norms - 2 * K, 0.0)


def bench_distances(sizes: Sizes, budget: float) -> Records:
    """Time squared distances between all spectra."""
    records: Records = []
    for n_samples, n_channels in sizes:
        X = make_spectra(n_samples, n_channels, random_state=0).data
        K = kernels.gram(X - X.mean(axis=0))
        calls: Calls = {
            OURS: partial(distances, X),
            "scipy cdist": partial(cdist, X, X, "sqeuclidean"),
            "scikit-learn euclidean_distances": partial(euclidean_distances, X, squared=True),
            "spectral_fast, Gram matrix given": partial(kernels.squared_distances, K),
            "NumPy, Gram matrix given": partial(distances_numpy, K),
        }
        records += time_agreeing(f"{n_samples} × {n_channels}", calls, TOLERANCE, budget)
    return records


def nested_traces(X: np.ndarray, order: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the traces of our Gram matrices of nested sets of channels."""
    return np.array([np.trace(K) for K in kernels.nested_grams(X, order, sizes)])


def nested_traces_numpy(X: np.ndarray, order: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the same from a new Gram matrix for each set."""
    subspectra = (X[:, order[:size]] for size in sizes)
    return np.array([np.trace(part @ part.T) for part in subspectra])


def bench_nested(sizes: Sizes, budget: float) -> Records:
    """Time the Gram matrices of nested sets of channels, reduced to their traces."""
    records: Records = []
    for n_samples, n_channels in sizes:
        X = make_spectra(n_samples, n_channels, random_state=0).data
        order = np.random.default_rng(0).permutation(n_channels)
        subsets = np.linspace(0, n_channels, N_SUBSETS + 1).astype(int)[1:]

        last = list(kernels.nested_grams(X, order, subsets))[-1]
        assert_allclose(last, X @ X.T, rtol=TOLERANCE)
        calls: Calls = {
            OURS: partial(nested_traces, X, order, subsets),
            "NumPy, each anew": partial(nested_traces_numpy, X, order, subsets),
        }
        records += time_agreeing(f"{n_samples} × {n_channels}", calls, TOLERANCE, budget)
    return records


def main() -> None:
    parser = _timing.argument_parser("bench_gram", __doc__)
    parser.add_argument("--sizes", choices=list(SIZES), default="all")
    parser.add_argument(
        "--budget", type=float, default=10.0, metavar="SECONDS", help="for each size (default: 10)"
    )
    arguments = parser.parse_args()
    sizes, budget = SIZES[arguments.sizes], arguments.budget
    spectral_fast.warm_up()

    tables: dict[str, Records] = {}

    def show(title: str, records: Records) -> None:
        tables[title] = records
        print(f"\n### {title}\n\n{_timing.markdown_table(records)}", flush=True)

    for least in RIDGE_RANGES:
        title = f"Ridge, {N_ALPHAS} penalties from {least:g} of the variation, {N_FOLDS} folds"
        show(title, bench_folds(least, sizes, budget))
    show(f"Ridge, {N_ALPHAS} penalties, leave-one-out", bench_leave_one_out(sizes, budget))
    show("Squared distances", bench_distances(sizes, budget))
    show(f"Gram matrices of {N_SUBSETS} nested sets of channels", bench_nested(sizes, budget))
    _timing.publish(arguments.json, timings=tables)


if __name__ == "__main__":
    main()
