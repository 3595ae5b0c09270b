"""The regression vector of a fitted pipeline, on the channels of the instrument."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from spectral_fast.preprocessing import SavitzkyGolay
from spectral_fast.report._steps import apply, flat_steps

__all__ = ["RegressionVector", "regression_vector"]

#: Preprocessing that, once fitted, treats each spectrum x as x A + b.
_AFFINE = (SavitzkyGolay, StandardScaler)


@dataclasses.dataclass(frozen=True)
class RegressionVector:
    """Prediction as ``intercept + spectrum @ coefficients``.

    Attributes
    ----------
    coefficients : ndarray of shape (n_channels,)
        In units of the target per unit of the spectrum.
    intercept : float
        In units of the target.
    acts_on : str
        ``"raw spectrum"``, or the preprocessing that the spectrum needs first,
        such as ``"spectrum after snv"``.
    """

    coefficients: np.ndarray
    intercept: float
    acts_on: str

    def to_frame(self, channels: Sequence[str]) -> pd.DataFrame:
        """Lay the vector out as a table: the intercept, then one row a channel.

        Parameters
        ----------
        channels : sequence of str, length n_channels
            Channel names.

        Returns
        -------
        frame : DataFrame with columns channel, coefficient, acts_on
            `acts_on` is the same in every row, so that the file needs no comment
            lines, which many programs cannot read.
        """
        return pd.DataFrame(
            {
                "channel": ["intercept", *channels],
                "coefficient": [self.intercept, *self.coefficients],
                "acts_on": self.acts_on,
            }
        )


def regression_vector(
    pipeline: Pipeline, X: np.ndarray, *, fold: bool = True
) -> RegressionVector | None:
    """Return the regression vector of a linear pipeline.

    Preprocessing that is itself linear (Savitzky-Golay, scaling of channels) is
    folded into the vector, as far back from the model as it goes. SNV and MSC
    divide each spectrum by its own scale and cannot be folded: the vector then
    acts on what they return. Channels that are not selected have zeros.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted for one target.
    X : array-like of shape (n_samples, n_channels)
        Raw spectra, for checking that the vector predicts what the pipeline does.
    fold : bool, default=True
        Fold linear preprocessing into the vector.

    Returns
    -------
    vector : RegressionVector or None
        None where the prediction is not linear in the spectra.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from spectral_fast.report import regression_vector
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]])
    >>> pipeline = make_pipeline(LinearRegression()).fit(X, X @ [2.0, 3.0] + 1.0)
    >>> vector = regression_vector(pipeline, X)
    >>> vector.coefficients.round(6), round(vector.intercept, 6), vector.acts_on
    (array([2., 3.]), 1.0, 'raw spectrum')
    """
    *steps, (_, model) = flat_steps(pipeline)
    if not hasattr(model, "coef_") or is_classifier(model):
        return None
    coefficients = np.ravel(model.coef_)
    intercept = apply(model, "predict", np.zeros((1, model.n_features_in_))).item()
    folded = (SelectorMixin, *_AFFINE) if fold else SelectorMixin
    while steps and isinstance(steps[-1][1], folded):
        _, transformer = steps.pop()
        n_channels = transformer.n_features_in_
        offset = apply(transformer, "transform", np.zeros((1, n_channels)))
        matrix = apply(transformer, "transform", np.eye(n_channels)) - offset
        intercept += (offset @ coefficients).item()
        coefficients = matrix @ coefficients

    spectra = np.asarray(X)
    for _, transformer in steps:
        spectra = apply(transformer, "transform", spectra)
    if coefficients.shape != (spectra.shape[1],):
        return None
    expected = np.ravel(apply(pipeline, "predict", X))
    predicted = spectra @ coefficients + intercept
    if not np.allclose(predicted, expected, rtol=0, atol=1e-6 * (np.std(expected) or 1.0)):
        return None  # coefficients behind a link function, for instance
    names = "+".join(name for name, _ in steps)
    return RegressionVector(
        coefficients, intercept, f"spectrum after {names}" if names else "raw spectrum"
    )
