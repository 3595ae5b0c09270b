"""What the application's search combines: preprocessings, models, and sets of channels."""

import importlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spectral_fast.dropin.spectral_predict import _textbook, _variable_selection
from spectral_fast.dropin.spectral_predict._models import Candidate, Group, Study, grouped

__all__ = [
    "Config",
    "Spectra",
    "Subset",
    "by_importance",
    "chosen_methods",
    "configurations",
    "counts_of",
    "model_groups",
    "prepared",
    "region_subsets",
    "selected_subsets",
    "top",
]

METHODS = ("importance", "spa", "uve", "uve_spa", "ipls")
_COUNTS = (10, 20, 50, 100, 250, 500, 1000)
_PREPROCESSING = dict.fromkeys(("raw", "snv", "sg1", "sg2", "deriv_snv"), True)
_WINDOWS = (7, 19)

#: The parameter that each list of the search is meant to give the support vector machine.
_SVR_LISTS = {
    "svr_kernels": "kernel",
    "svr_C_list": "C",
    "svr_gamma_list": "gamma",
    "svr_epsilon_list": "epsilon",
    "svr_degree_list": "degree",
    "svr_coef0_list": "coef0",
    "svr_shrinking_list": "shrinking",
}


class Config(NamedTuple):
    """A preprocessing, as the rows tell it."""

    name: str
    deriv: int | None
    window: int | None
    polyorder: int | None


class Spectra(NamedTuple):
    """The spectra after one preprocessing, within the limits of the analysis."""

    config: Config
    X: np.ndarray
    wavelengths: np.ndarray


class Subset(NamedTuple):
    """Channels to fit models on."""

    tag: str
    channels: np.ndarray | None  # in the order in which models get them; None for all
    of_folds: list[np.ndarray] | None = None  # those of each training set, where they differ
    error: str | None = None  # why there are none


def configurations(methods: Mapping[str, Any] | None, windows: Sequence[int] | None):
    """Return the preprocessings in the order of evaluation; the spectra alone, if none is asked."""
    methods = _PREPROCESSING if methods is None else methods
    windows = _WINDOWS if windows is None else windows
    configs = [Config(name, None, None, None) for name in ("raw", "snv") if methods.get(name)]
    for key, deriv in (("sg1", 1), ("sg2", 2)):
        if not methods.get(key):
            continue
        names = ["deriv"]
        names += ["snv_deriv"] if methods.get("snv") else []
        names += ["deriv_snv"] if methods.get("deriv_snv") else []
        configs += [Config(name, deriv, window, deriv + 1) for name in names for window in windows]
    return configs or [Config("raw", None, None, None)]


def chosen_methods(methods: Sequence[str] | None) -> list[str]:
    """Return the known methods of selection, or the one that is the default."""
    unknown = [each for each in methods or () if each not in METHODS]
    if unknown:
        print(
            f"Unknown variable_selection_methods are left out: {', '.join(map(str, unknown))}. "
            f"There are {', '.join(METHODS)}."
        )
    return [each for each in methods or () if each in METHODS] or ["importance"]


def counts_of(given: Sequence[int] | None, n_channels: int, fixed: bool) -> list[int]:
    """Return the numbers of channels to select.

    To the application 0 means all channels, and -1 all but one.
    """
    least = 1 if fixed else -np.inf
    return [k for k in (_COUNTS if given is None else given) if least <= k < n_channels]


# --- models -----------------------------------------------------------------------------


