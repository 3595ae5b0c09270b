"""PLSRegression: in all but time it is scikit-learn's."""

import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.cross_decomposition
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import load_gasoline, load_tecator
from spectral_fast.preprocessing import SNV

Original = sklearn.cross_decomposition.PLSRegression

ARRAYS = (
    "x_weights_", "y_weights_", "x_loadings_", "y_loadings_", "x_scores_", "y_scores_",
    "x_rotations_", "y_rotations_", "coef_", "intercept_",
)  # fmt: skip

#: One target needs no iteration. With several the power method stops at a tolerance, and
#: the y weights of a component are only determined as well as that component is separated.
RTOL = {1: 1e-10, 3: 1e-6}

both_scales = pytest.mark.parametrize("scale", [True, False])
both_targets = pytest.mark.parametrize("n_targets", [1, 3])
both_classes = pytest.mark.parametrize("Estimator", [Original, PLSRegression])


def regression(n=12, p=6, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.uniform(-3.0, 3.0, size=p)
    Y = X @ rng.normal(size=(p, n_targets)) + rng.normal(size=(n, n_targets)) + 5.0
    return X, Y[:, 0] if n_targets == 1 else Y


def gasoline(n_targets):
    """Octane and, as further targets, the same disturbed: the table has one only."""
    X, octane = load_gasoline(return_X_y=True)
    octane = octane.ravel()
    disturbed = octane[:, None] + np.random.default_rng(1).normal(size=(len(octane), 2))
    return X, octane if n_targets == 1 else np.column_stack([octane, disturbed])


def tecator(n_targets):
    data = load_tecator()
    return data.data, data.target[:, 1] if n_targets == 1 else data.target


#: Data and the largest count compared. Counts stay below the rank of the centred X: a
#: component after that is made of rounding errors, in scikit-learn as here.
DATA = {
    "tecator": (tecator, 15),
    "gasoline": (gasoline, 15),
    "n<p": (lambda m: regression(12, 30, m), 10),
    "n=p": (lambda m: regression(20, 20, m), 15),
    "n>p": (lambda m: regression(50, 8, m), 8),
}


def assert_close(actual, expected, rtol, name=""):
    atol = rtol * np.abs(expected).max(initial=0.0)
    assert_allclose(actual, expected, rtol=0, atol=atol, err_msg=name)


def assert_same_model(ours, theirs, rtol=1e-10):
    for name in ARRAYS:
        actual, expected = getattr(ours, name), getattr(theirs, name)
        assert actual.shape == expected.shape, name
        assert actual.dtype == expected.dtype, name
        assert_close(actual, expected, rtol, name)
    assert ours.n_iter_ == theirs.n_iter_
    assert [type(n) for n in ours.n_iter_] == [type(n) for n in theirs.n_iter_]
    assert ours.n_features_in_ == theirs.n_features_in_


def outcome(Estimator, X, y, **parameters):
    """Fit; return the model or the error, and the warnings, all in comparable form."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            result = Estimator(**parameters).fit(X, y)
        except Exception as error:
            result = (type(error), str(error))
    return result, [(warning.category, str(warning.message)) for warning in caught]


def assert_same_outcome(X, y, *, rtol=1e-10, **parameters):
    ours, our_warnings = outcome(PLSRegression, X, y, **parameters)
    theirs, their_warnings = outcome(Original, X, y, **parameters)
    assert our_warnings == their_warnings
    if isinstance(theirs, tuple):
        assert ours == theirs
    else:
        assert_same_model(ours, theirs, rtol)
    return ours, our_warnings


class TestSameNumbers:
    @pytest.mark.parametrize("data", DATA)
    @both_targets
    @both_scales
    def test_every_array(self, data, n_targets, scale):
        load, largest = DATA[data]
        X, y = load(n_targets)
        for n_components in {1, 2, 3, 5, 8, largest}:
            if n_components <= largest:
                ours = PLSRegression(n_components, scale=scale).fit(X, y)
                theirs = Original(n_components, scale=scale).fit(X, y)
                assert_same_model(ours, theirs, RTOL[n_targets])

    @pytest.mark.parametrize("data", DATA)
    @both_targets
    @both_scales
    def test_every_method(self, data, n_targets, scale):
        X, y = DATA[data][0](n_targets)
        half = len(X) // 2
        new_X, new_y = X[half:] + 0.01, y[half:]
        ours = PLSRegression(4, scale=scale).fit(X[:half], y[:half])
        theirs = Original(4, scale=scale).fit(X[:half], y[:half])
        rtol = RTOL[n_targets]

        assert_close(ours.predict(new_X), theirs.predict(new_X), rtol, "predict")
        assert ours.predict(new_X).shape == theirs.predict(new_X).shape
        assert_allclose(ours.score(new_X, new_y), theirs.score(new_X, new_y), rtol=rtol)
        scores = theirs.transform(new_X)
        assert_close(ours.transform(new_X), scores, rtol, "transform")
        for actual, expected in zip(
            ours.transform(new_X, new_y), theirs.transform(new_X, new_y), strict=True
        ):
            assert_close(actual, expected, rtol, "transform with y")
        assert_close(
            ours.inverse_transform(scores), theirs.inverse_transform(scores), rtol, "inverse"
        )
        for actual, expected in zip(
            ours.inverse_transform(scores, scores),
            theirs.inverse_transform(scores, scores),
            strict=True,
        ):
            assert_close(actual, expected, rtol, "inverse with y")
        for actual, expected in zip(
            clone(ours).fit_transform(X, y), clone(theirs).fit_transform(X, y), strict=True
        ):
            assert_close(actual, expected, rtol, "fit_transform")

    @settings(deadline=None, derandomize=True, max_examples=40)
    @given(
        seed=st.integers(0, 2**31),
        n=st.integers(4, 15),
        p=st.integers(1, 15),
        n_targets=st.integers(1, 3),
        scale=st.booleans(),
        unit=st.sampled_from([1e-6, 1.0, 1e6]),
    )
    def test_random_data(self, seed, n, p, n_targets, scale, unit):
        X, y = regression(n, p, n_targets, seed)
        n_components = min(n - 2, p, 3)
        assert_same_outcome(unit * X, y, rtol=1e-6, n_components=n_components, scale=scale)

    @both_targets
    @both_scales
    @pytest.mark.parametrize("unit", [1e-10, 1e-5, 1e10])
    def test_unit_of_y(self, n_targets, scale, unit):
        """What counts as zero in y is absolute in scikit-learn, hence here."""
        X, y = regression(n_targets=n_targets)
        assert_same_outcome(X, unit * y, rtol=RTOL[n_targets], n_components=3, scale=scale)

    @pytest.mark.parametrize("n_targets", [1, 3])
    def test_max_iter_and_tol(self, n_targets):
        X, y = regression(n_targets=n_targets)
        for max_iter in (1, 2, 3, 500):
            for tol in (0.0, 1e-12, 1e-2):
                # at zero tolerance the last bit decides about the number of iterations
                if max_iter < 500 or tol > 0:
                    assert_same_outcome(
                        X, y, rtol=RTOL[n_targets], n_components=3, max_iter=max_iter, tol=tol
                    )

    def test_pipeline_and_search(self):
        X, y = gasoline(1)
        X = X[:, ::20]
        ours, theirs = (
            GridSearchCV(
                make_pipeline(SNV(), Estimator(scale=False)),
                {f"{Estimator.__name__.lower()}__n_components": [1, 2, 3, 4]},
                cv=3,
            ).fit(X, y)
            for Estimator in (PLSRegression, Original)
        )
        assert ours.best_params_ == theirs.best_params_
        for ours_score, theirs_score in zip(
            ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], strict=True
        ):
            assert_allclose(ours_score, theirs_score, rtol=1e-10)
        assert_allclose(
            cross_val_predict(ours.best_estimator_, X, y),
            cross_val_predict(theirs.best_estimator_, X, y),
            rtol=1e-10,
        )


class TestSameSurface:
    def test_signature(self):
        assert inspect.signature(PLSRegression) == inspect.signature(Original)
        for method in ("fit", "transform", "inverse_transform", "predict", "fit_transform"):
            ours, theirs = (
                [(name, each.kind, each.default) for name, each in parameters.items()]
                for parameters in (
                    inspect.signature(getattr(cls, method)).parameters
                    for cls in (PLSRegression, Original)
                )
            )
            assert ours == theirs, method
        assert PLSRegression._parameter_constraints == Original._parameter_constraints

    @both_targets
    def test_attributes(self, n_targets):
        X, y = regression(n_targets=n_targets)
        names = [f"{900 + j} nm" for j in range(X.shape[1])]
        X = pd.DataFrame(X, columns=names)
        ours, theirs = PLSRegression().fit(X, y), Original().fit(X, y)
        assert set(vars(ours)) == set(vars(theirs))
        for name, value in vars(theirs).items():
            assert type(getattr(ours, name)) is type(value), name
        assert_array_equal(ours.feature_names_in_, names)
        assert_array_equal(ours.get_feature_names_out(), theirs.get_feature_names_out())

    def test_pandas_output(self):
        X, y = regression()
        ours = PLSRegression().set_output(transform="pandas").fit(X, y).transform(X)
        theirs = Original().set_output(transform="pandas").fit(X, y).transform(X)
        pd.testing.assert_frame_equal(ours, theirs)

    def test_clone_and_pickle(self):
        X, y = regression()
        pls = PLSRegression(3, scale=False, max_iter=7, tol=1e-3).fit(X, y)
        loaded = pickle.loads(pickle.dumps(pls))
        assert_array_equal(loaded.predict(X), pls.predict(X))
        copied = clone(pls)
        assert copied.get_params() == pls.get_params()
        assert not hasattr(copied, "coef_")

    def test_tags(self):
        assert PLSRegression().__sklearn_tags__() == Original().__sklearn_tags__()

    def test_runs_the_kernel(self, monkeypatch):
        calls = []
        nipals = kernels.nipals
        monkeypatch.setattr(kernels, "nipals", lambda *args: calls.append(args) or nipals(*args))
        PLSRegression().fit(*regression())
        assert len(calls) == 1


X_GOOD, Y_GOOD = regression()


def with_value(array, value):
    array = array.copy()
    array[(3, 1)[: array.ndim]] = value
    return array


def constant_target(value):
    return np.full(len(Y_GOOD), value)


WRONG_DATA = {
    "one sample": (X_GOOD[:1], Y_GOOD[:1]),
    "other lengths": (X_GOOD, Y_GOOD[:-1]),
    "NaN in X": (with_value(X_GOOD, np.nan), Y_GOOD),
    "infinity in X": (with_value(X_GOOD, np.inf), Y_GOOD),
    "NaN in y": (X_GOOD, with_value(Y_GOOD, np.nan)),
    "infinity in y": (X_GOOD, with_value(Y_GOOD, -np.inf)),
    "no y": (X_GOOD, None),
    "sparse X": (scipy.sparse.csr_matrix(X_GOOD), Y_GOOD),
    "sparse y": (X_GOOD, scipy.sparse.csr_matrix(Y_GOOD[:, None])),
    "complex X": (X_GOOD + 1j, Y_GOOD),
    "complex y": (X_GOOD, Y_GOOD + 1j),
    "words in X": (np.full(X_GOOD.shape, "high"), Y_GOOD),
    "words in y": (X_GOOD, np.full(len(Y_GOOD), "high")),
    "1-d X": (X_GOOD[:, 0], Y_GOOD),
    "3-d X": (X_GOOD[None], Y_GOOD),
    "3-d y": (X_GOOD, Y_GOOD[:, None, None]),
    "no channels": (X_GOOD[:, :0], Y_GOOD),
}
WRONG_PARAMETERS = [
    {"n_components": 0},
    {"n_components": 7},
    {"n_components": 2.0},
    {"n_components": None},
    {"scale": 1},
    {"max_iter": 0},
    {"max_iter": 1.5},
    {"tol": -1.0},
    {"tol": "small"},
    {"copy": "yes"},
]


class TestSameErrorsAndWarnings:
    @pytest.mark.parametrize("case", WRONG_DATA)
    def test_wrong_data(self, case):
        error, _ = assert_same_outcome(*WRONG_DATA[case])
        assert isinstance(error, tuple)

    @pytest.mark.parametrize("parameters", WRONG_PARAMETERS, ids=str)
    def test_wrong_parameters(self, parameters):
        error, _ = assert_same_outcome(X_GOOD, Y_GOOD, **parameters)
        assert isinstance(error, tuple)

    def test_more_components_than_samples(self):
        error, _ = assert_same_outcome(X_GOOD[:4], Y_GOOD[:4], n_components=5)
        assert error == (
            ValueError,
            "`n_components` upper bound is 4. Got 5 instead. Reduce `n_components`.",
        )

    @pytest.mark.parametrize("kind", ["list", "integer", "float32", "digits", "object", "frame"])
    def test_data_that_are_converted(self, kind):
        X, y = np.round(10 * X_GOOD), np.round(10 * Y_GOOD)
        convert = {
            "list": np.ndarray.tolist,
            "integer": lambda a: a.astype(int),
            "float32": lambda a: a.astype(np.float32),
            "digits": lambda a: a.astype(str),
            "object": lambda a: a.astype(object),
            "frame": pd.DataFrame,
        }[kind]
        assert_same_outcome(convert(X), convert(y))

    @pytest.mark.parametrize("method", ["predict", "transform"])
    def test_use_before_fit(self, method):
        messages = []
        for Estimator in (PLSRegression, Original):
            with pytest.raises(NotFittedError) as error:
                getattr(Estimator(), method)(X_GOOD)
            messages.append(str(error.value))
        assert messages[0] == messages[1]

    @pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e6])
    @pytest.mark.parametrize("n_targets", [1, 3])
    @both_scales
    def test_constant_y(self, value, n_targets, scale):
        y = np.repeat(constant_target(value)[:, None], n_targets, axis=1)
        pls, caught = assert_same_outcome(X_GOOD, y, scale=scale)
        assert caught == [(UserWarning, "y residual is constant at iteration 0")]
        assert_allclose(pls.predict(X_GOOD), y)

    @both_scales
    def test_one_target_constant(self, scale):
        Y = np.column_stack([constant_target(0.5), Y_GOOD, X_GOOD[:, 0] ** 2])
        _, caught = assert_same_outcome(X_GOOD, Y, rtol=1e-6, n_components=3, scale=scale)
        assert caught == []

    @pytest.mark.parametrize("n_targets", [1, 3])
    @both_scales
    def test_y_residual_exhausted(self, n_targets, scale):
        """Four samples are explained exactly by three components; the fourth stays zero.

        Small targets, so that their rounding errors are surely below the bound for zero.
        """
        X, Y = regression(4, 6, n_targets)
        Y *= 0.01
        pls, caught = assert_same_outcome(X, Y, rtol=1e-6, n_components=4, scale=scale)
        assert caught == [(UserWarning, "y residual is constant at iteration 3")]
        assert len(pls.n_iter_) == 3
        assert_allclose(pls.predict(X), Y)

    def test_no_convergence(self):
        X, Y = regression(n_targets=3)
        _, caught = assert_same_outcome(X, Y, n_components=3, max_iter=2, tol=0.0)
        assert caught == 3 * [(ConvergenceWarning, "Maximum number of iterations reached")]

    def test_warnings_point_at_the_caller(self):
        with pytest.warns(UserWarning, match="y residual is constant") as caught:
            PLSRegression().fit(X_GOOD, constant_target(0.5))
        with pytest.warns(ConvergenceWarning) as caught_too:
            PLSRegression(1, max_iter=1).fit(X_GOOD, np.column_stack([Y_GOOD, Y_GOOD**2]))
        assert {each.filename for each in [*caught, *caught_too]} == {__file__}

    def test_no_convergence_and_exhausted(self):
        X, Y = regression(4, 6, n_targets=3)
        Y *= 0.01
        _, caught = assert_same_outcome(X, Y, n_components=4, max_iter=1)
        assert [category for category, _ in caught] == 3 * [ConvergenceWarning] + [UserWarning]


class TestDegenerateX:
    @pytest.mark.parametrize("value", [0.0, 0.5, -8.0])
    @both_targets
    @both_scales
    def test_constant_channel(self, value, n_targets, scale):
        X, y = regression(n_targets=n_targets)
        X[:, 2] = value
        pls, _ = assert_same_outcome(X, y, rtol=RTOL[n_targets], n_components=4, scale=scale)
        assert not pls.coef_[:, 2].any()

    @pytest.mark.parametrize("value", [0.1, 1 / 3, 1e5 / 7])
    def test_channel_constant_within_rounding(self, value):
        """Where scikit-learn may scale rounding errors up, the channel stays out of the model."""
        X, y = regression(11)
        X[:, 2] = value
        pls = PLSRegression(3).fit(X, y)
        others = PLSRegression(3).fit(np.delete(X, 2, axis=1), y)
        assert_close(pls.predict(X), others.predict(np.delete(X, 2, axis=1)), 1e-10)

    @pytest.mark.parametrize("n_components", [1, 4, 6])
    @both_scales
    def test_duplicate_channels(self, n_components, scale):
        X, y = regression()
        X = np.column_stack([X, X[:, :2]])
        pls, _ = assert_same_outcome(X, y, n_components=n_components, scale=scale)
        assert_close(pls.coef_[:, :2], pls.coef_[:, 6:], 1e-10)

    @both_targets
    @both_scales
    def test_up_to_the_rank(self, n_targets, scale):
        X, y = rank_two(n_targets)
        for n_components in (1, 2):
            assert_same_outcome(X, y, rtol=RTOL[n_targets], n_components=n_components, scale=scale)

    @both_targets
    @both_scales
    def test_above_the_rank(self, n_targets, scale):
        """Components above the rank are zero; scikit-learn fits them to rounding errors."""
        X, y = rank_two(n_targets)
        y = y + np.random.default_rng(1).normal(size=y.shape)
        expected = PLSRegression(2, scale=scale).fit(X, y)
        with pytest.warns(UserWarning, match="X has only 2 components .* the other 3 are zero"):
            found = PLSRegression(5, scale=scale).fit(X, y)
        assert len(found.n_iter_) == 2
        for name in ("x_weights_", "x_loadings_", "y_loadings_", "x_scores_", "y_scores_"):
            assert_close(getattr(found, name)[:, :2], getattr(expected, name), 1e-10, name)
            assert not getattr(found, name)[:, 2:].any()
        new = np.random.default_rng(0).normal(size=(5, 6))
        assert_close(found.predict(new), expected.predict(new), 1e-10)

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_no_channel_varies(self, value):
        X = np.full((12, 6), value)
        with (
            np.errstate(all="ignore"),
            warnings.catch_warnings(action="ignore"),
            pytest.raises(ValueError, match=r"NaN|illegal value"),  # the latter with SciPy 1.13
        ):
            Original().fit(X, Y_GOOD)
        with pytest.raises(ValueError, match="X must vary over the samples"):
            PLSRegression().fit(X, Y_GOOD)


def rank_two(n_targets):
    X, y = regression(n_targets=n_targets)
    return X[:, :2] @ np.random.default_rng(2).normal(size=(2, 6)), y


class TestInPlace:
    @both_targets
    @both_scales
    def test_copy_leaves_the_data_alone(self, n_targets, scale):
        X, y = regression(n_targets=n_targets)
        before_X, before_y = X.copy(), y.copy()
        X.flags.writeable = y.flags.writeable = False
        pls = PLSRegression(scale=scale).fit(X, y)
        pls.transform(X, y)
        pls.predict(X)
        assert_array_equal(X, before_X)
        assert_array_equal(y, before_y)

    @both_targets
    @both_scales
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_without_copy_the_data_are_prepared_in_place(self, n_targets, scale, order):
        X, y = regression(n_targets=n_targets)
        expected = Original(3, scale=scale).fit(X, y)
        centred, y_centred = X - X.mean(axis=0), y - y.mean(axis=0)
        X = np.asarray(X, order=order)
        pls = PLSRegression(3, scale=scale, copy=False).fit(X, y)
        assert_same_model(pls, expected, RTOL[n_targets])
        divisor = centred.std(axis=0, ddof=1) if scale else 1.0
        assert_allclose(X, centred / divisor, rtol=1e-10, atol=1e-12)
        divisor = y_centred.std(axis=0, ddof=1) if scale else 1.0
        assert_allclose(y, y_centred / divisor, rtol=1e-10, atol=1e-12)

    @both_classes
    def test_without_copy_read_only_data_are_copied(self, Estimator):
        X, y = regression()
        X.flags.writeable = y.flags.writeable = False
        before = X.copy()
        expected = Estimator().fit(X, y).predict(X)
        assert_allclose(Estimator(copy=False).fit(X, y).predict(X), expected)
        assert_array_equal(X, before)

    @both_classes
    def test_predict_and_transform_in_place(self, Estimator):
        X, y = regression()
        pls = Estimator().fit(X, y)
        for method in (pls.predict, pls.transform):
            given = X.copy()
            assert_allclose(method(given, copy=False), method(X))
            assert np.abs(given - X).max() > 0.1
