"""PLSRegressionCV against scikit-learn's PLS, fold by fold and count by count."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from spectral_fast.cross_decomposition import PLSRegression, PLSRegressionCV
from spectral_fast.cross_decomposition._pls_cv import _randomization_p_values
from spectral_fast.datasets import load_gasoline
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.preprocessing import SNV
from tests.reference import pls_cv as reference

RULES = ("min", "1se", "wold", "randomization")
every_rule = pytest.mark.parametrize("rule", RULES)
both_targets = pytest.mark.parametrize("n_targets", [1, 3])
both_scales = pytest.mark.parametrize("scale", [True, False])
both_scorings = pytest.mark.parametrize("scoring", ["rmse", "mae"])


def mixtures(n=12, p=15, n_targets=1, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    concentrations = rng.uniform(size=(n, 4)) * [4, 3, 2, 1]
    X = concentrations @ rng.normal(size=(4, p)) + noise * rng.normal(size=(n, p))
    Y = concentrations @ rng.normal(size=(4, n_targets)) * [5.0, 1.0, 0.1][:n_targets]
    Y = Y + noise * Y.std(axis=0) * rng.normal(size=Y.shape)
    return X, Y[:, 0] if n_targets == 1 else Y


def folds(n, n_splits=4):
    return list(KFold(n_splits, shuffle=True, random_state=0).split(np.empty(n)))


def losses_of(pls, y, scoring="rmse"):
    """Losses of each sample with 1, 2, … components, as the rules see them."""
    relative = (pls.oof_predictions_[1:] - y) / y.std(axis=0, ddof=1)
    losses = relative**2 if scoring == "rmse" else np.abs(relative)
    return losses.reshape(*losses.shape[:2], -1).mean(axis=2)


class TestAgainstTheTwin:
    @every_rule
    @both_targets
    @both_scales
    @both_scorings
    def test_everything(self, rule, n_targets, scale, scoring):
        X, y = mixtures(n_targets=n_targets)
        settings = {"rule": rule, "scale": scale, "scoring": scoring, "alpha": 0.2}
        pls = PLSRegressionCV(5, cv=4, **settings).fit(X, y)
        picked, rmse, predictions = reference.pls_cv(X, y.reshape(12, -1), 5, folds(12), **settings)
        assert pls.n_components_ == picked
        assert_allclose(pls.rmsecv_.reshape(6, -1), rmse, rtol=1e-7)
        assert_allclose(pls.oof_predictions_.reshape(predictions.shape), predictions, rtol=1e-6)
        assert pls.rmsecv_.shape == (6, *y.shape[1:])
        assert pls.rmsecv_se_.shape == (6, *y.shape[1:])
        assert pls.oof_predictions_.shape == (6, *y.shape)

    @pytest.mark.parametrize("rule", ["min", "1se", "wold"])
    @settings(deadline=None, derandomize=True, max_examples=15)
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(8, 16),
        p=st.integers(3, 20),
        n_targets=st.integers(1, 3),
        scoring=st.sampled_from(["rmse", "mae"]),
        noise=st.sampled_from([0.1, 0.5, 2.0]),
    )
    def test_random_data(self, rule, seed, n, p, n_targets, scoring, noise):
        X, y = mixtures(n, p, n_targets, seed, noise)
        largest = min(p, 4)
        splits = folds(n)
        pls = PLSRegressionCV(largest, cv=splits, rule=rule, scoring=scoring).fit(X, y)
        picked, rmse, _ = reference.pls_cv(
            X, y.reshape(n, -1), largest, splits, rule, scoring=scoring
        )
        assert pls.n_components_ == picked
        assert_allclose(pls.rmsecv_.reshape(rmse.shape), rmse, rtol=1e-6)

    @pytest.mark.parametrize("seed", range(5))
    def test_p_values_are_those_of_all_exchanges(self, seed):
        rng = np.random.default_rng(seed)
        differences = rng.normal(size=(4, 9)) + np.array([[0.0], [0.3], [0.6], [1.5]])
        p_values = _randomization_p_values(differences, 4000, np.random.RandomState(seed))
        expected = [reference.p_value(row) for row in differences]
        assert_allclose(p_values, expected, atol=0.03)

    def test_p_value_of_equal_models_is_one(self):
        p_values = _randomization_p_values(np.zeros((1, 9)), 99, np.random.RandomState(0))
        assert_array_equal(p_values, [1.0])

    def test_least_p_value(self):
        p_values = _randomization_p_values(np.ones((1, 40)), 99, np.random.RandomState(0))
        assert_array_equal(p_values, [0.01])

    def test_published_rmsep_of_the_mean(self):
        """R's pls prints 1.545 for gasoline, 50 samples, leave-one-out, 0 components."""
        X, octane = load_gasoline(return_X_y=True)
        pls = PLSRegressionCV(10, cv=LeaveOneOut()).fit(X[:50], octane[:50])
        assert round(pls.rmsecv_[0], 3) == 1.545
        assert pls.n_components_ == 8

    def test_standard_error(self):
        X, y = mixtures(40, n_targets=3)
        pls = PLSRegressionCV(3).fit(X, y)
        squares = (pls.oof_predictions_ - y) ** 2
        expected = squares.std(axis=1, ddof=1) / np.sqrt(40) / (2 * pls.rmsecv_)
        assert_allclose(pls.rmsecv_se_, expected)


