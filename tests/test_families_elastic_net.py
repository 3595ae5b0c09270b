"""Candidates of lasso and elastic net against a fit for each candidate and fold."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, MultiTaskLasso
from sklearn.model_selection import ParameterGrid

from spectral_fast.model_selection.families._base import Family
from spectral_fast.model_selection.families._elastic_net import ElasticNetFamily
from tests.families import answers, first_fold, generic, regression

FAMILY = ElasticNetFamily()
GRIDS = [
    (ElasticNet(), {"alpha": [1.0, 0.01], "l1_ratio": [0.2, 0.9], "max_iter": [7, 30]}),
    (Lasso(max_iter=15), {"alpha": [1.0, 0.05, 1e-3], "fit_intercept": [True, False]}),
    (Lasso(alpha=0.1, max_iter=15, copy_X=False), {"positive": [True, False], "tol": [0.1, 1e-9]}),
]

every_grid = pytest.mark.parametrize(("estimator", "grid"), GRIDS)


def caught(function, *args):
    """Return what a function returns, and what it warns of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        returned = function(*args)
    return returned, [each.category for each in found]


@every_grid
@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("part", [lambda matrix: matrix, first_fold], ids=["folds", "one fold"])
def test_equals_separate_fits(estimator, grid, n_targets, part):
    matrix, settings = part(regression(n_targets)), list(ParameterGrid(grid))
    found, warned = caught(answers, FAMILY, estimator, settings, matrix)
    expected, warned_of = caught(generic, estimator, settings, matrix)
    assert warned == warned_of
    assert set(warned) == {ConvergenceWarning}
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_more_folds_than_coefficients_are_held_for():
    matrix, settings = regression(n_splits=18, n=18), [{"alpha": 0.3}, {"alpha": 2.0}]
    for one, other in zip(
        answers(FAMILY, Lasso(), settings, matrix),
        generic(Lasso(), settings, matrix),
        strict=True,
    ):
        assert_allclose(one, other, rtol=1e-9)


def test_single_precision_is_promoted():
    matrix = regression()
    matrix.X = matrix.X.astype(np.float32)
    found = answers(FAMILY, Lasso(), [{"alpha": 0.5}], matrix)
    assert_allclose(found, generic(Lasso(), [{"alpha": 0.5}], matrix), rtol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_importances(n_targets):
    matrix, settings = regression(n_targets), [{"alpha": 0.5}, {"alpha": 0.1}]
    found = FAMILY.importances(ElasticNet(), settings, matrix.X, matrix.y)
    expected = Family.importances(FAMILY, ElasticNet(), settings, matrix.X, matrix.y)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-9, atol=1e-12)


class Subclass(Lasso):
    pass


def test_handles_lasso_and_elastic_net_alone():
    assert FAMILY.handles(Lasso())
    assert FAMILY.handles(ElasticNet())
    assert not FAMILY.handles(Subclass())
    assert not FAMILY.handles(MultiTaskLasso())


@pytest.mark.parametrize(
    "setting",
    [
        {"alpha": 0.0},
        {"alpha": -1.0},
        {"alpha": np.inf},
        {"alpha": "1"},
        {"l1_ratio": 0.0},
        {"l1_ratio": 1.1},
        {"max_iter": 0},
        {"max_iter": None},
        {"tol": -1e-4},
        {"selection": "random"},
        {"precompute": True},
        {"positive": "yes"},
    ],
)
def test_what_it_does_not_serve_is_in_no_batch(setting):
    assert FAMILY.batches(ElasticNet(), [{"alpha": 0.1}, setting, {"alpha": 0.2}]) == [[0, 2]]


def test_an_estimator_that_it_does_not_serve_has_no_batch():
    assert FAMILY.batches(Lasso(selection="random"), [{"alpha": 0.1}]) == []
