"""Choice of the number of PLS components: scikit-learn's PLS, fold by fold and count by count."""

import itertools

import numpy as np
from sklearn.cross_decomposition import PLSRegression


def pls_cv(X, Y, n_components, splits, rule, *, scale=False, scoring="rmse", alpha=0.01):
    """Return the number picked, RMSECV and predictions for 0, 1, 2, … components.

    `Y` has two dimensions. The randomization test goes through all exchanges.
    """
    predictions = np.empty((n_components + 1, *Y.shape))
    for train, test in splits:
        predictions[0, test] = Y[train].mean(axis=0)
        for a in range(1, n_components + 1):
            model = PLSRegression(a, scale=scale).fit(X[train], Y[train])
            predictions[a, test] = model.predict(X[test]).reshape(len(test), -1)
    rmse = np.array([np.sqrt(np.mean((each - Y) ** 2, axis=0)) for each in predictions])
    loss = np.square if scoring == "rmse" else np.abs
    losses = [
        loss((predictions[a] - Y) / Y.std(axis=0, ddof=1)).mean(axis=1)
        for a in range(1, n_components + 1)
    ]
    picked = {"min": least, "1se": one_se, "wold": wold, "randomization": randomization}[rule]
    if rule == "1se":
        return picked(losses, scoring), rmse, predictions
    if rule == "randomization":
        return picked(losses, alpha), rmse, predictions
    return picked(losses), rmse, predictions


def least(losses):
    best = 1
    for a, each in enumerate(losses, start=1):
        if each.mean() < losses[best - 1].mean():
            best = a
    return best


def one_se(losses, scoring):
    def error(each):
        return np.sqrt(each.mean()) if scoring == "rmse" else each.mean()

    best = losses[least(losses) - 1]
    se = np.sqrt(best.var(ddof=1) / len(best))
    if scoring == "rmse":
        se /= 2 * error(best)
    return next(a for a, each in enumerate(losses, start=1) if error(each) <= error(best) + se)


def wold(losses):
    a = 1
    while a < len(losses) and losses[a].sum() / losses[a - 1].sum() < 0.95:
        a += 1
    return a


def randomization(losses, alpha):
    best = least(losses)
    for a in range(1, best):
        if p_value(losses[a - 1] - losses[best - 1]) > alpha:
            return a
    return best


def p_value(differences):
    """Return the share of all 2ⁿ sign patterns whose mean is at least the one observed."""
    means = [
        np.mean(differences * signs)
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return np.mean(np.array(means) >= np.mean(differences) - 1e-12 * np.abs(differences).mean())
