"""The search and the plain loops over scikit-learn Pipelines give the same numbers."""

import importlib.util
import os

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spectral_fast.feature_selection import ForClasses, RandomFrog, TopChannels
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._catalogue import BOOSTERS
from spectral_fast.model_selection._grid import (
    MODELS,
    SELECTORS,
    expand_models,
    expand_preprocessing,
)
from tests.reference import search as reference
from tests.spectra import mixtures

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1",
    reason="thousands of fits, of which the kernels have tests of their own",
)

#: Small grids of regressors and of classifiers; families have to find what candidates share.
TREES = {"n_estimators": [2, 5], "max_depth": [2]}
GRIDS = {
    "pls": ({"n_components": [1, 2, 5]}, {"n_components": [1, 2]}),
    "ridge": ({"alpha": [1e-4, 1e-1, 10.0]}, {"C": [1.0, 100.0]}),
    "lasso": ({"alpha": [1e-3, 1e-1]}, {"C": [1.0]}),
    "elasticnet": ({"alpha": [1e-2, 1e-1], "l1_ratio": [0.3, 0.9]}, {"C": [1.0]}),
    "svr": ({"C": [1.0, 10.0], "epsilon": [0.1]}, {"C": [1.0, 10.0]}),
    "random_forest": (TREES, TREES),
    "mlp": ({"max_iter": [20]}, {"max_iter": [20]}),
    "knn": ({"n_neighbors": [2, 3]}, {"n_neighbors": [2, 3]}),
    "gpr": ({}, {}),
    "xgboost": (TREES, TREES),
    "lightgbm": (TREES, TREES),
    "catboost": (TREES, TREES),
}
#: Regressors without a name.
OTHERS = {
    "kernel ridge": KernelRidge(0.1, kernel="rbf"),
    "boosting": GradientBoostingRegressor(n_estimators=4, random_state=0),
    "histogram": HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=3, random_state=0),
    "generic": BayesianRidge(),
}
#: Largest difference of R² and of scores; the second that of solvers which stop on a tolerance.
EXACT, ITERATIVE = 1e-6, 1e-3
STOP_ON_A_TOLERANCE = {"lasso", "elasticnet", "svr", "mlp", "gpr"}

CHAINS = ("raw", "snv", "msc", "sg1", "sg1+msc", StandardScaler())
SIZES = (4, 9)
given_grids = settings(derandomize=True, deadline=None, max_examples=2, phases=[Phase.generate])


@pytest.fixture(scope="module", autouse=True)
def short_walk():
    """Random frog by name takes few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SELECTORS, "random_frog", RandomFrog(n_iterations=20))
        yield


def installed(name):
    return name not in BOOSTERS or importlib.util.find_spec(name) is not None


def one_or_two(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique_by=str)


def grid_of(name, task):
    return GRIDS[name][task == "classification"] if name in GRIDS else OTHERS[name]


def model_of(name, task):
    grid = {name: grid_of(name, task)}
    [model] = expand_models(grid, task=task, max_components=9, random_state=0)
    return model


def twin_model(name, task):
    """Return a model as the plain loops take it."""
    model = model_of(name, task)
    grid = [{key: [value] for key, value in setting.items()} for setting in model.settings]
    return name, model.estimator, grid


def twin_selection(name, n_features, task):
    """Return a selection as the plain loops take it, the selector as users get it by name."""
    if name == "full":
        return name, reference.keep_all, (None,)
    if name == "importance":
        return name, reference.by_importance, [size for size in n_features if size is not None]
    selector = SELECTORS[name] if task == "regression" else ForClasses(SELECTORS[name])

    def selector_of(model, size):
        return clone(selector) if size is None else TopChannels(selector, size)

    return name, selector_of, n_features


def spectra(task, seed):
    X, y = mixtures(n=24, p=24, seed=seed)
    return X, y if task == "regression" else np.argsort(np.argsort(y)) // 12


def both(
    models, chains=("raw",), selectors=("full",), n_features=SIZES, *, task="regression", **options
):
    """Return a search and the candidates of the plain loops."""
    X, y = spectra(task, options.pop("seed", 0))
    splits = list(StratifiedKFold(3).split(X, y > np.median(y)))
    search = SpectralSearchCV(
        {name: grid_of(name, task) for name in models},
        chains,
        selectors,
        n_features=n_features,
        task=task,
        cv=splits,
        **options,
    ).fit(X, y)
    with threadpool_limits(limits=1):
        expected = reference.search(
            X,
            y,
            {each.name: [step for _, step in each.steps] for each in expand_preprocessing(chains)},
            [twin_model(name, task) for name in models],
            splits,
            [twin_selection(name, n_features, task) for name in selectors],
            whole=search.selector_scope == "all",
        )
    return search, expected


def assert_equal(search, expected):
    table = search.results_.sort_index()
    chains = [*zip(table.preprocessing, table.selector.fillna("full"), table.model, strict=True)]
    assert chains == [(twin["preprocessing"], twin["selector"], twin["model"]) for twin in expected]
    names = ["accuracy", "balanced_accuracy", "log_loss", "roc_auc"]
    names = names if search.task == "classification" else ["r2"]
    for (_, found), twin in zip(table.iterrows(), expected, strict=True):
        tolerance = ITERATIVE if found.model in STOP_ON_A_TOLERANCE else EXACT
        for name in names:
            twins = twin.get(name, np.nan)
            assert_allclose(found[name], twins, atol=tolerance, rtol=0, err_msg=str(twin))
    # Any of several that are equal but for rounding may win.
    name = "accuracy" if search.task == "classification" else "r2"
    scores = np.array([twin.get(name, np.nan) for twin in expected])
    assert scores[search.best_index_] >= np.nanmax(scores) - EXACT


def test_every_named_model_has_a_grid_here():
    assert set(MODELS) == set(GRIDS)


@pytest.mark.filterwarnings("ignore")  # of fits that do not converge, and candidates that fail
class TestEqualsPlainLoops:
    @pytest.mark.parametrize("name", [*filter(installed, MODELS), *OTHERS])
    @given_grids
    @given(data=st.data())
    def test_every_model(self, name, data):
        selectors = ["full", "vip"]
        if model_of(name, "regression").has_importances:
            selectors.append("importance")
        search, expected = both(
            [name],
            data.draw(one_or_two(CHAINS)),
            data.draw(one_or_two(selectors)),
            selector_scope=data.draw(st.sampled_from(["fold", "all"])),
            seed=data.draw(st.integers(0, 9)),
        )
        assert_equal(search, expected)

    @pytest.mark.parametrize("name", [*filter(installed, MODELS)])
    @given_grids
    @given(data=st.data())
    def test_every_classifier(self, name, data):
        selectors = ["full", "vip"]
        if model_of(name, "classification").has_importances:
            selectors.append("importance")
        search, expected = both(
            [name],
            data.draw(one_or_two(CHAINS)),
            data.draw(one_or_two(selectors)),
            task="classification",
            selector_scope=data.draw(st.sampled_from(["fold", "all"])),
            seed=data.draw(st.integers(0, 9)),
        )
        assert_equal(search, expected)

    @pytest.mark.parametrize("name", [name for name in SELECTORS if name != "full"])
    @given_grids
    @given(data=st.data())
    def test_every_selector(self, name, data):
        search, expected = both(
            ["pls", "ridge"],
            data.draw(one_or_two(CHAINS)),
            [name],
            data.draw(st.sampled_from([SIZES, (4,), (9, None)])),
            selector_scope=data.draw(st.sampled_from(["fold", "all"])),
            seed=data.draw(st.integers(0, 9)),
        )
        assert_equal(search, expected)
