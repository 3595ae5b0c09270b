"""The replacements for `spectral_predict` against the definitions that the stand-in follows."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline

from spectral_fast import cross_decomposition, dropin
from spectral_fast.datasets import load_gasoline
from spectral_fast.dropin.spectral_predict import _folds, _textbook, _variable_selection
from spectral_fast.feature_selection import SPA
from tests import standin

#: Ours and the stand-in's, by the name of the function.
SELECTIONS = (
    "uve_selection",
    "get_uve_threshold",
    "spa_selection",
    "ipls_selection",
    "uve_spa_selection",
)
NEEDS_COUNT = ("spa_selection", "uve_spa_selection")


@pytest.fixture(scope="module", autouse=True)
def application():
    with standin.on_path():
        yield
        dropin.unpatch(standin.NAME)


@pytest.fixture
def spectra():
    X, y = load_gasoline(return_X_y=True)
    return X[:23, ::12], y[:23]


def data(n=23, p=34, seed=0):
    """Return smooth spectra that hold y."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 4))
    shapes = np.cumsum(rng.normal(size=(4, p)), axis=1)
    y = scores[:, 0] + 0.1 * scores[:, 1] + 0.3 * rng.normal(size=n)
    return scores @ shapes + 0.01 * rng.normal(size=(n, p)), y


def both(name, *arguments, **options):
    """Return what the replacement returns, and what the stand-in does, as tuples."""
    results = []
    for module in (_variable_selection, standin.load("variable_selection")):
        np.random.seed(3)  # noqa: NPY002
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # models of rounding errors
            result = getattr(module, name)(*arguments, **options)
        results.append(result if isinstance(result, tuple) else (result,))
    return results


def assert_both_equal(name, *arguments, **options):
    ours, theirs = both(name, *arguments, **options)
    for one, other in zip(ours, theirs, strict=True):
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert_allclose(one, other, rtol=1e-7, atol=1e-9)
    return ours


every_selection = pytest.mark.parametrize("name", SELECTIONS)


@every_selection
@pytest.mark.parametrize("n", [4, 7, 9, 23, 50])
def test_equals_the_definition(name, n):
    counts = (6,) if name in NEEDS_COUNT else ()
    assert_both_equal(name, *data(n), *counts)


@every_selection
def test_equals_the_definition_on_spectra(name, spectra):
    assert_both_equal(name, *spectra, *((8,) if name in NEEDS_COUNT else ()))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("uve_selection", {"n_components": 3, "cv_folds": 4}),
        ("uve_selection", {"n_components": 18, "cv_folds": 4}),  # more than some folds have
        ("uve_selection", {"n_components": 40}),  # more than any fold has
        ("uve_selection", {"n_components": -2}),
        ("get_uve_threshold", {"cutoff_multiplier": 0.5, "n_components": 2}),
        ("get_uve_threshold", {"cutoff_multiplier": 100.0}),  # none passes
        ("spa_selection", {"n_features": 1}),
        ("spa_selection", {"n_features": 0}),
        ("spa_selection", {"n_features": 100}),
        ("spa_selection", {"n_features": 5, "n_random_starts": 2, "cv_folds": 23}),  # R² is NaN
        ("ipls_selection", {"n_intervals": 1}),
        ("ipls_selection", {"n_intervals": 7}),
        ("ipls_selection", {"n_intervals": 100, "n_components": 4}),
        ("ipls_selection", {"n_intervals": 3, "n_components": 20}),  # more than a fold has
        ("ipls_selection", {"cv_folds": 23}),
        ("uve_spa_selection", {"n_features": 30, "cutoff_multiplier": 1.5}),
        (
            "uve_spa_selection",
            {"n_features": 4, "uve_n_components": 2, "uve_cv_folds": 3, "spa_cv_folds": 4},
        ),
    ],
)
def test_every_option_equals_the_definition(name, options):
    assert_both_equal(name, *data(), **options)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
@every_selection
def test_other_types_equal_the_definition(name, dtype):
    X, y = data()
    if dtype is object:
        y = y.astype(object)
        X = np.asfortranarray(X)
    else:
        X = np.round(100 * X).astype(dtype)
    counts = (7,) if name in NEEDS_COUNT else ()
    ours, theirs = both(name, X, y.astype(float), *counts)
    # scikit-learn predicts in single precision, where it is given that
    assert_allclose(ours[0], theirs[0], rtol=1e-4 if dtype is np.float32 else 1e-9)
    assert_array_equal(both(name, X, y, *counts)[0][0], ours[0])


def planted(kind):
    """Return spectra with channels that tie."""
    X, y = data(40, 60)
    if kind == "constant":
        X[:, 10:25] = 0.3
        X[:, 40:43] = 7.1
    elif kind == "equal":
        X[:, 30:] = X[:, :30]
    else:
        X[:, 20:40] = X[:, [7]]
        X[:, 20:40] *= 2.0 ** np.arange(-10, 10)
    return X, y


