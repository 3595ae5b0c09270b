"""Every public name has a complete docstring, as numpydoc understands it."""

import dataclasses
import enum
import importlib
import inspect
import pkgutil

import pytest

import spectral_fast
from spectral_fast import kernels
from spectral_fast._registry import KERNELS, METHODS
from spectral_fast.feature_selection import VIP
from tests.test_common import class_of, data, every_method, make

validation = pytest.importorskip("numpydoc.validate")
docscrape = importlib.import_module("numpydoc.docscrape")

#: The checks of numpydoc that are not made, and why; all others are.
EXCLUDED = {
    "ES01": "where the summary line says all, there is no more to say",
    "SA01": "the reference lists related names side by side",
    "RT02": "returned values have names here, as in scikit-learn",
    "YD01": "what `with` gives stands in the summary line",
}
#: Those that are not made for some kinds of names.
EXCLUDED_FOR = {
    "kernel": {
        "PR07": "summary, formula and the line with the shape say what an array is",
        "RT03": "as for the parameters",
        "EX01": "work arrays and fold tables make a long example; estimators have one",
    },
    "method": {"EX01": "the example of the class shows how methods follow each other"},
    "record": {
        "PR01": "nobody makes one; the fields stand under Attributes",
        "EX01": "the example stands with the function that returns it",
    },
}


def is_record(thing):
    """Tell whether a class only holds what a function returns."""
    return inspect.isclass(thing) and (
        dataclasses.is_dataclass(thing) or issubclass(thing, (tuple, enum.Enum))
    )


def fields(record):
    if dataclasses.is_dataclass(record):
        return {field.name for field in dataclasses.fields(record)}
    return set(record.__members__ if issubclass(record, enum.Enum) else record._fields)


def own_members(cls):
    """Yield the public methods and properties of a class that the package defines."""
    for name in dir(cls):
        function = getattr(inspect.getattr_static(cls, name), "fget", getattr(cls, name))
        is_own = str(getattr(function, "__module__", None)).startswith("spectral_fast.")
        if is_own and inspect.isroutine(function) and not name.startswith("_"):
            yield name


def public_modules():
    modules = pkgutil.iter_modules(spectral_fast.__path__, "spectral_fast.")
    names = [
        module.name for module in modules if not module.name.rpartition(".")[2].startswith("_")
    ]
    return ["spectral_fast", *names]


def public_names():
    """Return each public name and its kind; a method that classes share is listed once."""
    found = {}
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        of_kernels = module_name == kernels.__name__
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.ismodule(thing) or isinstance(thing, str):
                continue
            kind = "record" if is_record(thing) else "kernel" if of_kernels else "function"
            found[f"{module_name}.{name}"] = thing, kind
            if inspect.isclass(thing):
                for member in own_members(thing):
                    value = inspect.getattr_static(thing, member)
                    found[f"{module_name}.{name}.{member}"] = value, "method"
    first = {id(thing): name for name, (thing, _) in reversed(found.items())}
    return {name: found[name][1] for name in first.values()}


PUBLIC = public_names()


def load(name):
    return validation.Validator._load_obj(name)


def faults(thing, kind):
    """Return what is wrong with the docstring of a public object."""
    excluded = EXCLUDED | EXCLUDED_FOR.get(kind, {})
    found = validation.validate(docscrape.get_doc_object(thing))["errors"]
    found = [f"{code}: {text}" for code, text in found if code not in excluded]
    if kind == "record":
        missing = fields(thing) - attributes(thing)
        found += [f"{field} is not under Attributes" for field in missing]
    return found


def attributes(cls):
    """Return the names under Attributes."""
    entries = docscrape.ClassDoc(cls)["Attributes"]
    return {name.strip() for entry in entries for name in entry.name.split(",")}


def undocumented(fitted):
    """Return the fitted attributes that neither the class documents nor an estimator it extends."""
    estimators = {type(fitted), *map(class_of, METHODS)}
    documented = {
        name for cls in type(fitted).__mro__ if cls in estimators for name in attributes(cls)
    }
    public = (name for name in dir(fitted) if name.endswith("_") and not name.startswith("_"))
    return {name for name in public if hasattr(fitted, name)} - documented


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_is_complete(name):
    assert faults(load(name), PUBLIC[name]) == []


@every_method
def test_fitted_attributes_are_documented(method):
    assert undocumented(make(method).fit(*data(method))) == set()


def test_the_registry_is_among_the_public_names():
    assert {method.estimator for method in METHODS} <= set(PUBLIC)
    assert {f"spectral_fast.kernels.{kernel}" for kernel in KERNELS} <= set(PUBLIC)
    assert "spectral_fast.preprocessing.MSC.transform" in PUBLIC
    assert "spectral_fast.tables.SpectralTable.summary" in PUBLIC


def planted_function(X, y):
    """return nothing.

    Parameters
    ----------
    X : ndarray
    """


@dataclasses.dataclass
class PlantedRecord:
    """A result.

    Attributes
    ----------
    known : int
        Documented.
    """

    known: int
    forgotten: int


@pytest.mark.parametrize(
    ("thing", "kind", "codes"),
    [
        (planted_function, "function", ["EX01", "PR01", "PR07", "SS02"]),
        (planted_function, "kernel", ["PR01", "SS02"]),
        (PlantedRecord, "record", ["forgotten is not under Attributes"]),
        (load, "function", ["GL08"]),
    ],
)
def test_planted_faults_are_found(thing, kind, codes):
    assert sorted(fault.partition(":")[0] for fault in faults(thing, kind)) == codes


class PlantedSelector(VIP):
    """A selector with an attribute more than the one that it extends.

    Attributes
    ----------
    known_ : int
        Documented.
    """


def test_planted_attribute_is_found():
    planted = PlantedSelector()
    planted.known_ = planted.scores_ = planted.forgotten_ = planted._private_ = 1
    assert undocumented(planted) == {"forgotten_"}


def test_exclusions_name_checks_that_exist():
    codes = set(EXCLUDED).union(*EXCLUDED_FOR.values())
    assert codes <= set(validation.ERROR_MSGS)
