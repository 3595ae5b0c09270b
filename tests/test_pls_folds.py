"""The PLS engine: folds and component counts in one pass, against fits one after another."""

import logging
import warnings
from contextlib import nullcontext

import hypothesis
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cross_decomposition import PLSRegression as SklearnPLSRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
)

from spectral_fast import kernels
from spectral_fast.cross_decomposition import _cross_val, pls_cross_val_predict, pls_resample_coef
from spectral_fast.datasets import load_gasoline, load_tecator, make_spectra
from spectral_fast.kernels import _jit
from tests.reference import pls_folds as reference

LOGGER = "spectral_fast.cross_decomposition._solver"


def smooth(n, p, m=1, seed=0, n_components=6):
    """Mixtures of smooth bands with noise, and targets that depend on all of them."""
    rng = np.random.default_rng(seed)
    bands = np.exp(-0.5 * ((np.arange(p) - rng.uniform(0, p, (n_components, 1))) / (p / 9)) ** 2)
    amounts = rng.uniform(size=(n, n_components))
    X = amounts @ bands + 1e-3 * rng.normal(size=(n, p))
    Y = amounts @ rng.normal(size=(n_components, m)) + 0.02 * rng.normal(size=(n, m))
    return X, Y


def partition(n, n_folds, seed=0):
    """Random folds: their test rows, and their weights of 0 and 1."""
    rows = np.array_split(np.random.default_rng(seed).permutation(n), n_folds)
    weights = np.ones((n_folds, n))
    for fold, test in enumerate(rows):
        weights[fold, test] = 0.0
    return rows, weights


def rmse(predictions, Y):
    return np.sqrt(((predictions - Y) ** 2).mean(axis=1))


def by_gram(X, *arguments, **options):
    X = X - X.mean(axis=0)
    return kernels.pls_gram(X @ X.T, *arguments, **options)


def by_direct(X, *arguments, **options):
    return kernels.pls_direct(X - X.mean(axis=0), *arguments, **options)


def by_covariance(X, Y, weights, rows, n_components, dual=False):
    X = X - X.mean(axis=0)
    base = weights.max(axis=0)
    C = (base * X.T) @ X
    return kernels.pls_covariance(C, X, Y, weights, base, rows, n_components)


def by_own_covariance(X, Y, weights, rows, n_components, dual=False):
    X = X - X.mean(axis=0)
    C = kernels.fold_covariances(X, weights)
    return kernels.pls_covariance(C, X, Y, weights, weights.max(axis=0), rows, n_components)


every_path = pytest.mark.parametrize("path", [by_gram, by_covariance, by_own_covariance, by_direct])
SHAPES = [(12, 40), (20, 20), (40, 9)]


