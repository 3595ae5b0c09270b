"""The application's search over preprocessings, models and sets of channels."""

import importlib
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import LabelEncoder

from spectral_fast.dropin.spectral_predict import _grid, _rows
from spectral_fast.dropin.spectral_predict._grid import Spectra, Subset
from spectral_fast.dropin.spectral_predict._inputs import check_inputs
from spectral_fast.dropin.spectral_predict._models import Fit, Group, Study, message
from spectral_fast.dropin.spectral_predict._pool import Pool
from spectral_fast.dropin.spectral_predict._progress import Place, Progress

__all__ = ["run_search_as_is", "run_search_fixed"]

_DEFAULTS: dict[str, Any] = {
    "X": inspect.Parameter.empty,
    "y": inspect.Parameter.empty,
    "task_type": inspect.Parameter.empty,
    "folds": 5,
    "excluded_count": 0,
    "validation_count": 0,
    "total_samples_original": None,
    "variable_penalty": 3,
    "complexity_penalty": 5,
    "max_n_components": 8,
    "max_iter": 500,
}
_LISTS = """
    models_to_test preprocessing_methods interference_settings window_sizes n_estimators_list
    learning_rates neuralboosted_hidden_sizes neuralboosted_activations pls_max_iter_list
    pls_tol_list rf_n_trees_list rf_max_depth_list rf_min_samples_split_list
    rf_min_samples_leaf_list rf_max_features_list rf_bootstrap_list rf_max_leaf_nodes_list
    rf_min_impurity_decrease_list ridge_alphas_list ridge_solver_list ridge_tol_list
    lasso_alphas_list lasso_selection_list lasso_tol_list xgb_n_estimators_list xgb_learning_rates
    xgb_max_depths xgb_subsample xgb_colsample_bytree xgb_reg_alpha xgb_reg_lambda
    xgb_min_child_weight_list xgb_gamma_list elasticnet_alphas_list elasticnet_l1_ratios
    elasticnet_selection_list elasticnet_tol_list lightgbm_n_estimators_list
    lightgbm_learning_rates lightgbm_num_leaves_list lightgbm_max_depth_list
    lightgbm_min_child_samples_list lightgbm_subsample_list lightgbm_colsample_bytree_list
    lightgbm_reg_alpha_list lightgbm_reg_lambda_list catboost_iterations_list
    catboost_learning_rates catboost_depths catboost_l2_leaf_reg_list catboost_border_count_list
    catboost_bagging_temperature_list catboost_random_strength_list svr_kernels svr_C_list
    svr_gamma_list svr_epsilon_list svr_degree_list svr_coef0_list svr_shrinking_list
    mlp_hidden_layer_sizes_list mlp_alphas_list mlp_learning_rate_inits mlp_activation_list
    mlp_solver_list mlp_batch_size_list mlp_learning_rate_schedule_list mlp_momentum_list
"""
_DEFAULTS |= dict.fromkeys(_LISTS.split())
_DEFAULTS |= {
    "enable_variable_subsets": True,
    "variable_counts": None,
    "enable_region_subsets": True,
    "n_top_regions": 5,
    "progress_callback": None,
    "variable_selection_methods": None,
    "apply_uve_prefilter": False,
    "uve_cutoff_multiplier": 1.0,
    "uve_n_components": None,
    "spa_n_random_starts": 10,
    "ipls_n_intervals": 20,
    "tier": "standard",
    "enabled_models": None,
    "analysis_wl_min": None,
    "analysis_wl_max": None,
    "imbalance_method": None,
    "imbalance_params": None,
    "enable_class_weight": False,
}

#: The arguments of the application's function.
_SIGNATURE = inspect.Signature(
    [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for name, default in _DEFAULTS.items()
    ]
)

#: What the textbook's results differ in.
_FIXED = (
    "channels are selected inside the folds",
    "selections of channels and importances are the textbook's",
    "components of PLS end at the rank of the spectra",
    "rows with errors beyond ten standard deviations of y are not scored",
    "PLS takes weights of samples",
    "PLS-DA has its parameters and its most important channels",
    "numbers of channels below 1 are left out",
    "what the grid leaves out is named in a warning",
)


def _search(fixed: bool) -> Callable:
    """Return the function that takes the place of the application's."""

    def run_search(*arguments, **named):
        """Try every combination; return the ranked table, and the encoder of text labels or None.

        The arguments are the application's.
        """
        bound = _SIGNATURE.bind(*arguments, **named)
        bound.apply_defaults()
        return _run(bound.arguments, fixed)

    run_search.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
    return run_search


run_search_as_is = _search(fixed=False)
run_search_fixed = _search(fixed=True)


