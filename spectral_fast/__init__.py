"""Fast, exact calibration of near-infrared, Raman and infrared spectrometers.

Submodules load on first use, so ``import spectral_fast`` costs next to nothing
and compiles nothing.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = (
    "boosting",
    "cross_decomposition",
    "datasets",
    "dropin",
    "feature_selection",
    "kernels",
    "model_selection",
    "persistence",
    "preprocessing",
    "report",
    "tables",
)

__all__ = ["__version__", "warm_up", *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def warm_up() -> None:
    """Compile every kernel now, so that no later call waits for the compiler.

    Machine code is kept on disk: the first call on a machine compiles, later ones
    only load what it left. Calling this is never necessary.

    Examples
    --------
    >>> import spectral_fast
    >>> spectral_fast.warm_up()
    """
    from spectral_fast.kernels import warm_up

    warm_up()
