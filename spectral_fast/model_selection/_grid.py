"""The grid language: what users write, and the chains and models it stands for."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR

from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.feature_selection import CARS, MCUVE, SPA, UVE, UVESPA, VIP, IntervalPLS
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay

__all__ = [
    "IMPORTANCE",
    "MODELS",
    "PREPROCESSING",
    "SELECTORS",
    "Chain",
    "Model",
    "Selection",
    "expand_models",
    "expand_preprocessing",
    "expand_selectors",
]

#: Preprocessing by name. A quadratic fits a band's curvature; the second derivative
#: takes a cubic, as a quadratic's second derivative is constant over the window.
PREPROCESSING: dict[str, Any] = {
    "raw": None,
    "snv": SNV(),
    "msc": MSC(),
    "sg0": SavitzkyGolay(window_length=15, polyorder=2, deriv=0),
    "sg1": SavitzkyGolay(window_length=15, polyorder=2, deriv=1),
    "sg2": SavitzkyGolay(window_length=15, polyorder=3, deriv=2),
}

#: Models by name: the estimator, and the grid for users who give none. Component
#: counts that the training folds cannot support are left out of a default grid, and
#: the seed of the search replaces one given here.
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "pls": (PLSRegression(scale=False), {"n_components": range(1, 21)}),
    "ridge": (Ridge(), {"alpha": [10.0**power for power in range(-8, 3)]}),
    "svr": (SVR(), {"C": [1.0, 10.0, 100.0, 1000.0], "epsilon": [0.01, 0.1]}),
    "random_forest": (
        RandomForestRegressor(n_estimators=200, random_state=0),
        {"max_features": ["sqrt", 1 / 3]},
    ),
}


#: The selection that asks the candidate's own model, fitted to all channels.
IMPORTANCE = "importance"

#: Selectors by name; None keeps all channels.
SELECTORS: dict[str, Any] = {
    "full": None,
    IMPORTANCE: None,
    "vip": VIP(),
    "spa": SPA(),
    "uve": UVE(),
    "mcuve": MCUVE(),
    "uve_spa": UVESPA(),
    "ipls": IntervalPLS(),
    "cars": CARS(),
}

#: Models without importances of the channels.
_WITHOUT_IMPORTANCES = (
    GaussianProcessRegressor,
    KernelRidge,
    KNeighborsRegressor,
    MLPRegressor,
)

_REMEDIES = {
    "selectors": "Use one of these names or, in Python, a scikit-learn selector.",
    "preprocessing": "Use one of these names, several joined by a plus sign such as snv+sg1, or, "
    "in Python, a scikit-learn transformer.",
    "models": "Use one of these names or, in Python, a scikit-learn regressor.",
}


@dataclasses.dataclass(frozen=True)
class Chain:
    """Preprocessing steps under one name; no steps leave the spectra as they are."""

    name: str
    steps: tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Selection:
    """A selector of channels and the numbers of channels to try; None is its own choice."""

    name: str
    selector: Any
    sizes: tuple[int | None, ...]

    @property
    def by_importance(self) -> bool:
        """Whether the candidates' own models select."""
        return self.name == IMPORTANCE and self.selector is None

    @property
    def is_full(self) -> bool:
        """Whether all channels are kept."""
        return self.selector is None and not self.by_importance


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
            if not (isinstance(count, Integral) and count > size)
        ]

    @property
    def has_importances(self) -> bool:
        """Whether the fitted model may tell how important each channel is to it."""
        kernel = getattr(self.estimator, "kernel", "linear")
        return not isinstance(self.estimator, _WITHOUT_IMPORTANCES) and kernel == "linear"


def expand_preprocessing(preprocessing: Any) -> list[Chain]:
    """Return the chains that `SpectralSearchCV(preprocessing=...)` stands for."""
    chains = [
        Chain(name, _named_steps(_steps(each)))
        for name, each in _named("preprocessing", preprocessing, _chain_name)
    ]
    _check_names("preprocessing", [chain.name for chain in chains])
    return chains


