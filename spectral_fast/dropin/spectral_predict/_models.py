"""The application's models: what they predict for held-out samples, and how they fit."""

import importlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import sklearn.cross_decomposition
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, SVR

from spectral_fast import cross_decomposition, kernels
from spectral_fast._validation import components_error
from spectral_fast.cross_decomposition._solver import predict_held_out
from spectral_fast.model_selection._grid_models import Model
from spectral_fast.model_selection._tasks import Job, outcomes
from spectral_fast.model_selection.families import FAMILIES, Matrix, batches_of, made, outputs
from spectral_fast.model_selection.families._boosting_libraries import library_of
from spectral_fast.model_selection.families._elastic_net import ElasticNetFamily
from spectral_fast.model_selection.families._forest import ForestFamily, feature_importances
from spectral_fast.model_selection.families._ridge import RidgeFamily

__all__ = ["Candidate", "Fit", "Group", "Study", "grouped", "message"]

#: What fitting on one thread changes of a booster's parameters.
_OF_THREADS = ("n_jobs", "thread_count", "verbose", "allow_writing_files")

#: The family of any model.
_GENERIC = len(FAMILIES) - 1

#: Up to so many channels may hold fewer components than are asked of them: those at the edges
#: of a derivative. Beyond a singular value of this size, relative to the largest, scikit-learn's
#: components come from rounding errors.
_FEW = 64
_RANK = 1e-10


#: What importances need of a model of partial least squares.
_OF_COMPONENTS = ("x_weights", "x_scores", "x_loadings", "y_loadings")


class Candidate(NamedTuple):
    """A model of the application's grid."""

    name: str
    model: Any
    params: dict[str, Any]  # as the grid tells them


class Study(NamedTuple):
    """What all models of a search have in common."""

    y: np.ndarray  # what models are fitted to: values, or classes from 0
    labels: np.ndarray  # the classes as numbers of the application's own
    n_classes: int  # 0 for a regression
    splits: list[tuple[np.ndarray, np.ndarray]]
    fixed: bool  # whether results are the textbook's
    balance: str | None  # the class weights of the classifier behind PLS
    imbalance: Any  # a transformer, or None

    @property
    def task_type(self) -> str:
        """The application's name for the task."""
        return "classification" if self.n_classes else "regression"


class Fit(NamedTuple):
    """A model that is fitted to all samples, as far as the application asks about it."""

    model: Any  # what its function of importances looks at
    params: dict[str, Any]  # all parameters


class Group:
    """Candidates of one model that are answered together.

    Parameters
    ----------
    study : Study
    candidates : sequence of Candidate
    positions : sequence of int
        Where in the grid of their model they stand.
    """

    #: Whether the held-out outputs are what the application tells of each fold instead.
    gives_metrics = False

    #: Whether fits take little.
    is_linear = False

    #: Whether the folds share work; otherwise each may be asked for by itself.
    takes_all_folds = True

    def __init__(self, study: Study, candidates: Sequence[Candidate], positions: Sequence[int]):
        self.study = study
        self.candidates = list(candidates)
        self.positions = list(positions)
        self.params = [each.model.get_params() for each in self.candidates]

    @property
    def name(self) -> str:
        """The application's name of the model."""
        return self.candidates[0].name

    @property
    def is_reported(self) -> bool:
        """Whether the application tells anything of the fits to all samples."""
        # It looks for the fitted model under another name than that of PLS-DA.
        return self.name != "PLS-DA" or self.study.fixed

    @property
    def gives_chances(self) -> bool:
        """Whether a classification has probabilities."""
        return self.name == "PLS-DA" or hasattr(self.candidates[0].model, "predict_proba")

    def one(self, k: int) -> "Group":
        """Return the group of its k-th candidate alone."""
        return type(self)(self.study, [self.candidates[k]], [self.positions[k]])

    def held_out(self, X: np.ndarray, splits: Sequence[Any]) -> list[Any]:
        """Return the `outputs` of each candidate for the held-out samples, or an error's text."""
        raise NotImplementedError

    def fitted(self, X: np.ndarray, rows: Any = slice(None)) -> list[Fit | None]:
        """Return each candidate, fitted to some samples; None where it cannot be."""
        fits: list[Fit | None] = []
        for candidate in self.candidates:
            try:
                fits.append(_fit(candidate.model, X[rows], self.study.y[rows]))
            except Exception:
                fits.append(None)
        return fits

    def reported(self, fits: list[Fit | None]) -> list[Fit | None]:
        """Return what the application tells of the fits to all samples."""
        return fits


