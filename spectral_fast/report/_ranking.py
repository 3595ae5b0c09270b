"""The ranking of a search as text."""

import itertools
import re
from collections.abc import Iterator, Sequence

import pandas as pd

from spectral_fast.report import _words

__all__ = ["ranking_text"]

_HEADER = ("", "preprocessing", "model", "RMSECV", "R2", "RPD")
#: The columns that hold words: aligned to the left, and wrapped.
_WORDS = (1, 2)


def ranking_text(results: pd.DataFrame, *, top: int = 10, width: int = 60) -> str:
    """Lay out the best candidates of a search as a table of plain text.

    Parameters
    ----------
    results : DataFrame
        ``results_`` of a fitted `SpectralSearchCV`.
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
    best = results[results["rmsecv"].notna()].head(top)
    rows = [_HEADER]
    for row, rmsecv in zip(best.to_dict("records"), _words.column(best["rmsecv"], 4), strict=True):
        model = " ".join(filter(None, (row["model"], _words.settings(row, sign="="))))
        figures = (rmsecv, f"{row['r2']:.4f}", f"{row['rpd']:.2f}")
        rows.append((str(row["rank"]), row["preprocessing"], model, *figures))
    widths = _widths(rows, width)
    lines = itertools.chain.from_iterable(_lines(row, widths) for row in rows)
    return "\n".join(lines)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of the columns: what their cells need, or what is left for words."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    for column in _WORDS:
        longest = max(len(part) for row in rows for part in _wrapped(row[column], 0))
        cut = max(0, min(excess, widths[column] - longest))
        widths[column] -= cut
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


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [
        _wrapped(cell, width) if i in _WORDS else [cell]
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    for parts in itertools.zip_longest(*cells, fillvalue=""):
        aligned = (
            part.ljust(width) if i in _WORDS else part.rjust(width)
            for i, (part, width) in enumerate(zip(parts, widths, strict=True))
        )
        yield "  ".join(aligned).rstrip()
