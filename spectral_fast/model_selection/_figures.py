"""Figures of merit from held-out predictions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from spectral_fast._folds import Splits
from spectral_fast.model_selection._data import Data

__all__ = [
    "CLASSIFICATION_SCORES",
    "REGRESSION_SCORES",
    "Figures",
    "HeldOut",
    "HeldOutClasses",
    "held_out_of",
]

#: What candidates can be ranked by.
REGRESSION_SCORES = ("rmse", "mae")
CLASSIFICATION_SCORES = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss")


class Figures(NamedTuple):
    """Figures of merit of one candidate; NaN where it failed."""

    #: What ranks, the smaller the better, and its standard error.
    loss: float
    se: float
    #: Columns of the table of results.
    values: dict[str, float]
    #: The score of each fold, the larger the better.
    fold_scores: np.ndarray


class HeldOut:
    """The held-out rows of a cross-validation, and what predictions for them are worth.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    tests : sequence of ndarray
        Held-out rows of each fold.
    scoring : {"rmse", "mae"}
        What ranks candidates.
    """

    def __init__(self, y: np.ndarray, tests: Sequence[np.ndarray], scoring: str = "rmse"):
        self._scoring = scoring
        #: What candidates are ranked by, in words.
        self.label = "RMSECV" if scoring == "rmse" else "MAE"
        self._y_shape = y.shape
        y = y.reshape(len(y), -1)
        self._rows = np.concatenate(tests)
        self._fold_starts = np.cumsum([0, *map(len, tests)])[:-1]
        self._fold_sizes = np.array([len(test) for test in tests])
        # Held-out rows sample by sample, for sums over each sample's repeats.
        self._by_sample = np.argsort(self._rows, kind="stable")
        self._samples, self._sample_starts, self._times_held_out = np.unique(
            self._rows[self._by_sample], return_index=True, return_counts=True
        )
        self._unit = y.std(axis=0, ddof=1) if y.shape[1] > 1 else np.ones(1)
        self._reference = y[self._rows] / self._unit
        distinct = y[self._samples] / self._unit
        with np.errstate(divide="ignore", invalid="ignore"):
            self._sd = np.sqrt(
                ((distinct - distinct.mean(axis=0)) ** 2).sum() / ((len(distinct) - 1) * y.shape[1])
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a candidate's held-out predictions."""
        return self._reference.shape

    def loss(self, predictions: np.ndarray) -> float:
        """Return what one candidate is ranked by."""
        return self.figures(predictions[np.newaxis])[0].loss

    @staticmethod
    def score(loss: float) -> float:
        """Return the score that a loss stands for, the larger the better."""
        return -loss

    def shown(self, loss: float) -> str:
        """Return what candidates are ranked by, in words and numbers."""
        return f"{self.label} {loss:.4g}"

    def figures(self, predictions: np.ndarray) -> list[Figures]:
        """Return the figures of merit of some candidates.

        Parameters
        ----------
        predictions : ndarray of shape (n_candidates, n_held_out, n_targets)
            For the held-out rows, fold after fold.
        """
        errors = predictions / self._unit - self._reference
        squares = errors**2
        mean_square = squares.mean(axis=(1, 2))
        rmsecv = np.sqrt(mean_square)
        about_mean = ((self._reference - self._reference.mean(axis=0)) ** 2).sum()
        of_rows = squares.sum(axis=2)
        n_targets = squares.shape[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = {
                "rmsecv": rmsecv,
                # the root by the delta method
                "rmsecv_se": np.where(
                    rmsecv > 0,
                    self._mean_errors(of_rows, mean_square, n_targets) / (2 * rmsecv),
                    rmsecv,
                ),
                "r2": 1 - of_rows.sum(axis=1) / about_mean,
                "rpd": self._sd / rmsecv,
                "bias": errors.mean(axis=(1, 2)),
            }
            if self._scoring == "mae":
                absolute = np.abs(errors)
                columns["mae"] = absolute.mean(axis=(1, 2))
                columns["mae_se"] = self._mean_errors(
                    absolute.sum(axis=2), columns["mae"], n_targets
                )
                loss, se = columns["mae"], columns["mae_se"]
                of_folds = self._fold_means(absolute)
            else:
                loss, se = rmsecv, columns["rmsecv_se"]
                of_folds = np.sqrt(self._fold_means(squares))
        return [
            Figures(one, error, dict(zip(columns, values, strict=True)), -folds)
            for one, error, values, folds in zip(
                loss, se, zip(*columns.values(), strict=True), of_folds, strict=True
            )
        ]

    def _fold_means(self, errors: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(errors.sum(axis=2), self._fold_starts, axis=1)
        return sums / (self._fold_sizes * errors.shape[2])

    def _mean_errors(self, of_rows: np.ndarray, means: np.ndarray, n_targets: int) -> np.ndarray:
        """Return the standard error of each mean.

        A sample's errors, of all targets and repeats, are one observation. The mean is
        thus a ratio of sums over samples, linearised as such.
        """
        n_samples = len(self._samples)
        sums = self._sums_by_sample(of_rows)
        residuals = sums - means[:, np.newaxis] * n_targets * self._times_held_out
        size = of_rows.shape[1] * n_targets
        return np.sqrt((residuals**2).sum(axis=1) * n_samples / (n_samples - 1)) / size

    def _sums_by_sample(self, of_rows: np.ndarray) -> np.ndarray:
        return np.add.reduceat(of_rows[:, self._by_sample], self._sample_starts, axis=1)

    def out_of_fold(self, predictions: np.ndarray) -> np.ndarray:
        """Return a prediction for each sample: the mean of its own, NaN where there is none.

        Of shape (n_candidates, n_samples[, n_targets]), from `predictions` as in `figures`.
        """
        means = self._sums_by_sample(predictions) / self._times_held_out[:, np.newaxis]
        found = np.full((len(predictions), self._y_shape[0], len(self._unit)), np.nan)
        found[:, self._samples] = means
        return found.reshape(-1, *self._y_shape)


class HeldOutClasses:
    """The held-out rows of a cross-validated classification, and what outputs are worth.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Numbers of the classes.
    tests : sequence of ndarray
        Held-out rows of each fold.
    n_classes : int
    scoring : {"accuracy", "balanced_accuracy", "roc_auc", "log_loss"}
        What ranks candidates.
    """

    def __init__(self, y: np.ndarray, tests: Sequence[np.ndarray], n_classes: int, scoring: str):
        self._n_samples = len(y)
        self._n_classes = n_classes
        self._scoring = scoring
        self.label = scoring.replace("_", " ").replace("roc auc", "ROC AUC")
        self._rows = np.concatenate(tests)
        self._folds = np.split(np.arange(len(self._rows)), np.cumsum([*map(len, tests)])[:-1])
        self._reference = y[self._rows].astype(np.int64)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a candidate's held-out outputs."""
        return len(self._rows), 1 + self._n_classes

    def loss(self, outputs: np.ndarray) -> float:
        """Return what one candidate is ranked by, the smaller the better."""
        return float(self._losses(self._scores(outputs[np.newaxis], slice(None)))[0])

    def score(self, loss: float) -> float:
        """Return the score that a loss stands for, the larger the better."""
        return -loss if self._scoring == "log_loss" else 1.0 - loss

    def shown(self, loss: float) -> str:
        """Return what candidates are ranked by, in words and numbers."""
        return f"{self.label} {abs(self.score(loss)):.4g}"

    def figures(self, outputs: np.ndarray) -> list[Figures]:
        """Return the figures of merit of some candidates.

        Parameters
        ----------
        outputs : ndarray of shape (n_candidates, n_held_out, 1 + n_classes)
            For the held-out rows, fold after fold: the number of the predicted class, and
            the probability of each class or what else the model decides by.
        """
        columns = self._scores(outputs, slice(None))
        losses = self._losses(columns)
        of_folds = np.stack(
            [self._losses(self._scores(outputs, rows)) for rows in self._folds], axis=1
        )
        of_folds = -of_folds if self._scoring == "log_loss" else 1.0 - of_folds
        n_folds = len(self._folds)
        errors = np.full(len(outputs), np.nan)
        if n_folds > 1:
            errors = of_folds.std(axis=1, ddof=1) / np.sqrt(n_folds)
        table = zip(*columns.values(), strict=True)
        return [
            Figures(loss, error, dict(zip(columns, values, strict=True)), folds)
            for loss, error, values, folds in zip(losses, errors, table, of_folds, strict=True)
        ]

    def out_of_fold(self, outputs: np.ndarray) -> np.ndarray:
        """Return the class each sample is most often predicted as, NaN where it never is.

        Of shape (n_candidates, n_samples); the lowest of classes that are predicted as often.
        """
        votes = np.zeros((len(outputs), self._n_samples, self._n_classes))
        predicted = outputs[:, :, 0]
        known = np.isfinite(predicted)
        for number in range(self._n_classes):
            np.add.at(votes[:, :, number].T, self._rows, ((predicted == number) & known).T)
        found = votes.argmax(axis=2).astype(np.float64)
        found[votes.sum(axis=2) == 0] = np.nan
        return found

    def _losses(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        scores = columns[self._scoring]
        return scores if self._scoring == "log_loss" else 1.0 - scores

    def _scores(self, outputs: np.ndarray, rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        """Return all scores of each candidate on some of the held-out rows."""
        reference = self._reference[rows]
        failed = np.isnan(outputs[:, rows, 0]).any(axis=1)
        right = outputs[:, rows, 0] == reference
        present = np.unique(reference)
        recalls = [right[:, reference == number].mean(axis=1) for number in present]
        probabilities = outputs[:, rows, 1:]
        of_reference = probabilities[:, np.arange(len(reference)), reference]
        with np.errstate(divide="ignore"):
            tiny = np.finfo(np.float64).eps
            log_loss = -np.log(np.clip(of_reference, tiny, 1.0)).mean(axis=1)
        is_probability = np.isclose(probabilities.sum(axis=2), 1.0).all(axis=1)
        return {
            "accuracy": np.where(failed, np.nan, right.mean(axis=1)),
            "balanced_accuracy": np.where(failed, np.nan, np.mean(recalls, axis=0)),
            "roc_auc": self._areas(probabilities, reference),
            "log_loss": np.where(is_probability, log_loss, np.nan),
        }

    def _areas(self, probabilities: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Return the area under the ROC curve, of several classes the mean of each against all."""
        numbers = [1] if self._n_classes == 2 else range(self._n_classes)
        areas = [_area(probabilities[:, :, each], reference == each) for each in numbers]
        return np.mean(areas, axis=0)


def _area(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the share of pairs that the scores put in order, NaN where there are none."""
    n_positive = np.count_nonzero(positive)
    n_negative = positive.size - n_positive
    if not (n_positive and n_negative):
        return np.full(len(scores), np.nan)
    ranks = rankdata(scores, axis=1, nan_policy="propagate")
    above = ranks[:, positive].sum(axis=1) - n_positive * (n_positive + 1) / 2
    return above / (n_positive * n_negative)


def held_out_of(data: Data, splits: Splits, scoring: str | None) -> HeldOut | HeldOutClasses:
    """Return the held-out rows of a cross-validation; without `scoring` the first one ranks."""
    known = CLASSIFICATION_SCORES if data.n_classes else REGRESSION_SCORES
    scoring = known[0] if scoring is None else scoring
    if scoring not in known:
        raise ValueError(
            f"`scoring` must be among {', '.join(known)} for a "
            f"{'classification' if data.n_classes else 'regression'}; got {scoring!r}. Use one of "
            "these, or another `task`."
        )
    tests = [test for _, test in splits]
    if data.n_classes:
        return HeldOutClasses(data.y, tests, data.n_classes, scoring)
    return HeldOut(data.y, tests, scoring)
