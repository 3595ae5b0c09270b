"""How often a selector chooses each channel, against fits one after another."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from spectral_fast import kernels
from spectral_fast.feature_selection import (
    UVE,
    VIP,
    CoefficientMagnitude,
    SelectionFrequency,
    selection_frequency,
)
from tests.reference.uve import draws


def mixtures(n=20, p=12, seed=0):
    """Return spectra whose channels 2 to 5 hold y, or little of it."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(size=n)
    X = 1.0 + rng.normal(size=(n, p))
    X[:, 2:6] += np.outer(y, [2.0, 4.0, 4.0, 2.0])
    return X, y


def one_by_one(selector, X, y, parts):
    return np.array([clone(selector).fit(X[rows], y[rows]).get_support() for rows in parts])


class TestAgainstFits:
    def test_random_parts(self):
        X, y = mixtures()
        selector = VIP(2, n_features_to_select=4)
        result = selection_frequency(selector, X, y, n_resamples=8, train_size=0.6, random_state=3)
        expected = one_by_one(selector, X, y, draws(20, 8, 12, seed=3))
        assert_array_equal(result.supports, expected)
        assert result.n_fits == 8
        assert_array_equal(result.frequency, expected.sum(axis=0) / 8)
        assert 0 < result.frequency[2:6].min() < 1
        assert_array_equal(result.mean_spectrum, X.mean(axis=0))
        assert not hasattr(selector, "support_")

    @pytest.mark.parametrize(
        ("cv", "same"),
        [
            (4, KFold(4, shuffle=True, random_state=3)),
            (KFold(5), KFold(5)),
            (ShuffleSplit(7, random_state=1), ShuffleSplit(7, random_state=1)),
        ],
        ids=str,
    )
    def test_training_sets(self, cv, same):
        X, y = mixtures()
        selector = VIP(2, n_features_to_select=4)
        result = selection_frequency(selector, X, y, cv=cv, random_state=3)
        parts = [train for train, _ in same.split(X)]
        assert_array_equal(result.supports, one_by_one(selector, X, y, parts))

    def test_selector_of_scikit_learn(self):
        X, y = mixtures()
        result = selection_frequency(SelectKBest(f_regression, k=2), X, y, n_resamples=10)
        assert_allclose(result.frequency.sum(), 2.0)
        assert result.frequency[3:5].sum() > 1.0

    def test_several_targets_and_lists(self):
        X, y = mixtures()
        Y = np.column_stack([y, -y])
        expected = selection_frequency(VIP(2), X, Y, n_resamples=3)
        given = selection_frequency(VIP(2), X.tolist(), Y.tolist(), n_resamples=3)
        assert_array_equal(given.supports, expected.supports)

    def test_more_resamples_leave_the_first_ones(self):
        X, y = mixtures()
        few, many = (selection_frequency(VIP(2), X, y, n_resamples=n) for n in (3, 6))
        assert_array_equal(many.supports[:3], few.supports)

    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_jobs_do_not_show_in_the_result(self, backend):
        X, y = mixtures()
        one = selection_frequency(UVE(1), X, y, n_resamples=4)
        with parallel_config(backend=backend):
            two = selection_frequency(UVE(1), X, y, n_resamples=4, n_jobs=2)
        assert_array_equal(one.supports, two.supports)

    @pytest.mark.parametrize(("n_jobs", "n_threads"), [(None, 2), (2, 1)])
    def test_fits_at_a_time_have_one_thread_each(self, n_jobs, n_threads):
        class Counting(SelectKBest):
            def fit(self, X, y):
                seen.append(kernels.get_num_threads())
                return super().fit(X, y)

        seen = []
        X, y = mixtures()
        before = kernels.get_num_threads()
        with parallel_config(backend="threading"):
            selection_frequency(Counting(f_regression, k=2), X, y, n_resamples=4, n_jobs=n_jobs)
        assert seen == [min(n_threads, before)] * 4
        assert kernels.get_num_threads() == before


