"""SpectralSearchCV: figures of merit, ranks, and candidates that fail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._figures import HeldOut
from tests.searches import Fails, quick, several_targets, small

COLUMNS = [
    "rank",
    "preprocessing",
    "selector",
    "n_features",
    "model",
    "params",
    "n_components",
    "rmsecv",
    "rmsecv_se",
    "r2",
    "rpd",
    "bias",
    "n_not_converged",
    "status",
    "error",
    "seconds",
]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=30).filter(
        lambda pairs: np.ptp([y for y, _ in pairs]) > 1e-3
    ),
    st.integers(1, 3),
)
def test_figures_equal_their_formulas(pairs, n_folds):
    y, predictions = np.array(pairs).T
    tests = np.array_split(np.random.default_rng(0).permutation(len(y)), n_folds)
    [found] = HeldOut(y, tests).figures(predictions[np.concatenate(tests)][None, :, None])
    errors = predictions - y
    rmsecv = np.sqrt((errors**2).mean())
    assert_allclose(found.values["rmsecv"], rmsecv, rtol=1e-10)
    assert_allclose(found.values["r2"], r2_score(y, predictions), rtol=1e-9, atol=1e-9)
    assert_allclose(found.values["bias"], errors.mean(), rtol=1e-9, atol=1e-9)
    if rmsecv > 0:
        se = (errors**2).std(ddof=1) / np.sqrt(len(y)) / (2 * rmsecv)
        assert_allclose(found.values["rmsecv_se"], se, rtol=1e-6, atol=1e-9 * rmsecv)
        assert_allclose(found.values["rpd"], y.std(ddof=1) / rmsecv, rtol=1e-9)
    fold_rmse = [np.sqrt((errors[test] ** 2).mean()) for test in tests]
    assert_allclose(-found.fold_scores, fold_rmse, rtol=1e-9)
    assert (found.loss, found.se) == (found.values["rmsecv"], found.values["rmsecv_se"])


def test_standard_error_is_that_of_repeated_experiments():
    rng = np.random.default_rng(0)
    y, tests = np.zeros(200), [np.arange(200)]
    drawn = HeldOut(y, tests).figures(rng.normal(size=(400, 200, 1)))
    observed = np.std([each.loss for each in drawn])
    assert_allclose(np.mean([each.se for each in drawn]), observed, rtol=0.15)


def test_perfect_predictions():
    y = np.arange(6.0)
    [found] = HeldOut(y, [np.arange(6)]).figures(y[None, :, None])
    assert found.values == {"rmsecv": 0, "rmsecv_se": 0, "r2": 1, "rpd": np.inf, "bias": 0}


def test_units_of_several_targets_do_not_matter():
    X, y = several_targets()
    search = SpectralSearchCV({"ridge": {"alpha": [0.1, 1.0]}}, "raw").fit(X, y)
    rescaled = SpectralSearchCV({"ridge": {"alpha": [0.1, 1.0]}}, "raw").fit(X, y * [1, 1e3, 1e-3])
    figures = ["rmsecv", "rmsecv_se", "r2", "rpd", "bias"]
    assert_allclose(search.results_[figures], rescaled.results_[figures], rtol=1e-6, atol=1e-9)


def test_ranking():
    X, y = small()
    models = [
        ("mean", DummyRegressor()),
        ("fails", Fails()),
        ("ridge", Ridge(1e-3)),
        ("mean again", DummyRegressor()),
    ]
    with pytest.warns(FitFailedWarning):
        search = quick(models=models).fit(X, y)
    table = search.results_
    assert table.columns.tolist() == COLUMNS
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert table.model.tolist() == ["ridge", "mean", "mean again", "fails"]
    assert table.index.tolist() == [2, 0, 3, 1]
    assert table.index.name == "candidate"
    assert search.cv_results_["rank_test_score"].tolist() == [2, 4, 1, 3]
    assert search.best_index_ == 2
    assert search.best_params_ == {"preprocessing": "raw", "model": "ridge"}
    assert search.best_params_ == search.cv_results_["params"][2]
    assert search.best_score_ == -table.rmsecv[2]
    assert table.error.tolist()[:3] == [None] * 3
    assert table.selector.tolist() == [None] * 4
    assert (table.n_features == 16).all()
    assert (table.seconds > 0).all()


def test_ties_do_not_depend_on_the_order_of_the_grid():
    X, y = small()
    models = [(f"model {k}", DummyRegressor() if k % 2 else Ridge()) for k in range(20)]
    forth, back = quick(models=models).fit(X, y), quick(models=models[::-1]).fit(X, y)
    assert forth.results_.model.tolist() == back.results_.model.tolist()
    assert sorted(forth.results_.model[:10]) == sorted(f"model {k}" for k in range(0, 20, 2))


def test_n_components_are_those_of_the_model():
    X, y = small()
    search = quick(models=[PLSRegression(3), Ridge()]).fit(X, y)
    found = search.results_.sort_index().n_components
    assert found[0] == 3
    assert found.isna().tolist() == [False, True]


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("fit", "RuntimeError: no fit today"),
        ("nan", "ValueError: the predictions hold NaN or infinity"),
        ("inf", "ValueError: the predictions hold NaN or infinity"),
        ("shape", "ValueError: cannot reshape"),
    ],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failure_is_recorded_and_the_search_goes_on(when, error, n_jobs):
    X, y = small()
    with pytest.warns(FitFailedWarning, match="1 of 2 candidates"):
        search = quick(models=[Fails(when), Ridge()], n_jobs=n_jobs).fit(X, y)
    last = search.results_.iloc[-1]
    assert last.error.startswith(error)
    assert search.results_.status.tolist() == ["done", "failed"]
    assert np.isnan([last.rmsecv, last.rmsecv_se, last.r2, last.rpd, last.bias]).all()
    assert np.isnan(search.oof_predictions_[0]).all()
    assert search.results_.iloc[0].model == "Ridge"


def test_a_failing_chain_is_recorded():
    X, y = small(20, 10)  # narrower than the window
    with pytest.warns(FitFailedWarning):
        search = quick(preprocessing=["sg1", "raw"]).fit(X, y)
    assert search.results_.preprocessing.tolist() == ["raw", "raw", "sg1", "sg1"]
    assert "window_length" in search.results_.error.iloc[-1]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "parameters", [{"models": [Ridge(), Fails()]}, {"preprocessing": [PCA(100)]}]
)
def test_errors_are_raised_on_demand(parameters, n_jobs):
    X, y = small()
    with pytest.raises((RuntimeError, ValueError), match=r"no fit today|n_components"):
        quick(**parameters, error_score="raise", n_jobs=n_jobs).fit(X, y)


def test_all_candidates_failing_is_an_error():
    X, y = small()
    with pytest.raises(ValueError, match=r"All 2 candidates failed.*no fit today"):
        quick(models=[Fails()], preprocessing=["raw", "snv"]).fit(X, y)
