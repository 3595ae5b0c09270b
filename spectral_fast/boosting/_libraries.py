"""The libraries behind the facade: how each of them calls what all of them have."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["LIBRARIES", "first_rounds", "native"]


class Library(NamedTuple):
    """What one library calls the parameters of the facade."""

    regressor: str
    classifier: str
    #: The facade's name of a parameter, and the library's.
    names: dict[str, str]
    #: What the library gets besides, computed from the facade's values and the kind of model.
    others: Callable[[dict[str, Any], bool], dict[str, Any]]


def _xgboost_others(params: dict[str, Any], classification: bool) -> dict[str, Any]:
    # A leaf's size is the sum of the second derivatives of its samples: 1 each for squared
    # errors, p(1 - p) for probabilities, which is 1/4 where nothing is known yet.
    size = params["min_samples_leaf"]
    return {
        "min_child_weight": size / 4 if classification else size,
        "device": "cuda" if params["device"] == "gpu" else "cpu",
        "importance_type": "total_gain",
        "verbosity": 0,
    }


def _lightgbm_others(params: dict[str, Any], classification: bool) -> dict[str, Any]:
    return {
        "num_leaves": 2 ** params["max_depth"],
        "subsample_freq": 1,
        "device_type": params["device"],
        "importance_type": "gain",
        "verbosity": -1,
    }


def _catboost_others(params: dict[str, Any], classification: bool) -> dict[str, Any]:
    if params["min_samples_leaf"] > 1:
        raise ValueError(
            "`min_samples_leaf` must be 1 with `library='catboost'`, whose trees have no limit "
            f"for the samples in a leaf; got {params['min_samples_leaf']}. Use 1, or another "
            "library."
        )
    others = {
        "bootstrap_type": "No",
        "random_strength": 0,  # chance comes from the facade's parameters alone
        "allow_writing_files": False,
        "verbose": False,
    }
    if not classification:
        others["allow_const_label"] = True
    if params["subsample"] < 1:
        others |= {"bootstrap_type": "Bernoulli", "subsample": params["subsample"]}
    if params["device"] == "gpu":
        return others | {"task_type": "GPU"}
    return others | {"rsm": params["colsample"]}  # which a GPU does not have


_SCIKIT_LEARN_NAMES = {
    "n_estimators": "n_estimators",
    "learning_rate": "learning_rate",
    "max_depth": "max_depth",
    "subsample": "subsample",
    "colsample": "colsample_bytree",
    "reg_lambda": "reg_lambda",
    "random_state": "random_state",
    "n_jobs": "n_jobs",
}

LIBRARIES = {
    "xgboost": Library("XGBRegressor", "XGBClassifier", _SCIKIT_LEARN_NAMES, _xgboost_others),
    "lightgbm": Library(
        "LGBMRegressor",
        "LGBMClassifier",
        _SCIKIT_LEARN_NAMES | {"min_samples_leaf": "min_child_samples"},
        _lightgbm_others,
    ),
    "catboost": Library(
        "CatBoostRegressor",
        "CatBoostClassifier",
        {
            "n_estimators": "iterations",
            "learning_rate": "learning_rate",
            "max_depth": "depth",
            "reg_lambda": "l2_leaf_reg",
            "random_state": "random_seed",
            "n_jobs": "thread_count",
        },
        _catboost_others,
    ),
}


def native(name: str, params: dict[str, Any], classification: bool) -> Any:
    """Return the library's own estimator with the parameters of the facade.

    Raises
    ------
    ImportError
        If the library is not installed.
    ValueError
        If the library has no such parameter.
    """
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"`library={name!r}` needs the package {name}, which cannot be imported: {error}. "
            'Install it with: pip install "spectral_fast[boosting]"'
        ) from error
    library = LIBRARIES[name]
    named = {theirs: params[ours] for ours, theirs in library.names.items()}
    kind = library.classifier if classification else library.regressor
    return getattr(module, kind)(**named, **library.others(params, classification))


def first_rounds(name: str, model: Any, rounds: int) -> dict[str, Any]:
    """Return the argument with which the `predict` of a fitted estimator stops after `rounds`."""
    if name == "xgboost":
        return {"iteration_range": (0, rounds)}
    if name == "lightgbm":
        return {"num_iteration": rounds}
    return {"ntree_end": min(rounds, model.tree_count_)}  # it may find nothing more to learn
