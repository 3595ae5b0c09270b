"""What the row-wise transformers share."""

from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_fast._validation import check_finite, needs_no_conversion

_DTYPES = (np.float64, np.float32)


class RowTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A transformer that treats each spectrum by itself.

    A subclass writes the result for validated C-contiguous `X` in `_apply` and,
    where it learns something from the calibration set, extends `_learn`.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the spectra, and learn what the method needs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter does not suit the spectra, or X holds NaN or infinity.
        """
        self._learn(self._validate(X, reset=True))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Do what `fit` and `transform` do, with one check of the spectra.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : None
            Ignored.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            The treated spectra.
        """
        X = self._validate(X, reset=True)
        self._learn(X)
        return self._treated(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return the treated spectra.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row; float32 stays float32, everything else becomes float64.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features)
            A new array; X is not changed.

        Raises
        ------
        ValueError
            If X has another number of channels than in `fit`, or holds NaN or infinity.
        """
        self._check_ready()
        return self._treated(self._validate(X, reset=False))

    def _validate(self, X: Any, reset: bool) -> np.ndarray:
        X = validate_data(
            self,
            X,
            reset=reset,
            skip_check_array=needs_no_conversion(X, _DTYPES),
            dtype=_DTYPES,
            order="C",
            ensure_all_finite=False,
        )
        check_finite(X, getattr(self, "feature_names_in_", None))
        return X

    def _treated(self, X: np.ndarray) -> np.ndarray:
        out = np.empty_like(X)
        self._apply(X, out)
        return out

    def _check_ready(self) -> None:
        """Raise an error where `transform` cannot run."""
        check_is_fitted(self)

    def _learn(self, X: np.ndarray) -> None:
        """Check the parameters against `X`; a method with a state sets it here."""

    def _apply(self, X: np.ndarray, out: np.ndarray) -> None:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class StatelessRowTransformer(RowTransformer):
    """A row transformer that learns nothing, so that `transform` works without `fit`."""

    def _check_ready(self) -> None:
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()  # which only `fit` does otherwise

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
