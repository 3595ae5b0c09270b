"""The drop-in, and the stand-in that it is tested with, beside `spectral_predict` itself.

Runs only where SPECTRAL_PREDICT_SRC names the folder that holds the application's package.
"""

import importlib.util
import os
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel
from numpy.testing import assert_allclose, assert_array_equal

from spectral_fast import dropin
from spectral_fast.datasets import load_gasoline
from tests import standin

SOURCE = os.environ.get("SPECTRAL_PREDICT_SRC")
pytestmark = [
    pytest.mark.skipif(SOURCE is None, reason="SPECTRAL_PREDICT_SRC is not set"),
    pytest.mark.filterwarnings("ignore"),  # the application's own
]

EVERY_MODULE = (*standin.MODULES, "model_config", "neural_boosted")
SELECTIONS = {
    "uve_selection": {},
    "get_uve_threshold": {"cutoff_multiplier": 0.8},
    "spa_selection": {"n_features": 12},
    "ipls_selection": {},
    "uve_spa_selection": {"n_features": 6},
}


@pytest.fixture(scope="module", autouse=True)
def application():
    with standin.on_path(SOURCE), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield {module: standin.load(module) for module in EVERY_MODULE}
        dropin.unpatch(standin.NAME)


@pytest.fixture
def intended(application, monkeypatch):
    """Let the application's elimination see the coefficient of each channel."""
    monkeypatch.setattr(application["variable_selection"], "PLSRegression", standin.ColumnPLS)


@pytest.fixture
def spectra():
    gasoline = load_gasoline()
    wavelengths = [f"{each:.1f}" for each in gasoline.wavelengths[::8]]
    return pd.DataFrame(gasoline.data[:, ::8], columns=wavelengths), pd.Series(gasoline.target)


def contents(modules):
    return {
        (module, name): value
        for module, found in modules.items()
        for name, value in vars(found).items()
    }


@pytest.mark.parametrize("quirks", ["keep", "fix"])
def test_unpatching_leaves_every_module_as_it_was(application, quirks):
    before = contents(application)
    for _ in range(2):
        with dropin.patched(standin.NAME, quirks=quirks):
            assert any(before[key] is not value for key, value in contents(application).items())
        assert all(before[key] is value for key, value in contents(application).items())


@pytest.mark.parametrize("name", SELECTIONS)
def test_selections_equal_the_applications(application, intended, spectra, name):
    X, y = spectra
    module = application["variable_selection"]
    results = []
    theirs = getattr(module, name)
    with dropin.patched(standin.NAME):
        ours = getattr(module, name)
    for select in (theirs, ours):
        np.random.seed(0)  # noqa: NPY002
        found = select(X.to_numpy(), y.to_numpy(), **SELECTIONS[name])
        results.append(found if isinstance(found, tuple) else (found,))
    assert theirs is not ours
    for one, other in zip(*results, strict=True):
        assert_allclose(other, one, rtol=1e-8)


def test_preprocessing_equals_the_applications(application, spectra):
    X = spectra[0].to_numpy()
    build = application["preprocess"].build_preprocessing_pipeline
    for name in ("raw", "snv", "deriv", "snv_deriv", "deriv_snv"):
        for deriv, window in ((1, 7), (1, 10), (2, 19)):
            found = []
            for patched in (False, True):
                if patched:
                    dropin.patch(standin.NAME)
                steps = build(name, deriv, window, deriv + 1)
                dropin.unpatch(standin.NAME)
                treated = X
                for _, step in steps:
                    treated = step.fit(treated).transform(treated)
                found.append(treated)
            assert_allclose(found[1], found[0], rtol=1e-8, atol=1e-10 * np.abs(found[0]).max())


def test_pickles_load_with_and_without_the_patch(application, spectra):
    X = spectra[0].to_numpy()
    preprocess = application["preprocess"]
    theirs = preprocess.SavgolDerivative(2, 9)
    old = pickle.dumps(theirs)
    with dropin.patched(standin.NAME):
        ours = preprocess.SavgolDerivative(2, 9)
        data = pickle.dumps(ours)
        assert type(pickle.loads(old)) is type(ours) is preprocess.SavgolDerivative
    loaded = pickle.loads(data)
    assert type(loaded) is type(theirs)
    assert_array_equal(loaded.transform(X), theirs.transform(X))


