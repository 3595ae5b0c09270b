"""Time the selectors of channels beside loops over scikit-learn's models, and pls4all.

Run ``python -m benchmarks.bench_selection``. A loop does the same job in the usual way: a fit
for each training set, each number of components and each subset of channels, in the same splits
and with the same random numbers. It is timed on a share of them, and multiplied. Its results are
compared with ours before anything is timed. What pls4all calls by the same name is another job,
as its row says: only times are compared.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, LeaveOneOut, cross_val_predict

import spectral_fast
from benchmarks import _memory, _timing
from spectral_fast._folds import random_training_sets
from spectral_fast.datasets import make_spectra
from spectral_fast.feature_selection import CARS, MCUVE, SPA, UVE, UVESPA, IntervalPLS

try:
    from pls4all import sklearn as pls4all
except ImportError:  # it has no wheels for some platforms
    pls4all = None

OURS = "spectral_fast"
LOOP = "scikit-learn loop"
COMPONENTS = 10
GIVEN = f"only {COMPONENTS} components"
INTERVALS = 20
#: Training sets and starts on which a loop is timed.
LOOPED_SETS, LOOPED_STARTS = 20, 2
#: The share of the runs, intervals or starts that a loop is timed on is one in so many.
ONE_IN = {"runs": 5, "intervals": 10, "survivors": 100}
#: Largest difference of RMSECV and of reliabilities, relative to the largest one.
TOLERANCE = 1e-6

Splits = list[tuple[np.ndarray, np.ndarray]]
Chains = list[tuple[list[int], list[float]]]
#: Calls that do the job, or a share of it, and how many times as long the whole takes.
Rivals = dict[str, tuple[Callable[[], Any], float]]
Records = list[dict[str, Any]]


class Job(NamedTuple):
    """A selection, what else does it, and what is to be reached on two cores."""

    selector: BaseEstimator
    size: tuple[int, int]
    rivals: Callable[[Any, np.ndarray, np.ndarray], Rivals]
    most_seconds: float | None = None
    least_ratio: int | None = None

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return spectra and one target."""
        spectra = make_spectra(*self.size, n_components=8, noise=1e-3, random_state=0)
        return spectra.data, spectra.target[:, 0]


def shuffled(n_folds: int, X: np.ndarray) -> Splits:
    return list(KFold(n_folds, shuffle=True, random_state=0).split(X))


def rmsecv(model: BaseEstimator, X: np.ndarray, y: np.ndarray, splits: Splits) -> float:
    """Return the pooled RMSECV of a model that is fitted to each training set."""
    predictions = cross_val_predict(model, X, y, cv=splits)
    return float(np.sqrt(np.mean((predictions - y) ** 2)))


def pls(n_components: int, X: np.ndarray) -> PLSRegression:
    return PLSRegression(min(n_components, X.shape[1]), scale=False)


def pls_rmsecv(X: np.ndarray, y: np.ndarray, splits: Splits) -> float:
    """Return the least RMSECV over the numbers of components."""
    counts = range(1, min(COMPONENTS, X.shape[1]) + 1)
    return min(rmsecv(pls(count, X), X, y, splits) for count in counts)


def pls4all_call(name: str, what: str, X: np.ndarray, y: np.ndarray, **parameters: Any) -> Rivals:
    """Return pls4all's selector of this name, labelled with what it does instead."""
    if pls4all is None:
        return {}
    selector = getattr(pls4all, name)(n_components=COMPONENTS, **parameters)
    return {f"pls4all {name}, {what}": (partial(selector.fit, X, y), 1)}


def grow_chain(X: np.ndarray, start: int, length: int) -> list[int]:
    """Return a chain, taking from all columns what they share with its last channel."""
    rest = X - X.mean(axis=0)
    chain = [start]
    while len(chain) < length:
        direction = rest[:, chain[-1]] / np.linalg.norm(rest[:, chain[-1]])
        rest = rest - np.outer(direction, direction @ rest)
        lengths = np.linalg.norm(rest, axis=0)
        lengths[chain] = 0.0
        chain.append(int(lengths.argmax()))
    return chain


def score_chains(
    X: np.ndarray, y: np.ndarray, splits: Splits, starts: Iterable[int], most: int
) -> Chains:
    """Return the chain of each start, and the RMSECV of its first 1, 2, … channels."""
    found = []
    for start in starts:
        chain = grow_chain(X, start, most)
        subsets = (X[:, chain[:size]] for size in range(1, most + 1))
        found.append((chain, [rmsecv(LinearRegression(), each, y, splits) for each in subsets]))
    return found


