"""Whether spectra are like those that a calibration was made with."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from spectral_fast.cross_decomposition._diagnostics import PLSDiagnosticsMixin, box_limit
from spectral_fast.report._steps import apply, flat_steps

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["calibration_domain", "distances"]

#: Share of good spectra beyond each limit.
_ALPHA = 0.01


def calibration_domain(search: "SpectralSearchCV", X: np.ndarray, y: Any) -> dict[str, float]:
    """Return the limits of the domain in which the best model of a search can be trusted.

    Parameters
    ----------
    search : SpectralSearchCV
        Fitted on `X` and `y`.
    X : ndarray of shape (n_samples, n_channels)
        Raw spectra.
    y : ndarray of shape (n_samples,)
        Measured values.

    Returns
    -------
    domain : dict of str to float
        ``T2`` and ``Q``: what Hotelling's T² and the Q residual of 1 % of good spectra
        exceed. T² has the limit of new samples. That of Q is Box's approximation on the
        residuals of held-out samples, in the folds of the search, as a model fits its
        own samples too well. Empty where the best model has no PLS scores.

    Examples
    --------
    >>> from spectral_fast.datasets import make_spectra
    >>> from spectral_fast.model_selection import SpectralSearchCV
    >>> from spectral_fast.report import calibration_domain
    >>> samples = make_spectra(40, 50, random_state=0)
    >>> X, y = samples.data, samples.target[:, 0]
    >>> search = SpectralSearchCV({"pls": {"n_components": [3]}}, ["raw"]).fit(X, y)
    >>> sorted(calibration_domain(search, X, y))
    ['Q', 'T2']
    """
    model = _pls(search.best_estimator_)
    if model is None:
        return {}
    residuals = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the search has shown what these fits warn of
        for train, test in search.splits_:
            fitted = clone(search.best_estimator_).fit(X[train], y[train])
            residuals.append(_of_samples(fitted, "q_residuals", X[test]))
    return {
        "T2": model.hotelling_t2_limit(_ALPHA),
        "Q": box_limit(np.concatenate(residuals), _ALPHA),
    }


def distances(pipeline: Pipeline, X: np.ndarray, domain: Mapping[str, float]) -> pd.DataFrame:
    """Return how far spectra are from those of the calibration.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted, and ending in a model with PLS scores.
    X : ndarray of shape (n_samples, n_channels)
        Raw spectra.
    domain : mapping of str to float
        As `calibration_domain` returns it.

    Returns
    -------
    distances : DataFrame with columns T2, Q, outside
        Hotelling's T²: the distance from the mean within the model; the Q residual: the
        squared distance from the model; and which of them exceed their limits, ``""``,
        ``"T2"``, ``"Q"`` or ``"T2 Q"``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from spectral_fast.cross_decomposition import PLSRegression
    >>> from spectral_fast.report import distances
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> pipeline = make_pipeline(PLSRegression(2)).fit(X, X[:, 0])
    >>> distances(pipeline, 100 * X[:1], {"T2": 10.0, "Q": 20.0})["outside"].item()
    'T2 Q'
    """
    found = {
        "T2": _of_samples(pipeline, "hotelling_t2", X),
        "Q": _of_samples(pipeline, "q_residuals", X),
    }
    exceeded = [np.where(values > domain[name], name, "") for name, values in found.items()]
    outside = [" ".join(filter(None, names)) for names in zip(*exceeded, strict=True)]
    return pd.DataFrame({**found, "outside": outside})


def _pls(pipeline: Pipeline) -> Any:
    """Return the PLS regression that a pipeline ends in, None where it does not."""
    _, model = flat_steps(pipeline)[-1]
    model = getattr(model, "pls_", model)  # of a discriminant analysis
    return model if isinstance(model, PLSDiagnosticsMixin) else None


def _of_samples(pipeline: Pipeline, diagnostic: str, spectra: Any) -> np.ndarray:
    for _, step in flat_steps(pipeline)[:-1]:
        spectra = apply(step, "transform", spectra)
    return apply(_pls(pipeline), diagnostic, spectra)
