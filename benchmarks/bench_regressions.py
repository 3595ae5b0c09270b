"""Time each kernel beside its slow twin, and compare the ratio with that of an earlier commit.

Run ``python -m benchmarks.bench_regressions``; ``--check`` fails where a kernel has lost: where
its time relative to its twin's is `LIMIT` times the one in ``regressions.json``, which ``--update``
writes. Twins never change for speed, and both sides run interleaved, on one thread: the ratio says
little about the machine.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl
from numpy.testing import assert_allclose

import spectral_fast
from benchmarks import _timing
from spectral_fast import kernels
from spectral_fast.datasets import make_spectra
from tests.reference import (
    elastic_net,
    forest,
    gram,
    nipals,
    pls_folds,
    ridge,
    savgol,
    scatter,
    spa,
)

BASELINE = Path(__file__).with_name("regressions.json")
#: Machines and moments differ by less; a kernel that is interpreted loses far more.
LIMIT = 3.0
#: Largest difference of the results, relative to the largest value.
TOLERANCE = 1e-6

N, P, N_FOLDS, N_COMPONENTS = 60, 300, 5, 6


class Pair(NamedTuple):
    """A kernel and its twin, as functions that return comparable arrays."""

    kernel: Callable[[], np.ndarray]
    twin: Callable[[], np.ndarray]


def into(kernel: Callable[..., None], X: np.ndarray, *arguments: np.ndarray) -> np.ndarray:
    out = np.empty_like(X)
    kernel(X, *arguments, out)
    return out


def pairs() -> dict[str, Pair]:
    """Return all pairs by the name of the kernel."""
    spectra = make_spectra(N, P, n_components=8, noise=1e-2, random_state=0)
    X, Y = spectra.data, spectra.target[:, :1]
    X0, Y0 = X - X.mean(axis=0), Y - Y.mean(axis=0)
    few, some = X0[:20, :100], X0[:, :40]
    folds = np.array_split(np.arange(N), N_FOLDS)
    weights = np.ones((N_FOLDS, N))
    for fold, rows in enumerate(folds):
        weights[fold, rows] = 0.0
    training = [np.flatnonzero(each) for each in weights]
    splits = list(zip(training, folds, strict=True))
    alphas, ratios = np.array([0.01, 0.1]), np.array([0.5, 0.5])
    smoothing, edges, offsets = np.ones(7) / 7, np.ones((6, 14)) / 14, np.zeros(6)
    starts = np.arange(0, P, 30)
    K, C = kernels.gram(X0), kernels.covariance(some)
    chains, _ = kernels.spa_chains(X0, kernels.covariance(X0), starts, 8)
    order, sizes = np.arange(100)[::-1].copy(), np.array([10, 50, 100])
    fit = (N_COMPONENTS, False, 500, 1e-6)
    cross_validation = (Y0, weights, folds, N_COMPONENTS)

    def covariance_fits() -> np.ndarray:
        return kernels.pls_covariance(
            C, some, Y0, weights, np.ones(N), folds, N_COMPONENTS
        ).predictions

    def elastic_nets(function: Callable[..., Any]) -> np.ndarray:
        return function(X, Y, training, alphas, ratios, max_iter=50, tol=1e-4)

    def forests(function: Callable[..., Any]) -> np.ndarray:
        # Whole numbers are summed up exactly, in whatever order.
        return function(few, np.round(Y[: len(few), 0]), few, 2, 0)[0]

    return {
        "snv": Pair(lambda: into(kernels.snv, X), lambda: scatter.snv(X)),
        "msc": Pair(
            lambda: into(kernels.msc, X, X.mean(axis=0)),
            lambda: scatter.msc(X, X.mean(axis=0)),
        ),
        "savgol": Pair(
            lambda: into(kernels.savgol, X, smoothing, edges, offsets),
            lambda: savgol.convolve(X, smoothing, edges, offsets),
        ),
        "gram": Pair(lambda: kernels.gram(few), lambda: gram.gram(few)),
        "nested_grams": Pair(
            lambda: np.array([K.copy() for K in kernels.nested_grams(few, order, sizes)]),
            lambda: np.array(gram.nested_grams(few, order, sizes)),
        ),
        "squared_distances": Pair(
            lambda: kernels.squared_distances(K), lambda: gram.squared_distances(X, X)
        ),
        "nipals": Pair(
            lambda: kernels.nipals(X, Y0, *fit).x_scores,
            lambda: nipals.nipals(X, Y0, *fit).x_scores,
        ),
        "pls_gram": Pair(
            lambda: kernels.pls_gram(K, *cross_validation).predictions,
            lambda: pls_folds.cross_val_predict(X0, *cross_validation),
        ),
        "pls_direct": Pair(
            lambda: kernels.pls_direct(X0, *cross_validation).predictions,
            lambda: pls_folds.cross_val_predict(X0, *cross_validation),
        ),
        "pls_covariance": Pair(
            covariance_fits,
            lambda: pls_folds.cross_val_predict(some, *cross_validation),
        ),
        "ridge_cross_val_predict": Pair(
            lambda: kernels.ridge_cross_val_predict(X, Y, alphas, folds).predictions,
            lambda: ridge.cross_val_predict(X, Y, alphas, folds),
        ),
        "elastic_net_folds": Pair(
            lambda: elastic_nets(kernels.elastic_net_folds).coef,
            lambda: elastic_nets(elastic_net.elastic_net_folds)[0],
        ),
        "forest_trees": Pair(
            lambda: forests(kernels.forest_trees), lambda: forests(forest.forest_trees)
        ),
        "spa_chains": Pair(
            lambda: kernels.spa_chains(X0, kernels.covariance(X0), starts, 8)[0],
            lambda: spa.chains(X0, starts, 8),
        ),
        "spa_scores": Pair(
            lambda: kernels.spa_scores(X0, Y0, chains, weights, folds),
            lambda: spa.chain_errors(X0, Y0, chains, splits),
        ),
    }


def measure(budget: float) -> dict[str, dict[str, float]]:
    """Return the quartiles of each kernel's time relative to its twin's."""
    kernels.set_num_threads(1)
    ratios = {}
    with threadpoolctl.threadpool_limits(1):
        for name, pair in pairs().items():
            expected = pair.twin()
            atol = TOLERANCE * np.abs(expected).max()
            assert_allclose(pair.kernel(), expected, rtol=0, atol=atol, err_msg=name)
            seconds = _timing.time_calls(pair._asdict(), budget)
            ratios[name] = _timing.quartiles(seconds["kernel"] / seconds["twin"])
    return ratios


def lost(ratios: dict[str, dict[str, float]], earlier: dict[str, float]) -> list[str]:
    """Return the kernels whose ratio has grown beyond what machines and moments differ by."""
    return [name for name, now in ratios.items() if now["q25"] > LIMIT * earlier.get(name, np.inf)]


def main() -> int:
    parser = _timing.argument_parser("bench_regressions", __doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail where a kernel has lost")
    what.add_argument("--update", action="store_true", help=f"write {BASELINE.name}")
    parser.add_argument(
        "--budget", type=float, default=1.0, metavar="SECONDS", help="for each kernel (default: 1)"
    )
    arguments = parser.parse_args()
    spectral_fast.warm_up()

    ratios = measure(arguments.budget)
    earlier = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    print("### Times of kernels relative to their twins'\n")
    print("| kernel | now | quartiles | earlier |\n| --- | --- | --- | --- |")
    for name, now in ratios.items():
        print(
            f"| {name} | 1 / {1 / now['median']:.0f} | 1 / {1 / now['q75']:.0f} to "
            f"1 / {1 / now['q25']:.0f} | 1 / {1 / earlier.get(name, np.nan):.0f} |"
        )
    _timing.publish(arguments.json, ratios=ratios, earlier=earlier)
    if arguments.update:
        medians = {name: float(f"{now['median']:.3g}") for name, now in ratios.items()}
        BASELINE.write_text(json.dumps(medians, indent=2) + "\n", encoding="utf-8")
    slower = lost(ratios, earlier)
    if arguments.check and slower:
        print(f"{LIMIT:g} times slower than before: {', '.join(slower)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
