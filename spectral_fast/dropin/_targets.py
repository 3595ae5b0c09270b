"""The applications that can be patched.

A target is a module with a function ``replacements(quirks)`` that returns a map
(module, attribute) → replacement. `quirks` is one of `QUIRKS`. A function in the map must
have the signature of what it replaces, and belong to the map alone: wherever it is bound,
`unpatch` puts the original.
"""

import importlib
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["QUIRKS", "TARGETS", "check_choice", "load"]

TARGETS = {
    "sklearn": "spectral_fast.dropin._sklearn",
    "spectral_predict": "spectral_fast.dropin.spectral_predict",
}

#: What to do with results of the application that are not the textbook's.
QUIRKS = ("keep", "fix")


def load(target: str, quirks: str) -> Mapping[tuple[str, str], Any]:
    """Return the map of a target."""
    check_choice("target", target, TARGETS)
    check_choice("quirks", quirks, QUIRKS)
    return importlib.import_module(TARGETS[target]).replacements(quirks)


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise an error unless a parameter has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}; got {value!r}.")
