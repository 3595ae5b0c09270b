"""Gram algebra against its twin, which works on the rows themselves."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spectral_fast import kernels
from spectral_fast.kernels import _jit
from tests.reference import gram as reference

# the package exports a function of the same name
gram_module = importlib.import_module("spectral_fast.kernels.gram")

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)
SHAPES = [(0, 5), (1, 5), (2, 9), (6, 6), (9, 4), (3, 1)]
RTOL = 1e-12

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
shapes = pytest.mark.parametrize(("n", "p"), SHAPES)


def assert_close(actual, expected, rtol=RTOL):
    """Agreement within `rtol` of the largest expected value, NaN in place."""
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * finite.max(initial=0.0))


def rows(n, p, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p)).astype(dtype)


def read_only(array):
    array.flags.writeable = False
    return array


class TestProducts:
    @shapes
    @both_dtypes
    @pytest.mark.parametrize("name", ["gram", "covariance"])
    def test_equals_twin(self, name, dtype, n, p):
        X = rows(n, p, dtype)
        out = getattr(kernels, name)(X)
        assert out.dtype == np.float64
        assert_array_equal(out, out.T)
        assert_close(out, getattr(reference, name)(X))

    def test_float32_is_accumulated_in_float64(self):
        X = np.array([[1e4, 1.0]], dtype=np.float32)
        assert kernels.gram(X) == 1e8 + 1.0

    @pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: X[::-1], read_only])
    def test_any_layout(self, layout):
        X = layout(rows(5, 7))
        assert_close(kernels.gram(X), reference.gram(X))
        assert_close(kernels.covariance(X), reference.covariance(X))

    def test_nan_stays_in_its_row_and_column(self):
        X = rows(5, 4)
        X[2, 1] = np.nan
        assert_close(kernels.gram(X), reference.gram(X))
        assert_close(kernels.covariance(X), reference.covariance(X))
        assert np.isnan(kernels.gram(X)).sum() == 9


class TestFoldCovariances:
    @pytest.mark.parametrize("kind", ["folds", "resamples"])
    @pytest.mark.parametrize("least_work", [0.0, np.inf], ids=["threads", "no threads"])
    @shapes
    def test_equals_twin(self, n, p, least_work, kind, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", least_work)
        X = rows(n, p)
        if kind == "folds":
            weights = 1.0 - np.eye(3)[np.arange(n) % 3].T
        else:
            weights = np.random.default_rng(0).integers(0, 3, (4, n)) * 0.7
        found = kernels.fold_covariances(X, weights)
        assert_array_equal(found, found.transpose(0, 2, 1))
        assert_close(found, reference.fold_covariances(X, weights))


class TestGrow:
    @shapes
    def test_grows_in_place_to_all_channels(self, n, p):
        X = rows(n, p)
        K = kernels.gram(X[:, : p // 2])
        assert kernels.grow_gram(K, X[:, p // 2 :]) is None
        assert_close(K, reference.gram(X))
        assert_array_equal(K, K.T)

    def test_no_channel_changes_nothing(self):
        X = rows(4, 3)
        K = kernels.gram(X)
        kernels.grow_gram(K, X[:, :0])
        assert_array_equal(K, kernels.gram(X))


class TestCentre:
    @pytest.mark.parametrize("weights", [None, [1, 1, 0, 1, 0], [0.5, 2, 0, 1e-3, 7]])
    def test_equals_gram_of_centred_rows(self, weights):
        X = rows(5, 8) + 3.0
        given_weights = None if weights is None else np.array(weights, dtype=float)
        out = kernels.centre_gram(kernels.gram(X), given_weights)
        assert_close(out, reference.centred_gram(X, np.ones(5) if weights is None else weights))
        assert_array_equal(out, out.T)

    def test_whole_weights_repeat_rows(self):
        X = rows(4, 6)
        weights = np.array([2.0, 0.0, 1.0, 3.0])
        repeated = np.repeat(np.arange(4), weights.astype(int))
        expected = X - X[repeated].mean(axis=0)
        assert_close(kernels.centre_gram(kernels.gram(X), weights), reference.gram(expected))

    def test_changes_no_input(self):
        K, weights = read_only(kernels.gram(rows(4, 6))), read_only(np.arange(4.0))
        before = K.copy()
        kernels.centre_gram(K, weights)
        assert_array_equal(K, before)

    def test_nan_without_weight_stays_in_its_row_and_column(self):
        X = rows(5, 6)
        X[3, 2] = np.nan
        weights = np.array([1.0, 1.0, 1.0, 0.0, 1.0])
        out = kernels.centre_gram(kernels.gram(X), weights)
        assert_close(out, reference.centred_gram(X, weights))
        assert np.isnan(out).sum() == 9
        assert np.isnan(kernels.centre_gram(kernels.gram(X))).all()


class TestSubsets:
    @pytest.mark.parametrize("edges", [[0, 9], [0, 2, 3, 9], [0, 4, 4, 9], [2, 5], [0, 0]])
    @both_dtypes
    def test_intervals_equal_twin(self, edges, dtype):
        X = rows(5, 9, dtype)
        out = kernels.interval_grams(X, np.array(edges))
        assert out.shape == (len(edges) - 1, 5, 5)
        assert out.dtype == np.float64
        assert_close(out, reference.interval_grams(X, edges))
        assert_array_equal(out, out.transpose(0, 2, 1))

    def test_intervals_add_up(self):
        X = rows(6, 20)
        total = kernels.interval_grams(X, np.array([0, 3, 11, 20])).sum(axis=0)
        assert_close(total, kernels.gram(X))

    def test_nested_yields_new_arrays(self):
        X = rows(5, 9)
        order, sizes = np.array([8, 0, 3, 5, 1]), [0, 1, 1, 4, 5]
        grams = list(kernels.nested_grams(X, order, sizes))
        for K, expected in zip(grams, reference.nested_grams(X, order, sizes), strict=True):
            assert_close(K, expected)
            assert_array_equal(K, K.T)

    def test_a_nan_comes_with_its_channel(self):
        X = rows(3, 4)
        X[1, 2] = np.nan
        before, after = kernels.nested_grams(X, np.array([0, 2]), [1, 2])
        assert np.isfinite(before).all()
        assert np.isnan(after).sum() == 5
        intervals = kernels.interval_grams(X, [0, 2, 4])
        assert_array_equal(np.isnan(intervals).sum(axis=(1, 2)), [0, 5])

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(1, 7),
        p=st.integers(1, 12),
        data=st.data(),
    )
    def test_any_nested_subsets(self, seed, n, p, data):
        X = rows(n, p, seed=seed)
        order = np.array(data.draw(st.permutations(range(p))))
        sizes = sorted(data.draw(st.lists(st.integers(0, p), max_size=5)))
        grams = kernels.nested_grams(X, order, sizes)
        for K, expected in zip(grams, reference.nested_grams(X, order, sizes), strict=True):
            assert_close(K, expected)


class TestDistances:
    @shapes
    def test_equal_twin(self, n, p):
        X = rows(n, p)
        out = kernels.squared_distances(kernels.gram(X))
        assert_close(out, reference.squared_distances(X, X))
        assert_array_equal(np.diag(out), 0.0)
        assert_array_equal(out, out.T)

    @pytest.mark.parametrize(("n", "n_other"), [(1, 4), (4, 1), (3, 5), (0, 2), (2, 0)])
    def test_cross_equal_twin(self, n, n_other):
        X, Z = rows(n, 6), rows(n_other, 6, seed=1)
        norms, other_norms = np.diag(kernels.gram(X)), np.diag(kernels.gram(Z))
        out = kernels.cross_squared_distances(X @ Z.T, norms, other_norms)
        assert_close(out, reference.squared_distances(X, Z))

    def test_equal_rows_are_never_below_zero(self):
        """The norms and the product of equal rows round differently, and may cancel below zero."""
        K = np.array([[1.0, 1.0 + 1e-15], [1.0 + 1e-15, 1.0]])
        assert_array_equal(kernels.squared_distances(K), np.zeros((2, 2)))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_non_finite_values_come_through(self, value):
        K = kernels.gram(rows(4, 5))
        K[1, 1] = value
        with np.errstate(invalid="ignore"):  # uncompiled, infinity less infinity would warn
            out = kernels.squared_distances(K)
        finite = np.isfinite(out)
        assert not finite[1].any()
        assert not finite[:, 1].any()
        assert finite.sum() == 9

    def test_centring_first_keeps_small_distances(self):
        X = rows(6, 8) + 1e6
        K = kernels.gram(X - X.mean(axis=0))
        assert_close(kernels.squared_distances(K), reference.squared_distances(X, X), 1e-9)

    def test_input_may_be_read_only_or_strided(self):
        K = read_only(kernels.gram(rows(6, 8)))
        assert_array_equal(
            kernels.squared_distances(K[::2, ::2]), kernels.squared_distances(K[::2, ::2].copy())
        )

    @pytest.mark.parametrize("n", [1, 37])
    def test_both_compilations_give_equal_bits(self, n, monkeypatch):
        K = kernels.gram(rows(n, 8))
        serial = kernels.squared_distances(K)
        kernel = gram_module._squared_distances
        monkeypatch.setattr(kernel, "serial", kernel.parallel)
        assert_array_equal(kernels.squared_distances(K), serial)

    def test_threads_do_not_show_in_the_result(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        K = kernels.gram(rows(37, 8))
        expected = kernels.squared_distances(K)
        with kernels.thread_limit(1):
            assert_array_equal(kernels.squared_distances(K), expected)

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(1, 9),
        p=st.integers(1, 9),
        exponent=st.integers(-100, 100),
    )
    def test_any_scale(self, seed, n, p, exponent):
        X = rows(n, p, seed=seed) * 10.0**exponent
        K = kernels.centre_gram(kernels.gram(X))
        assert_close(kernels.squared_distances(K), reference.squared_distances(X, X))
