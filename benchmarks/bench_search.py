"""Time whole searches beside plain loops that fit every candidate to every fold.

Run ``python -m benchmarks.bench_search``, with ``--data FILE --target NAME`` on one's own
spectra. The loops do what applications do: spectra are preprocessed once for each chain;
channels are selected on all samples, for each model setting anew; and every candidate is
cross-validated, its folds in parallel through joblib. They take minutes to hours, so they
are run on a sample of the candidates, and each kind's time is multiplied. Held-out
predictions of the sample are compared with ours before anything is counted.

Applications also tell forests and boosters to use all cores, inside that pool. Threads then
wait for each other, which takes longer than one thread for each model does: both are timed.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

import spectral_fast
from benchmarks import _timing
from benchmarks.bench_selection import grow_chain
from spectral_fast.datasets import load_tecator, make_spectra
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._grid import expand_grid
from spectral_fast.model_selection._plan import Plan, Spec
from spectral_fast.model_selection.families import made
from spectral_fast.tables import read_table

N_FOLDS = 5
N_JOBS = 2
#: Candidates of each kind that the loops are run on.
SAMPLED = 4
#: Largest difference of R², where a solver stops at a tolerance and elsewhere.
TOLERANCES = {"elasticnet": 1e-3, "lasso": 1e-3}
TOLERANCE = 1e-6

BOOSTERS = {
    name: {"n_estimators": [100, 200], "learning_rate": [0.05, 0.1], "max_depth": [3, 6]}
    for name in ("xgboost", "lightgbm", "catboost")
}


class Table(NamedTuple):
    """A grid, and the ratio that it is to reach."""

    grid: dict[str, Any]
    aim: float


TABLES = {
    "quick": Table({"grid": "quick"}, 30),
    "quick, SPA, UVE, UVE-SPA": Table(
        {
            "grid": "quick",
            "selectors": ["full", "importance", "spa", "uve", "uve_spa"],
            "n_features": [10, 20],
        },
        100,
    ),
    "standard, 4 preprocessings": Table(
        {"grid": "standard", "preprocessing": ["raw", "snv", "sg1w19", "snv+sg1w19"]}, 6
    ),
    "boosters": Table(
        {"grid": "basic", "preprocessing": ["raw", "snv", "sg1w19"], "models": BOOSTERS}, 3
    ),
}


def calibration(arguments: argparse.Namespace) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the data sets: spectra and one target each."""
    if arguments.data is not None:
        table = read_table(arguments.data, target=arguments.target)
        return {arguments.data.stem: (table.spectra, table.target)}
    simulated = make_spectra(49, 2151, random_state=0)
    X, content = load_tecator(return_X_y=True)
    return {
        "simulated 49 × 2151": (simulated.data, simulated.target[:, 0]),
        "Tecator": (X, content[:, 1]),
    }


def plan_of(grid: dict[str, Any], X: np.ndarray, splits: list) -> Plan:
    smallest = min(len(train) for train, _ in splits)
    return Plan(*expand_grid(**grid, n_samples=smallest, n_channels=X.shape[1]), splits, True)


def spa_by_loops(X: np.ndarray, y: np.ndarray, size: int, splits: list) -> np.ndarray:
    """Return the channels of successive projections from every start, scored by regression."""
    centred = X - X.mean(axis=0)
    found: tuple[float, list[int]] = (np.inf, [])
    for start in range(X.shape[1]):
        chain = grow_chain(centred, start, size)
        press = 0.0
        for train, test in splits:
            design = np.column_stack([np.ones(len(X)), X[:, chain]])
            coefficients = np.linalg.lstsq(design[train], y[train], rcond=None)[0]
            press += ((y[test] - design[test] @ coefficients) ** 2).sum()
        found = min(found, (press, chain))
    return np.array(found[1])


def threads_of(estimator: Any) -> list[str]:
    """Return the names of the parameters for the number of threads."""
    return [name for name in ("n_jobs", "thread_count") if name in estimator.get_params()]


