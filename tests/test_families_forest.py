"""Candidates of ensembles of trees against a fit for each candidate and fold, bit by bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from spectral_fast.model_selection.families._forest import ForestFamily
from tests.families import answers, classification, first_fold, generic, regression

FAMILY = ForestFamily()
REGRESSORS = [
    RandomForestRegressor(max_features=0.4, max_samples=8, random_state=3),
    ExtraTreesRegressor(random_state=np.int64(3)),
    GradientBoostingRegressor(subsample=0.7, max_features=5, random_state=3),
    HistGradientBoostingRegressor(
        early_stopping=False, max_features=0.5, min_samples_leaf=2, random_state=3
    ),
]
CLASSIFIERS = [
    RandomForestClassifier(class_weight="balanced_subsample", random_state=3),
    ExtraTreesClassifier(bootstrap=True, random_state=3),
    GradientBoostingClassifier(subsample=0.7, random_state=3),
    HistGradientBoostingClassifier(early_stopping=False, min_samples_leaf=2, random_state=3),
]

every_part = pytest.mark.parametrize(
    "part", [lambda matrix: matrix, first_fold], ids=["folds", "one fold"]
)


def count_of(estimator):
    """Return the name of the number of trees."""
    return "n_estimators" if "n_estimators" in estimator.get_params() else "max_iter"


def assert_equals_separate_fits(estimator, matrix):
    settings = [
        {count_of(estimator): count, "max_depth": depth}
        for depth in (2, None)
        for count in (3, 7, 1, 7)
    ]
    assert FAMILY.batches(estimator, settings) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    found = answers(FAMILY, estimator, settings, matrix)
    assert_array_equal(found, generic(estimator, settings, matrix))
    assert not np.array_equal(found[0], found[1])


def named(estimators):
    return pytest.mark.parametrize(
        "estimator", estimators, ids=lambda estimator: type(estimator).__name__
    )


@every_part
@named(REGRESSORS)
def test_regression(estimator, part):
    assert_equals_separate_fits(estimator, part(regression()))


@named(REGRESSORS[:2])
def test_several_targets(estimator):
    assert_equals_separate_fits(estimator, regression(n_targets=2))


@every_part
@named(CLASSIFIERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classification(estimator, n_classes, part):
    assert_equals_separate_fits(estimator, part(classification(n_classes)))


class Subclass(RandomForestRegressor):
    pass


def test_handles():
    assert all(FAMILY.handles(each) for each in REGRESSORS + CLASSIFIERS)
    assert not any(FAMILY.handles(each) for each in (Subclass(), AdaBoostRegressor()))


@pytest.mark.parametrize(
    ("estimator", "setting"),
    [
        (RandomForestRegressor(random_state=0), {"random_state": None}),
        (RandomForestRegressor(random_state=0), {"random_state": np.random.RandomState(0)}),
        (RandomForestRegressor(random_state=0), {"oob_score": True}),
        (ExtraTreesRegressor(random_state=0), {"warm_start": True}),
        (ExtraTreesRegressor(random_state=0), {"n_estimators": 0}),
        (ExtraTreesRegressor(random_state=0), {"n_estimators": 2.5}),
        (GradientBoostingRegressor(random_state=0), {"n_iter_no_change": 5}),
        (HistGradientBoostingRegressor(early_stopping=False, random_state=0),
         {"early_stopping": "auto"}),
    ],
)  # fmt: skip
def test_what_it_does_not_serve_is_in_no_batch(estimator, setting):
    assert FAMILY.batches(estimator, [{}, setting]) == [[0]]
