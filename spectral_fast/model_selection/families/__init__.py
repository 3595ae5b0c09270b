"""Families: how candidates that differ only in their parameters are answered together.

A family is a class in a file of its own and an entry of `FAMILIES`. It says which
estimators it serves, which of their candidates it answers together, and what those
predict for the samples that are held out.
"""

from typing import Any

from spectral_fast.model_selection.families._base import Family, Matrix, made, outputs
from spectral_fast.model_selection.families._generic import GenericFamily
from spectral_fast.model_selection.families._pls import PLSFamily
from spectral_fast.model_selection.families._ridge import RidgeFamily

__all__ = ["FAMILIES", "Family", "GenericFamily", "Matrix", "batches_of", "made", "outputs"]

#: The first that handles an estimator serves it; the last handles all.
FAMILIES: tuple[Family, ...] = (PLSFamily(), RidgeFamily(), GenericFamily())


def batches_of(estimator: Any, settings: Any) -> list[tuple[Family, list[int]]]:
    """Return the families that answer the candidates of an estimator, each with its positions.

    What the estimator's family leaves out goes to the generic one.
    """
    family = next(family for family in FAMILIES if family.handles(estimator))
    batches = [(family, batch) for batch in family.batches(estimator, settings)]
    served = {position for _, batch in batches for position in batch}
    generic = FAMILIES[-1]
    batches += [(generic, [each]) for each in range(len(settings)) if each not in served]
    return sorted(batches, key=lambda batch: batch[1][0])
