"""Candidates of ensembles of trees against a fit for each candidate and fold, bit by bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
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

from spectral_fast import kernels
from spectral_fast.model_selection.families import Matrix, _random_forest
from spectral_fast.model_selection.families._forest import ForestFamily
from tests.families import (
    answers,
    classification,
    first_fold,
    generic,
    regression,
    same_order,
)
from tests.spectra import mixtures

FAMILY = ForestFamily()
REGRESSORS = [
    RandomForestRegressor(random_state=3),
    RandomForestRegressor(max_features=0.4, max_samples=8, random_state=3),
    ExtraTreesRegressor(random_state=np.int64(3)),
    GradientBoostingRegressor(subsample=0.7, max_features=5, random_state=3),
    HistGradientBoostingRegressor(
        early_stopping=False, max_features=0.5, min_samples_leaf=2, random_state=3
    ),
]
CLASSIFIERS = [
    RandomForestClassifier(random_state=3),
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


@named(REGRESSORS[:3])
def test_several_targets(estimator):
    assert_equals_separate_fits(estimator, regression(n_targets=2))


@every_part
@named(CLASSIFIERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classification(estimator, n_classes, part):
    assert_equals_separate_fits(estimator, part(classification(n_classes)))


@pytest.mark.parametrize("estimator", [*REGRESSORS[:4], *CLASSIFIERS[:3]], ids=str)
def test_importances(estimator):
    matrix = classification() if is_classifier(estimator) else regression()
    settings = [{count_of(estimator): count, "max_depth": 3} for count in (3, 7, 1)]
    found = FAMILY.importances(estimator, settings, matrix.X, matrix.y)
    expected = [
        clone(estimator).set_params(**setting).fit(matrix.X, matrix.y).feature_importances_
        for setting in settings
    ]
    assert_array_equal(found, expected)


def test_importances_where_splits_gain_nothing():
    X = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 3, axis=0)
    y = np.repeat([0.0, 1.0, 1.0, 0.0], 3)
    forest = RandomForestRegressor(1, bootstrap=False, max_depth=1, random_state=0)
    with np.errstate(invalid="ignore"):
        assert_array_equal(FAMILY.importances(forest, [{}], X, y), [[np.nan, np.nan]])
        assert_array_equal(forest.fit(X, y).feature_importances_, [np.nan, np.nan])


def test_importances_of_trees_without_a_split():
    X, y = np.ones((6, 4)), np.arange(6.0)
    [found] = FAMILY.importances(RandomForestRegressor(random_state=0), [{"n_estimators": 2}], X, y)
    assert_array_equal(found, np.zeros(4))


#: What the kernel grows: every parameter that it knows.
GROWN = [
    {},
    {"max_features": "sqrt"},
    {"max_features": "log2", "bootstrap": False},
    {"max_features": None, "max_depth": 2},
    {"max_features": 0.3, "min_samples_leaf": 0.1},
    {"max_features": np.int64(4), "min_samples_split": 0.4},
    {"max_features": 40, "min_samples_split": 5, "min_samples_leaf": 2},
    {"min_impurity_decrease": 0.05},
]


@same_order
@pytest.mark.parametrize("params", GROWN, ids=str)
@pytest.mark.parametrize("kind", [RandomForestRegressor, RandomForestClassifier])
def test_kernel_grows_the_forest(kind, params, monkeypatch):
    matrix = classification() if kind is RandomForestClassifier else regression()
    estimator = kind(random_state=5, **params)
    settings = [{"n_estimators": 4}, {"n_estimators": 2}]
    expected = generic(estimator, settings, matrix)
    monkeypatch.setattr(kind, "fit", None)
    assert_array_equal(FAMILY.predict(estimator, settings, matrix), expected)


@same_order
def test_installed_scikit_learn_is_alike():
    assert _random_forest.is_alike()


def test_another_scikit_learn_fits_its_forests(monkeypatch, caplog):
    def otherwise(*args, **kwargs):
        trees = kernels.forest_trees(*args, **kwargs)
        return trees._replace(importances=trees.importances * (1.0 + 1e-15))

    matrix, settings = regression(), [{"n_estimators": 3}]
    estimator = RandomForestRegressor(random_state=0)
    monkeypatch.setattr(_random_forest, "forest_trees", otherwise)
    _random_forest.is_alike.cache_clear()
    try:
        with caplog.at_level("INFO", logger=_random_forest.__name__):
            found = FAMILY.predict(estimator, settings, matrix)
    finally:
        _random_forest.is_alike.cache_clear()
    assert "fitted by scikit-learn" in caplog.text
    assert_array_equal(found, generic(estimator, settings, matrix))


@pytest.mark.parametrize(("n", "p"), [(2, 1), (3, 5), (9, 1)])
def test_few_samples_or_channels(n, p):
    X, y = mixtures(n=n + 1, p=p)
    matrix = Matrix(X, y, [(np.arange(n), np.array([n]))])
    estimator, settings = RandomForestRegressor(random_state=0), [{"n_estimators": 3}]
    found = FAMILY.predict(estimator, settings, matrix)
    assert_array_equal(found, generic(estimator, settings, matrix))


def test_no_channel():
    matrix = regression()
    matrix = Matrix(matrix.X[:, :0], matrix.y, matrix.splits)
    with pytest.raises(ValueError, match="0 feature"):
        FAMILY.predict(RandomForestRegressor(random_state=0), [{"n_estimators": 2}], matrix)


def test_class_that_a_fold_lacks():
    matrix = classification()
    train, test = matrix.splits[0]
    matrix.splits = [(train[matrix.y[train] != 1], test)]
    estimator, settings = RandomForestClassifier(random_state=0), [{"n_estimators": 3}]
    found = FAMILY.predict(estimator, settings, matrix)
    assert_array_equal(found, generic(estimator, settings, matrix))
    assert not found[0][:, 2].any()


def test_rounds_to_single_precision():
    matrix = regression()
    rounded = Matrix(matrix.X.astype(np.float32), matrix.y, matrix.splits)
    estimator, settings = RandomForestRegressor(random_state=0), [{"n_estimators": 3}]
    expected = FAMILY.predict(estimator, settings, matrix)
    assert_array_equal(FAMILY.predict(estimator, settings, rounded), expected)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (RandomForestRegressor, {"criterion": "absolute_error"}),
        (RandomForestRegressor, {"max_leaf_nodes": 3}),
        (RandomForestRegressor, {"ccp_alpha": 0.5}),
        (RandomForestRegressor, {"min_weight_fraction_leaf": 0.2}),
        (RandomForestRegressor, {"monotonic_cst": [1] * 13}),
        (RandomForestRegressor, {"monotonic_cst": np.ones(13, dtype=int)}),
        (RandomForestClassifier, {"criterion": "entropy"}),
        (RandomForestClassifier, {"class_weight": "balanced"}),
    ],
)
def test_other_forests_are_scikit_learns(kind, params, monkeypatch):
    matrix = classification(2) if kind is RandomForestClassifier else regression()
    estimator, settings = kind(random_state=0, **params), [{"n_estimators": 3}]
    monkeypatch.setattr(_random_forest, "forest_trees", None)
    expected = generic(estimator, settings, matrix)
    assert_array_equal(FAMILY.predict(estimator, settings, matrix), expected)


def test_missing_values_are_scikit_learns():
    matrix = regression()
    X = matrix.X.copy()
    X[::5, 2] = np.nan
    matrix = Matrix(X, matrix.y, matrix.splits)
    estimator, settings = RandomForestRegressor(random_state=0), [{"n_estimators": 3}]
    found = FAMILY.predict(estimator, settings, matrix)
    assert_array_equal(found, generic(estimator, settings, matrix))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_features": 0}, "max_features"),
        ({"min_samples_split": 1}, "min_samples_split"),
        ({"max_depth": 0}, "max_depth"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        FAMILY.predict(
            RandomForestRegressor(random_state=0, **params), [{"n_estimators": 2}], regression()
        )


def test_too_large_for_single_precision():
    matrix = regression()
    matrix.X[0, 0] = 1e300
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="too large"):
        FAMILY.predict(RandomForestRegressor(random_state=0), [{"n_estimators": 2}], matrix)


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