def _run(options: Mapping[str, Any], fixed: bool) -> tuple[pd.DataFrame, LabelEncoder | None]:
    X, wavelengths, study, encoder = _inputs(options, fixed)
    folds, n_channels = options["folds"], X.shape[1]
    groups = _grid.model_groups(study, n_channels, folds, options)
    configs = _grid.configurations(options["preprocessing_methods"], options["window_sizes"])
    methods = _grid.chosen_methods(options["variable_selection_methods"])
    print(
        f"Running {study.task_type} search with {folds}-fold CV: {', '.join(groups)}; "
        f"{len(configs)} preprocessing configs"
    )
    plan = _Plan(study, groups, methods, options, len(configs), n_channels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single fits, as a search has thousands of them
        rows = plan.rows(
            _grid.prepared(X, wavelengths, study, config, options) for config in configs
        )
    if not rows:
        raise ValueError("The grid of models is empty. Use fewer `folds`, or other models.")
    table = _rows.ranked(rows, study, options)
    if fixed:
        table.attrs["quirks_fixed"] = list(_FIXED)
    return table, encoder


# --- inputs -----------------------------------------------------------------------------


def _inputs(options: Mapping[str, Any], fixed: bool):
    """Return the spectra, their wavelengths, what models have in common, and the encoder."""
    task, folds = options["task_type"], options["folds"]
    if task not in ("regression", "classification"):
        raise ValueError(f"`task_type` must be regression or classification; got {task!r}.")
    values = np.asarray(options["y"])
    encoder = None
    if task == "classification" and not np.issubdtype(values.dtype, np.number):
        missing = np.flatnonzero(pd.isna(values))
        if missing.size:
            raise ValueError(
                f"y has no label in row {missing[0]} (counted from 0), and {missing.size} such "
                "rows. Remove them, or label them."
            )
        encoder = LabelEncoder()
        values = encoder.fit_transform(values)
        print("Labels: " + ", ".join(f"{each!r} is {k}" for k, each in enumerate(encoder.classes_)))
    X, labels = check_inputs(options["X"], values)
    X = np.ascontiguousarray(X)  # as the application copies it
    if not 2 <= folds <= len(X):
        raise ValueError(
            f"`folds` must be from 2 to the number of samples, {len(X)}; got {folds}. Use "
            f"{'more' if folds < 2 else 'fewer'}."
        )
    try:
        wavelengths = np.asarray(options["X"].columns).astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The columns of X must be wavelengths; {error}. Name them by numbers."
        ) from error
    y, n_classes = labels, 0
    cv: Any = KFold(folds, shuffle=True, random_state=42)
    if task == "classification":
        classes, y = np.unique(labels, return_inverse=True)
        n_classes = len(classes)
        if n_classes < 2:
            raise ValueError("y has samples of one class only. Add samples of another class.")
        cv = StratifiedKFold(folds, shuffle=True, random_state=42)
    study = Study(
        y=y,
        labels=values if n_classes else labels,
        n_classes=n_classes,
        splits=list(cv.split(X, y)),
        fixed=fixed,
        balance="balanced" if n_classes and options["imbalance_method"] == "class_weight" else None,
        imbalance=_imbalance(options),
    )
    return X, wavelengths, study, encoder


def _imbalance(options: Mapping[str, Any]) -> Any:
    """Return the application's step against imbalance, if it is one."""
    method = options["imbalance_method"]
    if method in (None, "class_weight"):
        return None
    build = importlib.import_module("spectral_predict.imbalance").build_imbalance_transformer
    return build(method, task_type=options["task_type"], **(options["imbalance_params"] or {}))


# --- execution --------------------------------------------------------------------------


class _Spectra(NamedTuple):
    """The spectra after one preprocessing, and the sets of channels that all models share."""

    number: int
    spectra: Spectra
    names: np.ndarray
    counts: list[int]
    selected: dict[str, list[Subset]]  # by method
    regions: list[Subset]


class _Done(NamedTuple):
    """What a task gives: rows, and where models choose channels, what they choose by."""

    rows: list[tuple[Place, dict[str, Any]]]
    importances: list[tuple[Group, int, np.ndarray | str]]  # with the step
    data: _Spectra


