"""What holds for every selector of channels: data that are refused, sizes, names of channels."""

import inspect

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from spectral_fast._channels import channel_axis
from spectral_fast.feature_selection import (
    CARS,
    MCUVE,
    SPA,
    UVE,
    UVESPA,
    VIP,
    CoefficientMagnitude,
    CovSel,
    ForClasses,
    IntervalPLS,
    RandomFrog,
    SelectivityRatio,
    TopChannels,
    selection_frequency,
)

SELECTORS = [
    CARS(2, n_runs=4, cv=3),
    CoefficientMagnitude(2),
    CovSel(3),
    IntervalPLS(3, max_components=2, cv=3),
    MCUVE(2, n_resamples=6, n_features_to_select=3),
    RandomFrog(2, n_iterations=4, n_features_to_select=3, cv=3),
    SelectivityRatio(2, n_features_to_select=3),
    SPA((1, 3), cv=3),
    TopChannels(VIP(2), 3),
    UVE(2),
    UVESPA(2, n_features_to_select=(1, 2)),
    VIP(2),
    VIP(2, n_features_to_select="cv", cv=3),
]

every_selector = pytest.mark.parametrize("selector", SELECTORS, ids=str)


def spectra():
    """Return spectra whose channels 2 to 6 hold y."""
    rng = np.random.default_rng(0)
    y = rng.uniform(size=14)
    bands = np.exp(-(((np.arange(12) - 4) / 2.0) ** 2))
    return 1.0 + np.outer(y, bands) + 0.05 * rng.normal(size=(14, 12)), y


@every_selector
def test_fit_takes_all_but_the_data_by_name(selector):
    by_name = [
        parameter.name
        for parameter in inspect.signature(selector.fit).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert by_name in (["groups"], ["sample_weight", "groups"])
    X, y = spectra()
    with pytest.raises(TypeError, match="positional arguments"):
        selector.fit(X, y, np.ones(14))


class TestRefused:
    @every_selector
    @pytest.mark.parametrize("n_targets", [1, 2])
    def test_constant_targets(self, selector, n_targets):
        X, _ = spectra()
        y = np.full((14, n_targets), 1 / 3)
        with pytest.raises(ValueError, match=r"`y` must differ .* all 14 .* 0\.333333\. Pass"):
            selector.fit(X, y[:, 0] if n_targets == 1 else y)

    @every_selector
    def test_constant_spectra(self, selector):
        X, y = spectra()
        with pytest.raises(ValueError, match="`X` must differ between samples; all 14 have"):
            selector.fit(np.tile(X[:1], (14, 1)), y)

    @every_selector
    @pytest.mark.parametrize("value", [np.nan, -np.inf])
    def test_not_finite(self, selector, value):
        X, y = spectra()
        Y = np.column_stack([y, y])
        Y[[3, 8], 1] = value
        with pytest.raises(ValueError, match=r"y has NaN or infinite values in rows 3, 8 "):
            selector.fit(X, Y)
        X[2, 4] = value
        with pytest.raises(ValueError, match=r"in row 2 \(counted from 0\), channel 4\."):
            selector.fit(X, y)
        frame = pd.DataFrame(X, columns=np.arange(900, 924, 2))
        with pytest.raises(ValueError, match=r"in row 2 \(counted from 0\), channel 908\."):
            selector.fit(frame, y)

    def test_not_finite_with_classes(self):
        X, y = spectra()
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match=r"in row 2 \(counted from 0\), channel 4\."):
            ForClasses(VIP(2)).fit(X, y > 0.5)

    @pytest.mark.parametrize("missing", [None, np.nan])
    def test_missing_targets_in_a_list(self, missing):
        X, y = spectra()
        with pytest.raises(ValueError, match=r"y has NaN or infinite values in row 3 "):
            VIP(2).fit(X, [*y[:3], missing, *y[4:]])

    @every_selector
    @pytest.mark.parametrize("size", [0, 13, 2.5, 2.0, "two", None])
    def test_sizes_that_are_none(self, selector, size):
        fitted = selector.fit(*spectra())
        with pytest.raises(ValueError, match=rf"`n_features` must be an integer .*got {size}"):
            fitted.subset(size)

    @every_selector
    def test_sizes_of_numpy_are_integers(self, selector):
        fitted = selector.fit(*spectra())
        assert_array_equal(fitted.subset(np.int64(2)), fitted.subset(2))


