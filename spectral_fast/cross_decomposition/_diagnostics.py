"""What a fitted PLS model tells of its components, its channels and its samples."""

from numbers import Real
from typing import Any

import numpy as np
from scipy import stats
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["PLSDiagnosticsMixin", "box_limit"]


class PLSDiagnosticsMixin:
    """Diagnostics of a fitted PLS regression.

    Methods that judge samples take their spectra: of the training samples, or of
    others. All compute in the units of the fit: X and Y less the training means and,
    where the model scales, divided by the training standard deviations. T are scores,
    P and Q loadings of X and Y, W weights. A component that explains nothing, as after
    Y is exhausted, counts as nothing everywhere.

    Examples
    --------
    >>> from spectral_fast.cross_decomposition import PLSRegression
    >>> from spectral_fast.datasets import load_gasoline
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> pls = PLSRegression(n_components=3, scale=False).fit(X[:50], octane[:50])
    >>> pls.explained_variance_x(X[:50]).cumsum().round(2)
    array([0.78, 0.86, 0.93])
    >>> new = X[50:]
    >>> (pls.hotelling_t2(new) > pls.hotelling_t2_limit(alpha=0.01)).sum()
    np.int64(0)
    """

    # fitted by the estimator
    x_weights_: np.ndarray
    x_loadings_: np.ndarray
    y_loadings_: np.ndarray
    x_rotations_: np.ndarray
    x_scores_: np.ndarray
    coef_: np.ndarray
    _x_mean: np.ndarray
    _x_std: np.ndarray
    _y_mean: np.ndarray
    _y_std: np.ndarray

    def explained_variance_x(self, X: Any) -> np.ndarray:
        """Return the share of the spectra's variance that each component explains.

        By component a the residual sum of squares of X falls from Σ‖x - P t‖² over the
        first a - 1 components to that over the first a, as a share of Σ‖x‖². For the
        training samples that is t'ₐtₐ p'ₐpₐ / Σ‖x‖². The cumulative share is
        ``explained_variance_x(X).cumsum()``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra: the training samples, or others to validate with.

        Returns
        -------
        shares : ndarray of shape (n_components,)
            For the training samples each share and their sum are from 0 to 1; for
            others a share may be negative.
        """
        centred = self._centred(X)
        return _explained_shares(centred, centred @ self.x_rotations_, self.x_loadings_)

    def explained_variance_y(self, X: Any, y: Any) -> np.ndarray:
        """Return the share of the targets' variance that each component explains.

        The same as `explained_variance_x` for y and its predictions, all targets
        together. For the training samples and one target the cumulative share,
        ``explained_variance_y(X, y).cumsum()``, is R² of calibration.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra: the training samples, or others to validate with.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their reference values.

        Returns
        -------
        shares : ndarray of shape (n_components,)
            For the training samples each share and their sum are from 0 to 1; for
            others a share may be negative.

        Raises
        ------
        ValueError
            If y has another number of samples than X, or of targets than in `fit`.
        """
        scores = self._centred(X) @ self.x_rotations_
        y = check_array(y, input_name="y", dtype=np.float64, ensure_2d=False)
        check_consistent_length(X, y)
        Y = y.reshape(len(y), -1)
        if Y.shape[1] != len(self._y_mean):
            raise ValueError(
                f"`y` must have the {len(self._y_mean)} targets seen in `fit`; got {Y.shape[1]}. "
                "Pass the targets that the model predicts, in their order."
            )
        return _explained_shares((Y - self._y_mean) / self._y_std, scores, self.y_loadings_)

    def vip(self) -> np.ndarray:
        """Return the variable importance in projection of each channel.

        VIPⱼ = √(p Σₐ SSₐ wⱼₐ² / Σₐ SSₐ) with unit weights wₐ, p channels, and
        SSₐ = t'ₐtₐ q'ₐqₐ the sum of squares that component a explains of Y, all
        targets together. The mean of VIP² over the channels is 1, so channels above
        1 count as important.

        Returns
        -------
        vip : ndarray of shape (n_features,)
            Never negative; the mean of the squares is 1.

        References
        ----------
        Wold, S., Johansson, E. & Cocchi, M. (1993). PLS: partial least squares
        projections to latent structures. In: 3D QSAR in Drug Design, 523-550.
        Chong, I.-G. & Jun, C.-H. (2005). Performance of some variable selection
        methods when multicollinearity is present. Chemometrics and Intelligent
        Laboratory Systems 78, 103-112. https://doi.org/10.1016/j.chemolab.2004.12.011

        Examples
        --------
        >>> from spectral_fast.cross_decomposition import PLSRegression
        >>> from spectral_fast.datasets import load_gasoline
        >>> data = load_gasoline()
        >>> vip = PLSRegression(n_components=3, scale=False).fit(data.data, data.target).vip()
        >>> float(data.wavelengths[vip.argmax()])
        1206.0
        """
        check_is_fitted(self)
        explained = self._score_squares() * _column_squares(self.y_loadings_)
        shares = _ratio(explained, explained.sum())
        return np.sqrt(len(self.x_weights_) * (self.x_weights_**2 @ shares))

    def selectivity_ratio(self, X: Any) -> np.ndarray:
        """Return the selectivity ratio of each channel, for each target.

        X is projected on the target's regression vector b: the score t = X b explains
        (x'ⱼt)² / t't of channel j's sum of squares, and the ratio is that part over the
        rest. It is infinite where nothing is left, and 0 in a constant channel.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as a rule the training samples.

        Returns
        -------
        ratio : ndarray of shape (n_targets, n_features)
            In the order of `coef_`.

        References
        ----------
        Rajalahti, T. et al. (2009). Biomarker discovery in mass spectral profiles by
        means of selectivity ratio plot. Chemometrics and Intelligent Laboratory
        Systems 95, 35-48. https://doi.org/10.1016/j.chemolab.2008.08.004
        """
        centred = self._centred(X)
        projected = centred @ (self.coef_ * self._x_std).T
        explained = _ratio((projected.T @ centred) ** 2, _column_squares(projected)[:, None])
        squares = _column_squares(centred)
        rest = squares - explained
        rest[rest <= len(centred) * np.finfo(np.float64).eps * squares] = 0.0  # is rounding
        with np.errstate(divide="ignore"):
            return np.divide(explained, rest, out=np.zeros_like(rest), where=explained > 0.0)

    def hotelling_t2(self, X: Any) -> np.ndarray:
        """Return Hotelling's T² of each spectrum: its distance from the mean, in the model.

        T² = Σₐ tₐ² / s²ₐ, where s²ₐ = t'ₐtₐ / (n - 1) is the variance of the n
        training samples' scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, training samples or new ones.

        Returns
        -------
        t2 : ndarray of shape (n_samples,)
            Never negative, without a unit.
        """
        return self._score_leverage(X) * (len(self.x_scores_) - 1)

    def hotelling_t2_limit(self, alpha: float = 0.05) -> float:
        """Return the T² that a new sample exceeds with probability `alpha`.

        A (n² - 1) / (n (n - A)) F₁₋ₐ(A, n - A), for n training samples and A
        components, scores being normally distributed.

        Parameters
        ----------
        alpha : float, default=0.05
            Share of good samples beyond the limit, between 0 and 1.

        Returns
        -------
        limit : float
            T² beyond it marks an unusual spectrum.

        Raises
        ------
        ValueError
            If the model has as many components as training samples.

        References
        ----------
        Tracy, N. D., Young, J. C. & Mason, R. L. (1992). Multivariate control charts
        for individual observations. Journal of Quality Technology 24, 88-95.
        https://doi.org/10.1080/00224065.1992.12015232
        """
        check_is_fitted(self)
        alpha = _checked_alpha(alpha)
        n_samples = len(self.x_scores_)
        count = np.count_nonzero(self._score_squares())
        if count >= n_samples:
            raise ValueError(
                f"The T² limit needs more samples than components; got {n_samples} samples "
                f"and {count} components. Use fewer components, or add samples."
            )
        factor = count * (n_samples**2 - 1) / (n_samples * (n_samples - count))
        return float(factor * stats.f.isf(alpha, count, n_samples - count)) if count else 0.0

    def q_residuals(self, X: Any) -> np.ndarray:
        """Return the Q residual of each spectrum: its squared distance from the model.

        Q = Σⱼ eⱼ² with e = x - P t, in the units of the fit. Also called SPE.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, training samples or new ones.

        Returns
        -------
        q : ndarray of shape (n_samples,)
            In the squared unit of X, autoscaled if `scale`.
        """
        return _row_squares(self._residuals(self._centred(X)))

    def q_limit(self, X: Any, alpha: float = 0.05) -> float:
        """Return the Q residual that a sample like the given ones exceeds with `alpha`.

        g χ²₁₋ₐ(h) with g = v / 2m and h = 2m² / v, where m and v are the mean and the
        variance of the samples' Q residuals: Box's approximation of a sum of squares.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra of two or more good samples. The model fits its training samples
            better than new ones, the more so the fewer they are: with these the limit
            is too strict for new samples, and samples that took no part are better.
        alpha : float, default=0.05
            Share of good samples beyond the limit, between 0 and 1.

        Returns
        -------
        limit : float
            Q beyond it marks an unusual spectrum.

        References
        ----------
        Box, G. E. P. (1954). Some theorems on quadratic forms applied in the study
        of analysis of variance problems, I. Annals of Mathematical Statistics 25,
        290-302. https://doi.org/10.1214/aoms/1177728786
        Nomikos, P. & MacGregor, J. F. (1995). Multivariate SPC charts for monitoring
        batch processes. Technometrics 37, 41-59.
        https://doi.org/10.1080/00401706.1995.10485888
        """
        alpha = _checked_alpha(alpha)
        return box_limit(
            _row_squares(self._residuals(self._centred(X, ensure_min_samples=2))), alpha
        )

    def leverage(self, X: Any) -> np.ndarray:
        """Return the leverage of each spectrum, the mean's included.

        h = 1/n + Σₐ tₐ² / t'ₐtₐ = 1/n + T² / (n - 1), with n training samples. Over
        these it sums to 1 + n_components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, training samples or new ones.

        Returns
        -------
        h : ndarray of shape (n_samples,)
            From 0, without a unit.

        References
        ----------
        Martens, H. & Næs, T. (1989). Multivariate Calibration. Wiley, section 4.4.
        """
        return self._score_leverage(X) + 1 / len(self.x_scores_)

    def _centred(self, X: Any, **checks: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False, **checks)
        return (X - self._x_mean) / self._x_std

    def _residuals(self, centred: np.ndarray) -> np.ndarray:
        return centred - centred @ self.x_rotations_ @ self.x_loadings_.T

    def _score_squares(self) -> np.ndarray:
        """Return t't of each component, over the training samples."""
        return _column_squares(self.x_scores_)

    def _score_leverage(self, X: Any) -> np.ndarray:
        scores = self._centred(X) @ self.x_rotations_
        return _ratio(scores**2, self._score_squares()).sum(axis=1)