class TestKernels:
    @every_path
    @pytest.mark.parametrize("n_targets", [1, 3])
    @pytest.mark.parametrize(("n", "p"), SHAPES)
    def test_predictions(self, path, n, p, n_targets):
        X, Y = smooth(n, p, n_targets)
        rows, weights = partition(n, 4)
        expected = reference.cross_val_predict(X, Y, weights, rows, 5)
        found = path(X, Y, weights, rows, 5)
        # Squaring the condition number costs the Gram path half the digits, at worst.
        assert_allclose(found.predictions, expected, rtol=0, atol=1e-9 * Y.std())
        assert_array_equal(found.n_found, 5)

    @every_path
    @pytest.mark.parametrize("n_targets", [1, 2])
    @pytest.mark.parametrize(("n", "p"), SHAPES)
    def test_weights_and_coefficients(self, path, n, p, n_targets):
        X, Y = smooth(n, p, n_targets)
        weights = np.random.default_rng(1).integers(0, 3, (6, n)).astype(float)
        weights[0] *= 0.37  # a common factor changes nothing, fractions are fine
        none = [np.arange(0)] * 6
        expected = reference.resample_coef(X, Y, weights, 4)
        found = path(X, Y, weights, none, 4, dual=True)
        coef = found.coefficients
        if path in (by_gram, by_direct):
            coef = kernels.pls_coefficients(coef, X - X.mean(axis=0))
        assert_allclose(coef, expected, rtol=0, atol=1e-8 * np.abs(expected).max())

    @pytest.mark.parametrize("n_targets", [1, 3])
    @pytest.mark.parametrize(("n", "p"), SHAPES)
    def test_autoscaling(self, n, p, n_targets):
        X, Y = smooth(n, p, n_targets)
        X[:, 2] = 0.7  # a constant channel
        Y *= 10.0 ** np.arange(n_targets)
        rows, weights = partition(n, 3)
        expected = reference.cross_val_predict(X, Y, weights, rows, 4, scale=True)
        found = by_direct(X, Y, weights, rows, 4, scale=True)
        assert_allclose(
            found.predictions / Y.std(axis=0), expected / Y.std(axis=0), rtol=0, atol=1e-9
        )

    @every_path
    def test_constant_targets_predict_their_mean(self, path):
        X, _ = smooth(10, 30)
        rows, weights = partition(10, 2)
        found = path(X, np.full((10, 1), 3.25), weights, rows, 3)
        assert_array_equal(found.predictions, 3.25)
        assert_array_equal(found.n_found, 0)

    @every_path
    def test_exhausted_spectra_repeat_the_last_prediction(self, path):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(15, 2)) @ rng.normal(size=(2, 30))  # rank 2
        Y = rng.normal(size=(15, 1))
        rows, weights = partition(15, 3)
        found = path(X, Y, weights, rows, 6)
        assert_array_equal(found.n_found, 2)
        for later in found.predictions[2:]:
            assert_array_equal(later, found.predictions[1])

    def test_one_fold_and_many_folds(self):
        """Folds are independent: alone or in any company, nearly the same numbers."""
        X, Y = smooth(30, 50, 2)
        rows, weights = partition(30, 30)
        together = by_gram(X, Y, weights, rows, 4).predictions
        alone = [by_gram(X, Y, weights[[f]], [rows[f]], 4).predictions for f in range(30)]
        assert_allclose(together, np.concatenate(alone, axis=1), rtol=0, atol=1e-10)

    @pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is one version without compiler")
    @every_path
    @pytest.mark.parametrize("n_folds", [2, 7, 40])
    def test_same_bits_with_any_number_of_threads(self, path, n_folds, monkeypatch):
        X, Y = smooth(300, 40, 2)
        rows, weights = partition(300, n_folds)
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        found = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                found.append(path(X, Y, weights, rows, 5, dual=True))
        assert_array_equal(found[0].predictions, found[1].predictions)
        assert_array_equal(found[0].coefficients, found[1].coefficients)

    def test_channel_variances(self):
        X, _ = smooth(20, 8)
        X[:, 3] = 2.5
        weights = np.random.default_rng(0).integers(0, 3, (5, 20)).astype(float)
        expected = reference.channel_variances(X, weights)
        assert_allclose(kernels.channel_variances(X, weights), expected, rtol=1e-9)


