"""The winner of a search as a Python script."""

import importlib
import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

import spectral_fast

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
pipeline.fit(spectra, target)

if __name__ == "__main__":
    print(pipeline)
{judging}'''

_JUDGING = """\
    folds = {folds}(n_splits={n_splits}, shuffle=True, random_state={seed})
    held_out = cross_val_predict(pipeline, spectra, target, cv=folds)
    print("{name}:", {metric}(target, held_out))
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
        Code that defines ``spectra`` and ``target``.

    Returns
    -------
    script : str
        The program's text.

    Raises
    ------
    TypeError
        If a parameter of the best candidate is no number, text, list or estimator.

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
    judging = ""
    if not search.optimistic_:  # folds do not repeat what was selected on all samples
        is_class = is_classifier(search.best_estimator_)
        folds = "StratifiedKFold" if is_class else "KFold"
        metric = "accuracy_score" if is_class else "root_mean_squared_error"
        imports["sklearn.model_selection"] = {folds, "cross_val_predict"}
        imports["sklearn.metrics"] = {metric}
        judging = _JUDGING.format(
            folds=folds,
            n_splits=search.cv,
            seed=search.random_state,
            name="Accuracy" if is_class else "RMSECV",
            metric=metric,
        )
    return _TEMPLATE.format(
        version=spectral_fast.__version__,
        sklearn=sklearn.__version__,
        imports="\n".join(
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(imports.items())
        ),
        reading=reading,
        pipeline=pipeline,
        judging=judging,
    )


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
        f"The best estimator of `search` must have parameters that are numbers, texts, lists or "
        f"estimators; got {value!r}. Write the script for such a one by hand."
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
