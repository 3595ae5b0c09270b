"""SPA against its twin: chains, errors of regressions, the best set and the elimination."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut, ShuffleSplit
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.datasets import load_gasoline, load_tecator, make_spectra
from spectral_fast.feature_selection import SPA
from spectral_fast.kernels import _jit
from spectral_fast.preprocessing import SNV
from tests.golden import make_golden
from tests.reference import pls_cv as pls_reference
from tests.reference import spa as reference

both_targets = pytest.mark.parametrize("n_targets", [1, 2])


def spectra(n=20, p=14, n_targets=1, noise=1e-2, seed=0):
    bunch = make_spectra(n, p, noise=noise, random_state=seed)
    Y = bunch.target[:, :n_targets]
    rng = np.random.default_rng(seed)
    Y = (Y + 0.1 * Y.std(axis=0) * rng.normal(size=Y.shape)) * [1.0, 100.0][:n_targets]
    return bunch.data, Y[:, 0] if n_targets == 1 else Y


def folds(n, n_splits=5):
    return list(KFold(n_splits, shuffle=True, random_state=0).split(np.empty(n)))


def chains_of(X, length, starts=None):
    X = X - X.mean(axis=0)
    starts = np.arange(X.shape[1]) if starts is None else starts
    return kernels.spa_chains(X, kernels.covariance(X), starts, length)[0]


def errors_of(X, Y, chains, splits):
    weights = np.stack([np.bincount(train, minlength=len(X)) for train, _ in splits])
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    tests = [test for _, test in splits]
    return kernels.spa_scores(X, Y, np.asarray(chains), weights.astype(float), tests)


def data(name):
    rng = np.random.default_rng(0)
    return {
        "random": lambda: (rng.normal(size=(15, 20)), 12),
        "wide": lambda: (rng.normal(size=(8, 40)), 7),
        "tall": lambda: (rng.normal(size=(40, 6)), 6),
        "walk": lambda: (rng.normal(size=(15, 30)).cumsum(axis=1), 12),
        "smooth": lambda: (make_spectra(20, 40, random_state=0).data, 15),
        "little noise": lambda: (make_spectra(20, 40, noise=1e-7, random_state=0).data, 15),
        "offset": lambda: (1e4 + make_spectra(20, 40, random_state=0).data, 15),
        "tecator": lambda: (load_tecator(return_X_y=True)[0][::4, ::3], 30),
        "gasoline": lambda: (load_gasoline(return_X_y=True)[0][:, ::8], 25),
    }[name]()


every_data = pytest.mark.parametrize(
    "name",
    ["random", "wide", "tall", "walk", "smooth", "little noise", "offset", "tecator", "gasoline"],
)


class TestChains:
    @every_data
    def test_twin(self, name):
        X, length = data(name)
        assert_array_equal(
            chains_of(X, length), reference.chains(X, range(X.shape[1]), length), strict=True
        )

    @every_data
    def test_pivots_of_the_authors_program(self, name):
        """The start is scaled up to be the first pivot of a QR factorisation."""
        X, length = data(name)
        X = X - X.mean(axis=0)
        squares = (X**2).sum(axis=0)
        for start, chain in enumerate(chains_of(X, length)):
            scaled = X.copy()
            scaled[:, start] *= 2 * squares.max() / squares[start]
            pivots = scipy.linalg.qr(scaled, mode="r", pivoting=True)[1]
            # LAPACK's downdated lengths lose digits; lengths beyond that are not compared
            trusted = length if name != "little noise" else 4
            assert_array_equal(chain[:trusted], pivots[:trusted])

    def test_lengths_that_rounding_confuses(self):
        """Two channels differ by less than the rounding of XᵀX, relative to what is left."""
        wrong_without_projection = 0
        for seed in range(30):
            rng = np.random.default_rng(seed)
            Q = np.linalg.qr(rng.normal(size=(12, 4)) - rng.normal(size=4))[0]
            Q = np.linalg.qr(Q - Q.mean(axis=0))[0]
            large, left = Q[:, 0], Q[:, 1:]
            X = np.column_stack(
                [large, 0.8 * large + 1e-4 * left[:, 0], 0.9 * large + (1e-4 + 3e-13) * left[:, 1]]
            )
            assert_array_equal(chains_of(X, 2, np.array([0])), [[0, 2]])
            C = X.T @ X
            lengths = C.diagonal() - C[0] ** 2 / C[0, 0]
            wrong_without_projection += lengths[2] <= lengths[1]
        assert wrong_without_projection > 5

    def test_equal_columns_go_to_the_lowest(self):
        X, _ = spectra(n=12, p=6)
        X = np.column_stack([X, X[:, ::-1], -X])
        chains = chains_of(X, 6)
        assert (chains[:, 1:] < 6).all()
        assert_array_equal(chains, reference.chains(X, range(18), 6))

    def test_ends_at_the_rank(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(12, 3)) @ rng.normal(size=(3, 15))
        X[:, 4] = 0.1  # its mean is rounded
        X = X - X.mean(axis=0)
        X[:, 4] = 0.0
        chains, lengths = kernels.spa_chains(X, X.T @ X, np.arange(15), 6)
        assert_array_equal(lengths, [0 if start == 4 else 3 for start in range(15)])
        assert_array_equal(chains >= 0, np.arange(6) < lengths[:, None])
        assert_array_equal(chains, reference.chains(X, range(15), 6))

    @pytest.mark.parametrize("factor", [1e-6, 1e6])
    def test_unit_does_not_matter(self, factor):
        X, length = data("tecator")
        assert_array_equal(chains_of(factor * X, length), chains_of(X, length))

    def test_starts(self):
        X, length = data("smooth")
        starts = np.array([7, 3, 3])
        assert_array_equal(chains_of(X, length, starts), chains_of(X, length)[starts])

    def test_length_one(self):
        X, _ = data("smooth")
        assert_array_equal(chains_of(X, 1)[:, 0], np.arange(X.shape[1]))

    def test_nan_does_no_harm(self):
        X, _ = data("random")
        X[3, 2] = np.nan
        assert chains_of(X, 4).shape == (20, 4)


class TestErrors:
    @both_targets
    @pytest.mark.parametrize(
        "splitter",
        [KFold(5, shuffle=True, random_state=0), LeaveOneOut(), KFold(2)],
        ids=["shuffled", "leave-one-out", "halves"],
    )
    def test_twin(self, n_targets, splitter):
        X, y = spectra(p=14, n_targets=n_targets)
        Y = y.reshape(len(X), -1)
        splits = list(splitter.split(X))
        chains = chains_of(X, 8)
        expected = reference.chain_errors(X, Y, chains, splits)
        assert np.isfinite(expected).all()
        assert_allclose(errors_of(X, Y, chains, splits), expected, rtol=1e-8)

    @pytest.mark.parametrize("name", ["tecator", "gasoline", "offset"])
    def test_collinear_spectra(self, name):
        X, length = data(name)
        Y = np.random.default_rng(0).normal(size=(len(X), 1))
        chains = chains_of(X, min(length, 12))[::6]
        splits = folds(len(X))
        expected = reference.chain_errors(X, Y, chains, splits)
        assert_allclose(errors_of(X, Y, chains, splits), expected, rtol=1e-7)

    def test_training_sets_that_overlap_the_held_out(self):
        """Samples that are twice in a training set, held out as well, or in neither part."""
        X, y = spectra(p=10)
        rng = np.random.default_rng(0)
        splits = [(rng.integers(0, 20, size=18), test) for _, test in folds(20)]
        splits[0] = np.arange(20), splits[0][1]
        chains = chains_of(X, 5)
        expected = reference.chain_errors(X, y[:, None], chains, splits)
        assert_allclose(errors_of(X, y[:, None], chains, splits), expected, rtol=1e-8)

    def test_infinite_beyond_the_end_and_in_collinear_folds(self):
        X, y = spectra(p=6)
        X[:, 2] = 0.0
        X[3, 2] = 1.0  # constant in the training set without sample 3
        chains = np.array([[0, 1, -1], [0, 2, 1], [2, 0, 1], [-1, -1, -1]])
        errors = errors_of(X, y[:, None], chains, folds(20))[:, :, 0]
        assert_array_equal(
            np.isfinite(errors),
            [[True, True, False], [True, False, False], [False] * 3, [False] * 3],
        )
        assert_allclose(errors, reference.chain_errors(X, y[:, None], chains, folds(20))[:, :, 0])

    def test_threads(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = spectra()
        found = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                chains = chains_of(X, 10)
                found.append((chains, errors_of(X, y[:, None], chains, folds(20))))
        assert_array_equal(found[0][0], found[1][0])
        assert_array_equal(found[0][1], found[1][1])


def check_against_twin(spa, X, y, splits, least, most, **settings):
    Y = y.reshape(len(X), -1)
    selected, eliminated, relevances, subsets, rmsecv = reference.spa(
        X, Y, splits, least, most, **settings
    )
    assert_array_equal(spa.sizes_, list(subsets))
    for found, expected in zip(spa.subsets_, subsets.values(), strict=True):
        assert_array_equal(found, expected)
    assert_allclose(spa.rmsecv_, list(rmsecv.values()), rtol=1e-8)
    ranked = np.concatenate([selected, eliminated])
    assert_array_equal(spa.get_support(indices=True), np.sort(selected))
    assert_array_equal(spa.ranking_[ranked], np.arange(1, len(ranked) + 1))
    assert_allclose(spa.scores_[ranked], relevances, rtol=1e-8)
    others = np.setdiff1d(np.arange(X.shape[1]), ranked)
    assert (spa.ranking_[others] == len(ranked) + 1).all()
    assert (spa.scores_[others] == 0).all()
    return ranked


class TestAgainstTheTwin:
    @both_targets
    @pytest.mark.parametrize("seed", range(3))
    def test_mlr(self, n_targets, seed):
        X, y = spectra(n_targets=n_targets, seed=seed)
        spa = SPA().fit(X, y)
        ranked = check_against_twin(spa, X, y, folds(20), 1, 14)
        subset = spa.subset(len(ranked))
        assert_array_equal(np.sort(subset), np.sort(ranked))
        assert_array_equal(spa.chain_[: len(ranked)], subset)
        assert spa.start_ == subset[0]
        assert len(spa.chain_) == 14

    @both_targets
    def test_elimination_down_to_the_least_size(self, n_targets):
        X, y = spectra(n_targets=n_targets)
        kept = []
        for least in (1, 5):
            spa = SPA((least, 8), alpha=0.01).fit(X, y)
            ranked = check_against_twin(spa, X, y, folds(20), least, 8, alpha=0.01)
            assert spa.n_features_ < len(ranked)
            kept.append(spa.n_features_)
        assert kept[0] < kept[1] == 5
        whole = SPA((1, 8), elimination=False).fit(X, y)
        assert_array_equal(np.sort(whole.subset(whole.n_features_)), np.flatnonzero(whole.support_))

    def test_pls(self):
        X, y = spectra(n=20, p=12, noise=0.05)
        splits = folds(20)

        def press(X, Y, splits):
            n_components = min(3, X.shape[1])
            _, rmse, _ = pls_reference.pls_cv(X, Y, n_components, splits, "min", scale=False)
            return len(Y) * rmse[1:].min(axis=0) ** 2

        starts = [2, 5, 9]
        spa = SPA((1, 5), starts=starts, regression="pls", max_components=3).fit(X, y)
        check_against_twin(spa, X, y, splits, 1, 5, starts=starts, press=press)
        assert (spa.rmsecv_ != SPA((1, 5), starts=starts).fit(X, y).rmsecv_)[3:].any()

    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        path = Path(make_golden.__file__).with_name("spa.json")
        golden = json.loads(path.read_text(encoding="utf-8"))[name]
        X, Y = make_golden.selection_data()[name]
        starts = np.arange(0, X.shape[1], make_golden.SPA_STEP)
        spa = SPA((1, make_golden.SPA_MOST), starts=starts).fit(X, Y[:, 0])
        assert_allclose(spa.rmsecv_, golden["rmsecv"], rtol=1e-8)
        assert [subset.tolist() for subset in spa.subsets_] == golden["subsets"]
        assert spa.get_support(indices=True).tolist() == golden["selected"]


class TestSelection:
    def test_int_is_kept(self):
        X, y = spectra()
        spa = SPA(4, alpha=1e-6).fit(X, y)
        assert spa.n_features_ == 4
        assert_array_equal(spa.sizes_, [4])

    def test_one_start(self):
        X, y = spectra()
        spa = SPA(starts=6).fit(X, y)
        assert spa.start_ == 6
        assert {subset[0] for subset in spa.subsets_} == {6}
        assert_array_equal(SPA(starts=[9, 6, 6]).fit(X, y).rmsecv_ <= spa.rmsecv_, True)

    def test_informative_channels(self):
        """Three channels hold everything: of their order and of more channels none wins."""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(30, 12))
        y = X[:, [8, 3, 5]] @ [1.0, 2.0, 4.0]
        X[:, [3, 5, 8]] *= 10.0
        spa = SPA().fit(X, y)
        assert_array_equal(spa.get_support(indices=True), [3, 5, 8])
        assert spa.start_ == 3
        assert_array_equal(spa.ranking_[[5, 3, 8]], [1, 2, 3])
        assert_allclose(spa.rmsecv_[2:], 0.0, atol=1e-12)

    def test_errors_of_rounding_are_equal(self):
        """Where y is a channel, the least error is that of any size."""
        least = []
        for seed in range(6):
            X = np.random.default_rng(seed).normal(size=(20, 5))
            spa = SPA(elimination=False).fit(X, X[:, 2])
            assert_array_equal(spa.get_support(indices=True), [2])
            assert spa.start_ == 2
            least.append(spa.rmsecv_.argmin())
        assert max(least) > 0

    @pytest.mark.parametrize("factor", [1e-6, 1e6])
    @both_targets
    def test_units_do_not_matter(self, factor, n_targets):
        X, y = spectra(n_targets=n_targets)
        expected = SPA().fit(X, y)
        for spa in (SPA().fit(factor * X, y), SPA().fit(X, factor * y)):
            assert_array_equal(spa.ranking_, expected.ranking_)
            assert_array_equal(spa.support_, expected.support_)

    def test_targets_unit_does_not_matter(self):
        X, y = spectra(n_targets=2)
        expected = SPA().fit(X, y)
        spa = SPA().fit(X, y * [1e3, 1e-3])
        assert_array_equal(spa.ranking_, expected.ranking_)
        assert_allclose(spa.rmsecv_, expected.rmsecv_)

    def test_constant_channels_and_targets(self):
        X, y = spectra(p=12)
        expected = SPA((1, 8)).fit(X, y)
        channels = np.arange(12) * 2
        wide = np.full((20, 24), 333333.1)  # whose mean is rounded
        wide[:, channels] = X
        spa = SPA((1, 8)).fit(wide, np.column_stack([y, np.full(20, 0.1)]))
        assert_array_equal(spa.get_support(indices=True), channels[expected.support_])

    def test_cv(self):
        X, y = spectra()
        groups = np.arange(20) // 4
        given = SPA(cv=list(GroupKFold(3).split(X, y, groups))).fit(X, y)
        grouped = SPA(cv=GroupKFold(3)).fit(X, y, groups=groups)
        assert_array_equal(grouped.rmsecv_, given.rmsecv_)
        assert_array_equal(SPA(cv=None).fit(X, y).rmsecv_, SPA(cv=5).fit(X, y).rmsecv_)
        assert (SPA(random_state=1).fit(X, y).rmsecv_ != SPA().fit(X, y).rmsecv_).any()

    def test_threads_and_runs(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = spectra()
        fits = []
        for n_threads in (1, 2, 2):
            with kernels.thread_limit(n_threads):
                fits.append(SPA().fit(X, y))
        for fitted in fits[1:]:
            assert_array_equal(fitted.rmsecv_, fits[0].rmsecv_)
            assert_array_equal(fitted.ranking_, fits[0].ranking_)

    def test_pipeline_and_search(self):
        X, y = spectra(n=40)
        pipeline = make_pipeline(SNV(), SPA(), LinearRegression())
        grid = {"spa__n_features_to_select": [3, (1, 6)], "spa__starts": ["all", 3]}
        search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
        assert search.best_score_ > 0.5
        assert search.predict(X).shape == (40,)

    def test_data_stay_as_they_are(self):
        X, y = spectra()
        before = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = False
        SPA().fit(X, y)
        assert_array_equal(X, before[0])
        assert_array_equal(y, before[1])


class TestRank:
    def low_rank(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 10))
        return X, X[:, 2] + rng.normal(size=20)

    @pytest.mark.parametrize("regression", ["mlr", "pls"])
    @pytest.mark.parametrize("sizes", [None, (2, 6)])
    def test_larger_sizes_are_left_out(self, regression, sizes):
        X, y = self.low_rank()
        with pytest.warns(UserWarning, match="more than 3 channels that are linearly") as caught:
            spa = SPA(sizes, regression=regression, starts=[0, 1]).fit(X, y)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert spa.sizes_[-1] == 3
        assert len(spa.chain_) == 3

    def test_no_size_is_left(self):
        X, y = self.low_rank()
        with pytest.raises(ValueError, match=r"more than 3 channels.*sizes up to 8.*to fewer"):
            SPA((5, 8)).fit(X, y)

    def test_constant_start(self):
        X, y = spectra()
        X[:, 3] = 333333.1
        with pytest.raises(ValueError, match="`starts` to channels that vary"):
            SPA(2, starts=3).fit(X, y)
        assert 3 not in SPA(5).fit(X, y).get_support(indices=True)

    def test_channel_that_varies_in_one_sample(self):
        """It is the longest, so all chains hold it, and one training set finds it constant."""
        X, y = spectra()
        X[:, 3] = 0.0
        X[7, 3] = 1e3
        with pytest.warns(UserWarning, match="more than 1 channels"):
            assert_array_equal(SPA().fit(X, y).sizes_, [1])

    def test_default_sizes(self):
        X, y = spectra(n=10, p=30)
        assert_array_equal(SPA(cv=LeaveOneOut()).fit(X, y).sizes_, np.arange(1, 8))
        X, y = spectra(n=4, p=3)
        assert_array_equal(SPA(cv=2).fit(X, y).sizes_, [1])
        X, y = spectra(n=60, p=34, noise=0.1)
        assert SPA(starts=0).fit(X, y).sizes_[-1] == 30


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_features_to_select": 0},
            {"n_features_to_select": 2.5},
            {"starts": "some"},
            {"starts": -1},
            {"regression": "ridge"},
            {"max_components": 0},
            {"cv": 1},
            {"elimination": "no"},
            {"alpha": 0.0},
            {"alpha": 0.6},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            SPA(**parameters).fit(*spectra())

    @pytest.mark.parametrize("sizes", [(1,), (3, 2), (0, 4), (1, 2.5), (1, 2, 3)], ids=str)
    def test_range(self, sizes):
        with pytest.raises(ValueError, match=r"two integers from 1 up.*Use \(1, 20\)"):
            SPA(sizes).fit(*spectra())

    @pytest.mark.parametrize("sizes", [16, (1, 16)], ids=str)
    def test_more_than_the_samples_allow(self, sizes):
        with pytest.raises(ValueError, match=r"at most 15, as n_features=30 .* has 16 samples"):
            SPA(sizes).fit(*spectra(p=30))
        assert SPA(15, starts=0).fit(*spectra(p=30)).n_features_ == 15

    def test_more_than_the_channels(self):
        with pytest.raises(ValueError, match=r"at most 6, as n_features=6 .*Use 6 or fewer"):
            SPA(7).fit(*spectra(p=6))

    @pytest.mark.parametrize("starts", [[0, 14], [-1], [], [1.5], 14], ids=str)
    def test_starts(self, starts):
        with pytest.raises(ValueError, match="`starts` must be numbers of channels, from 0 to 13"):
            SPA(starts=starts).fit(*spectra())

    def test_one_sample_to_train_on(self):
        X, y = spectra(n=2)
        with pytest.raises(ValueError, match="at least two samples in each training set"):
            SPA(cv=2).fit(X, y)

    def test_no_partition(self):
        with pytest.raises(ValueError, match="exactly once"):
            SPA(cv=ShuffleSplit(3, random_state=0)).fit(*spectra())

    def test_not_finite(self):
        X, y = spectra()
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match="row 2"):
            SPA().fit(X, y)

    def test_size_that_was_not_compared(self):
        spa = SPA((2, 5)).fit(*spectra())
        assert len(spa.subset(3)) == 3
        for size in (1, 6):
            with pytest.raises(ValueError, match=rf"from 2 to 5.*got {size}"):
                spa.subset(size)
