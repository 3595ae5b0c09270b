"""Families: how candidates that differ only in their parameters are answered together.

A family is a class in a file of its own and an entry of `FAMILIES`. It says which
estimators it serves, which of their candidates it answers together, and what those
predict for the samples that are held out.
"""

from typing import Any

from spectral_fast.model_selection.families._base import (
    Family,
    Matrix,
    Settings,
    made,
    outputs,
)
from spectral_fast.model_selection.families._boosting import BoostingFamily
from spectral_fast.model_selection.families._elastic_net import ElasticNetFamily
from spectral_fast.model_selection.families._forest import ForestFamily
from spectral_fast.model_selection.families._generic import GenericFamily
from spectral_fast.model_selection.families._kernel_methods import KernelFamily
from spectral_fast.model_selection.families._pls import PLSFamily
from spectral_fast.model_selection.families._ridge import RidgeFamily

__all__ = [
    "FAMILIES",
    "Family",
    "GenericFamily",
    "Matrix",
    "Settings",
    "batches_of",
    "made",
    "outputs",
]

#: The first that handles an estimator serves it; the last handles all.
FAMILIES: tuple[Family, ...] = (
    PLSFamily(),
    RidgeFamily(),
    ElasticNetFamily(),
    KernelFamily(),
    ForestFamily(),
    BoostingFamily(),
    GenericFamily(),
)


def batches_of(estimator: Any, settings: Any) -> list[tuple[int, list[int]]]:
    """Return what answers the candidates of an estimator: places in `FAMILIES`, and positions.

    What the estimator's family leaves out goes to the generic one.
    """
    place = next(place for place, each in enumerate(FAMILIES) if each.handles(estimator))
    batches = [(place, batch) for batch in FAMILIES[place].batches(estimator, settings)]
    served = {position for _, batch in batches for position in batch}
    generic = len(FAMILIES) - 1
    batches += [(generic, [each]) for each in range(len(settings)) if each not in served]
    return sorted(batches, key=lambda batch: batch[1][0])
