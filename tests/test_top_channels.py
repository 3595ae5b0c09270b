"""TopChannels and ForClasses: as many channels as one asks for, and for classes."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import label_binarize

from spectral_fast.datasets import load_gasoline
from spectral_fast.feature_selection import (
    SPA,
    UVE,
    VIP,
    CoefficientMagnitude,
    ForClasses,
    TopChannels,
)
from tests.reference import importance as reference


@pytest.fixture(scope="module")
def gasoline():
    X, y = load_gasoline(return_X_y=True)
    return X[:, ::8], y


@pytest.mark.parametrize("count", [1, 7, 51])
def test_equals_twin(gasoline, count):
    X, y = gasoline
    importances, _ = reference.vip(X, y[:, np.newaxis], 3)
    top = TopChannels(VIP(n_components=3), count).fit(X, y)
    assert_array_equal(top.get_support(indices=True), reference.top_channels(importances, count))
    assert top.n_features_ == count


def test_what_the_selector_would_choose_gives_no_warning(gasoline):
    assert TopChannels(VIP(threshold=1e9), 5).fit(*gasoline).n_features_ == 5


def test_default_is_vip(gasoline):
    expected = TopChannels(VIP(), 5).fit(*gasoline).support_
    assert_array_equal(TopChannels(n_features_to_select=5).fit(*gasoline).support_, expected)


def test_any_selector(gasoline):
    X, y = gasoline
    spa = SPA((2, 6), starts=[0, 10, 20])
    chosen = np.sort(spa.fit(X, y).subset(4))
    assert_array_equal(TopChannels(spa, 4).fit(X, y).get_support(indices=True), chosen)
    assert TopChannels(UVE(n_components=3, cv=5), 9).fit_transform(X, y).shape == (60, 9)


def test_the_given_selector_stays_unfitted(gasoline):
    selector = VIP()
    TopChannels(selector, 3).fit(*gasoline)
    assert not hasattr(selector, "scores_")


@pytest.mark.parametrize("count", [0, 52])
def test_bad_counts(gasoline, count):
    with pytest.raises(ValueError, match="n_features_to_select"):
        TopChannels(VIP(), count).fit(*gasoline)


@pytest.mark.parametrize("limits", [[87], [86.5, 88]])
def test_classes_are_coded_as_targets(gasoline, limits):
    X, y = gasoline
    classes = np.array(["low", "medium", "high"])[np.digitize(y, limits)]
    expected = VIP(n_components=3).fit(X, reference.for_classes(classes))
    found = ForClasses(VIP(n_components=3)).fit(X, classes)
    assert_array_equal(found.support_, expected.support_)
    assert_array_equal(found.subset(5), expected.subset(5))
    assert found.classes_.tolist() == sorted(set(classes))


def test_one_class_is_refused(gasoline):
    X, y = gasoline
    with pytest.raises(ValueError, match="two classes or more; got one class, 'a'"):
        ForClasses().fit(X, ["a"] * len(y))


@pytest.mark.parametrize("n_features", [3, 4, 6])
def test_subset_is_that_of_the_selector(gasoline, n_features):
    X, y = gasoline
    top = TopChannels(SPA((2, 6), starts=[0, 10, 20]), 4).fit(X, y)
    assert_array_equal(top.subset(n_features), top.selector_.subset(n_features))
    assert set(top.subset(4)) == set(top.get_support(indices=True))


@pytest.mark.parametrize("selector", [TopChannels(), ForClasses()], ids=lambda s: type(s).__name__)
def test_subset_needs_fit(selector):
    with pytest.raises(NotFittedError):
        selector.subset(2)


@pytest.mark.parametrize("meta", [TopChannels, ForClasses])
def test_weights_reach_the_selector(gasoline, meta):
    X, y = gasoline
    y = (y > 87).astype(float)
    weights = np.linspace(0.1, 2.0, 60)
    found = meta(CoefficientMagnitude(3)).fit(X, y, sample_weight=weights)
    expected = CoefficientMagnitude(3).fit(X, y, sample_weight=weights)
    assert_array_equal(found.scores_, expected.scores_)
    assert (found.scores_ != CoefficientMagnitude(3).fit(X, y).scores_).all()


@pytest.mark.parametrize("meta", [TopChannels, ForClasses])
def test_weights_that_the_selector_does_not_take(gasoline, meta):
    X, y = gasoline
    with pytest.raises(ValueError, match=r"`sample_weight` needs a selector .* that of VIP"):
        meta(VIP(3)).fit(X, y > 87, sample_weight=np.ones(60))


@pytest.mark.parametrize("meta", [TopChannels, ForClasses])
def test_groups_reach_the_selector(gasoline, meta):
    X, y = gasoline
    y = y > 87 if meta is ForClasses else y
    groups = np.arange(60) // 3
    selector = SPA((2, 10), starts=[0, 10, 20], cv=GroupKFold(4))
    found = meta(selector).fit(X, y, groups=groups).selector_
    targets = label_binarize(y, classes=[False, True])[:, 0] if meta is ForClasses else y
    assert_array_equal(found.rmsecv_, selector.fit(X, targets, groups=groups).rmsecv_)
