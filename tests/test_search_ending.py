"""SpectralSearchCV: searches that end early, and what their journals keep."""

import multiprocessing
import os
import re
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from spectral_fast.boosting import BoostedRegressor
from spectral_fast.feature_selection import VIP
from spectral_fast.model_selection import SpectralSearchCV, _records
from spectral_fast.model_selection._journal import describe_journal
from tests.searches import Fails, quick, small, tall

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


class CtrlCAtTheEnd(Ridge):
    """Presses Ctrl-C so many times while it is fitted to all 12 samples."""

    def __init__(self, times=1):
        super().__init__()
        self.times = times

    def fit(self, X, y, sample_weight=None):
        for _ in range(self.times if len(X) == 12 else 0):
            signal.raise_signal(signal.SIGINT)
        return super().fit(X, y, sample_weight)


@pytest.fixture
def keyboard():
    """Let Ctrl-C raise `KeyboardInterrupt`, which a program in the background may not do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_waits_for_the_best_model():
    X, y = small(12)
    search = quick(models=[CtrlCAtTheEnd()]).fit(X, y)
    assert search.stopped_ == ""
    assert np.isfinite(search.predict(X)).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_at_the_best_model_leaves_out_the_outer_folds():
    X, y = small(12)
    search = quick(models=[CtrlCAtTheEnd()], outer_cv=2).fit(X, y)
    assert search.stopped_ == "interrupted"
    assert np.isnan(search.outer_score_)
    assert np.isfinite(search.predict(X)).all()


@pytest.mark.usefixtures("keyboard")
def test_a_second_ctrl_c_does_not_wait():
    X, y = small(12)
    with pytest.raises(KeyboardInterrupt):
        quick(models=[CtrlCAtTheEnd(2)]).fit(X, y)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_search_in_a_thread_gets_no_signals():
    X, y = small()
    search = quick()
    thread = threading.Thread(target=search.fit, args=(X, y))
    thread.start()
    thread.join()
    assert search.results_.status.eq("done").all()


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
