"""Errors about spectra say where the fault is."""

import numpy as np
import pytest

from spectral_fast._validation import check_spectra, components_error


def spectra(n_samples=8, n_channels=9):
    return np.random.default_rng(0).normal(size=(n_samples, n_channels))


def test_good_data_pass():
    X = spectra()
    check_spectra(X)
    check_spectra(X, X[:, 0])
    check_spectra(X, X[:, :2], channel_names=[f"{900 + k} nm" for k in range(9)])
    check_spectra(X.tolist(), X[:, 0].tolist())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_spectra(value):
    X = spectra()
    X[2, 7] = X[5, 3] = value
    with pytest.raises(ValueError, match=r"NaN or infinite .* rows 2, 5 .* channels 3, 7\."):
        check_spectra(X)
    with pytest.raises(ValueError, match=r"channels 903 nm, 907 nm\."):
        check_spectra(X, channel_names=[f"{900 + k} nm" for k in range(9)])


def test_long_lists_are_cut_after_five():
    X = spectra(n_samples=20)
    X[3:, 4] = np.nan
    with pytest.raises(ValueError, match=r"rows 3, 4, 5, 6, 7 and 12 more .* channel 4\."):
        check_spectra(X)


def test_constant_spectra():
    X = spectra()
    X[[1, 4]] = 2.5
    with pytest.raises(ValueError, match=r"same value in every channel of rows 1, 4 "):
        check_spectra(X)


def test_a_single_channel_is_not_a_constant_spectrum():
    check_spectra(spectra(n_channels=1))


def test_a_spectrum_that_nearly_varies_passes():
    X = np.ones((2, 5))
    X[:, 3] = np.nextafter(1.0, 2.0)
    check_spectra(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_targets(value):
    y = np.arange(8.0)
    y[6] = value
    with pytest.raises(ValueError, match=r"y has NaN or infinite values in row 6 "):
        check_spectra(spectra(), y)
    with pytest.raises(ValueError, match=r"y has NaN or infinite values in row 6 "):
        check_spectra(spectra(), np.column_stack([np.arange(8.0), y]))


def test_constant_target():
    with pytest.raises(ValueError, match=r"y is constant: all 8 samples have the value 1\.5\."):
        check_spectra(spectra(), np.full(8, 1.5))
    with pytest.raises(ValueError, match=r"y is constant in target 1 "):
        check_spectra(spectra(), np.column_stack([np.arange(8.0), np.zeros(8)]))


@pytest.mark.parametrize(
    ("n_components", "largest", "remedy"),
    [
        (13, 12, "Use 12 or fewer."),
        (0, 12, "Use 1 or more."),
        (1, 0, "Pass samples that have channels."),
    ],
)
def test_number_of_components(n_components, largest, remedy):
    expected = f"from 1 to min(n_samples, n_features)={largest}; got {n_components}. {remedy}"
    assert str(components_error(n_components, largest)) == f"`n_components` must be {expected}"


def test_number_of_components_of_other_data():
    error = components_error(5, 4, of="a training set")
    assert "min(n_samples, n_features)=4 of a training set; got 5." in str(error)
