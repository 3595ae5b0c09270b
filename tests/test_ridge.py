"""Ridge predictions for all penalties and folds against fits of every fold."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict

from spectral_fast import kernels
from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.kernels import RidgeStatus, _jit
from tests.reference import ridge as reference

# the package may export functions of the same names as its modules
ridge_module = importlib.import_module("spectral_fast.kernels.ridge")

PROPERTY = settings(deadline=None, derandomize=True, max_examples=40)
OK, ILL_CONDITIONED, UNDETERMINED = RidgeStatus
#: n < p, n - 1 < p, n - 1 = p, n > p, and folds larger than p: the solution by terms
SHAPES = [(12, 30), (10, 10), (11, 10), (23, 7), (40, 3), (2, 5), (4, 1)]
#: relative to the largest eigenvalue: from singular values, and from eigenvalues
PENALTIES = [(1e-10, 1e-4, 1.0), (1e-4, 0.1, 10.0)]

shapes = pytest.mark.parametrize(("n", "p"), SHAPES)
penalties = pytest.mark.parametrize("relative", PENALTIES)


def calibration(n, p, m=1, seed=0):
    """Channels of different spread and mean, targets with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.linspace(1.0, 0.01, p) + rng.uniform(1.0, 5.0, size=p)
    return X, X @ rng.normal(size=(p, m)) + 0.1 * rng.normal(size=(n, m)) + 7.0


def folds_of(n, n_folds, seed=0):
    rows = np.random.default_rng(seed).permutation(n)
    return [np.sort(fold) for fold in np.array_split(rows, n_folds)]


def largest_eigenvalue(X):
    return np.linalg.norm(X - X.mean(axis=0), 2) ** 2


def assert_close(predictions, expected, Y, rtol=1e-10):
    atol = rtol * np.abs(Y - Y.mean(axis=0)).max()
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=atol)


def assert_equals_twin(X, Y, alphas, folds, rtol=1e-10):
    found = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
    assert found.predictions.shape == (len(alphas), *Y.shape)
    assert found.status.shape == (len(alphas), len(folds))
    assert_array_equal(found.status, OK)
    assert_close(found.predictions, reference.cross_val_predict(X, Y, alphas, folds), Y, rtol)


def assert_same_bits(found, expected):
    assert_array_equal(found.predictions, expected.predictions)
    assert_array_equal(found.status, expected.status)


class TestAgainstTwin:
    @shapes
    @pytest.mark.parametrize("m", [1, 3])
    @penalties
    def test_folds(self, n, p, m, relative):
        X, Y = calibration(n, p, m)
        alphas = largest_eigenvalue(X) * np.array(relative)
        assert_equals_twin(X, Y, alphas, folds_of(n, min(n, 4)))

    @shapes
    @penalties
    def test_leave_one_out(self, n, p, relative):
        X, Y = calibration(n, p)
        alphas = largest_eigenvalue(X) * np.array(relative)
        assert_equals_twin(X, Y, alphas, folds_of(n, n))

    @pytest.mark.parametrize("p", [3, 15, 40])
    def test_unequal_folds(self, p):
        X, Y = calibration(16, p, 2)
        folds = [np.array([5]), np.array([], dtype=int), np.array([15, 0, 3]), np.arange(6, 14)]
        found = kernels.ridge_cross_val_predict(X, Y, [0.1, 10.0], folds)
        expected = reference.cross_val_predict(X, Y, [0.1, 10.0], folds)
        assert_array_equal(found.status, OK)
        assert_close(found.predictions, expected, Y)
        in_no_fold = [1, 2, 4, 14]
        assert_array_equal(np.isnan(found.predictions).any(axis=(0, 2)).nonzero()[0], in_no_fold)

    def test_one_training_row_predicts_its_target(self):
        X, Y = calibration(5, 8)
        found = kernels.ridge_cross_val_predict(X, Y, [1.0], [np.arange(1, 5)])
        np.testing.assert_allclose(found.predictions[0, 1:], Y[0, 0], rtol=1e-12)

    @pytest.mark.parametrize("p", [2, 10, 30])
    def test_constant_and_equal_channels(self, p):
        X, Y = calibration(12, p)
        X[:, 0] = 3.0
        X[:, -1] = X[:, p // 2]
        assert_equals_twin(X, Y, [1e-3, 1.0], folds_of(12, 4))

    def test_no_variation_predicts_the_mean(self):
        X, Y = np.ones((9, 4)), np.arange(9.0)[:, np.newaxis]
        assert_equals_twin(X, Y, [1e-8, 1.0], folds_of(9, 3))

    @pytest.mark.parametrize("p", [6, 20])
    def test_equal_rows(self, p):
        X, Y = calibration(12, p)
        X[6:] = X[:6]
        assert_equals_twin(X, Y, [1e-4, 1.0], folds_of(12, 4))

    def test_large_penalty_predicts_the_mean(self):
        X, Y = calibration(9, 20, 2)
        folds = folds_of(9, 3)
        found = kernels.ridge_cross_val_predict(X, Y, [1e30], folds)
        for fold in folds:
            mean = np.delete(Y, fold, axis=0).mean(axis=0)
            assert_close(found.predictions[0, fold], np.tile(mean, (3, 1)), Y)

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(2, 14),
        p=st.integers(1, 14),
        m=st.integers(1, 3),
        n_folds=st.integers(2, 14),
        exponents=st.lists(st.floats(-7.0, 3.0), min_size=1, max_size=3),
        scale=st.integers(-8, 8),
    )
    def test_any_shape_fold_penalty_and_unit(self, seed, n, p, m, n_folds, exponents, scale):
        X, Y = calibration(n, p, m, seed)
        X *= 10.0**scale
        alphas = largest_eigenvalue(X) * 10.0 ** np.array(exponents)
        folds = folds_of(n, min(n, n_folds), seed)
        found = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
        expected = reference.cross_val_predict(X, Y, alphas, folds)
        good = np.zeros((len(alphas), n), dtype=bool)
        for s, fold in enumerate(folds):
            good[:, fold] = found.status[:, s, np.newaxis] == OK
        assert_close(found.predictions[good], expected[good], Y, 1e-9)
        assert np.isnan(found.predictions[~good]).all()
        assert good[alphas >= 1e-4 * largest_eigenvalue(X)].all()