class TestAgainstScikitLearn:
    """The contract: relative RMSECV within 1e-9 for ten components and 1e-6 for all."""

    @pytest.mark.parametrize("scale", [False, True])
    @pytest.mark.parametrize("n_targets", [1, 3])
    @pytest.mark.parametrize(
        ("data", "n_components"), [("tecator", 30), ("gasoline", 25), ("simulated", 15)]
    )
    def test_rmsecv(self, data, n_components, n_targets, scale):
        X, Y, n_components = self.spectra(data, n_components)
        Y = Y[:, :n_targets]
        splits = list(KFold(5, shuffle=True, random_state=0).split(X))
        expected = np.empty((n_components, *Y.shape))
        for train, test in splits:
            for a, fitted in enumerate(self.fits(X[train], Y[train], n_components, scale)):
                expected[a, test] = fitted(X[test])
        found = pls_cross_val_predict(X, Y, n_components, cv=splits, scale=scale)
        relative = np.abs(rmse(found, Y) / rmse(expected, Y) - 1).max(axis=1)
        assert relative[:10].max() <= 1e-9
        assert relative.max() <= 1e-6

    @staticmethod
    def spectra(data, n_components):
        small = numba.config.DISABLE_JIT  # the same contract on fewer numbers
        if data == "tecator":
            X, Y = load_tecator(return_X_y=True)
            return (X[::4], Y[::4], 10) if small else (X, Y, n_components)
        if data == "gasoline":
            X, y = load_gasoline(return_X_y=True)
            Y = np.column_stack([y, np.sqrt(y), y + np.sin(np.arange(len(y)))])
            return (X[:, ::4], Y, 8) if small else (X, Y, n_components)
        spectra = make_spectra(50, 300 if small else 2151, random_state=1)
        return spectra.data, spectra.target, n_components

    @staticmethod
    def fits(X, Y, n_components, scale):
        """Fit once; the first components of a fit are the fit of so many components."""
        full = SklearnPLSRegression(n_components, scale=scale).fit(X, Y)
        for a in range(1, n_components + 1):
            W, P, Q = (
                array[:, :a] for array in (full.x_weights_, full.x_loadings_, full.y_loadings_)
            )
            coef = W @ np.linalg.pinv(P.T @ W) @ Q.T * full._y_std / full._x_std[:, np.newaxis]
            yield lambda new, coef=coef: (new - X.mean(axis=0)) @ coef + Y.mean(axis=0)

    @pytest.mark.parametrize(
        "cv",
        [4, KFold(3, shuffle=True, random_state=1), LeaveOneOut(), GroupKFold(4)],
        ids=["int", "shuffled", "leave-one-out", "groups"],
    )
    @pytest.mark.parametrize("scale", [False, True])
    def test_every_splitter(self, cv, scale):
        X, Y = smooth(24, 30)
        groups = np.arange(24) // 2 if isinstance(cv, GroupKFold) else None
        found = pls_cross_val_predict(X, Y[:, 0], 3, cv=cv, scale=scale, groups=groups)
        assert found.shape == (3, 24)
        for a in (1, 2, 3):
            expected = cross_val_predict(
                SklearnPLSRegression(a, scale=scale), X, Y[:, 0], cv=cv, groups=groups
            )
            assert_allclose(found[a - 1], expected.ravel(), rtol=0, atol=1e-10)

    @pytest.mark.parametrize("scale", [False, True])
    def test_sample_weights_are_repeated_rows(self, scale):
        X, Y = smooth(20, 30, 2)
        repeats = np.random.default_rng(0).integers(1, 4, 20)
        splits = list(KFold(4).split(X))
        found = pls_cross_val_predict(X, Y, 3, cv=splits, scale=scale, sample_weight=repeats)
        for train, test in splits:
            rows = np.repeat(train, repeats[train])
            fitted = SklearnPLSRegression(3, scale=scale).fit(X[rows], Y[rows])
            assert_allclose(found[2, test], fitted.predict(X[test]), rtol=0, atol=1e-9)

    @pytest.mark.parametrize("scale", [False, True])
    @pytest.mark.parametrize("value", [9999.0, 1e6, 1e8])
    @pytest.mark.parametrize("shape", [(30, 60), (60, 20)])
    def test_samples_without_weight_may_hold_anything(self, shape, value, scale):
        X, Y = smooth(*shape)
        X[7] = value
        weight = np.ones(len(X))
        weight[7] = 0.0
        others = np.flatnonzero(weight)
        expected = SklearnPLSRegression(4, scale=scale).fit(X[others], Y[others]).coef_[np.newaxis]
        found = pls_resample_coef(X, Y, 4, weight[np.newaxis], scale=scale)
        assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        splits = list(KFold(5).split(X))
        found = pls_cross_val_predict(X, Y, 4, cv=splits, scale=scale, sample_weight=weight)
        for train, test in splits:
            rows = np.setdiff1d(train, [7])
            fitted = SklearnPLSRegression(4, scale=scale).fit(X[rows], Y[rows])
            usual = np.setdiff1d(test, [7])
            expected = fitted.predict(X[usual]).reshape(-1, 1)
            assert_allclose(found[3, usual], expected, rtol=0, atol=1e-9 * np.abs(Y).max())

    @pytest.mark.parametrize("scale", [False, True])
    @pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
    @pytest.mark.parametrize("shape", [(30, 60), (60, 20)])
    def test_a_sample_far_off_costs_the_others_no_digits(self, shape, factor, scale):
        X, Y = smooth(*shape)
        X[7] *= factor
        splits = list(KFold(5).split(X))
        found = pls_cross_val_predict(X, Y, 4, cv=splits, scale=scale)
        train, test = next(split for split in splits if 7 in split[1])
        others = np.setdiff1d(test, [7])
        expected = SklearnPLSRegression(4, scale=scale).fit(X[train], Y[train]).predict(X[others])
        assert_allclose(found[3, others], expected.reshape(-1, 1), rtol=0, atol=1e-10)

    def test_a_quiet_channel_beside_a_spike_in_another_training_set(self):
        X, Y = smooth(30, 20)
        X[3, 5] = 1e6
        splits = list(KFold(5).split(X))
        found = pls_cross_val_predict(X, Y, 4, cv=splits, scale=True)
        for train, test in splits[:1]:
            assert 3 in test
            others = np.setdiff1d(test, [3])
            expected = SklearnPLSRegression(4).fit(X[train], Y[train]).predict(X[others])
            assert_allclose(found[3, others], expected.reshape(-1, 1), rtol=0, atol=1e-10)

    @pytest.mark.parametrize("factor", [1e-200, 1e200])
    def test_weights_of_any_size(self, factor):
        X, Y = smooth(20, 30)
        weight = np.random.default_rng(0).uniform(size=20)
        expected = pls_cross_val_predict(X, Y, 3, sample_weight=weight)
        found = pls_cross_val_predict(X, Y, 3, sample_weight=factor * weight)
        assert_allclose(found, expected, rtol=0, atol=1e-12)

    def test_a_training_set_that_repeats_samples(self):
        X, Y = smooth(20, 30)
        rng = np.random.default_rng(0)
        splits = [
            (rng.choice(np.setdiff1d(np.arange(20), test), 25), test)
            for test in np.array_split(np.arange(20), 4)
        ]
        found = pls_cross_val_predict(X, Y, 2, cv=splits)
        for train, test in splits:
            fitted = SklearnPLSRegression(2, scale=False).fit(X[train], Y[train])
            assert_allclose(found[1, test], fitted.predict(X[test]).reshape(-1, 1), atol=1e-10)

    @pytest.mark.parametrize("scale", [False, True])
    @pytest.mark.parametrize("n_targets", [None, 2])
    def test_bootstrap_coefficients(self, scale, n_targets):
        X, Y = smooth(25, 40, n_targets or 1)
        y = Y if n_targets else Y[:, 0]
        counts = np.array(
            [
                np.bincount(np.random.default_rng(i).integers(0, 25, 25), minlength=25)
                for i in (0, 1)
            ]
        )
        found = pls_resample_coef(X, y, 3, counts, scale=scale)
        for coef, count in zip(found, counts, strict=True):
            rows = np.repeat(np.arange(25), count)
            expected = SklearnPLSRegression(3, scale=scale).fit(X[rows], y[rows]).coef_
            expected = expected if n_targets else expected[0]
            assert_allclose(coef, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_published_gasoline_example():
    """RMSEP by leave-one-out as printed by the R package pls (Mevik & Wehrens 2007)."""
    X, octane = load_gasoline(return_X_y=True)
    X, octane = X[:50], octane[:50]
    published = [1.357, 0.2966, 0.2524, 0.2476, 0.2398, 0.2319, 0.2386, 0.2316, 0.2449, 0.2673]
    found = rmse(pls_cross_val_predict(X, octane, 10, cv=LeaveOneOut()), octane)
    assert [float(f"{value:.4g}") for value in found] == published
    mean = (octane.sum() - octane) / 49
    assert round(float(np.sqrt(((mean - octane) ** 2).mean())), 3) == 1.545


class TestChoiceOfPath:
    @pytest.mark.parametrize(
        ("way", "shape", "cv", "scale"),
        [
            ("gram", (20, 200), 5, False),
            ("covariance", (200, 20), 20, False),
            ("covariance", (60, 30), LeaveOneOut(), False),
            ("direct", (200, 100), 3, False),  # few folds: no matrix is worth its making
            ("direct", (20, 200), 5, True),
        ],
    )
    def test_cheapest(self, way, shape, cv, scale, caplog):
        X, Y = smooth(*shape)
        with caplog.at_level(logging.DEBUG, LOGGER):
            pls_cross_val_predict(X, Y, 2, cv=cv, scale=scale)
        ways = [each for each in ("gram", "covariance", "direct") if f"{each} way" in caplog.text]
        assert ways == [way]

    def test_ill_conditioned_spectra_go_the_direct_way(self, caplog):
        """Weak bands on a strong background: the Gram matrix rounds them away."""
        rng = np.random.default_rng(0)
        sizes = 10.0 ** -np.arange(9)
        X = (rng.normal(size=(40, 9)) * sizes) @ rng.normal(size=(9, 200))
        Y = (X[:, :1] - X[:, 1:2]) + rng.normal(size=(40, 1)) * 1e-9
        rows, weights = partition(40, 5)
        splits = [(np.flatnonzero(w), test) for w, test in zip(weights, rows, strict=True)]
        with caplog.at_level(logging.DEBUG, LOGGER):
            found = pls_cross_val_predict(X, Y, 8, cv=splits)
        assert "gram way" in caplog.text
        assert "direct way" in caplog.text
        expected = np.empty_like(found)
        expected[:, np.concatenate(rows)] = reference.cross_val_predict(X, Y, weights, rows, 8)
        assert_allclose(rmse(found, Y), rmse(expected, Y), rtol=1e-9, atol=1e-15)

    def test_hardly_any_noise(self):
        """What is left of y is small, and its rounding must not bring in the mean spectrum."""
        rng = np.random.default_rng(0)
        centres = rng.uniform(0, 200, (6, 1))
        bands = np.exp(-0.5 * ((np.arange(200) - centres) / 22) ** 2)
        X = rng.uniform(size=(40, 6)) @ bands + 1e-7 * rng.normal(size=(40, 200))
        y = X.sum(axis=1)
        found = rmse(pls_cross_val_predict(X, y, 10, cv=5), y)
        for count in (8, 9, 10):
            model = SklearnPLSRegression(count, scale=False)
            expected = cross_val_predict(model, X, y, cv=5)
            assert_allclose(found[count - 1], rmse(expected[np.newaxis], y)[0], rtol=1e-6)

    @pytest.mark.parametrize(
        ("n_jobs", "n_threads"), [(None, 2), (-1, 2), (3, 3), (-2, 7), (-8, 1), (-9, 1)]
    )
    def test_threads_are_counted_as_by_joblib(self, monkeypatch, n_jobs, n_threads):
        limits = []

        def limit(n_threads):
            limits.append(n_threads)
            return nullcontext()

        monkeypatch.setattr(_cross_val, "cpu_count", lambda: 8)
        monkeypatch.setattr(kernels, "get_num_threads", lambda: 2)
        monkeypatch.setattr(kernels, "thread_limit", limit)
        pls_cross_val_predict(*smooth(12, 20), 2, n_jobs=n_jobs)
        assert limits == [n_threads]

    def test_small_workspace_changes_nothing(self, monkeypatch):
        X, Y = smooth(40, 3000, 2)
        expected = pls_cross_val_predict(X, Y, 3, cv=LeaveOneOut(), scale=True)
        found = pls_cross_val_predict(X, Y, 3, cv=LeaveOneOut(), scale=True, workspace=4)
        assert_allclose(found, expected, rtol=0, atol=1e-10)

    def test_n_jobs_changes_no_bit(self):
        X, Y = smooth(60, 100)
        expected = pls_cross_val_predict(X, Y, 4, n_jobs=1)
        for n_jobs in (2, -1, -2, -99, None):
            assert_array_equal(pls_cross_val_predict(X, Y, 4, n_jobs=n_jobs), expected)


class TestBadInput:
    X, Y = smooth(12, 20)

    def fails(self, match, n_components=2, function=pls_cross_val_predict, **changed):
        arguments = {"X": self.X, "y": self.Y, **changed}
        with pytest.raises(ValueError, match=match):
            function(arguments.pop("X"), arguments.pop("y"), n_components, **arguments)

    def test_nan(self):
        X = self.X.copy()
        X[3, 4] = np.nan
        self.fails(r"row 3 .*channel 4", X=X)
        self.fails(r"y has NaN .* rows 0, 1", y=np.full(12, np.nan))

    @pytest.mark.parametrize("n_components", [0, 13])
    def test_n_components(self, n_components):
        self.fails("n_components", n_components)

    @pytest.mark.parametrize("cv", [ShuffleSplit(3, random_state=0), RepeatedKFold(n_repeats=2)])
    def test_splits_that_are_no_partition(self, cv):
        self.fails("exactly once", cv=cv)

    @pytest.mark.parametrize(
        ("cv", "match"),
        [([], "at least one fold"), ([([], np.arange(12))], "training rows"), (13, "13")],
    )
    def test_splits_that_are_none(self, cv, match):
        self.fails(match, cv=cv)

    def test_splits_as_masks(self):
        folds = np.arange(12) % 3
        masks = [(folds != k, folds == k) for k in range(3)]
        rows = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in masks]
        assert_array_equal(
            pls_cross_val_predict(self.X, self.Y, 2, cv=masks),
            pls_cross_val_predict(self.X, self.Y, 2, cv=rows),
        )

    def test_parameters_of_the_wrong_type(self):
        self.fails("`n_components` must be an integer", True)
        self.fails("`scale` must be True or False; got 'no'", scale="no")

    @pytest.mark.parametrize("train", [[5], [5, 5]])
    def test_training_sets_that_are_too_small(self, train):
        others = np.setdiff1d(np.arange(12), [0])
        self.fails("two samples", cv=[([1, 2, 3], [0]), (train, others)])

    def test_weights(self):
        self.fails("negative; got -1", sample_weight=-np.ones(12))
        self.fails("two samples", sample_weight=np.zeros(12))
        self.fails(r"one dimension; got shape \(12, 1\)", sample_weight=np.ones((12, 1)))
        self.fails("inconsistent", sample_weight=np.ones(11))
        resample = {"function": pls_resample_coef}
        self.fails("each of the 12 samples", masks_or_weights=np.ones((2, 11)), **resample)
        self.fails("negative", masks_or_weights=-np.ones((2, 12)), **resample)
        self.fails(
            "number 1 .* has 0", masks_or_weights=np.eye(12)[:2] * 0 + [[1], [0]], **resample
        )

    @pytest.mark.parametrize("n_jobs", [0, 1.5, "2"])
    def test_n_jobs(self, n_jobs):
        self.fails(
            f"`n_jobs` must be None or an integer other than 0; got {n_jobs!r}", n_jobs=n_jobs
        )

    def test_rank_exhausted_warns_once_and_says_where(self):
        spectra = make_spectra(
            40, 100, n_components=3, noise=0, scatter=0, baseline=0, random_state=0
        )
        with pytest.warns(UserWarning, match="5 of 5 training sets .* number 0 .* has 3") as caught:
            found = pls_cross_val_predict(spectra.data, spectra.target[:, 0], 8)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert_allclose(found[2:], np.tile(spectra.target[:, 0], (6, 1)), rtol=0, atol=1e-12)


