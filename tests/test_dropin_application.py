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
from threadpoolctl import threadpool_limits

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


#: What the searches have in common, so that they take little.
SMALL = {
    "preprocessing_methods": {"snv": True},
    "max_n_components": 3,
    "variable_counts": [5, 12],
    "spa_n_random_starts": 1,  # all starts are the same one
    "rf_n_trees_list": [3, 5],
    "rf_max_depth_list": [3],
    "xgb_n_estimators_list": [4, 6],
    "xgb_learning_rates": [0.3],
    "lightgbm_n_estimators_list": [4, 6],
    "lightgbm_learning_rates": [0.3],
    "lightgbm_num_leaves_list": [7],
    "catboost_iterations_list": [3, 5],
    "catboost_learning_rates": [0.3],
    "catboost_depths": [3],
    "mlp_hidden_layer_sizes_list": [(6,)],
    "n_estimators_list": [3],
    "learning_rates": [0.1],
    "neuralboosted_hidden_sizes": [3],
    "neuralboosted_activations": ["tanh"],
}
EVERY_METHOD = ["importance", "spa", "uve", "uve_spa", "ipls"]
NO_REGIONS = {"enable_region_subsets": False}
NO_SUBSETS = {"enable_variable_subsets": False}

#: Task and options by name. Those of `ORACLE` are also what the stand-in is compared on.
SEARCHES = {
    "regions": (
        "regression",
        {
            "models_to_test": ["PLS", "Ridge"],
            "preprocessing_methods": {"raw": True, "snv": True, "sg2": True},
            "ridge_alphas_list": [0.01, 1.0],
            "max_n_components": 2,
            "window_sizes": [8],
            **NO_SUBSETS,
        },
    ),
    "selections": (
        "regression",
        {
            "models_to_test": ["PLS", "RandomForest"],
            "preprocessing_methods": {"raw": True},
            "max_n_components": 2,
            "variable_counts": [5, 10],
            "variable_selection_methods": EVERY_METHOD,
            "analysis_wl_min": 1000,
            "analysis_wl_max": 1500,
            **NO_REGIONS,
        },
    ),
    "weights": (
        "regression",
        {"models_to_test": ["Ridge"], "imbalance_method": "rare_boost", **NO_REGIONS},
    ),
    "classes": (
        "classification",
        {
            "models_to_test": ["PLS-DA", "RandomForest"],
            "max_n_components": 2,
            "imbalance_method": "class_weight",
            "variable_counts": [5],
            **NO_REGIONS,
        },
    ),
    "quick tier": (
        "regression",
        {
            "tier": "quick",
            "preprocessing_methods": {"raw": True, "sg1": True, "deriv_snv": True},
            "window_sizes": [7, 9],
            "max_n_components": 2,
            "variable_penalty": 0,
            "complexity_penalty": 8,
            "n_top_regions": 7,
        },
    ),
    "linear models": (
        "regression",
        {
            "enabled_models": ["PLS", "Ridge", "Lasso", "ElasticNet"],
            "lasso_alphas_list": [0.001, 0.01],
            "elasticnet_alphas_list": [0.001],
            "variable_selection_methods": EVERY_METHOD,
            "uve_cutoff_multiplier": 0.8,
            "uve_n_components": 3,
            "ipls_n_intervals": 6,
            **NO_REGIONS,
        },
    ),
    "lists of linear models": (
        "regression",
        {
            "enabled_models": ["PLS", "Ridge", "Lasso", "ElasticNet"],
            "pls_max_iter_list": [100, 500],
            "pls_tol_list": [1e-6, 1e-4],
            "ridge_solver_list": ["auto", "svd", "cholesky"],
            "ridge_alphas_list": [0.01, 1.0],
            "lasso_alphas_list": [0.001],
            "lasso_selection_list": ["cyclic", "random"],
            "lasso_tol_list": [1e-5],
            "elasticnet_alphas_list": [0.01],
            "elasticnet_l1_ratios": [0.3, 0.9],
            "folds": 4,
            "total_samples_original": 99,
            "excluded_count": 2,
            "validation_count": 3,
        },
    ),
    "forests": (
        "regression",
        {
            "enabled_models": ["RandomForest"],
            "rf_max_depth_list": [None, 3],
            "rf_min_samples_leaf_list": [1, 3],
            "rf_max_features_list": ["sqrt", 0.5],
            "rf_bootstrap_list": [True, False],
            "variable_counts": [5],
            **NO_REGIONS,
        },
    ),
    "boosters": (
        "regression",
        {
            "enabled_models": ["XGBoost", "LightGBM", "CatBoost"],
            "xgb_subsample": [0.7, 1.0],
            "lightgbm_colsample_bytree_list": [0.5],
            "n_top_regions": 2,
        },
    ),
    "networks": (
        "regression",
        {"enabled_models": ["MLP", "NeuralBoosted"], "max_iter": 40, **NO_REGIONS},
    ),
    "support vectors": ("regression", {"enabled_models": ["SVR"], "analysis_wl_max": 1600}),
    "models of a tier": (
        "regression",
        {
            "tier": "comprehensive",
            "models_to_test": ["PLS", "Ridge", "LightGBM", "none such"],
            "preprocessing_methods": {},
            **NO_REGIONS,
        },
    ),
    "scatter": (
        "regression",
        {
            "enabled_models": ["PLS", "Ridge"],
            "interference_settings": {"msc": True, "osc": {"enabled": True, "n_components": 1}},
        },
    ),
    "binning": (
        "regression",
        {
            "enabled_models": ["Ridge", "RandomForest", "XGBoost"],
            "imbalance_method": "binning",
            "imbalance_params": {"n_bins": 4},
            **NO_REGIONS,
        },
    ),
    "balanced": (
        "regression",
        {"models_to_test": ["Ridge", "ElasticNet"], "imbalance_method": "balanced", **NO_REGIONS},
    ),
    "undersample": (
        "regression",
        {"models_to_test": ["PLS", "Ridge"], "imbalance_method": "undersample", **NO_REGIONS},
    ),
    "classes of trees": (
        "classification",
        {
            "enabled_models": ["PLS-DA", "RandomForest", "XGBoost", "LightGBM", "CatBoost"],
            "variable_selection_methods": ["importance", "ipls"],
            "n_top_regions": 1,
        },
    ),
    "classes of networks": (
        "classification",
        {
            "enabled_models": ["SVM", "MLP", "NeuralBoosted"],
            "max_iter": 10,
            **NO_SUBSETS,
            **NO_REGIONS,
        },
    ),
    "two classes": (
        "classification",
        {"models_to_test": ["PLS-DA", "PLS", "LightGBM"], "tier": "experimental", **NO_REGIONS},
    ),
    "weighted classes": (
        "classification",
        {
            "models_to_test": ["PLS-DA", "LightGBM"],
            "imbalance_method": "class_weight",
            "variable_counts": [5],
        },
    ),
}
ORACLE = ("regions", "selections", "weights", "classes")
NEEDS_IMBLEARN = ("undersample",)

