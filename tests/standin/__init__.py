"""A small application with the names and the signatures of `spectral_predict`.

Its slow modules follow the definitions step by step, so they are the oracle of the drop-in;
its other modules are as small as the slow ones need them. It is imported under the
application's name, from this folder.
"""

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path

from sklearn.cross_decomposition import PLSRegression

NAME = "spectral_predict"
MODULES = (
    "imbalance",
    "interference",
    "model_registry",
    "models",
    "preprocess",
    "regions",
    "scoring",
    "search",
    "variable_selection",
)


class ColumnPLS(PLSRegression):
    """PLS with coefficients as before scikit-learn 1.3, which the application reads."""

    def fit(self, X, y):
        super().fit(X, y)
        self.coef_ = self.coef_.T
        return self

    def predict(self, X):
        self.coef_ = self.coef_.T
        predicted = super().predict(X)
        self.coef_ = self.coef_.T
        return predicted


@contextmanager
def on_path(folder=Path(__file__).parent):
    """Make the application in `folder` the one that is found, not imported yet."""
    forget()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget()


def forget():
    """Let the application be imported anew."""
    for module in [each for each in sys.modules if each.partition(".")[0] == NAME]:
        del sys.modules[module]
    importlib.invalidate_caches()


def load(module):
    """Import a module of the application."""
    return importlib.import_module(f"{NAME}.{module}")
