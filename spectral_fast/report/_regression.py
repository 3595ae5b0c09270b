"""What the report says of a regression."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from spectral_fast.report import _words
from spectral_fast.report._outcome import Figure, Outcome
from spectral_fast.report._score import Score

__all__ = ["cells", "columns", "figures", "headline", "merit", "quality", "tiles"]


def columns(score: Score) -> list[tuple[str, str]]:
    """Name the figures of the ranking; the minor ones have no room on a narrow screen."""
    others = [("R²", ""), ("RPD", "minor"), ("Bias", "minor")]
    if score.column != "rmsecv":
        others.insert(0, ("RMSECV", "minor"))
    return [(score.name, ""), ("±", "minor"), *others]


def cells(results: pd.DataFrame, score: Score) -> list[tuple[str, ...]]:
    """Format the figures of some candidates, in the order of `columns`."""
    rows = results.to_dict("records")
    formatted = {
        score.name: _words.column(results[score.column], 4),
        "±": _words.column(results[f"{score.column}_se"], 2),
        "RMSECV": _words.column(results["rmsecv"], 4),
        "R²": [_words.coefficient_of_determination(row["r2"]) for row in rows],
        "RPD": _words.column(results["rpd"], 3),
        "Bias": [_words.bias(row) for row in rows],
    }
    return list(zip(*(formatted[name] for name, _ in columns(score)), strict=True))


def merit(row: _words.Row, outcome: Outcome) -> str:
    """Return the figure by which a candidate is ranked: ``"RMSECV 0.52 g/kg fat (±0.03)"``."""
    error, spread = _rounded(row, outcome.score)
    spread = f" (±{spread})" if spread else ""
    return f"{outcome.score.name} {error}{outcome.unit_of_target}{spread}"


def _rounded(row: _words.Row, score: Score) -> tuple[str, str]:
    return _words.rounded_to_error(row[score.column], row[f"{score.column}_se"])


def headline(outcome: Outcome) -> str:
    """Summarise the best candidate in one sentence."""
    best = outcome.best
    return (
        f"{_words.describe(best)}; {merit(best, outcome)}, "
        f"R² {_words.coefficient_of_determination(best['r2'])}, "
        f"RPD {_words.number(best['rpd'], 2)}"
    )


def tiles(outcome: Outcome) -> list[dict[str, str]]:
    """Return the figures of merit in large print."""
    best, score = outcome.best, outcome.score
    unit = _words.unit_of_errors(outcome.unit)
    error, spread = _rounded(best, score)
    found = [
        {"name": score.name, "value": error, "note": f"{f'± {spread}' if spread else ''} {unit}"},
        {"name": "R²", "value": _words.coefficient_of_determination(best["r2"]), "note": ""},
        {"name": "RPD", "value": _words.number(best["rpd"], 2), "note": ""},
        {"name": "Bias", "value": _words.bias(best), "note": unit},
    ]
    if score.column != "rmsecv":
        rmsecv = _words.number(best["rmsecv"], 3)
        found.insert(1, {"name": "RMSECV", "value": rmsecv, "note": unit})
    if outcome.has_nested:
        nested = _words.number(-outcome.search.outer_score_, 3)
        found.insert(1, {"name": score.nested, "value": nested, "note": unit})
    return found


def quality(outcome: Outcome) -> list[tuple[str, str]]:
    """Say in plain words what each figure of merit means for these data."""
    best, score = outcome.best, outcome.score

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
            f"{with_unit(bound)} or less. The figure after ± is the standard error of the "
            f"{score.name} itself.",
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
    if score.column == "mae":
        mae = f"The mean size of the errors, which ranks the candidates: {with_unit(best['mae'])}."
        words.insert(0, ("MAE", mae))
    if outcome.n_candidates > 1:
        words.append(("Choice of the best", _optimism(outcome, with_unit)))
    if outcome.has_nested:
        error = "mean absolute error" if score.column == "mae" else "typical error"
        words.append(
            (
                score.nested,
                "The whole search, choice of the best included, was repeated in outer folds, and "
                f"predicted samples that it had not seen. Their {error} was "
                f"{with_unit(-outcome.search.outer_score_)}: this is what to expect of new "
                "samples.",
            )
        )
    return words


def _optimism(outcome: Outcome, with_unit: Callable[[float], str]) -> str:
    """Say by how much the figures of the best of many are too good."""
    bias, score = outcome.search.selection_bias_, outcome.score
    by_how_much = "."
    if math.isfinite(bias):
        by_how_much = (
            f": its {score.name} is too low by about {with_unit(bias)}, as estimated after "
            "Tibshirani and Tibshirani (2009), so that about "
            f"{with_unit(outcome.best[score.column] + bias)} is to be expected of new samples."
        )
    return (
        f"The best of {outcome.n_candidates:,} candidates was chosen by the same figures that "
        f"describe it, which makes them optimistic{by_how_much} Confirm it with samples that took "
        "no part in the search."
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
