"""SpectralSearchCV: the numbers of plain loops over scikit-learn Pipelines, and its manners."""

import multiprocessing
import os
import pickle
import re
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
)
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_info

from spectral_fast import kernels
from spectral_fast.boosting import BoostedRegressor
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.feature_selection import VIP
from spectral_fast.kernels import get_num_threads
from spectral_fast.model_selection import (
    SpectralSearchCV,
    _execution,
    _plan,
    _records,
    _tasks,
    families,
)
from spectral_fast.model_selection._figures import HeldOut
from spectral_fast.model_selection._journal import describe_journal
from spectral_fast.model_selection.families._pls import PLSFamily
from spectral_fast.preprocessing import SNV
from tests.reference import search as reference

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
GRIDS = {"pls": {"n_components": [1, 2, 3, 4, 5, 6]}, "ridge": {"alpha": [1e-3, 1e-1, 10.0]}}
TWINS = {"pls": SklearnPLSRegression(scale=False), "ridge": Ridge()}


def tecator():
    data = load_tecator()
    return data.data[:40, ::3], data.target[:40, data.target_names.index("fat")]


def gasoline():
    data = load_gasoline()
    return data.data[:30, ::10], data.target[:30].ravel()


def tall():
    """More samples than channels."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(45, 24)).cumsum(axis=1)
    return X, X @ rng.normal(size=24) + rng.normal(size=45)


def several_targets():
    data = load_tecator()
    return data.data[:40, ::3], data.target[:40]


def small(n_samples=20, n_features=16, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)).cumsum(axis=1)
    return X, X[:, 3] - 0.5 * X[:, 9] + 0.1 * rng.normal(size=n_samples)


def quick(**parameters):
    return SpectralSearchCV(
        **{"models": {"ridge": {"alpha": [0.1, 1.0]}}, "preprocessing": "raw", "cv": 3} | parameters
    )


# ------------------------------------------------------------------ the same numbers


@pytest.mark.parametrize("data", [tecator, gasoline, tall])
def test_equals_plain_loops_over_pipelines(data):
    X, y = data()
    splits = list(KFold(4, shuffle=True, random_state=1).split(X))
    found = SpectralSearchCV(GRIDS, reference.PREPROCESSING.keys(), cv=splits).fit(X, y)
    models = [(name, TWINS[name], grid) for name, grid in GRIDS.items()]
    expected = reference.search(X, y, reference.PREPROCESSING, models, splits)

    table = found.results_.sort_index()
    assert [*zip(table.preprocessing, table.model, table.params, strict=True)] == [
        (each["preprocessing"], each["model"], each["params"]) for each in expected
    ]
    assert_allclose(table.rmsecv, [each["rmsecv"] for each in expected], rtol=1e-9)
    assert_allclose(table.r2, [each["r2"] for each in expected], atol=1e-9, rtol=0)
    assert_allclose(
        found.oof_predictions_,
        [each["out_of_fold"] for each in expected],
        atol=1e-9 * np.ptp(y),
        rtol=0,
    )


def test_equals_plain_loops_for_several_targets():
    X, y = several_targets()
    splits = list(KFold(4, shuffle=True, random_state=1).split(X))
    found = SpectralSearchCV(GRIDS, ["raw", "snv"], cv=splits).fit(X, y)
    models = [(name, TWINS[name], grid) for name, grid in GRIDS.items()]
    chains = {name: reference.PREPROCESSING[name] for name in ["raw", "snv"]}
    expected = reference.search(X, y, chains, models, splits)

    table = found.results_.sort_index()
    relative = np.array([each["rmsecv"] for each in expected]) / y.std(axis=0, ddof=1)
    assert_allclose(table.rmsecv, np.sqrt((relative**2).mean(axis=1)), rtol=1e-6)
    assert_allclose(table.rpd, 1 / table.rmsecv, rtol=1e-12)
    assert_allclose(table.r2, [each["r2"].mean() for each in expected], atol=1e-6)
    assert_allclose(
        found.oof_predictions_, [each["out_of_fold"] for each in expected], atol=1e-6 * np.ptp(y)
    )


def test_winner_is_the_pipeline_fitted_to_all_samples():
    X, y = tecator()
    search = SpectralSearchCV(GRIDS, ["raw", "snv+sg1"]).fit(X, y)
    chain, params = search.results_.iloc[0][["preprocessing", "params"]]
    twin = TWINS[search.results_.iloc[0]["model"]]
    expected = make_pipeline(*reference.PREPROCESSING[chain], clone(twin).set_params(**params))
    assert_allclose(search.predict(X), expected.fit(X, y).predict(X), rtol=1e-9)
    assert search.score(X, y) == r2_score(y, search.best_estimator_.predict(X))
    assert isinstance(search.best_estimator_, Pipeline)
    assert [name for name, _ in search.best_estimator_.steps] == [
        *(() if chain == "raw" else chain.split("+")),
        "model",
    ]


def test_cv_results_equal_those_of_grid_search():
    X, y = small()
    splits = list(KFold(4).split(X))
    found = quick(cv=splits, models={"ridge": {"alpha": [0.1, 1.0, 1e4]}}).fit(X, y).cv_results_
    expected = (
        GridSearchCV(
            Ridge(), {"alpha": [0.1, 1.0, 1e4]}, cv=splits, scoring="neg_root_mean_squared_error"
        )
        .fit(X, y)
        .cv_results_
    )
    for name in ("mean_test_score", "std_test_score", *(f"split{k}_test_score" for k in range(4))):
        assert_allclose(found[name], expected[name], rtol=1e-10)
    assert set(expected) - set(found) == {
        "param_alpha",
        "std_fit_time",
        "mean_score_time",
        "std_score_time",
    }
    assert found["param_model__alpha"].tolist() == [0.1, 1.0, 1e4]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_results_do_not_depend_on_n_jobs(backend):
    X, y = tecator()
    parameters = {"models": GRIDS, "preprocessing": ["raw", "msc", "snv+sg1"]}
    alone = SpectralSearchCV(**parameters, n_jobs=1).fit(X, y)
    with joblib.parallel_config(backend=backend):
        together = SpectralSearchCV(**parameters, n_jobs=2).fit(X, y)
    assert_array_equal(together.oof_predictions_, alone.oof_predictions_)
    pd.testing.assert_frame_equal(
        together.results_.drop(columns="seconds"),
        alone.results_.drop(columns="seconds"),
        check_exact=True,
    )


def test_large_spectra_reach_workers_as_read_only_memory_maps():
    X, y = small(60, 2500)  # beyond the 1 MB from which joblib maps
    parameters = {"models": {"ridge": {"alpha": [1.0]}}, "preprocessing": ["snv", StandardScaler()]}
    alone = SpectralSearchCV(**parameters, cv=2, n_jobs=1).fit(X, y)
    together = SpectralSearchCV(**parameters, cv=2, n_jobs=2).fit(X, y)
    assert_array_equal(together.oof_predictions_, alone.oof_predictions_)


class CountsThreads(RegressorMixin, BaseEstimator):
    """Predicts the number of threads it may use."""

    def fit(self, X, y):
        self.n_threads_ = max(
            get_num_threads(), *(library["num_threads"] for library in threadpool_info())
        )
        return self

    def predict(self, X):
        return np.full(len(X), self.n_threads_)


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])
def test_candidates_run_on_one_thread(backend, n_jobs):
    X, y = small()
    with joblib.parallel_config(backend=backend):
        search = quick(models=[CountsThreads()], n_jobs=n_jobs).fit(X, y)
    assert (search.oof_predictions_ == 1).all()


def test_thread_limits_are_restored():
    def limits():
        return {library["filepath"]: library["num_threads"] for library in threadpool_info()}

    before = limits()
    X, y = small()
    with joblib.parallel_config(backend="threading"):
        quick(n_jobs=2).fit(X, y)
    assert before.items() <= limits().items()  # the search may have loaded others


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_dtypes_equal_the_pipeline(dtype):
    X, y = tall()
    X = (10 * X).astype(dtype)
    splits = list(KFold(3).split(X))
    search = SpectralSearchCV({"pls": {"n_components": [2]}}, ["raw"], cv=splits).fit(X, y)
    expected = [
        SklearnPLSRegression(2, scale=False).fit(X[train], y[train]).predict(X[test])
        for train, test in splits
    ]
    assert_allclose(search.oof_predictions_[0], np.concatenate(expected), rtol=1e-6)


# ------------------------------------------------------------------ families


def one_fold(X, y, n_test):
    rows = np.arange(len(y))
    return families.Matrix(X, y, [(rows[n_test:], rows[:n_test])])


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("estimator", [PLSRegression, SklearnPLSRegression])
@pytest.mark.parametrize("data", [tecator, tall, several_targets])
def test_pls_family_equals_separate_fits(data, estimator, scale):
    X, y = data()
    counts = [3, 1, 8, 2]
    family = PLSFamily()
    assert family.handles(estimator())
    found = family.predict(
        estimator(scale=scale), [{"n_components": k} for k in counts], one_fold(X, y, 10)
    )
    for count, predictions in zip(counts, found, strict=True):
        expected = estimator(count, scale=scale).fit(X[10:], y[10:]).predict(X[:10])
        assert_allclose(predictions, expected.reshape(10, -1), atol=1e-9 * np.ptp(y), rtol=0)


def rank_three():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 50))
    return X, X[:, 0] + 0.1 * rng.normal(size=40)


@pytest.mark.filterwarnings("ignore:X has only")
@pytest.mark.parametrize("estimator", [PLSRegression, SklearnPLSRegression])
def test_components_of_noise_predict_as_those_before(estimator):
    X, y = rank_three()
    counts = range(1, 9)
    settings = [{"n_components": k} for k in counts]
    with pytest.warns(UserWarning, match="only 3 comp"):
        found = PLSFamily().predict(estimator(scale=False), settings, one_fold(X, y, 8))
    expected = [PLSRegression(k, scale=False).fit(X[8:], y[8:]).predict(X[:8]) for k in counts]
    assert_allclose(np.squeeze(found), expected, atol=1e-6 * np.ptp(y), rtol=0)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_counts_beyond_the_last_component_tie_and_warn_once(n_jobs):
    X, y = rank_three()
    grid = {"pls": {"n_components": range(1, 9)}}
    with pytest.warns(UserWarning, match=r"validating: 4\. .* only 3 comp") as warned:
        search = quick(models=grid, preprocessing=["raw", StandardScaler()], n_jobs=n_jobs).fit(
            X, y
        )
    assert len(warned) == 1
    for predictions in search.oof_predictions_[3:8]:
        assert_array_equal(predictions, search.oof_predictions_[2])
    ranked = search.results_.index
    assert ranked[ranked.isin(range(2, 8))].tolist() == [*range(2, 8)]


def test_pls_family_answers_counts_together_and_leaves_out_what_is_no_count():
    settings = [
        {"n_components": count, "scale": scale} for scale in (True, False) for count in (1, 0, 9)
    ]
    assert sorted(PLSFamily().batches(PLSRegression(), settings)) == [[0, 2], [3, 5]]
    settings = [{"tol": 1e-6}, {"tol": 1e-9}, {"n_components": "two"}]
    assert PLSFamily().batches(PLSRegression(), settings) == [[0]]


def test_each_candidate_is_in_one_batch():
    settings = [{"n_components": count} for count in (0, 3, "two", 1)]
    batches = families.batches_of(PLSRegression(), settings)
    assert sorted(each for _, batch in batches for each in batch) == [0, 1, 2, 3]
    last = len(families.FAMILIES) - 1
    assert [batch for family, batch in batches if family == last] == [[0], [2]]


def test_a_subclass_of_pls_is_fitted_candidate_by_candidate():
    class Shifted(PLSRegression):
        def predict(self, X):
            return super().predict(X) + self.n_components

    assert not PLSFamily().handles(Shifted())


def test_counts_above_the_rank_fail_alone():
    X, y = small(12, 16)
    with pytest.warns(FitFailedWarning, match="2 of 5 candidates failed"):
        search = quick(models={"pls": {"n_components": [2, 9, 1, 7, 0]}}).fit(X, y)
    table = search.results_.sort_index()
    assert table.error.notna().tolist() == [False, True, False, False, True]
    assert "=8 of a training set; got 9. Use 8 or fewer." in table.error[1]
    assert table.rmsecv.isna().tolist() == [False, True, False, False, True]
    alone = quick(models={"pls": {"n_components": [2, 1, 7]}}).fit(X, y)
    assert_array_equal(alone.oof_predictions_[:2], search.oof_predictions_[[0, 2]])


def test_default_counts_fit_the_smallest_training_fold():
    X, y = small(12, 16)
    search = SpectralSearchCV(["pls"], "raw", cv=3).fit(X, y)
    assert search.cv_results_["param_model__n_components"].tolist() == list(range(1, 8))
    search = SpectralSearchCV(["pls"], "raw", cv=3).fit(X[:, :4], y)
    assert search.cv_results_["param_model__n_components"].tolist() == [1, 2, 3, 4]


class FailsTogether(PLSFamily):
    def predict(self, estimator, settings, matrix):
        if len(settings) > 1:
            raise FloatingPointError("together")
        return super().predict(estimator, settings, matrix)


def serve_by(monkeypatch, family):
    """Have a family answer all candidates."""
    for module in (families, _plan, _tasks):
        monkeypatch.setattr(module, "FAMILIES", (family,))


def test_a_failing_batch_is_tried_one_by_one(monkeypatch):
    X, y = small()
    expected = quick(models={"pls": {"n_components": [1, 2]}}).fit(X, y)
    serve_by(monkeypatch, FailsTogether())
    found = quick(models={"pls": {"n_components": [1, 2]}}, error_score="raise").fit(X, y)
    assert_allclose(found.oof_predictions_, expected.oof_predictions_, rtol=1e-9)


class FailsTogetherOrAt(families.GenericFamily):
    """Has no importances of two settings at once, nor those of one of them."""

    def batches(self, estimator, settings):
        return [list(range(len(settings)))]

    def importances(self, estimator, settings, X, y):
        if len(settings) > 1 or settings[0]["alpha"] == 2.0:
            raise FloatingPointError("no importances")
        return super().importances(estimator, settings, X, y)


def test_a_setting_without_importances_fails_alone(monkeypatch):
    X, y = small()
    options = {"selectors": "importance", "n_features": [4, 8]}
    expected = quick(models={"ridge": {"alpha": [1.0, 3.0]}}, **options).fit(X, y)
    serve_by(monkeypatch, FailsTogetherOrAt())
    with pytest.warns(FitFailedWarning, match=r"2 of 6 candidates failed.*no importances"):
        found = quick(models={"ridge": {"alpha": [1.0, 2.0, 3.0]}}, **options).fit(X, y)
    of_others = found.oof_predictions_[[0, 2, 3, 5]]
    assert_allclose(of_others, expected.oof_predictions_, rtol=1e-6)


# ------------------------------------------------------------------ preprocessing and folds


class StoresRows(RegressorMixin, BaseEstimator):
    """Keeps the rows that it is fitted to, and predicts."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y):
        self.rows_ = X
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.seen.append((self.rows_, X))
        return np.zeros(len(X))


