"""The search: every combination, one after another."""

import inspect
import itertools

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder, label_binarize

from .models import get_feature_importances, get_model_grids
from .preprocess import build_preprocessing_pipeline
from .regions import create_region_subsets
from .scoring import add_result, compute_composite_score, create_results_dataframe
from .variable_selection import ipls_selection, spa_selection, uve_selection, uve_spa_selection

COUNTS = [10, 20, 50, 100, 250, 500, 1000]
METHODS = ("importance", "spa", "uve", "uve_spa", "ipls")
DEFAULT_PREPROCESSING = dict.fromkeys(("raw", "snv", "sg1", "sg2", "deriv_snv"), True)


def run_search(
    X,
    y,
    task_type,
    folds=5,
    excluded_count=0,
    validation_count=0,
    total_samples_original=None,
    variable_penalty=3,
    complexity_penalty=5,
    max_n_components=8,
    max_iter=500,
    models_to_test=None,
    preprocessing_methods=None,
    interference_settings=None,
    window_sizes=None,
    n_estimators_list=None,
    learning_rates=None,
    neuralboosted_hidden_sizes=None,
    neuralboosted_activations=None,
    pls_max_iter_list=None,
    pls_tol_list=None,
    rf_n_trees_list=None,
    rf_max_depth_list=None,
    rf_min_samples_split_list=None,
    rf_min_samples_leaf_list=None,
    rf_max_features_list=None,
    rf_bootstrap_list=None,
    rf_max_leaf_nodes_list=None,
    rf_min_impurity_decrease_list=None,
    ridge_alphas_list=None,
    ridge_solver_list=None,
    ridge_tol_list=None,
    lasso_alphas_list=None,
    lasso_selection_list=None,
    lasso_tol_list=None,
    xgb_n_estimators_list=None,
    xgb_learning_rates=None,
    xgb_max_depths=None,
    xgb_subsample=None,
    xgb_colsample_bytree=None,
    xgb_reg_alpha=None,
    xgb_reg_lambda=None,
    xgb_min_child_weight_list=None,
    xgb_gamma_list=None,
    elasticnet_alphas_list=None,
    elasticnet_l1_ratios=None,
    elasticnet_selection_list=None,
    elasticnet_tol_list=None,
    lightgbm_n_estimators_list=None,
    lightgbm_learning_rates=None,
    lightgbm_num_leaves_list=None,
    lightgbm_max_depth_list=None,
    lightgbm_min_child_samples_list=None,
    lightgbm_subsample_list=None,
    lightgbm_colsample_bytree_list=None,
    lightgbm_reg_alpha_list=None,
    lightgbm_reg_lambda_list=None,
    catboost_iterations_list=None,
    catboost_learning_rates=None,
    catboost_depths=None,
    catboost_l2_leaf_reg_list=None,
    catboost_border_count_list=None,
    catboost_bagging_temperature_list=None,
    catboost_random_strength_list=None,
    svr_kernels=None,
    svr_C_list=None,
    svr_gamma_list=None,
    svr_epsilon_list=None,
    svr_degree_list=None,
    svr_coef0_list=None,
    svr_shrinking_list=None,
    mlp_hidden_layer_sizes_list=None,
    mlp_alphas_list=None,
    mlp_learning_rate_inits=None,
    mlp_activation_list=None,
    mlp_solver_list=None,
    mlp_batch_size_list=None,
    mlp_learning_rate_schedule_list=None,
    mlp_momentum_list=None,
    enable_variable_subsets=True,
    variable_counts=None,
    enable_region_subsets=True,
    n_top_regions=5,
    progress_callback=None,
    variable_selection_methods=None,
    apply_uve_prefilter=False,
    uve_cutoff_multiplier=1.0,
    uve_n_components=None,
    spa_n_random_starts=10,
    ipls_n_intervals=20,
    tier="standard",
    enabled_models=None,
    analysis_wl_min=None,
    analysis_wl_max=None,
    imbalance_method=None,
    imbalance_params=None,
    enable_class_weight=False,
):
    given = dict(locals())
    rows = []
    encoder = None
    labels = y.to_numpy()
    if task_type == "classification" and not np.issubdtype(labels.dtype, np.number):
        encoder = LabelEncoder()
        labels = encoder.fit_transform(labels)
    data = X.to_numpy()
    n, p = data.shape

    components = min(max_n_components, p)
    if task_type == "regression":
        components = min(components, n // folds - 1)
    known = inspect.signature(get_model_grids).parameters
    options = {name: given[name] for name in known if name in given and name not in DERIVED}
    grids = get_model_grids(task_type, p, components, max_iter, **options)
    if models_to_test is not None:
        grids = {name: grid for name, grid in grids.items() if name in models_to_test}
        if not grids:
            raise ValueError(f"No valid models found. Requested: {models_to_test}")

    if task_type == "regression":
        cv = KFold(folds, shuffle=True, random_state=42)
    else:
        cv = StratifiedKFold(folds, shuffle=True, random_state=42)
    configs = configurations(
        DEFAULT_PREPROCESSING if preprocessing_methods is None else preprocessing_methods,
        [7, 19] if window_sizes is None else window_sizes,
    )
    methods = [each for each in variable_selection_methods or () if each in METHODS]
    methods = methods or ["importance"]
    total = len(configs) * sum(map(len, grids.values()))
    step, best = 0, None

    for config in configs:
        spectra, wavelengths = prepared(
            data,
            labels,
            X.columns.to_numpy(float),
            config,
            interference_settings,
            analysis_wl_min,
            analysis_wl_max,
        )
        counts = COUNTS if variable_counts is None else variable_counts
        counts = [k for k in counts if k < spectra.shape[1]]
        regions = []
        if enable_region_subsets:
            regions = create_region_subsets(spectra, labels, wavelengths, n_top_regions)
        for name, grid in grids.items():
            for model, params in grid:
                step += 1
                if progress_callback:
                    progress_callback(
                        {
                            "stage": "model_testing",
                            "message": f"Testing {name} + {config['name']}",
                            "current": step,
                            "total": total,
                            "best_model": best,
                        }
                    )
                subsets = subsets_of(spectra, labels, model, name, methods, counts, folds, given)
                subsets = itertools.chain(
                    subsets, ((region["tag"], region["indices"]) for region in regions)
                )
                for tag, channels in subsets:
                    row = _run_single_config(
                        spectra,
                        labels,
                        wavelengths,
                        model,
                        name,
                        params,
                        config,
                        cv,
                        task_type,
                        len(np.unique(labels)) == 2,
                        channels,
                        tag,
                        excluded_count=excluded_count,
                        validation_count=validation_count,
                        total_samples_original=total_samples_original,
                        folds=folds,
                        imbalance_method=imbalance_method,
                        imbalance_params=imbalance_params,
                        full_vars_original=p,
                    )
                    rows.append(row)
                    best = better(best, row, task_type)
    table = ranked(rows, task_type, variable_penalty, complexity_penalty)
    return table, encoder


#: What get_model_grids takes under other names, or derived from the data.
DERIVED = ("task_type", "n_features", "max_n_components", "max_iter")


def configurations(methods, windows):
    """Return the preprocessing configurations in the order of evaluation."""
    chosen = [("raw", None, None)] * bool(methods.get("raw"))
    chosen += [("snv", None, None)] * bool(methods.get("snv"))
    for key, deriv in (("sg1", 1), ("sg2", 2)):
        if methods.get(key):
            kinds = ["deriv"]
            kinds += ["snv_deriv"] * bool(methods.get("snv"))
            kinds += ["deriv_snv"] * bool(methods.get("deriv_snv"))
            chosen += [(kind, deriv, window) for kind in kinds for window in windows]
    return [
        {
            "name": name,
            "deriv": deriv,
            "window": window,
            "polyorder": None if deriv is None else deriv + 1,
        }
        for name, deriv, window in chosen or [("raw", None, None)]
    ]


def prepared(X, y, wavelengths, config, interference, least, most):
    """Return the preprocessed spectra within the limits, and their wavelengths."""
    steps = build_preprocessing_pipeline(
        config["name"],
        config["deriv"],
        config["window"],
        config["polyorder"],
        interference=interference,
        wavelengths=wavelengths,
    )
    for name, step in steps:
        X = step.fit(X, y).transform(X)
        if name == "wl_exclude":
            wavelengths = wavelengths[step.mask_]
    inside = np.ones(len(wavelengths), dtype=bool)
    if least is not None:
        inside &= wavelengths >= least
    if most is not None:
        inside &= wavelengths <= most
    if not inside.any():
        raise ValueError(f"Wavelength range {least}-{most} nm excludes all wavelengths.")
    return X[:, inside], wavelengths[inside]


def subsets_of(X, y, model, name, methods, counts, folds, given):
    """Yield the sets of channels: all of them, then those of each method and count."""
    yield "full", None
    if given["enable_variable_subsets"]:
        for method in methods:
            # After the run with all channels, which may have set parameters of the model.
            importances = importances_by(method, model, name, X, y, counts, folds, given)
            order = np.argsort(importances, kind="stable")
            for k in counts:
                yield f"top{k}_{method}", order[-k:][::-1]


def importances_by(method, model, name, X, y, counts, folds, given):
    """Return the importances of the channels by a method of selection."""
    longest = max(counts, default=X.shape[1])
    if method == "importance":
        return get_feature_importances(clone(model).fit(X, y), name, X, y)
    if method == "spa":
        return spa_selection(X, y, longest, given["spa_n_random_starts"], folds)
    if method == "uve":
        return uve_selection(X, y, given["uve_cutoff_multiplier"], given["uve_n_components"], folds)
    if method == "uve_spa":
        return uve_spa_selection(
            X,
            y,
            longest,
            given["uve_cutoff_multiplier"],
            given["uve_n_components"],
            folds,
            given["spa_n_random_starts"],
            folds,
        )
    return ipls_selection(X, y, given["ipls_n_intervals"], given["uve_n_components"], folds)


def ranked(rows, task_type, variable_penalty, complexity_penalty):
    """Return the table of results by rank; rows that failed share the last one, and no score."""
    failed = [number for number, row in enumerate(rows) if "Error" in row]
    table = create_results_dataframe(task_type)
    for number, row in enumerate(rows):
        if number not in failed:
            table = add_result(table, row)
    table.index = [number for number in range(len(rows)) if number not in failed]
    table = compute_composite_score(table, task_type, variable_penalty, complexity_penalty)
    if failed:
        last = pd.DataFrame([rows[number] for number in failed], index=failed)
        table = pd.concat([table, last.assign(Rank=len(table) + 1)])
    return table


def better(best, row, task_type):
    """Return the better of two rows, the first where they are equal."""
    if "Error" in row:
        return best
    if best is None:
        return row
    if task_type == "regression":
        return row if row["RMSE"] < best["RMSE"] else best
    return row if row["ROC_AUC"] > best["ROC_AUC"] else best


def _run_single_fold(
    pipe, X, y, train_idx, test_idx, task_type, is_binary_classification, all_classes=None
):
    fitted = clone(pipe)
    fitted.fit(X[train_idx], y[train_idx])
    weighter = fitted.named_steps.get("imbalance")
    weights = getattr(weighter, "sample_weight_", None)
    if weights is not None:
        fitted.steps[-1][1].fit(X[train_idx], y[train_idx], sample_weight=weights)
    truth, predicted = y[test_idx], np.ravel(fitted.predict(X[test_idx]))
    if task_type == "regression":
        rmse = np.sqrt(np.mean((truth - predicted) ** 2))
        return {
            "RMSE": rmse,
            "R2": r2_score(truth, predicted),
            "y_test": truth,
            "y_pred": predicted,
        }
    chances = fitted.predict_proba(X[test_idx])
    try:
        if is_binary_classification:
            auc = roc_auc_score(truth, chances[:, 1])
        else:
            auc = roc_auc_score(
                label_binarize(truth, classes=all_classes), chances, average="macro"
            )
    except ValueError:
        auc = np.nan
    return {"Accuracy": accuracy_score(truth, predicted), "ROC_AUC": auc}


def _run_single_config(
    X,
    y,
    wavelengths,
    model,
    model_name,
    params,
    preprocess_cfg,
    cv_splitter,
    task_type,
    is_binary_classification,
    subset_indices=None,
    subset_tag="full",
    top_n_vars=30,
    skip_preprocessing=False,
    skip_spectral_preprocessing=False,
    excluded_count=0,
    validation_count=0,
    total_samples_original=None,
    folds=5,
    imbalance_method=None,
    imbalance_params=None,
    full_vars_original=None,
):
    if subset_indices is not None:
        X = X[:, subset_indices]
        wavelengths = wavelengths[subset_indices]
    row = {
        "Task": task_type,
        "Model": model_name,
        "Params": str(params),
        "Preprocess": preprocess_cfg["name"],
        "Deriv": preprocess_cfg["deriv"],
        "Window": preprocess_cfg["window"],
        "Poly": preprocess_cfg["polyorder"],
        "LVs": params.get("n_components", np.nan),
        "n_vars": X.shape[1],
        "full_vars": full_vars_original or len(wavelengths),
        "SubsetTag": subset_tag,
        "Imbalance": imbalance_method or "—",
        "training_config": {
            "folds": cv_splitter.n_splits,
            "n_samples_used": len(X),
            "n_samples_total": total_samples_original or len(X),
            "excluded_count": excluded_count,
            "validation_count": validation_count,
            "n_features_used": X.shape[1],
            "random_state": 42,
        },
        "all_vars": "N/A" if subset_indices is None else listed(wavelengths),
        "top_vars": "N/A",
    }
    steps = [("model", model)]
    if model_name == "PLS-DA":
        balance = "balanced" if imbalance_method == "class_weight" else None
        lr = LogisticRegression(max_iter=1000, random_state=42, class_weight=balance)
        steps = [("pls", model), ("lr", lr)]
    elif imbalance_method == "class_weight" and hasattr(model, "class_weight"):
        model.set_params(class_weight="balanced")  # and so it stays
    if imbalance_method not in (None, "class_weight"):
        from .imbalance import build_imbalance_transformer

        transformer = build_imbalance_transformer(
            imbalance_method, task_type, **(imbalance_params or {})
        )
        steps = [("imbalance", transformer), *steps]
    pipe = Pipeline(steps)

    try:
        metrics = [
            _run_single_fold(
                pipe, X, y, train, test, task_type, is_binary_classification, np.unique(y)
            )
            for train, test in cv_splitter.split(X, y)
        ]
    except (TypeError, ValueError) as error:
        return row | {"Error": str(error)}
    if task_type == "regression":
        row |= {name: np.mean([each[name] for each in metrics]) for name in ("RMSE", "R2")}
        row |= by_quartile(*(np.concatenate([m[k] for m in metrics]) for k in ("y_test", "y_pred")))
    else:
        row["Accuracy"] = np.mean([each["Accuracy"] for each in metrics])
        row["ROC_AUC"] = np.nanmean([each["ROC_AUC"] for each in metrics])

    if model_name != "PLS-DA":
        fitted = clone(pipe).fit(X, y).named_steps["model"]
        plain = {
            key: value
            for key, value in fitted.get_params().items()
            if not (callable(value) or hasattr(value, "__dict__"))
        }
        row["Params"] = str(plain)
        row["LVs"] = plain.get("n_components", np.nan)
        importances = get_feature_importances(fitted, model_name, X, y)
        order = np.argsort(importances, kind="stable")[-top_n_vars:][::-1]
        row["top_vars"] = listed(wavelengths[order])
    return row


def listed(wavelengths):
    return ",".join(f"{each:.1f}" for each in wavelengths)


def by_quartile(truth, predicted):
    """Return the errors in the quartiles of the reference values, and their limits."""
    limits = np.percentile(truth, [25, 50, 75])
    quartile = np.searchsorted(limits, truth, side="right")
    errors = {}
    for k in range(4):
        squares = (truth - predicted)[quartile == k] ** 2
        errors[f"Q{k + 1}"] = np.sqrt(squares.mean()) if len(squares) else np.nan
    return {"regional_rmse": errors, "y_quartiles": limits.tolist()}
