"""Lasso and elastic net for all folds and penalties against fits one by one."""

import importlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config
from numba.core.errors import TypingError
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import ElasticNet, Lasso

from spectral_fast import kernels
from spectral_fast.datasets import load_gasoline
from spectral_fast.kernels import _jit
from tests.reference import elastic_net as reference

# the package may export functions of the same names as its modules
module = importlib.import_module("spectral_fast.kernels.elastic_net")

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)
#: fewer channels than a group, whole groups, groups with a rest, more samples than a vector
SHAPES = [(6, 1), (7, 3), (12, 8), (9, 13), (21, 6)]


def calibration(n, p, m=1, seed=0):
    """Collinear channels with an offset, targets of some of them with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)).cumsum(axis=1) + 2.0
    true = rng.normal(size=(p, m)) * (rng.uniform(size=(p, m)) < 0.4)
    return X, X @ true + 0.3 * rng.normal(size=(n, m)) + 5.0


def folds_of(n):
    """Training rows of unequal number, in any order."""
    rows = np.random.default_rng(0).permutation(n)
    return [rows[: n - 2], rows[1:], rows[: n // 2 + 1]]


def assert_equals_twin(X, Y, folds, alphas, l1_ratios, max_iter=30, tol=1e-4, **options):
    found = kernels.elastic_net_folds(
        X, Y, folds, alphas, l1_ratios, max_iter=max_iter, tol=tol, **options
    )
    expected = reference.elastic_net_folds(X, Y, folds, alphas, l1_ratios, max_iter, tol, **options)
    coef, intercept, gap, tolerance, n_iter = expected
    assert_array_equal(found.n_iter, n_iter)
    scale = np.abs(coef).max() + 1e-300
    assert_allclose(found.coef, coef, rtol=0, atol=1e-9 * scale)
    assert_allclose(found.intercept, intercept, rtol=1e-9, atol=1e-9 * np.abs(Y).max())
    assert_allclose(found.tolerance, tolerance, rtol=1e-10)
    assert_allclose(found.gap, gap, rtol=0, atol=1e-9 * np.abs(tolerance).max() / tol)
    return found


def assert_same_bits(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


class TestAgainstTwin:
    @pytest.mark.parametrize(("n", "p"), SHAPES)
    @pytest.mark.parametrize("positive", [False, True])
    @pytest.mark.parametrize("fit_intercept", [False, True])
    def test_shapes_and_options(self, n, p, positive, fit_intercept):
        X, Y = calibration(n, p, 2)
        found = assert_equals_twin(
            X, Y, folds_of(n), [1.0, 0.1, 0.01], [1.0, 0.5, 0.1],
            positive=positive, fit_intercept=fit_intercept,
        )  # fmt: skip
        assert found.coef.shape == (3, 3, 2, p)
        if positive:
            assert found.coef.min() >= 0.0

    def test_screened_coefficient(self):
        """The one sweep picks up a channel, the gap shows that it has no part in the optimum."""
        X, Y = np.array([[0.51, 1.0], [0.86, 0.0]]), np.array([[10.0], [0.0]])
        found = assert_equals_twin(X, Y, [[0, 1]], [2.5], [1.0], max_iter=1, fit_intercept=False)
        assert_allclose(found.coef.ravel(), [0.0, 4.949], atol=1e-2)
        assert found.coef[0, 0, 0, 0] == 0.0
        assert found.gap > found.tolerance

    def test_zeros_wake_up(self):
        """The residuals move on until channels that were passed over are needed."""
        t = np.linspace(0.0, 1.0, 12)
        X = np.sin(np.outer(t, np.arange(1, 25)) * 2.0) * np.linspace(0.1, 2.0, 24)
        Y = (X[:, 3] - X[:, 17] + 0.01 * np.cos(40.0 * t))[:, np.newaxis]
        found = assert_equals_twin(X, Y, [np.arange(12)], [1e-3], [1.0], max_iter=120, tol=1e-7)
        assert found.n_iter.item() > 20

    @pytest.mark.parametrize("positive", [False, True])
    def test_zeros_wake_up_in_any_block(self, positive):
        """Steps before a block's start and within it reach channels that were passed over."""
        t = np.linspace(0.0, 1.0, 10)
        X = np.sin(np.outer(t, np.linspace(1.0, 60.0, 150))) * np.linspace(0.1, 2.0, 150)
        Y = X[:, [30, 70, 140]] @ [[1.0], [1.0], [-1.0]]
        found = assert_equals_twin(
            X, Y, [np.arange(10)], [3e-3], [1.0], max_iter=60, tol=1e-7, positive=positive
        )
        assert found.n_iter.item() > 20

    def test_zeros_wake_up_between_two_looks_at_the_residuals(self):
        """Steps of the first group alone reach the second one, in the earlier sweep and now."""
        X = np.array([
            [1.9, -2.0, 0.3, -0.9, 0.8, -0.1, -0.5, -0.4, -0.1, 0.6, 4.9, 0.3],
            [-1.5, -3.4, -0.2, 0.2, -0.8, 0.1, -1.6, 0.8, 0.2, -5.0, 3.1, -0.6],
        ])  # fmt: skip
        Y = np.array([[-4.5], [1.9]])
        found = assert_equals_twin(
            X, Y, [[0, 1]], [0.63], [1.0], max_iter=7, tol=1e-9, fit_intercept=False
        )
        assert found.n_iter.item() == 7

    @pytest.mark.parametrize("alpha", [1e-3, 1.0])
    def test_constant_and_equal_channels(self, alpha):
        X, Y = calibration(10, 9)
        X[:, 2] = 3.0
        X[:, 8] = X[:, 7]
        found = assert_equals_twin(X, Y, folds_of(10), [alpha], [0.7])
        assert not found.coef[..., 2].any()

    def test_target_without_variation(self):
        X, _ = calibration(7, 5)
        found = assert_equals_twin(X, np.full((7, 1), 4.0), [np.arange(7)], [0.1], [0.5])
        assert not found.coef.any()
        assert found.intercept.item() == 4.0

    def test_one_training_row(self):
        X, Y = calibration(3, 5)
        found = assert_equals_twin(X, Y, [[1]], [0.1], [0.5])
        assert found.intercept.item() == Y[1].item()

    def test_large_penalty_needs_no_sweep(self):
        X, Y = calibration(8, 6)
        found = assert_equals_twin(X, Y, folds_of(8), [1e6], [0.5])
        assert not found.n_iter.any()

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(2, 12),
        p=st.integers(1, 14),
        exponent=st.floats(-3.0, 1.0),
        l1_ratio=st.floats(0.05, 1.0),
        max_iter=st.integers(1, 12),
        positive=st.booleans(),
    )
    def test_any_shape_and_penalty(self, seed, n, p, exponent, l1_ratio, max_iter, positive):
        X, Y = calibration(n, p, 1, seed)
        assert_equals_twin(
            X, Y, [np.arange(n)], [10.0**exponent], [l1_ratio], max_iter, positive=positive
        )


