"""SpectralSearchCV: what models share, and fit together, changes no number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression
from sklearn.exceptions import FitFailedWarning
from sklearn.preprocessing import StandardScaler

from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.model_selection import SpectralSearchCV, _plan, _tasks, families
from spectral_fast.model_selection.families._pls import PLSFamily
from tests.searches import quick, several_targets, small, tall, tecator


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
