"""Diagnostics of PLS models against textbook deflation, and their identities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import load_gasoline
from tests.reference import diagnostics as reference

both_scales = pytest.mark.parametrize("scale", [True, False])
both_targets = pytest.mark.parametrize("n_targets", [1, 3])

METHODS = {
    "explained_variance_x": lambda pls, X, y: pls.explained_variance_x(X),
    "explained_variance_y": lambda pls, X, y: pls.explained_variance_y(X, y),
    "vip": lambda pls, X, y: pls.vip(),
    "selectivity_ratio": lambda pls, X, y: pls.selectivity_ratio(X),
    "hotelling_t2": lambda pls, X, y: pls.hotelling_t2(X),
    "hotelling_t2_limit": lambda pls, X, y: pls.hotelling_t2_limit(),
    "q_residuals": lambda pls, X, y: pls.q_residuals(X),
    "q_limit": lambda pls, X, y: pls.q_limit(X),
    "leverage": lambda pls, X, y: pls.leverage(X),
}
every_method = pytest.mark.parametrize("name", METHODS)


def regression(n=14, p=9, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 2.0, size=p) + 3.0
    Y = X @ rng.normal(size=(p, n_targets)) + rng.normal(size=(n, n_targets))
    return X, Y[:, 0] if n_targets == 1 else Y


def fit(X, y, n_components=3, scale=False):
    # The power method at its default tolerance would leave few digits to compare.
    return PLSRegression(n_components, scale=scale, tol=1e-25).fit(X, y)


class TestAgainstTheTextbook:
    @both_targets
    @both_scales
    @pytest.mark.parametrize("shape", [(14, 9), (8, 30)], ids=["n>p", "n<p"])
    def test_components_and_channels(self, shape, n_targets, scale):
        X, y = regression(*shape, n_targets)
        pls = fit(X, y, scale=scale)
        model = reference.fit(X, y.reshape(len(y), -1), 3, scale)
        assert_allclose(
            pls.explained_variance_x(X), reference.explained_variance(model["E"]), rtol=1e-8
        )
        assert_allclose(
            pls.explained_variance_y(X, y), reference.explained_variance(model["F"]), rtol=1e-8
        )
        assert_allclose(pls.vip(), reference.vip(model), rtol=1e-8)
        ratio = pls.selectivity_ratio(X)
        assert ratio.shape == (n_targets, X.shape[1])
        coefficients = pls.coef_ * (X.std(axis=0, ddof=1) if scale else 1.0)
        for row, b in zip(ratio, coefficients, strict=True):
            assert_allclose(row, reference.selectivity_ratio(model["E"][0], b), rtol=1e-8)

    @both_targets
    @both_scales
    def test_samples(self, n_targets, scale):
        X, y = regression(n_targets=n_targets)
        pls = fit(X, y, scale=scale)
        model = reference.fit(X, y.reshape(len(y), -1), 3, scale)
        training = np.array(model["T"]).T
        for spectra in (X, regression(5, seed=1)[0], X[:1]):
            scores, residuals = reference.score(spectra, model, X, scale)
            assert_allclose(
                pls.hotelling_t2(spectra), reference.hotelling_t2(scores, training), rtol=1e-8
            )
            assert_allclose(pls.leverage(spectra), reference.leverage(scores, training), rtol=1e-8)
            assert_allclose(pls.q_residuals(spectra), (residuals**2).sum(axis=1), rtol=1e-8)

    @both_scales
    def test_shares_of_other_samples(self, scale):
        X, y = regression()
        new_X, new_y = regression(6, seed=1)
        pls = fit(X, y, scale=scale)
        cumulative = pls.explained_variance_y(new_X, new_y).cumsum()
        error = ((pls.predict(new_X) - new_y) ** 2).sum()
        assert_allclose(cumulative[-1], 1 - error / ((new_y - y.mean()) ** 2).sum())
        model = reference.fit(X, y[:, None], 3, scale)
        centred, residuals = (reference.score(new_X, {**model, **none}, X, scale)[1]
                              for none in ({"W": [], "P": []}, {}))  # fmt: skip
        share = 1 - (residuals**2).sum() / (centred**2).sum()
        assert_allclose(pls.explained_variance_x(new_X).sum(), share)

    @pytest.mark.parametrize("alpha", [0.001, np.float32(0.05), 0.5])
    @pytest.mark.parametrize("n_components", [1, 4])
    def test_limits(self, alpha, n_components):
        X, y = regression()
        pls = fit(X, y, n_components)
        assert_allclose(
            pls.hotelling_t2_limit(alpha), reference.t2_limit(14, n_components, alpha), rtol=1e-8
        )
        assert_allclose(
            pls.q_limit(X, alpha), reference.q_limit(pls.q_residuals(X), alpha), rtol=1e-6
        )

    def test_published_quantile(self):
        """F(0.95; 2, 8) is 4.459 in the tables, so n = 10 and A = 2 give 2·99/80 of it."""
        X, y = regression(10)
        assert_allclose(fit(X, y, 2).hotelling_t2_limit(), 2 * 99 / 80 * 4.459, rtol=1e-4)


class TestIdentities:
    @settings(deadline=None, derandomize=True, max_examples=30)
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(5, 15),
        p=st.integers(3, 15),
        n_targets=st.integers(1, 3),
        scale=st.booleans(),
        unit=st.sampled_from([1e-6, 1.0, 1e6]),
    )
    def test_random_data(self, seed, n, p, n_targets, scale, unit):
        X, y = regression(n, p, n_targets, seed)
        pls = fit(X, y, 3, scale)
        scaled = fit(unit * X, unit * y, 3, scale)
        explained = pls.explained_variance_x(X), pls.explained_variance_y(X, y)
        for shares in explained:
            assert shares.shape == (3,)
            assert (shares > -1e-9).all()
            assert shares.sum() < 1 + 1e-9
        assert_allclose((pls.vip() ** 2).mean(), 1.0)
        assert_allclose(pls.leverage(X).sum(), 4.0)
        assert_allclose(pls.hotelling_t2(X).mean(), 3 * (n - 1) / n)
        centred = (X - X.mean(axis=0)) / (X.std(axis=0, ddof=1) if scale else 1.0)
        rest = (1 - explained[0].sum()) * (centred**2).sum()
        assert_allclose(pls.q_residuals(X).sum(), rest, atol=1e-9 * (centred**2).sum())
        assert_allclose(scaled.vip(), pls.vip(), rtol=1e-5)
        assert_allclose(scaled.hotelling_t2(unit * X), pls.hotelling_t2(X), rtol=1e-5)
        assert_allclose(scaled.explained_variance_x(unit * X), explained[0], atol=1e-6)

    def test_one_target_y_shares_are_r2(self):
        X, y = regression()
        pls = fit(X, y)
        shares = pls.explained_variance_y(X, y).cumsum()
        for a, share in enumerate(shares, start=1):
            assert_allclose(share, r2_score(y, fit(X, y, a).predict(X)))

    def test_one_component_vip_is_its_weight(self):
        X, y = regression()
        pls = fit(X, y, 1)
        assert_allclose(pls.vip(), 3.0 * np.abs(pls.x_weights_[:, 0]))  # √9 channels

    def test_limits_hold_what_they_promise(self):
        """About 5 % of new samples of the same population are beyond the limits."""
        rng = np.random.default_rng(3)
        loadings = rng.normal(size=(2, 20))

        def draw(n):
            scores = rng.normal(size=(n, 2))
            return scores @ loadings + 0.1 * rng.normal(size=(n, 20)), scores @ [1.0, 2.0]

        X, y = draw(200)
        pls = fit(X, y, 2)
        new, _ = draw(2000)
        assert 0.03 < np.mean(pls.hotelling_t2(new) > pls.hotelling_t2_limit()) < 0.07
        assert 0.03 < np.mean(pls.q_residuals(new) > pls.q_limit(X)) < 0.08

    def test_gasoline_outlier_is_found(self):
        X, octane = load_gasoline(return_X_y=True)
        new = np.arange(len(X)) % 4 == 0
        pls = fit(X[~new], octane[~new])
        limits = pls.hotelling_t2_limit(0.001), pls.q_limit(X[~new], 0.001)
        good = X[new]
        assert (pls.hotelling_t2(good) < limits[0]).mean() > 0.9
        assert (pls.q_residuals(good) < limits[1]).mean() > 0.5
        assert (pls.hotelling_t2(3 * good) > limits[0]).all()
        good[:, 200] += 0.5  # a spike
        assert (pls.q_residuals(good) > limits[1]).all()


class TestDegenerate:
    @both_scales
    def test_constant_channel(self, scale):
        X, y = regression()
        X[:, 4] = 0.1
        pls = fit(X, y, scale=scale)
        assert pls.vip()[4] == 0.0
        assert pls.selectivity_ratio(X)[0, 4] < 1e-20
        assert (np.delete(pls.selectivity_ratio(X), 4) > 0).all()

    def test_single_channel(self):
        X, y = regression(p=1)
        pls = fit(X, y, 1)
        assert_allclose(pls.vip(), [1.0])
        assert_allclose(pls.explained_variance_x(X), [1.0])
        assert pls.selectivity_ratio(X)[0, 0] == np.inf
        assert_allclose(pls.q_residuals(X), 0.0, atol=1e-20)
        assert pls.q_limit(X) < 1e-20

    def test_exact_fit_has_an_infinite_selectivity_ratio(self):
        X = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
        assert_array_equal(fit(X, X[:, 0], 1).selectivity_ratio(X), [[np.inf, 0.0]])

    @pytest.mark.filterwarnings("ignore:y residual is constant")
    def test_exhausted_components_count_as_nothing(self):
        X, y = regression(6, 6)
        longer, shorter = fit(X, y, 6), fit(X, y, 5)
        for name in ("hotelling_t2", "leverage"):
            assert_allclose(getattr(longer, name)(X), getattr(shorter, name)(X), rtol=1e-6)
        assert_allclose(longer.vip(), shorter.vip(), rtol=1e-6)
        assert_allclose(longer.explained_variance_x(X)[-1], 0.0, atol=1e-12)
        assert_allclose(longer.hotelling_t2_limit(), shorter.hotelling_t2_limit())

    @pytest.mark.filterwarnings("ignore:y residual is constant")
    def test_constant_y(self):
        X, _ = regression()
        pls = fit(X, np.full(len(X), 5.0))
        for zeros in (
            pls.explained_variance_x(X),
            pls.explained_variance_y(X, np.full(len(X), 5.0)),
            pls.vip(),
            pls.selectivity_ratio(X),
            pls.hotelling_t2(X),
            pls.hotelling_t2_limit(),
        ):
            assert not np.any(zeros)

    def test_equal_residuals_are_their_own_limit(self):
        X = np.array([[-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
        assert fit(X, X[:, 0], 1).q_limit(X) == 1.0


class TestBadInput:
    @every_method
    def test_before_fit(self, name):
        with pytest.raises(NotFittedError):
            METHODS[name](PLSRegression(), *regression())

    @pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, np.nan, "0.05", None])
    def test_alpha(self, alpha):
        X, y = regression()
        pls = fit(X, y)
        with pytest.raises(ValueError, match="`alpha` must be a number between 0 and 1; got"):
            pls.hotelling_t2_limit(alpha)
        with pytest.raises(ValueError, match="`alpha` must be a number between 0 and 1; got"):
            pls.q_limit(X, alpha)

    @pytest.mark.parametrize("name", [name for name in METHODS if name not in
                                      ("vip", "hotelling_t2_limit")])  # fmt: skip
    def test_spectra(self, name):
        X, y = regression()
        pls = fit(X, y)
        with pytest.raises(ValueError, match="9 features"):
            METHODS[name](pls, X[:, :5], y)
        X[3, 4] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            METHODS[name](pls, X, y)

    def test_targets(self):
        X, y = regression(n_targets=3)
        pls = fit(X, y)
        with pytest.raises(ValueError, match="3 targets seen in `fit`; got 2"):
            pls.explained_variance_y(X, y[:, :2])
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            pls.explained_variance_y(X, y[:5])

    def test_limit_from_one_sample(self):
        X, y = regression()
        with pytest.raises(ValueError, match="minimum of 2 is required"):
            fit(X, y).q_limit(X[:1])

    def test_as_many_components_as_samples(self):
        X, y = regression(4)
        pls = fit(X, y)
        pls.x_scores_ = pls.x_scores_[:3]
        with pytest.raises(ValueError, match="got 3 samples and 3 components"):
            pls.hotelling_t2_limit()

    @every_method
    def test_frames_integers_and_the_data_unchanged(self, name):
        X, y = regression()
        X = np.round(10 * X)
        pls = fit(X, y)
        before = X.copy()
        X.flags.writeable = False
        expected = METHODS[name](pls, X, y)
        assert_array_equal(X, before)
        assert_allclose(METHODS[name](pls, X.astype(int), y), expected, rtol=1e-12)
        frame = pd.DataFrame(X, columns=[f"{j} nm" for j in range(9)])
        named = PLSRegression(3, scale=False, tol=1e-25).set_output(transform="pandas")
        answer = METHODS[name](named.fit(frame, y), frame, pd.Series(y))
        assert isinstance(answer, np.ndarray | float)
        assert_allclose(answer, expected, rtol=1e-12)
