"""Partial least squares regression."""

import warnings
from typing import Any, Self

import numpy as np
from scipy.linalg import pinv
from sklearn import cross_decomposition
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from spectral_fast import kernels
from spectral_fast.cross_decomposition._diagnostics import PLSDiagnosticsMixin

#: Where warnings point: the caller of `fit`, beyond its decorator and `_warn`.
_CALLER = 4


class PLSRegression(PLSDiagnosticsMixin, cross_decomposition.PLSRegression):
    """Partial least squares regression: scikit-learn's, with a compiled `fit`.

    Signature, attributes, methods, warnings and errors are those of
    :class:`sklearn.cross_decomposition.PLSRegression`, of which this is a
    subclass; the fitted arrays agree within rounding. What differs is the time, and
    what happens where X has too little to give. Beyond its rank scikit-learn fits
    components to rounding errors, while here they are zero, with a warning; and where
    all channels are constant the error says so. The methods that chemists judge a
    model and its samples by are added.

    Parameters
    ----------
    n_components : int, default=2
        Number of latent variables, from 1 to min(n_samples, n_features).
    scale : bool, default=True
        Whether X and y are autoscaled; spectra are often better without.
    max_iter : int, default=500
        Most iterations of the power method for one component, with several targets.
    tol : float, default=1e-6
        The power method stops where the squared change of the weights is less.
    copy : bool, default=True
        If False, X and y may be centred and scaled in place.

    Attributes
    ----------
    x_weights_, x_loadings_, x_rotations_ : ndarray of shape (n_features, n_components)
        Weights, loadings, and the matrix that takes centred X to its scores.
    y_weights_, y_loadings_, y_rotations_ : ndarray of shape (n_targets, n_components)
        The same for y.
    x_scores_, y_scores_ : ndarray of shape (n_samples, n_components)
        Scores of the training samples.
    coef_ : ndarray of shape (n_targets, n_features)
        Regression coefficients for centred X in its own unit.
    intercept_ : ndarray of shape (n_targets,)
        Mean of y.
    n_iter_ : list of int
        Iterations of the power method, component by component.
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels seen in `fit`, where they were strings.

    References
    ----------
    Wold, S., Sjöström, M. & Eriksson, L. (2001). PLS-regression: a basic tool of
    chemometrics. Chemometrics and Intelligent Laboratory Systems 58, 109-130.
    https://doi.org/10.1016/S0169-7439(01)00155-1

    Examples
    --------
    >>> from spectral_fast.cross_decomposition import PLSRegression
    >>> from spectral_fast.datasets import load_gasoline
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> pls = PLSRegression(n_components=3, scale=False).fit(X[:50], octane[:50])
    >>> round(pls.score(X[50:], octane[50:]), 2)
    0.98
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If `n_components` exceeds min(n_samples, n_features), X or y hold NaN or
            infinity, or every channel is constant.
        """
        check_consistent_length(X, y)
        in_place = {"force_writeable": not self.copy}
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, **in_place)
        y = check_array(y, input_name="y", dtype=np.float64, ensure_2d=False, **in_place)
        self._predict_1d = y.ndim == 1
        Y = y.reshape(-1, 1) if self._predict_1d else y
        largest = min(X.shape)
        if self.n_components > largest:
            raise ValueError(
                f"`n_components` upper bound is {largest}. "
                f"Got {self.n_components} instead. Reduce `n_components`."
            )

        self._y_mean = Y.mean(axis=0)
        Y_centred = Y - self._y_mean
        self._y_std = np.ones(Y.shape[1])
        if self.scale:
            self._y_std = Y_centred.std(axis=0, ddof=1)
            self._y_std[self._y_std == 0.0] = 1.0
            Y_centred /= self._y_std
        fitted = kernels.nipals(
            np.ascontiguousarray(X),
            Y_centred,
            self.n_components,
            self.scale,
            self.max_iter,
            float(self.tol),
        )
        if fitted.n_iter[0] < 0:
            raise ValueError(
                "X must vary over the samples; every channel is constant. Pass samples that differ."
            )
        self._x_mean, self._x_std = fitted.x_mean, fitted.x_std
        if not self.copy:
            X -= self._x_mean
            X /= self._x_std
            Y[:] = Y_centred

        self._norm_y_weights = False  # read by scikit-learn for the canonical variants
        self.x_weights_, self.y_weights_ = fitted.x_weights.T, fitted.y_weights.T
        self.x_loadings_, self.y_loadings_ = fitted.x_loadings.T, fitted.y_loadings.T
        self._x_scores, self._y_scores = fitted.x_scores.T, fitted.y_scores.T
        self.x_scores_, self.y_scores_ = self._x_scores, self._y_scores
        self.n_iter_ = [int(n_iter) for n_iter in fitted.n_iter if n_iter > 0]
        self._warn(fitted.n_iter)

        self.x_rotations_ = _rotations(self.x_weights_, self.x_loadings_)
        self.y_rotations_ = _rotations(self.y_weights_, self.y_loadings_)
        self.coef_ = (self.x_rotations_ @ fitted.y_loadings * self._y_std).T / self._x_std
        self.intercept_ = self._y_mean
        self._n_features_out = self.n_components
        return self

    def _warn(self, n_iter: np.ndarray) -> None:
        """Warn of components that did not converge, and of those that there are not.

        `n_iter` holds the iterations of each component: 0 where y, and less where X had no
        more to give.
        """
        for _ in range(self.n_iter_.count(self.max_iter)):
            warnings.warn(
                "Maximum number of iterations reached",
                ConvergenceWarning,
                stacklevel=_CALLER,
            )
        n_found = len(self.n_iter_)
        if n_found < self.n_components:
            message = f"y residual is constant at iteration {n_found}"
            if n_iter[n_found] < 0:
                message = (
                    f"X has only {n_found} components that covary with y; the other "
                    f"{self.n_components - n_found} are zero and change no prediction"
                )
            warnings.warn(message, stacklevel=_CALLER)


def _rotations(weights: np.ndarray, loadings: np.ndarray) -> np.ndarray:
    """Return the matrix that takes centred data to their scores."""
    return weights @ pinv(loadings.T @ weights, check_finite=False)