def assert_same_chains(ours: SPA, found: Chains) -> None:
    """Compare the best subset of each size and its RMSECV."""
    errors = np.array([error for _, error in found])
    assert_allclose(ours.rmsecv_, errors.min(axis=0), rtol=TOLERANCE)
    for size, best, subset in zip(ours.sizes_, errors.argmin(axis=0), ours.subsets_, strict=True):
        assert_array_equal(subset, found[best][0][:size])


def spa_rivals(selector: SPA, X: np.ndarray, y: np.ndarray) -> Rivals:
    p = X.shape[1]
    most = selector.n_features_to_select[1]
    starts = np.linspace(0, p - 1, LOOPED_STARTS + 2).astype(int)[1:-1].tolist()
    loop = partial(score_chains, X, y, shuffled(5, X), starts, most)
    assert_same_chains(SPA((1, most), starts=starts).fit(X, y), loop())
    return {f"{LOOP}, {LOOPED_STARTS} of {p} starts": (loop, p / LOOPED_STARTS)} | pls4all_call(
        "SPASelector", "one start, one size", X, y, top_k=most
    )


def reliability(X: np.ndarray, y: np.ndarray, training_sets: Iterable[np.ndarray]) -> np.ndarray:
    """Return mean over standard deviation of the coefficients, a model for each training set."""
    models = (pls(COMPONENTS, X).fit(X[train], y[train]) for train in training_sets)
    coef = np.array([model.coef_[0] for model in models])
    return coef.mean(axis=0) / coef.std(axis=0, ddof=1)


def assert_reliable(found: np.ndarray, expected: np.ndarray) -> None:
    assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def loop_over_sets(X: np.ndarray, y: np.ndarray, training_sets: list[np.ndarray]) -> Rivals:
    n_sets = len(training_sets)
    loop = partial(reliability, X, y, training_sets[:LOOPED_SETS])
    return {f"{LOOP}, {LOOPED_SETS} of {n_sets} training sets": (loop, n_sets / LOOPED_SETS)}


def leave_one_out(X: np.ndarray) -> list[np.ndarray]:
    return [train for train, _ in LeaveOneOut().split(X)]


def with_noise(X: np.ndarray) -> np.ndarray:
    """Append the channels of noise that UVE draws."""
    noise = np.random.RandomState(0).random_sample(X.shape)
    return np.hstack([X, 1e-10 * np.sqrt(X.var(axis=0).mean()) * noise])


def assert_same_survivors(ours: UVE, X: np.ndarray, y: np.ndarray) -> None:
    expected = reliability(with_noise(X), y, leave_one_out(X))
    assert_reliable(np.hstack([ours.reliability_, ours.noise_reliability_]), expected)
    strengths, noise = np.split(np.abs(expected), 2)
    assert_array_equal(ours.support_, strengths > noise.max())


def uve_rivals(selector: UVE, X: np.ndarray, y: np.ndarray) -> Rivals:
    assert_same_survivors(selector.fit(X, y), X, y)
    return loop_over_sets(with_noise(X), y, leave_one_out(X)) | pls4all_call(
        "UVESelector", "3 training sets", X, y, noise_features=X.shape[1]
    )


def mcuve_rivals(selector: MCUVE, X: np.ndarray, y: np.ndarray) -> Rivals:
    n_kept = selector.n_features_to_select
    masks = random_training_sets(len(X), selector.n_resamples, 0.75, 0)
    training_sets = [np.flatnonzero(mask) for mask in masks]
    expected = reliability(X, y, training_sets)
    assert_reliable(selector.fit(X, y).reliability_, expected)
    best = np.argsort(-np.abs(expected), kind="stable")[:n_kept]
    assert_array_equal(selector.get_support(indices=True), np.sort(best))
    return loop_over_sets(X, y, training_sets) | pls4all_call(
        "StabilitySelector", "3 training sets", X, y, top_k=n_kept
    )


def uve_spa_rivals(selector: UVESPA, X: np.ndarray, y: np.ndarray) -> Rivals:
    selector.fit(X, y)
    assert_same_survivors(selector.uve_, X, y)
    survivors = X[:, selector.uve_.support_]
    n_survivors = survivors.shape[1]
    starts = list(range(0, n_survivors, ONE_IN["survivors"]))
    share = n_survivors / len(starts)
    most = int(selector.sizes_[-1])
    chains = partial(score_chains, survivors, y, shuffled(5, X), starts, most)
    assert_same_chains(SPA((1, most), starts=starts).fit(survivors, y), chains())
    training_sets = leave_one_out(X)[: round(len(X) / share)]
    noisy = with_noise(X)

    def loop() -> None:
        reliability(noisy, y, training_sets)
        chains()

    n_starts = f"{len(starts)} of {n_survivors} starts"
    return {f"{LOOP}, {len(training_sets)} of {len(X)} training sets, {n_starts}": (loop, share)}


