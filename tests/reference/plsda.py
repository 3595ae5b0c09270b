"""PLS discriminant analysis: scikit-learn's PLS on coded classes, and classifiers on its scores."""

import numpy as np
from scipy.special import softmax
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression


def plsda(X, y, new, n_components, classifier, *, scale=False):
    """Return the scores and the class probabilities of new samples."""
    classes = sorted(set(y))
    coded = np.array([[float(label == each) for each in classes] for label in y])
    pls = PLSRegression(n_components, scale=scale).fit(X, coded)
    training, scores = pls.transform(X), pls.transform(new)
    probabilities = {"lda": lda, "centroid": centroid, "logistic": logistic}[classifier]
    return scores, probabilities(training, np.asarray(y), scores, classes)


def lda(training, y, scores, classes):
    model = LinearDiscriminantAnalysis(priors=[np.mean(y == each) for each in classes])
    return model.fit(training, y).predict_proba(scores)


def centroid(training, y, scores, classes):
    means = [training[y == each].mean(axis=0) for each in classes]
    within = sum(
        ((training[y == each] - mean) ** 2).sum(axis=0)
        for each, mean in zip(classes, means, strict=True)
    )
    sd = np.sqrt(within / (len(training) - len(classes)))
    return softmax([[-np.sum(((t - mean) / sd) ** 2) for mean in means] for t in scores], axis=1)


def logistic(training, y, scores, classes):
    mean, sd = training.mean(axis=0), training.std(axis=0)
    model = LogisticRegression(max_iter=1000, tol=1e-10).fit((training - mean) / sd, y)
    assert list(model.classes_) == classes
    return model.predict_proba((scores - mean) / sd)
