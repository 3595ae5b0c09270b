"""Time cross-validated PLS beside ikpls' fast cross-validation, pls4all and scikit-learn.

Run ``python -m benchmarks.bench_pls``. All packages predict the same held-out
samples, ours and ikpls with 1 to A components, the others with A alone.
Predictions are compared before anything is timed.
"""

import contextlib
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from ikpls.fast_cross_validation.numpy import PLS as IkplsPLS
from numpy.testing import assert_allclose
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression
from sklearn.model_selection import KFold, LeaveOneOut

import spectral_fast
from benchmarks import _timing
from spectral_fast.cross_decomposition import pls_cross_val_predict, pls_resample_coef
from spectral_fast.datasets import make_spectra

try:
    from pls4all.sklearn import PLSRegression as Pls4allPLSRegression
except ImportError:  # it has no wheels for some platforms
    Pls4allPLSRegression = None

OURS = "spectral_fast"
FLOOR = "its matrix products alone"
#: Elements of X above which only the fastest rival is timed: the others take minutes.
SLOW_SIZE = 2_000_000
#: (n_samples, n_channels, folds or None for leave-one-out, components)
CASES = {
    "small": [(50, 2151, 5, 10), (200, 1000, 10, 20), (2000, 100, 10, 20)],
    "all": [
        (50, 2151, 5, 10),
        (200, 1000, 10, 20),
        (500, 2000, 10, 20),
        (200, 1000, None, 20),
        (2000, 100, 10, 20),
        (2000, 1000, 10, 20),
        (20000, 1000, 10, 20),
    ],
}
RESAMPLES, RESAMPLE_COMPONENTS = 500, 10
#: A loop over resamples is timed on so many, and multiplied.
LOOPED = 20

#: Largest difference of RMSECV, relative; the last components fit noise.
TOLERANCE = 1e-6

Calls = dict[str, Callable[[], Any]]


