"""Partial least squares discriminant analysis."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, label_binarize
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_fast._validation import components_error
from spectral_fast.cross_decomposition._pls import PLSRegression

__all__ = ["PLSDA"]


class PLSDA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator):
    """Partial least squares discriminant analysis: a classifier on PLS scores.

    The classes are coded as targets of 0 and 1, one for each class, a single one for
    two classes. PLS regression of these on the spectra gives scores that separate the
    classes, and a classifier of scikit-learn assigns samples by their scores.

    Parameters
    ----------
    n_components : int, default=2
        Number of latent variables, from 1 to min(n_samples, n_features).
    scale : bool, default=False
        Whether X and the coded classes are autoscaled; both are always centred.
    classifier : {"lda", "centroid", "logistic"}, default="lda"
        What assigns scores to classes:

        - ``"lda"``: linear discriminant analysis. The priors are the classes' shares of
          the training samples.
        - ``"centroid"``: the nearest class mean, scores being divided by their standard
          deviations within the classes. The priors are equal. Probabilities are those of
          :class:`~sklearn.neighbors.NearestCentroid`: in proportion to exp(-d²) of the
          distance d.
        - ``"logistic"``: logistic regression with scikit-learn's default penalty, on scores
          divided by their standard deviations. The priors are, implicitly, the classes'
          shares of the training samples.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    pls_ : PLSRegression
        The regression of the coded classes, with its diagnostics.
    classifier_ : LinearDiscriminantAnalysis, NearestCentroid or Pipeline
        The classifier, fitted to the scores.
    n_features_in_ : int
        Number of channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels, where X has names that are strings.

    References
    ----------
    Barker, M. & Rayens, W. (2003). Partial least squares for discrimination. Journal of
    Chemometrics 17, 166-173. https://doi.org/10.1002/cem.785

    *Differs from the paper*: the classes are coded as 0 and 1 and only centred, unless
    `scale`, so that large classes weigh more in the scores.

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.cross_decomposition import PLSDA
    >>> from spectral_fast.datasets import load_tecator
    >>> X, content = load_tecator(return_X_y=True)
    >>> fat = np.where(content[:, 1] > 20, "fat", "lean")
    >>> plsda = PLSDA(n_components=5).fit(X[:150], fat[:150])
    >>> plsda.predict(X[150:153])
    array(['lean', 'lean', 'lean'], dtype='<U4')
    >>> round(plsda.score(X[150:], fat[150:]), 2)
    0.98
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "scale": ["boolean"],
        "classifier": [StrOptions({"lda", "centroid", "logistic"})],
    }

    def __init__(
        self, n_components: int = 2, *, scale: bool = False, classifier: str = "lda"
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.classifier = classifier

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Fit the regression and the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, one a row.
        y : array-like of shape (n_samples,)
            Classes: strings or integers.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If `n_components` exceeds min(n_samples, n_features), X holds NaN or infinity,
            or y has fewer than two classes or as many as samples.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"`y` must have at least two classes; got one class: {self.classes_[0]!r}. "
                "Add samples of other classes."
            )
        if self.n_components > min(X.shape):
            raise components_error(self.n_components, min(X.shape))
        coded = label_binarize(y, classes=self.classes_)
        self.pls_ = PLSRegression(self.n_components, scale=self.scale).fit(X, coded)
        self.classifier_ = _make_classifier(self.classifier).fit(self.pls_.x_scores_, y)
        self._n_features_out = self.n_components
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the PLS scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_components)
            One column a latent variable.
        """
        return self._scores(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how much speaks for each class, as the classifier measures it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples, n_classes), or (n_samples,)
            The largest decides. With two classes, positive values speak for
            ``classes_[1]``.
        """
        scores = self._scores(X)
        return self.classifier_.decision_function(scores)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        classes : ndarray of shape (n_samples,)
            Members of `classes_`.
        """
        # NearestCentroid.predict measures distances in another way than its probabilities.
        decision = self.decision_function(X)
        best = (decision > 0).astype(int) if decision.ndim == 1 else decision.argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, on the channels of `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; each row sums to 1.
        """
        scores = self._scores(X)
        return self.classifier_.predict_proba(scores)

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.pls_.transform(X))  # a frame where scikit-learn is set to frames


def _make_classifier(name: str) -> Any:
    if name == "lda":
        return LinearDiscriminantAnalysis()
    if name == "centroid":
        return NearestCentroid()
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
