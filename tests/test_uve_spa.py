"""UVESPA against its two steps, one after the other, and against the slow twins."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.feature_selection import SPA, UVE, UVESPA
from spectral_fast.kernels import _jit
from tests.reference import uve as reference
from tests.spectra import folds, measured, mixtures

GOLDEN = json.loads((Path(__file__).parent / "golden" / "uve.json").read_text(encoding="utf-8"))
NO_CHANNEL = "No channel is selected"

both_targets = pytest.mark.parametrize("n_targets", [1, 3])


class TestAgainstTheTwin:
    @both_targets
    @pytest.mark.parametrize(
        ("wanted", "least", "most"), [(None, 1, None), (2, 2, 2), ((2, 4), 2, 4)], ids=str
    )
    def test_selection(self, n_targets, wanted, least, most):
        X, y = mixtures(n_targets=n_targets)
        fitted = UVESPA(2, n_features_to_select=wanted).fit(X, y)
        n_kept = fitted.uve_.n_features_
        assert 4 <= n_kept < 21
        sets = [train for train, _ in LeaveOneOut().split(X)]
        kept, selected, eliminated = reference.uve_spa(
            X, y.reshape(16, -1), sets, 2, folds(16, 5), least, most or min(n_kept, 10)
        )
        assert_array_equal(fitted.uve_.get_support(indices=True), kept)
        assert_array_equal(fitted.get_support(indices=True), np.sort(selected))
        order = np.argsort(fitted.ranking_)
        assert_array_equal(np.sort(fitted.ranking_), np.arange(1, 22))
        assert_array_equal(order[: len(selected) + len(eliminated)], selected + eliminated)

    def test_starts_are_counted_in_the_spectra(self):
        X, y = mixtures()
        kept = UVE(2).fit(X, y).get_support(indices=True)
        starts = [0, int(kept[1]), int(kept[-1])]
        assert starts[0] not in kept
        fitted = UVESPA(2, starts=starts).fit(X, y)
        sets = [train for train, _ in LeaveOneOut().split(X)]
        _, selected, _ = reference.uve_spa(
            X, y[:, np.newaxis], sets, 2, folds(16, 5), 1, min(len(kept), 10), starts
        )
        assert_array_equal(fitted.get_support(indices=True), np.sort(selected))
        one = UVESPA(2, starts=int(kept[1]), n_features_to_select=3).fit(X, y)
        assert one.subset(3)[0] == kept[1]

    @pytest.mark.parametrize("name", ["tecator", "gasoline"])
    def test_golden(self, name):
        X, y = measured(name)
        uve_cv = KFold(10) if name == "tecator" else "loo"
        expected = GOLDEN[f"{name}/UVESPA"]
        fitted = UVESPA(5, uve_cv=uve_cv, n_features_to_select=(1, 6), elimination=False).fit(X, y)
        assert_array_equal(fitted.sizes_, expected["sizes"])
        assert_allclose(fitted.rmsecv_, expected["rmsecv"], rtol=1e-8)
        assert [fitted.subset(k).tolist() for k in fitted.sizes_] == expected["subsets"]


class TestSteps:
    @both_targets
    def test_are_uve_and_spa(self, n_targets):
        X, y = mixtures(n_targets=n_targets)
        settings = {"elimination": False, "alpha": 0.1, "cv": 3, "random_state": 4}
        fitted = UVESPA(3, uve_cv=6, noise=1e-8, n_noise=30, cutoff=0.9, **settings).fit(X, y)
        uve = UVE(3, cv=6, noise=1e-8, n_noise=30, cutoff=0.9, random_state=4).fit(X, y)
        kept = uve.get_support(indices=True)
        spa = SPA(**settings).fit(X[:, kept], y)
        assert_array_equal(fitted.uve_.reliability_, uve.reliability_)
        assert_array_equal(fitted.spa_.chain_, spa.chain_)
        assert_array_equal(fitted.rmsecv_, spa.rmsecv_)
        assert_array_equal(fitted.sizes_, spa.sizes_)
        assert_array_equal(fitted.get_support(indices=True), kept[spa.support_])
        assert_array_equal(fitted.scores_[kept], spa.scores_)
        assert_array_equal(np.delete(fitted.scores_, kept), 0.0)
        assert_array_equal(fitted.subset(2), kept[spa.subset(2)])

    def test_ranking_goes_on_by_reliability(self):
        X, y = mixtures()
        fitted = UVESPA(2, n_features_to_select=2).fit(X, y)
        order = np.argsort(fitted.ranking_)
        n_kept = fitted.uve_.n_features_
        assert n_kept > 4
        assert fitted.support_[order[:2]].all()
        assert fitted.uve_.support_[order[:n_kept]].all()
        assert (np.diff(fitted.uve_.scores_[order[2:n_kept]]) <= 0).all()
        assert (np.diff(fitted.uve_.scores_[order[n_kept:]]) <= 0).all()

    def test_sizes_that_spa_did_not_compare(self):
        fitted = UVESPA(2, n_features_to_select=(2, 3)).fit(*mixtures())
        assert_array_equal(fitted.sizes_, [2, 3])
        assert_array_equal(fitted.subset(1), [fitted.ranking_.argmin()])
        three = fitted.subset(3).tolist()
        reliable = [j for j in np.argsort(fitted.uve_.ranking_) if j not in three]
        for size in (4, 21):
            assert_array_equal(fitted.subset(size), three + reliable[: size - 3])
        with pytest.raises(ValueError, match="from 1 to n_features=21; got 22"):
            fitted.subset(22)

    def test_weights_are_those_of_uve(self):
        X, y = mixtures()
        y = y + 0.2 * np.random.default_rng(0).normal(size=16)
        weights = np.linspace(0.2, 2.0, 16)
        fitted = UVESPA(2).fit(X, y, sample_weight=weights)
        uve = UVE(2).fit(X, y, sample_weight=weights)
        assert_array_equal(fitted.uve_.reliability_, uve.reliability_)
        kept = uve.get_support(indices=True)
        assert_array_equal(fitted.rmsecv_, SPA().fit(X[:, kept], y).rmsecv_)

    def test_names_reach_both(self):
        X, y = mixtures()
        frame = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(21)])
        fitted = UVESPA(2).fit(frame, y)
        assert_array_equal(fitted.uve_.feature_names_in_, frame.columns)
        assert_array_equal(fitted.spa_.feature_names_in_, frame.columns[fitted.uve_.support_])
        assert_array_equal(fitted.support_, UVESPA(2).fit(X, y).support_)

    def test_groups_reach_both(self):
        X, y = mixtures()
        groups = np.arange(16) // 2
        splits = list(GroupKFold(8).split(X, y, groups))
        grouped = UVESPA(2, uve_cv=GroupKFold(8), cv=GroupKFold(8)).fit(X, y, groups=groups)
        expected = UVESPA(2, uve_cv=splits, cv=splits).fit(X, y)
        assert_array_equal(grouped.uve_.reliability_, expected.uve_.reliability_)
        assert_array_equal(grouped.rmsecv_, expected.rmsecv_)

    @both_targets
    @pytest.mark.parametrize("unit", [1e-6, 1e6])
    def test_units_do_not_matter(self, n_targets, unit):
        X, y = mixtures(n_targets=n_targets)
        expected = UVESPA(2).fit(X, y).support_
        assert_array_equal(UVESPA(2).fit(unit * X, y).support_, expected)

    def test_constant_channels(self):
        X, y = mixtures()
        X[:, [0, 6]] = 1.1
        fitted = UVESPA(2).fit(X, y)
        assert not fitted.uve_.support_[[0, 6]].any()
        assert_array_equal(fitted.ranking_[[0, 6]], [20, 21])

    def test_threads(self, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
        X, y = mixtures()
        fitted = []
        for n_threads in (1, 2):
            with kernels.thread_limit(n_threads):
                fitted.append(UVESPA(2).fit(X, y))
        assert_array_equal(fitted[0].rmsecv_, fitted[1].rmsecv_)
        assert_array_equal(fitted[0].ranking_, fitted[1].ranking_)

    def test_in_a_pipeline_and_a_grid(self):
        X, y = mixtures(30)
        pipeline = make_pipeline(UVESPA(2), LinearRegression())
        search = GridSearchCV(pipeline, {"uvespa__n_features_to_select": [1, 3]}, cv=3)
        assert search.fit(X, y).score(X, y) > 0.8


class TestFewSurvivors:
    @pytest.mark.parametrize(
        ("wanted", "sizes"), [(14, "all"), ((2, 14), "from 2"), ((13, 14), "all")]
    )
    def test_sizes_are_cut(self, wanted, sizes):
        X, y = mixtures(24)
        n_kept = UVE(2).fit(X, y).n_features_
        assert 2 < n_kept < 13
        with pytest.warns(UserWarning, match="fewer than `n_features_to_select`=") as warned:
            fitted = UVESPA(2, n_features_to_select=wanted).fit(X, y)
        assert len(warned) == 1
        assert warned[0].filename == __file__
        assert f"leaves {n_kept} channels" in str(warned[0].message)
        assert fitted.sizes_[0] == (n_kept if sizes == "all" else 2)
        assert fitted.sizes_[-1] == n_kept

    def test_none_survives(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 5)), rng.normal(size=40)
        with pytest.warns(UserWarning, match=NO_CHANNEL) as warned:
            fitted = UVESPA(2, n_noise=300).fit(X, y)
        assert len(warned) == 1
        assert warned[0].filename == __file__
        assert fitted.spa_ is None
        assert fitted.uve_.n_features_ == fitted.n_features_ == 0
        assert not fitted.support_.any()
        assert_array_equal(fitted.scores_, 0.0)
        assert_array_equal(fitted.ranking_, fitted.uve_.ranking_)
        assert fitted.sizes_.shape == fitted.rmsecv_.shape == (0,)
        assert_array_equal(fitted.subset(2), fitted.uve_.subset(2))

    def test_warnings_are_left_as_they_were(self):
        before = list(warnings.filters)
        UVESPA(2).fit(*mixtures())
        assert warnings.filters == before


class TestBadInput:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_components": 0},
            {"uve_cv": "all"},
            {"noise": 0.0},
            {"n_noise": 0},
            {"cutoff": 0.0},
            {"n_features_to_select": 0},
            {"starts": "first"},
            {"cv": 1},
            {"elimination": 2},
            {"alpha": 0.9},
            {"random_state": "now"},
        ],
        ids=str,
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of UVESPA"):
            UVESPA(**parameters).fit(*mixtures())

    @pytest.mark.parametrize("starts", [21, [8, 99], [-1, 8], [8.0], [True, False], []], ids=str)
    def test_starts_that_are_no_channels(self, starts):
        with pytest.raises(ValueError, match="`starts` must be numbers of channels, from 0 to 20"):
            UVESPA(2, starts=starts).fit(*mixtures())

    @pytest.mark.parametrize("wanted", [("a", 3), (3, 2), (2,)], ids=str)
    def test_ranges(self, wanted):
        with pytest.raises(ValueError, match="where it is a tuple, must hold two integers"):
            UVESPA(2, n_features_to_select=wanted).fit(*mixtures())

    def test_no_start_survives(self):
        with pytest.raises(ValueError, match=r"UVE does not eliminate; got \[0\]\. Use"):
            UVESPA(2, starts=[0]).fit(*mixtures())

    def test_not_finite(self):
        X, y = mixtures()
        X[2, 4] = np.nan
        with pytest.raises(ValueError, match=r"row 2 \(counted from 0\), channel 4"):
            UVESPA().fit(X, y)
