"""UVE and MCUVE against scikit-learn's PLS, training set by training set."""

import json
import tracemalloc
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import gen_batches

from spectral_fast import kernels
from spectral_fast._folds import random_training_sets
from spectral_fast.cross_decomposition import PLSRegression, pls_resample_coef
from spectral_fast.feature_selection import MCUVE, UVE, _uve
from spectral_fast.kernels import _jit
from tests.reference import uve as reference
from tests.spectra import measured, noisy_mixtures

GOLDEN = json.loads((Path(__file__).parent / "golden" / "uve.json").read_text(encoding="utf-8"))
NO_CHANNEL = "No channel is selected"

both_targets = pytest.mark.parametrize("n_targets", [1, 3])
both_selectors = pytest.mark.parametrize(
    "selector", [UVE(3), MCUVE(3, n_resamples=20)], ids=["UVE", "MCUVE"]
)

#: What `cv` may be, and the splitter that it stands for.
CVS = {
    "loo": ("loo", LeaveOneOut()),
    "folds": (4, KFold(4, shuffle=True, random_state=0)),
    "random": (ShuffleSplit(12, random_state=1),) * 2,
    "repeated": (RepeatedKFold(n_splits=3, random_state=2),) * 2,
}


def mixtures(n=14, p=17, n_targets=1, seed=0):
    """Return spectra whose channels 3 to 9 hold the targets, on an offset."""
    rng = np.random.default_rng(seed)
    concentrations = rng.uniform(size=(n, 3)) * [5.0, 2.0, 1.0]
    bands = np.exp(-(((np.arange(p) - np.array([[4], [6], [8]])) / 2.0) ** 2))
    X = 1.0 + concentrations @ bands + 0.02 * rng.normal(size=(n, p))
    Y = concentrations @ rng.normal(size=(3, n_targets)) * [7.0, 1.0, 0.1][:n_targets]
    return X, Y[:, 0] if n_targets == 1 else Y


def training_sets(cv, X):
    return [train for train, _ in cv.split(X)]