class StoresRowsOfClasses(ClassifierMixin, StoresRows):
    pass


class Recorder(TransformerMixin, BaseEstimator):
    seen: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        self.seen.append(X[:, 0].copy())
        return self

    def transform(self, X):
        return X


def test_stateful_steps_see_training_rows_only(monkeypatch):
    monkeypatch.setattr(Recorder, "seen", [])
    X, y = small()
    splits = list(KFold(4).split(X))
    chain = make_pipeline(SNV(), Recorder())
    quick(preprocessing=[chain], models=["ridge", LinearRegression()], cv=splits).fit(X, y)
    *in_folds, in_winner = Recorder.seen
    treated = SNV().fit_transform(X)
    assert len(in_folds) == 2 * len(splits)
    for seen, (train, _) in zip(in_folds, splits * 2, strict=True):
        assert_array_equal(seen, treated[train, 0])
    assert_array_equal(in_winner, treated[:, 0])


class Negation(TransformerMixin, BaseEstimator):
    n_rows: list = []  # noqa: RUF012

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.n_rows.append(len(X))
        return -X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def test_stateless_steps_run_once_for_all_folds_and_models(monkeypatch):
    monkeypatch.setattr(Negation, "n_rows", [])
    X, y = small()
    quick(preprocessing=[Negation()], models=["ridge", LinearRegression()]).fit(X, y)
    assert Negation.n_rows == [20, 20]  # for the search and for the winner