def box_limit(q: np.ndarray, alpha: float) -> float:
    """Return the value that Q residuals like these exceed with probability `alpha`."""
    mean, variance = q.mean(), q.var(ddof=1)
    if variance == 0.0:
        return float(mean)
    return float(variance / (2 * mean) * stats.chi2.isf(alpha, 2 * mean**2 / variance))


def _explained_shares(centred: np.ndarray, scores: np.ndarray, loadings: np.ndarray) -> np.ndarray:
    """Return the share of the sum of squares that falls away with each component."""
    residuals = centred.copy()
    squares = [np.vdot(residuals, residuals)]
    for score, loading in zip(scores.T, loadings.T, strict=True):
        residuals -= np.outer(score, loading)
        squares.append(np.vdot(residuals, residuals))
    return _ratio(-np.diff(squares), squares[0])


def _row_squares(array: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", array, array)


def _column_squares(array: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->j", array, array)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=np.not_equal(whole, 0.0))


def _checked_alpha(alpha: Any) -> float:
    if not isinstance(alpha, Real) or not 0 < float(alpha) < 1:
        raise ValueError(
            f"`alpha` must be a number between 0 and 1; got {alpha!r}. Use 0.05 for a limit "
            "that one in 20 good samples exceeds."
        )
    return float(alpha)
