"""The grid language: names, grids and presets, and the errors of those who mistype them."""

import itertools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from spectral_fast.cross_decomposition import PLSDA
from spectral_fast.feature_selection import SPA, UVESPA, VIP, CovSel
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._grid import (
    MODELS,
    PREPROCESSING,
    PRESETS,
    SELECTORS,
    expand_grid,
    expand_models,
    expand_preprocessing,
    expand_selectors,
)
from spectral_fast.model_selection._plan import Plan
from spectral_fast.model_selection.families import FAMILIES
from spectral_fast.preprocessing import SNV, SavitzkyGolay

TASKS = ("regression", "classification")
DOCS = Path(__file__).parents[1] / "docs" / "grid.md"

unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each_model = pytest.mark.parametrize("name", MODELS)
each_task = pytest.mark.parametrize("task", TASKS)
each_preset = pytest.mark.parametrize("grid", PRESETS)


def spectra(task="regression"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 12)).cumsum(axis=1)
    y = X[:, 3] - 0.5 * X[:, 9] + 0.1 * rng.normal(size=24)
    return X, y if task == "regression" else (y > np.median(y)).astype(int)


def models(given, task="regression", max_components=50, random_state=0):
    return expand_models(given, task=task, max_components=max_components, random_state=random_state)


def preset(grid, task="regression", n_samples=40, n_channels=300, **given):
    return expand_grid(grid, task=task, n_samples=n_samples, n_channels=n_channels, **given)


def step_names(given):
    return [(each.name, [name for name, _ in each.steps]) for each in expand_preprocessing(given)]


def sizes(given, n_features, n_channels=300, **parameters):
    found = expand_selectors(given, n_features, n_channels, **parameters)
    return [(each.name, each.sizes) for each in found]


# --- preprocessing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("snv", [("snv", ["snv"])]),
        (("raw", "snv + sg1"), [("raw", []), ("snv+sg1", ["snv", "sg1"])]),
        (["raw+msc"], [("raw+msc", ["msc"])]),
        (["sg1+sg1"], [("sg1+sg1", ["sg1", "sg1-2"])]),
        (["snv+sg2w19"], [("snv+sg2w19", ["snv", "sg2w19"])]),
        (StandardScaler(), [("standardscaler", ["standardscaler"])]),
        ([("scaled", StandardScaler())], [("scaled", ["standardscaler"])]),
        ({"a": "snv", "b": PCA(2)}, [("a", ["snv"]), ("b", ["pca"])]),
        (
            [Pipeline([("model", SNV()), ("skipped", "passthrough"), ("pca", PCA(2))])],
            [("model+skipped+pca", ["model-2", "pca"])],
        ),
        (
            {"raw": "raw", "sg1": {"window_length": [7, 19]}},
            [("raw", []), ("sg1w7", ["sg1"]), ("sg1w19", ["sg1"])],
        ),
        ({"sg1w9": {"polyorder": [3]}}, [("sg1w9(polyorder=3)", ["sg1w9"])]),
        (
            {"msc": [{"reference": ["median"]}, {}]},
            [("msc(reference=median)", ["msc"]), ("msc", ["msc"])],
        ),
    ],
)
def test_preprocessing(given, expected):
    assert step_names(given) == expected


@pytest.mark.parametrize(
    ("name", "deriv", "polyorder", "window"),
    [("sg0", 0, 2, 15), ("sg1", 1, 2, 15), ("sg2", 2, 3, 15), ("sg2w7", 2, 3, 7)],
)
def test_savitzky_golay_names(name, deriv, polyorder, window):
    [(_, step)] = expand_preprocessing(name)[0].steps
    assert isinstance(step, SavitzkyGolay)
    assert (step.window_length, step.polyorder, step.deriv) == (window, polyorder, deriv)


def test_a_grid_equals_the_names_with_windows():
    by_grid = expand_preprocessing({"sg1": {"window_length": np.array([7, 19])}})
    by_name = expand_preprocessing(["sg1w7", "sg1w19"])
    assert [chain.name for chain in by_grid] == [chain.name for chain in by_name]
    for found, expected in zip(by_grid, by_name, strict=True):
        assert found.steps[0][1].get_params() == expected.steps[0][1].get_params()


def test_names_are_never_changed_by_a_window():
    expand_preprocessing(["sg1w7", "sg1"])
    assert PREPROCESSING["sg1"].window_length == 15


def halved(X):
    return X / 2