def test_a_function_of_columns_does_not_leak():
    X, y = small()
    splits = list(KFold(4).split(X))
    centre = FunctionTransformer(lambda X: X - X.mean(axis=0))
    search = quick(preprocessing=[centre], models=[LinearRegression()], cv=splits).fit(X, y)
    for train, test in splits:
        expected = make_pipeline(centre, LinearRegression()).fit(X[train], y[train])
        assert_allclose(search.oof_predictions_[0, test], expected.predict(X[test]))


@pytest.mark.parametrize(
    ("model", "grid", "copy"),
    [
        ("ridge", {"alpha": [0.1, 1.0]}, "copy_X"),
        ("pls", {"n_components": [1, 2], "tol": [1e-6, 1e-7]}, "copy"),
    ],
)
def test_estimators_that_overwrite_their_input_harm_no_other_candidate(model, grid, copy):
    X, y = tall()
    expected = SpectralSearchCV({model: grid}, "raw", cv=3).fit(X, y)
    found = SpectralSearchCV({model: {**grid, copy: [False]}}, "raw", cv=3).fit(X.copy(), y.copy())
    assert_allclose(found.oof_predictions_, expected.oof_predictions_, rtol=1e-12)


def test_input_is_not_changed():
    X, y = small(20, 40)
    before = X.copy(), y.copy()
    SpectralSearchCV(cv=3, models=["pls"], preprocessing=["raw", "snv", "sg2"]).fit(X, y)
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])


