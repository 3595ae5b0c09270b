"""Importances of channels in a PLS model of scikit-learn, sums written out."""

import numpy as np
from scipy import stats
from sklearn.cross_decomposition import PLSRegression


def vip(X, Y, n_components, threshold=1.0):
    """Return the importance of each channel and the numbers of the channels selected."""
    pls = PLSRegression(n_components, scale=False).fit(X, Y)
    n_channels = X.shape[1]
    explained = [
        (pls.x_scores_[:, a] @ pls.x_scores_[:, a])
        * (pls.y_loadings_[:, a] @ pls.y_loadings_[:, a])
        for a in range(n_components)
    ]
    importances = np.empty(n_channels)
    for j in range(n_channels):
        total = sum(explained[a] * pls.x_weights_[j, a] ** 2 for a in range(n_components))
        importances[j] = np.sqrt(n_channels * total / sum(explained))
    return importances, np.flatnonzero(importances >= threshold)


def coefficient_magnitude(X, Y, n_components, threshold=1.0):
    coef = PLSRegression(n_components, scale=False).fit(X, Y).coef_
    importances = np.empty(X.shape[1])
    for j in range(X.shape[1]):
        if Y.shape[1] == 1:
            importances[j] = abs(coef[0, j])
        else:
            importances[j] = np.sqrt(
                sum((coef[t, j] / np.std(Y[:, t])) ** 2 for t in range(Y.shape[1]))
            )
    return importances, np.flatnonzero(importances >= threshold * np.mean(importances))


def selectivity_ratio(X, Y, n_components, alpha=0.05):
    n, p = X.shape
    coef = PLSRegression(n_components, scale=False).fit(X, Y).coef_
    centred = X - X.mean(axis=0)
    importances = np.zeros(p)
    for b in coef:
        t = centred @ b / np.linalg.norm(b)
        for j in range(p):
            explained = t * (t @ centred[:, j]) / (t @ t)
            rest = centred[:, j] - explained
            importances[j] = max(importances[j], (explained @ explained) / (rest @ rest))
    critical = stats.f.ppf(1 - alpha, n - 2, n - 3)
    return importances, np.flatnonzero(importances >= critical)


def rmsecv(X, Y, order, sizes, n_components, splits):
    """Return the pooled RMSECV of PLS on the first channels of `order`, for each size."""
    smallest = min(len(train) for train, _ in splits)
    path = []
    for size in sizes:
        channels = X[:, order[:size]]
        squares = np.empty(Y.shape)
        for train, test in splits:
            pls = PLSRegression(min(n_components, size, smallest - 1), scale=False)
            predicted = pls.fit(channels[train], Y[train]).predict(channels[test])
            squares[test] = (predicted.reshape(len(test), -1) - Y[test]) ** 2
        path.append(pooled(squares, Y))
    return np.array(path)


def pooled(squares, Y):
    if Y.shape[1] == 1:
        return np.sqrt(np.mean(squares))
    return np.sqrt(
        np.mean([np.mean(squares[:, t]) / np.var(Y[:, t], ddof=1) for t in range(Y.shape[1])])
    )


def top_channels(importances, count):
    """The numbers of the channels that matter most, of equal ones the lowest."""
    ranked = sorted(range(len(importances)), key=lambda j: (-importances[j], j))
    return sorted(ranked[:count])


def for_classes(y):
    """Classes as targets of 0 and 1: a column each, a single one for two classes."""
    classes = sorted(set(y))
    columns = [[1.0 if each == known else 0.0 for each in y] for known in classes]
    return np.array(columns[1:] if len(classes) == 2 else columns).T