def expand_selectors(selectors: Any, n_features: Any, n_channels: int) -> list[Selection]:
    """Return the selections that `SpectralSearchCV(selectors=..., n_features=...)` stands for.

    Numbers of channels that leave none out are skipped; a selector of scikit-learn's, which
    ranks none, keeps its own choice alone.
    """
    counts = _counts(n_features, n_channels)
    selections = []
    for name, entry in _named("selectors", selectors, _model_name):
        if isinstance(entry, str):
            selector = _lookup("selectors", entry, SELECTORS)
        else:
            selector = _checked(entry, "get_support", "selectors")
        if selector is None and name == IMPORTANCE:
            sizes = tuple(count for count in counts if count is not None)
        elif selector is None or not hasattr(selector, "subset"):
            sizes = (None,)
        else:
            sizes = counts
        if sizes:
            selections.append(Selection(name, _for_sizes(selector, sizes), sizes))
    _check_names("selectors", [selection.name for selection in selections])
    return selections


def _counts(n_features: Any, n_channels: int) -> tuple[int | None, ...]:
    """Return the distinct numbers of channels, None for a selector's own choice."""
    if isinstance(n_features, Integral | str) or n_features is None:
        n_features = [n_features]
    counts: list[int | None] = []
    for count in n_features:
        if count in ("auto", None):
            counts.append(None)
        elif isinstance(count, Integral) and not isinstance(count, bool) and count >= 1:
            counts.append(int(count))
        else:
            raise ValueError(
                f'`n_features` must hold numbers of channels from 1, or "auto"; got {count!r}. '
                'Use "auto" where the selector is to choose.'
            )
    return tuple(dict.fromkeys(n for n in counts if n is None or n < n_channels))


def _for_sizes(selector: Any, sizes: tuple[int | None, ...]) -> Any:
    """Return a selector that is ready to give subsets of these sizes."""
    wanted = [size for size in sizes if size is not None]
    if isinstance(selector, SPA | UVESPA) and wanted and selector.n_features_to_select is None:
        return clone(selector).set_params(n_features_to_select=(min(wanted), max(wanted)))
    return selector


def expand_models(models: Any, *, max_components: int, random_state: Any) -> list[Model]:
    """Return the models that `SpectralSearchCV(models=...)` stands for.

    Parameters
    ----------
    models : str, estimator, mapping or iterable
        As the user wrote it.
    max_components : int
        Largest component count of a default grid.
    random_state : int, RandomState instance or None
        Seed of the models that are given by name.
    """
    expanded = []
    for name, entry in _named("models", models, _model_name):
        if isinstance(entry, str):
            expanded.append(_default_model(name, entry, max_components, random_state))
        elif isinstance(models, Mapping) and not hasattr(entry, "fit"):
            expanded.append(_grid_model(name, entry, random_state))
        else:
            expanded.append(Model(name, _checked(entry, "predict", "models"), ({},)))
    _check_names("models", [model.name for model in expanded])
    return expanded