def test_an_int_shuffles_with_the_seed():
    X, y = small()
    splits = KFold(3, shuffle=True, random_state=7)
    assert_array_equal(
        quick(cv=3, random_state=7).fit(X, y).oof_predictions_,
        quick(cv=splits).fit(X, y).oof_predictions_,
    )
    assert (
        quick(cv=3, random_state=7).fit(X, y).best_score_
        != quick(cv=3, random_state=8).fit(X, y).best_score_
    )


def test_groups_reach_the_splitter():
    X, y = small()
    groups = np.arange(20) // 4
    splits = list(GroupKFold(5).split(X, y, groups))
    assert_array_equal(
        quick(cv=GroupKFold(5)).fit(X, y, groups=groups).oof_predictions_,
        quick(cv=splits).fit(X, y).oof_predictions_,
    )


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_folds_of_an_int_keep_groups_together(task):
    X, y = small()
    y = y if task == "regression" else np.arange(20) % 2
    groups = np.random.default_rng(0).permutation(np.arange(20) // 4)
    model = StoresRows() if task == "regression" else StoresRowsOfClasses()
    StoresRows.seen.clear()
    quick(models=[model], task=task, outer_cv=3).fit(X, y, groups=groups)
    row_of = {tuple(row): number for number, row in enumerate(X)}
    assert len(StoresRows.seen) == 15  # folds, outer ones too
    for train, test in StoresRows.seen:
        of_train, of_test = ({groups[row_of[tuple(row)]] for row in part} for part in (train, test))
        assert not of_train & of_test


def test_repeats_count_each_time_and_their_predictions_are_averaged():
    X, y = small()
    splits = list(RepeatedKFold(n_splits=4, n_repeats=3, random_state=0).split(X))
    search = quick(cv=splits, models=[Ridge()]).fit(X, y)
    predictions = np.full((3, 20), np.nan)
    for fold, (train, test) in enumerate(splits):
        predictions[fold // 4, test] = Ridge().fit(X[train], y[train]).predict(X[test])
    assert search.n_splits_ == 12
    assert_allclose(search.oof_predictions_[0], predictions.mean(axis=0), rtol=1e-10)
    best = search.results_.iloc[0]
    squares = (predictions - y) ** 2
    assert_allclose(best.rmsecv, np.sqrt(squares.mean()), rtol=1e-10)
    assert_allclose(best.rpd, y.std(ddof=1) / best.rmsecv)
    per_sample = squares.mean(axis=0)
    assert_allclose(best.rmsecv_se, per_sample.std(ddof=1) / np.sqrt(20) / (2 * best.rmsecv))


def test_rows_never_held_out_do_not_count():
    X, y = small()
    splits = list(ShuffleSplit(2, test_size=5, random_state=0).split(X))
    search = quick(cv=splits, models=[Ridge()]).fit(X, y)
    held_out = np.concatenate([test for _, test in splits])
    predictions = np.concatenate(
        [Ridge().fit(X[train], y[train]).predict(X[test]) for train, test in splits]
    )
    assert_array_equal(np.flatnonzero(np.isfinite(search.oof_predictions_[0])), np.unique(held_out))
    best = search.results_.iloc[0]
    assert_allclose(best.rmsecv, np.sqrt(((predictions - y[held_out]) ** 2).mean()), rtol=1e-10)
    assert_allclose(best.r2, r2_score(y[held_out], predictions), rtol=1e-10)


# ------------------------------------------------------------------ figures of merit and ranking


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


class Fails(RegressorMixin, BaseEstimator):
    def __init__(self, when="fit"):
        self.when = when

    def fit(self, X, y):
        if self.when == "fit":
            raise RuntimeError("no fit today")
        return self

    def predict(self, X):
        value = {"nan": np.nan, "inf": np.inf}.get(self.when, 0.0)
        return np.full(len(X) + (self.when == "shape"), value)


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


# ------------------------------------------------------------------ bad input


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (with_value(X, (4, 2), np.nan), y), r"row 4 .* channel 2\."),
        (lambda X, y: (X, with_value(y, 3, np.inf)), "y has NaN or infinite values in row 3 "),
        (lambda X, y: (with_value(X, 7, 1.0), y), "same value in every channel of row 7 "),
        (lambda X, y: (X, np.ones(20)), "y is constant"),
        (lambda X, y: (X[:2], y[:2]), r"`cv` must be at most n_samples=2 folds; got 3\."),
        (lambda X, y: (X[:1], y[:1]), "minimum of 2"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, None), "requires y"),
    ],
)
def test_bad_data(change, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(*change(*small()))


@pytest.mark.parametrize("n_jobs", [0, 1.5])
def test_bad_number_of_jobs(n_jobs):
    with pytest.raises(ValueError, match=rf"'n_jobs' parameter .* Got {n_jobs} instead"):
        quick(n_jobs=n_jobs).fit(*small())


def test_channels_are_named_in_errors():
    X, y = small()
    frame = pd.DataFrame(
        with_value(X, (4, 2), np.nan), columns=[f"{900 + k} nm" for k in range(16)]
    )
    with pytest.raises(ValueError, match=r"row 4 .* channel 902 nm\."):
        quick().fit(frame, y)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"cv": 1}, ValueError, "'cv' parameter"),
        ({"error_score": 0.0}, ValueError, "'error_score' parameter"),
        ({"progress": "yes"}, ValueError, "'progress' parameter"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        quick(**parameters).fit(*small())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"models": ["knn", "gpr"], "selectors": "importance"}, "'importance' alone; got knn, gpr"),
        (
            {"models": {"pls": {"n_components": [5, 9]}}, "selectors": "vip"},
            "`n_features` has at most 4. Use fewer components, or more channels",
        ),
    ],
)
def test_grids_without_candidates(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**parameters, n_features=[2, 4]).fit(*small())


