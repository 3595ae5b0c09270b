"""The spectra and reference values of a search."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from spectral_fast._folds import Splits
from spectral_fast._validation import check_spectra, listed

__all__ = ["Data", "check_data", "in_double"]


class Data(NamedTuple):
    """What the candidates are tried on."""

    X: np.ndarray
    y: np.ndarray  # of a classification the number of each sample's class
    splits: Splits
    n_classes: int  # 0 for a regression
    groups: np.ndarray | None = None


def check_data(search: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return checked spectra and reference values, of a classification the classes' numbers.

    Sets what `search` knows of its channels, and its classes.
    """
    classifies = search.task == "classification"
    try:
        spectra, y = validate_data(
            search,
            X,
            y,
            validate_separately=(
                {
                    "dtype": np.float64,
                    "order": "C",  # sums depend on the order, and workers get a copy in C's
                    "ensure_all_finite": False,
                    "ensure_min_samples": 2,
                },
                {
                    "dtype": None if classifies else np.float64,
                    "order": "C",
                    "ensure_2d": False,
                    "ensure_all_finite": False,
                },
            ),
        )
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(_about_text(X)) from error
    check_consistent_length(spectra, y)
    names = getattr(search, "feature_names_in_", None)
    if not classifies:
        check_spectra(spectra, y, channel_names=names)
        return spectra, y
    check_spectra(spectra, channel_names=names)
    check_classification_targets(y)
    search.classes_, numbers = np.unique(column_or_1d(y), return_inverse=True)
    if len(search.classes_) < 2:
        [only] = search.classes_.tolist()
        raise ValueError(
            f"y must have two classes or more; all {len(y)} samples are of class {only!r}. "
            "Add samples of another class."
        )
    return spectra, numbers.astype(np.int64)


def _about_text(X: Any) -> str:
    """Say where the spectra or the reference values are text that is no number."""
    if _holds_numbers(X):
        return (
            "y must hold numbers; it holds text. Correct the values, or, if they are classes, use "
            '`task="classification"`.'
        )
    if not hasattr(X, "items"):
        return "X must hold numbers; it holds text. Leave out what is no channel."
    columns = [repr(name) for name, column in X.items() if not _holds_numbers(column)]
    return (
        f"X must hold numbers; it has text in {listed(columns, 'column')}. Leave out what is no "
        "channel, or read the file by `spectral_fast.tables.read_table`, which does."
    )


def _holds_numbers(values: Any) -> bool:
    """Whether values are numbers, or can be converted; missing ones are."""
    try:
        check_array(values, dtype=np.float64, ensure_2d=False, ensure_all_finite=False)
    except (TypeError, ValueError):
        return False
    return True


def in_double(X: Any) -> Any:
    """Return spectra in the precision that candidates are tried in; a data frame stays one."""
    return X.astype(np.float64) if hasattr(X, "astype") else np.asarray(X, dtype=np.float64)
