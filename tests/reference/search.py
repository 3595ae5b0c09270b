"""The search as plain loops: a scikit-learn Pipeline for each candidate and fold."""

from functools import partial

import numpy as np
from scipy.signal import savgol_filter
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_selection import SelectFromModel
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, roc_auc_score
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
    X,
    y,
    preprocessing,
    models,
    splits,
    selections=(("full", keep_all, (None,)),),
    *,
    whole=False,
):
    """Return a dict for each candidate; one that raises has NaN.

    `preprocessing` holds steps by name, `models` (name, estimator, grid), `selections`
    (name, selector_of, sizes): `selector_of(model, size)` returns the step that selects for a
    candidate. With `whole` it does so on all samples, before they are split. `splits`
    partitions the rows. A `y` of integers holds numbers of classes.
    """
    figures = figures_of_values if y.dtype.kind == "f" else figures_of_classes
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
                        try:
                            fitted = fit(X, y, steps, selector, last, splits, whole)
                        except ValueError:  # more components than channels, or no channels
                            found = {}
                        else:
                            found = figures(X, y, splits, fitted)
                        candidates.append(
                            {
                                "preprocessing": chain,
                                "selector": selection,
                                "size": size,
                                "model": model,
                                "params": setting,
                                **found,
                            }
                        )
    return candidates


def fit(X, y, steps, selector, model, splits, whole):
    """Return a fitted Pipeline for each fold."""
    if whole and selector != "passthrough":
        channels = make_pipeline(*map(clone, steps), selector).fit(X, y)[-1].get_support(True)
        selector = FunctionTransformer(partial(np.take, indices=channels, axis=1))
    return [
        make_pipeline(
            *(clone(step) for step in (*steps, selector) if step != "passthrough"), clone(model)
        ).fit(X[train], y[train])
        for train, _ in splits
    ]


def figures_of_values(X, y, splits, fitted):
    out_of_fold = held_out(X, splits, [pipeline.predict for pipeline in fitted])
    press = ((out_of_fold - y) ** 2).sum(axis=0)
    return {
        "out_of_fold": out_of_fold,
        "rmsecv": np.sqrt(press / len(y)),
        "r2": 1 - press / ((y - y.mean(axis=0)) ** 2).sum(axis=0),
    }


def figures_of_classes(X, y, splits, fitted):
    out_of_fold = held_out(X, splits, [pipeline.predict for pipeline in fitted])
    found = {"out_of_fold": out_of_fold, "accuracy": accuracy_score(y, out_of_fold)}
    found["balanced_accuracy"] = balanced_accuracy_score(y, out_of_fold)
    if hasattr(fitted[0], "predict_proba"):
        shares = held_out(X, splits, [pipeline.predict_proba for pipeline in fitted])
        found["log_loss"] = log_loss(y, shares)
        positive = shares[:, 1] if shares.shape[1] == 2 else shares
        found["roc_auc"] = roc_auc_score(y, positive, multi_class="ovr")
    elif hasattr(fitted[0], "decision_function"):
        decisions = held_out(X, splits, [pipeline.decision_function for pipeline in fitted])
        found["roc_auc"] = roc_auc_score(y, decisions, multi_class="ovr")
    return found


def held_out(X, splits, methods):
    rows = np.concatenate([test for _, test in splits])
    answers = [method(X[test]) for method, (_, test) in zip(methods, splits, strict=True)]
    return np.concatenate(answers)[np.argsort(rows)]
