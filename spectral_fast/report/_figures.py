"""The figures of the report, with titles and captions."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline

from spectral_fast.report import _words
from spectral_fast.report._coefficients import regression_vector
from spectral_fast.report._outcome import Figure, Spectra
from spectral_fast.report._score import Score
from spectral_fast.report._steps import apply

__all__ = ["curve_figure", "spectra_figures"]

_EXPLAINED = (
    " The regression vector below weighs each channel: the prediction is the sum of the "
    "spectrum times the vector, plus a constant."
)


def curve_figure(results: pd.DataFrame, score: Score, unit: str) -> Figure | None:
    """Draw what ranks candidates over component counts, where the search varied them."""
    from spectral_fast.report import _plots

    counted = results[results["n_components"].notna()]
    if counted["n_components"].nunique() < 2:
        return None
    several_models = counted["model"].nunique() > 1
    curves = {}
    # Results are ranked, so groups in order of appearance are in order of merit.
    groups = counted.groupby(["preprocessing", "selector", "model"], sort=False, dropna=False)
    for _, group in groups:
        values = group.groupby("n_components")[score.column].agg(score.best).sort_index()
        first = group.to_dict("records")[0]
        label = _words.describe_preprocessing(first["preprocessing"])
        if first["selector"] is not None:
            label += f", {_words.selector_name(first['selector'])}"
        if several_models:
            label += f", {_words.model_name(first)}"
        curves[label] = values.index.to_numpy(dtype=float), values.to_numpy()
    best = counted.head(1).to_dict("records")[0]
    is_winner = best["rank"] == results["rank"].min()
    return {
        "svg": _plots.curves(
            curves,
            (best["n_components"], best[score.column]),
            f"{score.heading} ({unit})" if unit else score.heading,
            label="best" if is_winner else f"best {_words.model_name(best)}",
            is_log=score.best == "min",
        ),
        "title": f"{score.heading} against the number of latent variables",
        "caption": "Too few latent variables miss part of the signal, too many fit noise. Where "
        "the curve is flat, the smaller number is the safer choice.",
    }


def spectra_figures(pipeline: Pipeline, spectra: Spectra, best: _words.Row) -> list[Figure]:
    """Draw the raw spectra, the preprocessed ones, and the channels that the best model uses."""
    chain, selector = _parts(pipeline)
    X = spectra.X
    treated = apply(chain, "transform", X) if len(chain) else X
    changed = treated.shape != X.shape or not np.array_equal(treated, X)
    vector = regression_vector(pipeline, X, fold=False)
    if vector is not None and len(vector.coefficients) != treated.shape[1]:
        vector = None
    coefficients = None if vector is None else vector.coefficients
    figures = [
        _spectra_figure(
            spectra, "Spectra as measured", "Signal as measured", None if changed else coefficients
        )
    ]
    if changed:
        name = _words.describe_preprocessing(best["preprocessing"])
        seen = spectra._replace(X=treated)
        if treated.shape != X.shape:
            features = np.arange(treated.shape[1], dtype=float)
            seen = seen._replace(axis=features, axis_label="Feature")
        figures.append(_spectra_figure(seen, f"Spectra after {name}", name, coefficients))
    if selector is not None and treated.shape == X.shape:
        figures.append(_channels_figure(spectra, treated, selector.get_support()))
    return figures


def _parts(pipeline: Pipeline) -> tuple[Pipeline, Any]:
    """Return the preprocessing of a fitted pipeline and its selector, None if it has none."""
    if len(pipeline) > 1 and isinstance(pipeline[-2], SelectorMixin):
        return pipeline[:-2], pipeline[-2]
    return pipeline[:-1], None


def _spectra_figure(
    spectra: Spectra, title: str, signal: str, coefficients: np.ndarray | None
) -> Figure:
    from spectral_fast.report import _plots

    n_samples = len(spectra.X)
    thinned = (
        f" {_plots.MAX_SPECTRA} of {n_samples:,} spectra are shown."
        if n_samples > _plots.MAX_SPECTRA
        else ""
    )
    coloured_by = spectra.quantity if spectra.classes else f"measured {spectra.quantity}"
    return {
        "svg": _plots.spectra(
            spectra.axis,
            spectra.X,
            spectra.y,
            axis_label=spectra.axis_label,
            signal=signal,
            quantity=spectra.quantity,
            classes=spectra.classes,
            coefficients=coefficients,
        ),
        "title": title,
        "caption": f"Coloured by {coloured_by}.{thinned}"
        + ("" if coefficients is None else _EXPLAINED),
    }


def _channels_figure(spectra: Spectra, treated: np.ndarray, support: np.ndarray) -> Figure:
    from spectral_fast.report import _plots

    return {
        "svg": _plots.channels(
            spectra.axis, treated.mean(axis=0), support, axis_label=spectra.axis_label
        ),
        "title": "Selected channels",
        "caption": f"The mean spectrum that the model sees, and the {support.sum():,} of "
        f"{len(support):,} channels that it uses.",
    }
