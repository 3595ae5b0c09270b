"""What takes the place of the slow modules of the application `spectral_predict`.

Its functions have the application's names, arguments and results, and are described there.
``build_preprocessing_pipeline`` needs no replacement, as it takes the transformers from its
own module, where they are replaced.
"""

from collections.abc import Mapping
from typing import Any

from spectral_fast.dropin.spectral_predict import (
    _preprocess,
    _search,
    _textbook,
    _variable_selection,
)

__all__ = ["replacements"]

_PREPROCESS = ("SNV", "SavgolDerivative")
_VARIABLE_SELECTION = (
    "uve_selection",
    "get_uve_threshold",
    "spa_selection",
    "ipls_selection",
    "uve_spa_selection",
)


def replacements(quirks: str) -> Mapping[tuple[str, str], Any]:
    """Return the map of this target."""
    selection = _variable_selection if quirks == "keep" else _textbook
    swaps = _attributes("preprocess", _preprocess, _PREPROCESS)
    swaps |= _attributes("variable_selection", selection, _VARIABLE_SELECTION)
    search = _search.run_search_as_is if quirks == "keep" else _search.run_search_fixed
    swaps["spectral_predict.search", "run_search"] = search
    if quirks == "fix":
        swaps |= _attributes("models", _textbook, ("compute_vip",))
    return swaps


def _attributes(module: str, ours: Any, names: tuple[str, ...]) -> dict[tuple[str, str], Any]:
    return {(f"spectral_predict.{module}", name): getattr(ours, name) for name in names}
