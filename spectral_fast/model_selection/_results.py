"""Figures of merit from held-out predictions, and the tables made of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import Pipeline

from spectral_fast.feature_selection import TopChannels
from spectral_fast.model_selection._grid import Chain, Model, Selection
from spectral_fast.model_selection.families import made

__all__ = [
    "Candidate",
    "Figures",
    "HeldOut",
    "cv_results",
    "one_se",
    "pipeline_of",
    "rank",
    "ranked_table",
    "selection_bias",
]


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

    def rmsecv(self, predictions: np.ndarray) -> float:
        """Return the RMSECV of one candidate's held-out predictions."""
        return float(np.sqrt(((predictions / self._unit - self._reference) ** 2).mean()))

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
        of_folds = np.add.reduceat(of_rows, self._fold_starts, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = (
                rmsecv,
                self._standard_errors(of_rows, mean_square, n_targets),
                1 - of_rows.sum(axis=1) / about_mean,
                self._sd / rmsecv,
                errors.mean(axis=(1, 2)),
                np.sqrt(of_folds / (self._fold_sizes * n_targets)),
            )
        return [Figures(*figures) for figures in zip(*columns, strict=True)]

    def _standard_errors(
        self, of_rows: np.ndarray, mean_square: np.ndarray, n_targets: int
    ) -> np.ndarray:
        """Return the standard error of the root of each mean square.

        A sample's squared errors, of all targets and repeats, are one observation. The
        mean is thus a ratio of sums over samples, linearised as such, and the root
        follows by the delta method.
        """
        n_samples = len(self._samples)
        sums = self._sums_by_sample(of_rows)
        residuals = sums - mean_square[:, np.newaxis] * n_targets * self._times_held_out
        size = of_rows.shape[1] * n_targets
        variance = (residuals**2).sum(axis=1) * n_samples / (n_samples - 1) / size**2
        return np.where(
            mean_square > 0, np.sqrt(variance) / (2 * np.sqrt(mean_square)), mean_square
        )

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


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One line of the tables: what was tried, and what came of it."""

    chain: Chain
    selection: Selection
    size: int | None
    n_features: int | None
    model: Model
    setting: dict[str, Any]
    figures: Figures
    seconds: float
    error: str | None

    @property
    def params(self) -> dict[str, Any]:
        """The candidate's place in the grid."""
        place: dict[str, Any] = {"preprocessing": self.chain.name}
        if not self.selection.is_full:
            place["selector"] = self.selection.name
            if self.size is not None:
                place["n_features"] = self.size
        place["model"] = self.model.name
        return place | {f"model__{name}": value for name, value in self.setting.items()}

    @property
    def n_components(self) -> int | None:
        """The number of latent variables, where the model has such a parameter."""
        return {**self.model.estimator.get_params(), **self.setting}.get("n_components")


def rank(candidates: Sequence[Candidate]) -> np.ndarray:
    """Return the candidates' positions, best first.

    The smallest RMSECV leads and NaN is last. Equal ones go by fewer channels, fewer latent
    variables, and then their place in the grid as text, so that the order of the grid, in
    which names and values were given, does not matter.
    """
    keys = [
        (
            np.inf if np.isnan(each.figures.rmsecv) else each.figures.rmsecv,
            each.n_features or 0,
            each.n_components or 0,
            sorted((name, str(value)) for name, value in each.params.items()),
        )
        for each in candidates
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__))


def one_se(candidates: Sequence[Candidate]) -> int:
    """Return the simplest candidate within one standard error of the least RMSECV.

    Among those with the winner's preprocessing, selector and model: the fewest latent
    variables, then the fewest channels, then the largest penalty, then the least RMSECV.
    """
    best = candidates[rank(candidates)[0]]
    limit = best.figures.rmsecv + best.figures.rmsecv_se
    kin = [
        (
            each.n_components or 0,
            each.n_features or 0,
            -each.setting.get("alpha", 0.0),
            each.figures.rmsecv,
            position,
        )
        for position, each in enumerate(candidates)
        if each.figures.rmsecv <= limit
        and (each.chain, each.selection, each.model) == (best.chain, best.selection, best.model)
    ]
    return min(kin)[-1]


def selection_bias(candidates: Sequence[Candidate]) -> float:
    """Return by how much the RMSECV of the best of many candidates is too small, estimated.

    The mean over the folds of the best candidate's RMSE less the least of any candidate
    there: Tibshirani & Tibshirani 2009, Annals of Applied Statistics 3, 822-829, equation 2.1.
    """
    of_folds = np.array([each.figures.fold_rmse for each in candidates])
    best = of_folds[rank(candidates)[0]]
    return float(np.mean(best - np.nanmin(of_folds, axis=0)))


def pipeline_of(candidate: Candidate) -> Pipeline:
    """Return the scikit-learn Pipeline that a candidate stands for."""
    model = made(candidate.model.estimator, candidate.setting)
    selection, size = candidate.selection, candidate.size
    steps = [(name, clone(step)) for name, step in candidate.chain.steps]
    if selection.by_importance:
        top = SelectFromModel(clone(model), threshold=-np.inf, max_features=size)
        steps.append(("selector", top))
    elif not selection.is_full:
        selector = clone(selection.selector)
        steps.append(("selector", selector if size is None else TopChannels(selector, size)))
    return Pipeline([*steps, ("model", model)])


def ranked_table(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """Return a line for each candidate, best first; the index is its place in the grid."""
    order = rank(candidates)
    ranked = [candidates[position] for position in order]
    figures = [each.figures for each in ranked]
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(ranked) + 1),
        "preprocessing": [each.chain.name for each in ranked],
        "selector": _objects(
            [None if each.selection.is_full else each.selection.name for each in ranked]
        ),
        "n_features": pd.array([each.n_features for each in ranked], dtype="Int64"),
        "model": [each.model.name for each in ranked],
        "params": _objects([each.setting for each in ranked]),
        "n_components": pd.array([each.n_components for each in ranked], dtype="Int64"),
        "rmsecv": [each.rmsecv for each in figures],
        "rmsecv_se": [each.rmsecv_se for each in figures],
        "r2": [each.r2 for each in figures],
        "rpd": [each.rpd for each in figures],
        "bias": [each.bias for each in figures],
        "error": _objects([each.error for each in ranked]),
        "seconds": [each.seconds for each in ranked],
    }
    return pd.DataFrame(columns).set_index(pd.Index(order, name="candidate"))


def cv_results(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return the results under scikit-learn's keys, in the order of the grid."""
    n_folds = len(candidates[0].figures.fold_rmse)
    seconds = np.array([each.seconds for each in candidates]) / n_folds
    scores = -np.array([each.figures.fold_rmse for each in candidates])
    params = [each.params for each in candidates]
    ranks = np.empty(len(candidates), dtype=np.int32)
    ranks[rank(candidates)] = np.arange(1, len(candidates) + 1)
    return {
        "mean_fit_time": seconds,
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