class TestAgainstScikitLearn:
    @pytest.mark.parametrize("load", [load_tecator, load_gasoline])
    @pytest.mark.parametrize("n_splits", [2, 5])
    def test_bundled_spectra(self, load, n_splits):
        data = load()
        X, Y = data.data, data.target.reshape(len(data.data), -1)
        alphas = largest_eigenvalue(X) * np.logspace(-10, 1, 5)
        cv = KFold(n_splits)
        found = kernels.ridge_cross_val_predict(X, Y, alphas, [test for _, test in cv.split(X)])
        assert_array_equal(found.status, OK)
        for alpha, predictions in zip(alphas, found.predictions, strict=True):
            # the default solver is no more exact than the eigenvalues of a Gram matrix
            expected = cross_val_predict(Ridge(alpha, solver="svd"), X, Y, cv=cv)
            assert_close(predictions, expected.reshape(Y.shape), Y, 1e-9)

    @pytest.mark.parametrize("n_splits", [3, 20])
    def test_no_penalty_is_least_squares(self, n_splits):
        X, Y = calibration(20, 6, 2)
        cv = KFold(n_splits)
        found = kernels.ridge_cross_val_predict(X, Y, [0.0], [test for _, test in cv.split(X)])
        assert_array_equal(found.status, OK)
        assert_close(found.predictions[0], cross_val_predict(LinearRegression(), X, Y, cv=cv), Y)


