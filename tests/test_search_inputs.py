"""SpectralSearchCV: bad input is refused by name."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold, LeaveOneOut

from tests.searches import quick, small


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (with_value(X, (4, 2), np.nan), y), r"row 4 .* channel 2\."),
        (lambda X, y: (X, with_value(y, 3, np.inf)), "y has NaN or infinite values in row 3 "),
        (lambda X, y: (with_value(X, 7, 1.0), y), "same value in every channel of row 7 "),
        (lambda X, y: (X, np.ones(20)), "y is constant"),
        (lambda X, y: (X[:2], y[:2]), r"`cv` must be at most n_samples=2 folds; got 3\."),
        (lambda X, y: (X[:1], y[:1]), "minimum of 2"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, None), "requires y"),
    ],
)
def test_bad_data(change, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(*change(*small()))


@pytest.mark.parametrize("n_jobs", [0, 1.5])
def test_bad_number_of_jobs(n_jobs):
    with pytest.raises(ValueError, match=rf"'n_jobs' parameter .* Got {n_jobs} instead"):
        quick(n_jobs=n_jobs).fit(*small())


def test_channels_are_named_in_errors():
    X, y = small()
    frame = pd.DataFrame(
        with_value(X, (4, 2), np.nan), columns=[f"{900 + k} nm" for k in range(16)]
    )
    with pytest.raises(ValueError, match=r"row 4 .* channel 902 nm\."):
        quick().fit(frame, y)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"cv": 1}, ValueError, "'cv' parameter"),
        ({"error_score": 0.0}, ValueError, "'error_score' parameter"),
        ({"progress": "yes"}, ValueError, "'progress' parameter"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        quick(**parameters).fit(*small())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"models": ["knn", "gpr"], "selectors": "importance"}, "'importance' alone; got knn, gpr"),
        (
            {"models": {"pls": {"n_components": [5, 9]}}, "selectors": "vip"},
            "`n_features` has at most 4. Use fewer components, or more channels",
        ),
    ],
)
def test_grids_without_candidates(parameters, message):
    with pytest.raises(ValueError, match=message):
        quick(**parameters, n_features=[2, 4]).fit(*small())


@pytest.mark.parametrize("cv", [None, LeaveOneOut(), KFold(3)])
def test_splitters(cv):
    X, y = small(12)
    assert quick(cv=cv).fit(X, y).n_splits_ == (5 if cv is None else cv.get_n_splits(X))


def test_splits_as_masks_equal_splits_as_numbers():
    X, y = small()
    by_number = list(KFold(4).split(X))
    masks = [tuple(np.isin(np.arange(20), rows) for rows in split) for split in by_number]
    found, expected = quick(cv=masks).fit(X, y), quick(cv=by_number).fit(X, y)
    assert_array_equal(found.oof_predictions_, expected.oof_predictions_)
    pd.testing.assert_frame_equal(
        found.results_.drop(columns="seconds"), expected.results_.drop(columns="seconds")
    )


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([(range(10), range(10, 20)), (range(20), [])], "got 20 and 0 in fold 1 "),
        ([([], range(20))], "got 0 and 20 in fold 0 "),
        ([(np.zeros(20, bool), np.ones(20, bool))], "got 0 and 20 in fold 0 "),
        ([], "`cv` must give at least one fold"),
        ([(range(10), [20])], "numbers below n_samples=20 .* out of bounds"),
        ([(range(10), [10.0])], "numbers below n_samples=20 .* float64"),
        ([(range(10), np.ones(19, bool))], r"masks of that length; got .* shape \(19,\)"),
    ],
)
def test_bad_splits(splits, message):
    with pytest.raises(ValueError, match=message):
        quick(cv=splits).fit(*small())


def test_an_iterator_of_splits_can_be_used_once():
    X, y = small()
    search = quick(cv=KFold(4).split(X))
    search.plan(X, y)
    with pytest.raises(ValueError, match=r"got none\. An iterator can be used once: pass a"):
        search.fit(X, y)