def quietly(selector, X, y, **arguments):
    """Fit where selecting nothing is no matter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", NO_CHANNEL)
        return selector.fit(X, y, **arguments)


def assert_reliable(actual, expected, n_targets=1):
    """Compare reliabilities; with several targets the power method stops at a tolerance."""
    rtol = 1e-8 if n_targets == 1 else 1e-5
    if n_targets == 1:
        (expected,) = expected
    assert actual.shape == expected.shape
    assert_allclose(actual, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


class TestKernel:
    @pytest.mark.parametrize("shape", [(2, 1), (3, 4), (5, 300), (4, 0)])
    def test_equals_twin(self, shape):
        coef = np.random.default_rng(0).normal(size=shape) + 0.5
        expected = reference.coefficient_reliability(coef)
        assert_allclose(kernels.coefficient_reliability([coef]), expected, rtol=1e-12)

    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_blocks(self, size):
        coef = np.random.default_rng(0).normal(size=(7, 300)) + 0.5
        coef[:, 5] = 0.1
        expected = kernels.coefficient_reliability([coef])
        blocks = (coef[start : start + size] for start in range(0, 7, size))
        found = kernels.coefficient_reliability(blocks)
        assert_allclose(found, expected, rtol=1e-12)
        assert found[5] == np.inf

    def test_mean_and_deviation_of_zero(self):
        coef = np.array([[1.0, 0.1, -0.1, 0.0], [-1.0, 0.1, -0.1, 0.0], [0.0, 0.1, -0.1, 0.0]])
        expected = [0.0, np.inf, -np.inf, 0.0]
        assert_array_equal(kernels.coefficient_reliability([coef]), expected)

    def test_nan_stays_in_its_column(self):
        coef = np.random.default_rng(0).normal(size=(4, 3))
        expected = kernels.coefficient_reliability([coef])
        coef[2, 1] = np.nan
        c = kernels.coefficient_reliability([coef])
        assert_array_equal(np.isnan(c), [False, True, False])
        assert_array_equal(c[::2], expected[::2])

    def test_far_from_zero(self):
        coef = 1e6 + np.random.default_rng(0).normal(size=(6, 3))
        expected = coef.mean(axis=0) / coef.std(axis=0, ddof=1)
        assert_allclose(kernels.coefficient_reliability([coef]), expected, rtol=1e-9)

    def test_strided(self):
        coef = np.random.default_rng(0).normal(size=(8, 6))
        expected = kernels.coefficient_reliability([coef[::2, ::2].copy()])
        assert_array_equal(kernels.coefficient_reliability([coef[::2, ::2]]), expected)

    def test_threads_do_not_show_in_the_result(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        coef = np.random.default_rng(0).normal(size=(4, 700))
        c = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                c.append(kernels.coefficient_reliability([coef]))
        assert_array_equal(*c)


class TestRandomTrainingSets:
    def test_more_of_them_leave_the_first_ones(self):
        few = random_training_sets(11, 4, 0.75, 3)
        many = random_training_sets(11, 9, 0.75, np.random.RandomState(3))
        assert_array_equal(many[:4], few)
        assert_array_equal(many.sum(axis=1), 8)
        assert len(np.unique(many, axis=0)) == 9
        assert many.dtype == bool

    def test_every_sample_is_drawn_as_often(self):
        drawn = random_training_sets(6, 4000, 0.5, 0)
        assert_allclose(drawn.mean(axis=0), 0.5, atol=0.03)


class TestUVE:
    @both_targets
    @pytest.mark.parametrize("cv", CVS)
    def test_equals_twin(self, n_targets, cv):
        X, y = mixtures(n_targets=n_targets)
        given, same = CVS[cv]
        uve = quietly(UVE(3, cv=given, random_state=0), X, y)
        kept, c, c_noise, cutoff = reference.uve(
            X, y.reshape(14, -1), training_sets(same, X), uve.n_components_
        )
        assert_reliable(uve.reliability_, c, n_targets)
        assert_reliable(uve.noise_reliability_, c_noise, n_targets)
        assert uve.cutoff_ == pytest.approx(cutoff, rel=1e-5)
        assert_array_equal(uve.get_support(indices=True), kept)
        assert len(kept) < 17
        assert_allclose(uve.scores_, np.abs(np.atleast_2d(uve.reliability_)).max(axis=0))
        order = np.argsort(-uve.scores_, kind="stable")
        assert_array_equal(uve.ranking_[order], np.arange(1, 18))

    @pytest.mark.parametrize(("n", "p", "n_components"), [(9, 12, 7), (30, 5, 5), (12, 12, 2)])
    def test_shapes(self, n, p, n_components):
        X, y = mixtures(n, p)
        uve = quietly(UVE(n_components), X, y)
        sets = training_sets(LeaveOneOut(), X)
        kept, c, _, _ = reference.uve(X, y[:, np.newaxis], sets, n_components)
        assert_reliable(uve.reliability_, c)
        assert_array_equal(uve.get_support(indices=True), kept)

    @pytest.mark.parametrize("noise", [1e-10, 1e-3, 3.0])
    @pytest.mark.parametrize("n_noise", [None, 1, 40])
    def test_noise(self, noise, n_noise):
        X, y = mixtures()
        uve = quietly(UVE(2, noise=noise, n_noise=n_noise, random_state=4), X, y)
        sets = training_sets(LeaveOneOut(), X)
        kept, c, c_noise, _ = reference.uve(
            X, y[:, np.newaxis], sets, 2, noise=noise, n_noise=n_noise, seed=4
        )
        assert_reliable(uve.reliability_, c)
        assert_reliable(uve.noise_reliability_, c_noise)
        assert_array_equal(uve.get_support(indices=True), kept)

    def test_small_noise_leaves_the_models_alone_and_large_noise_does_not(self):
        X, y = mixtures()
        coef = pls_resample_coef(X, y, 3, 1.0 - np.eye(14))
        alone = kernels.coefficient_reliability([coef])
        assert_allclose(quietly(UVE(3), X, y).reliability_, alone, rtol=1e-6)
        assert not np.allclose(quietly(UVE(3, noise=3.0), X, y).reliability_, alone, rtol=0.05)

    @pytest.mark.parametrize("cutoff", ["max", 1.0, 0.95, 0.5, 0.25, 0.001])
    def test_cutoff(self, cutoff):
        X, y = mixtures()
        uve = quietly(UVE(3, n_noise=100, cutoff=cutoff), X, y)
        noise = np.sort(np.abs(uve.noise_reliability_))
        count = {"max": 100, 1.0: 100, 0.95: 95, 0.5: 50, 0.25: 25, 0.001: 1}[cutoff]
        assert uve.cutoff_ == noise[count - 1]
        assert_array_equal(uve.support_, uve.scores_ > noise[count - 1])

    def test_largest_reliability_of_the_targets(self):
        """A channel is kept that only one of the targets needs."""
        X, _ = mixtures()
        rng = np.random.default_rng(1)
        X = rng.normal(size=(40, 6))
        Y = X[:, [1, 4]] + 0.1 * rng.normal(size=(40, 2))
        uve = UVE(4).fit(X, Y)
        assert_array_equal(uve.get_support(indices=True), [1, 4])
        assert_array_equal(np.abs(uve.reliability_).argmax(axis=1), [1, 4])

    @both_targets
    def test_weights_are_repetitions_in_training_sets(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        counts = np.tile([0, 1, 3, 1, 2, 1, 1], 2)
        uve = quietly(UVE(3, cv=4), X, y, sample_weight=0.5 * counts)
        sets = training_sets(KFold(4, shuffle=True, random_state=0), X)
        sets = [np.repeat(rows, counts[rows]) for rows in sets]
        kept, c, _, _ = reference.uve(X, y.reshape(14, -1), sets, 3)
        assert_reliable(uve.reliability_, c, n_targets)
        assert_array_equal(uve.get_support(indices=True), kept)
        plain = quietly(UVE(3, cv=4), X, y)
        assert not np.allclose(plain.reliability_, uve.reliability_, rtol=1e-3)

    def test_groups(self):
        X, y = mixtures()
        groups = np.arange(14) // 2
        grouped = quietly(UVE(3, cv=GroupKFold(7)), X, y, groups=groups)
        expected = quietly(UVE(3, cv=list(GroupKFold(7).split(X, y, groups))), X, y)
        assert_array_equal(grouped.reliability_, expected.reliability_)

    def test_components_are_cut_to_what_the_data_give(self):
        X, y = mixtures(8, 17)
        assert quietly(UVE(50), X, y).n_components_ == 6  # 7 samples train
        X, y = mixtures(p=3)
        assert quietly(UVE(50), X, y).n_components_ == 3

    def test_components_beyond_the_rank_would_describe_the_noise(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(14, 2)) @ rng.normal(size=(2, 9))
        y = X[:, 0] + rng.normal(size=14)
        uve = quietly(UVE(5), X, y)
        assert uve.n_components_ == 2
        assert_array_equal(uve.reliability_, quietly(UVE(2), X, y).reliability_)
        assert_allclose(
            uve.reliability_,
            reference.reliability(X, y[:, np.newaxis], training_sets(LeaveOneOut(), X), 2)[0],
            rtol=1e-6,
        )

    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        X, y = measured(name)
        expected = GOLDEN[f"{name}/UVE"]
        uve = UVE(5, cv=KFold(10) if name == "tecator" else "loo").fit(X, y)
        assert_array_equal(uve.get_support(indices=True), expected["selected"])
        assert uve.cutoff_ == pytest.approx(expected["cutoff"], rel=1e-8)


class TestMCUVE:
    @both_targets
    @pytest.mark.parametrize(("n", "p"), [(14, 17), (24, 6), (12, 12)])
    def test_equals_twin(self, n_targets, n, p):
        X, y = mixtures(n, p, n_targets)
        mcuve = MCUVE(3, n_resamples=25, train_size=0.6, cv=4, random_state=5).fit(X, y)
        splits = list(KFold(4, shuffle=True, random_state=5).split(X))
        c, order, rmsecv = reference.mcuve(
            X,
            y.reshape(n, -1),
            reference.draws(n, 25, round(0.6 * n), seed=5),
            3,
            mcuve.sizes_,
            splits,
        )
        assert_reliable(mcuve.reliability_, c, n_targets)
        assert_array_equal(np.argsort(mcuve.ranking_), order)
        assert_allclose(mcuve.rmsecv_, rmsecv, rtol=1e-8 if n_targets == 1 else 1e-5)
        assert mcuve.n_features_ == mcuve.sizes_[rmsecv.argmin()]
        assert_array_equal(mcuve.get_support(indices=True), np.sort(order[: mcuve.n_features_]))

    def test_sizes(self):
        X, y = mixtures(p=40)
        sizes = MCUVE(2, n_resamples=5).fit(X, y).sizes_
        assert sizes[0] == 1
        assert sizes[-1] == 40
        assert len(sizes) <= 30
        assert (np.diff(sizes) > 0).all()

    def test_number_given(self):
        X, y = mixtures()
        mcuve = MCUVE(3, n_resamples=25, n_features_to_select=4).fit(X, y)
        assert mcuve.n_features_ == 4
        assert_array_equal(mcuve.get_support(indices=True), np.sort(mcuve.subset(4)))
        assert mcuve.ranking_[mcuve.support_].max() == 4
        assert not hasattr(mcuve, "rmsecv_")

    def test_weights_are_repetitions_in_training_sets(self):
        X, y = mixtures()
        counts = np.tile([1, 1, 3, 1, 2, 1, 1], 2)
        mcuve = MCUVE(3, n_resamples=25, n_features_to_select=4)
        weighted = mcuve.fit(X, y, sample_weight=0.5 * counts).reliability_
        sets = [np.repeat(rows, counts[rows]) for rows in reference.draws(14, 25, 10)]
        assert_reliable(weighted, reference.reliability(X, y[:, np.newaxis], sets, 3))
        assert not np.allclose(mcuve.fit(X, y).reliability_, weighted, rtol=1e-3)

    def test_weights_count_in_the_path(self):
        X, y = mixtures()
        y = y + np.random.default_rng(1).normal(size=14)
        weights = np.where(np.arange(14) < 7, 1.0, 0.1)
        mcuve = MCUVE(3, n_resamples=25)
        plain, weighted = mcuve.fit(X, y).rmsecv_, mcuve.fit(X, y, sample_weight=weights).rmsecv_
        assert not np.allclose(plain, weighted, rtol=1e-3)
        assert_array_equal(mcuve.fit(X, y, sample_weight=np.ones(14)).rmsecv_, plain)

    def test_groups(self):
        X, y = mixtures()
        groups = np.arange(14) // 2
        grouped = MCUVE(3, n_resamples=9, cv=GroupKFold(7)).fit(X, y, groups=groups)
        splits = list(GroupKFold(7).split(X, y, groups))
        expected = MCUVE(3, n_resamples=9, cv=splits).fit(X, y)
        assert_array_equal(grouped.rmsecv_, expected.rmsecv_)

    def test_components_are_cut_to_what_the_data_give(self):
        X, y = mixtures(8, 17)
        assert MCUVE(50, n_resamples=9, cv=4).fit(X, y).n_components_ == 5  # 6 samples train
        X, y = mixtures(p=3)
        assert MCUVE(50, n_resamples=9).fit(X, y).n_components_ == 3

    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        X, y = measured(name)
        expected = GOLDEN[f"{name}/MCUVE"]
        mcuve = MCUVE(5, n_resamples=50).fit(X, y)
        assert_array_equal(mcuve.subset(X.shape[1]), expected["order"])
        assert_array_equal(mcuve.sizes_, expected["sizes"])
        assert_allclose(mcuve.rmsecv_, expected["rmsecv"], rtol=1e-8)


class TestBoth:
    @both_selectors
    @both_targets
    @pytest.mark.parametrize("unit", [1e-6, 1e6])
    def test_units_do_not_matter(self, selector, n_targets, unit):
        X, y = mixtures(n_targets=n_targets)
        expected = quietly(selector, X, y).support_
        assert 0 < expected.sum() < 17
        assert_array_equal(quietly(selector, unit * X, y).support_, expected)
        assert_array_equal(quietly(selector, X, unit * y).support_, expected)

    @both_selectors
    def test_known_channels_are_found(self, selector):
        """At least 90 % of the channels that hold y, at most 5 % of those of noise."""
        selector = type(selector)(2)  # as many components as the mixtures have
        seeds = range(1, 3 if numba.config.DISABLE_JIT else 11)
        kept = []
        for seed in seeds:
            X, y, kinds = noisy_mixtures(seed)
            support = selector.set_params(random_state=seed).fit(X, y).support_
            kept.append([support[kinds == 0].mean(), support[kinds == 2].mean()])
        informative, noise = np.mean(kept, axis=0)
        assert informative >= 0.9
        assert noise <= 0.05

    @both_selectors
    def test_constant_channels_are_not_reliable(self, selector):
        X, y = mixtures()
        X[:, [0, 6]] = 1.1
        fitted = quietly(selector, X, y)
        assert_array_equal(fitted.reliability_[[0, 6]], 0.0)
        assert not fitted.support_[[0, 6]].any()
        assert_array_equal(fitted.ranking_[[0, 6]], [16, 17])

    @both_selectors
    def test_threads(self, selector, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = mixtures(20, 30)
        scores = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                scores.append(quietly(selector, X, y).scores_)
        assert_array_equal(*scores)

    @both_selectors
    @both_targets
    @pytest.mark.parametrize("size", [1, 3])
    def test_blocks_of_training_sets(self, selector, n_targets, size, monkeypatch):
        X, y = mixtures(n_targets=n_targets)
        weights = np.linspace(0.5, 2.0, 14)
        whole = quietly(selector, X, y, sample_weight=weights).reliability_
        monkeypatch.setattr(_uve, "_blocks", lambda sets, _: gen_batches(len(sets), size))
        blocks = quietly(selector, X, y, sample_weight=weights).reliability_
        assert_allclose(blocks, whole, rtol=1e-8, atol=1e-8 * np.abs(whole).max())

    @both_selectors
    @pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="many samples")
    def test_memory_is_not_that_of_all_training_sets(self, selector):
        X, y = mixtures(3000, 6)
        if isinstance(selector, MCUVE):
            selector = MCUVE(2, n_resamples=3000, n_features_to_select=3)
        tracemalloc.start()
        quietly(selector, X, y)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * 3000**2 / 2

    @both_selectors
    def test_seeds(self, selector):
        X, y = mixtures()
        first, again, other = (
            quietly(type(selector)(3, cv=4, random_state=seed), X, y)
            for seed in (1, np.random.RandomState(1), 2)
        )
        assert_array_equal(first.scores_.shape, again.scores_.shape)
        assert (first.scores_ != other.scores_).any()
        repeated = quietly(type(selector)(3, cv=4, random_state=1), X, y)
        assert_array_equal(repeated.scores_, first.scores_)

    @both_selectors
    def test_data_stay_as_they_are(self, selector):
        X, y = mixtures()
        weights = np.ones(14)
        before = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = weights.flags.writeable = False
        quietly(selector, X, y, sample_weight=weights)
        assert_array_equal(X, before[0])
        assert_array_equal(y, before[1])

    @both_selectors
    def test_in_a_pipeline_and_a_grid(self, selector):
        X, y = mixtures(40)
        pipeline = make_pipeline(type(selector)(), PLSRegression(1, scale=False))
        name = type(selector).__name__.lower()
        search = GridSearchCV(pipeline, {f"{name}__n_components": [1, 2]}, cv=3)
        assert search.fit(X, y).score(X, y) > 0.8
        assert search.best_estimator_[0].n_features_ > 0

    @both_selectors
    def test_single_channel(self, selector):
        X, y = mixtures(p=6)
        fitted = quietly(selector, X[:, 4:5], y)
        assert fitted.n_features_ == 1
        assert fitted.reliability_.shape == (1,)


class TestNothingToSelect:
    def test_noise_is_more_reliable(self):
        rng = np.random.default_rng(0)
        with pytest.warns(UserWarning, match=NO_CHANNEL) as warned:
            uve = UVE(2, n_noise=300).fit(rng.normal(size=(40, 5)), rng.normal(size=40))
        assert warned[0].filename == __file__
        message = str(warned[0].message)
        assert f"{uve.scores_.max():.3g}, and that of the noise, the cutoff, " in message
        assert f"{uve.cutoff_:.3g}. Lower `cutoff`" in message
        assert not uve.support_.any()
        assert uve.n_features_ == 0


class TestBadInput:
    @pytest.mark.parametrize(
        "selector",
        [
            UVE(0),
            UVE(cv="all"),
            UVE(noise=0.0),
            UVE(n_noise=0),
            UVE(cutoff=0.0),
            UVE(cutoff=1.01),
            UVE(cutoff="min"),
            UVE(random_state="now"),
            MCUVE(0),
            MCUVE(n_resamples=1),
            MCUVE(train_size=1.0),
            MCUVE(n_features_to_select=0),
            MCUVE(n_features_to_select="all"),
            MCUVE(cv=1),
        ],
        ids=str,
    )
    def test_parameters(self, selector):
        changed = [
            name
            for name, value in selector.get_params().items()
            if value != type(selector)().get_params()[name]
        ]
        with pytest.raises(ValueError, match=f"'{changed[0]}' parameter"):
            selector.fit(*mixtures())

    @both_selectors
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, selector, value):
        X, y = mixtures()
        wrong = X.copy()
        wrong[2, 4] = value
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            selector.fit(wrong, y)
        y[3] = value
        with pytest.raises(ValueError, match=r"y has NaN or infinite values in row 3"):
            selector.fit(X, y)

    @both_selectors
    def test_weights(self, selector):
        X, y = mixtures()
        with pytest.raises(ValueError, match=r"must not be negative; got -1\. Use 0"):
            selector.fit(X, y, sample_weight=np.r_[-1.0, np.ones(13)])
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            selector.fit(X, y, sample_weight=np.ones(13))

    def test_training_set_without_weight(self):
        X, y = mixtures()
        weights = np.r_[1.0, 1.0, np.zeros(12)]
        with pytest.raises(ValueError, match="at least two samples of positive weight; number 0"):
            UVE(1).fit(X, y, sample_weight=weights)

    def test_one_fold(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match=r"`cv` must give at least 2 folds.*got 1\. Use"):
            UVE(cv=[(np.arange(10), np.arange(10, 14))]).fit(X, y)

    @pytest.mark.parametrize(
        ("n", "train_size", "left"), [(14, 0.05, 1), (14, 0.99, 14), (2, 0.5, 1)]
    )
    def test_train_size(self, n, train_size, left):
        message = (
            rf"from 2 to {n - 1} of the {n} samples.*got {train_size}, which leaves {left}\. Use"
        )
        with pytest.raises(ValueError, match=message):
            MCUVE(train_size=train_size).fit(*mixtures(n))

    def test_more_channels_than_there_are(self):
        with pytest.raises(ValueError, match=r"from 1 to n_features=17; got 18\. Use 17 or fewer"):
            MCUVE(n_features_to_select=18).fit(*mixtures())

    def test_folds_of_the_path(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="`cv` must be at most n_samples=14"):
            MCUVE(n_resamples=5, cv=15).fit(X, y)
        with pytest.raises(ValueError, match="exactly once"):
            MCUVE(n_resamples=5, cv=ShuffleSplit(3, random_state=0)).fit(X, y)
