"""CARS against scikit-learn's PLS, run by run."""

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
from spectral_fast.feature_selection import CARS
from spectral_fast.feature_selection._cars import _numbers_kept
from spectral_fast.kernels import _jit
from tests.reference import cars as reference
from tests.spectra import folds, measured, mixtures

GOLDEN = Path(__file__).parent / "golden" / "cars.json"
both_targets = pytest.mark.parametrize("n_targets", [1, 3])


class TestAgainstTheTwin:
    @both_targets
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("shape", [(16, 24), (24, 11)], ids=["wide", "tall"])
    def test_runs(self, n_targets, seed, shape):
        X, y = mixtures(*shape, n_targets)
        settings = {"max_components": 3, "n_runs": 9}
        cars = CARS(**settings, cv=folds(len(X)), random_state=seed).fit(X, y)
        runs, errors, winner = reference.cars(
            X, y.reshape(len(X), -1), folds(len(X)), np.random.RandomState(seed), **settings
        )
        assert_array_equal(cars.run_sizes_, [len(run) for run in runs])
        assert_allclose(cars.run_rmsecv_, errors, rtol=1e-6)
        assert_array_equal(cars.get_support(indices=True), runs[winner])
        for run, size in zip(runs, cars.run_sizes_, strict=True):
            assert_array_equal(np.sort(cars.subset(size)), run)
        counts = [sum(j in run for run in runs) for j in range(X.shape[1])]
        assert_array_equal(cars.scores_, counts)
        assert_array_equal(cars.sizes_, np.unique(cars.run_sizes_))
        assert cars.rmsecv_.min() == cars.run_rmsecv_[winner]

    def test_shared_seed(self):
        """The folds of an int are the first that a seed gives, the runs the next."""
        X, y = mixtures()
        random_state = np.random.RandomState(5)
        splits = list(KFold(4, shuffle=True, random_state=random_state).split(X))
        settings = {"max_components": 2, "n_runs": 6, "train_size": 0.5}
        runs, _, winner = reference.cars(X, y[:, None], splits, random_state, **settings)
        cars = CARS(**settings, cv=4, random_state=5).fit(X, y)
        assert_array_equal(cars.get_support(indices=True), runs[winner])
        assert_array_equal(cars.run_sizes_, [len(run) for run in runs])

    @pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without the compiler")
    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
        X, y = measured(name)
        cars = CARS(cv=folds(len(X), 5)).fit(X, y)
        assert_array_equal(cars.run_sizes_, expected["sizes"])
        assert_allclose(cars.run_rmsecv_, expected["rmsecv"], rtol=1e-7)
        assert_array_equal(cars.get_support(indices=True), expected["selected"])


class TestNumbersKept:
    @pytest.mark.parametrize("p", [2, 3, 10, 100, 2151])
    @pytest.mark.parametrize("n_runs", [2, 3, 50])
    def test_fall_from_all_to_two(self, p, n_runs):
        kept = _numbers_kept(p, n_runs)
        assert len(kept) == n_runs
        assert (kept[0], kept[-1]) == (p, 2)
        assert (np.diff(kept) <= 0).all()

    def test_fall_exponentially(self):
        kept = _numbers_kept(1000, 50)
        assert_allclose(kept[10] / kept[0], kept[20] / kept[10], rtol=0.01)


