"""Compiled array functions: Numba and NumPy, nothing else."""

from spectral_fast.kernels._jit import (
    get_num_threads,
    set_num_threads,
    thread_limit,
    warm_up,
)
from spectral_fast.kernels.nipals import nipals
from spectral_fast.kernels.savgol import savgol
from spectral_fast.kernels.scatter import msc, snv

__all__ = [
    "get_num_threads",
    "msc",
    "nipals",
    "savgol",
    "set_num_threads",
    "snv",
    "thread_limit",
    "warm_up",
]
