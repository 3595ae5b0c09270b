"""Compiled array functions: Numba and NumPy, nothing else."""

from spectral_fast.kernels._jit import (
    get_num_threads,
    one_blas_thread,
    set_num_threads,
    thread_limit,
    warm_up,
)
from spectral_fast.kernels.elastic_net import ElasticNetFits, elastic_net_folds
from spectral_fast.kernels.forest import ForestTrees, forest_trees
from spectral_fast.kernels.gram import (
    centre_gram,
    covariance,
    cross_squared_distances,
    gram,
    grow_gram,
    interval_grams,
    nested_grams,
    squared_distances,
)
from spectral_fast.kernels.nipals import nipals
from spectral_fast.kernels.pls_covariance import fold_covariances, pls_covariance
from spectral_fast.kernels.pls_folds import (
    FoldFits,
    channel_variances,
    pls_coefficients,
    pls_direct,
    pls_gram,
)
from spectral_fast.kernels.projections import spa_chains, spa_scores
from spectral_fast.kernels.ridge import (
    RidgePredictions,
    RidgeStatus,
    ridge_cross_val_predict,
)
from spectral_fast.kernels.savgol import savgol
from spectral_fast.kernels.scatter import msc, snv
from spectral_fast.kernels.stability import coefficient_reliability

__all__ = [
    "ElasticNetFits",
    "FoldFits",
    "ForestTrees",
    "RidgePredictions",
    "RidgeStatus",
    "centre_gram",
    "channel_variances",
    "coefficient_reliability",
    "covariance",
    "cross_squared_distances",
    "elastic_net_folds",
    "fold_covariances",
    "forest_trees",
    "get_num_threads",
    "gram",
    "grow_gram",
    "interval_grams",
    "msc",
    "nested_grams",
    "nipals",
    "one_blas_thread",
    "pls_coefficients",
    "pls_covariance",
    "pls_direct",
    "pls_gram",
    "ridge_cross_val_predict",
    "savgol",
    "set_num_threads",
    "snv",
    "spa_chains",
    "spa_scores",
    "squared_distances",
    "thread_limit",
    "warm_up",
]