class TestRules:
    def test_order(self):
        """No rule but Wold's picks more components than the least error has."""
        for seed in range(10):
            X, y = mixtures(30, seed=seed, noise=1.0)
            picked = {rule: PLSRegressionCV(8, rule=rule).fit(X, y).n_components_ for rule in RULES}
            assert 1 <= picked["1se"] <= picked["min"] <= 8
            assert 1 <= picked["randomization"] <= picked["min"]

    def test_one_standard_error(self):
        X, y = mixtures(30, noise=0.3, seed=2)
        pls = PLSRegressionCV(8, rule="1se").fit(X, y)
        least = pls.rmsecv_[1:].argmin() + 1
        bound = pls.rmsecv_[least] + pls.rmsecv_se_[least]
        assert pls.n_components_ < least
        assert pls.rmsecv_[pls.n_components_] <= bound
        assert (pls.rmsecv_[1 : pls.n_components_] > bound).all()

    def test_wold(self):
        X, y = mixtures(30, noise=0.3, seed=2)
        pls = PLSRegressionCV(8, rule="wold").fit(X, y)
        ratios = (pls.rmsecv_[2:] / pls.rmsecv_[1:-1]) ** 2
        assert (ratios[: pls.n_components_ - 1] < 0.95).all()
        assert ratios[pls.n_components_ - 1] >= 0.95

    def test_significance_level(self):
        X, y = mixtures(30, noise=0.3, seed=2)
        picked = [
            PLSRegressionCV(8, rule="randomization", alpha=alpha).fit(X, y).n_components_
            for alpha in (0.0005, 0.01, 0.5, 0.999)
        ]
        assert picked[0] == 1  # no p-value is below 1 in 1000 exchanges
        assert picked == sorted(picked)
        assert picked[-1] == PLSRegressionCV(8).fit(X, y).n_components_

    @every_rule
    @both_scorings
    def test_units_do_not_matter(self, rule, scoring):
        X, y = mixtures(30, n_targets=3)
        pls = PLSRegressionCV(6, rule=rule, scoring=scoring)
        expected = pls.fit(X, y).n_components_
        assert pls.fit(1e3 * X, y * [1e4, 1.0, 1e-3]).n_components_ == expected

    def test_gross_errors_disturb_mae_less(self):
        """One wrong reference value outweighs all others in the sum of squares."""
        X, y = mixtures(40, noise=0.02)
        good = PLSRegressionCV(8).fit(X, y).n_components_
        y[3] += 100.0
        robust, plain = (PLSRegressionCV(8, scoring=s).fit(X, y) for s in ("mae", "rmse"))
        error = losses_of(plain, y)
        assert error[:, 3].min() > 0.5 * error.sum(axis=1).max()
        assert abs(robust.n_components_ - good) <= abs(plain.n_components_ - good)

    def test_equal_errors_go_to_fewer_components(self):
        """Beyond the rank the predictions, and so the errors, repeat."""
        X, y = mixtures(20, noise=0.0)
        with pytest.warns(UserWarning, match="fewer than 8 components"):
            pls = PLSRegressionCV(8).fit(X, y)
        assert pls.n_components_ <= 4
        assert_allclose(pls.predict(X), y, rtol=1e-8)


