"""What the report says of a classification."""

import numpy as np
import pandas as pd

from spectral_fast.report import _words
from spectral_fast.report._outcome import Figure, Outcome

__all__ = ["COLUMNS", "CURVE", "cells", "figures", "headline", "merit", "quality", "tiles"]

#: Figures of the ranking; the minor ones have no room on a narrow screen.
COLUMNS = (
    ("Accuracy", ""),
    ("Balanced accuracy", "minor"),
    ("ROC AUC", "minor"),
    ("Log loss", "minor"),
)
#: What is drawn over the number of latent variables, and what is best.
CURVE = ("accuracy", "Accuracy", "max")


def cells(results: pd.DataFrame) -> list[tuple[str, ...]]:
    """Format the figures of some candidates."""
    return [
        (
            _percent(row["accuracy"]),
            _percent(row["balanced_accuracy"]),
            _words.number(row["roc_auc"], 3),
            _words.number(row["log_loss"], 3),
        )
        for row in results.to_dict("records")
    ]


def merit(row: _words.Row, unit: str) -> str:
    """Return the figure by which a candidate is ranked: ``"accuracy 95.0 %"``."""
    return f"accuracy {_percent(row['accuracy'])}"


def headline(outcome: Outcome) -> str:
    """Summarise the best candidate in one sentence."""
    best = outcome.best
    return (
        f"{_words.describe(best)}; {merit(best, '')}, "
        f"balanced accuracy {_percent(best['balanced_accuracy'])}"
    )


def tiles(outcome: Outcome) -> list[dict[str, str]]:
    """Return the figures of merit in large print."""
    [values] = cells(pd.DataFrame([outcome.best]))
    named = [(name, value) for (name, _), value in zip(COLUMNS, values, strict=True)]
    if outcome.search.outer_cv is not None:
        named.insert(1, ("Accuracy, nested", _percent(outcome.search.outer_score_)))
    return [{"name": name, "value": value, "note": ""} for name, value in named]


def quality(outcome: Outcome) -> list[tuple[str, str]]:
    """Say in plain words what each figure of merit means for these data."""
    best = outcome.best
    classes, counts = np.unique(outcome.measured, return_counts=True)
    words = [
        (
            "Accuracy",
            f"The share of samples whose class was predicted right: {_percent(best['accuracy'])}. "
            "Every sample was predicted by models that had not seen it. Naming the most frequent "
            f"class each time would give {_percent(counts.max() / counts.sum())}.",
        ),
        (
            "Balanced accuracy",
            f"The same for each class by itself, and the mean over the {len(classes)} classes, so "
            f"that rare ones count as much: {_percent(best['balanced_accuracy'])}.",
        ),
        (
            "ROC AUC",
            "How often a sample of a class gets a higher probability of it than a sample of "
            "another: 1 is perfect, 0.5 is chance.",
        ),
        ("Log loss", "How far the probabilities are from the truth: 0 is perfect."),
    ]
    if outcome.n_candidates > 1:
        bias = outcome.search.selection_bias_
        words.append(
            (
                "Choice of the best",
                f"The best of {outcome.n_candidates:,} candidates was chosen by the same figures "
                "that describe it, which makes them optimistic: its accuracy is too high by about "
                f"{_percent(bias)}, as estimated after Tibshirani and Tibshirani (2009). Confirm "
                "it with samples that took no part in the search.",
            )
        )
    if outcome.search.outer_cv is not None:
        words.append(
            (
                "Accuracy, nested",
                "The whole search, choice of the best included, was repeated in outer folds, and "
                "predicted samples that it had not seen. Of these "
                f"{_percent(outcome.search.outer_score_)} were right: this is what to expect of "
                "new samples.",
            )
        )
    return words


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


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
