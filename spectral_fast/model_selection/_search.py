"""The search over preprocessing × channels × model."""

import contextlib
import time
import warnings
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_fast._folds import split
from spectral_fast._validation import check_spectra
from spectral_fast.model_selection._grid import (
    expand_models,
    expand_preprocessing,
    expand_selectors,
)
from spectral_fast.model_selection._journal import Journal
from spectral_fast.model_selection._plan import Plan
from spectral_fast.model_selection._progress import Progress
from spectral_fast.model_selection._results import (
    Candidate,
    HeldOut,
    cv_results,
    one_se,
    pipeline_of,
    rank,
    ranked_table,
    selection_bias,
)
from spectral_fast.model_selection._run import Data, Run
from spectral_fast.model_selection._summary import identity, summary

__all__ = ["SpectralSearchCV"]

#: Candidates whose figures are computed together.
_MANY = 500

#: MiB that preprocessed spectra may take at a time, by default.
_MEMORY = 1024


class SpectralSearchCV(RegressorMixin, BaseEstimator):
    """Find the preprocessing and model that predict best, by cross-validation.

    Every combination of a preprocessing chain, a model and a setting of the
    model's parameters is a candidate. Each candidate's figures equal those of
    cross-validating the scikit-learn Pipeline it stands for on the same splits;
    work that candidates have in common is done once. The best candidate is then
    fitted to all samples.

    Parameters
    ----------
    models : str, estimator, mapping or iterable, default=("pls", "ridge")
        What predicts. Names: ``"pls"`` (centres, does not autoscale), ``"ridge"``,
        ``"svr"``, ``"random_forest"``, each with a grid of its own. Any scikit-learn
        regressor is a single candidate, under the name of its class or, as a pair
        ``(name, regressor)``, the name given. In a mapping, one of the names above
        may have a grid, a dict of lists or a list of such dicts, in place of its
        own, ``{"pls": {"n_components": range(1, 9)}}``, and any name a regressor.
    preprocessing : str, transformer, mapping or iterable, \
            default=("raw", "snv", "sg1", "snv+sg1")
        What is done to the spectra first. Names: ``"raw"`` (nothing), ``"snv"``,
        ``"msc"``, and ``"sg0"``, ``"sg1"``, ``"sg2"``: Savitzky-Golay smoothing,
        first and second derivative over 15 channels, quadratic (``"sg2"``: cubic).
        A plus sign chains them: ``"snv+sg1"``. Also any scikit-learn transformer
        or Pipeline of transformers, a pair ``(name, transformer)``, or a mapping
        of names to any of these.
    cv : int, cross-validation splitter or iterable of splits, default=5
        An int is a number of folds, from 2 to n_samples, of shuffled samples:
        calibration tables are often sorted, and unshuffled folds would
        extrapolate. A splitter that holds rows out repeatedly counts each time;
        rows that it never holds out do not count. Splits are pairs of training
        and held-out rows, by number or as masks. None means 5.
    n_jobs : int, default=None
        Number of parallel workers, as in joblib; -1 uses all cores. Results do
        not depend on it.
    progress : bool, default=False
        Show a progress bar with the best RMSECV so far.
    error_score : nan or "raise", default=nan
        What becomes of a candidate that fails: with nan its error is recorded, it
        ranks last, and a warning says so; with ``"raise"`` the search stops.
    random_state : int, RandomState instance or None, default=0
        Seed of the shuffling for an int `cv`, and of ``"random_forest"``.

    Attributes
    ----------
    best_estimator_ : sklearn.pipeline.Pipeline
        The best candidate fitted to all samples: the preprocessing steps, then
        ``"model"``.
    best_params_ : dict
        The best candidate's entry of ``cv_results_["params"]``.
    best_score_ : float
        Minus the RMSECV of the best candidate.
    best_index_ : int
        Its position in `cv_results_` and `oof_predictions_`.
    cv_results_ : dict of ndarrays
        All candidates in the order of the grid, under scikit-learn's keys. Scores
        are minus the RMSE of a fold, ``rank_test_score`` ranks by RMSECV, and fit
        times include prediction. Settings are named ``preprocessing``, ``model``
        and ``model__<parameter>``.
    results_ : pandas.DataFrame
        All candidates, best first; the index is the position in `cv_results_`.
        See Notes for the columns.
    oof_predictions_ : ndarray of shape (n_candidates, n_samples[, n_targets])
        Out-of-fold predictions in the order of `cv_results_`: a sample is predicted
        by models that did not see it, the mean where there are several. NaN where
        the sample was never held out or the candidate failed.
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

    - ``rank``: by `rmsecv`; of equal ones the earlier in the grid leads;
    - ``preprocessing``, ``selector`` (None: no channels are selected),
      ``n_features`` (channels used), ``model``, ``params`` (a dict, the model's
      setting), ``n_components`` (latent variables, missing where there are none);
    - ``rmsecv``: √(Σ eᵢ² / N), in the unit of y;
    - ``rmsecv_se``: its standard error, sd(eᵢ²) / (2 √N rmsecv) by the delta method,
      taking samples as independent;
    - ``r2``: 1 - Σ eᵢ² / Σ (yᵢ - ȳ)²;
    - ``rpd``: sd(y) / rmsecv, with N - 1 in sd;
    - ``bias``: Σ eᵢ / N;
    - ``error``: None, or the type and message of the first exception;
    - ``seconds``: wall time of fits and predictions over all folds; candidates that
      share a fit share its time equally, and shared preprocessing is not counted.

    Several targets are each divided by their standard deviation first, so that
    their units do not matter: `rmsecv`, `rmsecv_se` and `bias` are then in standard
    deviations, and `r2` is the mean over targets if each sample is held out once.

    The figures of the best candidate are those by which it was chosen, so they
    are somewhat optimistic, the more so the more candidates there are.

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

    _parameter_constraints: ClassVar[dict] = {
        "models": "no_validation",  # the grid language has errors of its own
        "preprocessing": "no_validation",
        "selectors": "no_validation",
        "n_features": "no_validation",
        "selector_scope": [StrOptions({"fold", "all"})],
        "cv": ["cv_object"],
        "outer_cv": ["cv_object", None],
        "n_jobs": [Integral, None],
        "progress": ["boolean"],
        "callback": [callable, None],
        "journal": [str, PathLike, None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "memory_limit": [Interval(Real, 0, None, closed="neither"), None],
        "error_score": [StrOptions({"raise"}), np.nan],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        models=("pls", "ridge"),
        preprocessing=("raw", "snv", "sg1", "snv+sg1"),
        selectors=("full",),
        *,
        n_features=(10, 20, 50, 100),
        selector_scope="fold",
        cv=5,
        outer_cv=None,
        n_jobs=None,
        progress=False,
        callback=None,
        journal=None,
        time_limit=None,
        memory_limit=None,
        error_score=np.nan,
        random_state=0,
    ):
        self.models = models
        self.preprocessing = preprocessing
        self.selectors = selectors
        self.n_features = n_features
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
    def fit(self, X, y, groups=None):
        """Cross-validate every candidate and fit the best one to all samples.

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
            The fitted search.

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, a spectrum or a target is constant, there
            are fewer samples than folds, a name in `models` or `preprocessing` is
            unknown, a fold has no training or no held-out rows, or every candidate fails.
        RuntimeError
            If the time limit ends the search before any candidate is finished.
        JournalError
            If the journal belongs to another search, is in use, or cannot be written.

        Warns
        -----
        FitFailedWarning
            If candidates fail.
        UserWarning
            If fits warn in the folds: one warning that counts them and quotes the first.
        """
        start = time.monotonic()
        spectra, reference = self._validate(X, y)
        splits = split(self.cv, spectra, reference, groups, self.random_state)
        plan = self._plan(splits)
        held_out = HeldOut(reference, [test for _, test in splits])
        total = len(plan.specs) * len(splits)
        with (
            self._journal(plan, spectra, reference, splits) as journal,
            Progress(total, held_out, self.progress, self.callback) as progress,
        ):
            run = Run(
                plan,
                Data(spectra, reference, splits, 0),
                n_jobs=self.n_jobs,
                raises=self.error_score == "raise",
                journal=journal,
                deadline=start + (self.time_limit or np.inf),
                memory=2.0**20 * (self.memory_limit or _MEMORY),
                watch=progress.update,
            )
            run.evaluate()
            if journal is not None and not run.stopped:
                journal.finish()
        candidates, self.oof_predictions_ = _candidates(plan, run, held_out)
        self._warn(run, candidates)

        best = rank(candidates)[0]
        self.n_splits_ = len(splits)
        self.cv_results_ = cv_results(candidates)
        self.results_ = ranked_table(candidates)
        self.best_index_ = int(best)
        self.best_params_ = candidates[best].params
        self.best_score_ = -candidates[best].figures.rmsecv
        self.best_estimator_ = pipeline_of(candidates[best]).fit(X, y)
        self.one_se_index_ = one_se(candidates)
        self.selection_bias_ = selection_bias(candidates)
        self.optimistic_ = self.selector_scope == "all" and not all(
            selection.is_full for selection in plan.selections
        )
        self.stopped_ = run.stopped
        if self.outer_cv is not None:
            self._estimate_all(X, y, reference, groups)
        self.timing_ = run.timing(time.monotonic() - start)
        return self

    def plan(self, X, y, groups=None):
        """Return what `fit` would do, without doing it.

        Parameters
        ----------
        X, y, groups
            As in `fit`.

        Returns
        -------
        plan : PlanSummary
            Prints as text: candidates, distinct tasks, what is shared, the estimated time.
        """
        spectra, reference = self._validate(X, y)
        splits = split(self.cv, spectra, reference, groups, self.random_state)
        data = Data(spectra, reference, splits, 0)
        return summary(self._plan(splits), data, effective_n_jobs(self.n_jobs))

    def predict(self, X):
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
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def _validate(self, X, y):
        spectra, y = validate_data(
            self,
            X,
            y,
            validate_separately=(
                {
                    "dtype": (np.float64, np.float32),
                    "order": "C",  # sums depend on the order, and workers get a copy in C's
                    "ensure_all_finite": False,
                    "ensure_min_samples": 2,
                },
                {
                    "dtype": np.float64,
                    "order": "C",
                    "ensure_2d": False,
                    "ensure_all_finite": False,
                },
            ),
        )
        check_consistent_length(spectra, y)
        check_spectra(spectra, y, channel_names=getattr(self, "feature_names_in_", None))
        return spectra, y

    def _plan(self, splits) -> Plan:
        smallest = min(len(train) for train, _ in splits)
        return Plan(
            expand_preprocessing(self.preprocessing),
            expand_selectors(self.selectors, self.n_features, self.n_features_in_),
            expand_models(
                self.models,
                max_components=min(smallest - 1, self.n_features_in_),  # centring costs a rank
                random_state=self.random_state,
            ),
            splits,
            self.selector_scope == "all",
        )

    def _journal(self, plan, X, y, splits) -> Any:
        """Return the journal, or a context that gives None."""
        if self.journal is None:
            return contextlib.nullcontext()
        description = {
            "candidates": len(plan.specs),
            "preprocessing": ", ".join(chain.name for chain in plan.chains),
            "selectors": ", ".join(selection.name for selection in plan.selections),
            "models": ", ".join(model.name for model in plan.models),
        }
        return Journal(self.journal, identity(plan, X, y, splits), description=description)

    def _warn(self, run: Run, candidates: list[Candidate]) -> None:
        """Warn of what went wrong; raise an error if nothing went well."""
        if run.warnings:
            warnings.warn(
                f"Warnings while cross-validating: {len(run.warnings)}. The first: "
                f"{run.warnings[0]}",
                stacklevel=4,  # the caller of fit, beyond its decorator
            )
        errors = [each.error for each in candidates if each.error]
        if len(errors) == len(candidates):
            if run.stopped:
                raise RuntimeError(
                    f"No candidate was finished before the end of the search ({run.stopped}). "
                    "Give it more time, or a smaller grid."
                )
            raise ValueError(f"All {len(errors)} candidates failed. The first: {errors[0]}")
        if errors:
            warnings.warn(
                f"{len(errors)} of {len(candidates)} candidates failed and rank last; "
                f"`results_['error']` tells why. The first: {errors[0]}",
                FitFailedWarning,
                stacklevel=4,  # the caller of fit, beyond its decorator
            )

    def _estimate_all(self, X, y, reference, groups) -> None:
        """Predict samples that the whole procedure, choices included, has not seen."""
        groups = None if groups is None else np.asarray(groups)
        splits = split(self.outer_cv, reference, reference, groups, self.random_state)
        squares = []
        self.outer_predictions_ = np.full(reference.shape, np.nan)
        for number, (train, test) in enumerate(splits):
            search = clone(self).set_params(outer_cv=None)
            if self.journal is not None:
                search.set_params(journal=f"{fspath(self.journal)}.outer{number}")
            of_train = None if groups is None else groups[train]
            search.fit(_safe_indexing(X, train), reference[train], of_train)
            predictions = search.predict(_safe_indexing(X, test))
            self.outer_predictions_[test] = predictions
            squares.append((predictions - reference[test]) ** 2)
        self.outer_rmsep_ = np.sqrt(np.concatenate(squares).mean(axis=0))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _candidates(plan: Plan, run: Run, held_out: HeldOut) -> tuple[list[Candidate], np.ndarray]:
    """Return all candidates in the order of the grid, and their out-of-fold predictions."""
    candidates: list[Candidate] = []
    out_of_fold = []
    for start in range(0, len(plan.specs), _MANY):
        specs = plan.specs[start : start + _MANY]
        outcomes = [run.outcome(spec) for spec in specs]
        nothing = np.full(held_out.shape, np.nan)
        predictions = np.stack(
            [nothing if each.held_out is None else each.held_out for each in outcomes]
        )
        out_of_fold.append(held_out.out_of_fold(predictions))
        figures = held_out.figures(predictions)
        for spec, outcome, figure in zip(specs, outcomes, figures, strict=True):
            model = plan.models[spec.model]
            candidates.append(
                Candidate(
                    plan.chains[spec.chain],
                    plan.selections[spec.selection],
                    spec.size,
                    run.n_features(spec),
                    model,
                    model.settings[spec.position],
                    figure,
                    outcome.seconds,
                    outcome.error,
                )
            )
    return candidates, np.concatenate(out_of_fold)
