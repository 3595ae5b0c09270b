"""Every kernel against its slow twin, on every kind of input that it may meet."""

import importlib

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.kernels import _jit
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay
from tests.reference import nipals as reference_nipals
from tests.reference import savgol as reference_savgol
from tests.reference import scatter as reference_scatter

# the package exports functions of the same names
nipals_module = importlib.import_module("spectral_fast.kernels.nipals")
savgol_module = importlib.import_module("spectral_fast.kernels.savgol")

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)
RTOL = {np.float64: 1e-10, np.float32: 1e-4}
SHAPES = [(0, 9), (1, 9), (2, 9), (5, 31), (9, 9), (23, 7), (150, 6)]
WINDOW = 5


def assert_close(actual, expected, rtol, err_msg=""):
    """Agreement within `rtol` of the largest expected value, NaN and infinity in place."""
    finite = np.abs(expected[np.isfinite(expected)])
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=rtol * finite.max(initial=0.0), err_msg=err_msg
    )


def spectra(n, p, dtype=np.float64, seed=0):
    """Smooth rows of different level and slope."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.5, 2.0, size=(n, 1)) * rng.normal(size=(n, p)).cumsum(axis=1)
    return (X + rng.uniform(1.0, 3.0, size=(n, 1))).astype(dtype)


def read_only(array):
    array.flags.writeable = False
    return array


def reference_spectrum(p):
    return np.sin(np.arange(p)) + 0.1 * np.arange(p)


def savgol_weights():
    """Weights without any structure, some edge weights zero, none of the others."""
    rng = np.random.default_rng(3)
    edge_weights = rng.normal(size=(WINDOW - 1, 2 * WINDOW))
    edge_weights[rng.uniform(size=edge_weights.shape) < 0.4] = 0.0
    return rng.normal(size=WINDOW), edge_weights, rng.normal(size=WINDOW - 1)


def run_snv(X, out):
    kernels.snv(X, out)


def run_msc(X, out):
    kernels.msc(X, reference_spectrum(X.shape[1]), out)


def run_savgol(X, out):
    kernels.savgol(X, *savgol_weights(), out)


TWINS = {
    run_snv: reference_scatter.snv,
    run_msc: lambda X: reference_scatter.msc(X, reference_spectrum(X.shape[1])),
    run_savgol: lambda X: reference_savgol.convolve(X, *savgol_weights()),
}
KERNELS = {
    run_snv: kernels.snv,
    run_msc: kernels.msc,
    run_savgol: savgol_module._savgol,
}

row_kernels = pytest.mark.parametrize("run", TWINS)
both_dtypes = pytest.mark.parametrize("dtype", RTOL)
many_threads = pytest.mark.skipif(
    numba.config.NUMBA_NUM_THREADS < 2, reason="one core: nothing runs in parallel"
)


def result(run, X):
    out = np.full_like(X, 99.0)
    with np.errstate(all="ignore"):  # uncompiled, NaN and infinity would warn
        run(X, out)
    return out


@pytest.fixture
def calls(monkeypatch):
    """Make each kernel note which of its compilations runs."""
    noted = []

    def note(kernel, version):
        compiled = getattr(kernel, version)

        def noting(*args):
            noted.append(version)
            return compiled(*args)

        monkeypatch.setattr(kernel, version, noting)

    for kernel in (*KERNELS.values(), nipals_module._nipals):
        note(kernel, "serial")
        note(kernel, "parallel")
    return noted


@pytest.fixture
def always_parallel(monkeypatch):
    monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)


class TestRowKernels:
    @row_kernels
    @both_dtypes
    @pytest.mark.parametrize(("n", "p"), SHAPES)
    def test_equals_twin(self, run, dtype, n, p):
        X = spectra(n, p, dtype)
        out = result(run, X)
        assert out.dtype == dtype
        assert_close(out, TWINS[run](X), RTOL[dtype])

    @row_kernels
    @both_dtypes
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("channel", [0, 7, 13])
    def test_non_finite_value_stays_in_its_row(self, run, dtype, value, channel):
        X = spectra(5, 14, dtype)
        clean = result(run, X)
        X[2, channel] = value
        out = result(run, X)
        assert_close(out, TWINS[run](X), RTOL[dtype])
        assert not np.isfinite(out[2]).all()
        assert_array_equal(np.delete(out, 2, axis=0), np.delete(clean, 2, axis=0))

    @row_kernels
    @both_dtypes
    @pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e6])
    def test_constant_row(self, run, dtype, value):
        X = spectra(3, 11, dtype)
        X[1] = value
        assert_close(result(run, X), TWINS[run](X), RTOL[dtype])

    @row_kernels
    @both_dtypes
    def test_input_may_be_read_only_and_stays_unchanged(self, run, dtype):
        X = read_only(spectra(4, 12, dtype))
        before = X.copy()
        assert_array_equal(result(run, X), result(run, before.copy()))
        assert_array_equal(X, before)

    @row_kernels
    @both_dtypes
    def test_memory_maps(self, run, dtype, tmp_path):
        X = spectra(4, 12, dtype)
        X.tofile(tmp_path / "X.bin")
        mapped = np.memmap(tmp_path / "X.bin", dtype, mode="r", shape=X.shape)
        out = np.memmap(tmp_path / "out.bin", dtype, mode="w+", shape=X.shape)
        run(mapped, out)
        assert_array_equal(out, result(run, X))

    @pytest.mark.parametrize("run", [run_snv, run_msc])
    def test_weak_signal_on_a_high_level_is_no_constant_row(self, run):
        X = 1e4 + 1e-3 * spectra(3, 11)
        assert_close(result(run, X), TWINS[run](X), 1e-6)  # the level costs seven digits

    @pytest.mark.parametrize("run", [run_snv, run_msc])
    @both_dtypes
    def test_out_may_be_the_input(self, run, dtype):
        X = spectra(4, 12, dtype)
        expected = result(run, X)
        run(X, X)
        assert_array_equal(X, expected)

    @row_kernels
    @both_dtypes
    @pytest.mark.parametrize(("n", "p"), [(0, 9), (1, 9), (3, 8), (70, 33)])
    def test_both_compilations_give_equal_bits(self, run, dtype, n, p, monkeypatch):
        X = spectra(n, p, dtype)
        serial = result(run, X)
        kernel = KERNELS[run]
        monkeypatch.setattr(kernel, "serial", kernel.parallel)
        assert_array_equal(result(run, X), serial)

    @many_threads
    @row_kernels
    @both_dtypes
    def test_threads_do_not_show_in_the_result(self, run, dtype, always_parallel, calls):
        X = spectra(70, 33, dtype)
        with kernels.thread_limit(1):
            one = result(run, X)
        with kernels.thread_limit(2):
            two = result(run, X)
        assert calls == ["serial", "parallel"]
        assert_array_equal(one, two)

    @row_kernels
    def test_little_work_runs_serially(self, run, calls):
        result(run, spectra(3, 8))
        assert calls == ["serial"]


class TestSNV:
    @pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-3, 12345.6])
    @pytest.mark.parametrize("p", [1, 2, 7, 100])
    def test_constant_row_becomes_exact_zeros(self, value, p):
        assert_array_equal(result(run_snv, np.full((1, p), value)), np.zeros((1, p)))

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        slope=st.floats(1e-3, 1e3),
        offset=st.floats(-10, 10),
        p=st.integers(2, 40),
    )
    def test_removes_offset_and_scale(self, seed, slope, offset, p):
        X = spectra(2, p, seed=seed)
        out = result(run_snv, slope * X + offset)
        # an offset of 1e4 times the signal costs four digits
        np.testing.assert_allclose(out, result(run_snv, X), rtol=0, atol=1e-8)
        np.testing.assert_allclose(out.mean(axis=1), 0.0, atol=1e-8)
        np.testing.assert_allclose(out.std(axis=1), 1.0, rtol=1e-10)


class TestMSC:
    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        slope=st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3),
        offset=st.floats(-10, 10),
        p=st.integers(2, 40),
    )
    def test_restores_the_reference(self, seed, slope, offset, p):
        reference = spectra(1, p, seed=seed)
        out = np.empty_like(reference)
        kernels.msc(slope * reference + offset, reference[0], out)
        np.testing.assert_allclose(out, reference, rtol=1e-8, atol=1e-8)

    @pytest.mark.parametrize("value", [0.1, 1 / 3, 12345.6])
    def test_constant_row_moves_onto_the_reference(self, value):
        reference = reference_spectrum(10)
        out = np.empty((1, 10))
        kernels.msc(np.full((1, 10), value), reference, out)
        np.testing.assert_allclose(out, reference.mean(), rtol=1e-10)

    def test_row_orthogonal_to_the_reference_keeps_its_scale(self):
        reference = np.array([-1.0, 0.0, 1.0])
        out = np.empty((1, 3))
        kernels.msc(np.array([[2.0, 5.0, 2.0]]), reference, out)
        np.testing.assert_allclose(out, [[-1.0, 2.0, -1.0]], rtol=1e-12)


class TestSavgol:
    @pytest.mark.parametrize("window", [1, 3, 5, 7, 9, 11, 13])
    @both_dtypes
    def test_every_window_up_to_the_row(self, window, dtype):
        """The sweep takes three taps at a time, so each remainder has a path of its own."""
        rng = np.random.default_rng(window)
        X = spectra(3, 13, dtype)
        weights = rng.normal(size=window)
        edge_weights = rng.normal(size=(window - 1, 2 * window))
        edge_offsets = rng.normal(size=window - 1)
        out = np.empty_like(X)
        kernels.savgol(X, weights, edge_weights, edge_offsets, out)
        expected = reference_savgol.convolve(X, weights, edge_weights, edge_offsets)
        assert_close(out, expected, RTOL[dtype])

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        half=st.integers(1, 6),
        extra=st.integers(0, 12),
        degree=st.integers(0, 5),
        deriv=st.integers(0, 3),
        delta=st.floats(0.1, 10.0),
    )
    def test_polynomials_are_differentiated_exactly(self, seed, half, extra, degree, deriv, delta):
        window = 2 * half + 1
        order = min(degree, window - 1)
        coefficients = np.random.default_rng(seed).normal(size=order + 1)
        polynomial = np.polynomial.Polynomial(coefficients)
        points = np.linspace(-1.0, 1.0, window + extra)
        spacing = points[1] - points[0]
        filtered = SavitzkyGolay(window, order, deriv, delta=spacing * delta).transform(
            polynomial(points)[None]
        )
        expected = polynomial.deriv(deriv)(points) / delta**deriv
        # differentiating amplifies the rounding of the row by the spacing to this power
        atol = 1e-12 * np.abs(polynomial(points)).max() / (spacing * delta) ** deriv
        np.testing.assert_allclose(filtered[0], expected, rtol=1e-10, atol=atol)


NIPALS_SHAPES = [(12, 30), (15, 15), (40, 7), (3, 2), (3, 5)]


def regression(n, p, m, seed=0):
    """X raw; Y centred and of unit variance, as the kernel takes it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.uniform(1.0, 5.0, size=p)
    Y = X @ rng.normal(size=(p, m)) + 0.1 * rng.normal(size=(n, m))
    Y -= Y.mean(axis=0)
    return X, Y / Y.std(axis=0, ddof=1)


