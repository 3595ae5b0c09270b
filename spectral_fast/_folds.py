"""The folds that `cv` stands for, as numbers of rows."""

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils import check_random_state, gen_batches

__all__ = ["Splits", "check_partition", "random_training_sets", "split"]

#: Random numbers that are in memory at a time.
_MOST_NUMBERS = 2**20

Splits = Sequence[tuple[np.ndarray, np.ndarray]]


def split(
    cv: Any,
    X: np.ndarray,
    y: np.ndarray,
    groups: Any = None,
    random_state: Any = None,
    *,
    stratified: bool = False,
) -> Splits:
    """Return the training and the held-out rows of each fold.

    `cv` is what scikit-learn takes, but that the folds of an int are shuffled by
    `random_state`; `stratified` ones hold out an equal share of each class in `y`. Where there
    are `groups`, each is held out as a whole.
    """
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        cv = int(cv)
        if cv > len(X):
            raise ValueError(
                f"`cv` must be at most n_samples={len(X)} folds; got {cv}. "
                f"Use {len(X)} or fewer, or add samples."
            )
        if stratified:
            _check_classes(y, cv)
        if groups is None:
            kind = StratifiedKFold if stratified else KFold
        else:
            kind = StratifiedGroupKFold if stratified else GroupKFold
        cv = kind(cv, shuffle=True, random_state=random_state)
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
        remedy = (
            "An iterator can be used once: pass a list of its splits."
            if isinstance(cv, Iterator)
            else "Use an int such as 5."
        )
        raise ValueError(f"`cv` must give at least one fold; got none. {remedy}")
    return splits


def _check_classes(y: np.ndarray, n_folds: int) -> None:
    most = int(np.unique(y, return_counts=True)[1].max())
    if n_folds > most:
        raise ValueError(
            f"`cv` must be at most the number of samples of the largest class in y, {most}; got "
            f"{n_folds} folds. Use fewer folds or more samples, or, if y is a quantity, a "
            "regression."
        )


def check_partition(splits: Splits, n_samples: int) -> None:
    """Raise an error unless the folds hold out every sample exactly once."""
    held_out = np.sort(np.concatenate([test for _, test in splits]))
    if not np.array_equal(held_out, np.arange(n_samples)):
        raise ValueError(
            "`cv` must hold out every sample exactly once; its test sets are no partition of the "
            f"{n_samples} samples. Use a k-fold or leave-one-out splitter, once for each "
            "repetition."
        )


def random_training_sets(
    n_samples: int, n_sets: int, train_size: float, random_state: Any, noun: str = "samples"
) -> np.ndarray:
    """Return random training sets, (n_sets, n_samples) bool, drawn without replacement.

    Each holds the share `train_size` of the samples, or of what else `noun` says. More sets
    leave the first ones as they are.
    """
    n_train = round(train_size * n_samples)
    if not 2 <= n_train < n_samples:
        raise ValueError(
            f"`train_size` must leave from 2 to {n_samples - 1} of the {n_samples} {noun} in a "
            f"training set; got {train_size}, which leaves {n_train}. Use a share such as 0.75, "
            f"or add {noun}."
        )
    random_state = check_random_state(random_state)
    sets = np.empty((n_sets, n_samples), dtype=bool)
    for part in gen_batches(n_sets, max(1, _MOST_NUMBERS // n_samples)):
        numbers = random_state.random_sample(sets[part].shape)
        largest = np.partition(numbers, n_train - 1, axis=1)[:, n_train - 1]
        np.less_equal(numbers, largest[:, np.newaxis], out=sets[part])
    return sets


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
