"""IntervalPLS against scikit-learn's PLS, set of intervals by set of intervals."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, RepeatedKFold
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.feature_selection import IntervalPLS, _intervals
from spectral_fast.feature_selection._subsets import first_least, least_by_size
from spectral_fast.kernels import _jit
from tests.reference import intervals as reference
from tests.spectra import folds, measured, mixtures

GOLDEN = Path(__file__).parent / "golden" / "intervals.json"
METHODS = ("single", "forward", "backward", "synergy")
every_method = pytest.mark.parametrize("method", METHODS)
both_targets = pytest.mark.parametrize("n_targets", [1, 3])


def assert_same_sets(path, expected):
    assert [each[0] for each in path] == [each[0] for each in expected]
    assert_allclose([each[1] for each in path], [each[1] for each in expected], rtol=1e-7)
    assert [each[2] for each in path] == [each[2] for each in expected]


class TestAgainstTheTwin:
    @every_method
    @both_targets
    @pytest.mark.parametrize("shape", [(16, 21), (24, 9)], ids=["wide", "tall"])
    def test_everything(self, method, n_targets, shape):
        n, p = shape
        X, y = mixtures(n, p, n_targets)
        Y = y.reshape(n, -1)
        ipls = IntervalPLS(5, method=method, max_components=3, cv=4).fit(X, y)
        intervals = reference.cut(p, 5)
        chosen, path = reference.interval_pls(X, Y, folds(n), intervals, method, max_components=3)
        assert tuple(ipls.selected_intervals_) == chosen
        assert_same_sets(ipls.path_, path)
        assert_array_equal(
            ipls.get_support(indices=True), [j for k in chosen for j in intervals[k]]
        )
        assert ipls.n_components_ == next(each[2] for each in path if each[0] == chosen)
        _, singles = reference.interval_pls(X, Y, folds(n), intervals, "single", max_components=3)
        singles = sorted(singles)
        assert_allclose(ipls.interval_rmsecv_, [each[1] for each in singles], rtol=1e-7)
        assert_array_equal(ipls.interval_n_components_, [each[2] for each in singles])
        full, n_components = reference.pls_rmsecv(X, Y, folds(n), 3)
        assert ipls.rmsecv_full_ == pytest.approx(full, rel=1e-7)
        assert ipls.n_components_full_ == n_components

    def test_three_combined(self):
        X, y = mixtures()
        ipls = IntervalPLS(5, method="synergy", n_combined=3, max_components=3, cv=4).fit(X, y)
        chosen, path = reference.interval_pls(
            X,
            y[:, None],
            folds(16),
            reference.cut(21, 5),
            "synergy",
            n_combined=3,
            max_components=3,
        )
        assert tuple(ipls.selected_intervals_) == chosen
        assert_same_sets(ipls.path_, path)

    @every_method
    def test_weights(self, method):
        X, y = mixtures()
        weights = np.random.default_rng(1).integers(0, 4, 16)
        ipls = IntervalPLS(5, method=method, max_components=3, cv=4).fit(
            X, y, sample_weight=weights
        )
        chosen, path = reference.interval_pls(
            X,
            y[:, None],
            folds(16),
            reference.cut(21, 5),
            method,
            max_components=3,
            weights=weights,
        )
        assert tuple(ipls.selected_intervals_) == chosen
        assert_same_sets(ipls.path_, path)
        same = IntervalPLS(5, method=method, max_components=3, cv=4).fit(
            X, y, sample_weight=0.5 * weights
        )
        assert_allclose(same.rmsecv_, ipls.rmsecv_, rtol=1e-9)
        assert (IntervalPLS(5, method=method, cv=4).fit(X, y).rmsecv_[0] != ipls.rmsecv_[0]).any()

    @pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without the compiler")
    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
        X, y = measured(name)
        ipls = IntervalPLS(method="forward").fit(X, y)
        assert_allclose(ipls.interval_rmsecv_, expected["interval_rmsecv"], rtol=1e-7)
        assert ipls.rmsecv_full_ == pytest.approx(expected["rmsecv_full"], rel=1e-7)
        assert [list(each.intervals) for each in ipls.path_] == expected["path"]
        assert_allclose([each.rmsecv for each in ipls.path_], expected["rmsecv"], rtol=1e-7)


class TestIntervals:
    @pytest.mark.parametrize(("p", "n_intervals"), [(21, 5), (20, 5), (7, 7), (9, 1), (11, 4)])
    def test_are_as_wide_as_can_be(self, p, n_intervals):
        X, y = mixtures(p=p)
        ipls = IntervalPLS(n_intervals, cv=3, max_components=1).fit(X, y)
        expected = [(part[0], part[-1] + 1) for part in np.array_split(np.arange(p), n_intervals)]
        assert_array_equal(ipls.intervals_, expected)

    @pytest.mark.parametrize(("p", "width"), [(21, 5), (20, 5), (7, 1), (7, 7), (11, 6)])
    def test_of_a_width(self, p, width):
        X, y = mixtures(p=p)
        ipls = IntervalPLS(3, width=width, cv=3, max_components=1).fit(X, y)
        widths = np.diff(ipls.intervals_, axis=1)[:, 0]
        assert_array_equal(ipls.intervals_[1:, 0], ipls.intervals_[:-1, 1])
        assert ipls.intervals_[0, 0] == 0
        assert ipls.intervals_[-1, 1] == p
        assert (widths[:-1] == width).all()
        assert 1 <= widths[-1] <= width


class TestTheSearch:
    def test_forward_goes_on_while_it_gains(self):
        X, y = mixtures(n=30)
        ipls = IntervalPLS(7, method="forward", cv=4).fit(X, y)
        errors = [each.rmsecv for each in ipls.path_]
        assert len(errors) > 1
        assert errors == sorted(errors, reverse=True)
        assert_array_equal(ipls.rmsecv_, errors)
        assert ipls.path_[-1].intervals == tuple(ipls.selected_intervals_)
        assert all(set(a.intervals) < set(b.intervals) for a, b in pairwise(ipls.path_))
        assert ipls.path_[0].rmsecv == ipls.interval_rmsecv_.min()

    def test_forward_takes_all_where_all_gain(self):
        """Each interval holds a component of y of its own."""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(40, 3))
        y = X @ [3.0, 2.0, 1.0] + 0.01 * rng.normal(size=40)
        ipls = IntervalPLS(3, method="forward", cv=4).fit(X, y)
        assert [each.intervals for each in ipls.path_] == [(0,), (0, 1), (0, 1, 2)]
        assert_array_equal(ipls.sizes_, [1, 2, 3])
        assert ipls.rmsecv_[-1] == ipls.rmsecv_full_
        assert ipls.n_components_full_ == ipls.n_components_

    def test_backward_goes_on_to_a_single_interval(self):
        X, y = mixtures(n=30)
        ipls = IntervalPLS(7, method="backward", cv=4).fit(X, y)
        assert [len(each.intervals) for each in ipls.path_] == [7, 6, 5, 4, 3, 2, 1]
        assert ipls.path_[0].rmsecv == ipls.rmsecv_full_
        assert_array_equal(ipls.rmsecv_, [each.rmsecv for each in ipls.path_[::-1]])
        assert_array_equal(ipls.sizes_, [3, 6, 9, 12, 15, 18, 21])
        assert ipls.n_features_ == ipls.sizes_[ipls.rmsecv_.argmin()] < 21

    def test_synergy_compares_all_combinations(self):
        X, y = mixtures()
        ipls = IntervalPLS(5, method="synergy", cv=4).fit(X, y)
        assert len(ipls.path_) == len({each.intervals for each in ipls.path_}) == 10
        assert len(ipls.selected_intervals_) == 2
        errors = [each.rmsecv for each in ipls.path_]
        assert errors == sorted(errors)
        assert_array_equal(ipls.sizes_, [8, 9])
        assert ipls.rmsecv_.min() == errors[0]

    def test_single_keeps_an_interval_that_is_worse_than_all(self):
        X, y = mixtures(n=30)
        ipls = IntervalPLS(21, cv=4).fit(X, y)
        assert ipls.n_features_ == 1
        assert ipls.rmsecv_.min() > ipls.rmsecv_full_

    def test_equal_intervals_go_to_the_lowest(self):
        X, y = mixtures(p=4)
        X = np.tile(X, 3)
        for method, chosen in {"single": [0], "forward": [0], "backward": [0]}.items():
            ipls = IntervalPLS(3, method=method, cv=4).fit(X, y)
            assert_array_equal(ipls.selected_intervals_, chosen)

    def test_constant_channels_are_no_gain(self):
        X, y = mixtures(n=30)
        X[:, 14:] = 0.3
        for method in ("single", "forward", "backward"):
            ipls = IntervalPLS(3, method=method, cv=4).fit(X, y)
            assert ipls.selected_intervals_.max() < 2
        assert ipls.interval_rmsecv_[2] > y.std(ddof=1)

    def test_ranking(self):
        X, y = mixtures(n=30)
        ipls = IntervalPLS(7, method="backward", cv=4).fit(X, y)
        assert_array_equal(ipls.scores_, -np.repeat(ipls.interval_rmsecv_, 3))
        assert set(ipls.subset(ipls.n_features_)) == set(ipls.get_support(indices=True))
        expected = sorted(range(21), key=lambda j: (not ipls.support_[j], -ipls.scores_[j], j))
        assert_array_equal(ipls.subset(21), expected)

    def test_least_errors(self):
        assert first_least(np.array([2.0, 1.0 + 1e-12, 1.0])) == 1
        assert first_least(np.array([2.0, 1.0 + 1e-6, 1.0])) == 2
        assert first_least(np.array([0.0, 0.0])) == 0
        sizes, least = least_by_size(np.array([3, 1, 3]), np.array([5.0, 2.0, 4.0]))
        assert_array_equal(sizes, [1, 3])
        assert_array_equal(least, [2.0, 4.0])


class TestTheFittedSelector:
    @every_method
    def test_units_do_not_matter(self, method):
        X, y = mixtures(n_targets=3)
        expected = IntervalPLS(5, method=method, cv=4).fit(X, y)
        for factor in (1e-6, 1e6):
            ipls = IntervalPLS(5, method=method, cv=4).fit(factor * X, 1e3 * y)
            assert_array_equal(ipls.support_, expected.support_)
            assert_allclose(ipls.rmsecv_, expected.rmsecv_, rtol=1e-8)

    @every_method
    def test_threads(self, method, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = mixtures(n_targets=2)
        ipls = [IntervalPLS(6, method=method, cv=4), IntervalPLS(6, method=method, cv=4)]
        for n_threads, each in zip((1, 2), ipls, strict=True):
            with kernels.thread_limit(n_threads):
                each.fit(X, y)
        assert ipls[0].path_ == ipls[1].path_
        assert_array_equal(ipls[0].ranking_, ipls[1].ranking_)

    @every_method
    def test_without_gram_matrices(self, method, monkeypatch):
        X, y = mixtures()
        expected = IntervalPLS(5, method=method, cv=4).fit(X, y)
        monkeypatch.setattr(_intervals, "_MOST_IN_GRAMS", 0)
        ipls = IntervalPLS(5, method=method, cv=4).fit(X, y)
        assert_same_sets(ipls.path_, expected.path_)

    def test_components_are_limited(self):
        X, y = mixtures(6, 40)
        ipls = IntervalPLS(2, cv=3, max_components=30).fit(X, y)  # 4 samples train
        assert ipls.n_components_full_ <= 3
        ipls = IntervalPLS(40, cv=3).fit(X, y)
        assert (ipls.interval_n_components_ == 1).all()

    def test_splitters(self):
        X, y = mixtures(20)
        groups = np.arange(20) // 4
        expected = IntervalPLS(5, cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
        grouped = IntervalPLS(5, cv=GroupKFold(5)).fit(X, y, groups=groups)
        assert_array_equal(grouped.interval_rmsecv_, expected.interval_rmsecv_)
        five = IntervalPLS(5).fit(X, y)
        for cv in (5, None):
            assert_array_equal(IntervalPLS(5, cv=cv).fit(X, y).rmsecv_, five.rmsecv_)
        other = IntervalPLS(5, random_state=1).fit(X, y)
        assert (other.interval_rmsecv_ != five.interval_rmsecv_).any()

    def test_in_a_pipeline(self):
        X, y = mixtures(30)
        pipeline = make_pipeline(IntervalPLS(7, cv=3), PLSRegression(2))
        grid = {"intervalpls__method": ["single", "forward"]}
        search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
        assert search.best_score_ > 0.5
        steps = make_pipeline(IntervalPLS(7, cv=3), LinearRegression())
        assert steps.fit(pd.DataFrame(X), y).predict(pd.DataFrame(X)).shape == (30,)

    def test_data_stay_as_they_are(self):
        X, y = mixtures()
        before = X.copy()
        X.flags.writeable = y.flags.writeable = False
        expected = IntervalPLS(5, cv=4).fit(X, y).interval_rmsecv_
        assert_array_equal(X, before)
        fortran = IntervalPLS(5, cv=4).fit(np.asfortranarray(X), y)
        assert_array_equal(fortran.interval_rmsecv_, expected)


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_intervals": 0},
            {"width": 0},
            {"method": "genetic"},
            {"n_combined": 1},
            {"n_combined": 5},
            {"max_components": 0},
            {"cv": 1},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            IntervalPLS(**parameters).fit(*mixtures())

    @pytest.mark.parametrize("parameters", [{"n_intervals": 22}, {"width": 22}], ids=str)
    def test_more_than_there_are(self, parameters):
        name = next(iter(parameters))
        message = f"`{name}` must be an integer from 1 to n_features=21; got 22"
        with pytest.raises(ValueError, match=message):
            IntervalPLS(**parameters).fit(*mixtures())

    def test_more_combined_than_there_are(self):
        with pytest.raises(ValueError, match=r"`n_combined` must be at most .* 2; got 3. Cut"):
            IntervalPLS(2, method="synergy", n_combined=3).fit(*mixtures())

    def test_weights(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="`sample_weight` must not be negative; got -1"):
            IntervalPLS(5).fit(X, y, sample_weight=np.full(16, -1.0))
        with pytest.raises(ValueError, match="at least two samples"):
            IntervalPLS(5).fit(X, y, sample_weight=np.eye(16)[0])

    def test_data(self):
        X, y = mixtures()
        with pytest.raises(ValueError, match="exactly once"):
            IntervalPLS(5, cv=RepeatedKFold(n_splits=3, random_state=0)).fit(X, y)
        with pytest.raises(ValueError, match="`cv` must be at most n_samples=16"):
            IntervalPLS(5, cv=17).fit(X, y)
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            IntervalPLS(5).fit(X, y)


class TestPlot:
    def axes(self):
        return pytest.importorskip("matplotlib.figure").Figure().subplots()

    def test_bars(self):
        X, y = mixtures()
        frame = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(21)])
        ipls = IntervalPLS(5, method="synergy", cv=4).fit(frame, y)
        ax = self.axes()
        assert ipls.plot(ax) is ax
        bars = ax.patches
        assert_array_equal([bar.get_height() for bar in bars], ipls.interval_rmsecv_)
        assert_array_equal([bar.get_x() for bar in bars], 899 + 2 * ipls.intervals_[:, 0])
        assert_allclose(
            [bar.get_width() for bar in bars], 2 * np.diff(ipls.intervals_, axis=1)[:, 0]
        )
        colours = [bar.get_facecolor() for bar in bars]
        chosen = [colours[k] for k in ipls.selected_intervals_]
        assert len(set(colours)) == 2
        assert len(set(chosen)) == 1
        assert colours.count(chosen[0]) == 2
        assert [int(text.get_text()) for text in ax.texts] == list(ipls.interval_n_components_)
        assert_array_equal(ax.lines[0].get_ydata(), ipls.rmsecv_full_)
        assert ax.get_xlabel() == "Channel (nm)"
        (spectrum,) = ax.figure.axes[1].lines
        assert_array_equal(spectrum.get_ydata(), ipls.mean_spectrum_)
        assert_array_equal(spectrum.get_xdata(), 900 + 2 * np.arange(21))

    def test_single_channel(self):
        X, y = mixtures(p=1)
        ax = IntervalPLS(1, cv=4).fit(X, y).plot(self.axes())
        (bar,) = ax.patches
        assert (bar.get_x(), bar.get_width()) == (-0.5, 1.0)

    def test_new_figure(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        from matplotlib import pyplot

        ax = IntervalPLS(5, cv=4).fit(*mixtures()).plot()
        pyplot.close(ax.figure)
        assert not pyplot.get_fignums()

    def test_without_matplotlib(self, monkeypatch):
        ipls = IntervalPLS(5, cv=4).fit(*mixtures())
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ModuleNotFoundError, match=r"spectral_fast\[report\]"):
            ipls.plot()
