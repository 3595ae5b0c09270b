"""Partial least squares regression that chooses its number of components."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_fast._folds import Splits, split
from spectral_fast._plotting import new_axes
from spectral_fast._validation import N_JOBS, check_finite, check_finite_targets
from spectral_fast.cross_decomposition._cross_val import pls_cross_val_predict
from spectral_fast.cross_decomposition._pls import PLSRegression

__all__ = ["PLSRegressionCV"]

#: Wold's threshold: another component must bring PRESS below this share of the one before.
_WOLD_R = 0.95


class PLSRegressionCV(PLSRegression):
    """Partial least squares regression with a cross-validated number of components.

    Every number of components from 0, the mean alone, to `max_components` is
    cross-validated in one pass; a rule picks one, from 1 up, and the model is fitted
    with it to all samples. The fitted model is a :class:`PLSRegression`, with all its
    attributes, predictions and diagnostics.

    Parameters
    ----------
    max_components : int, default=20
        Largest number of components considered. No more are than the smallest
        training set has channels, or samples less one.
    cv : int, cross-validation splitter or iterable of splits, default=10
        Must hold out every sample once. An int is a number of folds, from 2 to
        n_samples, of samples shuffled by `random_state`, as in
        :class:`~spectral_fast.model_selection.SpectralSearchCV`. None means 10.
    rule : {"min", "1se", "wold", "randomization"}, default="min"
        How the number of components is picked:

        - ``"min"``: the least error, of equal ones the fewest components;
        - ``"1se"``: the fewest components with an error within one standard error
          (that of the least error) of the least;
        - ``"wold"``: components are added as long as each brings the error sum PRESS
          below 95 % of the one before (Wold's R criterion);
        - ``"randomization"``: the fewest components whose errors are not larger than
          those of ``"min"`` at the significance level `alpha`, by van der Voet's test
          with `n_permutations` random exchanges of the two models' errors.
    scoring : {"rmse", "mae"}, default="rmse"
        The error that the rule looks at: of squared errors, or of absolute errors,
        which gross errors among the reference values disturb less.
    scale : bool, default=False
        Whether X and y are autoscaled, in each training set anew.
    alpha : float, default=0.01
        Significance level of ``rule="randomization"``, between 0 and 1.
    n_permutations : int, default=999
        Number of random exchanges of ``rule="randomization"``.
    n_jobs : int, default=None
        Most threads of the cross-validation: None and -1 use Numba's number, -2 all
        cores but one, and so on. Results do not depend on it.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`, and of ``rule="randomization"``.

    Attributes
    ----------
    n_components_ : int
        The number of components picked, also available as `n_components`.
    rmsecv_ : ndarray of shape (n_counts,) or (n_counts, n_targets)
        RMSECV over all samples, in the unit of y: ``rmsecv_[a]`` is that of `a`
        components, ``rmsecv_[0]`` that of predicting the training mean.
    rmsecv_se_ : ndarray of the shape of `rmsecv_`
        Standard errors of the RMSECV, see Notes.
    oof_predictions_ : ndarray of shape (n_counts, n_samples[, n_targets])
        Held-out predictions, ``oof_predictions_[a]`` with `a` components.

    Notes
    -----
    With the errors eᵢ = ŷᵢ - yᵢ of the N samples, RMSECV = √(Σ eᵢ² / N), and its standard
    error by the delta method, taking samples as independent, is
    sd(eᵢ²) / (2 √N RMSECV). With ``scoring="mae"`` the rule looks at Σ|eᵢ| / N and
    sd(|eᵢ|) / √N.

    The rule looks at several targets together: their errors are divided by the targets'
    standard deviations, and eᵢ² or |eᵢ| is the mean over the targets.

    The RMSECV of the number picked is the one it was picked by, so it is slightly
    optimistic.

    *Differs from the papers*: no rule picks 0 components. Wold (1978) compares PRESS with
    the residual sum of squares of the smaller model; the ratio of successive PRESS and its
    threshold are those of Li et al. (2002).

    References
    ----------
    Wold, S. (1978). Cross-validatory estimation of the number of components in factor
    and principal components models. Technometrics 20, 397-405.
    https://doi.org/10.1080/00401706.1978.10489693

    Li, B., Morris, J. & Martin, E. B. (2002). Model selection for partial least squares
    regression. Chemometrics and Intelligent Laboratory Systems 64, 79-89.
    https://doi.org/10.1016/S0169-7439(02)00051-5

    van der Voet, H. (1994). Comparing the predictive accuracy of models using a simple
    randomization test. Chemometrics and Intelligent Laboratory Systems 25, 313-323.
    https://doi.org/10.1016/0169-7439(94)85050-X

    Hastie, T., Tibshirani, R. & Friedman, J. (2009). The Elements of Statistical
    Learning, 2nd ed., section 7.10 (one standard error). Springer.

    Examples
    --------
    >>> from spectral_fast.cross_decomposition import PLSRegressionCV
    >>> from spectral_fast.datasets import load_gasoline
    >>> X, octane = load_gasoline(return_X_y=True)
    >>> pls = PLSRegressionCV(max_components=10, rule="1se").fit(X, octane)
    >>> pls.n_components_
    3
    >>> pls.rmsecv_[:5].round(3)
    array([1.564, 1.337, 0.409, 0.243, 0.243])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "rule": [StrOptions({"min", "1se", "wold", "randomization"})],
        "scoring": [StrOptions({"rmse", "mae"})],
        "scale": ["boolean"],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        max_components: int = 20,
        *,
        cv: Any = 10,
        rule: str = "min",
        scoring: str = "rmse",
        scale: bool = False,
        alpha: float = 0.01,
        n_permutations: int = 999,
        n_jobs: int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.max_components = max_components
        self.cv = cv
        self.rule = rule
        self.scoring = scoring
        self.scale = scale
        self.alpha = alpha
        self.n_permutations = n_permutations
        self.n_jobs = n_jobs
        self.random_state = random_state

    @property
    def n_components(self) -> int:
        """The number of components picked, under the name it has in `PLSRegression`."""
        return self.n_components_

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Cross-validate all numbers of components and fit the model with the one picked.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter, so that samples of a group stay together.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, there are fewer samples than folds, `cv`
            does not hold out every sample once, or leaves fewer than two to train on.
        """
        spectra, reference = self._validate(X, y)
        random_state = check_random_state(self.random_state)
        cv = 10 if self.cv is None else self.cv
        splits = split(cv, spectra, reference, groups, random_state)

        self.oof_predictions_ = self._cross_validate(spectra, reference, splits)
        errors = self.oof_predictions_ - reference
        self.rmsecv_, self.rmsecv_se_ = _rmse(errors**2)
        self.n_components_ = self._pick(errors, reference, random_state)
        # With the `max_iter` and `tol` that the cross-validation has, too.
        model = PLSRegression(self.n_components_, scale=self.scale).fit(X, y)
        for name, value in vars(model).items():
            if name.startswith("_") or name.endswith("_"):  # not the parameters
                setattr(self, name, value)
        return self

    def fit_transform(self, X: Any, y: Any) -> np.ndarray:
        """Fit the model and return the scores of the spectra.

        Unlike :class:`PLSRegression` it leaves out the scores of y, so that a Pipeline can
        have steps after it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_components_)
            One column a latent variable.
        """
        return self.fit(X, y).transform(X)

    def plot_rmsecv(self, ax: Any = None) -> Any:
        """Plot RMSECV over the number of components, with its standard errors.

        Several targets are drawn relative to the RMSECV of their mean. A dashed line
        marks the number of components picked.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
            The axes that hold the plot.

        Raises
        ------
        ModuleNotFoundError
            If `ax` is None and matplotlib is not installed.
        """
        check_is_fitted(self)
        if ax is None:
            ax = new_axes("plot_rmsecv")
        rmse, se = self.rmsecv_, self.rmsecv_se_
        several = rmse.ndim == 2
        if several:
            rmse, se = rmse / rmse[0], se / rmse[0]
        counts = np.arange(len(rmse))
        columns = zip(rmse.reshape(len(rmse), -1).T, se.reshape(len(se), -1).T, strict=True)
        for target, (curve, bars) in enumerate(columns):
            ax.errorbar(counts, curve, bars, marker="o", capsize=3, label=f"target {target}")
        ax.axvline(self.n_components_, color="0.6", linestyle="--", zorder=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("Latent variables")
        ax.set_ylabel("RMSECV / RMSECV of the mean" if several else "RMSECV")
        if several:
            ax.legend()
        return ax

    def _validate(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        check_consistent_length(X, y)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=2)
        check_finite(X, getattr(self, "feature_names_in_", None))
        check_finite_targets(y)
        return X, check_array(y, input_name="y", dtype=np.float64, ensure_2d=False)

    def _cross_validate(self, X: np.ndarray, y: np.ndarray, splits: Splits) -> np.ndarray:
        """Return the held-out predictions with 0, 1, 2, … components."""
        smallest = min(len(train) for train, _ in splits)
        n_components = max(1, min(self.max_components, smallest - 1, X.shape[1]))
        predictions = pls_cross_val_predict(
            X, y, n_components, cv=splits, scale=self.scale, n_jobs=self.n_jobs
        )
        of_the_mean = np.empty_like(y)
        for train, test in splits:
            of_the_mean[test] = y[train].mean(axis=0)
        return np.concatenate([of_the_mean[None], predictions])

    def _pick(self, errors: np.ndarray, y: np.ndarray, random_state: np.random.RandomState) -> int:
        """Return the number of components by the rule, from errors with 0, 1, 2, … of them."""
        sd = y.std(axis=0, ddof=1)
        relative = errors[1:] / np.where(sd > 0, sd, 1.0)
        losses = relative**2 if self.scoring == "rmse" else np.abs(relative)
        losses = losses.reshape(*losses.shape[:2], -1).mean(axis=2)
        least = int(losses.mean(axis=1).argmin())
        if self.rule == "1se":
            error, se = _rmse(losses) if self.scoring == "rmse" else _mean(losses)
            index = _first(error <= error[least] + se[least])
        elif self.rule == "wold":
            press = losses.sum(axis=1)
            index = _first(np.append(press[1:] >= _WOLD_R * press[:-1], True))
        elif self.rule == "randomization":
            p_values = _randomization_p_values(
                losses[:least] - losses[least], self.n_permutations, random_state
            )
            index = _first(np.append(p_values > self.alpha, True))
        else:
            index = least
        return index + 1


def _first(met: np.ndarray) -> int:
    return int(met.argmax())


def _mean(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the samples, along axis 1, and its standard error."""
    return losses.mean(axis=1), losses.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])


def _rmse(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the root of the mean over the samples, along axis 1, and its standard error."""
    mean, se = _mean(squares)
    rmse = np.sqrt(mean)
    return rmse, np.divide(se, 2 * rmse, out=np.zeros_like(se), where=rmse > 0)


def _randomization_p_values(
    differences: np.ndarray, n_permutations: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the one-sided p-values of van der Voet's test that each row's mean is positive.

    Were two models equally good, each sample's difference of losses would have either
    sign with equal probability.

    Parameters
    ----------
    differences : ndarray of shape (n_models, n_samples)
        Losses of each model less those of the reference model.
    """
    observed = differences.sum(axis=1)
    as_large = np.ones(len(differences))
    for _ in range(n_permutations):
        signs = random_state.choice((-1.0, 1.0), size=differences.shape[1])
        as_large += differences @ signs >= observed
    return as_large / (n_permutations + 1)
