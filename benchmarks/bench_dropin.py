"""Time the drop-in's functions beside those of the application `spectral_predict`.

Run ``python -m benchmarks.bench_dropin --application FOLDER --data FILE``. FOLDER holds the
application's package (`src` of its repository); FILE is a table with a row for each sample, the
reference values in one column, and one column for each channel that is named by its wavelength.
Both sides get the same spectra, and their results are compared before anything is timed. The
application's elimination of uninformative variables is compared as it was meant: it reads the
coefficients in a layout that scikit-learn has given up.
"""

import contextlib
import io
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


def bench_search(spectra: pd.DataFrame, y: pd.Series) -> str:
    """Time one search of the quick tier on each side, and format it.

    The application is timed without the processes that it starts for each fit, which cost it
    more than they give.
    """
    search = standin.load("search")
    serial = mock.patch.object(search, "Parallel", return_value=joblib.Parallel(n_jobs=1))
    with serial, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        theirs, _ = quietly(search.run_search, spectra, y, "regression", 5, tier="quick")
        their_seconds = time.perf_counter() - start
    with dropin.patched(THEIRS):
        start = time.perf_counter()
        ours, _ = quietly(search.run_search, spectra, y, "regression", 5, tier="quick")
        our_seconds = time.perf_counter() - start
    theirs, ours = theirs.sort_index(), ours.sort_index()
    # Beyond, models are made of rounding errors.
    tame = (theirs["RMSE"].astype(float) <= 10.0 * y.std()) & (theirs["Model"] != "PLS")
    for name in ("R2", "RMSE"):
        expected = theirs.loc[tame, name].astype(float)
        assert_allclose(ours.loc[tame, name].astype(float), expected, atol=1e-3)
    assert (theirs["all_vars"] == ours["all_vars"]).all()
    return (
        f"run_search, quick tier, {len(ours)} rows: application {their_seconds:.1f} s, patched "
        f"{our_seconds:.1f} s, {their_seconds / our_seconds:.1f} times as fast"
    )


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
    parser.add_argument("--search", action="store_true", help="also a search, of minutes")
    arguments = parser.parse_args()
    if arguments.application is None or arguments.data is None:
        parser.error(
            "needs --application, the folder of the public repository makapania/dasp that holds "
            "spectral_predict, and --data, its example spectra or others as a table"
        )
    spectra, values = read(arguments.data, arguments.target)
    X, y = np.ascontiguousarray(spectra.to_numpy()), values.to_numpy()
    spectral_fast.warm_up()
    records = []
    with standin.on_path(arguments.application):
        for name in JOBS:
            records += bench_job(name, X, y, arguments.budget)
            print(f"done: {name}", flush=True)
        if arguments.search:
            print(f"\n### Search\n\n{bench_search(spectra, values)}", flush=True)
    print(f"\n### Aims\n\n{aims_table(records)}")
    print(f"\n### Functions\n\n{_timing.markdown_table(records)}", flush=True)
    _timing.publish(arguments.json, timings=records)


if __name__ == "__main__":
    main()