@st.composite
def problems(draw):
    """Shapes, ranks, scales, folds, weights, and a sample that may be far off."""
    n, p = draw(st.integers(4, 24)), draw(st.integers(1, 30))
    n_targets = draw(st.integers(1, 3))
    rank = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p)) * 10.0 ** draw(st.integers(-4, 4))
    Y = rng.normal(size=(n, n_targets)) * 10.0 ** draw(st.integers(-4, 4))
    X += draw(st.sampled_from([0.0, 1.0])) * np.abs(X).max()
    X[draw(st.integers(0, n - 1))] *= draw(st.sampled_from([1.0, 1e3, 1e6]))
    n_folds = draw(st.integers(2, min(n // 2, 6)))
    rows, weights = partition(n, n_folds, draw(st.integers(0, 99)))
    kind = draw(st.sampled_from(["equal", "counts", "fractions", "some zero"]))
    if kind == "counts":
        weights *= rng.integers(1, 4, n)
    elif kind == "fractions":
        weights *= rng.uniform(0.01, 5.0, n)
    elif kind == "some zero":
        weights *= rng.integers(0, 2, n)
        hypothesis.assume((weights > 0).sum(axis=1).min() > 1)
    n_components = draw(st.integers(1, 5))
    return X, Y, rows, weights, min(n_components, n, p)


@given(problem=problems(), scale=st.booleans())
@settings(deadline=None, derandomize=True, max_examples=100)
def test_no_problem_disagrees_with_the_twin(problem, scale):
    X, Y, rows, weights, n_components = problem
    splits = [(np.flatnonzero(w), t) for w, t in zip(weights, rows, strict=True)]
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = pls_cross_val_predict(
            X, Y, n_components, cv=splits, scale=scale, sample_weight=weights.max(axis=0)
        )
    # Components of nothing but rounding are where the two may differ: the engine stops
    # there, while textbook NIPALS goes on.
    n_comparable = min(n_components, *(rank(X, w, scale) for w in weights))
    expected = reference.cross_val_predict(X, Y, weights, rows, n_comparable, scale)
    found = found[:n_comparable, np.concatenate(rows)]
    # Few samples can leave a direction of almost no variance, whose component extrapolates.
    largest = np.maximum(np.abs(Y).max(), np.abs(expected).max(axis=(0, 2)))
    assert_allclose((found - expected) / largest[:, np.newaxis], 0.0, rtol=0, atol=1e-8)


def rank(X, weights, scale):
    """The rank of a training set's spectra, beyond what rounding leaves."""
    inside = weights > 0
    X = np.sqrt(weights[inside, np.newaxis]) * (
        X[inside] - np.average(X[inside], axis=0, weights=weights[inside])
    )
    if scale:
        X = X / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    return np.linalg.matrix_rank(X, tol=1e-9 * np.abs(X).max(initial=0.0))