def test_transformers_of_other_packages():
    X, y = spectra()
    chains = {"halved": FunctionTransformer(halved), "snv": "snv"}
    chemotools = pytest.importorskip("chemotools.scatter")
    chains["chemotools"] = chemotools.StandardNormalVariate()
    search = SpectralSearchCV({"ridge": {"alpha": [0.1]}}, chains, cv=3).fit(X, y)
    assert search.results_.error.isna().all()
    _, ours, theirs = search.oof_predictions_
    assert_allclose(theirs, ours, rtol=1e-6)


# --- selectors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "n_features", "expected"),
    [
        ("full", (10, "auto"), [("full", (None,))]),
        ("importance", (10, "auto", 10), [("importance", (10,))]),
        (["vip", "coef"], 20, [("vip", (20,)), ("coef", (20,))]),
        ("uve", "auto", [("uve", (None,))]),
        ("ipls", (None, 5), [("ipls", (5, None))]),
        ({"mine": VIP()}, [5], [("mine", (5,))]),
        (SelectKBest(f_regression, k=3), (10, 20), [("SelectKBest", (None,))]),
        (
            {"full": "full", "vip": {"n_components": [2, 3]}},
            (10, 300, 400),
            [("full", (None,)), ("vip(n_components=2)", (10,)), ("vip(n_components=3)", (10,))],
        ),
    ],
)
def test_selectors(given, n_features, expected):
    assert sizes(given, n_features) == expected


def test_a_grid_sets_the_selectors_parameters():
    found = expand_selectors({"vip": {"n_components": [2, 3]}}, 5, 20)
    assert [each.selector.n_components for each in found] == [2, 3]


def test_selectors_by_name_take_the_seed_of_the_search():
    found = expand_selectors(["mcuve", "cars", "covsel"], "auto", 20, random_state=7)
    assert [each.selector.random_state for each in found] == [7, 7, 7]
    assert SELECTORS["mcuve"].random_state == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("spa", (5, 12)), ("uve_spa", (1, 12)), ("covsel", 12)]
)
def test_what_must_know_the_numbers_is_told_and_chooses_apart(name, expected):
    sized, own_choice = expand_selectors(name, (12, 5, "auto"), 30)
    assert sized.sizes == (12, 5)
    assert sized.selector.n_features_to_select == expected
    assert own_choice.sizes == (None,)
    assert own_choice.selector.get_params() == SELECTORS[name].get_params()
    assert sized.name == own_choice.name == name


@pytest.mark.parametrize("selector", [SPA((3, 9)), UVESPA(n_features_to_select=9), CovSel(9)])
def test_what_knows_its_numbers_keeps_them(selector):
    [found] = expand_selectors(selector, (5, "auto"), 30)
    assert found.selector is selector
    assert found.sizes == (5, None)


@pytest.mark.parametrize(
    ("selector", "most"),
    [
        (SPA(), 15),
        (UVESPA(cv=None), 15),
        (SPA(cv=10), 17),
        (SPA(cv=[(range(9), range(9, 20))]), 19),
        (CovSel("cv"), 19),
        (VIP(), 29),
    ],
)
def test_numbers_that_the_samples_do_not_allow_are_skipped(selector, most):
    [(_, found)] = sizes(selector, range(1, 31), 30, n_samples=20)
    if isinstance(selector.get_params().get("cv"), list):  # its folds are its own affair
        most = 29
    assert found == tuple(range(1, most + 1))


@pytest.mark.parametrize("name", ["spa", "covsel"])
def test_the_largest_number_that_the_samples_allow_can_be_given(name):
    X, y = spectra()
    X = np.hstack([X, np.random.default_rng(1).normal(size=X.shape)])
    [(_, found)] = sizes(name, range(1, 30), X.shape[1], n_samples=len(X))
    [selection] = expand_selectors(name, found[-1], X.shape[1])
    assert len(selection.selector.fit(X, y).subset(found[-1])) == found[-1]


# --- models -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ridge", [("ridge", 11)]),
        (Lasso(), [("Lasso", 1)]),
        ([("weak", Lasso(0.1)), Lasso(), "pls"], [("weak", 1), ("Lasso", 1), ("pls", 20)]),
        ({"pls": {}}, [("pls", 1)]),
        (
            {"weak": Lasso(0.1), "penalised": "ridge", "pls": {"n_components": [1, 2]}},
            [("weak", 1), ("penalised", 11), ("pls", 2)],
        ),
        ({"ridge": [{"alpha": [1, 2]}, {"solver": ["svd"]}]}, [("ridge", 3)]),
        ({"pls": {"n_components": range(1, 4), "scale": [True, False]}}, [("pls", 6)]),
    ],
)
def test_models(given, expected):
    assert [(model.name, len(model.settings)) for model in models(given)] == expected


