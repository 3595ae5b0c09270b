"""The rows of the application's table of results, and their ranks."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import label_binarize

from spectral_fast.dropin.spectral_predict._grid import Spectra, Subset
from spectral_fast.dropin.spectral_predict._models import Candidate, Fit, Study

__all__ = ["Truth", "better", "labels", "ranked", "row"]

#: Channels that `top_vars` lists.
_N_TOP = 30

_QUARTILES = ("Q1", "Q2", "Q3", "Q4")

#: Beyond this many standard deviations of y an error says nothing about a model.
_FAR = 10.0


class Truth:
    """The reference values of the held-out samples, and how predictions compare with them."""

    def __init__(self, study: Study):
        self.study = study
        tests = [test for _, test in study.splits]
        self.y = study.y[np.concatenate(tests)]
        self.sizes = np.array([len(test) for test in tests])
        self.starts = np.cumsum(self.sizes) - self.sizes
        if study.n_classes:
            # A model that has not seen all classes has no probability of each.
            self.complete = [
                len(np.unique(study.y[train])) == study.n_classes for train, _ in study.splits
            ]
            return
        means = np.add.reduceat(self.y, self.starts) / self.sizes
        spread = (self.y - np.repeat(means, self.sizes)) ** 2
        self.spread = np.add.reduceat(spread, self.starts)
        quartiles = np.percentile(self.y, [25, 50, 75])
        self.quartiles = quartiles.tolist()
        number = np.searchsorted(quartiles, self.y, side="right")
        in_quartile = number == np.arange(4)[:, np.newaxis]
        with np.errstate(invalid="ignore"):  # NaN for a quartile without samples
            self.share = in_quartile / in_quartile.sum(axis=1, keepdims=True)
        self.undefined = self.sizes < 2
        self.constant = self.spread == 0.0

    def metrics(self, held_out: np.ndarray, gives_chances: bool) -> dict[str, Any]:
        """Return the figures of merit of `outputs` for the held-out samples."""
        if not self.study.n_classes:
            return self._errors(held_out[:, 0])
        accuracy, auc = [], []
        ends = self.starts + self.sizes
        for start, end, complete in zip(self.starts, ends, self.complete, strict=True):
            y, found = self.y[start:end], held_out[start:end]
            accuracy.append(np.mean(found[:, 0] == y))
            auc.append(self._auc(y, found[:, 1:]) if complete and gives_chances else np.nan)
        return {"Accuracy": np.mean(accuracy), "ROC_AUC": _mean(auc)}

    def of_folds(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the same of what the application tells of each fold."""
        if not self.study.n_classes:
            return self._errors(np.concatenate([np.ravel(each["y_pred"]) for each in folds]))
        accuracy = np.mean([each["Accuracy"] for each in folds])
        return {"Accuracy": accuracy, "ROC_AUC": _mean([each["ROC_AUC"] for each in folds])}

    def _errors(self, predicted: np.ndarray) -> dict[str, Any]:
        if not np.isfinite(predicted).all():
            raise ValueError("the predictions hold NaN or infinity")
        squared = (self.y - predicted) ** 2
        left = np.add.reduceat(squared, self.starts)
        # As scikit-learn has it: without spread there is no error, or nothing is explained.
        lost = np.divide(left, self.spread, where=~self.constant, out=(left > 0.0).astype(float))
        lost[self.undefined] = np.nan
        n_folds = len(left)
        return {
            "RMSE": np.sqrt(left / self.sizes).sum() / n_folds,
            "R2": 1.0 - lost.sum() / n_folds,
            "regional_rmse": dict(zip(_QUARTILES, np.sqrt(self.share @ squared), strict=True)),
            "y_quartiles": self.quartiles.copy(),
        }

    def _auc(self, y: np.ndarray, chances: np.ndarray) -> float:
        try:
            if self.study.n_classes == 2:
                return float(roc_auc_score(y, chances[:, 1]))
            indicators = label_binarize(y, classes=np.arange(self.study.n_classes))
            return float(roc_auc_score(indicators, chances, average="macro", multi_class="ovr"))
        except ValueError:
            return np.nan


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are numbers."""
    numbers = [each for each in values if not np.isnan(each)]
    return float(np.mean(numbers)) if numbers else np.nan


def labels(wavelengths: np.ndarray) -> np.ndarray:
    """Return wavelengths as the rows list them."""
    return np.array([f"{each:.1f}" for each in wavelengths], dtype=object)


def row(
    candidate: Candidate,
    spectra: Spectra,
    subset: Subset,
    names: np.ndarray,
    found: Mapping[str, Any] | str,
    fit: Fit | None,
    importances: np.ndarray | None,
    options: Mapping[str, Any],
    n_channels: int,
) -> dict[str, Any]:
    """Return the result of one model on one set of channels.

    Parameters
    ----------
    candidate : Candidate
    spectra : Spectra
    subset : Subset
    names : (p,) str
        The wavelengths of all channels in `spectra`.
    found : dict or str
        The metrics, or an error.
    fit : Fit or None
        The model fitted to all samples.
    importances : (n_vars,) float or None
        Of the subset's channels for the fit.
    options : dict
        The arguments of the search.
    n_channels : int
        Of the spectra before any of them were left out.
    """
    n_samples, p = spectra.X.shape
    failed = isinstance(found, str)
    params = candidate.params if fit is None or failed else _plain(fit.params)
    own = names if subset.channels is None else names[subset.channels]
    n_vars = p if subset.channels is None else len(own)
    top_vars = "N/A"
    if importances is not None and not failed:
        top_vars = ",".join(own[np.argsort(importances, kind="stable")[-_N_TOP:][::-1]])
    result = {
        "Task": options["task_type"],
        "Model": candidate.name,
        "Params": str(params),
        "Preprocess": spectra.config.name,
        "Deriv": spectra.config.deriv,
        "Window": spectra.config.window,
        "Poly": spectra.config.polyorder,
        "LVs": params.get("n_components", np.nan),
        "n_vars": n_vars,
        "full_vars": n_channels,
        "SubsetTag": subset.tag,
        "Imbalance": options["imbalance_method"] or "—",
        "training_config": {
            "folds": options["folds"],
            "n_samples_used": n_samples,
            "n_samples_total": options["total_samples_original"] or n_samples,
            "excluded_count": options["excluded_count"],
            "validation_count": options["validation_count"],
            "n_features_used": n_vars,
            "random_state": 42,
        },
    }
    result |= {"Error": found} if isinstance(found, str) else found
    all_vars = "N/A" if subset.channels is None else ",".join(own)
    return result | {"all_vars": all_vars, "top_vars": top_vars}


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a text can hold."""
    return {
        name: value
        for name, value in params.items()
        if not (callable(value) or hasattr(value, "__dict__"))
    }