def _named(parameter: str, given: Any, name_of: Any) -> list[tuple[str, Any]]:
    """Return (name, entry) for one entry, a mapping, or an iterable of entries and pairs."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, str) or hasattr(given, "fit"):
        given = [given]
    if not isinstance(given, Iterable):
        raise TypeError(f"`{parameter}` must hold names or estimators; got {given!r}.")
    return [each if _is_pair(each) else (name_of(each), each) for each in given]


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)


def _check_names(parameter: str, names: list[str]) -> None:
    if not names:
        raise ValueError(f"`{parameter}` must hold at least one entry; got none.")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"`{parameter}` must have distinct names; got {name!r} twice. "
                f"Name each entry with a pair: ({name + '-2'!r}, ...)."
            )


def _checked(entry: Any, method: str, parameter: str) -> Any:
    if isinstance(entry, type) or not (hasattr(entry, "fit") and hasattr(entry, method)):
        raise TypeError(
            f"`{parameter}` must hold names or objects with `fit` and `{method}`; got {entry!r}."
        )
    return entry


def _lookup(parameter: str, name: str, choices: Mapping[str, Any]) -> Any:
    if name not in choices:
        raise ValueError(
            f"`{parameter}` must be among {', '.join(choices)}; got {name!r}. "
            f"{_REMEDIES[parameter]}"
        )
    return choices[name]


def _chain_name(entry: Any) -> str:
    if isinstance(entry, str):
        return "+".join(_parts(entry))
    if isinstance(entry, Pipeline):
        return "+".join(name for name, _ in entry.steps)
    return _model_name(entry).lower()


def _parts(chain: str) -> list[str]:
    return [part.strip() for part in chain.split("+")]


def _steps(entry: Any) -> list[tuple[str, Any]]:
    if isinstance(entry, str):
        steps = [(name, _lookup("preprocessing", name, PREPROCESSING)) for name in _parts(entry)]
    elif isinstance(entry, Pipeline):
        steps = entry.steps
    else:
        steps = [(_chain_name(entry), _checked(entry, "transform", "preprocessing"))]
    return [(name, step) for name, step in steps if step not in (None, "passthrough")]


def _named_steps(steps: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Make the names distinct, from each other and from the last step, ``"model"``."""
    taken = {"model"}
    named = []
    for name, step in steps:
        numbered = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique = next(each for each in numbered if each not in taken)
        taken.add(unique)
        named.append((unique, step))
    return tuple(named)


def _model_name(entry: Any) -> str:
    return entry if isinstance(entry, str) else type(entry).__name__


def _named_model(name: str, random_state: Any) -> tuple[Any, dict[str, Any]]:
    estimator, grid = _lookup("models", name, MODELS)
    estimator = clone(estimator)
    if estimator.get_params().get("random_state") is not None:
        estimator.set_params(random_state=random_state)
    return estimator, grid


def _default_model(name: str, known_as: str, max_components: int, random_state: Any) -> Model:
    estimator, grid = _named_model(known_as, random_state)
    if "n_components" in grid:
        feasible = [count for count in grid["n_components"] if count <= max(1, max_components)]
        grid = {**grid, "n_components": feasible}
    return Model(name, estimator, _settings(grid))


def _grid_model(name: str, grid: Any, random_state: Any) -> Model:
    estimator, _ = _named_model(name, random_state)
    _check_grid(name, grid, estimator)
    return Model(name, estimator, _settings(grid))


def _check_grid(name: str, grid: Any, estimator: Any) -> None:
    """Raise an error that says what in `grid` is not as `ParameterGrid` needs it."""
    grids = [grid] if isinstance(grid, Mapping) else grid
    if not (isinstance(grids, Sequence) and grids and all(isinstance(g, Mapping) for g in grids)):
        raise TypeError(
            f"`models[{name!r}]` must be a dict of lists or a list of such dicts; got {grid!r}. "
            f"Name the parameter that the values are for: {MODELS[name][1]!r}."
        )
    known = sorted(estimator.get_params())
    for parameter, values in itertools.chain.from_iterable(each.items() for each in grids):
        if parameter not in known:
            raise ValueError(
                f"`models[{name!r}]` must set parameters of {type(estimator).__name__}; got "
                f"{parameter!r}. Use one of {', '.join(known)}."
            )
        is_list = isinstance(values, np.ndarray) and values.ndim == 1
        is_list |= isinstance(values, Sequence) and not isinstance(values, str)
        if not is_list:
            raise TypeError(
                f"`models[{name!r}][{parameter!r}]` must be a list of the values to try; got "
                f"{values!r}. Put the values in brackets, even a single one."
            )
        if len(values) == 0:
            raise ValueError(
                f"`models[{name!r}][{parameter!r}]` must hold at least one value; got none. "
                "Add one, or leave the parameter out."
            )


def _settings(grid: Any) -> tuple[dict[str, Any], ...]:
    return tuple(
        {name: value.item() if isinstance(value, np.generic) else value for name, value in each}
        for each in (setting.items() for setting in ParameterGrid(grid))
    )
