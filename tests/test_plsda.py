"""PLSDA against classifiers on scikit-learn's PLS scores."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from spectral_fast.cross_decomposition import PLSDA, PLSRegression
from spectral_fast.datasets import load_tecator
from spectral_fast.preprocessing import SNV
from tests.reference.plsda import plsda as reference

CLASSIFIERS = ("lda", "centroid", "logistic")
every_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS)
both_numbers = pytest.mark.parametrize("n_classes", [2, 3])
both_scales = pytest.mark.parametrize("scale", [True, False])


def classes(n_classes, n=30, p=8, seed=0, spread=1.5):
    """Classes of unequal size, some of which overlap."""
    rng = np.random.default_rng(seed)
    y = np.minimum(np.arange(n) % (n_classes + 1), n_classes - 1)
    X = 5 + rng.normal(size=(n, p)) + spread * rng.normal(size=(n_classes, p))[y]
    return X, np.array(["barley", "rye", "wheat"])[y]


class TestAgainstTheTwin:
    @every_classifier
    @both_numbers
    @both_scales
    def test_scores_and_probabilities(self, classifier, n_classes, scale):
        X, y = classes(n_classes)
        new, _ = classes(n_classes, seed=1)
        scores, probabilities = reference(X, y, new, 3, classifier, scale=scale)
        plsda = PLSDA(3, scale=scale, classifier=classifier).fit(X, y)
        assert_allclose(plsda.transform(new), scores, rtol=0, atol=1e-6 * np.abs(scores).max())
        atol = 2e-3 if classifier == "logistic" else 1e-6  # a solver that stops early
        assert_allclose(plsda.predict_proba(new), probabilities, rtol=0, atol=atol)
        assert_array_equal(plsda.predict(new), np.unique(y)[probabilities.argmax(axis=1)])

    def test_tecator(self):
        X, content = load_tecator(return_X_y=True)
        fat = np.where(content[:, 1] > 20, "fat", "lean")
        _, probabilities = reference(X[:150], fat[:150], X[150:], 6, "lda")
        plsda = PLSDA(6).fit(X[:150], fat[:150])
        assert_allclose(plsda.predict_proba(X[150:]), probabilities, atol=1e-7)
        assert plsda.score(X[150:], fat[150:]) > 0.95


class TestConsistency:
    @settings(deadline=None, derandomize=True, max_examples=30)
    @given(
        seed=st.integers(0, 2**31),
        n_classes=st.integers(2, 3),
        p=st.integers(2, 40),
        classifier=st.sampled_from(CLASSIFIERS),
        scale=st.booleans(),
        unit=st.sampled_from([1e-6, 1.0, 1e6]),
    )
    def test_random_data(self, seed, n_classes, p, classifier, scale, unit):
        X, y = classes(n_classes, 16, p, seed)
        plsda = PLSDA(2, scale=scale, classifier=classifier).fit(X, y)
        probabilities, decision = plsda.predict_proba(X), plsda.decision_function(X)
        assert_array_equal(plsda.classes_, np.unique(y))
        assert_allclose(probabilities.sum(axis=1), 1.0)
        if n_classes == 2:
            assert decision.shape == (16,)
            assert_array_equal(plsda.predict(X) == plsda.classes_[1], decision > 0)
            assert_array_equal(decision > 0, probabilities[:, 1] > 0.5)
        else:
            assert decision.shape == (16, 3)
            assert_array_equal(plsda.predict(X), plsda.classes_[probabilities.argmax(axis=1)])
            assert_array_equal(decision.argmax(axis=1), probabilities.argmax(axis=1))
        if n_classes == 2:  # with more the power method's stop depends on rounding
            other = PLSDA(2, scale=scale, classifier=classifier).fit(unit * X, y)
            assert_allclose(other.predict_proba(unit * X), probabilities, atol=1e-4)

    @every_classifier
    def test_labels_only_name_the_classes(self, classifier):
        X, y = classes(3)
        numbers = np.unique(y, return_inverse=True)[1] + 4
        named, numbered = (PLSDA(classifier=classifier).fit(X, each) for each in (y, numbers))
        assert_array_equal(named.predict_proba(X), numbered.predict_proba(X))
        assert_array_equal(
            numbered.predict(X), 4 + np.searchsorted(named.classes_, named.predict(X))
        )

    def test_two_classes_are_one_target(self):
        """Coding the second class as well changes nothing."""
        X, y = classes(2)
        coded = np.column_stack([y == "barley", y == "rye"]).astype(float)
        both = PLSRegression(3, scale=False).fit(X, coded)
        assert_allclose(np.abs(PLSDA(3).fit(X, y).transform(X)), np.abs(both.transform(X)))

    def test_diagnostics_of_the_regression(self):
        X, y = classes(3)
        plsda = PLSDA(3).fit(X, y)
        assert_allclose(plsda.pls_.leverage(X).sum(), 4.0)
        assert plsda.pls_.vip().shape == (8,)

    @pytest.mark.parametrize(
        ("classifier", "prior_counts"), [("lda", True), ("centroid", False), ("logistic", True)]
    )
    def test_priors(self, classifier, prior_counts):
        """Where shares are priors, a sample half way goes to the larger class."""
        rng = np.random.default_rng(5)
        y = np.repeat([0, 1], [180, 20])
        X = rng.normal(size=(200, 3))
        X[:, 0] += 3 * y
        plsda = PLSDA(1, classifier=classifier).fit(X, y)
        half_way = (X[y == 0].mean(axis=0) + X[y == 1].mean(axis=0)) / 2
        probability = plsda.predict_proba(half_way[None])[0, 1]
        assert (probability < 0.25) if prior_counts else (abs(probability - 0.5) < 1e-6)


class TestScikitLearn:
    def test_grid_search_in_a_pipeline(self):
        X, content = load_tecator(return_X_y=True)
        fat = np.where(content[:80, 1] > 20, "fat", "lean")
        grid = {"plsda__n_components": [1, 4], "plsda__classifier": ["lda", "centroid"]}
        search = GridSearchCV(make_pipeline(SNV(), PLSDA()), grid, cv=3).fit(X[:80], fat)
        assert search.best_params_["plsda__n_components"] == 4
        assert search.best_score_ > 0.9

    @every_classifier
    def test_frames(self, classifier):
        X, y = classes(3)
        frame = pd.DataFrame(X, columns=[f"{j} nm" for j in range(8)])
        plain = PLSDA(classifier=classifier).fit(X, y)
        with sklearn.config_context(transform_output="pandas"):
            plsda = PLSDA(classifier=classifier).fit(frame, pd.Series(y))
            scores = plsda.transform(frame)
            assert list(scores.columns) == ["plsda0", "plsda1"]
            probabilities = plsda.predict_proba(frame)
        assert_allclose(scores, plain.transform(X))
        assert_allclose(probabilities, plain.predict_proba(X), atol=1e-7)

    def test_data_stay_as_they_are(self):
        X, y = classes(3)
        before = X.copy()
        X.flags.writeable = False
        PLSDA().fit(X, y).predict_proba(X)
        assert_array_equal(X, before)


class TestBadInput:
    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "decision_function", "transform"]
    )
    def test_before_fit(self, method):
        with pytest.raises(NotFittedError):
            getattr(PLSDA(), method)(classes(2)[0])

    @pytest.mark.parametrize(
        "parameters", [{"n_components": 0}, {"scale": "yes"}, {"classifier": "svm"}], ids=str
    )
    def test_parameters(self, parameters):
        with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
            PLSDA(**parameters).fit(*classes(2))

    def test_one_class(self):
        X, y = classes(2)
        with pytest.raises(ValueError, match=r"at least two classes; got one class: .*barley"):
            PLSDA().fit(X[y == "barley"], y[y == "barley"])

    def test_more_components_than_channels(self):
        X, y = classes(2)
        with pytest.raises(
            ValueError, match=r"`n_components` must be from 1 to .*=8; got 9\. Use 8 or fewer\."
        ):
            PLSDA(9).fit(X, y)

    def test_continuous_y(self):
        X, _ = classes(2)
        with pytest.raises(ValueError, match="Unknown label type: continuous"):
            PLSDA().fit(X, X[:, 0])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, value):
        X, y = classes(2)
        X[2, 3] = value
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            PLSDA().fit(X, y)
