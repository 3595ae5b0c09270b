"""The boosting libraries' own estimators: what may be shared between them, and how."""

import importlib
import sys
from abc import ABC, abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

__all__ = ["SharedData", "library_of"]


class SharedData(ABC):
    """The spectra of one training set as a library quantises them, to fit many models on.

    Parameters
    ----------
    estimator : object
        One of those that will be fitted.
    X : (n, p) float64
        Spectra without gaps.
    y : (n,) float64 or int
        Reference values, or classes from 0, each of which has samples.
    classification : bool
        Which of the two `y` is.
    """

    #: Names of the library and of its estimators.
    name: ClassVar[str]
    types: ClassVar[tuple[str, str]]
    #: Parameters that concern the trees alone, in which models on the same data may differ.
    of_trees: ClassVar[frozenset[str]]
    #: Parameters that the data may depend on.
    of_data: ClassVar[frozenset[str]] = frozenset()
    #: Values of other parameters that mean the same as the default.
    neutral: ClassVar[dict[str, set[Any]]] = {}
    #: Second names of parameters.
    aliases: ClassVar[dict[str, str]] = {}
    #: Parameters whose default depends on the number of rounds.
    required: ClassVar[frozenset[str]] = frozenset()
    #: Names of the number of rounds, with its default, and of the seed.
    rounds: ClassVar[str] = "n_estimators"
    default_rounds: ClassVar[int] = 100
    seed: ClassVar[str] = "random_state"

    @abstractmethod
    def __init__(
        self, estimator: Any, X: np.ndarray, y: np.ndarray, classification: bool
    ) -> None: ...

    @abstractmethod
    def fit(self, estimator: Any) -> Any:
        """Return a model that predicts as `estimator` fitted to the spectra does."""

    @abstractmethod
    def first_rounds(self, model: Any, rounds: int) -> dict[str, Any]:
        """Return the argument with which the model's `predict` stops after `rounds`."""

    @staticmethod
    def alone(estimator: Any) -> Any:
        """Return the estimator on one thread."""
        return estimator.set_params(n_jobs=1)

    @classmethod
    def chosen(cls, estimator: Any) -> dict[str, Any]:
        """Return the parameters that are not at their default, by their first names."""
        default = type(estimator)().get_params()
        return {
            cls.aliases.get(name, name): value
            for name, value in estimator.get_params().items()
            if value is not None and not _equal(value, default.get(name))
        }

    @classmethod
    def path(cls, estimator: Any) -> tuple[dict[str, Any], int]:
        """Return what models that differ only in their number of rounds share, and that number."""
        params = cls.chosen(estimator)
        return params, params.pop(cls.rounds, cls.default_rounds)

    @classmethod
    def serves(cls, estimator: Any) -> bool:
        """Return whether a model on shared data, cut after some rounds, is the same."""
        params, rounds = cls.path(estimator)
        # XGBoost gives a new number for a generator each time that it is asked.
        seed = getattr(estimator, cls.seed, params.get(cls.seed))
        return (
            all(
                name in cls.of_trees or name in cls.of_data or value in cls.neutral.get(name, ())
                for name, value in params.items()
            )
            and cls.required <= params.keys()
            and isinstance(seed, Integral | None)
            and isinstance(rounds, Integral)
            and rounds > 0
        )


def _equal(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and value == default)


class XGBoostData(SharedData):
    """A QuantileDMatrix."""

    name = "xgboost"
    types = ("XGBRegressor", "XGBClassifier")
    of_trees = frozenset(
        [
            "n_estimators",
            "learning_rate",
            "max_depth",
            "max_leaves",
            "grow_policy",
            "gamma",
            "subsample",
            "colsample_bytree",
            "colsample_bylevel",
            "colsample_bynode",
            "min_child_weight",
            "max_delta_step",
            "reg_alpha",
            "reg_lambda",
            "random_state",
            "n_jobs",
            "verbosity",
            "importance_type",
        ]
    )
    neutral: ClassVar = {
        "booster": {"gbtree"},
        "device": {"cpu"},
        "tree_method": {"auto", "hist"},
    }

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray, classification: bool) -> None:
        self.library = importlib.import_module(self.name)
        self.matrix = self.library.QuantileDMatrix(X, y, nthread=1)
        self.n_classes = len(np.unique(y)) if classification else 0

    def fit(self, estimator: Any) -> Any:
        params = estimator.get_xgb_params()
        if self.n_classes > 2:
            params |= {"objective": "multi:softprob", "num_class": self.n_classes}
        booster = self.library.train(params, self.matrix, estimator.get_num_boosting_rounds())
        estimator.load_model(booster.save_raw("ubj"))
        return estimator

    def first_rounds(self, model: Any, rounds: int) -> dict[str, Any]:
        return {"iteration_range": (0, rounds)}


