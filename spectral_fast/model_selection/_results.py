"""Candidates with what became of them, and the tables made of them."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from spectral_fast.feature_selection import TopChannels
from spectral_fast.model_selection._figures import Figures
from spectral_fast.model_selection._grid import Chain, Model, Selection
from spectral_fast.model_selection.families import made

__all__ = [
    "NOT_EVALUATED",
    "Candidate",
    "cv_results",
    "fitted_pipeline",
    "one_se",
    "pipeline_of",
    "rank",
    "ranked_table",
    "selection_bias",
]


#: How the errors begin of candidates that an ended search did not come to.
NOT_EVALUATED = "not evaluated"

#: Held-out samples of a fold, on average, that an estimate from the folds needs.
_LEAST_HELD_OUT = 3


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
    n_not_converged: int
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
    def status(self) -> str:
        """What became of it in a word or two."""
        if self.error is None:
            return "done"
        return NOT_EVALUATED if self.error.startswith(NOT_EVALUATED) else "failed"

    @property
    def kin(self) -> tuple[str, str, str]:
        """What candidates have in common that differ in size and setting only."""
        return self.chain.name, self.selection.name, self.model.name

    @property
    def n_components(self) -> int | None:
        """The number of latent variables, where the model has such a parameter."""
        default = getattr(self.model.estimator, "n_components", None)
        count = self.setting.get("n_components", default)
        return int(count) if isinstance(count, int | np.integer) else None


def rank(candidates: Sequence[Candidate]) -> np.ndarray:
    """Return the candidates' positions, best first.

    The smallest loss leads and NaN is last. Equal ones go by fewer channels, fewer latent
    variables, and then their place in the grid as text, so that the order of the grid, in
    which names and values were given, does not matter.
    """
    numbers = [
        (
            np.inf if np.isnan(each.figures.loss) else each.figures.loss,
            each.n_features or 0,
            each.n_components or 0,
        )
        for each in candidates
    ]
    n_equal = Counter(numbers)
    keys = [
        (key, [] if n_equal[key] == 1 else sorted((k, str(v)) for k, v in each.params.items()))
        for key, each in zip(numbers, candidates, strict=True)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__))


def one_se(candidates: Sequence[Candidate], best: int) -> int:
    """Return the simplest candidate within one standard error of the least loss.

    Among those with the winner's preprocessing, selector and model: the fewest latent
    variables, then the fewest channels, then the largest penalty (alpha, 1 / C), then the
    least loss.
    """
    winner = candidates[best]
    # Where too few held-out samples or folds leave the error unknown, only equals are within it.
    limit = winner.figures.loss + np.nan_to_num(winner.figures.se)
    kin = [
        (
            each.n_components or 0,
            each.n_features or 0,
            -each.setting.get("alpha", 0.0),
            each.setting.get("C", 0.0),
            each.figures.loss,
            position,
        )
        for position, each in enumerate(candidates)
        if each.figures.loss <= limit and each.kin == winner.kin
    ]
    return min(kin)[-1]


def selection_bias(candidates: Sequence[Candidate], best: int, n_held_out: int) -> float:
    """Return by how much the score of the best of many candidates is too good, estimated.

    The mean over the folds of the best score of any candidate there less that of the best
    candidate: Tibshirani & Tibshirani 2009, Annals of Applied Statistics 3, 822-829, equation 2.1.
    NaN where folds hold out so few samples that the best of a fold is best by chance.
    """
    of_folds = np.array([each.figures.fold_scores for each in candidates])
    known = np.isfinite(of_folds[best])  # one class alone has no area under its curve
    if not known.any() or n_held_out < _LEAST_HELD_OUT * of_folds.shape[1]:
        return np.nan
    return float(np.mean(np.nanmax(of_folds[:, known], axis=0) - of_folds[best, known]))


def fitted_pipeline(candidate: Candidate, X: Any, y: Any, groups: np.ndarray | None) -> Pipeline:
    """Return the Pipeline that a candidate stands for, fitted; its selector gets the groups."""
    pipeline = pipeline_of(candidate)
    selector = pipeline.named_steps.get("selector")
    if groups is not None and has_fit_parameter(selector, "groups"):
        return pipeline.fit(X, y, selector__groups=groups)
    return pipeline.fit(X, y)


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


def ranked_table(candidates: Sequence[Candidate], order: np.ndarray) -> pd.DataFrame:
    """Return a line for each candidate, best first; the index is its place in the grid."""
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
        **{name: [each.values[name] for each in figures] for name in figures[0].values},
        "n_not_converged": [each.n_not_converged for each in ranked],
        "status": [each.status for each in ranked],
        "error": _objects([each.error for each in ranked]),
        "seconds": [each.seconds for each in ranked],
    }
    return pd.DataFrame(columns).set_index(pd.Index(order, name="candidate"))


def cv_results(candidates: Sequence[Candidate], order: np.ndarray) -> dict[str, Any]:
    """Return the results under scikit-learn's keys, in the order of the grid."""
    n_folds = len(candidates[0].figures.fold_scores)
    seconds = np.array([each.seconds for each in candidates]) / n_folds
    scores = np.array([each.figures.fold_scores for each in candidates])
    params = [each.params for each in candidates]
    ranks = np.empty(len(candidates), dtype=np.int32)
    ranks[order] = np.arange(1, len(candidates) + 1)
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
    values = np.empty(len(params), dtype=object)
    for position, each in enumerate(params):
        values[position] = each.get(name)
    return np.ma.array(values, mask=[name not in each for each in params])


def _objects(values: Sequence[Any]) -> pd.Series:
    """Keep None as it is, where pandas would make it NaN."""
    return pd.Series(values, dtype=object)
