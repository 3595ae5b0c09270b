"""What the regressor and the classifier share: parameters, fit, stages, early stopping."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import joblib
import numpy as np
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from spectral_fast._folds import split
from spectral_fast._validation import N_JOBS
from spectral_fast.boosting._libraries import LIBRARIES, first_rounds, native

__all__ = ["Boosted"]

#: Seeds that every library takes are below this.
_N_SEEDS = 2**31 - 1


class Boosted(BaseEstimator, ABC):
    """Gradient-boosted trees, fitted by one of the libraries."""

    _classification: ClassVar[bool]

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "library": [StrOptions(set(LIBRARIES))],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_depth": [Interval(Integral, 1, 16, closed="both")],
        "subsample": [Interval(Real, 0, 1, closed="right")],
        "colsample": [Interval(Real, 0, 1, closed="right")],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "reg_lambda": [Interval(Real, 0, None, closed="left")],
        "early_stopping_rounds": [Interval(Integral, 1, None, closed="left"), None],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
        "device": [StrOptions({"cpu", "gpu"})],
    }

    def __init__(
        self,
        library: str = "lightgbm",
        *,
        n_estimators: int = 200,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        subsample: float = 0.8,
        colsample: float = 0.2,
        min_samples_leaf: int = 1,
        reg_lambda: float = 1.0,
        early_stopping_rounds: int | None = None,
        cv: Any = 5,
        random_state: Any = 0,
        n_jobs: int | None = 1,
        device: str = "cpu",
    ) -> None:
        self.library = library
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.subsample = subsample
        self.colsample = colsample
        self.min_samples_leaf = min_samples_leaf
        self.reg_lambda = reg_lambda
        self.early_stopping_rounds = early_stopping_rounds
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the trees, after the number of rounds has been found if it stops early.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,)
            Reference values of one target; for a classifier the classes.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ImportError
            If the library is not installed.
        ValueError
            If X or y holds NaN or infinity, y has several columns, the classes of a
            classifier are fewer than two, or `min_samples_leaf` is not 1 for CatBoost.
        """
        X, y = validate_data(
            self,
            X,
            y,
            dtype=np.float64,
            ensure_min_samples=2,
            y_numeric=not self._classification,
        )
        targets = self._targets(y)
        self.n_estimators_ = self.n_estimators
        if self.early_stopping_rounds is not None:
            self.validation_loss_ = self._validation_loss(X, y)
            self.n_estimators_ = _stop(self.validation_loss_, self.early_stopping_rounds)
        model = self.native(self.n_estimators_)
        # XGBoost prepares the spectra on all cores whatever its own parameter says.
        with threadpool_limits(joblib.effective_n_jobs(self.n_jobs), user_api="openmp"):
            self.model_ = model.fit(X, targets)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted value or class of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            In the unit of y, or members of `classes_`.
        """
        X = self._checked(X)
        return self._named(self.model_.predict(X))

    def staged_predict(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict` returns after each round of boosting.

        Rounds in which LightGBM finds nothing to split are not counted: it keeps no tree.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Yields
        ------
        predictions : ndarray of shape (n_samples,)
            The last of the `n_estimators_` are those of `predict`.
        """
        X = self._checked(X)
        for first in self._stages():
            yield self._named(self.model_.predict(X, **first))

    @property
    def feature_importances_(self) -> np.ndarray:
        """How much each channel adds to the model, (n_features,); the sum is 1.

        For XGBoost and LightGBM the channel's share of the gain of all splits, for CatBoost
        its share of the change of the predictions. All zero where no tree has a split.
        """
        check_is_fitted(self)
        # CatBoost divides by zero where nothing changes the predictions.
        importances = np.nan_to_num(np.array(self.model_.feature_importances_, dtype=np.float64))
        total = importances.sum()
        return importances / total if total > 0 else importances

    def native(self, n_estimators: int | None = None) -> Any:
        """Return the library's own estimator with these parameters, not fitted.

        Parameters
        ----------
        n_estimators : int, default=None
            Number of rounds; by default that of this estimator.

        Returns
        -------
        estimator : object
            Such as :class:`lightgbm.LGBMRegressor`. Stopping early is no part of it.
        """
        self._validate_params()
        params = self.get_params() | {
            "n_estimators": n_estimators or self.n_estimators,
            "random_state": self._seed(),
            "n_jobs": joblib.effective_n_jobs(self.n_jobs),
        }
        return native(self.library, params, self._classification)

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state) % _N_SEEDS
        return int(check_random_state(self.random_state).randint(_N_SEEDS))

    def _stages(self) -> Iterator[dict[str, Any]]:
        for rounds in range(1, self.n_estimators_ + 1):
            yield first_rounds(self.library, self.model_, rounds)

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)

    def _validation_loss(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the mean loss of all held-out samples after each round."""
        seed = self._seed()
        by_fold = clone(self).set_params(early_stopping_rounds=None, random_state=seed)
        losses = []
        for train, test in split(self._folds(seed), X, y, random_state=seed):
            model = clone(by_fold).fit(X[train], y[train])
            losses.append(model._losses(X[test], y[test]))
        return np.concatenate(losses, axis=1).mean(axis=1)

    @abstractmethod
    def _folds(self, seed: int) -> Any:
        """Return what `cv` stands for, as `split` takes it."""

    @abstractmethod
    def _targets(self, y: np.ndarray) -> np.ndarray:
        """Return what the library is to learn."""

    @abstractmethod
    def _named(self, predictions: np.ndarray) -> np.ndarray:
        """Return the library's predictions as the user's values or classes."""

    @abstractmethod
    def _losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss of each sample after each round, (rounds, n)."""


def _stop(losses: np.ndarray, patience: int) -> int:
    """Return the round of least loss before `patience` rounds that bring nothing better."""
    best = 0
    for round_, loss in enumerate(losses):
        if loss < losses[best]:
            best = round_
        elif round_ - best >= patience:
            break
    return best + 1
