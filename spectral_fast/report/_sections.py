"""The texts and numbers of the report."""

import platform
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.base import is_classifier

import spectral_fast
from spectral_fast.report import _words
from spectral_fast.report._edges import edges
from spectral_fast.report._outcome import Spectra
from spectral_fast.report._score import score_of

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = [
    "about_channels",
    "cautions",
    "facts",
    "failures",
    "method",
    "n_peers",
    "ranked",
    "simplest",
    "timing",
]


def facts(spectra: Spectra, unit: str) -> list[tuple[str, str]]:
    """Describe the data."""
    X, y, axis = spectra.X, spectra.y, spectra.axis
    data = [
        ("Samples", f"{len(X):,}"),
        ("Channels", f"{X.shape[1]:,}"),
        (f"{spectra.axis_label} range", f"{axis[0]:g} to {axis[-1]:g}"),
        ("Target", spectra.quantity),
    ]
    if spectra.classes:
        counts = np.bincount(y.astype(int))
        named = zip(spectra.classes, counts, strict=True)
        return [*data, ("Classes", ", ".join(f"{name} ({count})" for name, count in named))]
    return [
        *data,
        ("Measured", f"{y.min():.4g} to {y.max():.4g} {unit}".strip()),
        ("Mean", f"{y.mean():.4g} {unit}".strip()),
    ]


def cautions(search: "SpectralSearchCV") -> list[str]:
    """Say why the figures may not be what they seem."""
    found = []
    if search.optimistic_:
        found.append(
            "Channels were selected on all samples: figures are optimistic. Where channels are "
            "selected, the held-out samples have taken part in it. Search with the selector "
            "scope 'fold' for figures that new samples will confirm."
        )
    if search.stopped_:
        unreached = int((search.results_["status"] == "not evaluated").sum())
        found.append(
            f"The search ended early ({search.stopped_}): {unreached:,} of "
            f"{len(search.results_):,} candidates were not tried."
            if unreached
            else f"The search ended early ({search.stopped_}): all candidates were tried, but not "
            "in the outer folds. There is no nested estimate."
        )
    return found + edges(search)


def about_channels(best: _words.Row) -> list[dict[str, str]]:
    """Return the sizes of the best model in large print."""
    found = []
    if _words.has_components(best):
        found.append({"name": "Latent variables", "value": f"{best['n_components']:.0f}"})
    if best["selector"] is not None and not pd.isna(best["n_features"]):
        found.append({"name": "Channels", "value": f"{best['n_features']}"})
    return [tile | {"note": ""} for tile in found]


def ranked(results: pd.DataFrame, cells: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Format the rows of the ranking; `cells` are their figures."""
    return [
        {
            "rank": row["rank"],
            "preprocessing": _words.describe_preprocessing(row["preprocessing"]),
            "channels": _words.short_selection(row),
            "model": _words.model_name(row),
            "settings": _words.settings(row),
            "figures": figures,
        }
        for row, figures in zip(results.to_dict("records"), cells, strict=True)
    ]


def simplest(search: "SpectralSearchCV") -> _words.Row | None:
    """Return the simplest candidate within one standard error, if it is not the best."""
    if search.one_se_index_ == search.best_index_:
        return None
    return search.results_.loc[[search.one_se_index_]].to_dict("records")[0]


def n_peers(search: "SpectralSearchCV") -> int:
    """Count the candidates whose error is within one standard error of the best."""
    if is_classifier(search):
        return 1
    column = score_of(search).column
    best = search.results_.iloc[0]
    return int((search.results_[column] <= best[column] + best[f"{column}_se"]).sum())


def failures(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Group the failed candidates by their message."""
    failed: dict[str, list[_words.Row]] = {}
    for row in results[results["status"] == "failed"].to_dict("records"):
        failed.setdefault(row["error"], []).append(row)
    return [
        {"message": message, "count": len(rows), "example": _words.describe(rows[0])}
        for message, rows in failed.items()
    ]


def timing(search: "SpectralSearchCV") -> list[dict[str, str]]:
    """Return where the time went, the longest first."""
    spent = dict(search.timing_)
    wall = spent.pop("wall")
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    return [
        {"name": name, "seconds": f"{seconds:.2f}", "share": f"{100 * seconds / wall:.0f} %"}
        for name, seconds in [*ordered, ("wall clock", wall)]
    ]


def method(search: "SpectralSearchCV") -> list[tuple[str, str]]:
    """Say how the results came about."""
    folds = f"{search.n_splits_} folds"
    if search.cv is None or isinstance(search.cv, Integral):
        folds += f", samples shuffled with seed {search.random_state}"
        folds += ", stratified by class" if is_classifier(search) else ""
        if search.groups_ is not None:
            folds += f", each of {len(np.unique(search.groups_))} groups of samples in one fold"
    else:
        folds += f" by {type(search.cv).__name__}"
    versions = {
        "spectral_fast": spectral_fast.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "Python": platform.python_version(),
    }
    rows = [
        ("Cross-validation", folds),
        ("Candidates", f"{len(search.results_):,}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    if search.results_["selector"].notna().any():
        scope = "all samples" if search.optimistic_ else "the training samples of each fold"
        rows.insert(1, ("Channels were selected on", scope))
    return rows
