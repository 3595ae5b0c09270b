"""What the report says of a classification."""

import math

import numpy as np
import pandas as pd

from spectral_fast.report import _words
from spectral_fast.report._outcome import Figure, Outcome
from spectral_fast.report._score import SCORES, Score, percent

__all__ = ["cells", "columns", "figures", "headline", "merit", "quality", "tiles"]


def _ordered(score: Score) -> list[Score]:
    """Return all figures of merit, the one that ranks before the others."""
    names = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss")
    return [score, *(SCORES[name] for name in names if SCORES[name] != score)]


def columns(score: Score) -> list[tuple[str, str]]:
    """Name the figures of the ranking; the minor ones have no room on a narrow screen."""
    first, *others = _ordered(score)
    return [(first.heading, ""), *((each.heading, "minor") for each in others)]


def cells(results: pd.DataFrame, score: Score) -> list[tuple[str, ...]]:
    """Format the figures of some candidates, in the order of `columns`."""
    return [
        tuple(_shown(each, row[each.column]) for each in _ordered(score))
        for row in results.to_dict("records")
    ]


def merit(row: _words.Row, outcome: Outcome) -> str:
    """Return the figure by which a candidate is ranked: ``"accuracy 95.0 %"``."""
    score = outcome.score
    return f"{score.name} {_shown(score, row[score.column])}"


def headline(outcome: Outcome) -> str:
    """Summarise the best candidate in one sentence."""
    best = outcome.best
    second = _ordered(outcome.score)[1]
    return (
        f"{_words.describe(best)}; {merit(best, outcome)}, "
        f"{second.name} {_shown(second, best[second.column])}"
    )


def tiles(outcome: Outcome) -> list[dict[str, str]]:
    """Return the figures of merit in large print."""
    score = outcome.score
    named = [(each.heading, _shown(each, outcome.best[each.column])) for each in _ordered(score)]
    if outcome.has_nested:
        named.insert(1, (score.nested, _nested(outcome)))
    return [{"name": name, "value": value, "note": ""} for name, value in named]


def quality(outcome: Outcome) -> list[tuple[str, str]]:
    """Say in plain words what each figure of merit means for these data."""
    best, score = outcome.best, outcome.score
    classes, counts = np.unique(outcome.measured, return_counts=True)
    words = [
        (
            "Accuracy",
            f"The share of samples whose class was predicted right: {percent(best['accuracy'])}. "
            "Every sample was predicted by models that had not seen it. Naming the most frequent "
            f"class each time would give {percent(counts.max() / counts.sum())}.",
        ),
        (
            "Balanced accuracy",
            f"The same for each class by itself, and the mean over the {len(classes)} classes, so "
            f"that rare ones count as much: {percent(best['balanced_accuracy'])}.",
        ),
        (
            "ROC AUC",
            "How often a sample of a class gets a higher probability of it than a sample of "
            "another: 1 is perfect, 0.5 is chance.",
        ),
        ("Log loss", "How far the probabilities are from the truth: 0 is perfect."),
    ]
    if outcome.n_candidates > 1:
        words.append(("Choice of the best", _optimism(outcome)))
    if outcome.has_nested:
        words.append(
            (
                score.nested,
                "The whole search, choice of the best included, was repeated in outer folds, and "
                f"predicted samples that it had not seen. Their {score.name} was "
                f"{_nested(outcome)}: this is what to expect of new samples.",
            )
        )
    return words


def _optimism(outcome: Outcome) -> str:
    """Say by how much the figures of the best of many are too good."""
    bias, score = outcome.search.selection_bias_, outcome.score
    by_how_much = "."
    if math.isfinite(bias):
        direction = "high" if score.best == "max" else "low"
        by_how_much = (
            f": its {score.name} is too {direction} by about {_shown(score, bias)}, as estimated "
            "after Tibshirani and Tibshirani (2009)."
        )
    return (
        f"The best of {outcome.n_candidates:,} candidates was chosen by the same figures that "
        f"describe it, which makes them optimistic{by_how_much} Confirm it with samples that took "
        "no part in the search."
    )


def _nested(outcome: Outcome) -> str:
    return _shown(outcome.score, abs(outcome.search.outer_score_))  # that of a loss is negative


def _shown(score: Score, value: float) -> str:
    return percent(value) if score.name.endswith("accuracy") else _words.number(value, 3)


def figures(outcome: Outcome, quantity: str) -> list[Figure]:
    """Draw the confusion matrix."""
    from spectral_fast.report import _plots

    names = [str(name) for name in outcome.search.classes_]
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (outcome.measured.astype(int), outcome.predicted.astype(int)), 1)
    return [
        {
            "svg": _plots.confusion(counts, names, quantity),
            "title": "Confusion matrix",
            "caption": "Each sample, predicted while it was held out, counts in the row of its "
            "true class and the column of the predicted one. The diagonal is right.",
        }
    ]