class TestGroupsAndWeights:
    def test_random_parts_hold_groups_together(self):
        X, y = mixtures(24)
        groups = np.repeat(list("hgfedcba"), 3)
        selector = VIP(2, n_features_to_select=4)
        result = selection_frequency(selector, X, y, groups=groups, n_resamples=6, train_size=0.5)
        names = np.unique(groups)
        parts = [np.flatnonzero(np.isin(groups, names[rows])) for rows in draws(8, 6, 4)]
        assert [len(part) for part in parts] == [12] * 6
        assert_array_equal(result.supports, one_by_one(selector, X, y, parts))

    def test_training_sets_hold_groups_together(self):
        X, y = mixtures()
        groups = np.arange(20) // 4
        cv = GroupKFold(5)
        result = selection_frequency(VIP(2), X, y, cv=cv, groups=groups)
        parts = [train for train, _ in cv.split(X, y, groups)]
        assert_array_equal(result.supports, one_by_one(VIP(2), X, y, parts))

    def test_reach_the_selector(self):
        X, y = mixtures()
        groups = np.arange(20) // 2
        weights = np.linspace(0.1, 2.0, 20)
        selector = CoefficientMagnitude(2, n_features_to_select="cv", cv=GroupKFold(3))
        result = selection_frequency(
            selector, X, y, groups=groups, sample_weight=weights.tolist(), n_resamples=4
        )
        parts = [np.flatnonzero(np.isin(groups, names)) for names in draws(10, 4, 8)]
        expected = [
            selector.fit(
                X[rows], y[rows], sample_weight=weights[rows], groups=groups[rows]
            ).support_
            for rows in parts
        ]
        assert_array_equal(result.supports, expected)

    def test_groups_that_the_selector_does_not_take(self):
        X, y = mixtures()
        selector = SelectKBest(f_regression, k=2)
        result = selection_frequency(selector, X, y, groups=np.arange(20) // 2, n_resamples=3)
        assert_array_equal(result.supports.sum(axis=1), 2)

    def test_weights_that_the_selector_does_not_take(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match=r"`sample_weight` needs a selector .* that of VIP"):
            selection_frequency(VIP(2), X, y, sample_weight=np.ones(20))

    def test_few_groups(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match=r"from 2 to 1 of the 2 groups .* or add groups"):
            selection_frequency(VIP(2), X, y, groups=np.arange(20) // 10)

    @pytest.mark.parametrize("name", ["groups", "sample_weight"])
    def test_lengths(self, name):
        X, y = mixtures()
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            selection_frequency(CoefficientMagnitude(2), X, y, **{name: np.ones(19)})


class TestNothingSelected:
    def test_counts_without_a_warning(self):
        result = selection_frequency(VIP(2, threshold=1e9), *mixtures(), n_resamples=3)
        assert not result.supports.any()
        assert_array_equal(result.frequency, 0.0)

    def test_other_warnings_are_shown(self):
        class Warning_(SelectKBest):
            def fit(self, X, y):
                warnings.warn("something else", stacklevel=2)
                return super().fit(X, y)

        X, y = mixtures()
        with pytest.warns(UserWarning, match="something else"):
            selection_frequency(Warning_(f_regression, k=2), X, y, n_resamples=2)

    def test_filters_are_restored(self):
        before = list(warnings.filters)
        selection_frequency(VIP(2), *mixtures(), n_resamples=2)
        assert warnings.filters == before


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"selector": None},
            {"n_resamples": 0},
            {"train_size": 1.0},
            {"cv": 1},
            {"random_state": "now"},
            {"n_jobs": 1.5},
            {"n_jobs": 0},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        X, y = mixtures()
        with pytest.raises((ValueError, TypeError), match=next(iter(parameters))):
            selection_frequency(**{"selector": VIP(2), "X": X, "y": y} | parameters)

    def test_lengths(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            selection_frequency(VIP(2), X, y[:-1])

    def test_parts_of_one_sample(self):
        with pytest.raises(ValueError, match=r"`train_size` must leave from 2 to 19 of the 20"):
            selection_frequency(VIP(2), *mixtures(), train_size=0.05)

    def test_data_that_the_selector_refuses(self):
        X, y = mixtures()
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match="channel 4"):
            selection_frequency(VIP(2), X, y, n_resamples=20)


class TestPlot:
    @pytest.mark.parametrize("named", [True, False])
    def test_bars_and_spectrum(self, named):
        figure = pytest.importorskip("matplotlib.figure")
        X, y = mixtures()
        if named:
            X = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(12)])
        result = selection_frequency(VIP(2), X, y, n_resamples=5)
        ax = figure.Figure().subplots()
        assert result.plot(ax) is ax
        assert_allclose([bar.get_height() for bar in ax.patches], result.frequency)
        axis = np.arange(900, 924, 2) if named else np.arange(12)
        assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in ax.patches], axis)
        assert ax.get_xlabel() == ("Channel (nm)" if named else "Channel number")
        assert ax.get_ylabel() == "Share of 5 selections"
        _, spectrum = ax.figure.axes
        assert_array_equal(spectrum.lines[0].get_xdata(), axis)
        assert_array_equal(spectrum.lines[0].get_ydata(), np.asarray(X).mean(axis=0))

    def test_single_channel(self):
        figure = pytest.importorskip("matplotlib.figure")
        result = SelectionFrequency(np.ones((2, 1), dtype=bool), np.ones(1))
        ax = result.plot(figure.Figure().subplots())
        assert [bar.get_height() for bar in ax.patches] == [1.0]

    def test_new_figure(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        from matplotlib import pyplot

        ax = SelectionFrequency(np.ones((2, 3), dtype=bool), np.ones(3)).plot()
        pyplot.close(ax.figure)
        assert not pyplot.get_fignums()

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ModuleNotFoundError, match=r"spectral_fast\[report\]"):
            SelectionFrequency(np.ones((2, 3), dtype=bool), np.ones(3)).plot()
