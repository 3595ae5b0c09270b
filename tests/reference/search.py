"""The search as plain loops: a scikit-learn Pipeline for each candidate and fold."""

from functools import partial

import numpy as np
from scipy.signal import savgol_filter
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_selection import SelectFromModel
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


def keep_all(model, size):
    return "passthrough"


def by_importance(model, size):
    return SelectFromModel(model, threshold=-np.inf, max_features=size)


def search(
    X, y, preprocessing, models, splits, selections=(("full", keep_all, (None,)),), *, whole=False
):
    """Return a dict for each candidate; one that raises has NaN.

    `preprocessing` holds steps by name, `models` (name, estimator, grid), `selections`
    (name, selector_of, sizes): `selector_of(model, size)` returns the step that selects for a
    candidate. With `whole` it does so on all samples, before they are split. `splits`
    partitions the rows.
    """
    candidates = []
    for chain, steps in preprocessing.items():
        for selection, selector_of, sizes in selections:
            for size in sizes:
                for model, estimator, grid in models:
                    for setting in ParameterGrid(grid):
                        if size is not None and setting.get("n_components", 0) > size:
                            continue
                        last = clone(estimator).set_params(**setting)
                        selector = selector_of(clone(last), size)
                        out_of_fold = predictions(X, y, steps, selector, last, splits, whole)
                        press = ((out_of_fold - y) ** 2).sum(axis=0)
                        candidates.append(
                            {
                                "preprocessing": chain,
                                "selector": selection,
                                "size": size,
                                "model": model,
                                "params": setting,
                                "out_of_fold": out_of_fold,
                                "rmsecv": np.sqrt(press / len(y)),
                                "r2": 1 - press / ((y - y.mean(axis=0)) ** 2).sum(axis=0),
                            }
                        )
    return candidates


def predictions(X, y, steps, selector, model, splits, whole):
    out_of_fold = np.full(y.shape, np.nan)
    try:
        if whole and selector != "passthrough":
            fitted = make_pipeline(*map(clone, steps), clone(selector)).fit(X, y)
            channels = fitted[-1].get_support(indices=True)
            selector = FunctionTransformer(partial(np.take, indices=channels, axis=1))
        for train, test in splits:
            parts = [clone(step) for step in (*steps, selector) if step != "passthrough"]
            pipeline = make_pipeline(*parts, clone(model)).fit(X[train], y[train])
            out_of_fold[test] = pipeline.predict(X[test])
    except ValueError:  # more components than channels or samples, no channels
        out_of_fold[:] = np.nan
    return out_of_fold
