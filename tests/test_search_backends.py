"""The search gives the same results, to the byte, however it is run."""

import contextlib
import weakref

import joblib
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import BayesianRidge

from spectral_fast.model_selection import SpectralSearchCV
from tests.spectra import mixtures

GRID = {
    "pls": {"n_components": [1, 2, 3]},
    "ridge": {"alpha": [1e-2, 1.0]},
    "svr": {"C": [1.0, 10.0]},
    "random_forest": {"n_estimators": [2, 4], "max_features": ["sqrt"]},
    "generic": BayesianRidge(),
}
PARAMETERS = {
    "models": GRID,
    "preprocessing": ["snv", "msc", "sg1"],
    "selectors": ["full", "vip", "importance"],
    "n_features": [4, 9],
    "cv": 3,
}


def backwards(values):
    return values[::-1] if isinstance(values, list) else values


def csv(**changes):
    """Return the table of a search's results, as text."""
    search = SpectralSearchCV(**{**PARAMETERS, **changes}).fit(*mixtures(n=18, p=24))
    return search.results_.drop(columns="seconds").to_csv(index=False)


@pytest.fixture(scope="module")
def expected():
    return csv(n_jobs=1)


def test_the_order_of_the_grid_does_not_matter(expected):
    models = {
        name: {key: backwards(values) for key, values in grid.items()}
        if isinstance(grid, dict)
        else grid
        for name, grid in reversed(GRID.items())
    }
    others = {name: PARAMETERS[name][::-1] for name in ("preprocessing", "selectors", "n_features")}
    assert csv(models=models, **others) == expected


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_backends(expected, backend):
    with joblib.parallel_config(backend=backend):
        assert csv(n_jobs=2) == expected


def test_little_memory(expected):
    assert csv(memory_limit=1e-9) == expected


@pytest.mark.parametrize("n_steps", [1, 5, 20])
def test_interruption_and_resume(expected, tmp_path, n_steps):
    steps = iter(range(n_steps))

    def interrupt(event):
        if next(steps, None) is None:
            raise KeyboardInterrupt

    options = {"journal": tmp_path / "journal.sqlite"}
    with contextlib.suppress(RuntimeError), pytest.warns(FitFailedWarning):
        csv(callback=interrupt, **options)
    assert csv(**options) == expected
    assert csv(**options, n_jobs=2) == expected


class Scaled(TransformerMixin, BaseEstimator):
    """Counts how many of its results are in memory when it makes one."""

    results: list = []  # noqa: RUF012
    most = 0

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        scaled = self.factor * X
        Scaled.results.append(weakref.ref(scaled))
        Scaled.most = max(Scaled.most, sum(result() is not None for result in Scaled.results))
        return scaled

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


@pytest.mark.parametrize("n_matrices", [1, 3])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_memory_limit(monkeypatch, n_matrices, n_jobs):
    monkeypatch.setattr(Scaled, "results", [])
    monkeypatch.setattr(Scaled, "most", 0)
    X, y = mixtures(n=18, p=24)
    chains = [(str(factor), Scaled(factor)) for factor in range(1, 9)]
    with joblib.parallel_config(backend="threading"):
        SpectralSearchCV(
            {"ridge": {"alpha": [1.0]}},
            chains,
            cv=3,
            n_jobs=n_jobs,
            memory_limit=n_matrices * X.nbytes / 2**20,
        ).fit(X, y)
    assert len(Scaled.results) == len(chains) + 1  # the winner is fitted once more
    assert Scaled.most == n_matrices