@pytest.mark.parametrize("cv", [None, LeaveOneOut(), KFold(3)])
def test_splitters(cv):
    X, y = small(12)
    assert quick(cv=cv).fit(X, y).n_splits_ == (5 if cv is None else cv.get_n_splits(X))


def test_splits_as_masks_equal_splits_as_numbers():
    X, y = small()
    by_number = list(KFold(4).split(X))
    masks = [tuple(np.isin(np.arange(20), rows) for rows in split) for split in by_number]
    found, expected = quick(cv=masks).fit(X, y), quick(cv=by_number).fit(X, y)
    assert_array_equal(found.oof_predictions_, expected.oof_predictions_)
    pd.testing.assert_frame_equal(
        found.results_.drop(columns="seconds"), expected.results_.drop(columns="seconds")
    )


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([(range(10), range(10, 20)), (range(20), [])], "got 20 and 0 in fold 1 "),
        ([([], range(20))], "got 0 and 20 in fold 0 "),
        ([(np.zeros(20, bool), np.ones(20, bool))], "got 0 and 20 in fold 0 "),
        ([], "`cv` must give at least one fold"),
        ([(range(10), [20])], "numbers below n_samples=20 .* out of bounds"),
        ([(range(10), [10.0])], "numbers below n_samples=20 .* float64"),
        ([(range(10), np.ones(19, bool))], r"masks of that length; got .* shape \(19,\)"),
    ],
)
def test_bad_splits(splits, message):
    with pytest.raises(ValueError, match=message):
        quick(cv=splits).fit(*small())


def test_an_iterator_of_splits_can_be_used_once():
    X, y = small()
    search = quick(cv=KFold(4).split(X))
    search.plan(X, y)
    with pytest.raises(ValueError, match=r"got none\. An iterator can be used once: pass a"):
        search.fit(X, y)


# ------------------------------------------------------------------ warnings and compilation


class Warns(Ridge):
    def fit(self, X, y):
        warnings.warn(f"{len(y)} rows", RuntimeWarning, stacklevel=1)
        return super().fit(X, y)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_of_fits_become_one(n_jobs, backend):
    X, y = small()
    with (
        joblib.parallel_config(backend=backend),
        pytest.warns(
            UserWarning, match="validating: 4. The first: RuntimeWarning: 15 rows"
        ) as warned,
    ):
        quick(models={"best": Ridge(), "b": Warns(1e9)}, cv=4, n_jobs=n_jobs).fit(X, y)
    assert len(warned) == 1


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_choice_of_a_selector_that_is_not_asked_for_it_gives_no_warning(n_jobs, task):
    X, y = small()
    y = y if task == "regression" else y > np.median(y)
    options = {"models": "pls", "selectors": {"sr": {"threshold": [1e9]}}, "task": task}
    given = quick(**options, n_features=[3], n_jobs=n_jobs).fit(X, y)
    assert given.results_["status"].eq("done").all()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        both = quick(**options, n_features=[3, "auto"], n_jobs=n_jobs).fit(X, y)
    assert any("No channel is selected" in str(each.message) for each in warned)
    assert set(both.results_["status"]) == {"done", "failed"}


LATE = Lasso(alpha=1e-4, max_iter=2)
LATE_MODELS = {
    "pls": {"n_components": [2]},
    "lasso": LATE,
    "svr": SVR(kernel="linear", max_iter=1),
    "knn": KNeighborsRegressor(2),
}


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fits_that_do_not_converge_are_counted_by_candidate(n_jobs, backend, tmp_path):
    X, y = small()
    options = {"models": LATE_MODELS, "n_jobs": n_jobs, "journal": tmp_path / "journal.sqlite"}
    for _ in range(2):  # the second time from the journal
        with (
            joblib.parallel_config(backend=backend),
            pytest.warns(ConvergenceWarning, match=r"2 of 4 candidates did not conv") as warned,
        ):
            search = quick(**options).fit(X, y)
        assert len(warned) == 1
        assert search.results_.sort_index().n_not_converged.tolist() == [0, 3, 3, 0]


def test_fits_that_select_count_and_so_does_the_last_one():
    X, y = small()
    grid = [{"alpha": [1e-4, 100.0], "max_iter": [2]}]
    with pytest.warns(ConvergenceWarning) as warned:
        search = quick(
            models={"lasso": grid}, selectors=["importance"], n_features=[3, 5], cv=2
        ).fit(X, y)
    [warning] = warned
    assert str(warning.message).startswith("2 of 4 candidates did not converge; ")
    assert "The best one, fitted to all samples, did not converge." in str(warning.message)
    table = search.results_.sort_index()
    late = [each["alpha"] < 1 for each in table.params]
    assert (table.n_not_converged[late] > 2).all()
    assert (table.n_not_converged[np.logical_not(late)] == 0).all()