class TestAgainstScikitLearn:
    @pytest.mark.parametrize("snv", [False, True])
    @pytest.mark.parametrize("positive", [False, True])
    def test_spectra(self, snv, positive):
        """Fits that converge and fits that end before."""
        X, y = load_gasoline(return_X_y=True)
        if snv:
            X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
        X, y = np.ascontiguousarray(X[:, ::4]), y.reshape(len(y), -1)
        alphas, l1_ratios = [0.3, 0.03, 1e-3, 1e-4, 0.3], [0.5, 1.0, 1.0, 0.2, 0.01]
        train = np.arange(0, 60, 2)
        found = kernels.elastic_net_folds(
            X, y, [train], alphas, l1_ratios, max_iter=20, positive=positive
        )
        for c, (alpha, l1_ratio) in enumerate(zip(alphas, l1_ratios, strict=True)):
            model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=20, positive=positive)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X[train], y[train, 0])
            assert found.n_iter[0, c, 0] == model.n_iter_
            scale = np.abs(model.coef_).max() + 1e-300
            assert_allclose(found.coef[0, c, 0], model.coef_, rtol=0, atol=1e-8 * scale)
            assert_allclose(found.intercept[0, c, 0], model.intercept_, rtol=1e-8)
            gap = len(train) * model.dual_gap_
            assert_allclose(found.gap[0, c, 0], gap, rtol=1e-6, atol=1e-12)
        late = (found.gap > found.tolerance).ravel()
        assert late.any()
        assert not late.all()
        assert_array_equal(late, found.n_iter.ravel() == 20)

    def test_lasso(self):
        X, Y = calibration(12, 10)
        found = kernels.elastic_net_folds(X, Y, [np.arange(12)], [0.05], [1.0], tol=1e-6)
        model = Lasso(0.05, tol=1e-6).fit(X, Y[:, 0])
        assert_allclose(found.coef[0, 0, 0], model.coef_, rtol=0, atol=1e-10)

    def test_ends_where_nothing_changes(self):
        """Without a tolerance, rounding must not look like a change."""
        X, y = np.array([[-4.0], [0.0], [0.0]]), np.array([9.0, 4.0, 5.0])
        found = kernels.elastic_net_folds(
            X, y[:, np.newaxis], [range(3)], [0.1], [1.0], tol=0.0, fit_intercept=False
        )
        model = Lasso(0.1, tol=0.0, fit_intercept=False).fit(X, y)
        assert found.n_iter.item() == model.n_iter_ == 2


def test_optimum():
    """The subgradient holds zero: |xⱼᵀr - l2 wⱼ| ≤ l1, with equality where wⱼ is not zero."""
    X, Y = calibration(15, 10)
    [[[w]]], intercept, *_ = kernels.elastic_net_folds(
        X, Y, [np.arange(15)], [0.1], [0.6], max_iter=100_000, tol=1e-14
    )
    gradient = (X - X.mean(axis=0)).T @ (Y[:, 0] - X @ w - intercept.item()) / 15 - 0.04 * w
    assert np.count_nonzero(w) in range(1, 10)
    assert_allclose(gradient[w != 0], 0.06 * np.sign(w[w != 0]), rtol=1e-6)
    assert np.abs(gradient[w == 0]).max() <= 0.06