@pytest.mark.parametrize("kind", ["constant", "equal", "scaled"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ties_fall_as_in_the_definition(kind, dtype):
    X, y = planted(kind)
    assert_both_equal("spa_selection", X.astype(dtype), y, 45)


def test_first_channels_of_a_longer_chain_are_the_shorter_chain():
    X, y = data()
    longest = _variable_selection.least_correlated(X, y, 34)
    assert sorted(longest) == list(range(34))
    for k in (1, 5, 20):
        assert_array_equal(_variable_selection.least_correlated(X, y, k), longest[:k])


def test_intervals_beyond_their_rank_follow_the_definition(spectra):
    """Derivatives lie on a polynomial at the edges: an interval has few components."""
    X = standin.load("preprocess").SavgolDerivative(1, 19).transform(data(40, 160)[0])
    y = data(40, 160)[1]
    assert_both_equal("ipls_selection", X, y, n_intervals=20)
    edge = X[:, :8]  # of rank 2
    splits = _folds.in_order(40, 5)
    kept = _folds.mean_r2(edge, y, 4, splits, beyond_rank=True)
    fixed = _folds.mean_r2(edge, y, 4, splits, beyond_rank=False)
    at_rank = _folds.mean_r2(edge, y, 2, splits, beyond_rank=True)
    assert fixed == pytest.approx(at_rank, rel=1e-6)
    assert kept != pytest.approx(at_rank, rel=1e-3)


def test_r2_is_scikit_learns_where_y_is_constant():
    X, y = data(20)
    y[:4] = 1.0  # the first fold
    assert_both_equal("ipls_selection", X, y, n_intervals=3)
    assert _folds._r2(np.ones(3), np.ones(3)) == 1.0
    assert _folds._r2(np.ones(3), np.zeros(3)) == 0.0
    assert np.isnan(_folds._r2(np.ones(1), np.ones(1)))


def test_nothing_fits_constant_spectra():
    X = np.ones((12, 8))
    y = np.arange(12.0)
    for name in ("spa_selection", "ipls_selection"):
        ours, theirs = both(name, X, y, 3)
        assert_array_equal(ours, theirs)
        assert_array_equal(ours, np.ones((1, 8)))


def test_the_global_seed_fixes_the_noise():
    X, y = data()
    results = []
    for seed in (0, 0, 1):
        np.random.seed(seed)  # noqa: NPY002
        results.append(_variable_selection.uve_selection(X, y))
    assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


@pytest.mark.parametrize("module", [_variable_selection, _textbook])
@every_selection
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y: (np.where(np.arange(len(X))[:, None] == 2, np.nan, X), y), "row 2"),
        (lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.inf, y)), "y has NaN .* row 3"),
        (lambda X, y: (X, y.astype(str)), "`y` must hold numbers"),
        (lambda X, y: (X, np.array(["low", *y[1:]], dtype=object)), "text such as 'low'"),
        (lambda X, y: (X, y[1:]), "`y` must have a value for each of the 23"),
        (lambda X, y: (X[0], y), "`X` must have a row for each sample"),
    ],
)
def test_bad_input_is_named(module, name, spoil, message):
    with pytest.raises(ValueError, match=message):
        getattr(module, name)(*spoil(*data()), *((3,) if name in NEEDS_COUNT else ()))


def test_one_line_says_what_was_selected(capsys):
    _variable_selection.spa_selection(*data(), 5)
    assert capsys.readouterr().out.startswith("SPA: 5 of 34 channels, R² = 0.")
    _variable_selection.ipls_selection(*data())
    assert capsys.readouterr().out.startswith("iPLS: 20 intervals, best one channels ")
    _variable_selection.uve_selection(*data())
    assert capsys.readouterr().out == ""


def test_fixed_uve_is_not_disturbed_by_its_noise():
    X, y = data()
    X *= 1e-3
    np.random.seed(0)  # noqa: NPY002
    kept = _variable_selection.get_uve_threshold(X, y, n_components=4)[0]
    np.random.seed(0)  # noqa: NPY002
    reliability, threshold, fixed = _textbook.get_uve_threshold(X, y, n_components=4)
    assert reliability.max() > 3 * kept.max()  # the noise was a thousand times as large
    assert 0 < fixed.sum() < len(fixed)
    assert_array_equal(fixed, reliability > threshold)
    np.random.seed(0)  # noqa: NPY002
    assert_array_equal(_textbook.uve_selection(X, y, n_components=4), reliability)
    np.random.seed(0)  # noqa: NPY002
    assert _textbook.get_uve_threshold(X, y, 1e6, n_components=4)[2].all()


def test_fixed_spa_is_araujos():
    X, y = data()
    X[:, 5] = 1.0  # constant, so of no use
    spa = SPA(6, cv=_folds.in_order(23, 5), elimination=False).fit(X, y)
    importances = _textbook.spa_selection(X, y, 6)
    assert_array_equal(np.argsort(-importances, kind="stable")[:6], spa.subset(6))
    assert_array_equal(np.sort(importances)[-6:], np.arange(1.0, 7.0))
    assert _variable_selection.spa_selection(X, y, 6)[5] > 0
    np.random.seed(0)  # noqa: NPY002
    survivors = _textbook.uve_spa_selection(X, y, 4, uve_n_components=4)
    assert (survivors > 0).sum() == 4