class _Plan:
    """All rows of a search, computed by as many threads as there are cores."""

    def __init__(
        self,
        study: Study,
        groups: Mapping[str, list[Group]],
        methods: Sequence[str],
        options: Mapping[str, Any],
        n_configs: int,
        n_channels: int,
    ):
        self.study = study
        self.pool = Pool()
        self.truth = _rows.Truth(study)
        self.groups = groups
        self.methods = methods if options["enable_variable_subsets"] else []
        self.options = options
        self.n_channels = n_channels
        self.models = importlib.import_module("spectral_predict.models")
        self.registry = importlib.import_module("spectral_predict.model_registry")
        #: Where the candidates of each model start.
        sizes = [sum(len(group.candidates) for group in each) for each in groups.values()]
        self.firsts = dict(zip(groups, np.cumsum([0, *sizes]).tolist(), strict=False))
        self.n_steps = sum(sizes)
        self.total = self.n_steps * n_configs

    def rows(self, all_spectra: Iterator[Spectra]) -> list[dict[str, Any]]:
        """Return the rows in the order of evaluation."""
        progress = Progress(self.options["progress_callback"], self.total)
        with self.pool:
            for number, spectra in enumerate(all_spectra):
                data = self._shared(number, spectra)
                progress.announce(self._steps(data))
                self._submit(data)
                for done in self.pool.finished(wait=False):
                    self._take(done, progress)
            for done in self.pool.finished(wait=True):
                self._take(done, progress)
        return progress.rows

    def _shared(self, number: int, spectra: Spectra) -> _Spectra:
        n_channels = spectra.X.shape[1]
        counts = _grid.counts_of(self.options["variable_counts"], n_channels, self.study.fixed)
        selected = {
            method: _grid.selected_subsets(method, spectra, self.study, counts, self.options)
            for method in self.methods
            if method != "importance" and counts and any(map(self._has_subsets, self.groups))
        }
        regions = []
        if self.options["enable_region_subsets"]:
            regions = _grid.region_subsets(spectra, self.study, self.options["n_top_regions"])
        names = _rows.labels(spectra.wavelengths)
        return _Spectra(number, spectra, names, counts, selected, regions)

    def _has_subsets(self, name: str) -> bool:
        return self.registry.supports_subset_analysis(name)

    def expected(self, name: str, data: _Spectra) -> int:
        """Return how many rows each candidate of a model has."""
        selected = len(self.methods) * len(data.counts) if self._has_subsets(name) else 0
        return 1 + selected + len(data.regions)

    def _steps(self, data: _Spectra) -> list[tuple[str, int]]:
        """Return what the application says of each candidate, and how many rows it has."""
        config = data.spectra.config
        suffix = f"_d{config.deriv}" if config.deriv else ""
        steps = []
        for name, groups in self.groups.items():
            candidates = {
                position: candidate
                for group in groups
                for position, candidate in zip(group.positions, group.candidates, strict=True)
            }
            for _, (_, _, params) in sorted(candidates.items(), key=lambda each: each[0]):
                shown = ", ".join(f"{key}={value}" for key, value in [*params.items()][:2])
                shown += "..." if len(params) > 2 else ""
                said = f"Testing {name} ({shown}) + {config.name}{suffix}"
                steps.append((said, self.expected(name, data)))
        return steps

    def _submit(self, data: _Spectra) -> None:
        everything = Subset("full", None)
        after = 1 + len(self.methods) * len(data.counts)
        for name, groups in self.groups.items():
            shared = [(0, everything)]
            if self._has_subsets(name):
                for m, method in enumerate(self.methods):
                    for k, subset in enumerate(data.selected.get(method, ())):
                        shared.append((1 + m * len(data.counts) + k, subset))
            shared += [(after + k, subset) for k, subset in enumerate(data.regions)]
            for group in groups:
                for place, subset in shared:
                    # What others wait for is first; then what takes longest.
                    priority = (data.number, place != 0, -self._cost(group, data, subset))
                    self._call(priority, self._evaluate, data, group, place, subset)

    def _call(self, priority: tuple, task: Callable, data: _Spectra, group: Group, *rest: Any):
        # Fits that take little are lost among the calls around them.
        self.pool.submit(priority, task, data, group, *rest, keeps_lock=group.is_linear)

    def _cost(self, group: Group, data: _Spectra, subset: Subset) -> int:
        p = data.spectra.X.shape[1] if subset.channels is None else len(subset.channels)
        return p * len(group.candidates) * (1 if group.is_linear else 10)

    def _take(self, done: _Done, progress: Progress) -> None:
        progress.add(done.rows)
        for group, step, importances in done.importances:
            cost = -10 * self._cost(group, done.data, Subset("", None))
            priority = (done.data.number, True, cost)
            self._call(priority, self._by_importance, done.data, group, step, importances)

    # --- tasks --------------------------------------------------------------------------

    def _evaluate(self, data: _Spectra, group: Group, place: int, subset: Subset) -> _Done:
        """Return the rows of a group's candidates on some channels."""
        rows, fits, X = self._rows(data, group, subset)
        first = data.number * self.n_steps + self.firsts[group.name]
        steps = [first + position for position in group.positions]
        placed = [(Place(step, place), row) for step, row in zip(steps, rows, strict=True)]
        importances = []
        by_model = "importance" in self.methods and self._has_subsets(group.name)
        if place == 0 and by_model and data.counts:
            if not fits:
                fits = group.fitted(X)
            for k, (step, fit) in enumerate(zip(steps, fits, strict=True)):
                found = self._importances(group.name, fit, X, slice(None))
                importances.append((group.one(k), step, found))
        return _Done(placed, importances, data)

    def _by_importance(
        self, data: _Spectra, group: Group, step: int, importances: np.ndarray | str
    ) -> _Done:
        """Return the rows of one candidate on the channels that matter most to it."""
        X = data.spectra.X
        found = [importances]
        if self.study.fixed and not isinstance(importances, str):
            for train, _ in self.study.splits:
                [fit] = group.fitted(X, train)
                found.append(self._importances(group.name, fit, X, train))
        errors = [each for each in found if isinstance(each, str)]
        orders = [_grid.by_importance(each) for each in found if not isinstance(each, str)]
        first = 1 + self.methods.index("importance") * len(data.counts)
        placed = []
        for place, k in enumerate(data.counts, first):
            if errors:
                subset = Subset(f"top{k}_importance", np.arange(k), error=errors[0])
            else:
                subset = _grid.top(k, "importance", *orders)
            [row], _, _ = self._rows(data, group, subset)
            placed.append((Place(step, place), row))
        return _Done(placed, [], data)

    def _rows(self, data: _Spectra, group: Group, subset: Subset):
        """Return a row for each candidate, its fits to all samples if any, and the spectra."""
        X = data.spectra.X
        if subset.channels is not None:
            X = X[:, subset.channels]
        answers, fits = self._answers(data, group, subset, X)
        found = [self._metrics(group, each) for each in answers]
        told = group.reported(fits) if fits else [None] * len(found)
        rows = []
        for candidate, metrics, fit in zip(group.candidates, found, told, strict=True):
            importances: Any = None
            if fit is not None and self.registry.supports_feature_importance(group.name):
                importances = self._importances(group.name, fit, X, slice(None))
            rows.append(
                _rows.row(
                    candidate,
                    data.spectra,
                    subset,
                    data.names,
                    metrics,
                    fit,
                    None if isinstance(importances, str) else importances,
                    self.options,
                    self.n_channels,
                )
            )
        return rows, fits, X

    def _answers(
        self, data: _Spectra, group: Group, subset: Subset, X: np.ndarray
    ) -> tuple[list[Any], list[Fit | None]]:
        """Return the held-out outputs or errors of each candidate, and the fits to all samples."""
        splits = self.study.splits
        if subset.error is not None:
            return [subset.error] * len(group.candidates), []
        if subset.of_folds is None and group.takes_all_folds:
            answers = group.held_out(X, splits)
            failed = all(isinstance(each, str) for each in answers)
            return answers, group.fitted(X) if group.is_reported and not failed else []
        spectra = [X] * len(splits)
        if subset.of_folds is not None:
            spectra = [data.spectra.X[:, channels] for channels in subset.of_folds]
        calls: list[Any] = [
            partial(group.held_out, each, [split])
            for each, split in zip(spectra, splits, strict=True)
        ]
        # All samples beside the folds: the fit is lost only where every fold fails.
        calls.append(partial(group.fitted, X) if group.is_reported else list)
        *folds, fits = self.pool.map(lambda call: call(), calls)
        return [_together(parts) for parts in zip(*folds, strict=True)], fits

    def _metrics(self, group: Group, answer: Any) -> dict[str, Any] | str:
        if isinstance(answer, str):
            return answer
        try:
            if group.gives_metrics:
                return self.truth.of_folds(answer)
            return self.truth.metrics(answer, group.gives_chances)
        except Exception as error:
            return message(error)

    def _importances(self, name: str, fit: Fit | None, X: np.ndarray, rows: Any) -> Any:
        """Return how important each channel is to a fit, or why that is not known."""
        if fit is None or fit.model is None:
            return "ValueError: the model cannot be fitted to all samples"
        y = self.study.labels if self.study.n_classes else self.study.y
        try:
            found = self.models.get_feature_importances(fit.model, name, X[rows], y[rows])
        except Exception as error:
            return message(error)
        return np.asarray(found)


def _together(parts: Sequence[Any]) -> Any:
    """Return the held-out outputs of all folds, or the first error."""
    errors = [each for each in parts if isinstance(each, str)]
    if errors:
        return errors[0]
    if isinstance(parts[0], list):
        return list(itertools.chain.from_iterable(parts))
    return np.concatenate(parts)
