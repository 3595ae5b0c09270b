"""Time the drop-in's functions beside those of the application `spectral_predict`.

Run ``python -m benchmarks.bench_dropin --application FOLDER --data FILE``. FOLDER holds the
application's package (`src` of its repository); FILE is a table with a row for each sample, the
reference values in one column, and one column for each channel that is named by its wavelength.
Both sides get the same spectra, and their results are compared before any time is told. With
``--search`` whole searches are timed instead, or those that are named. The
application's elimination of uninformative variables is compared as it was meant: it reads the
coefficients in a layout that scikit-learn has given up.
"""

import contextlib
import io
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import joblib
import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

import spectral_fast
from benchmarks import _timing
from spectral_fast import dropin
from tests import standin

OURS, THEIRS = "spectral_fast", "spectral_predict"
TOLERANCE = 1e-7


class Job(NamedTuple):
    """A function, the arguments after the data, and how many times as fast it is to be."""

    function: str
    arguments: tuple[Any, ...]
    least_ratio: int | None = None


JOBS = {
    "spa_selection, 10 channels": Job("spa_selection", (10,), 200),
    "uve_selection": Job("uve_selection", (), 5),
    "ipls_selection": Job("ipls_selection", (), 20),
    "uve_spa_selection, 10 channels": Job("uve_spa_selection", (10,)),
}


