"""What takes the place of scikit-learn's partial least squares."""

from collections.abc import Mapping
from typing import Any

from spectral_fast import cross_decomposition
from spectral_fast.dropin._pickling import StandIn

__all__ = ["replacements"]

_ORIGIN = "sklearn.cross_decomposition._pls"


class PLSRegression(StandIn, cross_decomposition.PLSRegression):
    """:class:`spectral_fast.cross_decomposition.PLSRegression` under scikit-learn's name."""

    __module__ = _ORIGIN
    __doc__ = cross_decomposition.PLSRegression.__doc__


def replacements(quirks: str) -> Mapping[tuple[str, str], Any]:
    """Return the map of this target; `quirks` makes no difference."""
    return {("sklearn.cross_decomposition", "PLSRegression"): PLSRegression}