def test_other_warnings_are_no_fits_that_do_not_converge():
    X, y = small()
    with pytest.warns(UserWarning, match="validating: 3. The first: RuntimeWarning"):
        search = quick(models={"best": Ridge(), "b": Warns(1e9)}).fit(X, y)
    assert (search.results_.n_not_converged == 0).all()


def counted(monkeypatch, owner, names):
    called = []

    def count(name):
        original = getattr(owner, name)

        def counting(*args):
            called.append(name)
            return original(*args)

        monkeypatch.setattr(owner, name, counting)

    for name in names:
        count(name)
    return called


def test_what_workers_call_is_compiled_first(monkeypatch):
    called = counted(monkeypatch, _execution, ["_is_own"])
    called += counted(monkeypatch, kernels, ["msc"])
    quick(n_jobs=1, preprocessing=["msc"]).fit(*small())
    assert "_is_own" not in called
    fitted = counted(monkeypatch, PLSFamily, ["predict"])
    quick(n_jobs=2, models="pls", preprocessing=["msc"]).fit(*small())
    assert fitted == ["predict"]  # in this process, on a few rows; the others are in the workers


# ------------------------------------------------------------------ manners


def test_data_frames_name_the_channels():
    X, y = small()
    names = [f"{900 + k}" for k in range(16)]
    frame = pd.DataFrame(X, columns=names)
    search = quick(preprocessing=["snv", "raw"]).fit(frame, y)
    assert search.feature_names_in_.tolist() == names
    assert search.n_features_in_ == 16
    assert search.best_estimator_.feature_names_in_.tolist() == names
    assert search.predict(frame).shape == (20,)
    with pytest.raises(ValueError, match="feature names"):
        search.predict(frame[names[::-1]])


def test_pandas_output_changes_nothing():
    X, y = small()
    parameters = {"preprocessing": ["snv+sg1", "msc", StandardScaler()]}
    expected = quick(**parameters).fit(X, y)
    with sklearn.config_context(transform_output="pandas"):
        found = quick(**parameters).fit(X, y)
    assert_array_equal(found.oof_predictions_, expected.oof_predictions_)


def test_pickle():
    X, y = small()
    search = quick(preprocessing=["snv"]).fit(X, y)
    again = pickle.loads(pickle.dumps(search))
    assert_array_equal(again.predict(X), search.predict(X))
    pd.testing.assert_frame_equal(again.results_, search.results_)


def test_user_objects_stay_unfitted():
    X, y = small()
    scaler, model = StandardScaler(), Ridge()
    search = quick(models=[model], preprocessing=[scaler]).fit(X, y)
    assert not hasattr(scaler, "mean_")
    assert not hasattr(model, "coef_")
    assert search.best_estimator_[0] is not scaler


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        quick().predict(small()[0])


def test_progress_shows_the_best_rmsecv(capsys, monkeypatch):
    X, y = small()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    search = quick(progress=True).fit(X, y)
    assert f"best RMSECV {-search.best_score_:.4g}" in capsys.readouterr().err
    quick().fit(X, y)
    assert capsys.readouterr().err == ""


def test_progress_in_a_file_is_plain_lines(capsys, monkeypatch):
    X, y = small()
    quick(progress=True).fit(X, y)
    assert capsys.readouterr().err == ""  # it took no half minute
    monkeypatch.setattr("spectral_fast.model_selection._progress._SECONDS_BETWEEN_LINES", 0.0)
    search = quick(progress=True).fit(X, y)
    printed = capsys.readouterr().err
    assert "\r" not in printed
    last = printed.splitlines()[-1]
    assert last == f"6 of 6 folds, best RMSECV {-search.best_score_:.4g}, 0 s left"


# ------------------------------------------------------------------ rare folds, scores and values


def two_classes():
    X, y = small()
    return X, (y > np.median(y)).astype(int)


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
@pytest.mark.parametrize(
    "cv", [LeaveOneOut(), [(np.arange(0, 20, 2), np.arange(1, 20, 2))]], ids=["loo", "one fold"]
)
def test_folds_too_few_or_small_for_an_error_of_the_score(cv, scoring):
    options = {"models": "ridge", "cv": cv, "task": "classification", "scoring": scoring}
    search = quick(**options).fit(*two_classes())
    assert np.isfinite(search.best_score_)
    assert search.one_se_index_ in range(len(search.results_))


def test_one_held_out_sample():
    search = quick(cv=[(np.arange(19), [19])]).fit(*small())
    assert search.one_se_index_ == search.best_index_


def test_no_candidate_has_the_score():
    search = quick(models="svr", task="classification", scoring="log_loss")
    with pytest.raises(ValueError, match="No candidate has a score by `scoring='log_loss'`"):
        search.fit(*two_classes())


@pytest.mark.parametrize(
    "models",
    [
        {"pls": {"n_components": [2, "two"]}},
        {"pls": {"n_components": [2, 2.5]}},
        {"ridge": {"alpha": [1.0, None]}},
        {"ridge": {"alpha": [1.0, "one"]}},
    ],
)
def test_values_of_the_wrong_type_fail_alone(models):
    with pytest.warns(FitFailedWarning, match="1 of 2 candidates"):
        search = quick(models=models).fit(*small())
    assert search.results_.sort_index().error.notna().tolist() == [False, True]


@pytest.mark.filterwarnings("ignore:Warnings while cross-validating")
@pytest.mark.parametrize("solver", ["svd", "lsqr", "sag"])
def test_ridge_by_solvers_that_stop_early(solver):
    X, y = tecator()
    splits = list(KFold(3).split(X))
    ridge = Ridge(1e-3, solver=solver, max_iter=20, random_state=0)
    search = quick(models=[ridge], cv=splits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, y)
        expected = [ridge.fit(X[train], y[train]).predict(X[test]) for train, test in splits]
    assert_allclose(search.oof_predictions_[0], np.concatenate(expected), rtol=1e-6)


