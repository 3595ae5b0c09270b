"""Parameters whose best value is the last of those tried."""

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import pandas as pd

from spectral_fast.report import _words

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["edges"]

#: Of two values, each is at an end.
_LEAST_TRIED = 3
#: Parameters that 1 bounds.
_SHARES = ("l1_ratio", "subsample", "colsample_bytree")


def edges(search: "SpectralSearchCV") -> list[str]:
    """Say where the best of a search lies at an end of its grid, if it can lie beyond."""
    results = search.results_
    best = results.head(1).to_dict("records")[0]
    kin = results[(results["model"] == best["model"]) & (results["status"] == "done")]
    found = []
    for name, value in best["params"].items():
        tried = {setting[name] for setting in kin["params"] if _is_number(setting.get(name))}
        if not _is_number(value) or len(tried) < _LEAST_TRIED:
            continue
        if value == min(tried) and value > int(isinstance(value, Integral)):
            found.append(_sentence(name, value, "smallest", "smaller"))
        elif value == max(tried) and value < _most(name, search, best):
            found.append(_sentence(name, value, "largest", "larger"))
    return found


def _sentence(name: str, value: Any, end: str, beyond: str) -> str:
    name = "number of latent variables" if name == "n_components" else name
    return (
        f"The best lies at the end of what was tried: {name} {_words.setting(value)} is the {end} "
        f"of the grid. Try {beyond} ones, with a grid of your own in "
        "`SpectralSearchCV(models=...)`."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _most(name: str, search: "SpectralSearchCV", best: _words.Row) -> float:
    """Return the largest value that a parameter can have."""
    if name == "n_components":
        n_trained = min(len(train) for train, _ in search.splits_)
        n_features = best["n_features"]  # missing where it differs among the folds
        return n_trained - 1 if pd.isna(n_features) else min(n_trained - 1, n_features)
    return 1.0 if name in _SHARES else float("inf")
