"""Models in the grid language: their names, and what users give in place of them."""

import dataclasses
import importlib.util
import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from spectral_fast.cross_decomposition import PLSDA
from spectral_fast.model_selection._catalogue import BOOSTERS, MODELS
from spectral_fast.model_selection._language import (
    check_grid,
    check_names,
    checked,
    class_name,
    is_grid,
    lookup,
    named,
    seeded,
    settings,
)
from spectral_fast.model_selection._presets import PRESETS

__all__ = ["Model", "expand_models", "expand_preset_models"]

#: Models without importances of the channels, whatever their parameters.
_WITHOUT_IMPORTANCES = (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    KNeighborsClassifier,
    KNeighborsRegressor,
    KernelRidge,
    MLPClassifier,
    MLPRegressor,
    PLSDA,
    Pipeline,
    TransformedTargetRegressor,
)

#: Parameters that a small training set bounds.
_COUNTS = ("n_components", "n_neighbors")

_INSTALL = 'Install it with: pip install "spectral_fast[boosting]"'


@dataclasses.dataclass(frozen=True)
class Model:
    """An estimator and the parameter settings to try."""

    name: str
    estimator: Any
    settings: tuple[dict[str, Any], ...]

    def positions(self, size: int | None) -> list[int]:
        """Return the settings to try on so many channels: not more components than channels."""
        if size is None:
            return list(range(len(self.settings)))
        default = getattr(self.estimator, "n_components", None)
        counts = (setting.get("n_components", default) for setting in self.settings)
        return [
            position
            for position, count in enumerate(counts)
            if not (isinstance(count, int | np.integer) and count > size)
        ]

    @property
    def has_importances(self) -> bool:
        """Whether the fitted model may tell how important each channel is to it."""
        kernel = getattr(self.estimator, "kernel", "linear")
        return not isinstance(self.estimator, _WITHOUT_IMPORTANCES) and kernel == "linear"


def expand_models(
    models: Any, *, task: str = "regression", max_components: int, random_state: Any
) -> list[Model]:
    """Return the models that `SpectralSearchCV(models=...)` stands for.

    Parameters
    ----------
    models : str, estimator, mapping or iterable
        As the user wrote it.
    task : {"regression", "classification"}, default="regression"
        What is predicted.
    max_components : int
        Largest count of components or of neighbours in a default grid.
    random_state : int, RandomState instance or None
        Seed of the models that are given by name.
    """
    context = _Context(task, max_components, random_state)
    expanded = []
    for name, entry in named("models", models, class_name):
        if isinstance(entry, str):
            expanded.append(_default_model(name, entry, context))
        elif is_grid(models, entry):
            expanded.append(_grid_model(name, entry, context))
        else:
            expanded.append(Model(name, _checked(entry, task), ({},)))
    check_names("models", [model.name for model in expanded])
    return expanded


def expand_preset_models(
    grid: str, *, task: str, max_components: int, random_state: Any
) -> list[Model]:
    """Return the models of a preset whose libraries are installed.

    The parameters are those of `expand_models`; the preset's grids are default ones.
    """
    context = _Context(task, max_components, random_state)
    models = PRESETS[grid].models[task]
    missing = [name for name in models if not _is_installed(name)]
    if missing:
        warnings.warn(
            f"`grid={grid!r}` leaves out {', '.join(missing)}: not installed. {_INSTALL}",
            stacklevel=3,
        )
    return [
        _default_model(name, entry, context)
        if isinstance(entry, str)
        else _grid_model(name, _feasible(entry, context), context)
        for name, entry in models.items()
        if name not in missing
    ]


class _Context(NamedTuple):
    """What the meaning of a name depends on."""

    task: str
    max_components: int
    random_state: Any


def _default_model(name: str, known_as: str, context: _Context) -> Model:
    estimator, grid = _named_model(known_as, context)
    return Model(name, estimator, settings(_feasible(grid, context), estimator))


def _grid_model(name: str, grid: Any, context: _Context) -> Model:
    estimator, example = _named_model(name, context)
    check_grid("models", name, grid, estimator, example)
    return Model(name, estimator, settings(grid, estimator))


def _named_model(name: str, context: _Context) -> tuple[Any, dict[str, Any]]:
    estimator, grid = lookup("models", name, MODELS)[context.task]
    if not _is_installed(name):
        raise ImportError(f"`models` holds {name!r}, which is not installed. {_INSTALL}")
    return seeded(estimator, context.random_state), grid


def _is_installed(model: str) -> bool:
    return model not in BOOSTERS or importlib.util.find_spec(model) is not None


def _feasible(grid: dict[str, Any], context: _Context) -> dict[str, Any]:
    """Return the grid without the counts that the training folds cannot support."""
    most = max(1, context.max_components)
    return grid | {
        name: [count for count in grid[name] if count <= most] or [most]
        for name in _COUNTS
        if name in grid
    }


def _checked(estimator: Any, task: str) -> Any:
    checked(estimator, "predict", "models")
    wanted, is_other = (
        ("regressors", is_classifier) if task == "regression" else ("classifiers", is_regressor)
    )
    # Without tags it cannot be told.
    if hasattr(estimator, "__sklearn_tags__") and is_other(estimator):
        raise TypeError(
            f"`models` must hold {wanted} for a {task}; got {estimator!r}. Use one of these, or "
            "search for the other kind."
        )
    return estimator
