"""The winner of a search as a Python script."""

import importlib
import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

import spectral_fast
from spectral_fast.report._score import score_of

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["rebuild_script"]

_TEMPLATE = '''\
"""The calibration that 'spectral-fast search' found best, fitted anew.

Written by spectral_fast {version}, with scikit-learn {sklearn}.
"""

{imports}

{reading}
pipeline = {pipeline}
pipeline.fit(spectra, target{fit_groups})

if __name__ == "__main__":
    print(pipeline)
{judging}'''

_FOLDS = "    folds = {folds}(n_splits={n_splits}, shuffle=True, random_state={seed})\n"

_JUDGING = """\
    held_out = cross_val_predict(pipeline, spectra, target, cv=folds{groups})
    print("{name}:", {metric}(target, held_out))
"""

# `cross_val_predict` would replace the classes by numbers, and weights go by the names.
_JUDGING_PROBABILITIES = """\
    rows, held_out = [], []
    for train, test in folds.split(spectra, target{groups}):
        rows.extend(test)
        fitted = clone(pipeline).fit(spectra[train], target[train]{fit_groups})
        held_out.extend(fitted.{method}(spectra[test]))
    print("{name}:", {metric}({measured}, {predicted}))
"""


def rebuild_script(search: "SpectralSearchCV", reading: str) -> str:
    r"""Return a Python script that fits the best candidate of a search.

    It needs scikit-learn and the transformers and models of this package, not the
    search. Run as a program it also cross-validates the pipeline in the same folds
    and prints the figure by which the search ranked it.

    Parameters
    ----------
    search : SpectralSearchCV
        Fitted, with whole numbers for `cv` and `random_state`.
    reading : str
        Code that defines the arrays ``spectra`` and ``target``, and ``groups`` if the
        search was fitted with them.

    Returns
    -------
    script : str
        The program's text.

    Raises
    ------
    TypeError
        If a parameter of the best candidate is no number, text, list, dict or estimator.

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> from spectral_fast.model_selection import SpectralSearchCV
    >>> from spectral_fast.report import rebuild_script
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> search = SpectralSearchCV({"pls": {"n_components": [3]}}, "snv").fit(X, octane)
    >>> reading = "spectra, target = load_gasoline(return_X_y=True)\n"
    >>> print(rebuild_script(search, reading).partition("pipeline = ")[2].partition(".fit")[0])
    Pipeline([
        ("snv", SNV()),
        ("model", PLSRegression(n_components=3, scale=False)),
    ])
    pipeline
    """
    imports = {"sklearn.pipeline": {"Pipeline"}}
    pipeline = _code(search.best_estimator_, imports)
    # Folds do not repeat what was selected on all samples.
    judging = "" if search.optimistic_ else _judging(search, imports)
    return _TEMPLATE.format(
        version=spectral_fast.__version__,
        sklearn=sklearn.__version__,
        imports="\n".join(
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(imports.items())
        ),
        reading=reading,
        pipeline=pipeline,
        fit_groups=", selector__groups=groups" if _selects_by_groups(search) else "",
        judging=judging,
    )


def _judging(search: "SpectralSearchCV", imports: dict[str, set[str]]) -> str:
    """Return code that prints the figure which ranked the best candidate."""
    score = score_of(search)
    folds = "KFold" if search.groups_ is None else "GroupKFold"
    folds = f"Stratified{folds}" if is_classifier(search) else folds
    imports.setdefault("sklearn.model_selection", set()).add(folds)
    imports.setdefault("sklearn.metrics", set()).add(score.metric)
    splits = _FOLDS.format(folds=folds, n_splits=search.n_splits_, seed=search.random_state)
    if score.column not in ("roc_auc", "log_loss"):
        imports["sklearn.model_selection"].add("cross_val_predict")
        groups = "" if search.groups_ is None else ", groups=groups"
        if _selects_by_groups(search):
            groups += ', params={"selector__groups": groups}'
        return splits + _JUDGING.format(name=score.heading, metric=score.metric, groups=groups)
    imports.setdefault("sklearn.base", set()).add("clone")
    has_probabilities = hasattr(search.best_estimator_, "predict_proba")
    measured, predicted = "target[rows]", "held_out"
    if score.column == "roc_auc" and len(search.classes_) > 2:
        imports.setdefault("sklearn.preprocessing", set()).add("label_binarize")
        measured = f"label_binarize({measured}, classes=pipeline.classes_)"
    elif score.column == "roc_auc" and has_probabilities:
        predicted = "[second for _, second in held_out]"
    return splits + _JUDGING_PROBABILITIES.format(
        method="predict_proba" if has_probabilities else "decision_function",
        name=score.heading,
        metric=score.metric,
        measured=measured,
        predicted=predicted,
        groups="" if search.groups_ is None else ", groups",
        fit_groups=", selector__groups=groups[train]" if _selects_by_groups(search) else "",
    )


def _selects_by_groups(search: "SpectralSearchCV") -> bool:
    """Whether the selector of the best candidate was given the groups."""
    selector = search.best_estimator_.named_steps.get("selector")
    return search.groups_ is not None and has_fit_parameter(selector, "groups")


def _code(value: Any, imports: dict[str, set[str]]) -> str:
    """Return an expression for a value, and add to `imports` what it needs."""
    if isinstance(value, Pipeline):
        steps = [f'    ("{name}", {_code(step, imports)}),\n' for name, step in value.steps]
        return f"Pipeline([\n{''.join(steps)}])"
    if hasattr(value, "get_params") and not isinstance(value, type):  # kernels have it, too
        module, name = _address(type(value))
        imports.setdefault(module, set()).add(name)
        defaults = inspect.signature(type(value)).parameters
        changed = [
            f"{parameter}={_code(given, imports)}"
            for parameter, given in value.get_params(deep=False).items()
            if parameter not in defaults or not _is_same(given, defaults[parameter].default)
        ]
        return f"{name}({', '.join(changed)})"
    if isinstance(value, dict):
        pairs = (f"{_code(key, imports)}: {_code(each, imports)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        entries = "".join(f"{_code(entry, imports)}, " for entry in value)
        return f"[{entries}]" if isinstance(value, list) else f"({entries})"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise TypeError(
        "The best estimator of `search` must have parameters that are numbers, texts, lists, "
        f"dicts or estimators; got {value!r}. Write the script for such a one by hand."
    )


def _is_same(given: Any, default: Any) -> bool:
    return given is default or (type(given) is type(default) and repr(given) == repr(default))


def _address(kind: type) -> tuple[str, str]:
    """Return the public module of a class, and its name."""
    parts = kind.__module__.split(".")
    private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    public = ".".join(parts[:private])
    if getattr(importlib.import_module(public), kind.__name__, None) is kind:
        return public, kind.__name__
    return kind.__module__, kind.__name__
