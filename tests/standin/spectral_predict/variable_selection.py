"""Selections of channels, one loop after another."""

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import KFold, cross_val_score


def _n_folds(cv_folds, n):
    return cv_folds if n >= cv_folds else max(2, n // 2)


def _score(X, y, n_components, cv_folds):
    """Return the mean R² of folds in their order, NaN where a model cannot be fitted."""
    model = PLSRegression(n_components, scale=False)
    try:
        return np.mean(cross_val_score(model, X, y, cv=cv_folds, scoring="r2", error_score="raise"))
    except (ValueError, np.linalg.LinAlgError):
        return np.nan


def _reliability(X, y, n_components, cv_folds):
    """Return the reliability of the channels and of the noise channels."""
    n, p = X.shape
    noisy = np.hstack([X, np.random.randn(n, p)])  # noqa: NPY002
    if n_components is None:
        n_components = min(10, p // 2, n // 2)
    coefs = []
    for train, _ in KFold(_n_folds(cv_folds, n), shuffle=True, random_state=42).split(noisy):
        model = PLSRegression(max(1, n_components), scale=False)
        try:
            coefs.append(model.fit(noisy[train], y[train]).coef_.ravel())
        except ValueError:
            coefs.append(np.zeros(2 * p))
    reliability = []
    for b in np.array(coefs).T:
        reliability.append(np.abs(b).mean() / b.std() if b.std() > 1e-10 else 0.0)
    return np.array(reliability[:p]), np.array(reliability[p:])


def uve_selection(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    real, _ = _reliability(np.asarray(X), np.asarray(y).ravel(), n_components, cv_folds)
    return real if (real != 0).any() else np.ones(len(real))


def get_uve_threshold(X, y, cutoff_multiplier=1.0, n_components=None, cv_folds=5):
    real, noise = _reliability(np.asarray(X), np.asarray(y).ravel(), n_components, cv_folds)
    threshold = max(noise) * cutoff_multiplier
    kept = real > threshold
    return real, threshold, kept if kept.any() else np.full(len(kept), True)


def spa_selection(X, y, n_features, n_random_starts=10, cv_folds=5):
    X, y = np.asarray(X), np.asarray(y).ravel()
    n, p = X.shape
    n_features = min(n_features, p)
    Z = (X - np.mean(X, axis=0)) / (np.std(X, axis=0) + 1e-10)
    z = (y - np.mean(y)) / (np.std(y) + 1e-10)
    chosen = [np.argmax(np.abs(Z.T @ z))]
    while len(chosen) < n_features:
        least, best = np.inf, None
        for j in range(p):
            if j not in chosen:
                correlations = Z[:, j] @ Z[:, chosen] / n
                if np.sum(correlations**2) < least:
                    least, best = np.sum(correlations**2), j
        chosen.append(best)
    score = _score(X[:, chosen], y, min(n_features, n - 1, 10), _n_folds(cv_folds, n))
    print(f"Best selection: R² = {score:.4f}")
    if not np.isfinite(score):
        return np.ones(p)
    importances = np.zeros(p)
    for place, j in enumerate(chosen):
        importances[j] = n_features - place
    return importances


def ipls_selection(X, y, n_intervals=20, n_components=None, cv_folds=5):
    X, y = np.asarray(X), np.asarray(y).ravel()
    n, p = X.shape
    n_intervals = max(1, min(n_intervals, p))
    importances = np.zeros(p)
    for k in range(n_intervals):
        start = k * (p // n_intervals)
        stop = p if k == n_intervals - 1 else start + p // n_intervals
        size = stop - start
        if n_components is None:
            wanted = min(size // 2, n // 2, 10)
        else:
            wanted = min(n_components, size, n - 1)
        score = _score(X[:, start:stop], y, max(1, wanted), _n_folds(cv_folds, n))
        importances[start:stop] = score if score > 0 else 0.0
    return importances if importances.any() else np.ones(p)


def uve_spa_selection(
    X,
    y,
    n_features,
    cutoff_multiplier=1.0,
    uve_n_components=None,
    uve_cv_folds=5,
    spa_n_random_starts=10,
    spa_cv_folds=5,
):
    X = np.asarray(X)
    _, _, kept = get_uve_threshold(X, y, cutoff_multiplier, uve_n_components, uve_cv_folds)
    importances = np.zeros(X.shape[1])
    importances[kept] = spa_selection(
        X[:, kept], y, min(n_features, kept.sum()), spa_n_random_starts, spa_cv_folds
    )
    return importances
