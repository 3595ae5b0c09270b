"""``spectral-fast info``: versions, threads and folders."""

import argparse
import importlib.util
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from spectral_fast import __version__
from spectral_fast.cli._inputs import Commands

__all__ = ["add_parser"]

_CORE = ("numpy", "scipy", "scikit-learn", "pandas", "numba", "joblib")
_EXTRAS = {
    "boosting": ("xgboost", "lightgbm", "catboost"),
    "report": ("matplotlib", "jinja2"),
    "parquet": ("pyarrow",),
    "dask": ("distributed",),
}


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    info = commands.add_parser(
        "info",
        help="show versions, threads and folders",
        description="Show the versions of the package and of what it uses, the number of cores "
        "and threads, the folder that keeps compiled code, and which extras are installed.",
    )
    info.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import joblib

    from spectral_fast.kernels import get_num_threads

    layer, cache = _numba_facts()
    rows = [
        ("spectral_fast", __version__),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, metadata.version(name)) for name in _CORE),
        ("cores", str(joblib.cpu_count())),
        ("Numba threads", str(get_num_threads())),
        ("threading layer", layer),
        ("cache", cache),
        *((f"extra {name}", _presence(modules)) for name, modules in _EXTRAS.items()),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    return 0


def _numba_facts() -> tuple[str, str]:
    """Return the threading layer in use and the folder that keeps compiled code."""
    import numba
    import numpy as np

    from spectral_fast.kernels import snv

    compiled: Any = snv.parallel
    if not hasattr(compiled, "stats"):
        return "none, compilation is disabled", "none, compilation is disabled"
    compiled(np.ones((2, 3)), np.empty((2, 3)))  # the layer is chosen when first needed
    return numba.threading_layer(), compiled.stats.cache_path or "none, no folder is writable"


def _presence(modules: Sequence[str]) -> str:
    return ", ".join(
        name if importlib.util.find_spec(name) else f"{name} (not installed)" for name in modules
    )
