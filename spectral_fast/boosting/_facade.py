"""Boosted trees of XGBoost, LightGBM or CatBoost under one set of parameters."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.multiclass import check_classification_targets

from spectral_fast.boosting._base import Boosted

__all__ = ["BoostedClassifier", "BoostedRegressor"]

#: Probabilities below this count as this in the log loss.
_LEAST_PROBABILITY = np.finfo(np.float64).eps


class BoostedRegressor(RegressorMixin, Boosted):
    """Gradient-boosted trees that predict a value, by XGBoost, LightGBM or CatBoost.

    Each round adds a tree that is fitted to what the earlier ones leave. The defaults suit
    few samples of many collinear channels: shallow trees, each on a part of the samples
    and channels, with leaves down to a single sample.

    Parameters
    ----------
    library : {"lightgbm", "xgboost", "catboost"}, default="lightgbm"
        What grows the trees.
    n_estimators : int, default=200
        Number of rounds, at least 1; the most of them where `early_stopping_rounds` is set.
    learning_rate : float, default=0.1
        Share of each round's tree that is added to the model, above 0.
    max_depth : int, default=3
        Most splits between the root and a leaf, from 1 to 16.
    subsample : float, default=0.8
        Share of the samples that each tree is grown on, above 0 and at most 1.
    colsample : float, default=0.2
        Share of the channels that each tree may split on (CatBoost: each level of a tree),
        above 0 and at most 1. CatBoost on a GPU uses all.
    min_samples_leaf : int, default=1
        Least number of samples in a leaf, at least 1; CatBoost has no such limit and takes
        nothing else.
    reg_lambda : float, default=1.0
        Penalty on the squares of the leaves' values, at least 0.
    early_stopping_rounds : int or None, default=None
        If set, the number of rounds is found by cross-validation: the one of least squared error
        over all held-out samples, after which that many rounds bring nothing better. The
        model is then fitted to all samples.
    cv : int, splitter or iterable of (train, test), default=5
        The folds for `early_stopping_rounds`, not used without it. An int is shuffled by
        `random_state`. A single pair of row numbers is a validation set.
    random_state : int, RandomState instance or None, default=0
        Seed of the choice of samples and channels, and of the folds.
    n_jobs : int or None, default=1
        Number of threads as in joblib: None is 1, -1 is all cores, but 1 in its workers.
        On few samples one thread is the fastest.
    device : {"cpu", "gpu"}, default="cpu"
        Where trees are grown. ``"gpu"`` needs a library that was built for it.

    Attributes
    ----------
    model_ : object
        The library's own fitted estimator.
    n_estimators_ : int
        Number of rounds of the model.
    validation_loss_ : ndarray of shape (n_estimators,)
        Mean squared error of the held-out samples after each round; only with
        `early_stopping_rounds`.
    feature_importances_ : ndarray of shape (n_features,)
        How much each channel adds to the model.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine.
    Annals of Statistics 29, 1189-1232. https://doi.org/10.1214/aos/1013203451

    Examples
    --------
    >>> from spectral_fast.boosting import BoostedRegressor
    >>> from spectral_fast.datasets import load_tecator
    >>> X, content = load_tecator(return_X_y=True)
    >>> model = BoostedRegressor("lightgbm", n_estimators=100).fit(X[:150], content[:150, 1])
    >>> model.score(X[150:], content[150:, 1]) > 0.5
    True
    """

    _classification = False

    def _folds(self, seed: int) -> Any:
        return self.cv

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return y

    def _named(self, predictions: np.ndarray) -> np.ndarray:
        return np.asarray(predictions, dtype=np.float64)

    def _losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.array([(predictions - y) ** 2 for predictions in self.staged_predict(X)])


class BoostedClassifier(ClassifierMixin, Boosted):
    """Gradient-boosted trees that predict a class, by XGBoost, LightGBM or CatBoost.

    Each round adds a tree, or one for each of more than two classes, that is fitted to
    what the earlier ones leave. The defaults are those of :class:`BoostedRegressor`.

    Parameters
    ----------
    library : {"lightgbm", "xgboost", "catboost"}, default="lightgbm"
        What grows the trees.
    n_estimators : int, default=200
        Number of rounds, at least 1; the most of them where `early_stopping_rounds` is set.
    learning_rate : float, default=0.1
        Share of each round's tree that is added to the model, above 0.
    max_depth : int, default=3
        Most splits between the root and a leaf, from 1 to 16.
    subsample : float, default=0.8
        Share of the samples that each tree is grown on, above 0 and at most 1.
    colsample : float, default=0.2
        Share of the channels that each tree may split on (CatBoost: each level of a tree),
        above 0 and at most 1. CatBoost on a GPU uses all.
    min_samples_leaf : int, default=1
        Least number of samples in a leaf, at least 1; CatBoost has no such limit and takes
        nothing else. XGBoost measures a leaf by the sum of p(1 - p) over its samples, which
        must be a quarter of this number.
    reg_lambda : float, default=1.0
        Penalty on the squares of the leaves' values, at least 0.
    early_stopping_rounds : int or None, default=None
        If set, the number of rounds is found by cross-validation: the one of least log loss
        over all held-out samples, after which that many rounds bring nothing better. The
        model is then fitted to all samples.
    cv : int, splitter or iterable of (train, test), default=5
        The folds for `early_stopping_rounds`, not used without it. An int is stratified,
        and shuffled by `random_state`. A single pair of row numbers is a validation set.
    random_state : int, RandomState instance or None, default=0
        Seed of the choice of samples and channels, and of the folds.
    n_jobs : int or None, default=1
        Number of threads as in joblib: None is 1, -1 is all cores, but 1 in its workers.
        On few samples one thread is the fastest.
    device : {"cpu", "gpu"}, default="cpu"
        Where trees are grown. ``"gpu"`` needs a library that was built for it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    model_ : object
        The library's own fitted estimator; its classes are 0, 1, ….
    n_estimators_ : int
        Number of rounds of the model.
    validation_loss_ : ndarray of shape (n_estimators,)
        Mean log loss of the held-out samples after each round; only with
        `early_stopping_rounds`.
    feature_importances_ : ndarray of shape (n_features,)
        How much each channel adds to the model.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    References
    ----------
    Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine.
    Annals of Statistics 29, 1189-1232. https://doi.org/10.1214/aos/1013203451

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.boosting import BoostedClassifier
    >>> from spectral_fast.datasets import load_tecator
    >>> X, content = load_tecator(return_X_y=True)
    >>> fat = np.where(content[:, 1] > 20, "fat", "lean")
    >>> model = BoostedClassifier("lightgbm", n_estimators=50).fit(X[:150], fat[:150])
    >>> model.predict(X[150:153])
    array(['lean', 'lean', 'lean'], dtype='<U4')
    """

    _classification = True

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; each row sums to 1.
        """
        X = self._checked(X)
        return np.asarray(self.model_.predict_proba(X), dtype=np.float64)

    def staged_predict_proba(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns after each round of boosting.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Yields
        ------
        probabilities : ndarray of shape (n_samples, n_classes)
            As `staged_predict` counts the rounds.
        """
        X = self._checked(X)
        for first in self._stages():
            yield np.asarray(self.model_.predict_proba(X, **first), dtype=np.float64)

    def _folds(self, seed: int) -> Any:
        if isinstance(self.cv, Integral):
            return StratifiedKFold(int(self.cv), shuffle=True, random_state=seed)
        return self.cv

    def _targets(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            (only,) = self.classes_.tolist()
            raise ValueError(
                f"`y` must have at least two classes; got one class: {only!r}. "
                "Add samples of other classes."
            )
        return codes

    def _named(self, predictions: np.ndarray) -> np.ndarray:
        return self.classes_[np.ravel(predictions).astype(int)]

    def _losses(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        of_own_class = y[:, np.newaxis] == self.classes_
        return np.array(
            [
                -np.log(np.maximum((each * of_own_class).sum(axis=1), _LEAST_PROBABILITY))
                for each in self.staged_predict_proba(X)
            ]
        )
