"""What the tests of the search's families share: data, and answers of a family in order."""

import numpy as np
import pytest
import sklearn
from sklearn.utils.fixes import parse_version

from spectral_fast.model_selection.families import GenericFamily, Matrix
from tests.spectra import folds, mixtures

#: Earlier forests leave samples of equal values in another order, and are not the kernel's.
same_order = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="sorts equal values in another way",
)


def regression(n_targets=1, n_splits=3, n=16):
    """Return spectra with targets, and folds."""
    X, y = mixtures(n=n, p=13, n_targets=n_targets)
    return Matrix(X, y, folds(len(X), n_splits))


def classification(n_classes=3, n_splits=3, n=24):
    """Return spectra with the numbers of their classes, and folds."""
    X, y = mixtures(n=n, p=13)
    ranks = np.argsort(np.argsort(y))
    return Matrix(X, ranks * n_classes // n, folds(n, n_splits), n_classes)


def first_fold(matrix):
    """Return the same with one of the folds, whose training rows leave some out."""
    train, test = matrix.splits[0]
    return Matrix(matrix.X, matrix.y, [(train[1:], test)], matrix.n_classes)


def answers(family, estimator, settings, matrix):
    """Return the outputs of each candidate; all have to be in exactly one batch."""
    batches = family.batches(estimator, settings)
    assert sorted(np.concatenate(batches)) == list(range(len(settings)))
    found = [None] * len(settings)
    for batch in batches:
        chosen = [settings[position] for position in batch]
        for position, answer in zip(batch, family.predict(estimator, chosen, matrix), strict=True):
            found[position] = answer
    return found


def generic(estimator, settings, matrix):
    """Return the outputs of a fit for each candidate and fold."""
    return GenericFamily().predict(estimator, settings, matrix)
