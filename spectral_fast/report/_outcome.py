"""What the parts of a report are made from."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spectral_fast.report import _words
from spectral_fast.report._score import Score, score_of

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["Figure", "Outcome", "Spectra"]

#: ``svg``, ``title`` and ``caption``.
Figure = dict[str, str]


class Outcome(NamedTuple):
    """A search, its best candidate, and what that predicts of held-out samples."""

    search: "SpectralSearchCV"
    best: _words.Row
    measured: np.ndarray  # values, or numbers of classes
    predicted: np.ndarray
    target: str
    unit: str

    @property
    def score(self) -> Score:
        """What the candidates are ranked by."""
        return score_of(self.search)

    @property
    def unit_of_target(self) -> str:
        """What follows an error."""
        return _words.quantity(self.target, self.unit)

    @property
    def has_nested(self) -> bool:
        """Whether there is an estimate from outer folds: not if the search ended before it."""
        return bool(np.isfinite(getattr(self.search, "outer_score_", np.nan)))

    @property
    def n_candidates(self) -> int:
        """Number of candidates that have figures."""
        return int((self.search.results_["status"] == "done").sum())


class Spectra(NamedTuple):
    """Raw spectra, what was measured, and how to name both."""

    X: np.ndarray
    y: np.ndarray  # values, or numbers of classes
    axis: np.ndarray
    axis_label: str
    quantity: str
    classes: list[str]  # empty for a regression