def test_gap_is_that_of_the_coefficients():
    """Over thousands of sweeps the residuals do not drift away from them."""
    X, y = load_gasoline(return_X_y=True)
    X, y = X[:, ::4] - X[:, ::4].mean(axis=0), y - y.mean()
    l1 = 1e-3 * np.abs(X.T @ y).max()
    found = kernels.elastic_net_folds(
        X, y[:, np.newaxis], [range(len(y))], [l1 / len(y)], [1.0],
        max_iter=30_000, tol=1e-12, fit_intercept=False,
    )  # fmt: skip
    gap, _, _ = reference.duality_gap(
        X.astype(np.longdouble), y, found.coef.ravel(), l1, 0.0, False
    )
    assert found.n_iter.item() > 10_000
    assert_allclose(found.gap.item(), float(gap), rtol=0, atol=0.05 * found.tolerance.item())


class TestVectors:
    """Compiled code adds vectors where Python runs the plain functions."""

    @pytest.mark.parametrize("n", [8, 16, 40])
    def test_equal_the_plain_functions(self, n):
        dot = _jit.helper()(lambda c, i, j, k, m, b: module._dot_four(c, i, j, k, m, b))
        subtract = _jit.helper()(
            lambda c, i, j, k, m, b: module._subtract_four(c, i, j, k, m, 0.5, -2.0, 3.0, 0.1, b)
        )
        rng = np.random.default_rng(n)
        channels, b = rng.normal(size=(6, n)), rng.normal(size=n)
        members = np.array([4, 0, 5, 2], dtype=np.uintp)
        assert_allclose(dot(channels, *members, b), channels[members] @ b, atol=1e-13 * n)
        left = b - np.array([0.5, -2.0, 3.0, 0.1]) @ channels[members]
        subtract(channels, *members, b)
        assert_allclose(b, left, atol=1e-14)

    @pytest.mark.skipif(config.DISABLE_JIT, reason="there is no compiled code")
    @pytest.mark.parametrize("b", [np.ones(16)[::2], np.ones(8, np.float32)])
    def test_other_arrays_are_refused(self, b):
        dot = _jit.helper()(lambda c, i, b: module._dot_four(c, i, i, i, i, b))
        with pytest.raises(TypingError, match="_dot_four"):
            dot(np.ones((2, 8)), np.uintp(0), b)


class TestNonFinite:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_spectra(self, value):
        X, Y = calibration(9, 6, 2)
        X[0, 3] = value
        found = kernels.elastic_net_folds(X, Y, [np.arange(9), np.arange(1, 9)], [0.1], [0.5])
        assert np.isnan(found.coef[0]).all()
        assert np.isnan(found.gap[0]).all()
        assert np.isfinite(found.coef[1]).all()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_target(self, value):
        X, Y = calibration(9, 6, 2)
        Y[4, 1] = value
        found = kernels.elastic_net_folds(X, Y, [np.arange(9)], [0.1], [0.5])
        assert np.isnan(found.coef[0, 0, 1]).all()
        assert np.isfinite(found.coef[0, 0, 0]).all()


def test_input_stays_unchanged_and_may_be_anything():
    X, Y = calibration(12, 9, 2)
    X, Y = np.round(8 * X), np.round(8 * Y)  # whole numbers, exact in each dtype
    before = X.copy(), Y.copy()
    X.flags.writeable = Y.flags.writeable = False
    folds = folds_of(12)
    expected = kernels.elastic_net_folds(X, Y, folds, [1.0], [0.5], max_iter=20)
    for change in (np.asfortranarray, lambda A: A.astype(np.float32), np.ndarray.tolist):
        found = kernels.elastic_net_folds(
            np.asarray(change(X)),
            np.asarray(change(Y)),
            [list(f) for f in folds],
            (1.0,),
            (0.5,),
            max_iter=20,
        )
        assert_same_bits(found, expected)
    assert_array_equal(X, before[0])
    assert_array_equal(Y, before[1])


class TestThreads:
    ALPHAS, L1_RATIOS = np.logspace(-2, 1, 5), np.linspace(0.2, 1.0, 5)

    def test_both_compilations_give_equal_bits(self, monkeypatch):
        X, Y = calibration(13, 11, 2)
        run = kernels.elastic_net_folds
        serial = run(X, Y, folds_of(13), self.ALPHAS, self.L1_RATIOS, max_iter=40)
        kernel = module._descend_folds
        monkeypatch.setattr(kernel, "serial", kernel.parallel)
        parallel = run(X, Y, folds_of(13), self.ALPHAS, self.L1_RATIOS, max_iter=40)
        assert_same_bits(parallel, serial)

    def test_do_not_show_in_the_result(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, Y = calibration(13, 11, 2)
        run = kernels.elastic_net_folds
        many = run(X, Y, folds_of(13), self.ALPHAS, self.L1_RATIOS, max_iter=40)
        with kernels.thread_limit(1):
            one = run(X, Y, folds_of(13), self.ALPHAS, self.L1_RATIOS, max_iter=40)
        assert_same_bits(one, many)
