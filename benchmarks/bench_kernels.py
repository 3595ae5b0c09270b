"""Time preprocessing and PLS beside NumPy, scipy, scikit-learn, chemotools and ikpls.

Run ``python -m benchmarks.bench_kernels``. Every pair of results is compared
before anything is timed, and everything is compiled by then.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sklearn.cross_decomposition
from ikpls.numpy import PLS as IkplsPLS
from numpy.testing import assert_allclose

import spectral_fast
from benchmarks import _memory, _timing
from benchmarks._rows import ROW_OPERATIONS
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import make_spectra
from spectral_fast.kernels import nipals

ROW_SIZES = {
    "small": [(50, 2151), (1000, 2000)],
    "all": [(50, 2151), (1000, 2000), (20000, 2000)],
}
MEMORY_SIZE = (20000, 2000)
PLS_SIZES = [(50, 2151), (200, 1000), (1000, 2000)]
N_COMPONENTS = 10
OURS = "spectral_fast"
KERNEL = "spectral_fast kernel"
# The least time that any function of one input and one output can take.
FLOOR = "np.copyto"

#: Largest difference of row-wise results, relative to their standard deviation.
ROW_TOLERANCE = 1e-10
#: Largest difference of fitted values, relative to the target's standard deviation.
PLS_TOLERANCE = 1e-7

Records = list[dict[str, Any]]


def bench_rows(name: str, sizes: list[tuple[int, int]], budget: float) -> Records:
    """Time one row-wise operation at each size.

    The kernel writes into an array made before, as `np.copyto` does; the others
    return a new array.
    """
    operation = ROW_OPERATIONS[name]
    records: Records = []
    for n_samples, n_channels in sizes:
        X = make_spectra(n_samples, n_channels, random_state=0).data
        out = np.empty_like(X)
        kernel = operation.prepare(X)

        expected = operation.transformer(X)
        atol = ROW_TOLERANCE * expected.std()
        kernel(X, out)
        assert_allclose(out, expected, rtol=0, atol=atol)
        for other in operation.others.values():
            assert_allclose(other(X), expected, rtol=0, atol=atol)

        calls: dict[str, Callable[[], Any]] = {
            OURS: partial(operation.transformer, X),
            KERNEL: partial(kernel, X, out),
            FLOOR: partial(np.copyto, out, X),
        }
        for other_name, other in operation.others.items():
            calls[other_name] = partial(other, X)
        seconds = _timing.time_calls(calls, budget)
        records += _timing.summarise(f"{n_samples} × {n_channels}", seconds, [OURS, FLOOR])
    return records


def bench_pls(scale: bool, budget: float) -> Records:
    """Time fitting PLS with one target at each size."""
    records: Records = []
    for n_samples, n_channels in PLS_SIZES:
        # More absorbing components than latent variables: none of those fits noise alone.
        spectra = make_spectra(n_samples, n_channels, n_components=12, random_state=0)
        X, y = spectra.data, spectra.target[:, 0]
        fits = pls_fits(X, y, scale)

        expected = fits[OURS]().predict(X).ravel()
        for fit in fits.values():
            fitted = fit().predict(X)
            if fitted.ndim == 3:  # ikpls predicts with each number of components
                fitted = fitted[-1]
            assert_allclose(fitted.ravel(), expected, rtol=0, atol=PLS_TOLERANCE * y.std())

        # Not compared again: PLSRegression holds the kernel's result.
        fits[KERNEL] = partial(nipals, X, y[:, np.newaxis], N_COMPONENTS, scale, 500, 1e-6)
        seconds = _timing.time_calls(fits, budget)
        records += _timing.summarise(f"{n_samples} × {n_channels}", seconds, [OURS])
    return records


def pls_fits(X: np.ndarray, y: np.ndarray, scale: bool) -> dict[str, Callable[[], Any]]:
    """Return functions that fit the same model with each package."""

    def ikpls(algorithm: int) -> Any:
        return IkplsPLS(algorithm, scale_X=scale, scale_Y=scale, ddof=1).fit(X, y, N_COMPONENTS)

    return {
        OURS: lambda: PLSRegression(N_COMPONENTS, scale=scale).fit(X, y),
        "scikit-learn": lambda: sklearn.cross_decomposition.PLSRegression(
            N_COMPONENTS, scale=scale
        ).fit(X, y),
        "ikpls algorithm 1": lambda: ikpls(1),
        "ikpls algorithm 2": lambda: ikpls(2),
    }


def memory_table(excess: dict[str, float]) -> str:
    """Format what `_memory.excess_memory` returns."""
    rows = [f"| {name} | {fraction:+.2%} |" for name, fraction in excess.items()]
    return "\n".join(["| call | above input + output |", "| --- | --- |", *rows])


def main() -> None:
    parser = _timing.argument_parser("bench_kernels", __doc__)
    parser.add_argument("--sizes", choices=list(ROW_SIZES), default="all")
    parser.add_argument(
        "--budget", type=float, default=10.0, metavar="SECONDS", help="for each size (default: 10)"
    )
    arguments = parser.parse_args()
    sizes = ROW_SIZES[arguments.sizes]
    spectral_fast.warm_up()

    tables: dict[str, Records] = {}

    def show(title: str, records: Records) -> None:
        tables[title] = records
        print(f"\n### {title}\n\n{_timing.markdown_table(records)}", flush=True)

    for name in ROW_OPERATIONS:
        show(name, bench_rows(name, sizes, arguments.budget))
    for scale in (False, True):
        title = f"PLS fit, {N_COMPONENTS} components, one target, scale={scale}"
        show(title, bench_pls(scale, arguments.budget))
    excess = _memory.excess_memory(*MEMORY_SIZE)
    if excess is not None:
        title = "Peak memory at {} × {}".format(*MEMORY_SIZE)
        print(f"\n### {title}\n\n{memory_table(excess)}", flush=True)
    _timing.publish(arguments.json, timings=tables, excess_memory=excess)


if __name__ == "__main__":
    main()