class TestTheFittedModel:
    @both_targets
    @both_scales
    def test_is_plsregression(self, n_targets, scale):
        X, y = mixtures(20, n_targets=n_targets)
        pls = PLSRegressionCV(6, scale=scale).fit(X, y)
        same = PLSRegression(pls.n_components_, scale=scale).fit(X, y)
        assert isinstance(pls, PLSRegression)
        assert pls.n_components == pls.n_components_
        assert_array_equal(pls.coef_, same.coef_)
        assert_array_equal(pls.predict(X), same.predict(X))
        assert_array_equal(pls.transform(X), same.transform(X))
        assert_array_equal(pls.vip(), same.vip())
        assert len(pls.get_feature_names_out()) == pls.n_components_

    def test_int_cv_is_shuffled_as_in_the_search(self):
        X, y = mixtures(30)
        pls = PLSRegressionCV(5, cv=5, random_state=3).fit(X, y)
        search = SpectralSearchCV(
            models={"pls": {"n_components": [1, 2, 3, 4, 5]}}, preprocessing="raw", random_state=3
        ).fit(X, y)
        by_count = search.results_.sort_values("n_components")
        assert_allclose(pls.rmsecv_[1:], by_count["rmsecv"], rtol=1e-9)
        assert_allclose(pls.rmsecv_se_[1:], by_count["rmsecv_se"], rtol=1e-7)
        assert pls.n_components_ == search.best_params_["model__n_components"]

    def test_splitters(self):
        X, y = mixtures(20)
        groups = np.arange(20) // 4
        expected = PLSRegressionCV(4, cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
        grouped = PLSRegressionCV(4, cv=GroupKFold(5)).fit(X, y, groups=groups)
        assert_array_equal(grouped.rmsecv_, expected.rmsecv_)
        ten = PLSRegressionCV(4, cv=10).fit(X, y)
        assert_array_equal(PLSRegressionCV(4, cv=None).fit(X, y).rmsecv_, ten.rmsecv_)

    @every_rule
    def test_seeds(self, rule):
        X, y = mixtures(30)
        first, second = (
            PLSRegressionCV(5, rule=rule, random_state=seed).fit(X, y)
            for seed in (7, np.random.RandomState(7))
        )
        assert_array_equal(first.oof_predictions_, second.oof_predictions_)
        assert first.n_components_ == second.n_components_
        other = PLSRegressionCV(5, rule=rule, random_state=8).fit(X, y)
        assert (other.rmsecv_ != first.rmsecv_).any()

    def test_count_is_cut_to_what_the_data_give(self):
        X, y = mixtures(8)
        assert len(PLSRegressionCV(cv=4).fit(X, y).rmsecv_) == 6  # 6 samples train, 5 counts
        X, y = mixtures(30, p=3)
        assert len(PLSRegressionCV().fit(X, y).rmsecv_) == 4

    def test_in_a_pipeline_with_frames(self):
        X, octane = load_gasoline(as_frame=True, return_X_y=True)
        pipeline = make_pipeline(SNV(), PLSRegressionCV(8)).set_output(transform="pandas")
        pls = pipeline.fit(X, octane)[-1]
        assert list(pls.feature_names_in_) == list(X.columns)
        assert pipeline.score(X, octane) > 0.95

    def test_steps_can_follow_in_a_pipeline(self):
        X, y = mixtures(30)
        pipeline = make_pipeline(PLSRegressionCV(4), LinearRegression()).fit(X, y)
        assert_allclose(pipeline.predict(X), PLSRegressionCV(4).fit(X, y).predict(X))

    def test_data_stay_as_they_are(self):
        X, y = mixtures(20)
        before = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = False
        PLSRegressionCV(4).fit(X, y)
        assert_array_equal(X, before[0])
        assert_array_equal(y, before[1])

    def test_threads(self):
        X, y = mixtures(30)
        one, all_of_them = (PLSRegressionCV(5, n_jobs=n).fit(X, y) for n in (1, -1))
        assert_array_equal(one.oof_predictions_, all_of_them.oof_predictions_)


class TestDegenerate:
    def test_constant_target(self):
        X, _ = mixtures(20)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            pls = PLSRegressionCV(4).fit(X, np.full(20, 3.0))
        assert pls.n_components_ == 1
        assert_allclose(pls.rmsecv_, 0.0, atol=1e-12)
        assert_allclose(pls.predict(X), 3.0)

    def test_one_of_the_targets_constant(self):
        X, y = mixtures(20)
        pls = PLSRegressionCV(4).fit(X, np.column_stack([y, np.full(20, 3.0)]))
        assert_allclose(pls.rmsecv_[:, 1], 0.0, atol=1e-12)
        assert pls.n_components_ == PLSRegressionCV(4).fit(X, y).n_components_

    @every_rule
    def test_single_channel(self, rule):
        X, y = mixtures(20, p=1)
        assert PLSRegressionCV(rule=rule).fit(X, y).n_components_ == 1


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"max_components": 0},
            {"cv": 1},
            {"rule": "max"},
            {"scoring": "r2"},
            {"scale": 2},
            {"alpha": 0.0},
            {"alpha": 1.0},
            {"n_permutations": 0},
            {"n_jobs": 1.5},
            {"n_jobs": 0},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            PLSRegressionCV(**parameters).fit(*mixtures())

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, value):
        X, y = mixtures()
        y[3] = value
        with pytest.raises(ValueError, match=r"y has NaN or infinite values in row"):
            PLSRegressionCV().fit(X, y)
        X[2, 4] = value
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            PLSRegressionCV().fit(X, y)
        frame = pd.DataFrame(X, columns=[f"{900 + j} nm" for j in range(15)])
        with pytest.raises(ValueError, match="channel 904 nm"):
            PLSRegressionCV().fit(frame, y)

    def test_more_folds_than_samples(self):
        with pytest.raises(ValueError, match="`cv` must be at most n_samples=8"):
            PLSRegressionCV().fit(*mixtures(8))

    @pytest.mark.parametrize(
        "cv", [RepeatedKFold(n_splits=3, random_state=0), ShuffleSplit(3, random_state=0)], ids=str
    )
    def test_no_partition(self, cv):
        with pytest.raises(ValueError, match="exactly once"):
            PLSRegressionCV(cv=cv).fit(*mixtures())

    def test_training_sets_of_one_sample(self):
        X, y = mixtures(2)
        with pytest.raises(ValueError, match="at least two samples"):
            PLSRegressionCV(cv=2).fit(X, y)

    def test_lengths(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            PLSRegressionCV().fit(X, y[:-1])

    def test_count_before_fit(self):
        assert not hasattr(PLSRegressionCV(), "n_components")


class TestPlot:
    @both_targets
    def test_curves(self, n_targets):
        figure = pytest.importorskip("matplotlib.figure")
        X, y = mixtures(20, n_targets=n_targets)
        pls = PLSRegressionCV(5).fit(X, y)
        ax = figure.Figure().subplots()
        assert pls.plot_rmsecv(ax) is ax
        assert len(ax.containers) == n_targets
        for target, container in enumerate(ax.containers):
            counts, curve = container.lines[0].get_data()
            rmse = pls.rmsecv_.reshape(6, -1)[:, target]
            assert_array_equal(counts, np.arange(6))
            assert_allclose(curve, rmse if n_targets == 1 else rmse / rmse[0])
        assert ax.lines[-1].get_xdata()[0] == pls.n_components_
        assert ax.get_xlabel() == "Latent variables"
        assert (ax.get_legend() is None) == (n_targets == 1)

    def test_new_figure(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        from matplotlib import pyplot

        ax = PLSRegressionCV(3).fit(*mixtures(20)).plot_rmsecv()
        pyplot.close(ax.figure)
        assert not pyplot.get_fignums()

    def test_without_matplotlib(self, monkeypatch):
        pls = PLSRegressionCV(3).fit(*mixtures(20))
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ModuleNotFoundError, match=r"spectral_fast\[report\]"):
            pls.plot_rmsecv()