class TestStatus:
    @pytest.mark.parametrize(("n", "p"), [(8, 20), (10, 9), (12, 9)])
    def test_no_penalty_and_too_few_training_rows(self, n, p):
        X, Y = calibration(n, p)
        found = kernels.ridge_cross_val_predict(X, Y, [0.0, 1.0], folds_of(n, 2))
        assert_array_equal(found.status, [[UNDETERMINED] * 2, [OK] * 2])
        assert np.isnan(found.predictions[0]).all()
        assert np.isfinite(found.predictions[1]).all()

    def test_as_many_training_rows_as_coefficients(self):
        X, Y = calibration(12, 9)
        assert_equals_twin(X, Y, [0.0], [np.array([3, 7])], rtol=1e-9)
        found = kernels.ridge_cross_val_predict(X, Y, [0.0], [np.array([3, 7, 8])])
        assert_array_equal(found.status, UNDETERMINED)

    @pytest.mark.parametrize("spoil", [lambda X: X[:, 0], lambda X: np.full(len(X), 0.1)])
    def test_no_penalty_and_equal_or_constant_channels(self, spoil):
        X, Y = calibration(20, 4)
        X[:, 2] = spoil(X)
        found = kernels.ridge_cross_val_predict(X, Y, [0.0], folds_of(20, 4))
        assert_array_equal(found.status, UNDETERMINED)

    def test_a_channel_that_varies_in_one_fold_alone(self):
        X, Y = calibration(20, 4)
        X[3:, 2] = 0.0
        folds = [np.arange(0, 3), np.arange(3, 10), np.arange(10, 20)]
        found = kernels.ridge_cross_val_predict(X, Y, [0.0], folds)
        assert_array_equal(found.status, [[ILL_CONDITIONED, OK, OK]])
        assert_array_equal(np.isnan(found.predictions[0, :, 0]), np.arange(20) < 3)

    @pytest.mark.parametrize("p", [3, 30])
    def test_no_training_row(self, p):
        X, Y = calibration(10, p)
        found = kernels.ridge_cross_val_predict(X, Y, [0.0, 1.0], [np.arange(10)])
        assert_array_equal(found.status, UNDETERMINED)
        assert np.isnan(found.predictions).all()

    @pytest.mark.parametrize("p", [1, 4])
    @pytest.mark.parametrize("alpha", [0.0, 1.0])
    def test_one_row(self, p, alpha):
        found = kernels.ridge_cross_val_predict(np.ones((1, p)), np.ones((1, 1)), [alpha], [[0]])
        assert_array_equal(found.status, UNDETERMINED)
        assert np.isnan(found.predictions).all()

    def test_half_the_rows_and_hardly_a_penalty(self):
        """30 training rows leave 10 of 40 directions to the penalty alone."""
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(60, 40)), rng.normal(size=(60, 1))
        folds = folds_of(60, 2)
        alphas = largest_eigenvalue(X) * np.array([1e-14, 1e-10, 1e-2])
        found = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
        assert_array_equal(found.status, [[ILL_CONDITIONED] * 2, [ILL_CONDITIONED] * 2, [OK] * 2])
        assert_close(
            found.predictions[2], reference.cross_val_predict(X, Y, alphas[2:], folds)[0], Y
        )

    @pytest.mark.parametrize("p", [3, 30])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_non_finite_values_come_through(self, p, value):
        X, Y = calibration(12, p, 2)
        folds = folds_of(12, 3)
        expected = kernels.ridge_cross_val_predict(X, Y, [1.0], folds)
        Y[4, 0] = value
        found = kernels.ridge_cross_val_predict(X, Y, [1.0], folds)
        assert not np.isfinite(found.predictions[0, :, 0]).any()
        assert_close(found.predictions[..., 1], expected.predictions[..., 1], Y[:, 1])
        X[7, 2] = value
        found = kernels.ridge_cross_val_predict(X, Y, [1.0], folds)
        assert np.isnan(found.predictions).all()
        assert_array_equal(found.status, OK)


class TestInput:
    @pytest.mark.parametrize("p", [4, 30])
    def test_stays_unchanged_and_may_be_anything(self, p):
        X, Y = calibration(12, p, 2)
        X, Y = np.round(8 * X), np.round(8 * Y)  # whole numbers, exact in each dtype
        folds = folds_of(12, 3)
        before = X.copy(), Y.copy()
        X.flags.writeable = Y.flags.writeable = False
        expected = kernels.ridge_cross_val_predict(X, Y, [0.1, 1.0], folds)
        for change in (np.asfortranarray, lambda A: A.astype(np.float32), np.ndarray.tolist):
            found = kernels.ridge_cross_val_predict(
                np.asarray(change(X)), np.asarray(change(Y)), [0.1, 1.0], [list(f) for f in folds]
            )
            assert_close(found.predictions, expected.predictions, Y)
        assert_array_equal(X, before[0])
        assert_array_equal(Y, before[1])


class TestThreads:
    @shapes
    @penalties
    def test_both_compilations_give_equal_bits(self, n, p, relative, monkeypatch):
        X, Y = calibration(n, p, 2)
        alphas = largest_eigenvalue(X) * np.array(relative)
        folds = folds_of(n, min(n, 3))
        serial = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
        kernel = ridge_module._delete_folds
        monkeypatch.setattr(kernel, "serial", kernel.parallel)
        assert_same_bits(kernels.ridge_cross_val_predict(X, Y, alphas, folds), serial)

    @pytest.mark.parametrize(("p", "n_folds"), [(30, 5), (30, 17), (3, 2)])
    def test_do_not_show_in_the_result(self, p, n_folds, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, Y = calibration(17, p, 2)
        alphas, folds = np.logspace(-3, 3, 7), folds_of(17, n_folds)
        many = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
        with kernels.thread_limit(1):
            one = kernels.ridge_cross_val_predict(X, Y, alphas, folds)
        assert_same_bits(one, many)
