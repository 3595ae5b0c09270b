"""The boosting family answers what a fit for each candidate and fold answers, to the bit."""

import subprocess
import sys
from itertools import chain

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
from numpy.testing import assert_array_equal
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from threadpoolctl import threadpool_limits

from spectral_fast.boosting import BoostedClassifier, BoostedRegressor
from spectral_fast.model_selection.families._base import Matrix
from spectral_fast.model_selection.families._boosting import BoostingFamily
from spectral_fast.model_selection.families._generic import GenericFamily

FAMILY = BoostingFamily()
LIBRARIES = ("xgboost", "lightgbm", "catboost")
NATIVE = {
    "xgboost": (
        (xgboost.XGBRegressor, xgboost.XGBClassifier),
        {"n_jobs": 1, "random_state": 3, "tree_method": "hist"},
        {"subsample": [0.6], "colsample_bytree": [0.5]},
    ),
    "lightgbm": (
        (lightgbm.LGBMRegressor, lightgbm.LGBMClassifier),
        {"n_jobs": 1, "random_state": 3, "min_child_samples": 3, "verbose": -1},
        {"subsample": [0.6], "subsample_freq": [1], "colsample_bytree": [0.5]},
    ),
    "catboost": (
        (catboost.CatBoostRegressor, catboost.CatBoostClassifier),
        {"thread_count": 1, "random_seed": 3, "verbose": False, "allow_writing_files": False},
        {"bootstrap_type": ["Bernoulli"], "subsample": [0.6], "rsm": [0.5]},
    ),
}
GRID = {"n_estimators": [5, 3], "learning_rate": [0.1, 0.3], "max_depth": [2]}


def matrix(n_classes, n_samples=36, n_channels=12):
    """Return collinear spectra with two folds, for a regression where `n_classes` is 0."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_channels)).cumsum(axis=1)
    y = X[:, 5] + 0.5 * rng.normal(size=n_samples)
    n_levels = n_classes or 3
    classes = np.digitize(y, np.quantile(y, np.arange(1, n_levels) / n_levels))
    splits = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, classes))
    return Matrix(X, classes if n_classes else y, splits, n_classes)


def batched(estimator, settings, spectra):
    """Return the family's outputs for all settings, each of which it must serve."""
    batches = FAMILY.batches(estimator, settings)
    assert sorted(chain.from_iterable(batches)) == list(range(len(settings)))
    answers = {}
    for batch in batches:
        found = FAMILY.predict(estimator, [settings[position] for position in batch], spectra)
        answers.update(zip(batch, found, strict=True))
    return [answers[position] for position in range(len(settings))]


def assert_exact(estimator, grid, spectra):
    settings = list(ParameterGrid(grid))
    found = batched(estimator, settings, spectra)
    with threadpool_limits(1, user_api="openmp"):  # as the tasks of a search run
        expected = GenericFamily().predict(estimator, settings, spectra)
    assert_array_equal(found, expected)


every_library = pytest.mark.parametrize("library", LIBRARIES)
every_task = pytest.mark.parametrize("n_classes", [0, 2, 3])


@every_library
@every_task
def test_facade(library, n_classes):
    kind = BoostedClassifier if n_classes else BoostedRegressor
    assert_exact(kind(library), GRID, matrix(n_classes))
    assert_exact(
        kind(library, subsample=1.0, colsample=1.0),
        {"max_depth": [3, 4], "n_estimators": [2]},
        matrix(n_classes),
    )


@every_library
@every_task
@pytest.mark.parametrize("by_chance", [False, True])
def test_native(library, n_classes, by_chance):
    (regressor, classifier), fixed, chance = NATIVE[library]
    estimator = (classifier if n_classes else regressor)(**fixed)
    assert_exact(estimator, {**GRID, **(chance if by_chance else {})}, matrix(n_classes))


def test_rounds_that_leave_no_tree():
    """LightGBM keeps no tree of a round whose samples cannot be split."""
    spectra = matrix(0)
    spectra.X[:] = np.where(np.median(spectra.X, axis=0) < spectra.X, 1.0, 0.0)
    estimator = lightgbm.LGBMRegressor(
        n_jobs=1,
        verbose=-1,
        subsample=0.6,
        subsample_freq=1,
        colsample_bytree=0.1,
        min_child_samples=5,
        random_state=1,
    )
    settings = [{"n_estimators": rounds} for rounds in (3, 12, 30)]
    train, _ = spectra.splits[0]
    fitted = estimator.set_params(n_estimators=30).fit(spectra.X[train], spectra.y[train])
    assert 1 < fitted.booster_.num_trees() < 30
    assert_array_equal(
        batched(estimator, settings, spectra), GenericFamily().predict(estimator, settings, spectra)
    )


def test_one_fit_for_all_numbers_of_rounds(monkeypatch):
    rounds = []
    train = xgboost.train
    monkeypatch.setattr(
        xgboost, "train", lambda params, data, n: rounds.append(n) or train(params, data, n)
    )
    settings = list(ParameterGrid({"n_estimators": [2, 5, 3], "max_depth": [2, 3]}))
    spectra = matrix(0)
    batched(BoostedRegressor("xgboost"), settings, spectra)
    assert rounds == [5, 5] * len(spectra.splits)