def test_fixed_intervals_end_at_their_rank():
    X, y = data(30, 40)
    X[:, 10:20] = X[:, [10]]
    fixed = _textbook.ipls_selection(X, y, n_intervals=4)
    one = _textbook.ipls_selection(X, y, n_intervals=4, n_components=1)
    assert fixed[10] == pytest.approx(one[10], rel=1e-9)


def test_fixed_importance_in_projection_is_the_textbooks():
    X, y = data()
    models = standin.load("models")
    pls = PLSRegression(3, scale=False).fit(X, y)
    ours = cross_decomposition.PLSRegression(3, scale=False).fit(X, y)
    assert_allclose(_textbook.compute_vip(pls, X, y), ours.vip(), rtol=1e-8)
    step = models.PLSTransformer(3).fit(X, y)
    with dropin.patched(standin.NAME, quirks="fix"):
        vip = models.get_feature_importances(step, "PLS-DA", X, y)
    assert_allclose(vip, ours.vip(), rtol=1e-8)
    assert np.abs(vip - models.compute_vip(step, X, y)).max() > 0.01


CONFIGURATIONS = [
    ("raw", {}),
    ("snv", {}),
    ("deriv", {"deriv": 1, "window": 7}),
    ("snv_deriv", {"deriv": 2, "window": 8}),
    ("deriv_snv", {"deriv": 1, "window": 9, "polyorder": 4}),
    (
        "snv",
        {
            "interference": {
                "msc": True,
                "wavelength_exclusion": {"enabled": True, "exclude_ranges": "905-912"},
            },
            "wavelengths": np.arange(900.0, 934.0),
        },
    ),
    ("deriv", {"deriv": 1, "window": 7, "imbalance_method": "binning", "task_type": "regression"}),
]


@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_preprocessing_equals_the_definition(name, options, dtype):
    X, y = data()
    X = (100 * X).astype(dtype)
    build = standin.load("preprocess").build_preprocessing_pipeline
    theirs = build(name, **options)
    with dropin.patched(standin.NAME):
        ours = build(name, **options)
    assert [step for step, _ in ours] == [step for step, _ in theirs]
    a, b = X, X
    for (_, one), (_, other) in zip(ours, theirs, strict=True):
        assert one.get_params().keys() == other.get_params().keys()
        a, b = one.fit(a, y).transform(a), other.fit(b, y).transform(b)
        assert a.dtype == b.dtype
        rtol = 1e-10 if dtype != np.float32 else 1e-4
        assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


def test_transformers_take_what_the_applications_take():
    with dropin.patched(standin.NAME):
        preprocess = standin.load("preprocess")
        constant = preprocess.SNV().transform([[2, 2, 2], [1, 2, 3]])
        assert_allclose(constant, [[0, 0, 0], [-(1.5**0.5), 0, 1.5**0.5]], atol=1e-12)
        for deriv, window, polyorder, message in (
            (2, 3, None, r"at least polyorder \+ 2 = 5; got 3"),
            (1, 5, 4, r"at least polyorder \+ 2 = 6; got 5"),
            (1, 6, None, "at most the number of channels, 5; got 6"),
        ):
            with pytest.raises(ValueError, match=f"`window` must be {message}"):
                preprocess.SavgolDerivative(deriv, window, polyorder).transform(np.eye(5))
        pipeline = make_pipeline(preprocess.SNV(), preprocess.SavgolDerivative())
        X, _ = data()
        assert pipeline.transform(X).shape == X.shape  # nothing was fitted
        assert clone(preprocess.SavgolDerivative(2, 9)).get_params() == {
            "deriv": 2,
            "window": 9,
            "polyorder": None,
        }


def test_files_of_either_load_with_and_without_the_patch(tmp_path):
    X, _ = data()
    preprocess = standin.load("preprocess")
    theirs = make_pipeline(preprocess.SNV(), preprocess.SavgolDerivative(2, 9))
    expected = theirs.fit_transform(X)
    joblib.dump(theirs, tmp_path / "old.joblib")
    with dropin.patched(standin.NAME):
        loaded = joblib.load(tmp_path / "old.joblib")
        assert type(loaded[0]) is preprocess.SNV
        assert_allclose(loaded.transform(X), expected, rtol=1e-9, atol=1e-12)
        ours = make_pipeline(preprocess.SNV(), preprocess.SavgolDerivative(2, 9)).fit(X)
        joblib.dump(ours, tmp_path / "new.joblib")
        assert type(pickle.loads(pickle.dumps(ours[1]))) is preprocess.SavgolDerivative
    joblib.dump(ours, tmp_path / "after.joblib")
    for name in ("new.joblib", "after.joblib"):
        loaded = joblib.load(tmp_path / name)
        assert type(loaded[1]) is preprocess.SavgolDerivative
        assert vars(loaded[1]) == vars(theirs[1])
        assert_array_equal(loaded.fit_transform(X), expected)