@each_model
@each_task
@unconverged
def test_every_named_model_learns(name, task):
    X, y = spectra(task)
    [model] = models(name, task, max_components=9)
    for setting in (model.settings[0], model.settings[-1]):
        fitted = clone(model.estimator).set_params(**setting).fit(X, y)
        assert fitted.score(X, y) > 0.0
        assert fitted.predict(X).shape == y.shape


@each_model
@each_task
@unconverged
def test_importances_are_asked_of_those_who_have_them(name, task):
    [model] = models(name, task, max_components=3)
    fitted = clone(model.estimator).fit(*spectra(task))
    has = hasattr(fitted, "coef_") or hasattr(fitted, "feature_importances_")
    assert model.has_importances == has


@pytest.mark.parametrize("name", [*MODELS][:6])
def test_regressions_by_name_have_families(name):
    [model] = models(name)
    family = next(each for each in FAMILIES if each.handles(model.estimator))
    assert family is not FAMILIES[-1]
    answered = [each for batch in family.batches(model.estimator, model.settings) for each in batch]
    assert sorted(answered) == list(range(len(model.settings)))


@pytest.mark.parametrize("name", ["mlp", "gpr", "knn"])
@unconverged
def test_units_do_not_matter(name):
    X, y = spectra()
    [model] = models(name)
    expected = clone(model.estimator).fit(X, y).predict(X)
    found = clone(model.estimator).fit(1024.0 * X, 0.125 * y).predict(1024.0 * X)
    assert_allclose(found, 0.125 * expected, rtol=1e-6)


def test_named_pls_does_not_autoscale():
    for given in (["pls"], {"pls": {"n_components": [1]}}):
        [model] = models(given)
        assert model.estimator.scale is False
        [classifier] = models(given, "classification")
        assert isinstance(classifier.estimator, PLSDA)
        assert classifier.estimator.scale is False


@pytest.mark.parametrize("name", ["random_forest", "mlp", "lightgbm"])
def test_named_models_take_the_seed_of_the_search(name):
    for seed in (5, None):
        [model] = models(name, random_state=seed)
        seeds = {key: value for key, value in model.estimator.get_params().items() if "rand" in key}
        assert seeds
        assert set(seeds.values()) == {seed}
    default = MODELS[name]["regression"][0].get_params()
    assert {default[key] for key in seeds} == {0}


def test_grid_values_become_python_numbers():
    [model] = models({"pls": {"n_components": np.arange(1, 3)}})
    assert [type(setting["n_components"]) for setting in model.settings] == [int, int]


@pytest.mark.parametrize("parameter", ["alpha", "regressor__model__alpha"])
def test_parameters_of_the_model_proper_need_no_prefix(parameter):
    [model] = models({"mlp": {parameter: [0.5]}})
    [setting] = model.settings
    assert model.estimator.set_params(**setting).regressor["model"].alpha == 0.5


def test_default_counts_are_those_that_the_samples_allow():
    [pls, knn] = models(["pls", "knn"], max_components=4)
    assert [setting["n_components"] for setting in pls.settings] == [1, 2, 3, 4]
    assert {setting["n_neighbors"] for setting in knn.settings} == {3}
    [knn] = models("knn", max_components=1)
    assert {setting["n_neighbors"] for setting in knn.settings} == {1}
    [pls] = models({"pls": {"n_components": [9]}}, max_components=4)
    assert len(pls.settings) == 1


def test_no_more_components_than_selected_channels():
    [pls, ridge] = models(["pls", "ridge"])
    assert pls.positions(3) == [0, 1, 2]
    assert len(ridge.positions(3)) == len(ridge.settings)
    assert len(pls.positions(None)) == 20


def test_classifiers_are_for_classifications():
    [model] = models(LogisticRegression(), "classification")
    assert model.name == "LogisticRegression"
    with pytest.raises(TypeError, match=r"must hold regressors for a regression; got Logistic"):
        models(LogisticRegression())
    with pytest.raises(TypeError, match=r"must hold classifiers for a classification; got Ridge"):
        models([Ridge()], "classification")


# --- what is not installed --------------------------------------------------------------


def test_a_named_model_that_is_not_installed_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "catboost", None)
    message = r"`models` holds 'catboost', which is not installed. .*spectral_fast\[boosting\]"
    for given in ("catboost", {"catboost": {"max_depth": [3]}}):
        with pytest.raises(ImportError, match=message):
            models(given)
    assert len(models("xgboost")) == 1


def test_presets_leave_out_what_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    message = r"`grid='thorough'` leaves out xgboost, lightgbm: not installed. .*\[boosting\]"
    with pytest.warns(UserWarning, match=message) as caught:
        found = preset("thorough")
    assert len(caught) == 1
    assert {model.name for model in found.models} == set(MODELS) - {"xgboost", "lightgbm"}