class TestNarrowSpectra:
    def test_as_many_intervals_as_channels(self):
        X, y = spectra()
        narrow = IntervalPLS(max_components=2, cv=3).fit(X, y)
        assert_array_equal(narrow.intervals_[:, 0], np.arange(12))
        wide = IntervalPLS(max_components=1, cv=3).fit(np.hstack([X, X]), y)
        assert len(wide.intervals_) == 20

    def test_random_frog_starts_with_all_channels(self):
        settings = {"n_iterations": 5, "n_features_to_select": 3, "cv": 3}
        X, y = spectra()
        found = RandomFrog(2, **settings).fit(X, y)
        assert_array_equal(found.scores_, RandomFrog(2, n_initial=12, **settings).fit(X, y).scores_)
        X = np.tile(X, 5)
        found = RandomFrog(2, **settings).fit(X, y)
        assert_array_equal(found.scores_, RandomFrog(2, n_initial=50, **settings).fit(X, y).scores_)


class TestNamesOfChannels:
    @pytest.mark.parametrize(
        ("names", "axis", "label"),
        [
            (["900 nm", "902.5 nm"], [900.0, 902.5], "Channel (nm)"),
            (["nm900", "nm902"], [900.0, 902.0], "Channel (nm)"),
            (["wl_900", "wl_902"], [900.0, 902.0], "Channel (wl)"),
            (["-5", "5"], [-5.0, 5.0], "Channel"),
            (["abs-5", "abs-6"], [5.0, 6.0], "Channel (abs-)"),
            (["9.9e+02", "1.0e+03"], [990.0, 1000.0], "Channel"),
            ([".5 um", ".75 um"], [0.5, 0.75], "Channel (µm)"),
            ([str(5e-05), str(0.0001)], [5e-05, 0.0001], "Channel"),
            (["wl_9.9e+02", "wl_1.0E+03"], [990.0, 1000.0], "Channel (wl)"),
            ([".5 microns", "-.5 microns"], [0.5, -0.5], "Channel (microns)"),
            ([".5.7 of 1", ".6.7 of 1"], [0.5, 0.6], "Channel (.7 of 1)"),
            (["X.900", "X.1000"], [900.0, 1000.0], "Channel (X.)"),
            (["900 cm-1", "902 1/cm"], [900.0, 902.0], "Channel (cm⁻¹)"),
            (["900 nm", "902 1/cm"], [900.0, 902.0], "Channel"),
            (["1 of 2", "1 of 3"], [0, 1], "Channel number"),
            (["a", "902"], [0, 1], "Channel number"),
            (["1e400", "902"], [0, 1], "Channel number"),
            (None, [0, 1], "Channel number"),
        ],
        ids=str,
    )
    def test_axis(self, names, axis, label):
        found = channel_axis(names, 2)
        assert_array_equal(found[0], axis)
        assert found[1] == label

    @every_selector
    def test_columns_that_are_numbers(self, selector):
        figure = pytest.importorskip("matplotlib.figure")
        X, y = spectra()
        frame = pd.DataFrame(X, columns=np.arange(900.0, 930.0, 2.5))
        ax = selector.fit(frame, y).plot(figure.Figure().subplots())
        lines = [line for each in ax.figure.axes for line in each.lines]
        assert any(np.array_equal(line.get_xdata(), frame.columns) for line in lines)
        assert not hasattr(selector, "feature_names_in_")

    def test_of_the_frequency(self):
        X, y = spectra()
        frame = pd.DataFrame(X, columns=range(900, 912))
        result = selection_frequency(VIP(2), frame, y, n_resamples=2)
        assert result.feature_names == [str(name) for name in range(900, 912)]