class _FamilyGroup(Group):
    """Candidates that a family of the search answers."""

    def __init__(self, study, candidates, positions):
        super().__init__(study, candidates, positions)
        base, *_ = self.params
        self.estimator = self.candidates[0].model
        self.settings = [
            {name: value for name, value in each.items() if not _same(value, base[name])}
            for each in self.params
        ]
        if isinstance(self.estimator, SVR | SVC):
            # On a kernel of ours the solver would stop elsewhere, within its tolerance.
            self.batches = [(_GENERIC, [k]) for k in range(len(self.settings))]
        else:
            self.batches = batches_of(self.estimator, self.settings)
        self.is_linear = type(self.estimator) is Ridge
        self.takes_all_folds = all(FAMILIES[place].takes_all_folds for place, _ in self.batches)

    def held_out(self, X, splits):
        as_is, contiguous = (
            Matrix(each, self.study.y, splits, self.study.n_classes)
            for each in (X, np.ascontiguousarray(X))
        )
        model = Model(self.name, self.estimator, tuple(self.settings))
        answers: list[Any] = [None] * len(self.settings)
        for place, batch in self.batches:
            job = Job(None, 0, tuple(batch), place)
            # Some other models end elsewhere if sums are rounded in another order.
            matrix = as_is if place == _GENERIC else contiguous
            for position, outcome in outcomes(model, job, matrix, raises=False):
                answers[position] = outcome.error or outcome.held_out
        return answers

    def fitted(self, X, rows=slice(None)):
        fits: list[Fit | None] = [None] * len(self.settings)
        for place, batch in self.batches:
            family = FAMILIES[place]
            settings = [self.settings[position] for position in batch]
            X_train, y_train = X[rows], self.study.y[rows]
            try:
                if isinstance(family, RidgeFamily | ElasticNetFamily):
                    contiguous = np.ascontiguousarray(X_train)
                    importances = family.importances(self.estimator, settings, contiguous, y_train)
                    models = [SimpleNamespace(coef_=each) for each in importances]
                elif isinstance(family, ForestFamily):
                    importances = feature_importances(self.estimator, settings, X_train, y_train)
                    models = [SimpleNamespace(feature_importances_=each) for each in importances]
                else:
                    for k, position in enumerate(batch):
                        fits[position] = self._alone(settings[k], X_train, y_train)
                    continue
            except Exception:
                for position in batch:
                    fits[position] = self._alone(self.settings[position], X_train, y_train)
                continue
            for position, model in zip(batch, models, strict=True):
                fits[position] = Fit(model, self.params[position])
        return fits

    def _alone(self, setting, X, y):
        try:
            return _fit(made(self.estimator, setting), X, y)
        except Exception:
            return None


