"""The search as three plain loops: a scikit-learn Pipeline for each candidate and fold."""

import numpy as np
from scipy.signal import savgol_filter
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.reference import scatter


def savgol(deriv, polyorder):
    # scipy's, as the twin of the filter would take most of the time of these loops
    return FunctionTransformer(
        savgol_filter, kw_args={"window_length": 15, "polyorder": polyorder, "deriv": deriv}
    )


class MSC(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.reference_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return scatter.msc(X, self.reference_)


PREPROCESSING = {
    "raw": (),
    "snv": (FunctionTransformer(scatter.snv),),
    "msc": (MSC(),),
    "sg0": (savgol(0, 2),),
    "sg1": (savgol(1, 2),),
    "sg2": (savgol(2, 3),),
    "snv+sg1": (FunctionTransformer(scatter.snv), savgol(1, 2)),
    "sg1+msc": (savgol(1, 2), MSC()),
}


def search(X, y, preprocessing, models, splits):
    """Return a dict for each candidate.

    `models` holds (name, estimator, grid) and `splits` partitions the rows.
    """
    candidates = []
    for chain in preprocessing:
        for model, estimator, grid in models:
            for setting in ParameterGrid(grid):
                out_of_fold = np.full(y.shape, np.nan)
                for train, test in splits:
                    pipeline = make_pipeline(
                        *(clone(step) for step in PREPROCESSING[chain]),
                        clone(estimator).set_params(**setting),
                    )
                    out_of_fold[test] = pipeline.fit(X[train], y[train]).predict(X[test])
                press = ((out_of_fold - y) ** 2).sum(axis=0)
                candidates.append(
                    {
                        "preprocessing": chain,
                        "model": model,
                        "params": setting,
                        "out_of_fold": out_of_fold,
                        "rmsecv": np.sqrt(press / len(y)),
                        "r2": 1 - press / ((y - y.mean(axis=0)) ** 2).sum(axis=0),
                    }
                )
    return candidates