def test_candidates_share_spectra_where_the_library_bins_them_alike():
    settings = list(ParameterGrid({"min_child_samples": [3, 5], "learning_rate": [0.1, 0.2]}))
    batches = FAMILY.batches(lightgbm.LGBMRegressor(), settings)
    assert [[settings[i]["min_child_samples"] for i in batch] for batch in batches] == [
        [3, 3],
        [5, 5],
    ]
    settings = list(ParameterGrid({"library": LIBRARIES, "max_depth": [2, 3]}))
    assert [len(batch) for batch in FAMILY.batches(BoostedRegressor(), settings)] == [2, 2, 2]


class Subclass(xgboost.XGBRegressor):
    pass


def test_handles():
    for (regressor, classifier), fixed, _ in NATIVE.values():
        assert FAMILY.handles(regressor(**fixed))
        assert FAMILY.handles(classifier(**fixed))
    assert FAMILY.handles(BoostedRegressor())
    assert FAMILY.handles(BoostedClassifier())
    assert not FAMILY.handles(Subclass())
    assert not FAMILY.handles(GenericFamily())
    assert not FAMILY.takes_all_folds


@pytest.mark.parametrize(
    ("estimator", "setting"),
    [
        (BoostedRegressor(), {"early_stopping_rounds": 5}),
        (BoostedRegressor(), {"device": "gpu"}),
        (BoostedRegressor(), {"random_state": None}),
        (xgboost.XGBRegressor(), {"early_stopping_rounds": 5}),
        (xgboost.XGBRegressor(), {"booster": "dart"}),
        (xgboost.XGBRegressor(), {"tree_method": "exact"}),
        (xgboost.XGBRegressor(), {"max_bin": 8}),
        (xgboost.XGBRegressor(), {"random_state": np.random.RandomState(0)}),
        (xgboost.XGBRegressor(), {"monotone_constraints": np.array([1, 0])}),
        (xgboost.XGBRegressor(), {"n_estimators": 0}),
        (lightgbm.LGBMRegressor(), {"boosting_type": "dart"}),
        (lightgbm.LGBMRegressor(), {"objective": "quantile"}),
        (lightgbm.LGBMClassifier(), {"class_weight": "balanced"}),
        (catboost.CatBoostRegressor(), {"iterations": 5}),  # its learning rate depends on them
        (catboost.CatBoostRegressor(learning_rate=0.1), {"od_type": "Iter"}),
        (catboost.CatBoostRegressor(learning_rate=0.1), {"border_count": 8}),
    ],
)
def test_what_may_not_be_exact_is_left_out(estimator, setting):
    settings = [{}, setting] if not isinstance(estimator, catboost.CatBoostRegressor) else [setting]
    served = list(chain.from_iterable(FAMILY.batches(estimator, settings)))
    assert served == list(range(len(settings) - 1))


@every_library
def test_one_thread(library, monkeypatch):
    (regressor, _), fixed, _ = NATIVE[library]
    several = {
        name: 4 if name in ("n_jobs", "thread_count") else value for name, value in fixed.items()
    }
    spectra, settings = matrix(0), [{"n_estimators": 3, "learning_rate": 0.1}]
    (found,) = batched(regressor(**several), settings, spectra)
    assert_array_equal(found, *GenericFamily().predict(regressor(**fixed), settings, spectra))


@every_library
def test_folds_that_lack_a_class_and_gaps_go_to_the_estimator(library):
    spectra = matrix(3)
    lacking = Matrix(
        spectra.X, spectra.y, [(np.flatnonzero(spectra.y != 1), np.flatnonzero(spectra.y == 1))], 3
    )
    assert_exact(BoostedClassifier(library), {"n_estimators": [2, 3]}, lacking)
    gaps = matrix(0)
    gaps.X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        FAMILY.predict(BoostedRegressor(library), [{}], gaps)
    (regressor, _), fixed, _ = NATIVE[library]
    assert_exact(regressor(**fixed, learning_rate=0.2), {"n_estimators": [2, 3]}, gaps)


def test_wrong_parameters_raise_as_a_fit_does():
    (batch,) = FAMILY.batches(BoostedRegressor(), [{"max_depth": 0}])
    assert batch == [0]
    with pytest.raises(ValueError, match="max_depth"):
        FAMILY.predict(BoostedRegressor(), [{"max_depth": 0}], matrix(0))


def test_no_library_is_loaded_to_look_at_an_estimator():
    code = (
        "import sys\n"
        "from sklearn.linear_model import Ridge\n"
        "from spectral_fast.boosting import BoostedRegressor\n"
        "from spectral_fast.model_selection.families._boosting import BoostingFamily\n"
        "assert not BoostingFamily().handles(Ridge())\n"
        "assert BoostingFamily().batches(BoostedRegressor('xgboost'), [{}]) == [[0]]\n"
        "assert not {'xgboost', 'lightgbm', 'catboost'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
