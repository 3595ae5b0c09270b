"""Gram matrices and distances, element by element from the rows themselves."""

import itertools

import numpy as np


def products(X, Z):
    """The product of every row of X with every row of Z."""
    out = np.empty((len(X), len(Z)))
    for i, x in enumerate(X.astype(np.float64)):
        for j, z in enumerate(Z.astype(np.float64)):
            out[i, j] = sum((a * b for a, b in zip(x, z, strict=True)), 0.0)
    return out


def gram(X):
    return products(X, X)


def covariance(X):
    return products(X.T, X.T)


def fold_covariances(X, weights):
    return np.array([covariance(np.sqrt(w)[:, np.newaxis] * X) for w in weights])


def centred_gram(X, weights):
    """The Gram matrix of the rows less their weighted mean."""
    mean = sum(w * x for w, x in zip(weights, X, strict=True) if w != 0) / np.sum(weights)
    return gram(X - mean)


def interval_grams(X, edges):
    return np.array([gram(X[:, first:last]) for first, last in itertools.pairwise(edges)])


def nested_grams(X, order, sizes):
    return [gram(X[:, order[:size]]) for size in sizes]


def squared_distances(X, Z):
    out = np.empty((len(X), len(Z)))
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            out[i, j] = np.sum((x - z) ** 2)
    return out
