"""Presets: whole grids by name, from a first look to a night's work."""

from typing import Any, NamedTuple

from spectral_fast.model_selection._catalogue import MODELS, SELECTORS

__all__ = ["PRESETS", "Preset"]


class Preset(NamedTuple):
    """What a grid consists of where the user says nothing else."""

    preprocessing: tuple[str, ...]
    #: For each task, models with their grids; a name in place of a grid stands for its own.
    models: dict[str, dict[str, Any]]
    selectors: tuple[str, ...]
    n_features: tuple[int | str, ...]


def _derivatives(*windows: int) -> tuple[str, ...]:
    """Return both derivatives with each window: alone, with SNV before, with SNV after."""
    names = [f"{derivative}w{window}" for derivative in ("sg1", "sg2") for window in windows]
    return tuple(chain for name in names for chain in (name, f"snv+{name}", f"{name}+snv"))


def _by_name(*names: str) -> dict[str, Any]:
    return {name: name for name in names}


_SIZES = (10, 20, 50, 100, 250, 500, 1000)
_QUICK_PREPROCESSING = ("raw", "snv", *_derivatives(7, 19))
_QUICK_COMPONENTS = {"n_components": range(2, 9)}
_QUICK_REGRESSION = {
    "pls": _QUICK_COMPONENTS,
    "ridge": {"alpha": [1e-6, 1e-4, 1e-2, 1.0, 100.0]},
    "elasticnet": {"alpha": [0.1, 0.3, 1.0], "l1_ratio": [0.3, 0.5, 0.7]},
}
_QUICK_CLASSIFICATION = {
    "pls": _QUICK_COMPONENTS,
    "ridge": {"C": [1e-2, 1.0, 1e2, 1e4, 1e6]},
    "svr": "svr",
}
_STANDARD_TREES = {
    "random_forest": {"n_estimators": [50, 100], "max_features": ["sqrt"]},
    "lightgbm": {"n_estimators": [50, 100]},
}

PRESETS: dict[str, Preset] = {
    "basic": Preset(
        ("raw", "snv", "sg1", "snv+sg1"),
        {
            "regression": _by_name("pls", "ridge"),
            "classification": _by_name("pls", "ridge"),
        },
        ("full",),
        (10, 20, 50, 100),
    ),
    "quick": Preset(
        _QUICK_PREPROCESSING,
        {"regression": _QUICK_REGRESSION, "classification": _QUICK_CLASSIFICATION},
        ("full", "importance"),
        _SIZES,
    ),
    "standard": Preset(
        _QUICK_PREPROCESSING,
        {
            "regression": _QUICK_REGRESSION | _STANDARD_TREES,
            "classification": _QUICK_CLASSIFICATION | _STANDARD_TREES,
        },
        ("full", "importance", "vip", "spa", "uve_spa"),
        (10, 30, 100),
    ),
    "thorough": Preset(
        (*_QUICK_PREPROCESSING, "msc", "sg0"),
        {"regression": _by_name(*MODELS), "classification": _by_name(*MODELS)},
        # A fit of random frog cross-validates 1000 subsets of the channels.
        tuple(name for name in SELECTORS if name != "random_frog"),
        (10, 20, 50, 100, 250, "auto"),
    ),
}
