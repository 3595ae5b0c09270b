"""SpectralSearchCV: the numbers of plain loops over scikit-learn Pipelines."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_info

from spectral_fast.kernels import get_num_threads
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._journal import JournalError
from spectral_fast.preprocessing import SNV
from tests.reference import search as reference
from tests.searches import gasoline, quick, several_targets, small, tall, tecator

GRIDS = {"pls": {"n_components": [1, 2, 3, 4, 5, 6]}, "ridge": {"alpha": [1e-3, 1e-1, 10.0]}}
TWINS = {"pls": SklearnPLSRegression(scale=False), "ridge": Ridge()}


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


def test_text_is_pointed_out():
    X, y = small()
    frame = pd.DataFrame(X, columns=[str(850 + i) for i in range(X.shape[1])])
    frame.insert(0, "sample", "Spectrum00001")
    with pytest.raises(ValueError, match=r"X must hold .* column 'sample'\. .*read_table"):
        quick().fit(frame, y)
    with pytest.raises(ValueError, match="X must hold numbers; it holds text"):
        quick().fit(frame.to_numpy(), y)
    with pytest.raises(ValueError, match=r"y must hold numbers.*task=.classification"):
        quick().fit(X, ["low", "high"] * 10)


def test_text_that_can_be_read_as_numbers_is_not_pointed_out():
    X, y = small()
    frame = pd.DataFrame(X, columns=[str(850 + i) for i in range(X.shape[1])]).astype(object)
    frame["850"] = pd.array([pd.NA, *range(19)], dtype="Int64")
    y_text = np.array(["<0.1", *y[1:]], dtype=object)
    for spectra in (frame, X.astype(object), X.astype(str)):
        with pytest.raises(ValueError, match=r"y must hold numbers; it holds text"):
            quick().fit(spectra, y_text)
    frame["853"] = "n.d."
    with pytest.raises(ValueError, match=r"X must hold .* in column '853'\."):
        quick().fit(frame, y)


def test_a_journal_is_of_one_grouping(tmp_path):
    X, y = small()
    groups = np.arange(20) // 4
    parameters = {"cv": list(GroupKFold(5).split(X, y, groups)), "journal": tmp_path / "journal"}
    quick(**parameters).fit(X, y, groups=groups)
    quick(**parameters).fit(X, y, groups=[f"lot {group}" for group in groups])
    with pytest.raises(JournalError, match=r"What differs.*groups \(\w+… → none\)"):
        quick(**parameters).fit(X, y)


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
