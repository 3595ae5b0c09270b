"""The search over preprocessing × channels × model."""

import contextlib
import time
from numbers import Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import (
    ClassifierTags,
    RegressorTags,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from spectral_fast._ctrl_c import waiting_ctrl_c
from spectral_fast._folds import split
from spectral_fast._validation import N_JOBS
from spectral_fast.model_selection._classes import numbered
from spectral_fast.model_selection._data import Data, check_data, in_double
from spectral_fast.model_selection._figures import (
    CLASSIFICATION_SCORES,
    REGRESSION_SCORES,
    held_out_of,
)
from spectral_fast.model_selection._grid import Grid, expand_grid
from spectral_fast.model_selection._journal import Journal
from spectral_fast.model_selection._outer import estimate_procedure, outer_splits
from spectral_fast.model_selection._plan import Plan
from spectral_fast.model_selection._progress import Progress
from spectral_fast.model_selection._results import (
    cv_results,
    fitted_pipeline,
    one_se,
    rank,
    ranked_table,
    selection_bias,
)
from spectral_fast.model_selection._run import Run
from spectral_fast.model_selection._summary import PlanSummary, identity, summary
from spectral_fast.model_selection._verdict import check_any, warn_of
from spectral_fast.model_selection._warnings import convergence_apart

__all__ = ["SpectralSearchCV"]

#: MiB that preprocessed spectra may take at a time, by default.
_MEMORY = 1024


class SpectralSearchCV(BaseEstimator):
    """Find the preprocessing, channels and model that predict best, by cross-validation.

    Every combination of a preprocessing chain, a selection of channels, a model and a
    setting of the model's parameters is a candidate. Each candidate's figures equal
    those of cross-validating the scikit-learn Pipeline it stands for on the same
    splits; work that candidates have in common is done once. The best candidate is
    then fitted to all samples.

    Parameters
    ----------
    models : str, estimator, mapping or iterable, default=None
        What predicts: names such as ``"pls"`` and ``"ridge"``, each with a grid of its
        own, any scikit-learn estimator, pairs ``(name, estimator)``, or a mapping of
        names to grids, ``{"pls": {"n_components": range(1, 9)}}``, or estimators. The
        grid language is described in the documentation of the search. None, here and
        in the next three: as the preset `grid` has it.
    preprocessing : str, transformer, mapping or iterable, default=None
        What is done to the spectra first: names such as ``"raw"``, ``"snv"`` and
        ``"sg1"``, chains of them such as ``"snv+sg1"``, scikit-learn transformers.
    selectors : str, selector, mapping or iterable, default=None
        What selects channels: ``"full"`` (all of them), ``"importance"`` (those that matter
        most to the candidate's own model), names such as ``"vip"`` and ``"spa"``,
        scikit-learn selectors.
    n_features : int, "auto" or iterable of these, default=None
        Numbers of channels to select; ``"auto"`` leaves it to the selector. Numbers
        that leave no channel out are skipped.
    grid : {"basic", "quick", "standard", "thorough"}, default="basic"
        The preset for what is None.
    task : {"regression", "classification"}, default="regression"
        What y is.
    scoring : str, default=None
        What ranks candidates. For a regression ``"rmse"``, the default, or ``"mae"``;
        for a classification ``"accuracy"``, the default, ``"balanced_accuracy"``,
        ``"roc_auc"`` (of several classes the mean of each against all others) or
        ``"log_loss"``.
    selector_scope : {"fold", "all"}, default="fold"
        Whether channels are selected in each training set anew, or once on all
        samples. The latter, as most software has it, lets the selection see the
        samples that are held out: the figures are optimistic.
    cv : int, cross-validation splitter or iterable of splits, default=5
        An int is a number of folds, from 2 to n_samples, of shuffled samples, for a
        classification stratified: calibration tables are often sorted, and unshuffled
        folds would extrapolate. A splitter that holds rows out repeatedly counts each
        time; rows that it never holds out do not count. Splits are pairs of training
        and held-out rows, by number or as masks. None means 5.
    outer_cv : int, cross-validation splitter or iterable of splits, default=None
        Folds for an honest estimate of the whole procedure: in each, a search among the
        training samples predicts the others. None makes no such estimate.
    n_jobs : int, default=None
        Number of parallel workers, as in joblib; -1 uses all cores. Results do
        not depend on it, nor on the backend that ``joblib.parallel_config`` names.
    progress : bool, default=False
        Show a progress bar with the best candidate so far and the time left; where the
        standard error is a file, a line every half minute.
    callback : callable, default=None
        Gets a dict after each step: ``done`` and ``total`` count candidates' folds,
        ``best`` is the least loss so far (the error, or 1 less the score), ``elapsed``
        and ``remaining`` are seconds.
    journal : str or path, default=None
        File that keeps the result of every finished task. The same search started again
        goes on from there. It is for the same data, folds and versions only.
    time_limit : float, default=None
        Seconds after which nothing new is started; candidates that are not finished by
        then rank last.
    memory_limit : float, default=None
        MiB that preprocessed spectra may take at a time; those of one preprocessing
        always may. None means 1024.
    error_score : nan or "raise", default=nan
        What becomes of a candidate that fails: with nan its error is recorded, it
        ranks last, and a warning says so; with ``"raise"`` the search stops.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`, and of the models and selectors that are
        given by name.

    Attributes
    ----------
    best_estimator_ : sklearn.pipeline.Pipeline
        The best candidate fitted to all samples: the preprocessing steps, then
        ``"selector"`` where there is one, and ``"model"``.
    best_params_ : dict
        The best candidate's entry of ``cv_results_["params"]``.
    best_score_ : float
        Its score, minus the error for a regression.
    best_index_ : int
        Its position in `cv_results_` and `oof_predictions_`.
    one_se_index_ : int
        Position of the simplest candidate within one standard error of the best: the one
        with the best one's preprocessing, selector and model that has the fewest latent
        variables, then the fewest channels, then the largest penalty.
    selection_bias_ : float
        By how much the best score is too good because it is the best of many, as
        estimated by Tibshirani & Tibshirani (2009) from the folds. NaN where these hold out
        fewer than three samples each.
    optimistic_ : bool
        Whether channels were selected on all samples.
    cv_results_ : dict of ndarrays
        All candidates in the order of the grid, under scikit-learn's keys. Scores
        are those of a fold, minus the error for a regression, ``rank_test_score`` ranks
        as `results_` does, and fit times include prediction. Settings are named
        ``preprocessing``, ``selector``, ``n_features``, ``model`` and
        ``model__<parameter>``.
    results_ : pandas.DataFrame
        All candidates, best first; the index is the position in `cv_results_`.
        See Notes for the columns.
    oof_predictions_ : ndarray of shape (n_candidates, n_samples[, n_targets])
        Out-of-fold predictions in the order of `cv_results_`: a sample is predicted
        by models that did not see it, the mean where there are several. For a
        classification the position in `classes_` that is predicted most often. NaN
        where the sample was never held out or the candidate failed.
    outer_predictions_ : ndarray of shape (n_samples[, n_targets])
        Predictions of the outer folds, where `outer_cv` is given. NaN, as is their score,
        if the search ended early.
    outer_score_ : float
        The score of these, as `best_score_`.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted, for a classification.
    timing_ : dict of str to float
        Seconds spent on preprocessing, selection, each kind of model, orchestration, and
        in all; those of parallel workers are divided by their number.
    stopped_ : str
        Why the search ended early: ``"interrupted"`` by Ctrl-C, ``"time limit"``; or ``""``.
    splits_ : list of (ndarray, ndarray)
        Training and held-out rows of each fold.
    groups_ : ndarray of shape (n_samples,) or None
        The groups of `fit`.
    n_splits_ : int
        Number of folds, repeats included.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    Notes
    -----
    With eᵢ = ŷᵢ - yᵢ over all N held-out predictions of all folds, the columns of
    `results_` are

    - ``rank``: by `rmsecv`, or what `scoring` says; equal candidates rank by fewer
      channels, then fewer latent variables, then their names;
    - ``preprocessing``, ``selector`` (None: no channels are selected),
      ``n_features`` (channels used, the mean over folds that differ), ``model``,
      ``params`` (a dict, the model's setting), ``n_components`` (latent variables,
      missing where there are none);
    - ``rmsecv``: √(Σ eᵢ² / N), in the unit of y;
    - ``rmsecv_se``: its standard error, sd(eᵢ²) / (2 √N rmsecv) by the delta method,
      taking samples as independent;
    - ``r2``: 1 - Σ eᵢ² / Σ (yᵢ - ȳ)²;
    - ``rpd``: sd(y) / rmsecv, with N - 1 in sd;
    - ``bias``: Σ eᵢ / N;
    - for a classification ``accuracy``, ``balanced_accuracy``, ``roc_auc`` and
      ``log_loss`` in place of these five;
    - ``n_not_converged``: the candidate's fits, to select channels and to predict, that warned
      that they ended before they converged (`ConvergenceWarning`);
    - ``status``: ``"done"``, ``"failed"``, or ``"not evaluated"`` where the search ended early;
    - ``error``: None, the type and message of the first exception, or why it was not evaluated;
    - ``seconds``: wall time of fits and predictions over all folds; candidates that
      share a fit share its time equally, and shared preprocessing is not counted.

    Several targets are each divided by their standard deviation first, so that
    their units do not matter: `rmsecv`, `rmsecv_se` and `bias` are then in standard
    deviations, and `r2` is the mean over targets if each sample is held out once.

    The figures of the best candidate are those by which it was chosen, so they
    are somewhat optimistic, the more so the more candidates there are.

    References
    ----------
    Tibshirani, R. J. & Tibshirani, R. (2009). A bias correction for the minimum error
    rate in cross-validation. Annals of Applied Statistics 3, 822-829.
    https://doi.org/10.1214/08-AOAS224

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.model_selection import SpectralSearchCV
    >>> rng = np.random.default_rng(0)
    >>> concentrations = rng.uniform(size=(40, 3))
    >>> spectra = concentrations @ rng.uniform(size=(3, 50))
    >>> search = SpectralSearchCV(models=["pls"], preprocessing=["raw", "snv"])
    >>> search = search.fit(spectra + 1e-6 * rng.normal(size=(40, 50)), concentrations[:, 0])
    >>> search.best_params_
    {'preprocessing': 'raw', 'model': 'pls', 'model__n_components': 3}
    >>> search.results_.columns[7:12].to_list()
    ['rmsecv', 'rmsecv_se', 'r2', 'rpd', 'bias']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "models": "no_validation",  # the grid language has errors of its own
        "preprocessing": "no_validation",
        "selectors": "no_validation",
        "n_features": "no_validation",
        "grid": "no_validation",
        "task": [StrOptions({"regression", "classification"})],
        "scoring": [StrOptions({*REGRESSION_SCORES, *CLASSIFICATION_SCORES}), None],
        "selector_scope": [StrOptions({"fold", "all"})],
        "cv": ["cv_object"],
        "outer_cv": ["cv_object", None],
        "n_jobs": N_JOBS,
        "progress": ["boolean"],
        "callback": [callable, None],
        "journal": [str, PathLike, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "memory_limit": [Interval(Real, 0, None, closed="neither"), None],
        "error_score": [StrOptions({"raise"}), "nan"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        models: Any = None,
        preprocessing: Any = None,
        selectors: Any = None,
        *,
        n_features: Any = None,
        grid: str = "basic",
        task: str = "regression",
        scoring: str | None = None,
        selector_scope: str = "fold",
        cv: Any = 5,
        outer_cv: Any = None,
        n_jobs: int | None = None,
        progress: bool = False,
        callback: Any = None,
        journal: Any = None,
        time_limit: float | None = None,
        memory_limit: float | None = None,
        error_score: Any = np.nan,
        random_state: Any = 0,
    ) -> None:
        self.models = models
        self.preprocessing = preprocessing
        self.selectors = selectors
        self.n_features = n_features
        self.grid = grid
        self.task = task
        self.scoring = scoring
        self.selector_scope = selector_scope
        self.cv = cv
        self.outer_cv = outer_cv
        self.n_jobs = n_jobs
        self.progress = progress
        self.callback = callback
        self.journal = journal
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.error_score = error_score
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)  # the models are the user's own
    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Cross-validate every candidate and fit the best one to all samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values, in the target's unit.
        groups : array-like of shape (n_samples,), default=None
            Passed to the splitter. Folds of an int keep the samples of a group together.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, a spectrum or a target is constant, there
            are fewer samples than folds, a name in `models` or `preprocessing` is
            unknown, the grid has no combination that can be tried, a `class_weight` is for no
            class of y, a fold has no training or no held-out rows, or every candidate fails.
        RuntimeError
            If the time limit ends the search before any candidate is finished.
        KeyboardInterrupt
            If Ctrl-C does; later, what is finished is ranked, and `stopped_` tells. While the
            best candidate is fitted, the first Ctrl-C waits for it.
        JournalError
            If the journal belongs to another search, is in use, damaged, or cannot be opened.

        Warns
        -----
        FitFailedWarning
            If candidates fail.
        ConvergenceWarning
            If candidates did not converge: one warning that counts them.
        UserWarning
            If fits warn in the folds, or the journal can no longer be written: one warning
            that counts them and quotes the first. If the search ends early: one that counts the
            candidates that were not evaluated.
        """
        start = time.monotonic()
        deadline = start + (self.time_limit or np.inf)
        data, grid, plan = self._prepare(X, y, groups)
        outer = outer_splits(self, data)
        held_out = held_out_of(data, data.splits, self.scoring)
        total = len(plan.specs) * plan.n_folds
        with contextlib.ExitStack() as until_fitted:
            with (
                self._journal(plan, data) as journal,
                Progress(total, held_out, self.progress, self.callback) as progress,
            ):
                run = Run(
                    plan,
                    data,
                    n_jobs=self.n_jobs,
                    raises=self.error_score == "raise",
                    journal=journal,
                    deadline=deadline,
                    memory=2.0**20 * (self.memory_limit or _MEMORY),
                    watch=progress.update,
                )
                run.evaluate()
                pressed = until_fitted.enter_context(waiting_ctrl_c())
            candidates, self.oof_predictions_ = run.candidates(held_out, grid)
            self.stopped_ = run.stopped
            check_any(candidates, run.stopped, self.scoring)

            order = rank(candidates)
            best = int(order[0])
            self.splits_ = data.splits
            self.groups_ = data.groups
            self.n_splits_ = plan.n_folds
            self.cv_results_ = cv_results(candidates, order)
            self.results_ = ranked_table(candidates, order)
            self.best_index_ = best
            self.best_params_ = candidates[best].params
            self.best_score_ = held_out.score(candidates[best].figures.loss)
            with convergence_apart() as late:
                self.best_estimator_ = fitted_pipeline(
                    candidates[best], in_double(X), y, data.groups
                )
            warn_of(candidates, run.warnings, run.stopped, best_converged=not late)
            self.one_se_index_ = one_se(candidates, best)
            self.selection_bias_ = selection_bias(candidates, best, held_out.shape[0])
            self.optimistic_ = self.selector_scope == "all" and not all(
                selection.is_full for selection in plan.selections
            )
            self.timing_ = run.timing(time.monotonic() - start)
        self._is_interrupted = run.is_interrupted or bool(pressed)
        if outer:
            estimate_procedure(self, in_double(X), data, outer, deadline)
            self.timing_ |= {
                "outer searches": time.monotonic() - start - self.timing_["wall"],
                "wall": time.monotonic() - start,
            }
        return self

    def plan(self, X: Any, y: Any, *, groups: Any = None) -> PlanSummary:
        """Return what `fit` would do, without doing it.

        Parameters
        ----------
        X, y, groups : array-like
            As in `fit`.

        Returns
        -------
        plan : PlanSummary
            Prints as text: candidates, distinct tasks, what is shared, the estimated time.
        """
        data, _, plan = self._prepare(X, y, groups)
        return summary(plan, data, effective_n_jobs(self.n_jobs))

    def predict(self, X: Any) -> np.ndarray:
        """Predict with the best candidate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row, on the channels of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, in the target's unit.
        """
        check_is_fitted(self, "best_estimator_")  # `plan` sets attributes, too
        return self.best_estimator_.predict(X)

    def score(self, X: Any, y: Any) -> float:
        """Return R² of the best candidate's predictions, or its accuracy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row, on the channels of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Reference values.

        Returns
        -------
        score : float
            1 at best.
        """
        measure = r2_score if self.task == "regression" else accuracy_score
        return measure(y, self.predict(X))

    def _prepare(self, X: Any, y: Any, groups: Any) -> tuple[Data, Grid, Plan]:
        """Return the checked data, the grid in the user's terms, and what is done."""
        spectra, reference = check_data(self, X, y)
        classifies = self.task == "classification"
        splits = split(
            self.cv, spectra, reference, groups, self.random_state, stratified=classifies
        )
        n_classes = len(self.classes_) if classifies else 0
        grid = expand_grid(
            self.grid,
            models=self.models,
            preprocessing=self.preprocessing,
            selectors=self.selectors,
            n_features=self.n_features,
            task=self.task,
            n_samples=min(len(train) for train, _ in splits),
            n_channels=self.n_features_in_,
            random_state=self.random_state,
        )
        in_folds = numbered(grid, self.classes_) if classifies else grid
        plan = Plan(*in_folds, splits, self.selector_scope == "all")
        groups = None if groups is None else np.asarray(groups)
        return Data(spectra, reference, splits, n_classes, groups), grid, plan

    def _journal(self, plan: Plan, data: Data) -> Any:
        """Return the journal, or a context that gives None."""
        if self.journal is None:
            return contextlib.nullcontext()
        description = {
            "candidates": len(plan.specs),
            "preprocessing": ", ".join(chain.name for chain in plan.chains),
            "selectors": ", ".join(selection.name for selection in plan.selections),
            "models": ", ".join(model.name for model in plan.models),
        }
        return Journal(self.journal, identity(data), description=description)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.task == "classification":
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()
        else:
            tags.estimator_type = "regressor"
            tags.regressor_tags = RegressorTags()
            tags.target_tags.multi_output = True
        return tags
