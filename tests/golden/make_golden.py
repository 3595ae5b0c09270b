"""Write the golden files: what scikit-learn, scipy and NumPy give on parts of the bundled spectra.

Run as ``python -m tests.golden.make_golden`` from the root of the repository. Each file
holds its inputs, its outputs and, as ``about``, the seed and versions it was made with.
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.signal import savgol_filter
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import KFold, LeaveOneOut

from tests.reference import cars as cars_twin
from tests.reference import covsel as covsel_twin
from tests.reference import importance as importance_twin
from tests.reference import intervals as intervals_twin
from tests.reference import random_frog as random_frog_twin
from tests.reference import spa as spa_twin
from tests.reference import uve as uve_twin

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "spectral_fast" / "datasets" / "data"
SEED = 20240601

N_COMPONENTS = 5
ARRAYS = (
    "x_weights_", "y_weights_", "x_loadings_", "y_loadings_", "x_scores_", "y_scores_",
    "x_rotations_", "y_rotations_", "coef_", "intercept_", "n_iter_",
)  # fmt: skip

#: Channels between two starts of SPA, and the longest chains.
SPA_STEP = 5
SPA_MOST = 12

MODES = ("interp", "mirror", "nearest", "constant", "wrap")
#: window_length, polyorder, deriv, delta, cval
FILTERS = {
    "smooth": (15, 2, 0, 1.0, 0.0),
    "first": (15, 2, 1, 1.0, 1.5),
    "second": (9, 3, 2, 2.0, -1.0),
    "widest": (19, 4, 1, -0.5, 0.3),
}


def table(name, n_targets):
    """Return the spectra and targets of a bundled table."""
    values = np.loadtxt(DATA / name, delimiter=",", skiprows=1)
    return values[:, n_targets:], values[:, :n_targets]


def about():
    """Return what a file is made with."""
    return (
        f"seed {SEED}; numpy {np.__version__}; scipy {scipy.__version__}; "
        f"scikit-learn {sklearn.__version__}; python {platform.python_version()}"
    )


def save(name, **arrays):
    """Write one file of arrays, with what it was made with."""
    np.savez_compressed(HERE / f"{name}.npz", about=about(), **arrays)


def save_numbers(name, **numbers):
    """Write one file of a few numbers, with what it was made with."""
    text = json.dumps({"about": about(), **numbers}, indent=1)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def pls(name, X, Y):
    """Fit scikit-learn's PLSRegression both ways, to all targets and to the first alone."""
    arrays = {"X": X, "Y": Y}
    for n_targets in {1, Y.shape[1]}:
        for scale in (True, False):
            model = PLSRegression(N_COMPONENTS, scale=scale).fit(X, Y[:, :n_targets])
            for array in ARRAYS:
                arrays[f"{n_targets}/{scale}/{array}"] = np.asarray(getattr(model, array))
    save(name, **arrays)


def rows(name, X):
    """Filter and correct rows; a noisy and stretched copy makes the scatter worth correcting."""
    rng = np.random.default_rng(SEED)
    X = X * rng.uniform(0.5, 2.0, (len(X), 1)) + rng.normal(size=(len(X), 1))
    X += 0.01 * rng.normal(size=X.shape)
    arrays = {"X": X, "snv": (X - X.mean(axis=1)[:, None]) / X.std(axis=1)[:, None]}
    for average in ("mean", "median"):
        reference = getattr(np, average)(X, axis=0)
        slopes, offsets = np.polyfit(reference, X.T, 1)
        arrays[f"msc/{average}"] = (X - offsets[:, None]) / slopes[:, None]
    for label, (window, polyorder, deriv, delta, cval) in FILTERS.items():
        for mode in MODES:
            arrays[f"savgol/{label}/{mode}"] = savgol_filter(
                X, window, polyorder, deriv=deriv, delta=delta, mode=mode, cval=cval
            )
    save(name, **arrays)


def selection_data():
    """Return the spectra and the target (fat, octane) that the selectors are compared on."""
    tecator, contents = table("tecator.csv", 3)
    gasoline, octane = table("gasoline.csv", 1)
    return {"tecator": (tecator, contents[:, 1:2]), "gasoline": (gasoline, octane)}


def selection_folds(X):
    """Return the folds that the selectors are cross-validated with."""
    return list(KFold(5, shuffle=True, random_state=0).split(X))


def importance():
    """Rank the channels by a PLS model of five components; RMSECV of the best of them."""
    twins = {
        "VIP": importance_twin.vip,
        "CoefficientMagnitude": importance_twin.coefficient_magnitude,
        "SelectivityRatio": importance_twin.selectivity_ratio,
    }
    numbers = {}
    for data, (X, Y) in selection_data().items():
        sizes = np.unique(np.geomspace(1, X.shape[1], 30).round().astype(int))
        for label, twin in twins.items():
            importances, selected = twin(X, Y, 5)
            order = np.argsort(-importances, kind="stable")
            rmsecv = importance_twin.rmsecv(X, Y, order, sizes, 5, selection_folds(X))
            numbers[f"{data}/{label}"] = {
                "selected": selected.tolist(),
                "sizes": sizes.tolist(),
                "rmsecv": rmsecv.tolist(),
            }
    save_numbers("importance", **numbers)


