"""Time random forests beside scikit-learn's.

Run ``python -m benchmarks.bench_forest``. Each forest is fitted to spectra and predicts new ones.
The predictions are compared to the last bit before anything is timed, and everything is compiled by
then.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

import spectral_fast
from benchmarks import _timing
from spectral_fast import kernels
from spectral_fast.datasets import make_spectra
from spectral_fast.model_selection.families import Matrix
from spectral_fast.model_selection.families._forest import ForestFamily

#: Samples and channels; a sixth of the samples is predicted.
SIZES = {
    "small": [(50, 20), (50, 2151)],
    "all": [(50, 20), (50, 2151), (200, 1000), (1000, 2000)],
}
N_TREES = 100
OURS = "spectral_fast"

#: Where scikit-learn takes minutes.
TOO_LONG = [("all channels", (1000, 2000))]


def forests() -> dict[str, Any]:
    """Return a model for each kind of forest."""
    common: dict[str, Any] = {"n_estimators": N_TREES, "random_state": 0, "n_jobs": 1}
    return {
        "all channels": RandomForestRegressor(max_features=1.0, **common),
        "√p channels": RandomForestRegressor(max_features="sqrt", **common),
        "√p channels, 3 classes": RandomForestClassifier(max_features="sqrt", **common),
    }


def data(n_samples: int, n_channels: int, is_classes: bool) -> Matrix:
    """Return spectra with one target, of which the last sixth is held out."""
    spectra = make_spectra(n_samples, n_channels, random_state=0)
    y = spectra.target[:, 0]
    if is_classes:
        y = np.argsort(np.argsort(y)) * 3 // n_samples
    rows = np.arange(n_samples)
    train, test = np.split(rows, [n_samples - n_samples // 6])
    return Matrix(spectra.data, y, [(train, test)], 3 if is_classes else 0)


def ours(forest: Any, matrix: Matrix) -> np.ndarray:
    """Return what the search's forest says of the held-out samples."""
    return np.asarray(ForestFamily().predict(forest, [{}], matrix)[0])


def ours_alone(forest: Any, matrix: Matrix) -> np.ndarray:
    """Return the same, computed by one thread, as in a search with several workers."""
    with kernels.thread_limit(1):
        return ours(forest, matrix)


def theirs(forest: Any, matrix: Matrix) -> np.ndarray:
    """Return the same of scikit-learn's."""
    [(train, test)] = matrix.splits
    forest.fit(matrix.X[train], matrix.y[train])
    if not matrix.n_classes:
        return forest.predict(matrix.X[test])[:, np.newaxis]
    return np.column_stack([forest.predict(matrix.X[test]), forest.predict_proba(matrix.X[test])])


def bench(
    name: str, forest: Any, sizes: list[tuple[int, int]], budget: float
) -> list[dict[str, Any]]:
    """Time one kind of forest at each size."""
    records = []
    for size in sizes:
        if (name, size) in TOO_LONG:
            continue
        matrix = data(*size, isinstance(forest, RandomForestClassifier))
        on_all_cores = clone(forest).set_params(n_jobs=-1)
        calls = {
            OURS: partial(ours, forest, matrix),
            "spectral_fast, 1 thread": partial(ours_alone, forest, matrix),
            "scikit-learn, n_jobs=1": partial(theirs, forest, matrix),
            "scikit-learn, n_jobs=-1": partial(theirs, on_all_cores, matrix),
        }
        expected = theirs(forest, matrix)
        assert_array_equal(ours(forest, matrix), expected)
        # Its threads add the trees up in any order.
        assert_allclose(theirs(on_all_cores, matrix), expected, rtol=1e-12)
        case = f"{size[0]} × {size[1]}"
        records += _timing.summarise(case, _timing.time_calls(calls, budget), [OURS])
    return records


def main() -> None:
    parser = _timing.argument_parser("bench_forest", __doc__)
    parser.add_argument("--sizes", choices=list(SIZES), default="all")
    parser.add_argument(
        "--budget", type=float, default=10.0, metavar="SECONDS", help="for each size (default: 10)"
    )
    arguments = parser.parse_args()
    spectral_fast.warm_up()
    tables = {}
    for name, forest in forests().items():
        title = f"{N_TREES} trees, {name}"
        tables[title] = bench(name, forest, SIZES[arguments.sizes], arguments.budget)
        print(f"\n### {title}\n\n{_timing.markdown_table(tables[title])}", flush=True)
    _timing.publish(arguments.json, timings=tables)


if __name__ == "__main__":
    main()
