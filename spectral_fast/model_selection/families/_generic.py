"""Any scikit-learn estimator: a fit for each candidate and fold."""

from typing import Any

import numpy as np

from spectral_fast.model_selection._warnings import of_candidate
from spectral_fast.model_selection.families._base import Family, Matrix, Settings, made, outputs

__all__ = ["GenericFamily"]


class GenericFamily(Family):
    """A fit for each candidate and fold, for any estimator."""

    takes_all_folds = False

    def handles(self, estimator: Any) -> bool:
        return True

    def batches(self, estimator: Any, settings: Settings) -> list[list[int]]:
        return [[position] for position in range(len(settings))]

    def predict(self, estimator: Any, settings: Settings, matrix: Matrix) -> list[np.ndarray]:
        answers = []
        for number, setting in enumerate(settings):
            parts = []
            for train, test in matrix.splits:
                with of_candidate(number):
                    model = made(estimator, setting).fit(matrix.X[train], matrix.y[train])
                parts.append(outputs(model, matrix.X[test], matrix.n_classes))
            answers.append(np.concatenate(parts))
        return answers
