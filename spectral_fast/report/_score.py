"""What a search ranks its candidates by."""

import math
from typing import TYPE_CHECKING, NamedTuple

from sklearn.base import is_classifier

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["SCORES", "Score", "percent", "score_of"]


class Score(NamedTuple):
    """A figure of merit that can rank candidates."""

    column: str  # of the results
    name: str  # inside a sentence
    metric: str  # function of `sklearn.metrics`
    best: str  # "min" or "max"

    @property
    def heading(self) -> str:
        """The name by itself."""
        return self.name[0].upper() + self.name[1:]

    @property
    def nested(self) -> str:
        """The name, by itself, of the estimate in outer folds."""
        return f"{'RMSEP' if self.name == 'RMSECV' else self.heading}, nested"


#: By the names that `SpectralSearchCV` has for them.
SCORES = {
    "rmse": Score("rmsecv", "RMSECV", "root_mean_squared_error", "min"),
    "mae": Score("mae", "MAE", "mean_absolute_error", "min"),
    "accuracy": Score("accuracy", "accuracy", "accuracy_score", "max"),
    "balanced_accuracy": Score(
        "balanced_accuracy", "balanced accuracy", "balanced_accuracy_score", "max"
    ),
    "roc_auc": Score("roc_auc", "ROC AUC", "roc_auc_score", "max"),
    "log_loss": Score("log_loss", "log loss", "log_loss", "min"),
}


def score_of(search: "SpectralSearchCV") -> Score:
    """Return what a search ranks by."""
    default = "accuracy" if is_classifier(search) else "rmse"
    return SCORES[search.scoring or default]


def percent(share: float) -> str:
    """Format a share of 1."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else "–"
