"""RandomFrog against scikit-learn's PLS, step by step."""

import json
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RepeatedKFold
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.feature_selection import RandomFrog
from spectral_fast.kernels import _jit
from tests.reference import random_frog as reference
from tests.spectra import folds, measured, mixtures

GOLDEN = Path(__file__).parent / "golden" / "random_frog.json"
both_targets = pytest.mark.parametrize("n_targets", [1, 3])


def frog(n_iterations=20, **parameters):
    settings = {"max_components": 3, "n_initial": 6, "n_features_to_select": 4, "cv": 4}
    return RandomFrog(n_iterations=n_iterations, **(settings | parameters))


class TestAgainstTheTwin:
    @both_targets
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("shape", [(16, 24), (24, 11)], ids=["wide", "tall"])
    def test_steps(self, n_targets, seed, shape):
        X, y = mixtures(*shape, n_targets)
        n, p = shape
        settings = {"max_components": 3, "n_iterations": 20, "n_initial": 6}
        fitted = frog(**settings, cv=folds(n), random_state=seed).fit(X, y)
        subsets, errors = reference.random_frog(
            X, y.reshape(n, -1), folds(n), np.random.RandomState(seed), **settings
        )
        assert_array_equal(fitted.iteration_sizes_, [len(subset) for subset in subsets])
        assert_allclose(fitted.iteration_rmsecv_, errors, rtol=1e-6)
        probability = np.array([sum(j in subset for subset in subsets) for j in range(p)]) / 20
        assert_allclose(fitted.scores_, probability, rtol=1e-12)
        best = sorted(range(p), key=lambda j: (-probability[j], j))
        assert_array_equal(fitted.get_support(indices=True), sorted(best[:4]))
        assert_array_equal(fitted.subset(p), best)
        assert_array_equal(fitted.sizes_, np.unique(fitted.iteration_sizes_))
        for size, error in zip(fitted.sizes_, fitted.rmsecv_, strict=True):
            assert error == fitted.iteration_rmsecv_[fitted.iteration_sizes_ == size].min()

    @pytest.mark.parametrize(
        "walk",
        [{"theta": 1.5, "eta": 1.0}, {"omega": 1.0}, {"omega": 2.6}, {"eta": 1.0}, {"eta": 0.0}],
        ids=str,
    )
    def test_parameters_of_the_walk(self, walk):
        X, y = mixtures()
        random_state = np.random.RandomState(5)
        splits = list(KFold(4, shuffle=True, random_state=random_state).split(X))
        settings = {"max_components": 2, "n_iterations": 25, "n_initial": 3, **walk}
        subsets, errors = reference.random_frog(X, y[:, None], splits, random_state, **settings)
        fitted = frog(**settings, random_state=5).fit(X, y)
        assert_array_equal(fitted.iteration_sizes_, [len(subset) for subset in subsets])
        assert_allclose(fitted.iteration_rmsecv_, errors, rtol=1e-6)
        if walk == {"eta": 0.0}:
            assert (np.diff(fitted.iteration_rmsecv_) <= 0).all()

    @pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without the compiler")
    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
        X, y = measured(name)
        fitted = RandomFrog(5, n_iterations=30, cv=folds(len(X), 5)).fit(X, y)
        assert_array_equal(fitted.iteration_sizes_, expected["sizes"])
        assert_allclose(fitted.iteration_rmsecv_, expected["rmsecv"], rtol=1e-7)
        assert_array_equal(fitted.get_support(indices=True), expected["selected"])