#: Within what tolerance R² is to agree, by model; for all others it is the tighter one.
TOLERANCE = 1e-6
LOOSE = {"Lasso": 1e-3, "ElasticNet": 1e-3}


def labelled(spectra, task, n_classes=3):
    """Return the spectra with values, or labels as text."""
    X, y = spectra
    if task == "classification":
        limits = np.quantile(y, [0.3, 0.7][: n_classes - 1])
        y = pd.Series(np.digitize(y, limits)).map(dict(enumerate("abc"))).astype(object)
    return X, y


def searched(run, X, y, task, options):
    """Return the table, the encoder, and the events of a search."""
    events = []
    np.random.seed(0)  # noqa: NPY002
    table, encoder = run(X, y, task, progress_callback=events.append, **SMALL | options)
    return table, encoder, events


@pytest.fixture
def search(application, intended, monkeypatch):
    """Return the application's module, without processes, and with the same noise for all.

    Boosters that use all cores would wait for each other wherever these are busy.
    """
    module = application["search"]
    if "X_transformed" in module.run_search.__code__.co_names:
        pytest.skip("the names that its subsets lack are not repaired")
    monkeypatch.setattr(module, "Parallel", lambda **_: Parallel(n_jobs=1))
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setattr(
        np.random, "randn", lambda *shape: np.random.default_rng(1).standard_normal(shape)
    )
    with threadpool_limits(1):
        yield module


def assert_same_search(search, X, y, task, options):
    theirs, encoder, events = searched(search.run_search, X, y, task, options)
    with dropin.patched(standin.NAME):
        ours, own_encoder, own_events = searched(search.run_search, X, y, task, options)
    assert type(own_encoder) is type(encoder)
    for name in ("stage", "message", "current", "total"):
        assert [each[name] for each in own_events] == [each[name] for each in events]
    assert_same_table(ours, theirs, y)
    return ours


def assert_same_table(ours, theirs, y):
    assert list(ours.columns) == list(theirs.columns)
    in_our_order = theirs["CompositeScore"].reindex(ours.index).to_numpy(float)
    ours, theirs = ours.sort_index(), theirs.sort_index()
    tolerance = theirs["Model"].map(lambda model: LOOSE.get(model, TOLERANCE)).to_numpy()
    tame = np.full(len(theirs), True)
    if "RMSE" in theirs:
        tame = theirs["RMSE"].to_numpy(float) <= 10.0 * np.std(y)
    for name in ("RMSE", "R2", "Accuracy", "ROC_AUC"):
        if name in theirs:
            difference = np.abs(ours[name].to_numpy(float) - theirs[name].to_numpy(float))
            assert (difference <= tolerance)[tame].all()
    for name in theirs.columns.difference(NUMBERS):
        assert ours[name].map(str).tolist() == theirs[name].map(str).tolist(), name
    if "regional_rmse" in theirs:
        for one, other, same in zip(
            ours["regional_rmse"], theirs["regional_rmse"], tame, strict=True
        ):
            assert not same or one == pytest.approx(other, abs=1e-3, nan_ok=True)
    if tame.all():  # else they make all scores alike
        assert (np.diff(in_our_order) >= -tolerance.max()).all()


