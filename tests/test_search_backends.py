"""The search gives the same results, to the byte, however it is run."""

import os
import signal
import weakref

import distributed
import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
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


@pytest.mark.parametrize("n_steps", [0, 5, 20])
def test_interruption_and_resume(expected, tmp_path, n_steps):
    steps = iter(range(n_steps))

    def interrupt(event):
        if np.isfinite(event["best"]) and next(steps, None) is None:
            raise KeyboardInterrupt

    options = {"journal": tmp_path / "journal.sqlite"}
    with pytest.warns(UserWarning, match="ended early"):
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


class CountsJobs(RegressorMixin, BaseEstimator):
    """Predicts the number of parallel jobs that it may start."""

    def fit(self, X, y):
        self.n_jobs_ = joblib.effective_n_jobs(-1)
        return self

    def predict(self, X):
        return np.full(len(X), self.n_jobs_)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_candidates_start_no_jobs_of_their_own(backend, n_jobs):
    with joblib.parallel_config(backend=backend):
        assert_one_job(n_jobs)


def assert_one_job(n_jobs):
    search = SpectralSearchCV([CountsJobs()], "raw", cv=3, n_jobs=n_jobs)
    assert (search.fit(*mixtures()).oof_predictions_ == 1).all()


class Killer(BayesianRidge):
    """Kills its process, when it is first fitted or always."""

    def __init__(self, caller=None, file=None, *, always=False):
        super().__init__()
        self.caller = caller
        self.file = file
        self.always = always

    def fit(self, X, y):
        with open(self.file, "a") as file:
            is_first = file.tell() == 0
            file.write("fit\n")
        if os.getpid() != self.caller and (is_first or self.always):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)


def with_killer(tmp_path, **options):
    """Return a search of two models, the second of which kills its worker."""
    killer = Killer(os.getpid(), tmp_path / "fits", **options)
    return SpectralSearchCV([BayesianRidge(), killer], "raw", cv=2, n_jobs=2)


def assert_survives_one_death(tmp_path):
    X, y = mixtures()
    search = with_killer(tmp_path).fit(X, y)
    assert search.results_.error.isna().all()
    twin = SpectralSearchCV([BayesianRidge()], "raw", cv=2).fit(X, y)
    assert_array_equal(search.oof_predictions_, np.repeat(twin.oof_predictions_, 2, axis=0))


def assert_survives_a_deadly_task(tmp_path):
    with pytest.warns(FitFailedWarning, match="1 of 2 candidates"):
        search = with_killer(tmp_path, always=True).fit(*mixtures())
    failed = search.results_.iloc[-1]
    assert failed.model == "Killer"
    assert "the worker process died twice" in failed.error


class TestWorkersDie:
    def test_once(self, tmp_path):
        assert_survives_one_death(tmp_path)

    def test_each_time(self, tmp_path):
        assert_survives_a_deadly_task(tmp_path)


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def _dask(cluster):
    cluster.wait_for_workers(2)  # the last test may have killed one
    with joblib.parallel_config(backend="dask"):
        yield


@pytest.mark.usefixtures("_dask")
class TestDask:
    """Two workers of a cluster on this machine."""

    def test_same_results(self, expected):
        assert csv(n_jobs=2) == expected

    def test_candidates_start_no_jobs_of_their_own(self):
        assert_one_job(2)

    def test_a_worker_dies(self, tmp_path):
        assert_survives_one_death(tmp_path)

    def test_a_task_kills_its_workers(self, tmp_path):
        assert_survives_a_deadly_task(tmp_path)
