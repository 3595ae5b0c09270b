"""Trees of random forests against a twin, and bit by bit against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from spectral_fast import kernels
from spectral_fast.kernels import _jit
from tests.families import same_order
from tests.reference import forest as reference
from tests.spectra import measured, mixtures

PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)
OPTIONS = [
    {},
    {"bootstrap": False, "max_features": 2},
    {"max_features": 3, "max_depth": 2},
    {"min_samples_leaf": 3},
    {"min_samples_split": 6, "min_samples_leaf": 2},
    {"min_impurity_decrease": 0.11},
]


def spectra_of(kind, n=18, p=9):
    """Return spectra: as they are, with equal values, nearly equal ones or constant channels."""
    X = mixtures(n=n, p=p)[0]
    if kind == "tied":
        return np.round(X, 1)
    if kind == "near":
        return np.round(X, 1) + 3e-8 * np.arange(n)[:, np.newaxis]
    if kind == "constant":
        X[:, ::3] = 2.0
    return X


def whole_numbers(n, n_classes):
    """Return targets whose sums are exact, so that a twin's order of summation does not matter."""
    y = np.random.default_rng(1).integers(-20, 20, n)
    return np.argsort(np.argsort(y)) * n_classes // n if n_classes else y


def assert_same_trees(found, expected):
    predictions, importances, n_nodes = expected
    assert_array_equal(found.n_nodes, n_nodes)
    assert_allclose(found.predictions, predictions, rtol=1e-12, atol=1e-12)
    assert_allclose(found.importances, importances, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("kind", ["distinct", "tied", "near", "constant"])
def test_equals_twin(kind, n_classes, options):
    X, X_new = np.split(spectra_of(kind), [14])
    args = X, whole_numbers(14, n_classes), X_new, 4, 7
    found = kernels.forest_trees(*args, n_classes=n_classes, **options)
    assert_same_trees(found, reference.forest_trees(*args, n_classes=n_classes, **options))
    assert found.predictions.shape == (4, 4, max(n_classes, 1))


@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize(("n", "p"), [(1, 3), (2, 1), (3, 8), (40, 2), (25, 25)])
def test_shapes(n, p, n_classes):
    X = spectra_of("distinct", max(n, 2), p)[:n]
    args = X, whole_numbers(n, n_classes), X[:1], 3, 0
    found = kernels.forest_trees(*args, n_classes=n_classes)
    assert_same_trees(found, reference.forest_trees(*args, n_classes=n_classes))


def assert_equals_sklearn(X, y, X_new, **params):
    """Compare all bits of what the trees predict and of a forest's importances."""
    classes = np.unique(y) if y.dtype.kind == "i" else None
    kind = RandomForestRegressor if classes is None else RandomForestClassifier
    forest = kind(5, random_state=3, **({"max_features": None} | params)).fit(X, y)
    found = kernels.forest_trees(
        X, y, X_new, 5, 3, n_classes=0 if classes is None else len(classes), **params
    )
    expected = [tree.tree_.predict(np.float32(X_new)) for tree in forest.estimators_]
    assert_array_equal(found.predictions, np.reshape(expected, found.predictions.shape))
    assert_array_equal(found.n_nodes, [tree.tree_.node_count for tree in forest.estimators_])
    assert_array_equal(
        found.importances,
        [tree.tree_.compute_feature_importances(normalize=False) for tree in forest.estimators_],
    )


@same_order
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("digits", [9, 2])
@pytest.mark.parametrize("name", ["gasoline", "tecator"])
def test_equals_sklearn(name, digits, n_classes, options):
    X, y = measured(name)
    X, X_new = np.split(np.round(X[:60], digits), [45])
    y = y[:45]
    if n_classes:
        y = np.argsort(np.argsort(y)) * n_classes // 45
    assert_equals_sklearn(X, y, X_new, **options)


@same_order
@pytest.mark.parametrize("n_classes", [0, 3])
@pytest.mark.parametrize("digits", [9, 1])
@pytest.mark.parametrize("min_samples_leaf", [1, 40])
def test_equals_sklearn_with_many_samples(digits, n_classes, min_samples_leaf):
    """Nodes that are sorted by ranks, by parts and by insertion; sums from either end."""
    X, y = mixtures(n=400, p=12)
    X, X_new = np.split(np.round(X, digits), [350])
    y = y[:350]
    if n_classes:
        y = np.argsort(np.argsort(y)) * n_classes // 350
    assert_equals_sklearn(X, y, X_new, min_samples_leaf=min_samples_leaf)


@same_order
@pytest.mark.parametrize("scale", [1e-160, 1e-8, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_equals_sklearn_at_any_scale(scale, shift):
    """What counts as no impurity is absolute."""
    X, y = mixtures(n=40, p=8)
    assert_equals_sklearn(X, scale * (y + shift), X + 0.1)


@same_order
@pytest.mark.parametrize("decrease", [0.0, 1e-17, 1e-15])
def test_equals_sklearn_where_splits_gain_nothing(decrease):
    X = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 3, axis=0)
    y = np.repeat([0.0, 1.0, 1.0, 0.0], 3)
    assert_equals_sklearn(X, y, X, bootstrap=False, min_impurity_decrease=decrease)


@same_order
def test_equals_sklearn_where_it_sorts_by_heap():
    """Values that rise and fall make parts of a sort so uneven that it is given up."""
    pipe = np.r_[0:100, 99:-1:-1]
    X = np.column_stack([pipe, np.random.default_rng(0).permutation(pipe), pipe[::-1]])
    y = np.random.default_rng(1).normal(size=200)
    assert_equals_sklearn(X, y, X[::7] + 0.5, bootstrap=False)


@same_order
@PROPERTY
@given(
    n=st.integers(1, 90),
    p=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    digits=st.integers(0, 8),
    n_classes=st.sampled_from([0, 2, 4]),
    bootstrap=st.booleans(),
    leaf=st.integers(1, 5),
)
def test_equals_sklearn_property(n, p, seed, digits, n_classes, bootstrap, leaf):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, p)).cumsum(axis=1), digits)
    y = rng.permutation(np.arange(n) % n_classes) if n_classes else rng.normal(size=n)
    options = {"min_samples_leaf": leaf, "max_features": 1 + seed % p, "bootstrap": bootstrap}
    assert_equals_sklearn(X, y, X + 0.1, **options)


def test_single_precision_and_memory_layout():
    X, y = mixtures(n=30, p=20)
    single = X.astype(np.float32)
    expected = kernels.forest_trees(X, y, X, 3, 0)
    single.flags.writeable = False
    for other in (single, np.asfortranarray(single), single.astype(np.float64)):
        found = kernels.forest_trees(other, y, other, 3, 0)
        for one, two in zip(found, expected, strict=True):
            assert_array_equal(one, two)


def test_first_trees_are_those_of_a_smaller_forest():
    X, y = mixtures(n=20, p=8)
    few, many = (kernels.forest_trees(X, y, X, count, 0) for count in (3, 7))
    for one, other in zip(few, many, strict=True):
        assert_array_equal(one, other[:3])


def test_serial_and_parallel_are_equal(monkeypatch):
    monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
    X, y = mixtures(n=60, p=30)
    expected = kernels.forest_trees(X, y, X, 7, 0)
    for n_threads in (1, 2):
        with kernels.thread_limit(n_threads):
            found = kernels.forest_trees(X, y, X, 7, 0)
        for one, other in zip(found, expected, strict=True):
            assert_array_equal(one, other)
