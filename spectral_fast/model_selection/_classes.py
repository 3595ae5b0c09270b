"""Weights of classes, by the numbers that stand for the classes in the folds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from spectral_fast.model_selection._grid import Grid

__all__ = ["numbered"]

#: The parameters that hold weights; the second is CatBoost's.
_WEIGHTS = ("class_weight", "class_weights")


def numbered(grid: Grid, classes: np.ndarray) -> Grid:
    """Return a grid whose mappings of classes to weights have numbers in place of the classes.

    Raises
    ------
    ValueError
        If weights are for something that is no class.
    """
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    return Grid(
        [
            dataclasses.replace(
                chain, steps=tuple((name, _estimator(step, numbers)) for name, step in chain.steps)
            )
            for chain in grid.chains
        ],
        [
            dataclasses.replace(each, selector=_estimator(each.selector, numbers))
            for each in grid.selections
        ],
        [
            dataclasses.replace(
                model,
                estimator=_estimator(model.estimator, numbers),
                settings=tuple(_setting(each, numbers) for each in model.settings),
            )
            for model in grid.models
        ],
    )


def _estimator(estimator: Any, numbers: Mapping[Any, int]) -> Any:
    """Return an estimator with these numbers; the same one where it has no such weights."""
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        return estimator
    weights = {
        name: value for name, value in estimator.get_params().items() if _is_weights(name, value)
    }
    return clone(estimator).set_params(**_setting(weights, numbers)) if weights else estimator


def _setting(setting: dict[str, Any], numbers: Mapping[Any, int]) -> dict[str, Any]:
    return {
        name: _weights(name, value, numbers)
        if _is_weights(name, value)
        else _estimator(value, numbers)
        for name, value in setting.items()
    }


def _is_weights(name: str, value: Any) -> bool:
    return name.rpartition("__")[2] in _WEIGHTS and isinstance(value, Mapping)


def _weights(name: str, weights: Mapping[Any, Any], numbers: Mapping[Any, int]) -> dict[int, Any]:
    unknown = [label for label in weights if label not in numbers]
    if unknown:
        raise ValueError(
            f"`{name}` must give weights to classes of y, which are "
            f"{', '.join(map(repr, numbers))}; got {unknown[0]!r}. Name the classes as y has them."
        )
    return {numbers[label]: weight for label, weight in weights.items()}