def cut(X: np.ndarray) -> list[np.ndarray]:
    return np.array_split(X, INTERVALS, axis=1)


def interval_rivals(selector: IntervalPLS, X: np.ndarray, y: np.ndarray) -> Rivals:
    splits, some = shuffled(10, X), slice(None, None, ONE_IN["intervals"])

    def choosing() -> list[float]:
        return [pls_rmsecv(interval, y, splits) for interval in cut(X)[some]]

    def given() -> list[float]:
        return [rmsecv(pls(COMPONENTS, X), interval, y, splits) for interval in cut(X)]

    errors = selector.fit(X, y).interval_rmsecv_
    expected = choosing()
    assert_allclose(errors[some], expected, rtol=TOLERANCE)
    assert (errors <= np.array(given()) * (1 + TOLERANCE)).all()
    width = X.shape[1] // INTERVALS
    return {
        f"{LOOP}, {len(expected)} of {INTERVALS} intervals": (choosing, ONE_IN["intervals"]),
        f"scikit-learn, {GIVEN}": (given, 1),
    } | pls4all_call("IntervalSelector", GIVEN, X, y, interval_width=width, step=width, n_folds=10)


def synergy_rivals(selector: IntervalPLS, X: np.ndarray, y: np.ndarray) -> Rivals:
    splits, pairs = shuffled(10, X), [(0, 10), (5, 15)]

    def loop() -> list[float]:
        parts = cut(X)
        return [pls_rmsecv(np.hstack([parts[i], parts[j]]), y, splits) for i, j in pairs]

    errors = {intervals: error for intervals, error, _ in selector.fit(X, y).path_}
    assert_allclose([errors[pair] for pair in pairs], loop(), rtol=TOLERANCE)
    return {
        f"{LOOP}, {len(pairs)} of {len(errors)} pairs": (loop, len(errors) / len(pairs))
    } | pls4all_call(
        "SiPLSSelector", GIVEN, X, y, interval_width=X.shape[1] // INTERVALS, n_folds=10
    )