class Doubles(BaseEstimator):
    """As a Pipeline takes it: without `fit_transform`."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * X


def test_a_step_without_fit_transform():
    X, y = small()
    found = quick(preprocessing=[Doubles()]).fit(X, y)
    expected = quick().fit(2 * X, y).oof_predictions_
    assert_allclose(found.oof_predictions_, expected, rtol=1e-9)  # fold by fold, or all at once


def test_a_plan_is_no_fit():
    X, y = small()
    search = quick()
    search.plan(X, y)
    with pytest.raises(NotFittedError):
        search.predict(X)


def test_the_estimate_counts_what_is_not_shared():
    X, y = small()

    def seconds(model, n_penalties, selectors="full"):
        grid = {model: {"alpha": list(np.logspace(-3, 0, n_penalties))}}
        return SpectralSearchCV(grid, "snv", selectors, n_features=[5]).plan(X, y).seconds

    assert seconds("ridge", 10) == seconds("ridge", 1)
    assert seconds("elasticnet", 10) == pytest.approx(10 * seconds("elasticnet", 1))
    for model in ("ridge", "elasticnet"):
        few, many = (seconds(model, n_penalties, "importance") for n_penalties in (1, 10))
        assert many == pytest.approx(10 * few)
        assert few >= 5 * 1e-4  # five folds, each with a fit on channels of its own


def test_resumes_with_other_numbers_of_channels(tmp_path):
    X, y = small()
    options = {"selectors": ["vip", "importance"], "journal": tmp_path / "journal.sqlite"}
    quick(**options, n_features=[4, 6]).fit(X, y)
    found = quick(**options, n_features=[4, 6, 9]).fit(X, y)
    expected = quick(selectors=["vip", "importance"], n_features=[4, 6, 9]).fit(X, y)
    assert_array_equal(found.oof_predictions_, expected.oof_predictions_)


# ------------------------------------------------------------------ the end before the end


class StopsAt:
    """A callback that presses Ctrl-C, of which copies count on."""

    count = 0

    def __init__(self, last):
        type(self).count = 0
        self.last = last

    def __call__(self, event):
        StopsAt.count += 1
        if StopsAt.count == self.last:
            raise KeyboardInterrupt


def test_what_failed_and_what_was_not_evaluated_are_counted_apart():
    X, y = small()
    models = [Fails(), *(("knn" + count * "+", KNeighborsRegressor(count)) for count in (1, 2, 3))]
    with pytest.warns() as warned:
        search = quick(models=models, cv=2, callback=StopsAt(4)).fit(X, y)
    assert sorted(search.results_.status) == ["done", "failed", "not evaluated", "not evaluated"]
    assert [(each.category, str(each.message).split(";")[0]) for each in warned] == [
        (
            UserWarning,
            "The search ended early (interrupted): 2 of 4 candidates were not evaluated and rank "
            "last. With a `journal` the same search goes on from there.",
        ),
        (FitFailedWarning, "1 of 4 candidates failed and rank last"),
    ]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_before_the_first_candidate_stays_one_and_keeps_the_journal(tmp_path, n_jobs):
    X, y = small()
    options = {"models": "knn", "journal": tmp_path / "journal.sqlite", "n_jobs": n_jobs}
    with pytest.raises(KeyboardInterrupt):
        quick(**options, callback=StopsAt(1)).fit(X, y)
    assert re.search(r"tasks done +1\n", describe_journal(options["journal"]))
    assert quick(**options).fit(X, y).results_.status.eq("done").all()


def test_a_time_limit_before_the_first_candidate():
    with pytest.raises(RuntimeError, match=r"No candidate was finished.*\(time limit\)"):
        quick(time_limit=1e-9).fit(*small())


def test_ctrl_c_at_the_last_step_comes_too_late(tmp_path):
    X, y = small()
    options = {"preprocessing": ["raw", "snv"], "journal": tmp_path / "journal.sqlite"}
    search = quick(**options, callback=StopsAt(2)).fit(X, y)
    assert StopsAt.count == 2
    assert search.stopped_ == ""
    assert search.results_.status.eq("done").all()
    assert "finished" in describe_journal(options["journal"])


@pytest.mark.parametrize("last", [8, 9])
def test_ctrl_c_in_the_last_of_the_outer_folds(last):
    X, y = small()
    search = quick(preprocessing=["raw", "snv"], outer_cv=3, callback=StopsAt(last)).fit(X, y)
    assert StopsAt.count == 8
    assert search.stopped_ == ""
    assert np.isfinite(search.outer_score_)


@pytest.mark.filterwarnings("ignore:The search ended early")
@pytest.mark.parametrize("last", [1, 2, 4, 7])
def test_ctrl_c_ends_the_outer_folds_too(last):
    X, y = small()
    search = quick(preprocessing=["raw", "snv"], outer_cv=3, callback=StopsAt(last)).fit(X, y)
    assert StopsAt.count == last
    assert search.stopped_ == "interrupted"
    assert np.isnan(search.outer_score_)
    assert np.isnan(search.outer_predictions_).all()
    assert np.isfinite(search.predict(X)).all()


def test_the_time_limit_holds_for_the_outer_folds(monkeypatch):
    X, y = small()
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def wait(event):
        now[0] += 20.0

    search = quick(outer_cv=3, callback=wait, time_limit=10.0).fit(X, y)
    assert search.stopped_ == "time limit"
    assert now[0] == 20.0
    assert search.results_.error.isna().all()


# ------------------------------------------------------------------ what a journal keeps


class DiesInWorkers(Ridge):
    def fit(self, X, y):
        if multiprocessing.current_process().name != "MainProcess":
            os._exit(1)
        return super().fit(X, y)


def test_a_task_whose_worker_died_is_tried_again(tmp_path):
    X, y = small()
    options = {"models": [DiesInWorkers(), Ridge()], "journal": tmp_path / "journal.sqlite"}
    with pytest.warns(FitFailedWarning, match="died twice"):
        quick(**options, n_jobs=2).fit(X, y)
    assert quick(**options, n_jobs=1).fit(X, y).results_.error.isna().all()


def test_groups_reach_the_selectors():
    X, y = small(40, 16)
    groups = np.repeat(np.arange(20), 2)
    selector = VIP(n_components=2, n_features_to_select="cv", cv=GroupKFold(4))
    search = quick(selectors=[selector], n_features="auto").fit(X, y, groups=groups)
    assert search.results_.error.isna().all()
    assert "selector" in search.best_estimator_.named_steps


def test_single_precision_is_promoted():
    X, y = tall()
    single, double = X.astype(np.float32), X.astype(np.float32).astype(np.float64)
    parameters = {"models": {"ridge": {"alpha": [1e-6]}}, "preprocessing": "raw"}
    found = SpectralSearchCV(**parameters).fit(single, y)
    expected = SpectralSearchCV(**parameters).fit(double, y)
    assert_array_equal(found.oof_predictions_, expected.oof_predictions_)
    coef = expected.best_estimator_[-1].coef_
    assert_array_equal(found.best_estimator_[-1].coef_, coef)
    frame = pd.DataFrame(single, columns=[f"{k}" for k in range(X.shape[1])])
    of_frame = SpectralSearchCV(**parameters).fit(frame, y).best_estimator_[-1].coef_
    assert_allclose(of_frame, coef, rtol=1e-9)  # a frame's columns lie one after another


def test_what_a_classifier_decides_by_ranks_it():
    X, y = small(40, 16)
    classes = np.where(y > np.median(y), "high", "low")
    search = quick(models="svr", task="classification", scoring="roc_auc").fit(X, classes)
    assert search.results_.roc_auc.notna().all()
    assert search.results_.log_loss.isna().all()


def weighted_logistic(weights):
    return LogisticRegression(class_weight=weights)


@pytest.mark.parametrize(
    ("labels", "weights"),
    [(("fat", "lean"), {"lean": 9.0}), ((2, 1), {1: 1.0, 2: 9.0}), ((1, 0), {0: 9.0})],
)
def test_weights_of_classes_go_by_their_names(labels, weights):
    X, y = small(40, 16)
    y = np.where(y > np.quantile(y, 0.7), *labels)
    models = {"svr": {"class_weight": [None, weights]}, "logistic": weighted_logistic(weights)}
    selector = SelectFromModel(weighted_logistic(weights))
    selectors = {"full": "full", "weighted": selector}
    search = quick(models=models, selectors=selectors, task="classification").fit(X, y)
    assert search.results_.error.isna().all()
    for position, candidate in search.results_.iterrows():
        model = clone(models["logistic"]) if candidate.model == "logistic" else SVC()
        steps = [selector, model.set_params(**candidate.params)][candidate.selector is None :]
        expected = cross_val_predict(make_pipeline(*steps), X, y, cv=search.splits_)
        found = search.oof_predictions_[position].astype(int)
        assert_array_equal(search.classes_[found], expected)
    tried = search.cv_results_["param_model__class_weight"].compressed()
    assert tried.tolist() == [None, weights, None, weights]
    assert_array_equal(search.predict(X), search.best_estimator_.fit(X, y).predict(X))


def test_weights_of_what_is_no_class():
    X, y = small()
    y = np.where(y > np.median(y), "fat", "lean")
    with pytest.raises(ValueError, match=r"which are 'fat', 'lean'; got 'fatt'. Name the classes"):
        quick(models=[weighted_logistic({"fatt": 2.0})], task="classification").fit(X, y)


def test_optimism_is_not_estimated_from_single_samples():
    X, y = small()
    assert np.isnan(quick(cv=LeaveOneOut()).fit(X, y).selection_bias_)
    assert quick(cv=4).fit(X, y).selection_bias_ >= 0


def test_splits_cannot_be_those_of_the_outer_folds_too():
    X, y = small()
    with pytest.raises(ValueError, match="`cv` must be an int or a splitter where `outer_cv`"):
        quick(cv=list(KFold(4).split(X)), outer_cv=3).fit(X, y)


def test_time_of_outer_searches():
    timing = quick(outer_cv=3).fit(*small()).timing_
    assert timing["outer searches"] > timing["orchestration"] > 0
    assert sum(timing.values()) == pytest.approx(2 * timing["wall"], rel=0.01)


class CountsFits(Ridge):
    """Has no attributes of its own: copies count on."""

    count = 0

    def fit(self, X, y, sample_weight=None):
        CountsFits.count += 1
        return super().fit(X, y, sample_weight)


def test_resumes_after_its_objects_were_fitted(tmp_path):
    X, y = small()
    given = model, step, selector = CountsFits(), StandardScaler(), VIP(n_components=2)
    options = {
        "models": [model],
        "preprocessing": [step],
        "selectors": [selector],
        "journal": tmp_path / "journal.sqlite",
    }
    quick(**options).fit(X, y)
    for each in given:
        each.fit(X, y)
    CountsFits.count = 0
    quick(**options).fit(X, y)
    assert CountsFits.count == 1  # of the winner, to all samples


def test_versions_of_named_packages_are_part_of_the_keys():
    named = _records._versions((BoostedRegressor("lightgbm"), Ridge()))
    assert {"lightgbm", "scikit-learn"} <= set(named)
    assert "xgboost-cpu" not in named