def fit(X, Y, n_components=2, scale=True, max_iter=500, tol=1e-6):
    with np.errstate(all="ignore"):
        return kernels.nipals(X, Y, n_components, scale, max_iter, tol)


def assert_equals_twin(X, Y, n_components=2, scale=True, max_iter=500, tol=1e-6, rtol=1e-10):
    fitted = fit(X, Y, n_components, scale, max_iter, tol)
    twin = reference_nipals.nipals(X, Y, n_components, scale, max_iter, tol)
    for name, array in fitted._asdict().items():
        assert_close(array, getattr(twin, name), rtol, err_msg=name)
    return fitted


def assert_same_bits(fitted, expected):
    for name, array in fitted._asdict().items():
        assert_array_equal(array, getattr(expected, name), err_msg=name)


class TestNipals:
    @pytest.mark.parametrize(("n", "p"), NIPALS_SHAPES)
    @pytest.mark.parametrize("m", [1, 3])
    @pytest.mark.parametrize("scale", [True, False])
    def test_equals_twin(self, n, p, m, scale):
        X, Y = regression(n, p, m)
        assert_equals_twin(X, Y, min(n - 1, p, 5), scale)

    @pytest.mark.parametrize("m", [1, 2])
    @pytest.mark.parametrize(("n", "p"), [(9, 64), (8, 65), (7, 150)])
    def test_chunks_of_channels(self, n, p, m, monkeypatch):
        monkeypatch.setattr(nipals_module, "_CHUNK_SIZE", 1)
        assert_equals_twin(*regression(n, p, m), 3)

    def test_two_samples(self):
        X = np.array([[1.0, 2.0, 4.0], [2.0, 5.0, 3.0]])
        assert_equals_twin(X, np.array([[-1.0], [1.0]]), 1, scale=False)

    @pytest.mark.parametrize("max_iter", [1, 2, 7])
    def test_last_iteration(self, max_iter):
        X, Y = regression(20, 6, 3)
        fitted = assert_equals_twin(X, Y, 3, max_iter=max_iter, tol=0.0)
        assert_array_equal(fitted.n_iter, max_iter)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_first_of_equal_weights_is_positive(self, sign):
        x, Y = regression(9, 1, 1)
        fitted = assert_equals_twin(sign * np.hstack([x, -x]), Y, 1, scale=False)
        assert fitted.x_weights[0, 0] == -fitted.x_weights[0, 1] > 0.0

    @pytest.mark.parametrize("m", [1, 3])
    def test_zero_targets_leave_zeros(self, m):
        X, _ = regression(10, 4, 1)
        fitted = assert_equals_twin(X, np.zeros((10, m)))
        assert_array_equal(fitted.n_iter, 0)
        assert not fitted.x_weights.any()

    def test_components_after_the_last_of_y_stay_zero(self):
        """Y lies in the direction of one channel that is orthogonal to all others."""
        X = np.kron(np.diag([1.0, 2.0, 3.0, 4.0]), [[1.0], [-1.0]])
        fitted = assert_equals_twin(X, X[:, [2]].copy(), 3, scale=False)
        assert_array_equal(fitted.n_iter, [1, 0, 0])
        assert not fitted.x_scores[1:].any()

    def test_first_target_zero(self):
        X, Y = regression(12, 5, 3)
        Y[:, 0] = 0.0
        fitted = assert_equals_twin(X, Y, 3)
        assert not fitted.y_loadings[:, 0].any()

    @pytest.mark.parametrize("value", [0.0, 0.5, -8.0])
    @pytest.mark.parametrize("scale", [True, False])
    def test_constant_channel(self, value, scale):
        X, Y = regression(12, 5, 1)
        X[:, 3] = value
        fitted = assert_equals_twin(X, Y, 3, scale)
        assert fitted.x_std[3] == 1.0
        assert not fitted.x_weights[:, 3].any()

    @pytest.mark.parametrize("value", [0.1, 1 / 3, 1e5 / 7])
    def test_channel_constant_within_rounding_is_not_scaled_up(self, value):
        X, Y = regression(11, 5, 1)
        others = fit(np.delete(X, 3, axis=1), Y, 3)
        X[:, 3] = value
        fitted = fit(X, Y, 3)
        assert fitted.x_std[3] == 1.0
        assert_close(fitted.x_scores, others.x_scores, 1e-10)

    @pytest.mark.parametrize("seed", range(3))
    def test_scores_stay_orthogonal_in_ill_conditioned_data(self, seed):
        """Singular values fall by 10^1.5 each; subtracting components would leave 1e-6."""
        rng = np.random.default_rng(seed)
        U = np.linalg.qr(rng.normal(size=(12, 12))).Q
        V = np.linalg.qr(rng.normal(size=(30, 12))).Q
        size = 10.0 ** (-1.5 * np.arange(12))
        X = U * size @ V.T
        y = U.sum(axis=1)
        T = fit(X, (y - y.mean())[:, None], 8, scale=False).x_scores
        T /= np.linalg.norm(T, axis=1, keepdims=True)
        np.testing.assert_allclose(T @ T.T, np.eye(8), rtol=0, atol=1e-13)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("m", [1, 2])
    def test_non_finite_values_are_not_hidden(self, value, m):
        X, Y = regression(10, 6, m)
        X[4, 2] = value
        fitted = fit(X, Y)
        for name in ("x_weights", "y_weights", "x_scores", "x_loadings", "y_loadings"):
            assert np.isnan(getattr(fitted, name)).all(), name

    @pytest.mark.parametrize("m", [1, 2])
    def test_input_may_be_read_only_and_stays_unchanged(self, m):
        X, Y = regression(8, 12, m)
        before_X, before_Y = X.copy(), Y.copy()
        expected = fit(X, Y)
        assert_same_bits(fit(read_only(X), read_only(Y)), expected)
        assert_array_equal(X, before_X)
        assert_array_equal(Y, before_Y)

    def test_memory_map(self, tmp_path):
        X, Y = regression(8, 12, 1)
        X.tofile(tmp_path / "X.bin")
        mapped = np.memmap(tmp_path / "X.bin", np.float64, mode="r", shape=X.shape)
        assert_same_bits(fit(mapped, Y), fit(X, Y))

    @pytest.mark.parametrize("m", [1, 3])
    @pytest.mark.parametrize("scale", [True, False])
    def test_both_compilations_give_equal_bits(self, m, scale, monkeypatch):
        monkeypatch.setattr(nipals_module, "_CHUNK_SIZE", 1)
        X, Y = regression(13, 200, m)
        serial = fit(X, Y, 4, scale)
        kernel = nipals_module._nipals
        monkeypatch.setattr(kernel, "serial", kernel.parallel)
        assert_same_bits(fit(X, Y, 4, scale), serial)

    @many_threads
    @pytest.mark.parametrize("m", [1, 3])
    def test_threads_do_not_show_in_the_result(self, m, always_parallel, calls, monkeypatch):
        monkeypatch.setattr(nipals_module, "_CHUNK_SIZE", 1)
        X, Y = regression(13, 200, m)
        with kernels.thread_limit(1):
            one = fit(X, Y, 4)
        with kernels.thread_limit(2):
            two = fit(X, Y, 4)
        assert calls == ["serial", "parallel"]
        assert_same_bits(two, one)

    @PROPERTY
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(6, 14),
        p=st.integers(4, 14),
        m=st.integers(1, 3),
        scale=st.booleans(),
    )
    def test_scores_are_orthogonal_and_rebuild_the_deflation(self, seed, n, p, m, scale):
        X, Y = regression(n, p, m, seed=seed)
        fitted = fit(X, Y, 3, scale)
        T = fitted.x_scores
        gram = T @ T.T
        assert_close(gram, np.diag(np.diag(gram)), 1e-12)
        np.testing.assert_allclose(np.linalg.norm(fitted.x_weights, axis=1), 1.0, rtol=1e-10)
        residual = (X - fitted.x_mean) / fitted.x_std - T.T @ fitted.x_loadings
        assert np.abs(T @ residual).max() < 1e-10 * np.abs(T).max() ** 2