def evaluate(
    spec: Spec, plan: Plan, X: np.ndarray, y: np.ndarray, all_cores: bool
) -> tuple[np.ndarray, float]:
    """Return held-out predictions of one candidate, and the seconds that the loops take.

    Where the loops of a selector would take minutes, their time is that of a part of them
    multiplied, and the channels are ours.
    """
    model = plan.models[spec.model]
    selection = plan.selections[spec.selection]
    estimator = made(model.estimator, model.settings[spec.position])
    if all_cores:
        estimator.set_params(**dict.fromkeys(threads_of(estimator), -1))
    start = time.perf_counter()
    extra = 0.0
    if selection.by_importance:
        fitted = clone(estimator).fit(X, y)
        weights = fitted.coef_ if hasattr(fitted, "coef_") else fitted.feature_importances_
        importances = np.abs(np.atleast_2d(weights)).sum(axis=0)
        channels = np.sort(np.argsort(-importances, kind="stable")[: spec.size])
    elif selection.is_full:
        channels = np.arange(X.shape[1])
    else:
        channels = np.sort(clone(selection.selector).fit(X, y).subset(spec.size))
        extra = seconds_of_selection(selection.name, spec.size, X, y) - (
            time.perf_counter() - start
        )
    splits = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
    parts = joblib.Parallel(n_jobs=N_JOBS)(
        joblib.delayed(fit_fold)(estimator, X[:, channels], y, *fold) for fold in splits
    )
    predictions = np.empty(len(y))
    for (_, test), part in zip(splits, parts, strict=True):
        predictions[test] = part
    return predictions, time.perf_counter() - start + extra


