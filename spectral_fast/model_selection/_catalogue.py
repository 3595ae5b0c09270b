"""What the names of the grid language stand for."""

from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from spectral_fast.boosting import BoostedClassifier, BoostedRegressor
from spectral_fast.cross_decomposition import PLSDA, PLSRegression
from spectral_fast.feature_selection import (
    CARS,
    MCUVE,
    SPA,
    UVE,
    UVESPA,
    VIP,
    CoefficientMagnitude,
    CovSel,
    IntervalPLS,
    RandomFrog,
    SelectivityRatio,
)
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay

__all__ = ["BOOSTERS", "IMPORTANCE", "MODELS", "PREPROCESSING", "SELECTORS"]

#: Preprocessing by name. A quadratic fits a band's curvature; the second derivative
#: takes a cubic, as a quadratic's second derivative is constant over the window.
PREPROCESSING: dict[str, Any] = {
    "raw": None,
    "snv": SNV(),
    "msc": MSC(),
    "sg0": SavitzkyGolay(window_length=15, polyorder=2, deriv=0),
    "sg1": SavitzkyGolay(window_length=15, polyorder=2, deriv=1),
    "sg2": SavitzkyGolay(window_length=15, polyorder=3, deriv=2),
}

#: The selection that asks the candidate's own model, fitted to all channels.
IMPORTANCE = "importance"

#: Selectors by name; None keeps all channels.
SELECTORS: dict[str, Any] = {
    "full": None,
    IMPORTANCE: None,
    "vip": VIP(),
    "coef": CoefficientMagnitude(),
    "sr": SelectivityRatio(),
    "spa": SPA(),
    "uve": UVE(),
    "mcuve": MCUVE(),
    "uve_spa": UVESPA(),
    "ipls": IntervalPLS(),
    "cars": CARS(),
    "random_frog": RandomFrog(),
    "covsel": CovSel("cv"),
}

#: Models that need a library of their own, by its name.
BOOSTERS = ("xgboost", "lightgbm", "catboost")

Grid = dict[str, Any]


def _powers(first: int, last: int) -> list[float]:
    return [10.0**power for power in range(first, last + 1)]


def _same_grid(regressor: Any, classifier: Any, grid: Grid) -> dict[str, tuple[Any, Grid]]:
    return {"regression": (regressor, grid), "classification": (classifier, grid)}


def _autoscaled(estimator: Any) -> Pipeline:
    return Pipeline([("scaler", StandardScaler()), ("model", estimator)])


def _logistic(**parameters: Any) -> LogisticRegression:
    """Return a logistic regression that `l1_ratio` makes anything from ridge to lasso."""
    return LogisticRegression(solver="saga", max_iter=1000, tol=1e-3, random_state=0, **parameters)


def _covariance() -> Any:
    """Return a kernel for autoscaled spectra, which are far apart where they are many channels."""
    return ConstantKernel(1.0, (1e-3, 1e6)) * RBF(10.0, (1.0, 1e5))


_NETWORK: Grid = {
    "hidden_layer_sizes": (50,),
    "activation": "tanh",
    "solver": "lbfgs",  # few samples: it needs no learning rate, and all of them fit at once
    "max_iter": 1000,
    "random_state": 0,
}
_COMPONENTS = {"n_components": range(1, 21)}
_COSTS = [1.0, 10.0, 100.0, 1000.0]

#: Models by name: for each task the estimator, and the grid for users who give none. Counts
#: that the training folds cannot support are left out of it. A grid's parameters are those of
#: the model proper, also where it is the last step of a Pipeline, and the seed of the search
#: replaces one that is given here.
MODELS: dict[str, dict[str, tuple[Any, Grid]]] = {
    "pls": _same_grid(PLSRegression(scale=False), PLSDA(), _COMPONENTS),
    "ridge": {
        "regression": (Ridge(), {"alpha": _powers(-8, 2)}),
        "classification": (LogisticRegression(max_iter=1000), {"C": _powers(-2, 6)}),
    },
    "lasso": {
        "regression": (Lasso(), {"alpha": _powers(-4, 0)}),
        "classification": (_autoscaled(_logistic(l1_ratio=1.0)), {"C": [0.1, 1.0, 10.0]}),
    },
    "elasticnet": {
        "regression": (ElasticNet(), {"alpha": _powers(-4, 0), "l1_ratio": [0.1, 0.5, 0.9]}),
        "classification": (
            _autoscaled(_logistic(l1_ratio=0.5)),
            {"C": [0.1, 1.0, 10.0], "l1_ratio": [0.1, 0.5, 0.9]},
        ),
    },
    "svr": {
        "regression": (SVR(), {"C": _COSTS, "epsilon": [0.01, 0.1]}),
        "classification": (SVC(), {"C": _COSTS}),
    },
    "random_forest": _same_grid(
        RandomForestRegressor(n_estimators=200, random_state=0),
        RandomForestClassifier(n_estimators=200, random_state=0),
        {"max_features": ["sqrt", 1 / 3]},
    ),
    "mlp": _same_grid(
        TransformedTargetRegressor(
            _autoscaled(MLPRegressor(**_NETWORK)), transformer=StandardScaler()
        ),
        _autoscaled(MLPClassifier(**_NETWORK)),
        {"alpha": _powers(-2, 1)},
    ),
    "knn": _same_grid(
        KNeighborsRegressor(),
        KNeighborsClassifier(),
        {"n_neighbors": [3, 5, 10], "weights": ["uniform", "distance"]},
    ),
    "gpr": {
        "regression": (
            _autoscaled(
                GaussianProcessRegressor(
                    _covariance() + WhiteKernel(1e-2, (1e-6, 1e1)),
                    normalize_y=True,
                    random_state=0,
                )
            ),
            {},
        ),
        "classification": (
            _autoscaled(GaussianProcessClassifier(_covariance(), random_state=0)),
            {},
        ),
    },
    **{
        library: _same_grid(
            BoostedRegressor(library),
            BoostedClassifier(library),
            {"n_estimators": [100, 200], "learning_rate": [0.05, 0.1], "max_depth": [3, 6]},
        )
        for library in BOOSTERS
    },
}
