"""The folds that `cv` stands for, as numbers of rows."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, check_cv

__all__ = ["Splits", "check_partition", "split"]

Splits = Sequence[tuple[np.ndarray, np.ndarray]]


def split(
    cv: Any, X: np.ndarray, y: np.ndarray, groups: Any = None, random_state: Any = None
) -> Splits:
    """Return the training and the held-out rows of each fold.

    `cv` is what scikit-learn takes, but that the folds of an int are shuffled by
    `random_state`.
    """
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        cv = int(cv)
        if cv > len(X):
            raise ValueError(
                f"`cv` must be at most n_samples={len(X)} folds; got {cv}. "
                f"Use {len(X)} or fewer, or add samples."
            )
        cv = KFold(cv, shuffle=True, random_state=random_state)
    splits = [
        (_rows(train, len(X)), _rows(test, len(X)))
        for train, test in check_cv(cv).split(X, y, groups)
    ]
    for fold, (train, test) in enumerate(splits):
        if not (train.size and test.size):
            raise ValueError(
                "`cv` must give each fold training rows and held-out rows; got "
                f"{train.size} and {test.size} in fold {fold} (counted from 0). "
                "Leave the fold out, or give it rows."
            )
    if not splits:
        raise ValueError("`cv` must give at least one fold; got none. Use an int such as 5.")
    return splits


def check_partition(splits: Splits, n_samples: int) -> None:
    """Raise an error unless the folds hold out every sample exactly once."""
    held_out = np.sort(np.concatenate([test for _, test in splits]))
    if not np.array_equal(held_out, np.arange(n_samples)):
        raise ValueError(
            "`cv` must hold out every sample exactly once; its test sets are no partition of the "
            f"{n_samples} samples. Use a k-fold or leave-one-out splitter, once for each "
            "repetition."
        )


def _rows(selected: Any, n_samples: int) -> np.ndarray:
    """Return the row numbers that a splitter gave as numbers or as a mask."""
    selected = np.asarray(selected)
    try:
        return np.arange(n_samples)[selected if selected.size else []]
    except IndexError as error:
        raise ValueError(
            f"`cv` must give rows as numbers below n_samples={n_samples} or as masks of that "
            f"length; got an array of {selected.dtype} with shape {selected.shape}: {error}. "
            "Split the samples that are passed to `fit`."
        ) from error