def fit_fold(
    estimator: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.ravel(clone(estimator).fit(X[train], y[train]).predict(X[test]))


_selection_seconds: dict[tuple[str, int, int], float] = {}


def seconds_of_selection(name: str, size: int, X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds of a selector's loops: SPA's on 20 starts, the others as they are."""
    key = (name, size, X.shape[1])
    if key not in _selection_seconds:
        seconds = 0.0
        if name in ("spa", "uve_spa"):
            splits = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
            part = X[:, :: max(1, X.shape[1] // 20)]
            start = time.perf_counter()
            spa_by_loops(part, y, min(size, part.shape[1]), splits)
            # From every start, and each step through all channels.
            seconds += (time.perf_counter() - start) * (X.shape[1] / part.shape[1]) ** 2
        if name in ("uve", "uve_spa"):
            seconds += seconds_of_uve(X, y)
        _selection_seconds[key] = seconds
    return _selection_seconds[key]


def seconds_of_uve(X: np.ndarray, y: np.ndarray) -> float:
    """Return the seconds of leave-one-out fits to the spectra beside as many noise channels."""
    from sklearn.cross_decomposition import PLSRegression

    noise = 1e-10 * np.random.default_rng(0).uniform(size=X.shape)
    both = np.hstack([X, noise])
    start = time.perf_counter()
    for left_out in range(len(y)):
        rows = np.delete(np.arange(len(y)), left_out)
        PLSRegression(5, scale=False).fit(both[rows], y[rows])
    return time.perf_counter() - start


def kind_of(spec: Spec, plan: Plan) -> tuple:
    """Return what makes candidates take a similar time."""
    setting = plan.models[spec.model].settings[spec.position]
    return (
        plan.selections[spec.selection].name,
        spec.size,
        plan.models[spec.model].name,
        setting.get("n_estimators"),
        setting.get("max_depth"),
    )


def seconds_of_loops(
    plan: Plan, X: np.ndarray, y: np.ndarray, ours: np.ndarray, sampled: int, all_cores: bool
) -> float:
    """Return the time of the loops, from a sample of each kind of candidate.

    With one thread for each model the predictions are compared with `ours`; more threads add
    in another order.
    """
    treated = [treat(chain, X) for chain in plan.chains]
    kinds: dict[tuple, list[int]] = {}
    for number, spec in enumerate(plan.specs):
        kinds.setdefault(kind_of(spec, plan), []).append(number)
    rng = np.random.default_rng(0)
    variation = ((y - y.mean()) ** 2).sum()
    total = 0.0
    for numbers in kinds.values():
        seconds = 0.0
        chosen = rng.permutation(numbers)[:sampled]
        for number in chosen:
            spec = plan.specs[number]
            predictions, took = evaluate(spec, plan, treated[spec.chain], y, all_cores)
            seconds += took
            press = ((predictions - y) ** 2).sum(), ((ours[number] - y) ** 2).sum()
            # Beyond, both follow rounding errors.
            if not all_cores and max(press) < 100 * variation:
                name = plan.models[spec.model].name
                atol = TOLERANCES.get(name, TOLERANCE) * max(1.0, press[0] / variation)
                assert_allclose(press[1] / variation, press[0] / variation, rtol=0, atol=atol)
        total += seconds * len(numbers) / len(chosen)
    return total


def treat(chain: Any, X: np.ndarray) -> np.ndarray:
    for _, step in chain.steps:
        X = clone(step).fit_transform(X)
    return X


def search(grid: dict[str, Any], n_jobs: int, scope: str) -> SpectralSearchCV:
    return SpectralSearchCV(**grid, cv=N_FOLDS, n_jobs=n_jobs, selector_scope=scope)


def seconds_of(call: SpectralSearchCV, X: np.ndarray, y: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        call.fit(X, y)
        return time.perf_counter() - start


def bench(name: str, X: np.ndarray, y: np.ndarray, sampled: int) -> dict[str, Any]:
    """Return one row: our times with one and two workers, and that of the loops."""
    table = TABLES[name]
    splits = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
    plan = plan_of(table.grid, X, splits)
    both, alone = search(table.grid, N_JOBS, "all"), search(table.grid, 1, "all")
    seconds_of(both, X, y)  # workers and kernels are ready then
    ours = seconds_of(both, X, y)
    one = seconds_of(alone, X, y)
    honest = seconds_of(search(table.grid, N_JOBS, "fold"), X, y)
    theirs = seconds_of_loops(plan, X, y, both.oof_predictions_, sampled, False)
    crowded = theirs
    if any(threads_of(model.estimator) for model in plan.models):
        crowded = seconds_of_loops(plan, X, y, both.oof_predictions_, sampled, True)
    return {
        "grid": name,
        "candidates": len(plan.specs),
        "spectral_fast": ours,
        "one worker": one,
        "selection in each fold": honest,
        "orchestration": both.timing_["orchestration"] / both.timing_["wall"],
        "loops": crowded,
        "ratio": crowded / ours,
        "loops, one thread": theirs,
        "ratio, one thread": theirs / ours,
        "aim": table.aim,
    }


def times(ratio: float) -> str:
    return f"{ratio:.1f} ×" if ratio < 100 else f"{ratio:.0f} ×"


def markdown(rows: list[dict[str, Any]]) -> str:
    header = (
        "| grid | candidates | spectral_fast, 2 workers | 1 worker | selection in each fold | "
        "orchestration | loops | ratio | loops, one thread a model | ratio | aim |"
    )
    lines = [header, "|" + " --- |" * 11]
    for row in rows:
        lines.append(
            f"| {row['grid']} | {row['candidates']} | {row['spectral_fast']:.1f} s | "
            f"{row['one worker']:.1f} s | {row['selection in each fold']:.1f} s | "
            f"{row['orchestration']:.0%} | {row['loops']:.0f} s | {times(row['ratio'])} | "
            f"{row['loops, one thread']:.0f} s | {times(row['ratio, one thread'])} | "
            f"{row['aim']} × |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = _timing.argument_parser("bench_search", __doc__)
    parser.add_argument("--data", type=Path, metavar="FILE", help="table of spectra")
    parser.add_argument("--target", metavar="NAME", help="column to predict")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument(
        "--sampled", type=int, default=SAMPLED, help="candidates of a kind that the loops run on"
    )
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.target is None):
        parser.error("--data and --target belong together")
    warnings.simplefilter("ignore", ConvergenceWarning)
    spectral_fast.warm_up()

    results = {}
    for title, (X, y) in calibration(arguments).items():
        rows = []
        for name in arguments.tables:
            rows.append(bench(name, X, y, arguments.sampled))
            print(f"done: {title}, {name}", flush=True)
        results[title] = rows
        print(f"\n### {title}, {N_FOLDS} folds\n\n{markdown(rows)}\n", flush=True)
    _timing.publish(arguments.json, searches=results)


if __name__ == "__main__":
    main()