class _PLSGroup(Group):
    """Partial least squares: a model holds those of fewer components."""

    is_linear = True

    def held_out(self, X, splits):
        counts = [each["n_components"] for each in self.params]
        most = min(X.shape[1], *(len(train) for train, _ in splits))
        possible = [count for count in counts if 1 <= count <= most]
        if not possible:
            return [_too_many(count, most) for count in counts]
        matrix = Matrix(X, self.study.y, splits)
        scale = self.params[0]["scale"]
        wide = X.shape[0] <= X.shape[1]
        try:
            with kernels.one_blas_thread():
                predictions, n_found = predict_held_out(
                    matrix.double,
                    matrix.Y,
                    splits,
                    max(possible),
                    scale=scale,
                    K=matrix.gram if wide and not scale else None,
                )
        except Exception as error:
            return [message(error)] * len(counts)
        if X.shape[1] <= _FEW:
            n_found = np.minimum(n_found, np.linalg.matrix_rank(X - X.mean(axis=0), rtol=_RANK))
        return [
            self._beyond_rank(k, X, splits, predictions[count - 1], n_found)
            if count in possible
            else _too_many(count, most)
            for k, count in enumerate(counts)
        ]

    def _beyond_rank(self, k, X, splits, predictions, n_found):
        """Return the predictions, with components of rounding errors as scikit-learn has them."""
        beyond = n_found < self.params[k]["n_components"]
        if self.study.fixed or not beyond.any():
            return predictions
        predictions = predictions.copy()
        edges = np.cumsum([0, *(len(test) for _, test in splits)])
        for fold in np.flatnonzero(beyond):
            train, test = splits[fold]
            model = sklearn.cross_decomposition.PLSRegression(**self.params[k])
            try:
                found = model.fit(X[train], self.study.y[train]).predict(X[test])
            except Exception as error:
                return message(error)
            predictions[edges[fold] : edges[fold + 1]] = found.reshape(len(test), -1)
        return predictions

    def fitted(self, X, rows=slice(None)):
        X_train, y_train = X[rows], self.study.y[rows]
        counts = [each["n_components"] for each in self.params]
        possible = [count for count in counts if 1 <= count <= min(X_train.shape)]
        if not possible:
            return [None] * len(counts)
        most = max(possible)
        largest = _components(X_train, y_train, most, self.params[0]["scale"])
        found = (largest["x_weights_"] != 0.0).any(axis=0)
        if not found[0] or not (found[-1] or self.study.fixed):
            # Beyond the rank the application has components of rounding errors.
            try:
                model = clone(self.candidates[0].model).set_params(n_components=most)
                largest = vars(model.fit(X_train, y_train))
            except Exception:
                return super().fitted(X, rows)
        return [
            Fit(_first_components(largest, count), params) if count in possible else None
            for count, params in zip(counts, self.params, strict=True)
        ]


class _PLSDAGroup(Group):
    """Scores of partial least squares, and a logistic regression on them."""

    def held_out(self, X, splits):
        answers: list[Any] = []
        transformers: dict[int, Any] = {}  # by fold: scores of the most components
        for params in self.params:
            try:
                answers.append(self._outputs(params, X, splits, transformers))
            except Exception as error:
                answers.append(message(error))
        return answers

    def _outputs(self, params, X, splits, transformers):
        parts = []
        for fold, (train, test) in enumerate(splits):
            if fold not in transformers:
                transformers[fold] = self._scores(X, train, test)
            T_train, T_test = transformers[fold]
            count = params["n_components"]
            if not 1 <= count <= T_train.shape[1]:
                return _too_many(count, min(len(train), X.shape[1]))
            classifier = LogisticRegression(
                max_iter=1000, random_state=42, class_weight=self.study.balance
            )
            classifier.fit(T_train[:, :count], self.study.y[train])
            parts.append(outputs(classifier, T_test[:, :count], self.study.n_classes))
        return np.concatenate(parts)

    def _scores(self, X, train, test):
        most = min(len(train), X.shape[1], max(each["n_components"] for each in self.params))
        transformer = clone(self.candidates[0].model).set_params(n_components=most)
        transformer.fit(X[train], self.study.labels[train])
        return transformer.transform(X[train]), transformer.transform(X[test])

    def fitted(self, X, rows=slice(None)):
        fits: list[Fit | None] = []
        for candidate, params in zip(self.candidates, self.params, strict=True):
            try:
                model = clone(candidate.model).fit(X[rows], self.study.labels[rows])
                fits.append(Fit(model, params))
            except Exception:
                fits.append(None)
        return fits


