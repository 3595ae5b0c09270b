"""Candidates of support vectors and kernel ridge against a fit for each candidate and fold."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC, SVR, LinearSVR

from spectral_fast import kernels
from spectral_fast.model_selection.families import _kernel_methods
from spectral_fast.model_selection.families._base import Matrix
from spectral_fast.model_selection.families._kernel_methods import KernelFamily
from tests.families import answers, classification, first_fold, generic, regression

FAMILY = KernelFamily()
SUPPORT_VECTORS = {"C": [0.1, 10.0], "gamma": ["scale", "auto", 0.5], "kernel": ["rbf", "linear"]}

every_part = pytest.mark.parametrize(
    "part", [lambda matrix: matrix, first_fold], ids=["folds", "one fold"]
)


def assert_equals_separate_fits(estimator, grid, matrix, atol=1e-8):
    settings = list(ParameterGrid(grid))
    found = answers(FAMILY, estimator, settings, matrix)
    expected = generic(estimator, settings, matrix)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=0, atol=atol)


@every_part
def test_support_vector_regression(part):
    assert_equals_separate_fits(SVR(), SUPPORT_VECTORS, part(regression()))


@every_part
@pytest.mark.parametrize("n_classes", [2, 3])
def test_support_vector_classification(part, n_classes):
    matrix = part(classification(n_classes))
    assert_equals_separate_fits(SVC(class_weight="balanced"), SUPPORT_VECTORS, matrix)


@every_part
@pytest.mark.parametrize("n_targets", [1, 2])
def test_kernel_ridge(part, n_targets):
    grid = {"alpha": [1e-3, 1.0], "kernel": ["rbf", "linear"], "gamma": [None, 0.5]}
    assert_equals_separate_fits(KernelRidge(), grid, part(regression(n_targets)))


def test_close_spectra_far_from_zero():
    """Distances are of centred spectra: those of the raw ones would lose their digits."""
    matrix = regression()
    near = Matrix(1e3 + 1e-4 * matrix.X, matrix.y, matrix.splits)
    found = answers(FAMILY, SVR(C=10.0), [{}], near)
    assert_allclose(found, answers(FAMILY, SVR(C=10.0), [{}], matrix), atol=1e-5)


def test_constant_spectra():
    matrix = Matrix(np.ones((9, 4)), np.arange(9.0), regression(n=9).splits)
    assert_equals_separate_fits(SVR(), {"kernel": ["rbf", "linear"]}, matrix)


def test_many_samples_need_no_matrix_of_all_pairs(monkeypatch):
    monkeypatch.setattr(_kernel_methods, "_MOST_SAMPLES", 15)
    matrix = regression()
    expected = generic(SVR(), [{"C": 2.0}], matrix)
    assert_array_equal(answers(FAMILY, SVR(), [{"C": 2.0}], matrix), expected)
    assert "gram" not in vars(matrix)


class Subclass(SVR):
    pass


def test_products_of_all_spectra_are_computed_once(monkeypatch):
    calls = []
    gram = kernels.gram
    monkeypatch.setattr(kernels, "gram", lambda X: calls.append(len(X)) or gram(X))
    answers(FAMILY, SVR(kernel="linear"), [{"C": 1.0}, {"C": 2.0}], regression())
    assert calls == [16]


def test_handles():
    assert all(FAMILY.handles(each) for each in (SVR(), SVC(), KernelRidge()))
    assert not any(FAMILY.handles(each) for each in (Subclass(), LinearSVR()))


@pytest.mark.parametrize(
    ("estimator", "setting"),
    [
        (SVR(), {"kernel": "poly"}),
        (SVR(), {"kernel": np.dot}),
        (SVR(), {"gamma": "other"}),
        (SVC(), {"probability": True}),
        (KernelRidge(), {"kernel": "laplacian"}),
    ],
)
def test_what_it_does_not_serve_is_in_no_batch(estimator, setting):
    assert FAMILY.batches(estimator, [{}, setting]) == [[0]]


def test_invalid_parameters_are_refused_by_the_estimator():
    with pytest.raises(ValueError, match="'C' parameter"):
        answers(FAMILY, SVR(), [{"C": -1.0}], regression())
