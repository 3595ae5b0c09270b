"""What the report says of a regression."""

from typing import Any

import numpy as np
import pandas as pd

from spectral_fast.report import _words
from spectral_fast.report._outcome import Figure, Outcome

__all__ = ["COLUMNS", "CURVE", "cells", "figures", "headline", "merit", "quality", "tiles"]

#: Figures of the ranking; the minor ones have no room on a narrow screen.
COLUMNS = (("RMSECV", ""), ("±", "minor"), ("R²", ""), ("RPD", "minor"), ("Bias", "minor"))
#: What is drawn over the number of latent variables, and what is best.
CURVE = ("rmsecv", "RMSECV", "min")


def cells(results: pd.DataFrame) -> list[tuple[str, ...]]:
    """Format the figures of some candidates."""
    return [
        (rmsecv, rmsecv_se, _words.coefficient_of_determination(row["r2"]), rpd, _words.bias(row))
        for row, rmsecv, rmsecv_se, rpd in zip(
            results.to_dict("records"),
            _words.column(results["rmsecv"], 4),
            _words.column(results["rmsecv_se"], 2),
            _words.column(results["rpd"], 3),
            strict=True,
        )
    ]


def merit(row: _words.Row, unit: str) -> str:
    """Return the figure by which a candidate is ranked: ``"RMSECV 0.52 % fat (±0.03)"``."""
    error, spread = _words.rounded_to_error(row["rmsecv"], row["rmsecv_se"])
    return f"RMSECV {error}{unit}{f' (±{spread})' if spread else ''}"


def headline(outcome: Outcome) -> str:
    """Summarise the best candidate in one sentence."""
    best = outcome.best
    return (
        f"{_words.describe(best)}; {merit(best, outcome.unit_of_target)}, "
        f"R² {_words.coefficient_of_determination(best['r2'])}, "
        f"RPD {_words.number(best['rpd'], 2)}"
    )


def tiles(outcome: Outcome) -> list[dict[str, str]]:
    """Return the figures of merit in large print."""
    best, unit = outcome.best, outcome.unit
    error, spread = _words.rounded_to_error(best["rmsecv"], best["rmsecv_se"])
    found = [
        {"name": "RMSECV", "value": error, "note": f"{f'± {spread}' if spread else ''} {unit}"},
        {"name": "R²", "value": _words.coefficient_of_determination(best["r2"]), "note": ""},
        {"name": "RPD", "value": _words.number(best["rpd"], 2), "note": ""},
        {"name": "Bias", "value": _words.bias(best), "note": unit},
    ]
    if outcome.search.outer_cv is not None:
        rmsep = _words.number(-outcome.search.outer_score_, 3)
        found.insert(1, {"name": "RMSEP, nested", "value": rmsep, "note": unit})
    return found


def quality(outcome: Outcome) -> list[tuple[str, str]]:
    """Say in plain words what each figure of merit means for these data."""
    best, search = outcome.best, outcome.search

    def with_unit(value: float) -> str:
        return _words.number(value, 2) + outcome.unit_of_target

    bound = float(np.quantile(np.abs(outcome.predicted - outcome.measured), 0.95))
    if not _words.bias(best).strip("0."):
        bias = "On average, predictions are neither too high nor too low."
    else:
        direction = "high" if best["bias"] > 0 else "low"
        bias = f"On average, predictions are {with_unit(abs(best['bias']))} too {direction}."
    words = [
        (
            "RMSECV",
            f"The typical error of a prediction: {with_unit(best['rmsecv'])}. Every sample was "
            "predicted by models that had not seen it; 95 % of these predictions were off by "
            f"{with_unit(bound)} or less. The figure after ± is the standard error of the RMSECV "
            "itself.",
        ),
        (
            "R²",
            f"The share of the variation in {outcome.target} that the predictions explain: "
            f"{_words.percentage(best['r2'])}.",
        ),
        (
            "RPD",
            f"The standard deviation of the measured values is {_words.number(best['rpd'], 2)} "
            "times the RMSECV. By a common rule of thumb, below 2 serves for rough sorting and "
            "above 3 for quality control.",
        ),
        ("Bias", bias),
    ]
    if outcome.n_candidates > 1:
        words.append(("Choice of the best", _optimism(outcome, with_unit)))
    if search.outer_cv is not None:
        words.append(
            (
                "RMSEP, nested",
                "The whole search, choice of the best included, was repeated in outer folds, and "
                "predicted samples that it had not seen. Their typical error was "
                f"{with_unit(-search.outer_score_)}: this is what to expect of new samples.",
            )
        )
    return words


def _optimism(outcome: Outcome, with_unit: Any) -> str:
    """Say by how much the figures of the best of many are too good."""
    bias = outcome.search.selection_bias_
    return (
        f"The best of {outcome.n_candidates:,} candidates was chosen by the same figures that "
        f"describe it, which makes them optimistic: its RMSECV is too low by about "
        f"{with_unit(bias)}, as estimated after Tibshirani and Tibshirani (2009), so that about "
        f"{with_unit(outcome.best['rmsecv'] + bias)} is to be expected of new samples. Confirm it "
        "with samples that took no part in the search."
    )


def figures(outcome: Outcome, quantity: str) -> list[Figure]:
    """Draw the held-out predictions and their errors."""
    from spectral_fast.report import _plots

    measured, predicted = outcome.measured, outcome.predicted
    errors = predicted - measured
    return [
        {
            "svg": _plots.predicted_against_measured(measured, predicted, quantity),
            "title": "Predicted against measured",
            "caption": "Each point is one sample, predicted while it was held out. "
            "On the line, prediction and measurement agree.",
        },
        {
            "svg": _plots.residuals(predicted, errors, outcome.best["rmsecv"], quantity),
            "title": "Errors against predictions",
            "caption": "A good calibration scatters evenly about zero along the whole range; a "
            "curve or a funnel calls for another model or another range.",
        },
    ]
