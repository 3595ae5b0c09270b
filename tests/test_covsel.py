"""CovSel against the paper's deflation of X and Y."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RepeatedKFold
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.feature_selection import CovSel
from tests.reference import covsel as reference
from tests.reference import importance

GOLDEN = json.loads((Path(__file__).parent / "golden" / "covsel.json").read_text(encoding="utf-8"))
both_targets = pytest.mark.parametrize("n_targets", [1, 3])


def mixtures(n=20, p=25, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    concentrations = rng.uniform(size=(n, 3)) * [5.0, 2.0, 1.0]
    X = 1.0 + concentrations @ rng.normal(size=(3, p)) + 0.1 * rng.normal(size=(n, p))
    Y = concentrations @ rng.normal(size=(3, n_targets)) * [7.0, 1.0, 0.1][:n_targets]
    Y = Y + 0.05 * Y.std(axis=0) * rng.normal(size=Y.shape)
    return X, Y[:, 0] if n_targets == 1 else Y


def folds(n, n_splits=4):
    return list(KFold(n_splits, shuffle=True, random_state=0).split(np.empty(n)))


class TestAgainstTheTwin:
    @both_targets
    @pytest.mark.parametrize(("n", "p"), [(20, 25), (30, 9), (8, 40)])
    @pytest.mark.parametrize("seed", range(3))
    def test_order_and_scores(self, n_targets, n, p, seed):
        X, y = mixtures(n, p, n_targets, seed)
        order, strengths = reference.covsel(X, y.reshape(n, -1), 7)
        fitted = CovSel(7).fit(X, y)
        assert_array_equal(fitted.subset(7), order)
        assert_allclose(fitted.scores_[order], strengths, rtol=1e-8)
        assert_array_equal(fitted.ranking_[order], np.arange(1, 8))
        others = np.setdiff1d(np.arange(p), order)
        assert_array_equal(fitted.scores_[others], 0.0)
        assert_array_equal(fitted.ranking_[others], 8)
        assert_array_equal(fitted.get_support(indices=True), np.sort(order))
        assert not hasattr(fitted, "rmsecv_")

    @both_targets
    def test_path_of_linear_regression(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        fitted = CovSel("cv", cv=folds(20)).fit(X, y)
        order, _ = reference.covsel(X, y.reshape(20, -1), 14)  # 15 samples train
        expected = reference.rmsecv(X, y.reshape(20, -1), order, folds(20))
        assert_array_equal(fitted.sizes_, np.arange(1, 15))
        assert_allclose(fitted.rmsecv_, expected, rtol=1e-7)
        best = expected.argmin() + 1
        assert fitted.n_features_ == best
        assert_array_equal(fitted.get_support(indices=True), np.sort(order[:best]))
        assert_array_equal(fitted.subset(14), order)

    @both_targets
    def test_path_of_pls(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        fitted = CovSel("cv", n_components=2, cv=folds(20)).fit(X, y)
        expected = importance.rmsecv(
            X, y.reshape(20, -1), fitted.subset(14), fitted.sizes_, 2, folds(20)
        )
        assert_allclose(fitted.rmsecv_, expected, rtol=1e-8 if n_targets == 1 else 1e-5)

    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        if name == "tecator":
            X, contents = load_tecator(return_X_y=True)
            y = contents[:, 1]
        else:
            X, y = load_gasoline(return_X_y=True)
        fitted = CovSel("cv").fit(X, y)
        assert_array_equal(fitted.subset(30), GOLDEN[name]["order"])
        assert_allclose(fitted.rmsecv_, GOLDEN[name]["rmsecv"], rtol=1e-6)

    @pytest.mark.parametrize("n_targets", [1, 2])
    def test_weights_are_repetitions(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        counts = np.random.default_rng(1).integers(0, 4, size=20)
        weighted = CovSel(5).fit(X, y, sample_weight=0.5 * counts)
        repeated = CovSel(5).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts, axis=0))
        assert_array_equal(weighted.ranking_, repeated.ranking_)
        assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-8)
        assert not np.allclose(CovSel(5).fit(X, y).scores_, weighted.scores_, rtol=1e-3)

    def test_weights_count_in_the_path(self):
        X, y = mixtures()
        weights = np.where(np.arange(20) < 10, 1.0, 0.1)
        plain, weighted = (CovSel("cv").fit(X, y, sample_weight=w).rmsecv_ for w in (None, weights))
        assert not np.allclose(plain, weighted, rtol=1e-3)
        # Samples without weight are none.
        fitted = CovSel("cv", cv=folds(20)).fit(
            X, y, sample_weight=np.where(np.arange(20) < 12, 1.0, 0.0)
        )
        least = min(np.count_nonzero(train < 12) for train, _ in folds(20))
        assert len(fitted.sizes_) == least - 1


class TestWhatIsSelected:
    @both_targets
    def test_units_do_not_matter(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        for wanted in (8, "cv"):
            expected = CovSel(wanted).fit(X, y)
            for unit in (1e-6, 1e6):
                fitted = CovSel(wanted).fit(unit * X, y)
                assert_array_equal(fitted.support_, expected.support_)
                assert_array_equal(fitted.ranking_, expected.ranking_)
        if n_targets > 1:
            other = CovSel(8).fit(X, y * [1e4, 1.0, 1e-3])
            assert_array_equal(other.ranking_, CovSel(8).fit(X, y).ranking_)

    def test_lowest_of_equal_channels(self):
        X, y = mixtures(p=12)
        first = CovSel(1).fit(X, y).subset(1)[0]
        twins = np.hstack([X, X, X])
        fitted = CovSel(5).fit(twins, y)
        assert fitted.subset(1)[0] == first
        assert (fitted.subset(5) < 12).all()

    def test_constant_channels_and_targets(self):
        X, y = mixtures()
        X[:, 3] = 1e8 / 3
        expected = CovSel(6).fit(X, y)
        assert not expected.support_[3]
        constant = np.full(20, 1 / 3)
        with_constant = CovSel(6).fit(X, np.column_stack([y, constant]))
        assert_array_equal(with_constant.ranking_, expected.ranking_)

    @both_targets
    def test_threads(self, n_targets):
        X, y = mixtures(24, 12, n_targets)
        fitted = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                fitted.append(CovSel("cv").fit(X, y))
        assert_array_equal(fitted[0].scores_, fitted[1].scores_)
        assert_array_equal(fitted[0].rmsecv_, fitted[1].rmsecv_)

    def test_splitters_and_seeds(self):
        X, y = mixtures()
        groups = np.arange(20) // 4
        given = CovSel("cv", cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
        grouped = CovSel("cv", cv=GroupKFold(5)).fit(X, y, groups=groups)
        assert_array_equal(grouped.rmsecv_, given.rmsecv_)
        plain = CovSel("cv", cv=4).fit(X, y).rmsecv_
        assert_array_equal(CovSel("cv", cv=folds(20)).fit(X, y).rmsecv_, plain)
        assert (CovSel("cv", cv=4, random_state=1).fit(X, y).rmsecv_ != plain).any()

    def test_data_stay_as_they_are(self):
        X, y = mixtures()
        before = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = False
        CovSel("cv").fit(X, y)
        assert_array_equal(X, before[0])
        assert_array_equal(y, before[1])

    def test_in_a_pipeline_and_a_grid(self):
        X, y = mixtures()
        pipeline = make_pipeline(CovSel(), LinearRegression())
        search = GridSearchCV(pipeline, {"covsel__n_features_to_select": [2, 5, "cv"]}, cv=3)
        assert search.fit(X, y).score(X, y) > 0.9


class TestTheEnd:
    def test_rank_of_X(self):
        X, y = mixtures(p=12)
        few = np.hstack([X[:, :4], X[:, :4] @ np.ones((4, 3))])
        with pytest.warns(UserWarning, match="only 4 could be selected") as warned:
            fitted = CovSel(6).fit(few, y)
        assert warned[0].filename == __file__
        assert fitted.n_features_ == 4
        assert sorted(fitted.ranking_) == [1, 2, 3, 4, 5, 5, 5]

    def test_samples(self):
        X, y = mixtures(6)
        with pytest.warns(UserWarning, match="only 5 could be selected"):
            assert CovSel(10).fit(X, y).n_features_ == 5

    def test_nothing_left_of_y(self):
        X, _ = mixtures()
        Q = np.linalg.qr(X - X.mean(axis=0))[0]
        with pytest.warns(UserWarning, match="only 2 could be selected"):
            fitted = CovSel(5).fit(Q, 3 * Q[:, 4] + Q[:, 1])
        assert_array_equal(fitted.subset(2), [4, 1])

    @pytest.mark.parametrize("wanted", [1, "cv"])
    def test_nothing_covaries(self, wanted):
        X, y = np.array([[1.0], [-1.0]] * 4), np.repeat([1.0, -1.0], 4)
        with pytest.warns(UserWarning, match="only 0 could be selected"):
            fitted = CovSel(wanted, cv=2).fit(X, y)
        assert fitted.n_features_ == 0

    def test_path_ends_at_the_rank(self):
        X, y = mixtures(p=4)
        fitted = CovSel("cv").fit(np.hstack([X, X]), y)
        assert_array_equal(fitted.sizes_, [1, 2, 3, 4])

    @pytest.mark.parametrize("count", [0, 5, 25])
    def test_subset_of_more_than_are_ranked(self, count):
        fitted = CovSel(4).fit(*mixtures())
        with pytest.raises(ValueError, match=f"from 1 to 4, .*got {count}. Use 4 or fewer"):
            fitted.subset(count)


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_features_to_select": 0},
            {"n_features_to_select": None},
            {"n_components": 0},
            {"cv": 1},
            {"random_state": "now"},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            CovSel(**parameters).fit(*mixtures())

    def test_more_channels_than_there_are(self):
        with pytest.raises(ValueError, match=r"from 1 to n_features=25; got 26\. Use 25 or fewer"):
            CovSel(26).fit(*mixtures())

    def test_not_finite(self):
        X, y = mixtures()
        X[2, 4] = np.inf
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            CovSel().fit(X, y)

    def test_no_partition(self):
        repeated = RepeatedKFold(n_splits=3, random_state=0)
        with pytest.raises(ValueError, match="exactly once"):
            CovSel("cv", cv=repeated).fit(*mixtures())

    def test_weights(self):
        with pytest.raises(ValueError, match="must not be negative; got -1"):
            CovSel().fit(*mixtures(), sample_weight=np.r_[-1.0, np.ones(19)])
