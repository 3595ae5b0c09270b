"""PLS diagnostics from the textbook: X and Y are deflated, sums are written out."""

import itertools

import numpy as np
from scipy import integrate, optimize, special


def fit(X, Y, n_components, scale):
    """Return scores and loadings, and what every component leaves of X and Y."""
    divide_x = X.std(axis=0, ddof=1) if scale else np.ones(X.shape[1])
    divide_y = Y.std(axis=0, ddof=1) if scale else np.ones(Y.shape[1])
    E, F = (X - X.mean(axis=0)) / divide_x, (Y - Y.mean(axis=0)) / divide_y
    model = {"W": [], "T": [], "P": [], "Q": [], "E": [E], "F": [F]}
    for _ in range(n_components):
        w = np.linalg.svd(E.T @ F)[0][:, 0]
        t = E @ w
        p, q = E.T @ t / (t @ t), F.T @ t / (t @ t)
        E, F = E - np.outer(t, p), F - np.outer(t, q)
        for name, value in zip("WTPQEF", (w, t, p, q, E, F), strict=True):
            model[name].append(value)
    return model


def score(X, model, X_train, scale):
    """Return scores and residuals of spectra, one component after another."""
    divide = X_train.std(axis=0, ddof=1) if scale else 1.0
    E = (X - X_train.mean(axis=0)) / divide
    scores = []
    for w, p in zip(model["W"], model["P"], strict=True):
        t = E @ w
        E = E - np.outer(t, p)
        scores.append(t)
    return np.array(scores).T, E


def explained_variance(residuals):
    squares = [np.sum(residual**2) for residual in residuals]
    return np.array(
        [(before - after) / squares[0] for before, after in itertools.pairwise(squares)]
    )


def vip(model):
    n_features = len(model["W"][0])
    explained = [
        sum((qk**2) * (t @ t) for qk in q) for t, q in zip(model["T"], model["Q"], strict=True)
    ]
    return np.array(
        [
            np.sqrt(
                n_features
                * sum(ss * w[j] ** 2 for ss, w in zip(explained, model["W"], strict=True))
                / sum(explained)
            )
            for j in range(n_features)
        ]
    )


def selectivity_ratio(X, coefficients):
    """Target projection of centred `X` on one target's coefficients."""
    t = X @ coefficients / np.linalg.norm(coefficients)
    p = X.T @ t / (t @ t)
    explained, rest = np.outer(t, p), X - np.outer(t, p)
    return (explained**2).sum(axis=0) / (rest**2).sum(axis=0)


def hotelling_t2(scores, training_scores):
    inverse = np.linalg.inv(np.cov(training_scores.T).reshape(scores.shape[1], -1))
    return np.array([t @ inverse @ t for t in scores])


def leverage(scores, training_scores):
    inverse = np.linalg.inv(training_scores.T @ training_scores)
    return np.array([1 / len(training_scores) + t @ inverse @ t for t in scores])


def t2_limit(n_samples, n_components, alpha):
    """The F quantile found through the incomplete beta function."""
    a, n = n_components, n_samples

    def beyond(f):
        return special.betainc((n - a) / 2, a / 2, (n - a) / (n - a + a * f))

    f = optimize.brentq(lambda f: beyond(f) - alpha, 1e-9, 1e9, xtol=1e-13, rtol=1e-13)
    return a * (n + 1) * (n - 1) / (n * (n - a)) * f


def q_limit(q, alpha):
    """The quantile of a gamma distribution with the mean and variance of `q`, integrated."""
    mean, variance = np.mean(q), np.var(q, ddof=1)
    shape, size = mean**2 / variance, variance / mean

    def density(x):
        return np.exp((shape - 1) * np.log(x / size) - x / size - special.gammaln(shape)) / size

    def beyond(x):
        return integrate.quad(density, x, x + 60 * np.sqrt(variance), epsabs=1e-12, limit=200)[0]

    spread = np.sqrt(variance)
    return optimize.brentq(lambda x: beyond(x) - alpha, 1e-9 * mean, mean + 30 * spread, rtol=1e-12)
