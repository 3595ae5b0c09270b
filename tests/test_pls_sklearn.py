"""scikit-learn's own tests of partial least squares, run against our PLSRegression.

The source of scikit-learn's test module is executed with our class in the place of its
own, and what it defines is collected here.
"""

import importlib.util
import inspect
from unittest import mock

import pytest
import sklearn.cross_decomposition

from spectral_fast.cross_decomposition import PLSRegression

SOURCE = "sklearn.cross_decomposition.tests.test_pls"

#: Names of tests that fail by intention, with the reason.
EXPECTED_FAILURES: dict[str, str] = {}


def load(replacement):
    """Return scikit-learn's test module as if `replacement` were its PLSRegression."""
    spec = importlib.util.find_spec(SOURCE)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sklearn.cross_decomposition, "PLSRegression", replacement):
        spec.loader.exec_module(module)
    for name, test in vars(module).items():
        if name.startswith("test_"):
            test.pytestmark = [with_list(mark) for mark in getattr(test, "pytestmark", [])]
    return module


def with_list(mark):
    """Return a parametrisation with a list for its values: pytest deprecates generators."""
    if mark.name != "parametrize":
        return mark
    names, values = mark.args
    return pytest.mark.parametrize(names, list(values), **mark.kwargs).mark


def parameters(test):
    """Return all values with which a test is parametrised."""
    marks = getattr(test, "pytestmark", [])
    return [value for mark in marks if mark.name == "parametrize" for value in mark.args[1]]


def using(module, estimator):
    """Return the tests that use `estimator`, by name or as a parameter."""
    return {
        name: test
        for name, test in vars(module).items()
        if name.startswith("test_")
        and (
            any(value is estimator for value in parameters(test))
            or "PLSRegression" in test.__code__.co_names
        )
    }


upstream = load(PLSRegression)
TESTS = using(upstream, PLSRegression)
for _name, _test in TESTS.items():
    if _name in EXPECTED_FAILURES:
        _test = pytest.mark.xfail(reason=EXPECTED_FAILURES[_name], strict=True)(_test)
    globals()[_name] = _test


@pytest.fixture
def global_random_seed():
    """scikit-learn's fixture of this name, with its default."""
    return 42


def test_our_class_is_the_one_that_runs():
    original = sklearn.cross_decomposition.PLSRegression
    assert original is not PLSRegression
    assert upstream.PLSRegression is PLSRegression
    for name, value in vars(upstream).items():
        assert value is not original, name
        assert not any(parameter is original for parameter in parameters(value)), name
    assert sum(any(p is PLSRegression for p in parameters(t)) for t in TESTS.values()) >= 8
    assert len(TESTS) >= 16
    assert set(EXPECTED_FAILURES) <= set(TESTS)


def test_a_class_that_is_wrong_fails():
    class Wrong(PLSRegression):
        def fit(self, X, y):
            super().fit(X, y)
            self.coef_ = self.coef_ + 1.0
            self.x_weights_ = self.x_weights_ + 1.0
            return self

    tests = using(load(Wrong), Wrong)
    assert set(tests) == set(TESTS)
    for name in ("test_sanity_check_pls_regression", "test_pls_regression_scaling_coef"):
        with pytest.raises(AssertionError):
            tests[name]()


def test_nothing_of_the_replacement_is_left_behind():
    fresh = importlib.import_module(SOURCE)
    assert fresh.PLSRegression is sklearn.cross_decomposition.PLSRegression
    assert inspect.getsourcefile(fresh) == upstream.__file__
