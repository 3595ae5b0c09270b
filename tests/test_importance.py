"""VIP, CoefficientMagnitude, SelectivityRatio against scikit-learn's PLS, sums written out."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RepeatedKFold
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.feature_selection import VIP, CoefficientMagnitude, SelectivityRatio
from spectral_fast.feature_selection._scores import target_scales
from tests.reference import importance as reference

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "importance.json").read_text(encoding="utf-8")
)
TWINS = {
    VIP: reference.vip,
    CoefficientMagnitude: reference.coefficient_magnitude,
    SelectivityRatio: reference.selectivity_ratio,
}
every_selector = pytest.mark.parametrize("selector", TWINS, ids=lambda cls: cls.__name__)
both_targets = pytest.mark.parametrize("n_targets", [1, 3])
NO_CHANNEL = "No channel is selected"


def mixtures(n=20, p=25, n_targets=1, seed=0):
    """Return spectra whose channels 5 to 11 hold the targets, on an offset."""
    rng = np.random.default_rng(seed)
    concentrations = rng.uniform(size=(n, 3)) * [5.0, 2.0, 1.0]
    bands = np.exp(-(((np.arange(p) - np.array([[5], [8], [11]])) / 2.0) ** 2))
    X = 1.0 + concentrations @ bands + 0.02 * rng.normal(size=(n, p))
    Y = concentrations @ rng.normal(size=(3, n_targets)) * [7.0, 1.0, 0.1][:n_targets]
    return X, Y[:, 0] if n_targets == 1 else Y


def folds(n, n_splits=4):
    return list(KFold(n_splits, shuffle=True, random_state=0).split(np.empty(n)))


def load(name):
    if name == "tecator":
        X, contents = load_tecator(return_X_y=True)
        return X, contents[:, 1]
    return load_gasoline(return_X_y=True)


class TestAgainstTheTwin:
    @every_selector
    @both_targets
    @pytest.mark.parametrize(("n", "p"), [(20, 25), (30, 9), (20, 20)])
    def test_scores_and_selection(self, selector, n_targets, n, p):
        X, y = mixtures(n, p, n_targets)
        fitted = selector(3).fit(X, y)
        importances, selected = TWINS[selector](X, y.reshape(n, -1), 3)
        # With several targets the power method stops at a tolerance, so that rounding shows more.
        assert_allclose(fitted.scores_, importances, rtol=1e-8 if n_targets == 1 else 1e-6)
        assert_array_equal(fitted.get_support(indices=True), selected)
        assert 0 < fitted.n_features_ == len(selected) < p
        order = np.argsort(-fitted.scores_, kind="stable")
        assert_array_equal(fitted.ranking_[order], np.arange(1, p + 1))
        assert_array_equal(fitted.subset(4), order[:4])
        assert not hasattr(fitted, "rmsecv_")

    @every_selector
    @both_targets
    def test_path(self, selector, n_targets):
        X, y = mixtures(n_targets=n_targets)
        fitted = selector(4, n_features_to_select="cv", cv=folds(20)).fit(X, y)
        order = np.argsort(-fitted.scores_, kind="stable")
        assert fitted.sizes_[0] == 1
        assert fitted.sizes_[-1] == 25
        assert len(fitted.sizes_) <= 30
        expected = reference.rmsecv(X, y.reshape(20, -1), order, fitted.sizes_, 4, folds(20))
        assert_allclose(fitted.rmsecv_, expected, rtol=1e-8 if n_targets == 1 else 1e-5)
        assert fitted.n_features_ == fitted.sizes_[expected.argmin()]
        assert_array_equal(fitted.get_support(indices=True), np.sort(order[: fitted.n_features_]))

    @every_selector
    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, selector, name):
        X, y = load(name)
        expected = GOLDEN[f"{name}/{selector.__name__}"]
        if expected["selected"]:
            fitted = selector(5).fit(X, y)
            assert_array_equal(fitted.get_support(indices=True), expected["selected"])
        else:
            with pytest.warns(UserWarning, match=NO_CHANNEL):
                assert selector(5).fit(X, y).n_features_ == 0
        by_count = selector(5, n_features_to_select="cv").fit(X, y)
        assert_array_equal(by_count.sizes_, expected["sizes"])
        assert_allclose(by_count.rmsecv_, expected["rmsecv"], rtol=1e-8)

    @pytest.mark.parametrize("n_targets", [1, 2])
    def test_weights_are_repetitions(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        counts = np.random.default_rng(1).integers(0, 4, size=20)
        weighted = CoefficientMagnitude(3).fit(X, y, sample_weight=0.5 * counts)
        repeated = CoefficientMagnitude(3).fit(
            np.repeat(X, counts, axis=0), np.repeat(y, counts, 0)
        )
        assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-6)
        assert_array_equal(weighted.support_, repeated.support_)
        plain = CoefficientMagnitude(3).fit(X, y)
        assert not np.allclose(plain.scores_, weighted.scores_, rtol=1e-3)

    def test_weights_count_in_the_path(self):
        X, y = mixtures()
        y = y + np.random.default_rng(1).normal(size=20)
        weights = np.where(np.arange(20) < 10, 1.0, 0.1)
        selector = CoefficientMagnitude(3, n_features_to_select="cv")
        plain, weighted = (
            selector.fit(X, y).rmsecv_,
            selector.fit(X, y, sample_weight=weights).rmsecv_,
        )
        assert not np.allclose(plain, weighted, rtol=1e-3)
        assert_array_equal(selector.fit(X, y, sample_weight=np.ones(20)).rmsecv_, plain)

    def test_scales_of_targets(self):
        Y = np.array([[1.0, 5.0], [3.0, 5.0], [9.0, 7.0]])
        assert_allclose(target_scales(Y[:2], np.ones(2)), [1.0, 1.0])
        assert_allclose(target_scales(Y, np.array([1.0, 1.0, 0.0])), [1.0, 1.0])
        assert_allclose(target_scales(Y, np.ones(3)), Y.std(axis=0))
        assert_allclose(target_scales(Y[:, :1], np.ones(3)), [1.0])


class TestWhatIsSelected:
    @every_selector
    def test_count_goes_before_threshold(self, selector):
        X, y = mixtures()
        fitted = selector(3, threshold=1e9, n_features_to_select=6).fit(X, y)
        assert fitted.n_features_ == 6
        assert fitted.ranking_[fitted.support_].max() == 6

    @every_selector
    def test_threshold(self, selector):
        X, y = mixtures()
        scores = selector(3).fit(X, y).scores_
        unit = scores.mean() if selector is CoefficientMagnitude else 1.0
        least = np.sort(scores)[-4] / unit * (1 - 1e-12)
        assert_array_equal(
            selector(3, threshold=least).fit(X, y).support_, scores >= np.sort(scores)[-4]
        )

    def test_f_test(self):
        X, y = mixtures()
        strict, loose = (SelectivityRatio(3, alpha=alpha).fit(X, y) for alpha in (1e-4, 0.4))
        assert strict.n_features_ < loose.n_features_
        assert_array_equal(strict.support_, strict.scores_ >= stats.f.ppf(1 - 1e-4, 18, 17))

    def test_largest_ratio_of_the_targets(self):
        X, y = mixtures(n_targets=3)
        ratios = PLSRegression(3, scale=False).fit(X, y).selectivity_ratio(X)
        assert_array_equal(SelectivityRatio(3).fit(X, y).scores_, ratios.max(axis=0))
        assert (ratios.argmax(axis=0) != 0).any()

    @every_selector
    def test_units_do_not_matter(self, selector):
        for n_targets in (1, 3):
            X, y = mixtures(n_targets=n_targets)
            for wanted in (None, "cv"):
                parameters = {"n_components": 3, "n_features_to_select": wanted}
                expected = selector(**parameters).fit(X, y).support_
                for unit in (1e-6, 1e6):
                    assert_array_equal(selector(**parameters).fit(unit * X, y).support_, expected)

    @every_selector
    def test_constant_channels_come_last(self, selector):
        X, y = mixtures()
        X[:, [0, 7]] = 1.0
        fitted = selector(3, threshold=0.0).fit(X, y)
        assert_array_equal(np.flatnonzero(~fitted.support_), [0, 7])
        assert_array_equal(fitted.scores_[[0, 7]], 0.0)
        assert_array_equal(fitted.ranking_[[0, 7]], [24, 25])

    @every_selector
    def test_components_are_cut_to_what_the_data_give(self, selector):
        X, y = mixtures(8, 25)
        expected = selector(7, threshold=0.1).fit(X, y)
        assert_array_equal(selector(50, threshold=0.1).fit(X, y).scores_, expected.scores_)
        X, y = mixtures(8, 3)
        expected = selector(3, threshold=0.1).fit(X, y)
        assert_array_equal(selector(50, threshold=0.1).fit(X, y).scores_, expected.scores_)

    @every_selector
    def test_single_channel(self, selector):
        X, y = mixtures(p=6)
        assert selector().fit(X[:, 5:], y).n_features_ == 1

    @every_selector
    def test_threads(self, selector):
        X, y = mixtures(24, 12)
        fitted = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                fitted.append(selector(3, n_features_to_select="cv").fit(X, y))
        assert_array_equal(fitted[0].scores_, fitted[1].scores_)
        assert_array_equal(fitted[0].rmsecv_, fitted[1].rmsecv_)

    @every_selector
    def test_splitters_and_seeds(self, selector):
        X, y = mixtures()
        groups = np.arange(20) // 4

        def fit(cv, seed=0, groups=None):
            return selector(3, n_features_to_select="cv", cv=cv, random_state=seed).fit(
                X, y, groups=groups
            )

        given = fit(list(GroupKFold(5).split(X, y, groups)))
        assert_array_equal(fit(GroupKFold(5), groups=groups).rmsecv_, given.rmsecv_)
        assert_array_equal(fit(4, seed=3).rmsecv_, fit(4, seed=np.random.RandomState(3)).rmsecv_)
        assert (fit(4, seed=3).rmsecv_ != fit(4).rmsecv_).any()
        assert_array_equal(fit(4).rmsecv_, fit(folds(20)).rmsecv_)

    @every_selector
    def test_data_stay_as_they_are(self, selector):
        X, y = mixtures()
        before = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = False
        selector(3, n_features_to_select="cv").fit(X, y)
        assert_array_equal(X, before[0])
        assert_array_equal(y, before[1])

    @every_selector
    def test_in_a_pipeline_and_a_grid(self, selector):
        X, y = mixtures()
        pipeline = make_pipeline(selector(3), PLSRegression(2, scale=False))
        step = selector.__name__.lower()
        search = GridSearchCV(pipeline, {f"{step}__n_features_to_select": [2, 8, "cv"]}, cv=3)
        assert search.fit(X, y).score(X, y) > 0.9


class TestNothingToSelect:
    @every_selector
    def test_threshold_above_all(self, selector):
        X, y = mixtures()
        with pytest.warns(UserWarning, match=NO_CHANNEL) as warned:
            fitted = selector(3, threshold=1e9).fit(X, y)
        assert warned[0].filename == __file__
        assert not fitted.support_.any()
        assert fitted.n_features_ == 0

    def test_nothing_covaries(self):
        X, y = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([1.0, 1.0, -1.0, -1.0])
        with pytest.warns(UserWarning, match="largest importance is 0, and must be positive"):
            assert CoefficientMagnitude(1, threshold=0.0).fit(X, y).n_features_ == 0


class TestBadInput:
    @every_selector
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_components": 0},
            {"threshold": -1.0},
            {"n_features_to_select": 0},
            {"n_features_to_select": "all"},
            {"cv": 1},
            {"random_state": "now"},
        ],
        ids=str,
    )
    def test_parameters(self, selector, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            selector(**parameters).fit(*mixtures())

    def test_significance_level(self):
        with pytest.raises(ValueError, match="'alpha' parameter"):
            SelectivityRatio(alpha=1.0).fit(*mixtures())

    @every_selector
    def test_more_channels_than_there_are(self, selector):
        with pytest.raises(ValueError, match=r"from 1 to n_features=25; got 26\. Use 25 or fewer"):
            selector(n_features_to_select=26).fit(*mixtures())

    @every_selector
    def test_not_finite(self, selector):
        X, y = mixtures()
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            selector().fit(X, y)

    @every_selector
    def test_folds(self, selector):
        X, y = mixtures()
        with pytest.raises(ValueError, match="`cv` must be at most n_samples=20"):
            selector(n_features_to_select="cv", cv=21).fit(X, y)
        repeated = RepeatedKFold(n_splits=3, random_state=0)
        with pytest.raises(ValueError, match="exactly once"):
            selector(n_features_to_select="cv", cv=repeated).fit(X, y)

    @pytest.mark.parametrize(
        ("weights", "fault"),
        [
            (np.r_[-1.0, np.ones(19)], "must not be negative; got -1"),
            (np.r_[1.0, np.zeros(19)], "above zero for at least two samples; it is for 1"),
            (np.ones((20, 1)), "one dimension"),
            (np.ones(19), "inconsistent numbers of samples"),
            (np.full(20, np.nan), "NaN"),
        ],
        ids=["negative", "one", "table", "short", "nan"],
    )
    def test_weights(self, weights, fault):
        with pytest.raises(ValueError, match=fault):
            CoefficientMagnitude().fit(*mixtures(), sample_weight=weights)

    def test_too_few_samples_for_the_f_test(self):
        X, y = mixtures(3)
        with pytest.raises(ValueError, match=r"at least 4 samples; got 3\. Give a `threshold`"):
            SelectivityRatio(1).fit(X, y)
        assert SelectivityRatio(1, threshold=0.1).fit(X, y).n_features_ > 0