def rmsecv(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(((predictions - y) ** 2).mean(axis=-1))


def one_fit_a_fold(model: Any, X: np.ndarray, y: np.ndarray, splits: list) -> np.ndarray:
    predictions = np.empty(len(y))
    for train, test in splits:
        predictions[test] = np.ravel(model.fit(X[train], y[train]).predict(X[test]))
    return predictions


def ikpls(
    X: np.ndarray, y: np.ndarray, folds: np.ndarray, n_components: int, algorithm: int, n_jobs: int
) -> np.ndarray:
    """Return the RMSECV for each number of components."""
    model = IkplsPLS(algorithm=algorithm, scale_X=False, scale_Y=False)

    def press(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return ((predicted - measured) ** 2).sum(axis=(1, 2))

    with contextlib.redirect_stdout(io.StringIO()):
        found = model.cross_validate(X, y, n_components, folds, press, n_jobs=n_jobs, verbose=0)
    return np.sqrt(sum(found.values()) / len(y))


def products(X: np.ndarray, n_folds: int, n_components: int) -> None:
    """Do the multiplications without which no such algorithm gets by, and nothing else."""
    n, p = X.shape
    V = np.ones((n_folds, n))
    # Products of square matrices count half, as they run at twice the speed.
    by_gram = n * n * p / 4 + n_folds * n * n * n_components / 2
    by_covariance = n * p * p / 4 + 7 * n_folds * p * p * n_components
    directly = 2 * n_folds * n * p * n_components
    if by_gram < min(by_covariance, directly):
        K = X @ X.T
        for _ in range(n_components):
            V @ K
    elif by_covariance < directly and n > n_folds * p / 2:
        C = X.T @ X
        w = np.ones(p)
        for _ in range(n_folds * n_components):
            C @ w
    else:
        for _ in range(n_components):
            (V @ X) @ X.T


def bench_case(
    n_samples: int, n_channels: int, n_folds: int | None, n_components: int, budget: float
) -> list[dict[str, Any]]:
    spectra = make_spectra(n_samples, n_channels, n_components=8, noise=1e-3, random_state=0)
    X, y = spectra.data, spectra.target[:, 0]
    cv = KFold(n_folds, shuffle=True, random_state=0) if n_folds else LeaveOneOut()
    splits = list(cv.split(X))
    folds = np.empty(n_samples, dtype=int)
    for number, (_, test) in enumerate(splits):
        folds[test] = number

    calls: Calls = {
        OURS: partial(pls_cross_val_predict, X, y, n_components, cv=splits),
        FLOOR: partial(products, X, len(splits), n_components),
    }
    if n_samples > n_channels:
        calls["ikpls algorithm 2"] = partial(ikpls, X, y, folds, n_components, 2, 1)
    if X.size <= SLOW_SIZE:
        calls["ikpls algorithm 1"] = partial(ikpls, X, y, folds, n_components, 1, 1)
        calls["ikpls algorithm 1, all cores"] = partial(ikpls, X, y, folds, n_components, 1, -1)
        models = {"scikit-learn": SklearnPLSRegression(n_components, scale=False)}
        if Pls4allPLSRegression is not None:
            models["pls4all"] = Pls4allPLSRegression(n_components, scale_x=False)
        for name, model in models.items():
            calls[f"{name}, A components"] = partial(one_fit_a_fold, model, X, y, splits)

    expected = rmsecv(calls[OURS](), y)
    for name, call in calls.items():
        if name.startswith("ikpls"):
            assert_allclose(call(), expected, rtol=TOLERANCE)
        elif name not in (OURS, FLOOR):
            assert_allclose(rmsecv(call(), y), expected[-1], rtol=TOLERANCE)
    case = f"{n_samples} × {n_channels}, {f'{n_folds} folds' if n_folds else 'leave-one-out'}"
    return _timing.summarise(f"{case}, A={n_components}", _timing.time_calls(calls, budget), [OURS])


def bench_resamples(budget: float) -> list[dict[str, Any]]:
    spectra = make_spectra(200, 1000, n_components=8, noise=1e-3, random_state=0)
    X, y = spectra.data, spectra.target[:, 0]
    masks = np.zeros((RESAMPLES, 200), dtype=bool)
    rng = np.random.default_rng(0)
    for mask in masks:
        mask[rng.choice(200, 150, replace=False)] = True

    def loop() -> np.ndarray:
        return np.array(
            [
                SklearnPLSRegression(RESAMPLE_COMPONENTS, scale=False).fit(X[m], y[m]).coef_[0]
                for m in masks[:LOOPED]
            ]
        )

    calls: Calls = {
        OURS: partial(pls_resample_coef, X, y, RESAMPLE_COMPONENTS, masks),
        "scikit-learn": loop,
    }
    expected = loop()
    atol = TOLERANCE * np.abs(expected).max()
    assert_allclose(calls[OURS]()[:LOOPED], expected, rtol=0, atol=atol)
    seconds = _timing.time_calls(calls, budget)
    seconds["scikit-learn"] *= RESAMPLES / LOOPED
    case = f"{RESAMPLES} resamples, 200 × 1000, A={RESAMPLE_COMPONENTS}"
    return _timing.summarise(case, seconds, [OURS])


def main() -> None:
    parser = _timing.argument_parser("bench_pls", __doc__)
    parser.add_argument("--sizes", choices=list(CASES), default="all")
    parser.add_argument(
        "--budget", type=float, default=20.0, metavar="SECONDS", help="for each size (default: 20)"
    )
    arguments = parser.parse_args()
    spectral_fast.warm_up()
    tables = {}
    records = []
    for case in CASES[arguments.sizes]:
        records += bench_case(*case, arguments.budget)
        print(f"done: {records[-1]['case']}", flush=True)
    tables["Cross-validated PLS, one target"] = records
    tables["Coefficients of Monte-Carlo resamples"] = bench_resamples(arguments.budget)
    for title, each in tables.items():
        print(f"\n### {title}\n\n{_timing.markdown_table(each)}", flush=True)
    _timing.publish(arguments.json, timings=tables)


if __name__ == "__main__":
    main()
