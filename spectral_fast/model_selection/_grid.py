"""The grid language: what users write, and the chains, selections and models it stands for."""

import dataclasses
import itertools
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from spectral_fast.feature_selection import SPA, UVESPA, CovSel, ForClasses
from spectral_fast.feature_selection._base import ChannelSelector
from spectral_fast.model_selection._catalogue import IMPORTANCE, MODELS, PREPROCESSING, SELECTORS
from spectral_fast.model_selection._grid_models import Model, expand_models, expand_preset_models
from spectral_fast.model_selection._language import (
    check_names,
    checked,
    class_name,
    is_grid,
    lookup,
    named,
    seeded,
    variants,
)
from spectral_fast.model_selection._presets import PRESETS

__all__ = [
    "IMPORTANCE",
    "MODELS",
    "PREPROCESSING",
    "PRESETS",
    "SELECTORS",
    "Chain",
    "Grid",
    "Model",
    "Selection",
    "expand_grid",
    "expand_models",
    "expand_preprocessing",
    "expand_selectors",
]

#: A Savitzky-Golay name with the width of its window.
_WITH_WINDOW = re.compile(r"(sg[012])w([0-9]+)")


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


class Grid(NamedTuple):
    """All that a search combines."""

    chains: list[Chain]
    selections: list[Selection]
    models: list[Model]


def expand_grid(
    grid: str,
    *,
    models: Any = None,
    preprocessing: Any = None,
    selectors: Any = None,
    n_features: Any = None,
    task: str = "regression",
    n_samples: int,
    n_channels: int,
    random_state: Any = 0,
) -> Grid:
    """Return what `SpectralSearchCV(grid=..., models=..., ...)` stands for.

    Parameters
    ----------
    grid : {"basic", "quick", "standard", "thorough"}
        The preset that says what is None below. Of its models those whose library is not
        installed are left out, with a warning, and so are counts of components and of
        neighbours that `n_samples` and `n_channels` cannot support.
    models, preprocessing, selectors, n_features : object, default=None
        As the user wrote them.
    task : {"regression", "classification"}, default="regression"
        What is predicted.
    n_samples : int
        Size of the smallest training set.
    n_channels : int
        Number of channels of the spectra.
    random_state : int, RandomState instance or None, default=0
        Seed of the models and selectors that are given by name.

    Returns
    -------
    grid : Grid

    Raises
    ------
    ValueError, TypeError
        If something is not of the grid language.
    ImportError
        If a model is named whose library is not installed.
    """
    if not (isinstance(grid, str) and grid in PRESETS):
        raise ValueError(
            f"`grid` must be among {', '.join(PRESETS)}; got {grid!r}. Use one of these, and "
            "`models`, `preprocessing`, `selectors` and `n_features` for what is to differ."
        )
    preset = PRESETS[grid]
    context = {
        "task": task,
        "max_components": min(n_samples - 1, n_channels),  # centring costs a rank
        "random_state": random_state,
    }
    return Grid(
        expand_preprocessing(preset.preprocessing if preprocessing is None else preprocessing),
        expand_selectors(
            preset.selectors if selectors is None else selectors,
            preset.n_features if n_features is None else n_features,
            n_channels,
            task=task,
            n_samples=n_samples,
            random_state=random_state,
        ),
        expand_preset_models(grid, **context)
        if models is None
        else expand_models(models, **context),
    )


# --- preprocessing ----------------------------------------------------------------------


def expand_preprocessing(preprocessing: Any) -> list[Chain]:
    """Return the chains that `SpectralSearchCV(preprocessing=...)` stands for."""
    chains = []
    for name, entry in named("preprocessing", preprocessing, _chain_name):
        if is_grid(preprocessing, entry):
            chains += [
                Chain(variant, ((name, step),))
                for variant, step in variants("preprocessing", name, _smoother(name), entry)
            ]
        else:
            chains.append(Chain(name, _named_steps(_steps(entry))))
    check_names("preprocessing", [chain.name for chain in chains])
    return chains


def _chain_name(entry: Any) -> str:
    if isinstance(entry, str):
        return "+".join(_parts(entry))
    if isinstance(entry, Pipeline):
        return "+".join(name for name, _ in entry.steps)
    return class_name(entry).lower()


def _parts(chain: str) -> list[str]:
    return [part.strip() for part in chain.split("+")]


def _steps(entry: Any) -> list[tuple[str, Any]]:
    if isinstance(entry, str):
        steps = [(name, _smoother(name)) for name in _parts(entry)]
    elif isinstance(entry, Pipeline):
        steps = entry.steps
    else:
        steps = [(_chain_name(entry), checked(entry, "transform", "preprocessing"))]
    return [(name, step) for name, step in steps if step not in (None, "passthrough")]


def _smoother(name: str) -> Any:
    """Return the transformer of one name, with its window if it gives one."""
    match = _WITH_WINDOW.fullmatch(name)
    if match is None:
        return lookup("preprocessing", name, PREPROCESSING)
    transformer, window = clone(PREPROCESSING[match[1]]), int(match[2])
    if window % 2 == 0 or window <= transformer.polyorder:
        least = max(window, transformer.polyorder + 1)
        remedy = least + 1 - least % 2
        raise ValueError(
            "A window in `preprocessing` must be an odd number of channels above the polynomial's "
            f"order, {transformer.polyorder} for {match[1]}; got {name!r}. Use {match[1]}w{remedy}."
        )
    return transformer.set_params(window_length=window)