#: Columns that hold numbers which may differ by rounding, or follow from such.
NUMBERS = (
    *("RMSE", "R2", "Accuracy", "ROC_AUC", "regional_rmse", "CompositeScore", "Rank"),
    *("PerformanceScore", "VarPenalty", "CompPenalty", "ComplexityScore"),
)


@pytest.mark.parametrize("which", SEARCHES)
def test_the_search_is_the_applications(search, spectra, which):
    if which in NEEDS_IMBLEARN:
        pytest.importorskip("imblearn")
    task, options = SEARCHES[which]
    n_classes = 2 if which == "two classes" else 3
    assert_same_search(search, *labelled(spectra, task, n_classes), task, options)


@pytest.mark.parametrize(
    "method",
    [
        *("smote", "adasyn", "borderline_smote", "random_undersampler", "tomek_links"),
        *("smote_tomek", "smote_enn"),
    ],
)
def test_the_search_with_new_samples_is_the_applications(
    application, search, spectra, monkeypatch, method
):
    pytest.importorskip("imblearn")
    resampler = application["imbalance"].ClassificationResampler
    fit = resampler.fit

    def seeded_fit(self, X, y=None):
        np.random.seed(0)  # noqa: NPY002 - the seed among its parameters is lost in a clone
        return fit(self, X, y)

    monkeypatch.setattr(resampler, "fit", seeded_fit)
    options = {
        "models_to_test": ["PLS-DA", "LightGBM"],
        "imbalance_method": method,
        "variable_counts": [5],
        **NO_REGIONS,
    }
    assert_same_search(search, *labelled(spectra, "classification"), "classification", options)


def test_what_is_left_out_is_as_if_it_had_not_been_measured(search, spectra):
    """The application mislabels its channels, so the comparison is with spectra without them."""
    X, y = spectra
    wavelengths = X.columns.astype(float)
    out = (wavelengths >= 1100) & (wavelengths <= 1200)
    exclusion = {"wavelength_exclusion": {"enabled": True, "exclude_ranges": "1100-1200"}}
    options = {"enabled_models": ["PLS", "Ridge"], "max_n_components": 2}
    theirs, _, _ = searched(search.run_search, X.loc[:, ~out], y, "regression", options)
    with dropin.patched(standin.NAME):
        excluded = options | {"interference_settings": exclusion}
        ours, _, _ = searched(search.run_search, X, y, "regression", excluded)
    assert set(ours["full_vars"]) == {X.shape[1]}
    theirs, ours = theirs.sort_index(), ours.sort_index()
    for name in ("SubsetTag", "n_vars", "all_vars", "top_vars"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert_allclose(ours["R2"].astype(float), theirs["R2"].astype(float), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_n_components": 6, **NO_SUBSETS}, ValueError),  # more than a region has channels
        ({"imbalance_method": "binning", **NO_REGIONS}, TypeError),
    ],
)
def test_the_search_goes_on_where_the_applications_ends(search, spectra, options, error):
    both = {"enabled_models": ["PLS", "Ridge"]}
    with pytest.raises(error):
        searched(search.run_search, *spectra, "regression", options | both)
    with dropin.patched(standin.NAME):
        ours, _, _ = searched(search.run_search, *spectra, "regression", options | both)
    failed = ours[ours["Error"].notna()]
    assert set(failed["Model"]) == {"PLS"}
    assert failed["Error"].str.startswith(error.__name__).all()
    alone = options | {"enabled_models": ["Ridge"]}
    theirs, _, _ = searched(search.run_search, *spectra, "regression", alone)
    ridge = ours[ours["Model"] == "Ridge"].sort_index()
    assert_allclose(
        ridge["R2"].astype(float), theirs.sort_index()["R2"].astype(float), atol=TOLERANCE
    )


@pytest.mark.parametrize("which", ORACLE)
def test_the_oracle_searches_as_the_application_does(search, spectra, monkeypatch, which):
    """The stand-in's search, with the application's own models, scores and regions."""
    task, options = SEARCHES[which]
    X, y = labelled(spectra, task)
    path = Path(standin.__file__).parent / standin.NAME / "search.py"
    spec = importlib.util.spec_from_file_location(f"{standin.NAME}.oracle", path)
    oracle = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, oracle)
    spec.loader.exec_module(oracle)
    theirs, encoder, events = searched(search.run_search, X, y, task, options)
    ours, own_encoder, own_events = searched(oracle.run_search, X, y, task, options)
    assert type(own_encoder) is type(encoder)
    assert [each["current"] for each in own_events] == [each["current"] for each in events]
    assert_same_table(ours, theirs, y)
