"""Time against samples, channels, folds and cores, beside the least that the machine allows.

Run ``python -m benchmarks.bench_scaling``, with ``--plots FOLDER`` for pictures. SNV is limited
by the memory, whose speed `np.copyto` shows; cross-validated PLS by its matrix products, which are
timed alone; more cores by their number. Results are compared before anything is timed, and those
of several cores have to be the same bytes as those of one.
"""

import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import spectral_fast
from benchmarks import _timing
from benchmarks._rows import ROW_OPERATIONS
from benchmarks.bench_pls import FLOOR as PRODUCTS
from benchmarks.bench_pls import TOLERANCE, ikpls, products, rmsecv
from spectral_fast.cross_decomposition import pls_cross_val_predict
from spectral_fast.datasets import load_tecator, make_spectra
from spectral_fast.feature_selection import MCUVE, SPA
from spectral_fast.kernels import set_num_threads
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.preprocessing import SNV

OURS = "spectral_fast"
COPY = "np.copyto"
N_COMPONENTS = 10
SEARCH_ROUNDS = 3

Records = list[dict[str, Any]]
Calls = dict[str, Callable[[], Any]]


def snv_of(n_samples: int, n_channels: int) -> Calls:
    """Return SNV of some spectra, ours and NumPy's, and the time of copying them."""
    X = make_spectra(n_samples, n_channels, random_state=0).data
    out = np.empty_like(X)
    operation = ROW_OPERATIONS["SNV"]
    calls: Calls = {
        OURS: partial(operation.transformer, X),
        "NumPy": partial(operation.others["NumPy"], X),
    }
    assert_allclose(calls[OURS](), calls["NumPy"](), rtol=0, atol=1e-10)
    return calls | {COPY: partial(np.copyto, out, X)}


def pls_of(n_samples: int, n_channels: int, n_folds: int) -> Calls:
    """Return cross-validated PLS, ours and ikpls', and the time of its matrix products."""
    spectra = make_spectra(n_samples, n_channels, n_components=8, noise=1e-3, random_state=0)
    X, y = spectra.data, spectra.target[:, 0]
    folds = np.random.default_rng(0).permutation(np.arange(n_samples) % n_folds)
    everyone = np.arange(n_samples)
    splits = [(everyone[folds != fold], everyone[folds == fold]) for fold in range(n_folds)]
    algorithm = 2 if n_samples > n_channels else 1
    calls: Calls = {
        OURS: partial(pls_cross_val_predict, X, y, N_COMPONENTS, cv=splits),
        "ikpls": partial(ikpls, X, y, folds, N_COMPONENTS, algorithm, 1),
    }
    assert_allclose(calls["ikpls"](), rmsecv(calls[OURS](), y), rtol=TOLERANCE)
    return calls | {PRODUCTS: partial(products, X, n_folds, N_COMPONENTS)}


#: What each curve is over, its values, and the calls for a value.
CURVES: dict[str, tuple[str, list[int], Callable[[int], Calls]]] = {
    "SNV, 1000 channels": ("samples", [50, 200, 1000, 5000, 20000], lambda n: snv_of(n, 1000)),
    "Cross-validated PLS, 1000 channels, 10 folds": (
        "samples",
        [50, 200, 1000, 5000],
        lambda n: pls_of(n, 1000, 10),
    ),
    "Cross-validated PLS, 200 samples, 10 folds": (
        "channels",
        [100, 400, 1000, 4000],
        lambda p: pls_of(200, p, 10),
    ),
    "Cross-validated PLS, 200 samples, 1000 channels": (
        "folds",
        [2, 5, 20, 50, 200],
        lambda k: pls_of(200, 1000, k),
    ),
}


def jobs_for_cores() -> dict[str, Callable[[], np.ndarray]]:
    """Return work that threads share, by its name."""
    many = make_spectra(20000, 1000, random_state=0).data
    spectra = make_spectra(300, 1000, n_components=8, noise=1e-3, random_state=0)
    X, y = spectra.data, spectra.target[:, 0]
    return {
        "SNV, 20000 × 1000": lambda: SNV().fit_transform(many),
        "SPA, all starts, 300 × 1000": lambda: SPA(n_features_to_select=30).fit(X, y).ranking_,
        "MC-UVE, 300 × 1000": lambda: MCUVE(5, random_state=0).fit(X, y).reliability_,
        "Cross-validated PLS, 300 × 1000": lambda: pls_cross_val_predict(X, y, 20, cv=10),
    }


def powers_of_two(largest: int) -> list[int]:
    counts = [2**power for power in range(largest.bit_length()) if 2**power < largest]
    return [*counts, largest]