def compete(
    X: np.ndarray, y: np.ndarray, alive: np.ndarray, n_kept: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return the survivors of one run of CARS."""
    rows = rng.permutation(len(X))[: round(0.8 * len(X))]
    X_run = X[np.ix_(rows, alive)]
    weights = np.abs(pls(COMPONENTS, X_run).fit(X_run, y[rows]).coef_[0])
    kept = np.argsort(-weights, kind="stable")[:n_kept]
    chances = weights[kept] / weights[kept].sum()
    return alive[np.unique(rng.choice(kept, X.shape[1], p=chances))]


def cars_rivals(selector: CARS, X: np.ndarray, y: np.ndarray) -> Rivals:
    p, n_runs, splits = X.shape[1], selector.n_runs, shuffled(5, X)
    n_kept = (p * (2 / p) ** np.linspace(0, 1, n_runs)).round().astype(int)
    rng, alive, runs = np.random.RandomState(0), np.arange(p), []
    for count in n_kept:
        runs.append((alive, count, rng.get_state()))
        alive = compete(X, y, alive, count, rng)

    def repeat(runs: list[tuple], error: Callable[[np.ndarray], float]) -> list[list[float]]:
        """Return the size and the RMSECV of the survivors of each run."""
        found = []
        for alive, count, state in runs:
            rng.set_state(state)
            survivors = X[:, compete(X, y, alive, count, rng)]
            found.append([survivors.shape[1], error(survivors)])
        return found

    some = slice(ONE_IN["runs"] // 2, None, ONE_IN["runs"])
    choosing = partial(repeat, runs[some], lambda part: pls_rmsecv(part, y, splits))
    given = partial(repeat, runs, lambda part: rmsecv(pls(COMPONENTS, part), part, y, splits))

    selector.fit(X, y)
    found = np.column_stack([selector.run_sizes_, selector.run_rmsecv_])
    assert_allclose(found[some], choosing(), rtol=TOLERANCE)
    return {
        f"{LOOP}, {len(runs[some])} of {n_runs} runs": (choosing, ONE_IN["runs"]),
        f"scikit-learn, {GIVEN}": (given, 1),
    } | pls4all_call("CARSSelector", GIVEN, X, y, n_iterations=n_runs, n_folds=5)


SMALL = 200, 1000
SHUFFLED = KFold(5, shuffle=True, random_state=0)

JOBS = {
    "SPA, all starts, 1 to 30 channels, 200 × 1000": Job(
        SPA((1, 30)), SMALL, spa_rivals, most_seconds=1.0, least_ratio=300
    ),
    "SPA, all starts, 1 to 20 channels, 49 × 2151": Job(
        SPA((1, 20)), (49, 2151), spa_rivals, most_seconds=1.5
    ),
    "UVE, leave-one-out, 1000 noise channels, 200 × 1000": Job(
        UVE(COMPONENTS), SMALL, uve_rivals, least_ratio=50
    ),
    "MCUVE, 1000 resamples, 200 × 1000": Job(
        MCUVE(COMPONENTS, n_resamples=1000, n_features_to_select=100),
        SMALL,
        mcuve_rivals,
        least_ratio=100,
    ),
    "UVESPA, 200 × 1000": Job(UVESPA(COMPONENTS), SMALL, uve_spa_rivals, least_ratio=100),
    "IntervalPLS, 20 intervals, 10 folds, 200 × 1000": Job(
        IntervalPLS(INTERVALS, cv=10), SMALL, interval_rivals, least_ratio=30
    ),
    "IntervalPLS, all pairs of 20 intervals, 10 folds, 200 × 1000": Job(
        IntervalPLS(INTERVALS, method="synergy", cv=10),
        SMALL,
        synergy_rivals,
        most_seconds=2.0,
    ),
    "CARS, 50 runs, 5 folds, 200 × 1000": Job(
        CARS(COMPONENTS, cv=SHUFFLED), SMALL, cars_rivals, least_ratio=30
    ),
}


def bench_job(name: str, budget: float) -> Records:
    """Time a job and its rivals."""
    job = JOBS[name]
    X, y = job.data()
    rivals = job.rivals(job.selector, X, y)
    calls = {OURS: partial(job.selector.fit, X, y)} | {
        rival: call for rival, (call, _) in rivals.items()
    }
    seconds = _timing.time_calls(calls, budget)
    for rival, (_, share) in rivals.items():
        seconds[rival] *= share
    return _timing.summarise(name, seconds, [OURS])


def peak_memory(name: str) -> int | None:
    """Return the bytes that a process of its own holds at the peak, Python and compiler included.

    None on systems other than Linux.
    """
    if not _memory.STATUS.exists():
        return None
    command = [sys.executable, "-m", "benchmarks.bench_selection", "--peak", name]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def print_peak(name: str) -> None:
    job = JOBS[name]
    job.selector.fit(*job.data())
    print(_memory.resident("VmHWM"))


def targets_table(records: Records, peaks: dict[str, int | None]) -> str:
    """Format what was to be reached beside what was."""
    lines = [["job", "aim", "time", "× faster than the loop", "peak memory"], ["---"] * 5]
    measured = {(record["case"], record["call"].split(",")[0]): record for record in records}
    for name, peak in peaks.items():
        job = JOBS[name]
        aims = [
            f"≤ {job.most_seconds:g} s" if job.most_seconds else "",
            f"≥ {job.least_ratio} ×" if job.least_ratio else "",
        ]
        ratio = measured[name, LOOP]["ratio"][OURS]
        lines.append(
            [
                name,
                ", ".join(filter(None, aims)),
                _timing.format_seconds(measured[name, OURS]["seconds"]["median"]),
                f"{ratio['median']:.0f} ({ratio['q25']:.0f} to {ratio['q75']:.0f})",
                "not measured" if peak is None else f"{peak / 2**20:.0f} MiB",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = _timing.argument_parser("bench_selection", __doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="jobs whose name begins so")
    parser.add_argument(
        "--budget", type=float, default=10.0, metavar="SECONDS", help="for each job (default: 10)"
    )
    parser.add_argument(
        "--peak", choices=list(JOBS), help="print the peak memory of a job, and time nothing"
    )
    arguments = parser.parse_args()
    spectral_fast.warm_up()
    if arguments.peak:
        print_peak(arguments.peak)
        return
    names = [name for name in JOBS if name.startswith(arguments.only)]
    records: Records = []
    for name in names:
        records += bench_job(name, arguments.budget)
        print(f"done: {name}", flush=True)
    peaks = {name: peak_memory(name) for name in names}
    print(f"\n### Aims\n\n{targets_table(records, peaks)}")
    print(f"\n### Selection of channels\n\n{_timing.markdown_table(records)}", flush=True)
    _timing.publish(arguments.json, timings=records, peak_bytes=peaks)


if __name__ == "__main__":
    main()
