"""Figures of merit from held-out predictions, and the tables made of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spectral_fast.model_selection._grid import Chain, Model

__all__ = ["Candidate", "Figures", "HeldOut", "cv_results", "rank", "ranked_table"]


class Figures(NamedTuple):
    """Figures of merit of one candidate; NaN where it failed."""

    rmsecv: float
    rmsecv_se: float
    r2: float
    rpd: float
    bias: float
    fold_rmse: np.ndarray


class HeldOut:
    """The held-out rows of a cross-validation, and what predictions for them are worth.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Reference values.
    tests : sequence of ndarray
        Held-out rows of each fold.
    """

    def __init__(self, y: np.ndarray, tests: Sequence[np.ndarray]):
        self._y_shape = y.shape
        y = y.reshape(len(y), -1)
        self._rows = np.concatenate(tests)
        self._fold_ends = np.cumsum([len(test) for test in tests])[:-1]
        self._times_held_out = np.bincount(self._rows, minlength=len(y))
        self._unit = y.std(axis=0, ddof=1) if y.shape[1] > 1 else np.ones(1)
        self._reference = y[self._rows] / self._unit
        distinct = y[np.unique(self._rows)] / self._unit
        with np.errstate(divide="ignore", invalid="ignore"):
            self._sd = np.sqrt(
                ((distinct - distinct.mean(axis=0)) ** 2).sum() / ((len(distinct) - 1) * y.shape[1])
            )

    def figures(self, predictions: Sequence[np.ndarray]) -> Figures:
        """Return the figures of merit of one candidate.

        Parameters
        ----------
        predictions : sequence of ndarray of shape (n_test, n_targets)
            For the held-out rows of each fold.
        """
        errors = np.concatenate(predictions) / self._unit - self._reference
        squares = errors**2
        rmsecv = np.sqrt(squares.mean())
        about_mean = (self._reference - self._reference.mean(axis=0)) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return Figures(
                rmsecv=rmsecv,
                rmsecv_se=self._standard_error(squares),
                r2=1 - squares.sum() / about_mean.sum(),
                rpd=self._sd / rmsecv,
                bias=errors.mean(),
                fold_rmse=np.array(
                    [np.sqrt(fold.mean()) for fold in np.split(squares, self._fold_ends)]
                ),
            )

    def _standard_error(self, squares: np.ndarray) -> float:
        """Return the standard error of the root of the mean of `squares`.

        A sample's squared errors, of all targets and repeats, are one observation. The
        mean is thus a ratio of sums over samples, linearised as such, and the root
        follows by the delta method.
        """
        n_targets = squares.shape[1]
        n_samples = np.count_nonzero(self._times_held_out)
        mean = squares.mean()
        sums = np.bincount(self._rows, squares.sum(axis=1), minlength=len(self._times_held_out))
        residuals = sums - mean * n_targets * self._times_held_out
        variance = (residuals**2).sum() * n_samples / (n_samples - 1) / squares.size**2
        return np.sqrt(variance) / (2 * np.sqrt(mean)) if mean > 0 else mean

    def out_of_fold(self, predictions: Sequence[np.ndarray]) -> np.ndarray:
        """Return a prediction for each sample: the mean of its own, NaN where there is none."""
        total = np.zeros((self._y_shape[0], len(self._unit)))
        np.add.at(total, self._rows, np.concatenate(predictions))
        with np.errstate(invalid="ignore"):
            return (total / self._times_held_out[:, None]).reshape(self._y_shape)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One line of the tables: what was tried, and what came of it."""

    chain: Chain
    model: Model
    setting: dict[str, Any]
    figures: Figures
    fold_seconds: np.ndarray
    error: str | None

    @property
    def params(self) -> dict[str, Any]:
        """The candidate's place in the grid."""
        setting = {f"model__{name}": value for name, value in self.setting.items()}
        return {"preprocessing": self.chain.name, "model": self.model.name, **setting}

    @property
    def n_components(self) -> int | None:
        """The number of latent variables, where the model has such a parameter."""
        return {**self.model.estimator.get_params(), **self.setting}.get("n_components")


def rank(candidates: Sequence[Candidate]) -> np.ndarray:
    """Return the candidates' positions, best first.

    The smallest RMSECV leads, equal ones keep their order, and NaN is last.
    """
    return np.argsort([each.figures.rmsecv for each in candidates], kind="stable")


def ranked_table(candidates: Sequence[Candidate], n_features: int) -> pd.DataFrame:
    """Return a line for each candidate, best first; the index is its place in the grid."""
    order = rank(candidates)
    ranked = [candidates[position] for position in order]
    figures = [each.figures for each in ranked]
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(ranked) + 1),
        "preprocessing": [each.chain.name for each in ranked],
        "selector": _objects([None] * len(ranked)),
        "n_features": np.full(len(ranked), n_features),
        "model": [each.model.name for each in ranked],
        "params": _objects([each.setting for each in ranked]),
        "n_components": pd.array([each.n_components for each in ranked], dtype="Int64"),
        "rmsecv": [each.rmsecv for each in figures],
        "rmsecv_se": [each.rmsecv_se for each in figures],
        "r2": [each.r2 for each in figures],
        "rpd": [each.rpd for each in figures],
        "bias": [each.bias for each in figures],
        "error": _objects([each.error for each in ranked]),
        "seconds": [each.fold_seconds.sum() for each in ranked],
    }
    return pd.DataFrame(columns).set_index(pd.Index(order, name="candidate"))


def cv_results(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return the results under scikit-learn's keys, in the order of the grid."""
    seconds = np.array([each.fold_seconds for each in candidates])
    scores = -np.array([each.figures.fold_rmse for each in candidates])
    params = [each.params for each in candidates]
    ranks = np.empty(len(candidates), dtype=np.int32)
    ranks[rank(candidates)] = np.arange(1, len(candidates) + 1)
    return {
        "mean_fit_time": seconds.mean(axis=1),
        "std_fit_time": seconds.std(axis=1),
        **{f"param_{name}": _column(params, name) for name in _names(params)},
        "params": params,
        **{f"split{fold}_test_score": column for fold, column in enumerate(scores.T)},
        "mean_test_score": scores.mean(axis=1),
        "std_test_score": scores.std(axis=1),
        "rank_test_score": ranks,
    }


def _names(params: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for each in params for name in each))


def _column(params: Sequence[dict[str, Any]], name: str) -> np.ma.MaskedArray:
    column = np.ma.masked_all(len(params), dtype=object)
    for position, each in enumerate(params):
        if name in each:
            column[position] = each[name]
    return column


def _objects(values: Sequence[Any]) -> pd.Series:
    """Keep None as it is, where pandas would make it NaN."""
    return pd.Series(values, dtype=object)
