"""An honest estimate of a whole search: outer folds that it has not seen."""

import time
from numbers import Integral
from os import fspath
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from spectral_fast._folds import Splits, split
from spectral_fast.model_selection._data import Data
from spectral_fast.model_selection._figures import held_out_of
from spectral_fast.model_selection.families import outputs

__all__ = ["estimate_procedure", "outer_splits"]


def outer_splits(search: Any, data: Data) -> Splits:
    """Return the outer folds, none without `outer_cv`."""
    if search.outer_cv is None:
        return []
    if not (search.cv is None or isinstance(search.cv, Integral) or hasattr(search.cv, "split")):
        raise ValueError(
            "`cv` must be an int or a splitter where `outer_cv` is given, as it splits the "
            f"training samples of each outer fold; got {type(search.cv).__name__}. Pass a "
            "splitter such as KFold."
        )
    return split(
        search.outer_cv,
        data.X,
        data.y,
        data.groups,
        search.random_state,
        stratified=data.n_classes > 0,
    )


def estimate_procedure(search: Any, X: Any, data: Data, splits: Splits, deadline: float) -> None:
    """Predict samples that the whole procedure, choices included, has not seen."""
    search.outer_predictions_ = np.full(data.y.shape, np.nan)
    search.outer_score_ = np.nan
    parts = []
    for number, (train, test) in enumerate(splits):
        left = deadline - time.monotonic()
        if search._is_interrupted:  # maybe at the last step of the search before this one
            search.stopped_ = "interrupted"
        elif left <= 0:
            search.stopped_ = search.stopped_ or "time limit"
        if search.stopped_:
            return
        # A clone's callback would be a copy.
        inner = clone(search).set_params(outer_cv=None, callback=search.callback)
        if search.time_limit is not None:
            inner.set_params(time_limit=left)
        if search.journal is not None:
            inner.set_params(journal=f"{fspath(search.journal)}.outer{number}")
        groups = None if data.groups is None else data.groups[train]
        try:
            inner.fit(_safe_indexing(X, train), data.y[train], groups=groups)
        except KeyboardInterrupt:
            search.stopped_ = "interrupted"
            return
        except RuntimeError:
            if not getattr(inner, "stopped_", ""):
                raise
        if inner.stopped_:  # what was chosen among some candidates is not the procedure's
            search.stopped_ = inner.stopped_
            return
        search._is_interrupted = inner._is_interrupted
        model = inner.best_estimator_
        parts.append(outputs(model, _safe_indexing(X, test), data.n_classes))
    outer = held_out_of(data, splits, search.scoring)
    predictions = np.concatenate(parts)
    search.outer_predictions_ = outer.out_of_fold(predictions[np.newaxis])[0]
    search.outer_score_ = outer.score(outer.loss(predictions))