LAYOUTS = {
    "gaps": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "fortran": np.asfortranarray,
    "list": np.ndarray.tolist,
    "read-only": lambda X: read_only(X.copy()),
    "integer": lambda X: X.astype(np.int16),
    "float32": lambda X: X.astype(np.float32),
    "big-endian": lambda X: X.astype(">f8"),
    "DataFrame": lambda X: pd.DataFrame(X, columns=[f"{900 + j}" for j in range(X.shape[1])]),
}
FACADES = [SNV(), MSC(), MSC("median"), SavitzkyGolay(5, deriv=1), PLSRegression(2)]


class TestFacades:
    @pytest.mark.parametrize("estimator", FACADES, ids=str)
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_any_layout(self, estimator, layout):
        X = np.round(100 * spectra(9, 12))  # whole numbers, exact in each dtype
        y = X[:, 3] + np.arange(9.0)
        expected = estimator.fit(X, y).transform(X)
        given = LAYOUTS[layout](X)
        before = given.copy()
        out = np.asarray(estimator.fit(given, y).transform(given))
        assert_close(out, expected, 1e-4 if layout == "float32" else 1e-10)
        assert_array_equal(given, before)


def test_warm_up_and_threads():
    kernels.warm_up()
    before = kernels.get_num_threads()
    with kernels.thread_limit(1):
        assert kernels.get_num_threads() == 1
    assert kernels.get_num_threads() == before