def _named_steps(steps: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Make the names distinct, from each other and from the last step, ``"model"``."""
    taken = {"model"}
    distinct = []
    for name, step in steps:
        numbered = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique = next(each for each in numbered if each not in taken)
        taken.add(unique)
        distinct.append((unique, step))
    return tuple(distinct)


# --- selectors --------------------------------------------------------------------------


def expand_selectors(
    selectors: Any,
    n_features: Any,
    n_channels: int,
    *,
    task: str = "regression",
    n_samples: int | None = None,
    random_state: Any = 0,
) -> list[Selection]:
    """Return the selections that `SpectralSearchCV(selectors=..., n_features=...)` stands for.

    Numbers of channels that leave none out are skipped, and those that a selector cannot give
    for `n_samples`, the size of the smallest training set; a selector of scikit-learn's, which
    ranks none, keeps its own choice alone.
    """
    counts = [n for n in _counts(n_features) if n is None or n < n_channels]
    entries = list(_named_selectors(selectors, random_state))
    check_names("selectors", [name for name, _ in entries])
    selections = [
        Selection(name, _for_task(each, task), sizes)
        for name, selector in entries
        for each, sizes in _sized(name, selector, counts, n_samples)
        if sizes
    ]
    if not selections:
        raise ValueError(
            "`n_features` must hold a number of channels that the `selectors` can give, below "
            f"n_channels={n_channels}, for SPA and CovSel also below the number of training "
            f"samples; got {n_features!r}. Use a lower one or, for selectors other than "
            f'{IMPORTANCE!r}, "auto".'
        )
    return selections


def _for_task(selector: Any, task: str) -> Any:
    """Return a selector that takes classes where the task has them."""
    is_own = isinstance(selector, ChannelSelector)
    return ForClasses(selector) if is_own and task == "classification" else selector


def _named_selectors(selectors: Any, random_state: Any) -> Iterable[tuple[str, Any]]:
    for name, entry in named("selectors", selectors, class_name):
        if is_grid(selectors, entry):
            selector = lookup("selectors", name, SELECTORS)
            for variant, each in variants("selectors", name, selector, entry):
                yield variant, seeded(each, random_state)
        elif isinstance(entry, str):
            yield name, seeded(lookup("selectors", entry, SELECTORS), random_state)
        else:
            yield name, checked(entry, "get_support", "selectors")


def _counts(n_features: Any) -> list[int | None]:
    """Return the distinct numbers of channels, None for a selector's own choice."""
    if isinstance(n_features, str) or not np.iterable(n_features):
        n_features = [n_features]
    counts: list[int | None] = []
    for count in n_features:
        if count in ("auto", None):
            counts.append(None)
        elif isinstance(count, int | np.integer) and not isinstance(count, bool) and count >= 1:
            counts.append(int(count))
        else:
            raise ValueError(
                f'`n_features` must hold whole numbers of channels from 1, or "auto"; got '
                f'{count!r}. Use such as [10, 20], or "auto" where the selector is to choose.'
            )
    return list(dict.fromkeys(counts))


def _sized(
    name: str, selector: Any, counts: list[int | None], n_samples: int | None
) -> list[tuple[Any, tuple[int | None, ...]]]:
    """Return the selector, ready to give each number of channels, with those it can give.

    One that must know the numbers before it is fitted makes its own choice in a fit apart.
    """
    numbers = tuple(count for count in counts if count is not None)
    if selector is None and name == IMPORTANCE:
        return [(None, numbers)]
    if selector is None or not hasattr(selector, "subset"):
        return [(selector, (None,))]
    if isinstance(selector, CovSel | SPA | UVESPA) and n_samples is not None:
        most = _most(selector, n_samples)
        numbers = tuple(number for number in numbers if number <= most)
    own_choice = (None,) if None in counts else ()
    range_ = _range(selector, numbers)
    if range_ is None:
        return [(selector, (*numbers, *own_choice))]
    sized = clone(selector).set_params(n_features_to_select=range_)
    return [(sized, numbers), (selector, own_choice)]


def _most(selector: Any, n_samples: int) -> float:
    """Return the largest number of channels that CovSel, SPA or UVESPA can give.

    More would leave nothing of the samples; SPA cross-validates regressions besides.
    """
    if isinstance(selector, CovSel):
        return n_samples - 1
    folds = 5 if selector.cv is None else selector.cv
    if not isinstance(folds, int | np.integer):  # the folds of a splitter are not known yet
        return np.inf
    largest_fold = -(-n_samples // folds)
    return n_samples - largest_fold - 1


def _range(selector: Any, numbers: tuple[int, ...]) -> Any:
    """Return the `n_features_to_select` for these numbers; None where it need not be set."""
    if not numbers:
        return None
    if isinstance(selector, CovSel) and selector.n_features_to_select == "cv":
        return max(numbers)
    if isinstance(selector, SPA) and selector.n_features_to_select is None:
        return min(numbers), max(numbers)
    if isinstance(selector, UVESPA) and selector.n_features_to_select is None:
        return 1, max(numbers)  # few channels may survive: it has a subset of more than SPA reaches
    return None
