"""What tasks cost, roughly: enough to start the longest first and to tell minutes from hours."""

from typing import Any

from sklearn.linear_model import ElasticNet, Lasso

from spectral_fast.model_selection._tasks import ModelTask, SelectTask, Shared

__all__ = ["category", "estimated_seconds"]

#: Where the time of an estimator is counted, by the start of its module's name.
_CATEGORIES = {
    "spectral_fast.cross_decomposition": "PLS",
    "sklearn.cross_decomposition": "PLS",
    "sklearn.linear_model": "linear",
    "spectral_fast.boosting": "boosting",
    "xgboost": "boosting",
    "lightgbm": "boosting",
    "catboost": "boosting",
}

#: Seconds of a fit to 50 × 2000 spectra: for each round or tree, or else in all.
_BY_ROUND = {"boosting": 5e-3, "other models": 3e-3}
_BY_PENALTY = 1.2e-3  # of the compiled descent of lasso and elastic net
_BY_FIT = {"PLS": 1e-3, "linear": 4e-3, "boosting": 1.0, "other models": 2e-2}
#: Seconds of any fit beside what grows with the spectra.
_AT_LEAST = 6e-4


def category(estimator: Any) -> str:
    """Return what the time of an estimator is counted as."""
    module = type(estimator).__module__
    return next(
        (name for start, name in _CATEGORIES.items() if module.startswith(start)), "other models"
    )


def estimated_seconds(task: SelectTask | ModelTask, shared: Shared) -> float:
    """Return the estimated wall time of a task in one thread."""
    n, p = shared.X.shape
    size = n * p / 1e5
    if isinstance(task, SelectTask):
        return 0.1 * size
    seconds = 0.0
    for job in task.jobs:
        model = shared.models[job.model]
        by_importance = shared.selections[task.selection].by_importance
        is_descent = isinstance(model.estimator, ElasticNet | Lasso)
        fits = len(job.positions) if by_importance or is_descent else 1
        fit = _seconds_of_fit(model.estimator, model.settings[job.positions[-1]])
        seconds += fits * (_AT_LEAST + fit * size * (job.size or p) / p)
    return seconds * len(task.folds)


def _seconds_of_fit(estimator: Any, setting: dict[str, Any]) -> float:
    if isinstance(estimator, ElasticNet | Lasso):
        return _BY_PENALTY
    name = category(estimator)
    rounds = setting.get("n_estimators", getattr(estimator, "n_estimators", None))
    if isinstance(rounds, int) and name in _BY_ROUND:
        return _BY_ROUND[name] * rounds
    return _BY_FIT[name]
