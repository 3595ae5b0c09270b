"""Time the boosting family of the search beside loops of the libraries' own estimators.

Run ``python -m benchmarks.bench_boosting``. Both sides cross-validate the same candidates
on the same folds, and their predictions are compared, to the bit, before anything is timed.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import catboost
import joblib
import lightgbm
import numpy as np
import xgboost
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import KFold, ParameterGrid, cross_val_predict

from benchmarks import _timing
from spectral_fast.datasets import load_tecator, make_spectra
from spectral_fast.model_selection.families._base import Matrix
from spectral_fast.model_selection.families._boosting import BoostingFamily

GRID = {"n_estimators": [100, 200], "learning_rate": [0.05, 0.1], "max_depth": [3, 6]}
N_FOLDS = 5
OURS = "spectral_fast"

#: The estimators as an application makes them, and what keeps them to one thread.
ESTIMATORS: dict[str, tuple[Any, dict[str, int]]] = {
    "XGBoost": (xgboost.XGBRegressor(random_state=0), {"n_jobs": 1}),
    "LightGBM": (
        lightgbm.LGBMRegressor(random_state=0, min_child_samples=3, verbosity=-1),
        {"n_jobs": 1},
    ),
    "CatBoost": (
        catboost.CatBoostRegressor(random_seed=0, verbose=False, allow_writing_files=False),
        {"thread_count": 1},
    ),
}

Records = list[dict[str, Any]]


def calibration(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return spectra and one target."""
    if name == "Tecator":
        X, content = load_tecator(return_X_y=True)
        return X, content[:, 1]
    spectra = make_spectra(49, 2151, random_state=0)
    return spectra.data, spectra.target[:, 0]


def family(estimator: Any, settings: list[dict[str, Any]], matrix: Matrix) -> np.ndarray:
    """Return our held-out predictions, (n_settings, n), one process."""
    found = BoostingFamily().predict(estimator, settings, matrix)
    return in_order(found, matrix)


def family_by_fold(
    estimator: Any, settings: list[dict[str, Any]], matrix: Matrix, n_jobs: int
) -> np.ndarray:
    """Return the same with the folds as tasks of several processes."""
    folds = [Matrix(matrix.X, matrix.y, [split]) for split in matrix.splits]
    parts = joblib.Parallel(n_jobs)(
        joblib.delayed(BoostingFamily().predict)(estimator, settings, fold) for fold in folds
    )
    return in_order([np.concatenate(each) for each in zip(*parts, strict=True)], matrix)


def loop(
    estimator: Any, settings: list[dict[str, Any]], matrix: Matrix, n_jobs: int | None = None
) -> np.ndarray:
    """Return the held-out predictions of a fit for each setting and fold."""
    return np.array(
        [
            cross_val_predict(
                clone(estimator).set_params(**setting),
                matrix.X,
                matrix.y,
                cv=matrix.splits,
                n_jobs=n_jobs,
            )
            for setting in settings
        ]
    )


def in_order(found: list[np.ndarray], matrix: Matrix) -> np.ndarray:
    """Return predictions in the order of the samples."""
    out = np.empty((len(found), len(matrix.y)))
    out[:, np.concatenate([test for _, test in matrix.splits])] = np.array(found)[..., 0]
    return out


def seconds_of(call: Callable[[], Any]) -> float:
    """Return the seconds of one call; these take long enough to need no repetition."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def bench(library: str, data: str, scale: float, n_rounds: int) -> Records:
    """Time one library on one data set."""
    X, y = calibration(data)
    splits = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
    matrix = Matrix(X, y, splits)
    estimator, one_thread = ESTIMATORS[library]
    single = clone(estimator).set_params(**one_thread)
    counts = [max(int(scale * each), 1) for each in GRID["n_estimators"]]
    settings = list(ParameterGrid(GRID | {"n_estimators": counts}))
    assert len(BoostingFamily().batches(single, settings)) == 1
    calls = {
        OURS: partial(family, single, settings, matrix),
        f"{library}, one thread": partial(loop, single, settings, matrix),
        f"{OURS}, 2 processes": partial(family_by_fold, single, settings, matrix, 2),
        f"{library}, folds by joblib, default threads": partial(
            loop, estimator, settings, matrix, -1
        ),
    }
    expected = calls[f"{library}, one thread"]()
    assert_array_equal(calls[OURS](), expected)
    assert_array_equal(calls[f"{OURS}, 2 processes"](), expected)
    case = f"{data} {X.shape[0]} × {X.shape[1]}"
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(n_rounds):
        for name, call in calls.items():
            samples[name].append(seconds_of(call))
    seconds = {name: np.array(each) for name, each in samples.items()}
    return _timing.summarise(case, seconds, [OURS, f"{OURS}, 2 processes"])


def main() -> None:
    parser = _timing.argument_parser("bench_boosting", __doc__)
    parser.add_argument("--libraries", nargs="+", choices=list(ESTIMATORS), default=ESTIMATORS)
    parser.add_argument(
        "--data", nargs="+", choices=["simulated", "Tecator"], default=["simulated", "Tecator"]
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiplies the numbers of rounds (default: 1)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="calls of each side (default: 3)")
    arguments = parser.parse_args()
    tables: dict[str, Records] = {}
    for library in arguments.libraries:
        tables[library] = []
        for data in arguments.data:
            tables[library] += bench(library, data, arguments.scale, arguments.rounds)
        print(f"\n### {library}\n\n{_timing.markdown_table(tables[library])}", flush=True)
    _timing.publish(arguments.json, timings=tables)


if __name__ == "__main__":
    main()
