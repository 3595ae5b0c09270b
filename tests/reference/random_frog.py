"""Random frog as in Li, Xu & Liang 2012, for regression: scikit-learn's PLS, step by step."""

import numpy as np

from tests.reference.cars import coefficient_sizes
from tests.reference.intervals import pls_rmsecv


def random_frog(
    X,
    Y,
    splits,
    random_state,
    *,
    max_components=10,
    n_iterations=1000,
    n_initial=50,
    theta=0.3,
    omega=3,
    eta=0.1,
):
    """Return the subset after each step, and its RMSECV.

    Draws from the RandomState: a permutation of the channels; then in each step a
    normal number for the size, a permutation of the channels outside if it grows, and a
    uniform number.
    """
    p = X.shape[1]
    subset = sorted(random_state.permutation(p)[:n_initial])
    error = pls_rmsecv(X[:, subset], Y, splits, max_components)[0]
    subsets, errors = [], []
    for _ in range(n_iterations):
        size = int(np.floor(random_state.normal(len(subset), theta * len(subset)) + 0.5))
        size = min(max(size, 2), p)
        proposal = subset
        if size > len(subset):
            outside = [j for j in range(p) if j not in subset]
            n_candidates = int(omega * (size - len(subset)))
            proposal = sorted([*subset, *random_state.permutation(outside)[:n_candidates]])
        if size != len(subset):
            b = coefficient_sizes(X[:, proposal], Y, max_components)
            by_size = sorted(range(len(proposal)), key=lambda c: (-b[c], c))
            proposal = sorted(proposal[c] for c in by_size[:size])
        proposed_error = pls_rmsecv(X[:, proposal], Y, splits, max_components)[0]
        chance = random_state.uniform()
        if proposed_error <= error or chance < eta * error / proposed_error:
            subset, error = proposal, proposed_error
        subsets.append(subset)
        errors.append(error)
    return subsets, errors
