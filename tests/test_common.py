"""What holds for every estimator of the registry: scikit-learn's conventions, and its parts."""

import importlib
import inspect
import pickle
import pkgutil
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.estimator_checks import estimator_checks_generator

import spectral_fast
from spectral_fast import kernels
from spectral_fast._registry import KERNELS, METHODS, Method
from spectral_fast.feature_selection import CoefficientMagnitude

ROOT = Path(__file__).parents[1]

#: Constructor arguments that suit the checks' data: few samples, sometimes a single channel.
ARGUMENTS = {
    "BoostedClassifier": {"n_estimators": 30},
    "BoostedRegressor": {"n_estimators": 30},
    "MCUVE": {"n_resamples": 10, "n_features_to_select": 1},
    "CovSel": {"n_features_to_select": 1},
    "SavitzkyGolay": {"window_length": 1, "polyorder": 0},
    "SelectivityRatio": {"threshold": 0.1},
    "IntervalPLS": {"n_intervals": 1, "cv": 2},
    "CARS": {"cv": 2},
    "RandomFrog": {"n_iterations": 20, "n_initial": 1, "n_features_to_select": 1, "cv": 2},
    "SpectralSearchCV": {
        "models": {"pls": {"n_components": [1]}},
        "preprocessing": ("raw",),
        "cv": 2,
    },
    "ForClasses": {"selector": CoefficientMagnitude()},  # it takes weights
    "TopChannels": {"selector": CoefficientMagnitude(), "n_features_to_select": 1},
    "UVE": {"n_noise": 50, "cutoff": 0.01},  # y of the checks may have nothing to do with X
    "UVESPA": {"n_noise": 50, "cutoff": 0.01},
}

#: Checks that fail by intention: estimator, check, reason.
EXPECTED_FAILURES = {
    "CARS": {
        "check_sample_weight_equivalence_on_dense_data": "runs draw by sample",
    },
    "MCUVE": {
        "check_sample_weight_equivalence_on_dense_data": "training sets are drawn by sample",
    },
    "SpectralSearchCV": {
        "check_estimators_dtypes": "its integer data hold a constant spectrum, which is refused",
    },
    "UVE": {
        "check_sample_weight_equivalence_on_dense_data": "noise is drawn by sample",
    },
    "UVESPA": {
        "check_sample_weight_equivalence_on_dense_data": "noise is drawn by sample",
    },
}

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: name_of(method))


def name_of(method):
    return method.estimator.rpartition(".")[2]


def class_of(method):
    module, _, name = method.estimator.rpartition(".")
    return getattr(importlib.import_module(module), name)


def make(method):
    return class_of(method)(**ARGUMENTS.get(name_of(method), {}))


def is_transformer(method):
    return hasattr(class_of(method), "transform")


every_transformer = pytest.mark.parametrize(
    "method", list(filter(is_transformer, METHODS)), ids=lambda method: name_of(method)
)


def checks():
    """Yield scikit-learn's checks of every estimator, the expected failures strict."""
    for method in METHODS:
        name = name_of(method)
        expected = EXPECTED_FAILURES.get(name, {})
        for estimator, check in estimator_checks_generator(make(method)):
            check_name = check.func.__name__
            marks = []
            if check_name in expected:
                marks.append(pytest.mark.xfail(reason=expected[check_name], strict=True))
            yield pytest.param(estimator, check, marks=marks, id=f"{name}-{check_name}")


@pytest.mark.filterwarnings("ignore:X has only")  # the checks' data have one or two components
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_check(estimator, check):
    check(estimator)


def data(method):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 9)).cumsum(axis=1)
    X = pd.DataFrame(X, columns=[f"{900 + 2 * j} nm" for j in range(9)], index=list("abcdefghijkl"))
    y = X.to_numpy()[:, 3] + 0.1 * rng.normal(size=12)
    wants_classes = is_classifier(make(method)) or name_of(method) == "ForClasses"
    return X, np.where(y > np.median(y), "high", "low") if wants_classes else y


def answer(estimator, X):
    return estimator.transform(X) if hasattr(estimator, "transform") else estimator.predict(X)


