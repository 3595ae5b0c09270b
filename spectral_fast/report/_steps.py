"""The steps of a fitted pipeline, and calls to them."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

__all__ = ["apply", "flat_steps"]


def apply(fitted: Any, method: str, spectra: Any) -> np.ndarray:
    """Call a method with an array, under the channel names that the object was fitted with."""
    names = getattr(fitted, "feature_names_in_", None)
    if names is not None:
        spectra = pd.DataFrame(np.asarray(spectra), columns=names)
    return np.asarray(getattr(fitted, method)(spectra))


def flat_steps(pipeline: Pipeline) -> list[tuple[str, Any]]:
    """List the steps of a pipeline and of the pipelines in it, without idle ones."""
    flat: list[tuple[str, Any]] = []
    for name, step in pipeline.steps:
        if isinstance(step, Pipeline):
            flat += flat_steps(step)
        elif step not in (None, "passthrough"):
            flat.append((name, step))
    return flat
