"""The ranking of a search as text."""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from spectral_fast.report import _words
from spectral_fast.report._score import SCORES

__all__ = ["ranking_text"]

#: The columns that hold words: aligned to the left, and wrapped.
_WORDS = ("preprocessing", "channels", "model")


def ranking_text(
    results: pd.DataFrame, *, scoring: str | None = None, top: int = 10, width: int = 60
) -> str:
    """Lay out the best candidates of a search as a table of plain text.

    Parameters
    ----------
    results : DataFrame
        ``results_`` of a fitted `SpectralSearchCV`.
    scoring : str, default=None
        Its `scoring`: what ranks is the first figure that is shown.
    top : int, default=10
        Number of candidates.
    width : int, default=60
        Columns of the terminal. Names and settings that need more are wrapped,
        never cut, so that candidates remain distinct; only a single word can
        exceed it.

    Returns
    -------
    text : str
        A header and one or more lines a candidate; failed ones are left out.

    Examples
    --------
    >>> from spectral_fast.datasets import make_spectra
    >>> from spectral_fast.model_selection import SpectralSearchCV
    >>> from spectral_fast.report import ranking_text
    >>> mixtures = make_spectra(30, 40, random_state=0)
    >>> search = SpectralSearchCV({"pls": {"n_components": [1, 2]}}, "snv", cv=3)
    >>> search = search.fit(mixtures.data, mixtures.target[:, 0])
    >>> ranking_text(search.results_).splitlines()[0]
    '   preprocessing  model      RMSECV      R2   RPD'
    """
    best = results[results["status"] == "done"].head(top)
    rows = best.to_dict("records")
    columns: dict[str, Iterable[str]] = {
        "": best["rank"].astype(str),
        "preprocessing": best["preprocessing"],
        "channels": map(_channels, rows),
        "model": [f"{row['model']} {_words.settings(row, sign='=')}".strip() for row in rows],
    }
    figures = _figures(best, scoring)
    if best["selector"].isna().all():
        del columns["channels"]
    else:
        figures = dict(itertools.islice(figures.items(), 2))  # for want of room
    table = {name: [name, *cells] for name, cells in (columns | figures).items()}
    return "\n".join(_lines(table, _widths(table, width)))


def _figures(results: pd.DataFrame, scoring: str | None) -> dict[str, Iterable[str]]:
    """Return three figures of a regression, two of a classification; what ranks is the first."""
    if "accuracy" in results:
        second = "balanced_accuracy" if scoring in (None, "accuracy") else "accuracy"
        return {
            SCORES[name].name.removesuffix(" accuracy"): results[name].map(_three_decimals)
            for name in (scoring or "accuracy", second)
        }
    figures: dict[str, Iterable[str]] = {
        "RMSECV": _words.column(results["rmsecv"], 4),
        "R2": results["r2"].map("{:.4f}".format),
    }
    if scoring == "mae":
        return {"MAE": _words.column(results["mae"], 4), **figures}
    return {**figures, "RPD": results["rpd"].map("{:.2f}".format)}


def _three_decimals(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"


def _channels(row: _words.Row) -> str:
    if row["selector"] is None:
        return "all"
    count: Any = row["n_features"]
    return row["selector"] if pd.isna(count) else f"{row['selector']} {count}"


def _widths(table: Mapping[str, Sequence[str]], width: int) -> dict[str, int]:
    """Return the widths of the columns: what their cells need, or what is left for words."""
    widths = {name: max(map(len, cells)) for name, cells in table.items()}
    excess = sum(widths.values()) + 2 * (len(widths) - 1) - width
    for name in filter(table.__contains__, _WORDS):
        longest = max(len(part) for cell in table[name] for part in _wrapped(cell, 0))
        cut = max(0, min(excess, widths[name] - longest))
        widths[name] -= cut
        excess -= cut
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text after spaces, plus and equals signs; a longer word stays whole."""
    lines = [""]
    for word in re.findall(r"[^ +=]+[ +=]*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _lines(table: Mapping[str, Sequence[str]], widths: Mapping[str, int]) -> Iterator[str]:
    for row in zip(*table.values(), strict=True):
        cells = [
            _wrapped(cell, widths[name]) if name in _WORDS else [cell]
            for name, cell in zip(table, row, strict=True)
        ]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            aligned = (
                part.ljust(widths[name]) if name in _WORDS else part.rjust(widths[name])
                for name, part in zip(table, parts, strict=True)
            )
            yield "  ".join(aligned).rstrip()