class _PipedGroup(Group):
    """Models behind a step against imbalance, fitted fold by fold as the application does."""

    gives_metrics = True
    takes_all_folds = False

    def held_out(self, X, splits):
        answers: list[Any] = []
        for candidate in self.candidates:
            try:
                if self.study.fixed and self._takes_weights(candidate):
                    answers.append(self._weighted_pls(candidate, X, splits))
                else:
                    answers.append(self._folds(candidate, X, splits))
            except Exception as error:
                answers.append(message(error))
        return answers

    def _folds(self, candidate, X, splits):
        search = importlib.import_module("spectral_predict.search")
        study = self.study
        y = study.labels if study.n_classes else study.y
        classes = np.unique(y) if study.n_classes > 2 else None
        pipe = self._pipe(candidate)
        return [
            search._run_single_fold(
                pipe, X, y, train, test, study.task_type, study.n_classes == 2, classes
            )
            for train, test in splits
        ]

    def _takes_weights(self, candidate):
        return _is_pls(candidate.model) and hasattr(self.study.imbalance, "sample_weight_")

    def _weighted_pls(self, candidate, X, splits):
        y = self.study.y
        folds = []
        for train, test in splits:
            weights = np.zeros(len(y))
            weights[train] = clone(self.study.imbalance).fit(X[train], y[train]).sample_weight_
            predictions, _ = predict_held_out(
                np.ascontiguousarray(X, dtype=np.float64),
                y[:, np.newaxis],
                [(train, test)],
                candidate.model.n_components,
                weights,
                scale=candidate.model.scale,
            )
            folds.append({"y_pred": predictions[-1, :, 0]})
        return folds

    def _pipe(self, candidate):
        steps = [("imbalance", clone(self.study.imbalance))]
        if candidate.name == "PLS-DA":
            classifier = LogisticRegression(
                max_iter=1000, random_state=42, class_weight=self.study.balance
            )
            steps += [("pls", candidate.model), ("lr", classifier)]
        else:
            steps += [("model", candidate.model)]
        if not hasattr(self.study.imbalance, "fit_resample"):
            return Pipeline(steps)
        return importlib.import_module("imblearn.pipeline").Pipeline(steps)

    def fitted(self, X, rows=slice(None)):
        return grouped(self.study._replace(imbalance=None), self.candidates)[0].fitted(X, rows)

    def reported(self, fits):
        if hasattr(self.study.imbalance, "fit_resample"):
            # The application asks the step for spectra, which it does not give.
            return [each and each._replace(model=None) for each in fits]
        return fits


def grouped(study: Study, candidates: Sequence[Candidate]) -> list[Group]:
    """Return the candidates of one model in groups, those that share their work together."""
    if study.imbalance is not None:
        return [_PipedGroup(study, [each], [k]) for k, each in enumerate(candidates)]
    together: dict[Any, list[int]] = {}
    kind: type[Group] = _FamilyGroup
    for k, (name, model, _) in enumerate(candidates):
        params = model.get_params()
        if name == "PLS-DA":
            del params["n_components"]
            key = (type(model), *params.values())
            kind = _PLSDAGroup
        elif _is_pls(model) and not study.n_classes:
            # With a single target neither the iterations nor their tolerance matter.
            key, kind = (type(model), params["scale"]), _PLSGroup
        else:
            key = (type(model), tuple(params))
        together.setdefault(key, []).append(k)
    return [kind(study, [candidates[k] for k in ks], ks) for ks in together.values()]


def message(error: Exception) -> str:
    """Return what a row says of an error."""
    return f"{type(error).__name__}: {error}"


def _is_pls(model: Any) -> bool:
    """Return whether this is a model of one of the two packages that have it."""
    return isinstance(
        model, cross_decomposition.PLSRegression | sklearn.cross_decomposition.PLSRegression
    )


def _same(value: Any, other: Any) -> bool:
    return value is other or (type(value) is type(other) and bool(value == other))


def _too_many(count: int, most: int) -> str:
    return message(components_error(count, most, of="a training set"))


def _components(X: np.ndarray, y: np.ndarray, count: int, scale: bool) -> dict[str, np.ndarray]:
    """Return what a model of so many components has, without the coefficients of scikit-learn's."""
    target = (y - y.mean())[:, np.newaxis]
    fitted = kernels.nipals(np.ascontiguousarray(X), target, count, scale, 1, 0.0)
    return {f"{name}_": getattr(fitted, name).T for name in _OF_COMPONENTS}


def _first_components(fitted: Mapping[str, np.ndarray], count: int) -> Any:
    """Return what importances need of the model with the first `count` components."""
    return SimpleNamespace(**{f"{name}_": fitted[f"{name}_"][:, :count] for name in _OF_COMPONENTS})


def _fit(estimator: Any, X: np.ndarray, y: np.ndarray) -> Fit:
    """Fit a copy on one thread, and tell its parameters as if that were not so."""
    model = clone(estimator)
    told = model.get_params()
    library = library_of(model)
    if library is not None:
        model = library.alone(model)
    model.fit(X, y)
    # What a fit decides by itself, such as the objective, is told as it is afterwards.
    params = {
        name: told[name] if name in _OF_THREADS else value
        for name, value in model.get_params().items()
        if name in told or name not in _OF_THREADS
    }
    return Fit(model, params)