def bench_threads(cores: list[int], budget: float) -> dict[str, list[float]]:
    """Return the median seconds of each job with each number of threads."""
    seconds = {}
    for name, job in jobs_for_cores().items():
        set_num_threads(1)
        expected = job()

        def on(n_threads: int, job: Callable[[], np.ndarray] = job) -> np.ndarray:
            set_num_threads(n_threads)
            return job()

        for count in cores:
            assert_array_equal(on(count), expected)
        measured = _timing.time_calls({str(count): partial(on, count) for count in cores}, budget)
        seconds[name] = [float(np.median(each)) for each in measured.values()]
    set_num_threads(cores[-1])
    return seconds


def bench_search(cores: list[int]) -> dict[str, list[float]]:
    """Return the least seconds of a search with each number of workers."""
    X, content = load_tecator(return_X_y=True)
    seconds = [np.inf] * len(cores)
    ranked = None
    for _ in range(SEARCH_ROUNDS):
        for number, count in enumerate(cores):
            search = SpectralSearchCV(
                models=["pls", "ridge", "elasticnet", "random_forest", "lightgbm"],
                preprocessing=["raw", "snv", "sg1", "snv+sg1"],
                n_jobs=count,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = time.perf_counter()
                search.fit(X, content[:, 1])
            seconds[number] = min(seconds[number], time.perf_counter() - start)
            ranked = search.results_["rmsecv"] if ranked is None else ranked
            assert_array_equal(search.results_["rmsecv"], ranked)
    return {f"Search, Tecator, {len(ranked)} candidates": seconds}


def cores_table(cores: list[int], seconds: dict[str, list[float]]) -> str:
    lines = [
        f"| work | {' | '.join(f'{count} cores' for count in cores)} | speed-up |",
        "|" + " --- |" * (len(cores) + 2),
    ]
    for name, each in seconds.items():
        times = " | ".join(_timing.format_seconds(value) for value in each)
        lines.append(f"| {name} | {times} | {each[0] / each[-1]:.2f} × |")
    return "\n".join(lines).replace("1 cores", "1 core")


def plot_curves(tables: dict[str, Records], folder: Path) -> None:
    """Draw time against samples, channels and folds."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    floors = {COPY, PRODUCTS}
    for ax, (title, records) in zip(axes.flat, tables.items(), strict=True):
        what, values, _ = CURVES[title]
        for call in dict.fromkeys(record["call"] for record in records):
            medians = [r["seconds"]["median"] for r in records if r["call"] == call]
            floor = call in floors
            ax.plot(
                values,
                medians,
                marker=None if floor else "o",
                linestyle="--" if floor else "-",
                color="0.5" if floor else {OURS: "C0"}.get(call, "C1"),
                label=call,
            )
        ax.set(xscale="log", yscale="log", xlabel=what, ylabel="seconds", title=title)
        ax.set_xticks(values, [f"{value}" for value in values])
        ax.minorticks_off()
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
    figure.savefig(folder / "scaling.png", dpi=110)


def plot_cores(cores: list[int], seconds: dict[str, list[float]], folder: Path) -> None:
    """Draw the speed-up against the number of cores."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for name, each in seconds.items():
        ax.plot(cores, each[0] / np.array(each), marker="o", label=name)
    ax.plot(cores, cores, "--", color="0.5", label="as many times as cores")
    ax.set(xlabel="cores", ylabel="speed-up", xticks=cores)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    figure.savefig(folder / "cores.png", dpi=110)


def main() -> None:
    parser = _timing.argument_parser("bench_scaling", __doc__)
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw pictures there")
    parser.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="most cores to use (default: all)"
    )
    parser.add_argument(
        "--budget", type=float, default=3.0, metavar="SECONDS", help="for each point (default: 3)"
    )
    arguments = parser.parse_args()
    spectral_fast.warm_up()

    tables: dict[str, Records] = {}
    for title, (what, values, calls_for) in CURVES.items():
        tables[title] = []
        for value in values:
            seconds = _timing.time_calls(calls_for(value), arguments.budget)
            tables[title] += _timing.summarise(f"{value} {what}", seconds, [OURS])
        print(f"\n### {title}\n\n{_timing.markdown_table(tables[title])}", flush=True)
    cores = powers_of_two(arguments.cores)
    by_cores = bench_threads(cores, arguments.budget) | bench_search(cores)
    print(f"\n### Cores\n\n{cores_table(cores, by_cores)}", flush=True)
    if arguments.plots is not None:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        plot_curves(tables, arguments.plots)
        plot_cores(cores, by_cores, arguments.plots)
    _timing.publish(arguments.json, timings=tables, cores=cores, seconds_by_cores=by_cores)


if __name__ == "__main__":
    main()
