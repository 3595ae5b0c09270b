"""What a family is: how the candidates that differ only in their parameters are answered."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import clone

from spectral_fast import kernels
from spectral_fast._folds import Splits
from spectral_fast.cross_decomposition._solver import central_spectrum
from spectral_fast.model_selection._warnings import of_candidate

__all__ = [
    "Family",
    "Matrix",
    "Settings",
    "made",
    "outputs",
    "with_chances",
]

#: The parameters that tell one candidate of an estimator from the others.
Settings = Sequence[dict[str, Any]]


class Matrix:
    """Spectra as a model sees them, and the folds to cross-validate it on.

    What several families need of the spectra is computed once, on demand.

    Parameters
    ----------
    X : (n, p) C-contiguous float64 or float32
        All samples, after preprocessing and selection; read-only. Rows of samples that are
        in no fold are not to be looked at.
    y : (n,) or (n, m) float64, or (n,) int
        Reference values; for a classification the number of each sample's class.
    splits : Splits
        Training and held-out rows of each fold that `X` is good for.
    n_classes : int
        0 for a regression.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, splits: Splits, n_classes: int = 0) -> None:
        self.X = X
        self.y = y
        self.splits = splits
        self.n_classes = n_classes

    @property
    def Y(self) -> np.ndarray:
        """The targets as columns."""
        return self.y.reshape(len(self.y), -1)

    @property
    def n_held_out(self) -> int:
        """Number of held-out rows, over all folds."""
        return sum(len(test) for _, test in self.splits)

    @cached_property
    def double(self) -> np.ndarray:
        """The spectra in double precision."""
        return np.ascontiguousarray(self.X, dtype=np.float64)

    @cached_property
    def centred(self) -> np.ndarray:
        """The spectra less a central one, which a sample that is far off does not move."""
        used = np.zeros(len(self.X), dtype=bool)
        for train, _ in self.splits:
            used[train] = True
        return self.double - central_spectrum(self.double, used)

    @cached_property
    def gram(self) -> np.ndarray:
        """Gram matrix of the centred spectra, (n, n)."""
        return kernels.gram(self.centred)

    @cached_property
    def products(self) -> np.ndarray:
        """Gram matrix of the spectra as they are, (n, n)."""
        return kernels.gram(self.double)

    @cached_property
    def squared_distances(self) -> np.ndarray:
        """Squared distances between all spectra, (n, n)."""
        return kernels.squared_distances(self.gram)

    @cached_property
    def leaves_out(self) -> bool:
        """Whether each fold trains on all samples that it does not hold out, once."""
        everything = np.arange(len(self.y))
        return all(
            np.array_equal(np.sort(np.concatenate([train, test])), everything)
            for train, test in self.splits
        )

    @cached_property
    def is_partition(self) -> bool:
        """Whether the folds hold out every sample exactly once."""
        held_out = np.concatenate([test for _, test in self.splits])
        return np.array_equal(np.sort(held_out), np.arange(len(self.y)))


class Family:
    """How the candidates of one estimator are answered on one matrix.

    The answers equal those of a fit for each candidate and fold by itself. A subclass has
    `handles`, `batches` and `predict`.
    """

    #: Whether one call answers all folds of a matrix; otherwise each fold is a task.
    takes_all_folds = False

    def handles(self, estimator: Any) -> bool:
        """Return whether this family knows `estimator`: its type, and its fixed parameters."""
        raise NotImplementedError

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        """Return the candidates that are answered together, as lists of positions in `settings`.

        One whose parameters the family cannot serve is no member of any list.
        """
        raise NotImplementedError

    def predict(
        self, estimator: Any, settings: Settings, matrix: Matrix
    ) -> Sequence[np.ndarray | Exception]:
        """Return the held-out `outputs` of each candidate of one batch, the folds in order.

        Every array is (number of held-out rows, columns), and has the same columns. The
        error of a candidate that cannot be fitted takes its place. An error that is raised
        is that of the batch, whose candidates are then tried one by one. Fits that may end
        before they converge are done inside `of_candidate`, so that their warnings are counted.
        """
        raise NotImplementedError

    def importances(
        self, estimator: Any, settings: Settings, X: np.ndarray, y: np.ndarray
    ) -> list[np.ndarray]:
        """Return how important each channel is to each candidate of one batch, fitted to `X`.

        As scikit-learn's `SelectFromModel` has it: the absolute coefficients, several
        targets' added up, or what the model calls its importances.
        """
        found = []
        for number, setting in enumerate(settings):
            with of_candidate(number):
                found.append(_importances(made(estimator, setting).fit(X, y)))
        return found


def _importances(model: Any) -> np.ndarray:
    found = model.coef_ if hasattr(model, "coef_") else model.feature_importances_
    return np.abs(np.atleast_2d(found)).sum(axis=0)


def made(estimator: Any, setting: dict[str, Any]) -> Any:
    """Return a new estimator with the parameters of a candidate."""
    return clone(estimator).set_params(**setting)


def outputs(model: Any, X: np.ndarray, n_classes: int) -> np.ndarray:
    """Return what a fitted model says of spectra, a row each.

    A regression gives its predictions, one column a target; a classification the number
    of the class that it predicts, then its probability for each of the classes. A
    classifier without probabilities gives what it decides by, and NaN where it has nothing.
    """
    predictions = np.asarray(model.predict(X), dtype=np.float64).reshape(len(X), -1)
    if not n_classes:
        return predictions
    known = model.classes_.astype(int)
    if hasattr(model, "predict_proba"):
        return with_chances(predictions, model.predict_proba(X), known, n_classes)
    scores = np.full((len(X), n_classes), np.nan)
    if hasattr(model, "decision_function"):
        decided = np.asarray(model.decision_function(X)).reshape(len(X), -1)
        if decided.shape[1] == len(known):
            scores[:, known] = decided
        elif decided.shape[1] == 1:
            scores[:, known] = np.hstack([-decided, decided])
    return np.hstack([predictions, scores])


def with_chances(
    predicted: np.ndarray, found: np.ndarray, known: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return the `outputs` of a classifier that found probabilities for the `known` classes."""
    chances = np.zeros((len(found), n_classes))
    chances[:, known] = found
    return np.column_stack([predicted, chances])