# --- presets ----------------------------------------------------------------------------


@each_preset
@each_task
def test_every_preset_expands(grid, task):
    found = preset(grid, task)
    assert [chain.name for chain in found.chains] == list(PRESETS[grid].preprocessing)
    assert {each.name for each in found.selections} == set(PRESETS[grid].selectors)
    assert [model.name for model in found.models] == list(PRESETS[grid].models[task])


def test_presets_grow():
    names = ["basic", "quick", "standard", "thorough"]
    assert list(PRESETS) == names
    for smaller, larger in itertools.pairwise(PRESETS[name] for name in names[1:]):
        assert set(smaller.preprocessing) <= set(larger.preprocessing)
        assert set(smaller.selectors) <= set(larger.selectors)
        for task in TASKS:
            assert set(smaller.models[task]) < set(larger.models[task])


def test_basic():
    chains, selections, found = preset("basic")
    assert [chain.name for chain in chains] == ["raw", "snv", "sg1", "snv+sg1"]
    assert [each.is_full for each in selections] == [True]
    assert [(model.name, len(model.settings)) for model in found] == [("pls", 20), ("ridge", 11)]


def test_quick():
    chains, selections, found = preset("quick", n_channels=2151)
    assert [chain.name for chain in chains] == [
        "raw",
        "snv",
        *("sg1w7", "snv+sg1w7", "sg1w7+snv", "sg1w19", "snv+sg1w19", "sg1w19+snv"),
        *("sg2w7", "snv+sg2w7", "sg2w7+snv", "sg2w19", "snv+sg2w19", "sg2w19+snv"),
    ]
    assert [each.sizes for each in selections] == [(None,), (10, 20, 50, 100, 250, 500, 1000)]
    numbers = [(model.name, len(model.settings)) for model in found]
    assert numbers == [("pls", 7), ("ridge", 5), ("elasticnet", 9)]
    assert [each["n_components"] for each in found[0].settings] == [*range(2, 9)]


def test_what_the_user_gives_takes_the_place_of_the_presets():
    found = preset("quick", models="knn", n_features=[5, 400], selectors="vip", random_state=3)
    assert [model.name for model in found.models] == ["knn"]
    assert [(each.name, each.sizes) for each in found.selections] == [("vip", (5,))]
    assert len(found.chains) == 14
    assert len(preset("quick", preprocessing="raw").chains) == 1


def test_presets_suit_few_samples_and_channels():
    found = preset("standard", n_samples=6, n_channels=30)
    [pls] = [model for model in found.models if model.name == "pls"]
    assert [each["n_components"] for each in pls.settings] == [2, 3, 4, 5]
    by_name = {each.name: each.sizes for each in found.selections}
    assert by_name == {"full": (None,), "importance": (10,), "vip": (10,)}


def test_the_seed_reaches_models_and_selectors():
    found = preset("thorough", random_state=11)
    [forest] = [model for model in found.models if model.name == "random_forest"]
    assert forest.estimator.random_state == 11
    [cars] = [each for each in found.selections if each.name == "cars"]
    assert cars.selector.random_state == 11