class TestTheFittedSelector:
    def test_finds_what_predicts(self):
        X, y = mixtures(30, 60)
        cars = CARS(3, n_runs=20).fit(X, y)
        inside = (np.arange(60) > 17) & (np.arange(60) < 42)
        assert 0 < cars.n_features_ < 60
        assert cars.scores_[inside].mean() > 2 * cars.scores_[~inside].mean()
        assert 1 <= cars.n_components_ <= 10

    def test_winner(self):
        for seed in range(5):
            cars = CARS(cv=4, random_state=seed).fit(*mixtures())
            assert cars.n_features_ == cars.sizes_[cars.rmsecv_.argmin()]
            assert cars.scores_.max() == 50
            assert (np.diff(cars.run_sizes_) <= 0).all()

    @both_targets
    def test_units_do_not_matter(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        expected = CARS(3, n_runs=10, cv=4).fit(X, y)
        for factor in (1e-6, 1e6):
            cars = CARS(3, n_runs=10, cv=4).fit(factor * X, 1e3 * y)
            assert_array_equal(cars.scores_, expected.scores_)
            assert_array_equal(cars.support_, expected.support_)

    def test_threads(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = mixtures(n_targets=2)
        cars = [CARS(n_runs=10), CARS(n_runs=10)]
        for n_threads, each in zip((1, 2), cars, strict=True):
            with kernels.thread_limit(n_threads):
                each.fit(X, y)
        assert_array_equal(cars[0].scores_, cars[1].scores_)
        assert_array_equal(cars[0].rmsecv_, cars[1].rmsecv_)

    def test_seeds(self):
        X, y = mixtures()
        first, second, other = (
            CARS(n_runs=10, cv=4, random_state=seed).fit(X, y)
            for seed in (7, np.random.RandomState(7), 8)
        )
        assert_array_equal(first.scores_, second.scores_)
        assert (first.scores_ != other.scores_).any()

    def test_constant_channels_die_at_once(self):
        X, y = mixtures()
        X[:, [0, 9, 20]] = 0.3
        cars = CARS(n_runs=10, cv=4).fit(X, y)
        assert_array_equal(cars.scores_[[0, 9, 20]], 0)

    def test_target_that_varies_in_few_samples(self):
        """A run may draw samples among which it does not."""
        X, _ = mixtures()
        y = np.r_[1.0, np.full(15, 3.0)]
        cars = CARS(n_runs=10, train_size=0.3, cv=4).fit(X, y)
        assert 0 < cars.n_features_ < X.shape[1]

    def test_weights(self):
        X, y = mixtures()
        y = y + 0.3 * np.random.default_rng(0).normal(size=16)
        splits = list(KFold(4).split(X))
        cars = CARS(3, n_runs=6, cv=splits)
        plain = cars.fit(X, y).run_rmsecv_
        assert_array_equal(
            cars.fit(X, y, sample_weight=np.full(16, 2.0)).run_sizes_, cars.run_sizes_
        )
        assert_allclose(
            cars.fit(X, y, sample_weight=np.full(16, 2.0)).run_rmsecv_, plain, rtol=1e-9
        )
        weighted = cars.fit(X, y, sample_weight=np.linspace(0.1, 2.0, 16)).run_rmsecv_
        assert not np.allclose(weighted, plain, rtol=1e-3)

    def test_samples_without_weight_have_no_part(self):
        X, y = mixtures()
        weights = np.ones(16)
        weights[[3, 9]] = 0.0
        cars = CARS(3, n_runs=6, cv=list(KFold(4).split(X)))
        expected = cars.fit(X, y, sample_weight=weights).run_rmsecv_
        X[[3, 9]] *= 50.0
        y[[3, 9]] = 1e3
        assert_allclose(cars.fit(X, y, sample_weight=weights).run_rmsecv_, expected, rtol=1e-6)

    @pytest.mark.parametrize("p", [1, 2, 3])
    def test_few_channels(self, p):
        cars = CARS(n_runs=5, cv=4).fit(*mixtures(p=p))
        assert 1 <= cars.n_features_ <= p

    def test_few_samples_are_drawn(self):
        X, y = mixtures()
        cars = CARS(n_runs=5, train_size=0.01, cv=4).fit(X, y)
        assert cars.n_features_ >= 1

    def test_splitters(self):
        X, y = mixtures(20)
        groups = np.arange(20) // 4
        expected = CARS(n_runs=5, cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
        grouped = CARS(n_runs=5, cv=GroupKFold(5)).fit(X, y, groups=groups)
        assert_array_equal(grouped.rmsecv_, expected.rmsecv_)
        five = CARS(n_runs=5).fit(X, y)
        assert_array_equal(CARS(n_runs=5, cv=None).fit(X, y).rmsecv_, five.rmsecv_)

    def test_in_a_pipeline(self):
        X, y = mixtures(30)
        frame = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(21)])
        pipeline = make_pipeline(CARS(n_runs=10, cv=3), PLSRegression(1))
        pipeline.set_output(transform="pandas")
        search = GridSearchCV(pipeline, {"cars__max_components": [1, 2]}, cv=3).fit(frame, y)
        assert search.best_score_ > 0.5

    def test_data_stay_as_they_are(self):
        X, y = mixtures()
        before = X.copy()
        X.flags.writeable = y.flags.writeable = False
        expected = CARS(n_runs=5, cv=4).fit(X, y).scores_
        assert_array_equal(X, before)
        assert_array_equal(CARS(n_runs=5, cv=4).fit(np.asfortranarray(X), y).scores_, expected)

    def test_plot(self):
        figure = pytest.importorskip("matplotlib.figure")
        cars = CARS(n_runs=5, cv=4).fit(*mixtures())
        ax = cars.plot(figure.Figure().subplots())
        assert len(ax.collections[0].get_offsets()) == cars.n_features_


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"max_components": 0},
            {"n_runs": 1},
            {"train_size": 0.0},
            {"train_size": 1.1},
            {"cv": 1},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            CARS(**parameters).fit(*mixtures())

    def test_data(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="exactly once"):
            CARS(cv=RepeatedKFold(n_splits=3, random_state=0)).fit(X, y)
        with pytest.raises(ValueError, match="`cv` must be at most n_samples=16"):
            CARS(cv=17).fit(X, y)
        X[2, 4] = np.inf
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            CARS().fit(X, y)
