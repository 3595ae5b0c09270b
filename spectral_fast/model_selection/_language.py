"""What preprocessing, selectors and models have in common in the grid language."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

__all__ = [
    "check_grid",
    "check_names",
    "checked",
    "class_name",
    "is_grid",
    "lookup",
    "named",
    "seeded",
    "settings",
    "variants",
]

_REMEDIES = {
    "selectors": "Use one of these names or, in Python, a scikit-learn selector.",
    "preprocessing": "Use one of these names, sg0, sg1 and sg2 also with a window such as sg1w7, "
    "several joined by a plus sign such as snv+sg1, or, in Python, a scikit-learn transformer.",
    "models": "Use one of these names or, in Python, a scikit-learn regressor or classifier.",
}


def named(parameter: str, given: Any, name_of: Callable[[Any], str]) -> list[tuple[str, Any]]:
    """Return (name, entry) for one entry, a mapping, or an iterable of entries and pairs."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, str) or hasattr(given, "fit"):
        given = [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"`{parameter}` must hold names or estimators; got {given!r}.")
    return [each if _is_pair(each) else (name_of(each), each) for each in given]


def class_name(entry: Any) -> str:
    """Return the name of an entry that the user gave none: that of its class."""
    return entry if isinstance(entry, str) else type(entry).__name__


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)


def is_grid(given: Any, entry: Any) -> bool:
    """Return whether an entry gives the parameters to try of the name that it has in a mapping."""
    return isinstance(given, Mapping) and not isinstance(entry, str) and not hasattr(entry, "fit")


def check_names(parameter: str, names: list[str]) -> None:
    """Raise an error unless there are names, all of them distinct."""
    if not names:
        raise ValueError(f"`{parameter}` must hold at least one entry; got none.")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"`{parameter}` must have distinct names; got {name!r} twice. "
                f"Name each entry with a pair: ({name + '-2'!r}, ...)."
            )


def checked(entry: Any, method: str, parameter: str) -> Any:
    """Return the user's object if it has what is needed."""
    if isinstance(entry, type) or not (hasattr(entry, "fit") and hasattr(entry, method)):
        raise TypeError(
            f"`{parameter}` must hold names or objects with `fit` and `{method}`; got {entry!r}."
        )
    return entry


def lookup(parameter: str, name: str, choices: Mapping[str, Any]) -> Any:
    """Return what a name stands for."""
    if name not in choices:
        raise ValueError(
            f"`{parameter}` must be among {', '.join(choices)}; got {name!r}. "
            f"{_REMEDIES[parameter]}"
        )
    return choices[name]


def seeded(estimator: Any, random_state: Any) -> Any:
    """Return a new estimator with this seed wherever it has one."""
    if estimator is None:
        return None
    seeds = [
        name
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is not None
    ]
    return clone(estimator).set_params(**dict.fromkeys(seeds, random_state))


def variants(parameter: str, name: str, estimator: Any, grid: Any) -> list[tuple[str, Any]]:
    """Return an estimator for each setting of a grid, named after it."""
    if estimator is None or not estimator.get_params():
        raise TypeError(
            f"`{parameter}[{name!r}]` must be a name or an estimator, as {name!r} has no "
            f"parameters; got {grid!r}. Use {{{name!r}: {name!r}}}."
        )
    check_grid(parameter, name, grid, estimator, {"parameter": ["value"]})
    return [
        (_variant_name(name, setting), clone(estimator).set_params(**setting))
        for setting in settings(grid, estimator)
    ]


def _variant_name(name: str, setting: dict[str, Any]) -> str:
    """Return such as ``"sg1w7"``, ``"vip(n_components=3)"``."""
    others = dict(setting)
    if name in ("sg0", "sg1", "sg2") and "window_length" in others:
        name += f"w{others.pop('window_length')}"
    described = ",".join(f"{parameter}={value}" for parameter, value in others.items())
    return f"{name}({described})" if described else name


def check_grid(parameter: str, name: str, grid: Any, estimator: Any, example: Any) -> None:
    """Raise an error that says what in `grid` is not as `ParameterGrid` needs it."""
    label = f"{parameter}[{name!r}]"
    grids = [grid] if isinstance(grid, Mapping) else grid
    if not (isinstance(grids, Sequence) and grids and all(isinstance(g, Mapping) for g in grids)):
        raise TypeError(
            f"`{label}` must be a dict of lists or a list of such dicts; got {grid!r}. "
            f"Name the parameter that the values are for: {example!r}."
        )
    _, proper = _proper(estimator)
    known = {*estimator.get_params(), *proper.get_params()}
    for key, values in itertools.chain.from_iterable(each.items() for each in grids):
        if key not in known:
            raise ValueError(
                f"`{label}` must set parameters of {type(proper).__name__}; got "
                f"{key!r}. Use one of {', '.join(sorted(proper.get_params()))}."
            )
        is_list = isinstance(values, np.ndarray) and values.ndim == 1
        is_list |= isinstance(values, Sequence) and not isinstance(values, str)
        if not is_list:
            raise TypeError(
                f"`{label}[{key!r}]` must be a list of the values to try; got "
                f"{values!r}. Put the values in brackets, even a single one."
            )
        if len(values) == 0:
            raise ValueError(
                f"`{label}[{key!r}]` must hold at least one value; got none. "
                "Add one, or leave the parameter out."
            )


def _proper(estimator: Any) -> tuple[str, Any]:
    """Return the model proper inside what scales for it, and the prefix of its parameters."""
    if isinstance(estimator, TransformedTargetRegressor):
        name, inner = "regressor", estimator.regressor
    elif isinstance(estimator, Pipeline):
        name, inner = estimator.steps[-1]
    else:
        return "", estimator
    prefix, proper = _proper(inner)
    return f"{name}__{prefix}", proper


def settings(grid: Any, estimator: Any) -> tuple[dict[str, Any], ...]:
    """Return the settings of a grid, with Python's numbers and the parameters' full names."""
    prefix, proper = _proper(estimator)
    short = set(proper.get_params())
    return tuple(
        {
            f"{prefix}{name}" if name in short else name: (
                value.item() if isinstance(value, np.generic) else value
            )
            for name, value in setting.items()
        }
        for setting in ParameterGrid(grid)
    )