def read(path: Path, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the spectra and the reference values of a table."""
    table = pd.read_csv(path)
    channels = [name for name in table if is_number(name)]
    if target not in table or not channels:
        raise SystemExit(
            f"error: {path} needs a column {target!r} and columns named by wavelengths; it has "
            f"{', '.join(map(repr, table.columns[:6]))}, … Name another column with --target."
        )
    return table[channels].astype(float), table[target].astype(float)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def quietly(function: Callable, *arguments: Any, **options: Any) -> Any:
    """Call a function and drop what it prints; a seed fixes its noise."""
    np.random.seed(0)  # noqa: NPY002 - the application's generator
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments, **options)


def functions(name: str) -> tuple[Callable, Callable]:
    """Return our function and the application's."""
    module = standin.load("variable_selection")
    theirs = getattr(module, name)
    with dropin.patched(THEIRS):
        return getattr(module, name), theirs


def bench_job(name: str, X: np.ndarray, y: np.ndarray, budget: float) -> list[dict[str, Any]]:
    job = JOBS[name]
    ours, theirs = functions(job.function)
    module = standin.load("variable_selection")
    with mock.patch.object(module, "PLSRegression", standin.ColumnPLS):
        expected = quietly(theirs, X, y, *job.arguments)
    assert_allclose(quietly(ours, X, y, *job.arguments), expected, rtol=TOLERANCE)
    seconds = _timing.time_calls(
        {
            OURS: lambda: quietly(ours, X, y, *job.arguments),
            THEIRS: lambda: quietly(theirs, X, y, *job.arguments),
        },
        budget,
    )
    return _timing.summarise(f"{name}, {len(X)} × {X.shape[1]}", seconds, [OURS])


class Search(NamedTuple):
    """A search, and what is aimed at."""

    n_rows: int
    options: dict[str, Any]
    aim: str
    task: str = "regression"
    n_samples: int | None = None  # of mixtures; None for the spectra as they are


_FOUR_METHODS = ["importance", "spa", "uve", "uve_spa"]
_TREES = {
    "rf_n_trees_list": [100],
    "rf_max_depth_list": [None],
    "xgb_n_estimators_list": [100],
    "xgb_learning_rates": [0.1],
    "xgb_max_depths": [6],
    "lightgbm_n_estimators_list": [100],
    "lightgbm_learning_rates": [0.1],
    "lightgbm_num_leaves_list": [31],
    "catboost_iterations_list": [100],
    "catboost_learning_rates": [0.1],
    "catboost_depths": [6],
}
SEARCHES = {
    "quick": Search(3822, {"tier": "quick"}, "≤ 4 s"),
    "linear": Search(
        672,
        {
            "enabled_models": ["PLS", "Ridge", "Lasso", "ElasticNet"],
            "max_n_components": 4,
            "ridge_alphas_list": [1.0],
            "lasso_alphas_list": [0.1],
            "elasticnet_alphas_list": [0.1],
            "elasticnet_l1_ratios": [0.5],
            "preprocessing_methods": {"raw": True, "snv": True, "sg1": True, "deriv_snv": True},
            "variable_selection_methods": _FOUR_METHODS,
            "variable_counts": [10, 20],
        },
        "≤ 3 s",
    ),
    "trees": Search(
        168,
        {
            "enabled_models": ["RandomForest", "XGBoost", "LightGBM"],
            "preprocessing_methods": {"raw": True, "snv": True, "sg1": True},
            "window_sizes": [7],
            "variable_selection_methods": _FOUR_METHODS,
            "variable_counts": [10, 20],
            **_TREES,
        },
        "≥ 10 × default, ≥ 4 × serial",
    ),
    "catboost": Search(
        14,
        {
            "enabled_models": ["CatBoost"],
            "preprocessing_methods": {"snv": True},
            "variable_selection_methods": _FOUR_METHODS,
            "variable_counts": [10, 20],
            **_TREES,
        },
        "–",
    ),
    "classes": Search(
        72,
        {"preprocessing_methods": {"snv": True}, "variable_counts": [10, 20], **_TREES},
        "–",
        "classification",
    ),
    "methods": Search(
        384,
        {
            "tier": "quick",
            "models_to_test": ["PLS", "Ridge"],
            "preprocessing_methods": {"raw": True, "snv": True},
            "variable_selection_methods": [*_FOUR_METHODS, "ipls"],
            "variable_counts": [10, 20],
        },
        "≤ 3 s",
        n_samples=140,
    ),
}
#: Ours is run so many times, of which the median counts.
_REPEATS = 3
#: R² agrees within the second of these for models that iterate, within the first for others.
_EXACT, _ITERATED = 1e-6, 1e-3
#: The share of rows that ask PLS for more components than their derivatives hold, at most.
_BEYOND_RANK = 0.002


def searched_data(search: Search, X: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Return the spectra, or mixtures of pairs of them; and the values, or classes by tertiles."""
    if search.n_samples is not None:
        rng = np.random.default_rng(0)
        share = rng.random((search.n_samples, 1))
        first, second = rng.integers(len(X), size=(2, search.n_samples))
        values, reference = X.to_numpy(), y.to_numpy()[:, np.newaxis]
        mixed, targets = (
            share * each[first] + (1.0 - share) * each[second] for each in (values, reference)
        )
        return pd.DataFrame(mixed, columns=X.columns), pd.Series(targets[:, 0])
    if search.task == "classification":
        grade = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
        return X, pd.Series(grade).map(dict(enumerate(["low", "medium", "high"]))).astype(object)
    return X, y


def noise(*shape: int) -> np.ndarray:
    """Return the same numbers at each call: the application asks anew for each model."""
    return np.random.RandomState(0).randn(*shape)


def timed_search(search: Search, X: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, float]:
    """Return the table, and the seconds that it took."""
    run = standin.load("search").run_search
    with mock.patch.object(np.random, "randn", noise), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        table, _ = quietly(run, X, y, search.task, **search.options)
        return table.sort_index(), time.perf_counter() - start


def assert_agree(ours: pd.DataFrame, theirs: pd.DataFrame, y: pd.Series) -> None:
    """Raise an error unless the searches have the same rows with the same results."""
    for name in ("Model", "Params", "Preprocess", "SubsetTag", "all_vars", "top_vars"):
        assert (ours[name] == theirs[name]).all(), name
    if "R2" not in theirs:
        for name in ("Accuracy", "ROC_AUC"):
            assert_allclose(ours[name].astype(float), theirs[name].astype(float), atol=_EXACT)
        return
    iterated = theirs["Model"].isin(["Lasso", "ElasticNet"])
    difference = (ours["R2"] - theirs["R2"]).astype(float).abs()
    # Beyond, models are made of rounding errors.
    tame = theirs["RMSE"].astype(float) <= 10.0 * y.std()
    differs = tame & ~(difference <= np.where(iterated, _ITERATED, _EXACT))
    beyond_rank = (theirs["Model"] == "PLS") & theirs["Deriv"].notna()
    assert not (differs & ~beyond_rank).any(), theirs[differs & ~beyond_rank]
    assert differs.sum() <= _BEYOND_RANK * len(theirs), theirs[differs]


def bench_search(name: str, X: pd.DataFrame, y: pd.Series) -> str:
    """Time a search on each side, and return a row of `search_table`.

    The application is run once as it is, with processes for the folds of each fit, and once
    without them.
    """
    search = SEARCHES[name]
    X, y = searched_data(search, X, y)
    with mock.patch.object(standin.load("variable_selection"), "PLSRegression", standin.ColumnPLS):
        theirs, default = timed_search(search, X, y)
        alone = mock.Mock(return_value=joblib.Parallel(n_jobs=1))
        with mock.patch.object(standin.load("search"), "Parallel", alone):
            _, serial = timed_search(search, X, y)
    seconds = []
    with dropin.patched(THEIRS):
        for _ in range(_REPEATS):
            ours, took = timed_search(search, X, y)
            seconds.append(took)
    assert len(ours) == search.n_rows, len(ours)
    assert_agree(ours, theirs, y)
    own = float(np.median(seconds))
    return (
        f"| {name}, {len(X)} × {X.shape[1]} | {len(ours)} | {default:.1f} s | {serial:.1f} s "
        f"| {own:.1f} s ({min(seconds):.1f} to {max(seconds):.1f}) | {default / own:.1f} "
        f"| {serial / own:.1f} | {search.aim} |"
    )


def search_table(rows: list[str]) -> str:
    head = "| search | rows | application | serial | patched | × default | × serial | aim |"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return "\n".join([head, "| --- |" + 7 * " --- |", *rows, "", f"Load of the machine: {load}"])


def aims_table(records: list[dict[str, Any]]) -> str:
    """Format how many times as fast we are, beside the aims."""
    theirs = [each for each in records if each["call"] == THEIRS]
    lines = ["| function | times as fast | quartiles | aim |", "| --- | --- | --- | --- |"]
    for (name, job), record in zip(JOBS.items(), theirs, strict=True):
        ratio = record["ratio"][OURS]
        aim = f"≥ {job.least_ratio}" if job.least_ratio else "–"
        spread = f"{ratio['q25']:.1f} to {ratio['q75']:.1f}"
        lines.append(f"| {name} | {ratio['median']:.1f} | {spread} | {aim} |")
    return "\n".join(lines)


def main() -> None:
    parser = _timing.argument_parser("bench_dropin", __doc__)
    parser.add_argument(
        "--application", type=Path, metavar="FOLDER", help="holds the package spectral_predict"
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="spectra, as CSV")
    parser.add_argument("--target", default="collagen_pct", metavar="COLUMN")
    parser.add_argument(
        "--budget", type=float, default=10.0, metavar="SECONDS", help="for each job (default: 10)"
    )
    parser.add_argument(
        "--search",
        nargs="*",
        choices=SEARCHES,
        metavar="NAME",
        help=f"searches instead of functions, of minutes each: all, or {', '.join(SEARCHES)}",
    )
    arguments = parser.parse_args()
    if arguments.application is None or arguments.data is None:
        parser.error(
            "needs --application, the folder of the public repository makapania/dasp that holds "
            "spectral_predict, and --data, its example spectra or others as a table"
        )
    for folder, needed in ((arguments.application / THEIRS, "package"), (arguments.data, "table")):
        if not folder.exists():
            parser.error(f"there is no {needed} {folder}")
    spectra, values = read(arguments.data, arguments.target)
    X, y = np.ascontiguousarray(spectra.to_numpy()), values.to_numpy()
    spectral_fast.warm_up()
    with standin.on_path(arguments.application):
        if arguments.search is not None:
            rows = []
            for name in arguments.search or SEARCHES:
                rows.append(bench_search(name, spectra, values))
                print(f"done: {name}", flush=True)
            print(f"\n### Searches\n\n{search_table(rows)}")
            _timing.publish(arguments.json, searches=rows)
            return
        records = []
        for name in JOBS:
            records += bench_job(name, X, y, arguments.budget)
            print(f"done: {name}", flush=True)
    print(f"\n### Aims\n\n{aims_table(records)}")
    print(f"\n### Functions\n\n{_timing.markdown_table(records)}", flush=True)
    _timing.publish(arguments.json, timings=records)


if __name__ == "__main__":
    main()
