"""SpectralSearchCV: warnings, compilation, and what an estimator leaves as it was."""

import os
import pickle
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Lasso, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from spectral_fast import kernels
from spectral_fast.model_selection import _execution
from spectral_fast.model_selection.families._pls import PLSFamily
from tests.searches import quick, small

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


def test_progress_in_a_narrow_terminal(monkeypatch):
    termios = pytest.importorskip("termios")
    X, y = small()
    reader, writer = os.openpty()
    termios.tcsetwinsize(writer, (24, 60))
    with open(writer, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        search = quick(progress=True).fit(X, y)
        monkeypatch.undo()
        printed = os.read(reader, 100_000).decode()
    os.close(reader)
    first, *_, last, after = filter(None, printed.replace("\r", "\n").split("\n"))
    assert first.lstrip().startswith("0%|")
    assert last.startswith(f"best RMSECV {-search.best_score_:.4g}, 100%|")
    assert last.endswith("]")
    assert len(last) in (59, 60)  # a terminal may keep its last column free
    assert after.startswith("Fitting the best model; Ctrl-C waits")


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