SEARCHES = {
    "regions": (
        "regression",
        {
            "models_to_test": ["PLS", "Ridge"],
            "preprocessing_methods": {"raw": True, "snv": True, "sg2": True},
            "ridge_alphas_list": [0.01, 1.0],
            "max_n_components": 2,
            "window_sizes": [8],
            "enable_variable_subsets": False,
        },
    ),
    "selections": (
        "regression",
        {
            "models_to_test": ["PLS", "RandomForest"],
            "preprocessing_methods": {"raw": True},
            "max_n_components": 2,
            "rf_n_trees_list": [5],
            "rf_max_depth_list": [3],
            "variable_counts": [5, 10],
            "variable_selection_methods": ["importance", "spa", "uve", "uve_spa", "ipls"],
            "enable_region_subsets": False,
            "analysis_wl_min": 1000,
            "analysis_wl_max": 1500,
        },
    ),
    "weights": (
        "regression",
        {
            "models_to_test": ["Ridge"],
            "ridge_alphas_list": [0.1],
            "preprocessing_methods": {"snv": True},
            "imbalance_method": "rare_boost",
            "variable_counts": [5],
            "enable_region_subsets": False,
        },
    ),
    "classes": (
        "classification",
        {
            "models_to_test": ["PLS-DA", "RandomForest"],
            "rf_n_trees_list": [5],
            "rf_max_depth_list": [3],
            "max_n_components": 2,
            "preprocessing_methods": {"snv": True},
            "imbalance_method": "class_weight",
            "variable_counts": [5],
            "enable_region_subsets": False,
        },
    ),
}


@pytest.mark.parametrize("which", SEARCHES)
def test_the_oracle_searches_as_the_application_does(
    application, intended, spectra, monkeypatch, which
):
    """The stand-in's search, with the application's own models, scores and regions."""
    search = application["search"]
    task, options = SEARCHES[which]
    subsets = options.get("enable_variable_subsets", True)
    if subsets and "X_transformed" in search.run_search.__code__.co_names:
        pytest.skip("the names that its subsets lack are not repaired")
    X, y = spectra
    if task == "classification":
        y = pd.Series(np.digitize(y, np.quantile(y, [0.3, 0.7]))).map(dict(enumerate("abc")))
        y = y.astype(object)
    monkeypatch.setattr(search, "Parallel", lambda **_: Parallel(n_jobs=1))
    path = Path(standin.__file__).parent / standin.NAME / "search.py"
    spec = importlib.util.spec_from_file_location(f"{standin.NAME}.oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, oracle)
    spec.loader.exec_module(oracle)

    tables, encoders, events = [], [], []
    for run in (search.run_search, oracle.run_search):
        np.random.seed(0)  # noqa: NPY002
        events.append([])
        table, encoder = run(X, y, task, progress_callback=events[-1].append, **options)
        tables.append(table)
        encoders.append(encoder)
    theirs, ours = tables
    assert list(ours.columns) == list(theirs.columns)
    assert type(encoders[0]) is type(encoders[1])
    assert [each["current"] for each in events[0]] == [each["current"] for each in events[1]]
    pd.testing.assert_frame_equal(
        plain(ours), plain(theirs), rtol=1e-8, atol=1e-10, check_dtype=False
    )


def plain(table):
    """Return the rows in the order of evaluation, numbers as such and the rest as text."""
    table = table.sort_index()
    quartiles = table.pop("regional_rmse") if "regional_rmse" in table else []
    table = table.drop(columns="y_quartiles", errors="ignore").astype(object)
    for number, errors in enumerate(quartiles):
        for name, error in errors.items():
            table.loc[number, name] = error
    return table.map(lambda each: each if isinstance(each, int | float) else str(each))