@every_method
def test_clone_and_pickle(method):
    X, y = data(method)
    fitted = make(method).fit(X, y)
    expected = answer(fitted, X)
    assert_array_equal(answer(pickle.loads(pickle.dumps(fitted)), X), expected)
    assert_array_equal(answer(clone(fitted).fit(X, y), X), expected)


@every_method
def test_names_of_channels(method):
    X, y = data(method)
    fitted = make(method).fit(X, y)
    assert fitted.n_features_in_ == 9
    assert_array_equal(fitted.feature_names_in_, X.columns)
    with pytest.raises(ValueError, match="feature names"):
        answer(fitted, X[X.columns[::-1]])


@every_transformer
def test_pandas_output(method):
    X, y = data(method)
    plain = make(method).fit(X, y)
    out = make(method).set_output(transform="pandas").fit(X, y).transform(X)
    assert isinstance(out, pd.DataFrame)
    assert_array_equal(out.index, X.index)
    assert_array_equal(out.columns, plain.get_feature_names_out())
    assert_array_equal(out.to_numpy(), plain.transform(X))


@every_transformer
def test_names_out_match_the_columns(method):
    X, y = data(method)
    fitted = make(method).fit(X, y)
    names = fitted.get_feature_names_out()
    assert len(names) == np.asarray(fitted.transform(X)).shape[1]
    assert len(set(names)) == len(names)


def test_tables_name_what_exists():
    names = {name_of(method): method for method in METHODS}
    assert len(names) == len(METHODS)
    assert set(ARGUMENTS) <= set(names)
    assert set(EXPECTED_FAILURES) <= set(names)
    for name, expected in EXPECTED_FAILURES.items():
        generated = estimator_checks_generator(make(names[name]))
        assert set(expected) <= {check.func.__name__ for _, check in generated}
        assert all(reason.strip() for reason in expected.values())


def public_estimators():
    """Return the import paths of all estimators that a public subpackage exports."""
    found = set()
    for module in pkgutil.iter_modules(spectral_fast.__path__, "spectral_fast."):
        if not module.ispkg or module.name.rpartition(".")[2].startswith("_"):
            continue
        package = importlib.import_module(module.name)
        for name in getattr(package, "__all__", ()):
            member = getattr(package, name)
            if inspect.isclass(member) and issubclass(member, BaseEstimator):
                found.add(f"{module.name}.{name}")
    return found


def slug(heading):
    """Return the anchor of a Markdown heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def has_twin(name):
    module, _, function = name.partition(".")
    try:
        twin = importlib.import_module(f"tests.reference.{module}")
    except ModuleNotFoundError:
        return False
    return inspect.isfunction(getattr(twin, function, None))


def missing_parts(method):
    """Return what a registry entry names but the tree lacks."""
    missing = []
    if method.kernel is not None and method.kernel not in kernels.__all__:
        missing.append(f"kernel {method.kernel}")
    if not has_twin(method.twin):
        missing.append(f"twin {method.twin}")
    page, _, anchor = method.docs.partition("#")
    path = ROOT / "docs" / page
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if anchor not in map(slug, re.findall(r"^#+ (.*)$", text, re.MULTILINE)):
        missing.append(f"docs {method.docs}")
    return missing


def test_every_public_estimator_is_registered():
    assert {method.estimator for method in METHODS} == public_estimators()


def test_every_kernel_is_registered():
    exported = {
        name
        for name in kernels.__all__
        if name.islower() and "thread" not in name and name != "warm_up"
    }
    assert {method.kernel for method in METHODS if method.kernel} | set(KERNELS) == exported


@pytest.mark.parametrize("twin", sorted(set(KERNELS.values())))
def test_kernel_without_estimator_has_a_twin(twin):
    assert has_twin(twin)


@every_method
def test_entry_is_complete(method):
    assert missing_parts(method) == []


def test_an_incomplete_entry_is_found():
    planted = Method("spectral_fast.preprocessing.SNV", "none", "scatter.none", "none.md#none")
    assert missing_parts(planted) == ["kernel none", "twin scatter.none", "docs none.md#none"]
    planted = Method("spectral_fast.preprocessing.SNV", None, "none.none", "")
    assert missing_parts(planted) == ["twin none.none", "docs "]