class LightGBMData(SharedData):
    """A Dataset."""

    name = "lightgbm"
    types = ("LGBMRegressor", "LGBMClassifier")
    of_trees = frozenset(
        [
            "n_estimators",
            "learning_rate",
            "max_depth",
            "num_leaves",
            "subsample",
            "subsample_freq",
            "colsample_bytree",
            "min_child_weight",
            "min_split_gain",
            "reg_alpha",
            "reg_lambda",
            "n_jobs",
            "verbosity",
            "importance_type",
        ]
    )
    # Channels that no leaf size allows to split are left out; the seed picks samples.
    of_data = frozenset(["min_child_samples", "random_state"])
    neutral: ClassVar = {"device_type": {"cpu"}}
    aliases: ClassVar = {"verbose": "verbosity"}

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray, classification: bool) -> None:
        self.library = importlib.import_module(self.name)
        self.classes = np.unique(y) if classification else None
        self.dataset = self.library.Dataset(X, y, params=self._params(estimator))

    def fit(self, estimator: Any) -> Any:
        n_trees: list[int] = []
        booster = self.library.train(
            self._params(estimator),
            self.dataset,
            estimator.n_estimators,
            keep_training_booster=True,  # not as text and back
            # A round that finds nothing to split leaves no tree.
            callbacks=[lambda state: n_trees.append(state.model.current_iteration())],
        )
        return _LightGBMModel(booster, self.classes, n_trees)

    def first_rounds(self, model: Any, rounds: int) -> dict[str, Any]:
        return {"num_iteration": model.n_trees[rounds - 1]}

    def _params(self, estimator: Any) -> dict[str, Any]:
        of_estimator = ("n_estimators", "objective", "importance_type", "class_weight")
        params = {k: v for k, v in estimator.get_params().items() if k not in of_estimator}
        if self.classes is None:
            return params | {"objective": "regression"}
        if len(self.classes) == 2:
            return params | {"objective": "binary"}
        return params | {"objective": "multiclass", "num_class": len(self.classes)}


class _LightGBMModel:
    """A booster of LightGBM that predicts as its estimators do."""

    def __init__(self, booster: Any, classes: np.ndarray | None, n_trees: list[int]) -> None:
        self.booster = booster
        self.classes_ = classes
        self.n_trees = n_trees

    def predict(self, X: np.ndarray, num_iteration: int) -> np.ndarray:
        if self.classes_ is None:
            return self.booster.predict(X, num_iteration=num_iteration, num_threads=1)
        return self.classes_[self.predict_proba(X, num_iteration).argmax(axis=1)]

    def predict_proba(self, X: np.ndarray, num_iteration: int) -> np.ndarray:
        probabilities = self.booster.predict(X, num_iteration=num_iteration, num_threads=1)
        if probabilities.ndim == 1:
            return np.column_stack([1.0 - probabilities, probabilities])
        return probabilities


class CatBoostData(SharedData):
    """A quantised Pool."""

    name = "catboost"
    types = ("CatBoostRegressor", "CatBoostClassifier")
    of_trees = frozenset(
        [
            "iterations",
            "learning_rate",
            "depth",
            "l2_leaf_reg",
            "rsm",
            "subsample",
            "bootstrap_type",
            "random_strength",
            "grow_policy",
            "min_data_in_leaf",
            "random_seed",
            "thread_count",
            "allow_const_label",
            "allow_writing_files",
            "verbose",
        ]
    )
    neutral: ClassVar = {"task_type": {"CPU"}}
    aliases: ClassVar = {
        "n_estimators": "iterations",
        "max_depth": "depth",
        "reg_lambda": "l2_leaf_reg",
        "colsample_bylevel": "rsm",
        "min_child_samples": "min_data_in_leaf",
        "random_state": "random_seed",
    }
    required = frozenset(["learning_rate"])
    rounds = "iterations"
    default_rounds = 1000
    seed = "random_seed"

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray, classification: bool) -> None:
        self.pool = importlib.import_module(self.name).Pool(X, y, thread_count=1)
        self.pool.quantize()

    def fit(self, estimator: Any) -> Any:
        return estimator.fit(self.pool)

    def first_rounds(self, model: Any, rounds: int) -> dict[str, Any]:
        return {"ntree_end": min(rounds, model.tree_count_)}  # it stops where nothing is left

    @staticmethod
    def alone(estimator: Any) -> Any:
        return estimator.set_params(thread_count=1, verbose=False, allow_writing_files=False)


_LIBRARIES: tuple[type[SharedData], ...] = (XGBoostData, LightGBMData, CatBoostData)


def library_of(estimator: Any) -> type[SharedData] | None:
    """Return what is known of the library whose own estimator this is.

    Not isinstance: a subclass may fit or predict in another way. A library that is not
    loaded has made no estimator.
    """
    for library in _LIBRARIES:
        module = sys.modules.get(library.name)
        if type(estimator) in [getattr(module, each, None) for each in library.types]:
            return library
    return None