def better(best: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any] | None:
    """Return the better of two rows, the first where they are equal."""
    if "Error" in new:
        return best
    if best is None:
        return new
    if "RMSE" in new:
        return new if new["RMSE"] < best["RMSE"] else best
    return new if new["ROC_AUC"] > best["ROC_AUC"] else best


def ranked(rows: Sequence[dict[str, Any]], study: Study, options: Mapping[str, Any]):
    """Return the table by rank; the index is the order of evaluation.

    Rows without a score share the last rank: those that failed, and for the textbook's
    results those with errors that would make all other scores alike.
    """
    scoring = importlib.import_module("spectral_predict.scoring")
    far = _FAR * study.y.std() if study.fixed and not study.n_classes else np.inf
    last = [k for k, each in enumerate(rows) if "Error" in each or each.get("RMSE", 0.0) > far]
    scored = sorted({*range(len(rows))}.difference(last))
    table = scoring.create_results_dataframe(study.task_type)
    if scored:
        table = _joined(table, [rows[k] for k in scored], scoring.add_result)
        table.index = pd.Index(scored)
        table = scoring.compute_composite_score(
            table, study.task_type, options["variable_penalty"], options["complexity_penalty"]
        )
    if last:
        others = pd.DataFrame([rows[k] for k in last], index=last).assign(Rank=len(scored) + 1)
        table = pd.concat([table, others]) if scored else others
    return table


def _joined(empty: pd.DataFrame, rows: Sequence[dict[str, Any]], add_result: Any) -> pd.DataFrame:
    """Return the table that the application gets by adding row after row."""
    first = add_result(empty, rows[0])
    table = pd.DataFrame(list(rows), columns=first.columns, dtype=object)
    for name in first:
        if first[name].dtype != object:
            table[name] = table[name].infer_objects()
    return table
