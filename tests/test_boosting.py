"""The boosting facade: against its twin, scikit-learn's conventions, stages, early stopping."""

import pickle
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.utils.estimator_checks import estimator_checks_generator

from spectral_fast.boosting import BoostedClassifier, BoostedRegressor
from spectral_fast.boosting._libraries import LIBRARIES
from tests.reference.boosting import boosted, boosted_classes

every_library = pytest.mark.parametrize("library", sorted(LIBRARIES))
both = pytest.mark.parametrize("kind", [BoostedRegressor, BoostedClassifier])

#: Every split is tried, on all samples and channels.
EXHAUSTIVE = {"learning_rate": 0.3, "max_depth": 3, "subsample": 1.0, "colsample": 1.0}


def stepped(n_samples=48):
    """Return channels of six values each, so that no library bins them, and a target."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, size=(n_samples, 4)).astype(float)
    return X, X[:, 1] + rng.normal(size=n_samples)


def target_for(kind, y):
    return np.where(y > np.median(y), "high", "low") if kind is BoostedClassifier else y


# LightGBM leaves out a channel below a leaf that it could not improve, which a penalty causes.
@pytest.mark.parametrize(
    ("library", "reg_lambda"), [("xgboost", 1.5), ("lightgbm", 0.0), ("catboost", 1.5)]
)
def test_regression_is_the_twins(library, reg_lambda):
    X, y = stepped()
    model = BoostedRegressor(library, n_estimators=6, reg_lambda=reg_lambda, **EXHAUSTIVE)
    stages = list(model.fit(X, y).staged_predict(X))
    symmetric = library == "catboost"
    expected = boosted(X, y, 6, 0.3, 3, reg_lambda, symmetric=symmetric)
    assert_allclose(stages, expected, rtol=0, atol=1e-5)  # float32 within the libraries
    assert_array_equal(stages[-1], model.predict(X))


def test_classification_is_the_twins():
    X, y = stepped()
    classes = target_for(BoostedClassifier, y)
    model = BoostedClassifier("lightgbm", n_estimators=6, reg_lambda=0.0, **EXHAUSTIVE)
    stages = np.array(list(model.fit(X, classes).staged_predict_proba(X)))
    assert_array_equal(model.classes_, ["high", "low"])
    second = (classes == "low").astype(float)
    assert_allclose(stages[..., 1], boosted_classes(X, second, 6, 0.3, 3, 0.0), atol=1e-5)
    assert_array_equal(stages[-1], model.predict_proba(X))


def checks():
    for kind in (BoostedRegressor, BoostedClassifier):
        for library in ("xgboost", "catboost"):  # the default is among all estimators' checks
            for estimator, check in estimator_checks_generator(kind(library, n_estimators=30)):
                yield pytest.param(
                    estimator, check, id=f"{kind.__name__}-{library}-{check.func.__name__}"
                )


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_check(estimator, check):
    check(estimator)


@every_library
@both
def test_stages_are_fits_of_so_many_rounds(library, kind):
    X, y = stepped()
    y = target_for(kind, y)
    model = kind(library, n_estimators=5).fit(X, y)
    stages = list(model.staged_predict(X))
    assert len(stages) == 5
    for rounds in (1, 3, 5):
        smaller = clone(model).set_params(n_estimators=rounds).fit(X, y)
        assert_array_equal(stages[rounds - 1], smaller.predict(X))
        if kind is BoostedClassifier:
            probabilities = list(model.staged_predict_proba(X))[rounds - 1]
            assert_array_equal(probabilities, smaller.predict_proba(X))


@every_library
@both
def test_importances(library, kind):
    X, y = stepped()
    X = np.column_stack([X, np.zeros(len(X))])
    importances = kind(library, n_estimators=20).fit(X, target_for(kind, y)).feature_importances_
    assert importances.argmax() == 1
    assert importances[-1] == 0
    assert importances.sum() == pytest.approx(1)


@every_library
def test_a_model_without_splits_has_no_importances(library):
    X, _ = stepped()
    model = BoostedRegressor(library, n_estimators=3).fit(X, np.full(len(X), 2.5))
    assert_array_equal(model.feature_importances_, np.zeros(4))
    assert_allclose(model.predict(X), 2.5)


@every_library
@both
def test_seed_samples_and_channels(library, kind):
    X, y = stepped()
    y = target_for(kind, y)
    outputs = [
        getattr(kind(library, n_estimators=10, random_state=seed).fit(X, y), method)(X)
        for seed in (0, 0, 1)
        for method in ["predict_proba" if kind is BoostedClassifier else "predict"]
    ]
    assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 0
    random_state = np.random.RandomState(0)
    kind(library, n_estimators=2, random_state=random_state).fit(X, y)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_leaves_hold_as_many_samples_as_asked(library):
    X, y = stepped(20)
    model = BoostedRegressor(
        library, n_estimators=1, min_samples_leaf=6, **{**EXHAUSTIVE, "max_depth": 6}
    )
    _, sizes = np.unique(model.fit(X, y).predict(X), return_counts=True)
    assert len(sizes) > 1
    assert sizes.min() >= 6
    model.set_params(min_samples_leaf=1).fit(X, y)
    assert np.unique(model.predict(X), return_counts=True)[1].min() < 6


@every_library
@both
def test_early_stopping_takes_the_round_of_least_held_out_loss(library, kind):
    X, y = stepped()
    y = target_for(kind, y)
    folds = list(KFold(3).split(X))
    arguments = {"n_estimators": 30, "learning_rate": 1.0}
    model = kind(library, early_stopping_rounds=4, cv=folds, **arguments).fit(X, y)

    losses = np.zeros(30)
    for train, test in folds:
        fold = kind(library, **arguments).fit(X[train], y[train])
        if kind is BoostedRegressor:
            losses += [((p - y[test]) ** 2).sum() for p in fold.staged_predict(X[test])]
        else:
            own = np.searchsorted(fold.classes_, y[test]), np.arange(len(test))
            losses += [-np.log(p.T[own]).sum() for p in fold.staged_predict_proba(X[test])]
    losses /= len(y)
    assert_allclose(model.validation_loss_, losses)
    best = losses[: model.n_estimators_ + 4].argmin() + 1
    assert model.n_estimators_ == best < 30
    assert losses[: best - 1].min(initial=np.inf) > losses[best - 1]
    plain = kind(library, **{**arguments, "n_estimators": int(best)}).fit(X, y)
    assert_array_equal(model.predict(X), plain.predict(X))


@both
def test_early_stopping_patience_and_default_folds(kind):
    X, y = stepped()
    y = target_for(kind, y)
    eager = kind(n_estimators=20, early_stopping_rounds=1, learning_rate=0.5).fit(X, y)
    losses = eager.validation_loss_
    rising = np.flatnonzero(np.diff(losses) >= 0)
    assert eager.n_estimators_ == rising[0] + 1
    assert not hasattr(
        clone(eager).set_params(early_stopping_rounds=None).fit(X, y), "validation_loss_"
    )


@every_library
@both
def test_silent_and_without_files(library, kind, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    X, y = stepped()
    model = kind(library, n_estimators=3).fit(X, target_for(kind, y))
    model.predict(X)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@every_library
def test_one_thread_unless_asked(library):
    name = LIBRARIES[library].names["n_jobs"]
    for n_jobs, threads in ((1, 1), (None, 1), (3, 3)):
        model = BoostedRegressor(library, n_jobs=n_jobs)
        assert model.native().get_params()[name] == threads


@pytest.mark.parametrize(
    ("library", "parameter", "values"),
    [
        ("xgboost", "device", ("cpu", "cuda")),
        ("lightgbm", "device_type", ("cpu", "gpu")),
        ("catboost", "task_type", (None, "GPU")),
    ],
)
def test_device(library, parameter, values):
    for device, value in zip(("cpu", "gpu"), values, strict=True):
        params = BoostedRegressor(library, device=device).native().get_params()
        assert params.get(parameter) == value


@every_library
@both
def test_a_missing_library_names_the_extra(library, kind, monkeypatch):
    X, y = stepped()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library}.*pip install \"spectral_fast\[boosting\]\""):
        kind(library).fit(X, target_for(kind, y))


@every_library
@both
def test_pickle(library, kind):
    X, y = stepped()
    model = kind(library, n_estimators=3).fit(X, target_for(kind, y))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@both
@pytest.mark.parametrize(
    "wrong", [{"library": "sklearn"}, {"n_estimators": 0}, {"colsample": 0.0}, {"max_depth": 17}]
)
def test_wrong_parameters(kind, wrong):
    X, y = stepped()
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        kind(**wrong).fit(X, target_for(kind, y))


def test_catboost_has_no_limit_for_leaves():
    X, y = stepped()
    with pytest.raises(ValueError, match=r"`min_samples_leaf` must be 1 .* got 2. Use 1"):
        BoostedRegressor("catboost", min_samples_leaf=2).fit(X, y)


def test_one_class():
    X, _ = stepped()
    with pytest.raises(ValueError, match="at least two classes; got one class: 'a'"):
        BoostedClassifier().fit(X, ["a"] * len(X))