def model_groups(
    study: Study, n_channels: int, folds: int, options: Mapping[str, Any]
) -> dict[str, list[Group]]:
    """Return the models of the application's grid by their names, in groups."""
    models = importlib.import_module("spectral_predict.models")
    most = min(options["max_n_components"], n_channels)
    if not study.n_classes:
        most = min(most, len(study.y) // folds - 1)
    known = inspect.signature(models.get_model_grids).parameters
    passed = {
        name: value
        for name, value in options.items()
        if name in known and name not in ("task_type", "max_n_components", "max_iter")
    }
    grids = models.get_model_grids(study.task_type, n_channels, most, options["max_iter"], **passed)
    wanted = options["models_to_test"]
    if wanted is not None:
        chosen = {name: grid for name, grid in grids.items() if name in wanted}
        if not chosen:
            names = ", ".join(map(str, wanted)) or "no names"
            raise ValueError(
                f"No valid models found: `models_to_test` has {names}, and there are "
                f"{', '.join(grids)}. Name one of these, or another tier."
            )
        grids, offered = chosen, grids
        if study.fixed:
            _warn_of_models([name for name in wanted if name not in offered], offered)
    if study.fixed:
        _warn_of_lists(grids.get("SVR", []), options)
    if study.n_classes and options["imbalance_method"] == "class_weight":
        for grid in grids.values():
            for model, _ in grid:
                if hasattr(model, "class_weight"):
                    model.set_params(class_weight="balanced")
    return {
        name: grouped(study, [Candidate(name, model, params) for model, params in grid])
        for name, grid in grids.items()
        if grid
    }


def _warn_of_models(missing: Sequence[str], offered: Mapping[str, Any]) -> None:
    if missing:
        warnings.warn(
            f"`models_to_test` has {', '.join(missing)}, which the grid of this tier has not: they "
            f"are left out. It has {', '.join(offered)}.",
            UserWarning,
            stacklevel=2,
        )


def _warn_of_lists(grid: Sequence[Any], options: Mapping[str, Any]) -> None:
    ignored = [
        name
        for name, parameter in _SVR_LISTS.items()
        if grid
        and options[name] is not None
        and {model.get_params()[parameter] for model, _ in grid} != set(options[name])
    ]
    if ignored:
        warnings.warn(
            f"The grid of SVR does not have the values of {', '.join(ignored)}: they are ignored.",
            UserWarning,
            stacklevel=2,
        )


# --- spectra ----------------------------------------------------------------------------


def prepared(
    X: np.ndarray, wavelengths: np.ndarray, study: Study, config: Config, options: Mapping[str, Any]
) -> Spectra:
    """Return the spectra after a preprocessing."""
    preprocess = importlib.import_module("spectral_predict.preprocess")
    interference = options["interference_settings"]
    steps = preprocess.build_preprocessing_pipeline(
        *config,
        task_type=study.task_type,
        interference=interference if isinstance(interference, Mapping) and interference else None,
        wavelengths=wavelengths,
    )
    y = study.labels if study.n_classes else study.y
    for name, step in steps:
        X = step.fit(X, y).transform(X)
        if name == "wl_exclude":
            wavelengths = wavelengths[step.mask_]
    least, most = options["analysis_wl_min"], options["analysis_wl_max"]
    inside = np.ones(len(wavelengths), dtype=bool)
    if least is not None:
        inside &= wavelengths >= least
    if most is not None:
        inside &= wavelengths <= most
    if not inside.any():
        there = f"{wavelengths.min():.1f}-{wavelengths.max():.1f}" if len(wavelengths) else "no"
        raise ValueError(
            f"Wavelength range {least}-{most} nm excludes all wavelengths. There are {there} nm."
        )
    if least is None and most is None:
        return Spectra(config, X, wavelengths)  # in the layout that they have
    return Spectra(config, X[:, inside], wavelengths[inside])


# --- sets of channels -------------------------------------------------------------------


def region_subsets(spectra: Spectra, study: Study, n_regions: int) -> list[Subset]:
    """Return the application's regions of the spectrum; none, where it finds an error."""
    find = importlib.import_module("spectral_predict.regions").create_region_subsets
    y = study.labels if study.n_classes else study.y
    try:
        regions = find(spectra.X, y, spectra.wavelengths, n_regions)
        if not study.fixed:
            return [Subset(each["tag"], np.asarray(each["indices"])) for each in regions]
        of_folds = [
            find(spectra.X[train], y[train], spectra.wavelengths, n_regions)
            for train, _ in study.splits
        ]
    except Exception as error:
        print(f"No regions of {spectra.config.name}: {error}")
        return []
    subsets = []
    for k, each in enumerate(regions):
        if any(len(found) <= k for found in of_folds):
            error_text = "ValueError: a training set has fewer regions than all samples have"
            subsets.append(Subset(each["tag"], np.asarray(each["indices"]), error=error_text))
            continue
        channels = [np.asarray(found[k]["indices"]) for found in of_folds]
        subsets.append(Subset(each["tag"], np.asarray(each["indices"]), channels))
    return subsets


def selected_subsets(
    method: str, spectra: Spectra, study: Study, counts: Sequence[int], options: Mapping[str, Any]
) -> list[Subset]:
    """Return the best channels by a method that asks no model, for each of their numbers."""
    y = study.labels if study.n_classes else study.y
    parts: list[Any] = [slice(None)]
    if study.fixed:
        parts += [train for train, _ in study.splits]
    try:
        orders = [
            by_importance(_importances(method, spectra.X[rows], y[rows], counts, study, options))
            for rows in parts
        ]
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return [Subset(f"top{k}_{method}", np.arange(k), error=text) for k in counts]
    return [top(k, method, *orders) for k in counts]


def by_importance(importances: np.ndarray) -> np.ndarray:
    """Return the channels, the most important one last."""
    return np.argsort(importances, kind="stable")


def top(k: int, method: str, order: np.ndarray, *orders: np.ndarray) -> Subset:
    """Return the k most important channels, the most important one first.

    Parameters
    ----------
    k : int
    method : str
    order : (p,) int
        The channels `by_importance`.
    *orders : (p,) int
        Those of each training set, where they differ.
    """
    best, *of_folds = (each[-k:][::-1] for each in (order, *orders))
    return Subset(f"top{k}_{method}", best, of_folds or None)


def _importances(method, X, y, counts, study, options):
    selection = _textbook if study.fixed else _variable_selection
    longest, folds = max(counts), options["folds"]
    cutoff, components = options["uve_cutoff_multiplier"], options["uve_n_components"]
    starts = options["spa_n_random_starts"]
    if method == "spa":
        return selection.spa_selection(X, y, longest, starts, folds)
    if method == "uve":
        return selection.uve_selection(X, y, cutoff, components, folds)
    if method == "uve_spa":
        return selection.uve_spa_selection(X, y, longest, cutoff, components, folds, starts, folds)
    return selection.ipls_selection(X, y, options["ipls_n_intervals"], components, folds)