# --- errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["plz"], ValueError, "catboost; got 'plz'. Use one of these names or, in Python, "),
        ({"plz": {}}, ValueError, "got 'plz'"),
        ({"ridge": {"alfa": [1]}}, ValueError, "Ridge; got 'alfa'. Use one of alpha, "),
        ({"mlp": {"alfa": [1]}}, ValueError, "MLPRegressor; got 'alfa'. Use one of activation, "),
        ({"ridge": {"alpha": 1}}, TypeError, r"\['ridge'\]\['alpha'\]` .* got 1\. Put"),
        ({"ridge": {"solver": "svd"}}, TypeError, r"\['solver'\]` .* got 'svd'\. Put"),
        ({"ridge": {"alpha": np.ones((2, 1))}}, TypeError, r"\['alpha'\]` must be a list"),
        ({"ridge": {"alpha": []}}, ValueError, r"\['alpha'\]` must hold at least one"),
        ({"pls": [1, 2]}, TypeError, r"\['pls'\]` must be a dict .* got \[1, 2\]\. Name"),
        ({"pls": []}, TypeError, r"\['pls'\]` must be a dict .* got \[\]\. Name"),
        ({"pls": None}, TypeError, r"\['pls'\]` must be a dict .* got None\. Name"),
        ({"pls": SNV()}, TypeError, "`fit` and `predict`; got SNV"),
        ([{"alpha": [1]}], TypeError, "`fit` and `predict`; got {'alpha'"),
        ([SNV()], TypeError, "`fit` and `predict`; got SNV"),
        ([Ridge], TypeError, "`fit` and `predict`; got <class"),
        ([Lasso(1), Lasso(2)], ValueError, "distinct names; got 'Lasso' twice"),
        ([], ValueError, "`models` must hold at least one"),
        (3, TypeError, "`models` must hold names or estimators; got 3"),
    ],
)
def test_bad_models(given, error, message):
    with pytest.raises(error, match=message):
        models(given)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["smv"], ValueError, r"sg1, sg2; got 'smv'.* such as snv\+sg1, or, in"),
        (["snv+"], ValueError, "got ''"),
        (["sg3w7"], ValueError, "got 'sg3w7'.* with a window such as sg1w7"),
        (["snv+sg1w8"], ValueError, "odd .* order, 2 for sg1; got 'sg1w8'. Use sg1w9"),
        (["sg2w3"], ValueError, "order, 3 for sg2; got 'sg2w3'. Use sg2w5"),
        (["sg0w0"], ValueError, "got 'sg0w0'. Use sg0w3"),
        ([Ridge()], TypeError, "`fit` and `transform`; got Ridge"),
        (["snv", "snv"], ValueError, "got 'snv' twice"),
        (["sg1w7", ("sg1w7", SNV())], ValueError, "got 'sg1w7' twice"),
        ((), ValueError, "`preprocessing` must hold at least one"),
        ({"raw": {"x": [1]}}, TypeError, "'raw' has no parameters; got .* Use {'raw': 'raw'}"),
        ({"snv": {}}, TypeError, "'snv' has no parameters"),
        ({"snv+sg1": {"window_length": [7]}}, ValueError, r"got 'snv\+sg1'"),
        ({"sg1": {"window": [7]}}, ValueError, r"preprocessing\['sg1'\]` must set parameters of"),
        ({"sg1": {"window_length": 7}}, TypeError, r"\['window_length'\]` must be a list"),
    ],
)
def test_bad_preprocessing(given, error, message):
    with pytest.raises(error, match=message):
        expand_preprocessing(given)


@pytest.mark.parametrize(
    ("given", "n_features", "error", "message"),
    [
        (
            "vap",
            5,
            ValueError,
            "random_frog, covsel; got 'vap'. Use one of these names or, in Python",
        ),
        (Ridge(), 5, TypeError, "`fit` and `get_support`; got Ridge"),
        (["vip", "vip"], 5, ValueError, "distinct names; got 'vip' twice"),
        ((), 5, ValueError, "`selectors` must hold at least one"),
        ({"importance": {"x": [1]}}, 5, TypeError, "'importance' has no parameters"),
        ({"vip": {"n_component": [1]}}, 5, ValueError, "VIP; got 'n_component'. Use one of cv, "),
        ("vip", 0, ValueError, 'numbers of channels from 1, or "auto"; got 0'),
        ("vip", [True], ValueError, "got True"),
        ("vip", "all", ValueError, r"got 'all'. Use such as \[10, 20\], or \"auto\""),
        ("vip", 3.0, ValueError, 'whole numbers of channels from 1, or "auto"; got 3.0. Use such'),
        ("vip", [20, 30], ValueError, r"below n_channels=20, .* got \[20, 30\]. Use a lower"),
        ("importance", "auto", ValueError, "for selectors other than 'importance', \"auto\""),
    ],
)
def test_bad_selectors(given, n_features, error, message):
    with pytest.raises(error, match=message):
        expand_selectors(given, n_features, 20)


@pytest.mark.parametrize("grid", ["fast", None, ["quick"]])
def test_bad_presets(grid):
    with pytest.raises(ValueError, match=r"among basic, quick, standard, thorough; got .*Use one"):
        preset(grid)


# --- docs -------------------------------------------------------------------------------


def documented_names(heading):
    text = DOCS.read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    return re.findall(r"`(\w+)`", " ".join(rows))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Preprocessing", PREPROCESSING),
        ("Channels", SELECTORS),
        ("Models", MODELS),
        ("Presets", PRESETS),
    ],
)
def test_every_name_is_documented(heading, names):
    assert_array_equal(documented_names(heading), list(names))


@each_preset
def test_numbers_of_candidates_are_documented(grid):
    found = preset(grid, n_channels=2151)
    plan = Plan(found.chains, found.selections, found.models, [((), ())], False)
    [row] = re.findall(rf"^\| `{grid}` \|.*$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert row.endswith(f"| {len(plan.specs):,} |")