def covsel():
    """Choose 30 channels by their covariance; RMSECV of linear regression on the first of them."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        order, _ = covsel_twin.covsel(X, Y, 30)
        rmsecv = covsel_twin.rmsecv(X, Y, order, selection_folds(X))
        numbers[data] = {"order": order.tolist(), "rmsecv": rmsecv.tolist()}
    save_numbers("covsel", **numbers)


def uve():
    """Compare coefficients with those of noise, and over random training sets, by twins."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        cv = KFold(10) if data == "tecator" else LeaveOneOut()
        selected, _, _, cutoff = uve_twin.uve(X, Y, [train for train, _ in cv.split(X)], 5)
        numbers[f"{data}/UVE"] = {"selected": selected, "cutoff": cutoff}
        n, p = X.shape
        sizes = np.unique(np.geomspace(1, p, 30).round().astype(int))
        draws = uve_twin.draws(n, 50, round(0.75 * n))
        _, order, rmsecv = uve_twin.mcuve(X, Y, draws, 5, sizes, selection_folds(X))
        numbers[f"{data}/MCUVE"] = {
            "order": order,
            "sizes": sizes.tolist(),
            "rmsecv": rmsecv.tolist(),
        }
        subsets, rmsecv = spa_twin.spa(X[:, selected], Y, selection_folds(X), 1, 6)[3:]
        numbers[f"{data}/UVESPA"] = {
            "subsets": [[selected[j] for j in subset] for subset in subsets.values()],
            "sizes": list(rmsecv),
            "rmsecv": list(rmsecv.values()),
        }
    save_numbers("uve", **numbers)


def spa():
    """Choose channels by successive projections from every fifth channel."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        starts = range(0, X.shape[1], SPA_STEP)
        selected, _, _, subsets, rmsecv = spa_twin.spa(
            X, Y, selection_folds(X), 1, SPA_MOST, starts
        )
        numbers[data] = {
            "selected": np.sort(selected).tolist(),
            "subsets": [[int(channel) for channel in subset] for subset in subsets.values()],
            "rmsecv": list(rmsecv.values()),
        }
    save_numbers("spa", **numbers)


def intervals():
    """Add intervals one by one, by the RMSECV of up to ten components."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        cut, splits = intervals_twin.cut(X.shape[1], 20), selection_folds(X)
        _, single = intervals_twin.interval_pls(X, Y, splits, cut, "single")
        _, path = intervals_twin.interval_pls(X, Y, splits, cut, "forward")
        numbers[data] = {
            "interval_rmsecv": [rmsecv for _, rmsecv, _ in sorted(single)],
            "rmsecv_full": intervals_twin.pls_rmsecv(X, Y, splits, 10)[0],
            "path": [chosen for chosen, _, _ in path],
            "rmsecv": [rmsecv for _, rmsecv, _ in path],
        }
    save_numbers("intervals", **numbers)


def cars():
    """Let channels compete for 50 runs."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        splits, random_state = selection_folds(X), np.random.RandomState(0)
        runs, rmsecv, winner = cars_twin.cars(X, Y, splits, random_state)
        numbers[data] = {
            "sizes": [len(run) for run in runs],
            "rmsecv": rmsecv,
            "selected": runs[winner],
        }
    save_numbers("cars", **numbers)


def random_frog():
    """Walk 30 steps with up to five components; the ten channels that were there most often."""
    numbers = {}
    for data, (X, Y) in selection_data().items():
        subsets, rmsecv = random_frog_twin.random_frog(
            X,
            Y,
            selection_folds(X),
            np.random.RandomState(0),
            max_components=5,
            n_iterations=30,
        )
        visits = np.array([sum(j in subset for subset in subsets) for j in range(X.shape[1])])
        numbers[data] = {
            "sizes": [len(subset) for subset in subsets],
            "rmsecv": rmsecv,
            "selected": sorted(np.argsort(-visits, kind="stable")[:10].tolist()),
        }
    save_numbers("random_frog", **numbers)


def main():
    """Write every file."""
    tecator, contents = table("tecator.csv", 3)
    gasoline, octane = table("gasoline.csv", 1)
    pls("pls_tecator_tall", tecator[::5, ::5], contents[::5])
    pls("pls_tecator_wide", tecator[::12, ::2], contents[::12])
    pls("pls_gasoline", gasoline[::4, ::10], octane[::4])
    rows("rows_tecator", tecator[::36, ::5])
    rows("rows_gasoline", gasoline[::10, ::10])
    importance()
    covsel()
    uve()
    spa()
    intervals()
    cars()
    random_frog()


if __name__ == "__main__":
    main()
