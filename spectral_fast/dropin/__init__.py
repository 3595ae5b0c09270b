"""Make an existing application faster in one line, without touching its source.

``patch("spectral_predict")`` puts fast functions in the place of the application's own,
with the same names, arguments and results; ``patch("sklearn")`` does so for scikit-learn's
``PLSRegression``. ``python -m spectral_fast.dropin TARGET -m module`` runs a whole program
that way.
"""

from spectral_fast.dropin._patching import Replacement, patch, patched, status, unpatch

__all__ = ["Replacement", "patch", "patched", "status", "unpatch"]