class TestTheFittedSelector:
    def test_weights_are_repetitions(self):
        X, y = mixtures(24)
        weights = np.random.default_rng(1).integers(0, 4, 24)
        rows = np.repeat(np.arange(24), weights)
        held_out = np.arange(24) % 3
        weighted_folds = [(held_out != k, held_out == k) for k in range(3)]
        repeated_folds = [(held_out[rows] != k, held_out[rows] == k) for k in range(3)]
        weighted = frog(cv=weighted_folds).fit(X, y, sample_weight=weights)
        repeated = frog(cv=repeated_folds).fit(X[rows], y[rows])
        assert_array_equal(weighted.scores_, repeated.scores_)
        assert_allclose(weighted.iteration_rmsecv_, repeated.iteration_rmsecv_, rtol=1e-8)
        assert (frog(cv=weighted_folds).fit(X, y).iteration_rmsecv_ != weighted.rmsecv_[0]).all()

    def test_finds_what_predicts(self):
        X, y = mixtures(30, 60)
        fitted = RandomFrog(3, n_iterations=100, n_initial=15, cv=3).fit(X, y)
        inside = (np.arange(60) > 17) & (np.arange(60) < 42)
        assert fitted.support_[inside].sum() > 2 * fitted.support_[~inside].sum()
        assert fitted.scores_.max() <= 1.0

    def test_number_selected(self):
        X, y = mixtures()
        for count in (1, 21):
            fitted = frog(n_features_to_select=count).fit(X, y)
            assert fitted.n_features_ == count
            assert set(fitted.get_support(indices=True)) == set(fitted.subset(count))

    @both_targets
    def test_units_do_not_matter(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        expected = frog().fit(X, y)
        for factor in (1e-6, 1e6):
            fitted = frog().fit(factor * X, 1e3 * y)
            assert_array_equal(fitted.scores_, expected.scores_)
            assert_array_equal(fitted.support_, expected.support_)

    def test_threads(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = mixtures(n_targets=2)
        fitted = [frog(), frog()]
        for n_threads, each in zip((1, 2), fitted, strict=True):
            with kernels.thread_limit(n_threads):
                each.fit(X, y)
        assert_array_equal(fitted[0].scores_, fitted[1].scores_)
        assert_array_equal(fitted[0].iteration_rmsecv_, fitted[1].iteration_rmsecv_)

    def test_seeds(self):
        X, y = mixtures()
        first, second, other = (
            frog(random_state=seed).fit(X, y) for seed in (7, np.random.RandomState(7), 8)
        )
        assert_array_equal(first.scores_, second.scores_)
        assert (first.scores_ != other.scores_).any()

    def test_constant_channels(self):
        X, y = mixtures()
        X[:, 12:] = 0.3
        fitted = frog(50).fit(X, y)
        assert fitted.scores_[:12].mean() > 2 * fitted.scores_[12:].mean()

    @pytest.mark.parametrize("p", [1, 2, 3])
    def test_few_channels(self, p):
        fitted = frog(n_initial=1, n_features_to_select=1).fit(*mixtures(p=p))
        assert fitted.sizes_[-1] <= p
        assert fitted.n_features_ == 1

    def test_splitters(self):
        X, y = mixtures(20)
        groups = np.arange(20) // 4
        expected = frog(cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
        grouped = frog(cv=GroupKFold(5)).fit(X, y, groups=groups)
        assert_array_equal(grouped.rmsecv_, expected.rmsecv_)
        assert_array_equal(frog(cv=None).fit(X, y).rmsecv_, frog(cv=5).fit(X, y).rmsecv_)

    def test_in_a_pipeline(self):
        X, y = mixtures(30)
        frame = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(21)])
        pipeline = make_pipeline(frog(10), PLSRegression(1)).set_output(transform="pandas")
        search = GridSearchCV(pipeline, {"randomfrog__n_features_to_select": [2, 5]}, cv=3)
        assert search.fit(frame, y).best_score_ > 0.5

    def test_data_stay_as_they_are(self):
        X, y = mixtures()
        before = X.copy()
        X.flags.writeable = y.flags.writeable = False
        expected = frog().fit(X, y).scores_
        assert_array_equal(X, before)
        assert_array_equal(frog().fit(np.asfortranarray(X), y).scores_, expected)

    def test_plot(self):
        figure = pytest.importorskip("matplotlib.figure")
        ax = frog().fit(*mixtures()).plot(figure.Figure().subplots())
        assert len(ax.collections[0].get_offsets()) == 4


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"max_components": 0},
            {"n_iterations": 0},
            {"n_initial": 0},
            {"n_features_to_select": 0},
            {"theta": 0},
            {"omega": 0.9},
            {"eta": 1.1},
            {"cv": 1},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            RandomFrog(**parameters).fit(*mixtures())

    @pytest.mark.parametrize("name", ["n_initial", "n_features_to_select"])
    def test_more_than_there_are(self, name):
        message = f"`{name}` must be an integer from 1 to n_features=21; got 22"
        with pytest.raises(ValueError, match=message):
            frog(**{name: 22}).fit(*mixtures())

    def test_data(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="exactly once"):
            frog(cv=RepeatedKFold(n_splits=3, random_state=0)).fit(X, y)
        with pytest.raises(ValueError, match="`sample_weight` must not be negative; got -1"):
            frog().fit(X, y, sample_weight=np.full(16, -1.0))
        X[2, 4] = np.inf
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            frog().fit(X, y)
