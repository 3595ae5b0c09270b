"""SNV, MSC and SavitzkyGolay: the numbers of NumPy and scipy, and the manners of scikit-learn."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import savgol_filter
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags

from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay
from tests.reference import savgol as reference_savgol
from tests.reference import scatter as reference_scatter

PROPERTY = settings(deadline=None, derandomize=True, max_examples=60)
MODES = ["interp", "mirror", "nearest", "constant", "wrap"]
ESTIMATORS = [
    SNV(),
    MSC(),
    MSC("median"),
    MSC(np.linspace(1.0, 2.0, 20) ** 2),
    SavitzkyGolay(7),
    SavitzkyGolay(5, 3, 2, delta=2.0, mode="nearest"),
]

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)


def spectra(n=6, p=20, seed=0):
    rng = np.random.default_rng(seed)
    return 3.0 + rng.normal(size=(n, p)).cumsum(axis=1)


def frame(n=6, p=20):
    return pd.DataFrame(spectra(n, p), columns=[f"{900 + 2 * j} nm" for j in range(p)])


def real_spectra():
    return [load_tecator().data[::20], load_gasoline().data[::10]]


class TestSNV:
    @pytest.mark.parametrize("X", real_spectra(), ids=["tecator", "gasoline"])
    def test_equals_numpy(self, X):
        expected = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
        assert_allclose(SNV().fit_transform(X), expected, rtol=1e-10, atol=1e-12)

    def test_flat_spectrum_becomes_zeros(self):
        X = spectra()
        X[2] = 0.7
        out = SNV().fit_transform(X)
        assert_array_equal(out[2], 0.0)
        assert_allclose(out, reference_scatter.snv(X), rtol=1e-10, atol=1e-12)


class TestMSC:
    @pytest.mark.parametrize("X", real_spectra(), ids=["tecator", "gasoline"])
    @pytest.mark.parametrize("average", ["mean", "median"])
    def test_equals_polyfit(self, X, average):
        reference = getattr(np, average)(X, axis=0)
        msc = MSC(average).fit(X)
        assert_allclose(msc.reference_, reference, rtol=1e-12)
        slopes, offsets = np.polyfit(reference, X.T, 1)
        expected = (X - offsets[:, None]) / slopes[:, None]
        assert_allclose(msc.transform(X), expected, rtol=1e-10)

    @pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
    def test_reference_of_ones_own(self, kind):
        X = spectra()
        reference = np.linspace(1.0, 3.0, 20)
        msc = MSC(kind(reference)).fit(X)
        assert_array_equal(msc.reference_, reference)
        assert_allclose(msc.transform(X), reference_scatter.msc(X, reference), rtol=1e-10)

    def test_new_spectra_are_corrected_against_the_calibration_set(self):
        X = spectra()
        msc = MSC().fit(X[:4])
        expected = reference_scatter.msc(X[4:], X[:4].mean(axis=0))
        assert_allclose(msc.transform(X[4:]), expected, rtol=1e-10)

    def test_flat_spectrum_moves_onto_the_reference(self):
        X = spectra()
        msc = MSC().fit(X)
        assert_allclose(msc.transform(np.full((1, 20), 0.7)), msc.reference_.mean(), rtol=1e-10)

    def test_reference_is_float64_for_float32_spectra(self):
        msc = MSC().fit(spectra().astype(np.float32))
        assert msc.reference_.dtype == np.float64

    def test_mean_of_many_float32_spectra_is_exact(self):
        X = (1000.0 + spectra(20_000, 50)).astype(np.float32)
        expected = X.astype(np.float64).mean(axis=0)
        assert_allclose(MSC().fit(X).reference_, expected, rtol=1e-12)

    def test_needs_fit(self):
        with pytest.raises(NotFittedError, match="MSC"):
            MSC().transform(spectra())

    @pytest.mark.parametrize("reference", ["mean", np.full(20, 3.0)])
    def test_constant_reference(self, reference):
        X = np.repeat(spectra()[:, :1], 20, axis=1)
        message = r"`reference` must vary over the channels; got the constant .* with n_features=20"
        with pytest.raises(ValueError, match=message):
            MSC(reference).fit(X)

    @pytest.mark.parametrize("shape", [(19,), (21,), (1, 20), (20, 1)])
    def test_reference_of_wrong_length(self, shape):
        message = r"`reference` must have one value a channel, shape \(20,\); got \("
        with pytest.raises(ValueError, match=message):
            MSC(np.ones(shape)).fit(spectra())

    def test_reference_with_nan(self):
        with pytest.raises(ValueError, match="reference contains NaN"):
            MSC([np.nan] * 20).fit(spectra())

    def test_unknown_reference(self):
        with pytest.raises(ValueError, match="'reference' parameter of MSC must be"):
            MSC("first").fit(spectra())


@st.composite
def filters(draw):
    window = 2 * draw(st.integers(0, 9)) + 1
    return {
        "window_length": window,
        "polyorder": draw(st.integers(0, min(window - 1, 6))),
        "deriv": draw(st.integers(0, 4)),
        "delta": draw(st.floats(0.1, 10.0) | st.floats(-10.0, -0.1)),
        "mode": draw(st.sampled_from(MODES)),
        "cval": draw(st.floats(-10.0, 10.0)),
    }


class TestSavitzkyGolay:
    @PROPERTY
    @given(parameters=filters(), extra=st.integers(0, 12), seed=st.integers(0, 2**31))
    def test_equals_scipy(self, parameters, extra, seed):
        X = spectra(3, parameters["window_length"] + extra, seed)
        expected = savgol_filter(X, **parameters)
        out = SavitzkyGolay(**parameters).fit_transform(X)
        # rounding is relative to the terms of the sum, which shrink by delta for each derivative
        size = np.abs(X).max() / min(1.0, abs(parameters["delta"])) ** parameters["deriv"]
        assert_allclose(out, expected, rtol=1e-10, atol=1e-10 * size)

    @PROPERTY
    @given(parameters=filters(), extra=st.integers(0, 4), seed=st.integers(0, 2**31))
    def test_equals_a_polynomial_in_every_window(self, parameters, extra, seed):
        X = spectra(1, parameters["window_length"] + extra, seed)
        expected = reference_savgol.savgol(
            X, parameters["window_length"], parameters["polyorder"], parameters["deriv"],
            parameters["delta"], parameters["mode"], parameters["cval"],
        )  # fmt: skip
        size = np.abs(X).max() / min(1.0, abs(parameters["delta"])) ** parameters["deriv"]
        out = SavitzkyGolay(**parameters).fit_transform(X)
        assert_allclose(out, expected, rtol=1e-10, atol=1e-10 * size)

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("X", real_spectra(), ids=["tecator", "gasoline"])
    @pytest.mark.parametrize(("polyorder", "deriv"), [(2, 0), (2, 1), (3, 2)])
    def test_equals_scipy_on_real_spectra(self, X, mode, polyorder, deriv):
        expected = savgol_filter(X, 15, polyorder, deriv=deriv, mode=mode)
        out = SavitzkyGolay(15, polyorder, deriv, mode=mode).fit_transform(X)
        assert_allclose(out, expected, rtol=0, atol=1e-12 * np.abs(X).max())

    @pytest.mark.parametrize("mode", MODES)
    def test_wide_window_of_high_order(self, mode):
        X = spectra(2, 101)
        expected = reference_savgol.savgol(X, 99, 12, 2, 1.0, mode)
        out = SavitzkyGolay(99, 12, 2, mode=mode).fit_transform(X)
        assert_allclose(out, expected, rtol=0, atol=1e-9 * np.abs(expected).max())

    def test_derivative_above_the_order_is_zero(self):
        out = SavitzkyGolay(5, 2, 3).fit_transform(spectra())
        assert_allclose(out, np.zeros((6, 20)), atol=1e-12)

    def test_falling_axis_turns_the_sign_of_odd_derivatives(self):
        X = spectra()
        rising = SavitzkyGolay(5, deriv=1, delta=2.0).fit_transform(X)
        falling = SavitzkyGolay(5, deriv=1, delta=-2.0).fit_transform(X)
        assert_array_equal(falling, -rising)

    def test_parameters_changed_after_fit_are_used(self):
        X = spectra()
        savgol = SavitzkyGolay(5).fit(X)
        savgol.set_params(window_length=7, deriv=1)
        assert_array_equal(savgol.transform(X), SavitzkyGolay(7, deriv=1).fit_transform(X))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (
                {"window_length": 6},
                r"`window_length` must be odd and at most n_features=20; got 6. Use 5 or 7",
            ),
            (
                {"window_length": 20},
                r"`window_length` must be odd and at most n_features=20; got 20. Use 19 or lower",
            ),
            (
                {"window_length": 21},
                r"`window_length` must be odd and at most n_features=20; got 21. Use 19 or lower",
            ),
            (
                {"window_length": 5, "polyorder": 5},
                r"`polyorder` must be less than window_length=5; got 5. Use 4 or lower",
            ),
            ({"delta": 0.0}, r"`delta` must not be 0; got 0. Pass the distance of"),
            ({"window_length": 0}, "'window_length' parameter of SavitzkyGolay must be"),
            ({"window_length": 5.0}, "'window_length' parameter of SavitzkyGolay must be"),
            ({"polyorder": -1}, "'polyorder' parameter of SavitzkyGolay must be"),
            ({"deriv": -1}, "'deriv' parameter of SavitzkyGolay must be"),
            ({"deriv": 0.5}, "'deriv' parameter of SavitzkyGolay must be"),
            ({"delta": np.inf}, "'delta' parameter of SavitzkyGolay must be"),
            ({"delta": np.nan}, "'delta' parameter of SavitzkyGolay must be"),
            ({"mode": "reflect"}, "'mode' parameter of SavitzkyGolay must be"),
            ({"cval": "0"}, "'cval' parameter of SavitzkyGolay must be"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
    def test_wrong_parameters(self, parameters, message, method):
        with pytest.raises(ValueError, match=message):
            getattr(SavitzkyGolay(**parameters), method)(spectra())

    @pytest.mark.parametrize("n_features", range(1, 8))
    def test_windows_that_the_error_suggests_are_accepted(self, n_features):
        X = np.ones((2, n_features))
        allowed = range(1, n_features + 1, 2)
        for window in set(range(1, n_features + 4)) - set(allowed):
            with pytest.raises(ValueError, match="window_length") as error:
                SavitzkyGolay(window, 0).fit(X)
            suggested = re.search(r"Use (\d+)(?: or (\d+))?", str(error.value)).groups()
            for suggestion in filter(None, suggested):
                SavitzkyGolay(int(suggestion), 0).fit(X)


class TestManners:
    @every_estimator
    def test_float32_stays_float32(self, estimator):
        X = spectra().astype(np.float32)
        out = estimator.fit_transform(X)
        assert out.dtype == np.float32
        expected = clone(estimator).fit_transform(X.astype(np.float64))
        assert_allclose(out, expected, rtol=1e-4, atol=1e-4)

    @every_estimator
    def test_everything_else_becomes_float64(self, estimator):
        X = (10 * spectra()).astype(np.int32)
        assert estimator.fit_transform(X).dtype == np.float64
        assert estimator.fit_transform(X.astype(np.float16)).dtype == np.float64

    @every_estimator
    def test_pandas_output_keeps_names_and_index(self, estimator):
        X = frame()
        X.index = list("abcdef")
        out = clone(estimator).set_output(transform="pandas").fit_transform(X)
        assert isinstance(out, pd.DataFrame)
        assert_array_equal(out.columns, X.columns)
        assert_array_equal(out.index, X.index)
        assert_array_equal(out.to_numpy(), clone(estimator).fit_transform(X.to_numpy()))

    @every_estimator
    def test_feature_names(self, estimator):
        X = frame()
        fitted = clone(estimator).fit(X)
        assert_array_equal(fitted.feature_names_in_, X.columns)
        assert_array_equal(fitted.get_feature_names_out(), X.columns)
        assert fitted.n_features_in_ == 20
        names = clone(estimator).fit(X.to_numpy()).get_feature_names_out()
        assert_array_equal(names, [f"x{j}" for j in range(20)])

    @every_estimator
    def test_other_channels_than_in_fit(self, estimator):
        fitted = clone(estimator).fit(frame())
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.transform(frame()[frame().columns[::-1]])
        with pytest.raises(ValueError, match=r"21 features, but .* expecting 20 features"):
            clone(estimator).fit(spectra()).transform(spectra(p=21))

    @every_estimator
    def test_clone_and_pickle(self, estimator):
        X = spectra()
        fitted = clone(estimator).fit(X)
        expected = fitted.transform(X)
        assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)
        assert_array_equal(clone(fitted).fit(X).transform(X), expected)

    @pytest.mark.parametrize("estimator", [SNV(), SavitzkyGolay(7)], ids=str)
    def test_stateless_ones_need_no_fit(self, estimator):
        X = spectra()
        assert_array_equal(clone(estimator).transform(X), clone(estimator).fit_transform(X))

    @every_estimator
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_non_finite_spectra_are_located(self, estimator, value):
        X = frame()
        X.iloc[3, 5] = value
        with pytest.raises(ValueError, match=r"X has NaN or infinite values in row 3 .*910 nm"):
            clone(estimator).fit(X)
        with pytest.raises(ValueError, match=r"X has NaN or infinite values in row 3 .*910 nm"):
            clone(estimator).fit(frame()).transform(X)

    @every_estimator
    def test_one_spectrum(self, estimator):
        X = spectra(1)
        out = clone(estimator).fit(spectra()).transform(X)
        assert out.shape == X.shape
        with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
            estimator.fit(X[0])

    def test_tags_say_what_needs_fit(self):
        assert not get_tags(SNV()).requires_fit
        assert not get_tags(SavitzkyGolay()).requires_fit
        assert get_tags(MSC()).requires_fit

    def test_pipeline(self):
        X = frame(30)
        y = X.iloc[:, 4].to_numpy()
        model = make_pipeline(SavitzkyGolay(5), MSC(), SNV(), Ridge(1e-3)).fit(X, y)
        by_hand = X.to_numpy()
        for step in (SavitzkyGolay(5), MSC(), SNV()):
            by_hand = step.fit_transform(by_hand)
        assert_allclose(model.predict(X), Ridge(1e-3).fit(by_hand, y).predict(by_hand))
        assert_array_equal(model[:-1].get_feature_names_out(), X.columns)
        model.set_params(savitzkygolay__window_length=9)
        assert model["savitzkygolay"].window_length == 9

    def test_pipeline_of_stateless_steps_needs_no_fit(self):
        X = spectra()
        chain = Pipeline([("snv", SNV()), ("sg", SavitzkyGolay(7))])
        assert_array_equal(chain.fit_transform(X), SavitzkyGolay(7).transform(SNV().transform(X)))
