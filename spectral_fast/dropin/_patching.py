"""Put replacements in the place of an application's functions and classes, and take them back."""

import copyreg
import importlib
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from spectral_fast.dropin._pickling import reduced
from spectral_fast.dropin._targets import TARGETS, check_choice, load

__all__ = ["Replacement", "patch", "patched", "status", "unpatch"]


class Replacement(NamedTuple):
    """What `status` says of one function or class that is replaced.

    Attributes
    ----------
    target : str
        The application, as `patch` was told.
    name : str
        Import path of what is replaced.
    quirks : {"keep", "fix"}
        What happens to the application's errors.
    places : tuple of str
        Names, with their modules, that hold the replacement.
    """

    target: str
    name: str
    quirks: str
    places: tuple[str, ...]


class _Swap(NamedTuple):
    """An object of the application, and what is in its place."""

    name: str
    original: Any
    replacement: Any


class _Patch(NamedTuple):
    quirks: str
    swaps: tuple[_Swap, ...]


_lock = threading.RLock()
_patches: dict[str, _Patch] = {}


def patch(target: str, *, quirks: str = "keep") -> None:
    """Replace the slow functions and classes of an application by fast ones.

    Every loaded module that holds one of them by name gets its replacement, so the
    application may have been imported before; otherwise it is imported now. What is kept
    elsewhere, in a list or as a default argument, stays as it is. A second call replaces the first
    one.

    Parameters
    ----------
    target : {"spectral_predict", "sklearn"}
        The application. ``"sklearn"`` stands for scikit-learn's ``PLSRegression``.
    quirks : {"keep", "fix"}, default="keep"
        ``"keep"`` reproduces the numbers of the application, ``"fix"`` those of the
        textbook where they differ.

    Raises
    ------
    ValueError
        If there is no such target, or no such choice of `quirks`; all stays as it is.
    ImportError
        If the application cannot be imported, or its version lacks a function or class. It is
        not patched then.
    TypeError
        If a signature in its version is not the one that the replacement knows. It is not
        patched then.

    See Also
    --------
    patched : The same for a ``with`` block.

    Examples
    --------
    >>> import sklearn.cross_decomposition
    >>> from spectral_fast import cross_decomposition, dropin
    >>> ours = cross_decomposition.PLSRegression
    >>> dropin.patch("sklearn")
    >>> issubclass(sklearn.cross_decomposition.PLSRegression, ours)
    True
    >>> dropin.unpatch("sklearn")
    >>> issubclass(sklearn.cross_decomposition.PLSRegression, ours)
    False
    """
    with _lock:
        replacements = load(target, quirks)
        unpatch(target)
        swaps = _checked(target, replacements)
        _rebind({id(each.original): each.replacement for each in swaps})
        for each in swaps:
            if isinstance(each.original, type):
                copyreg.pickle(each.original, reduced)  # objects that were made before
        _patches[target] = _Patch(quirks, swaps)


def unpatch(target: str) -> None:
    """Give every module its own functions and classes back, if the target is patched.

    Modules that took replacements over while the patch was on get the originals, too.

    Parameters
    ----------
    target : str
        As in `patch`.

    Raises
    ------
    ValueError
        If there is no such target.

    Examples
    --------
    >>> from spectral_fast import dropin
    >>> dropin.patch("sklearn")
    >>> dropin.unpatch("sklearn")
    >>> dropin.status()
    []
    """
    with _lock:
        check_choice("target", target, TARGETS)
        if target in _patches:
            swaps = _patches.pop(target).swaps
            _rebind({id(each.replacement): each.original for each in swaps})
            for each in swaps:
                copyreg.dispatch_table.pop(each.original, None)


@contextmanager
def patched(target: str, *, quirks: str = "keep") -> Iterator[None]:
    """Patch for the length of a ``with`` block; then all is as it was before.

    The patch holds for all threads; blocks of several threads must lie inside each other.

    Parameters
    ----------
    target : str
        As in `patch`, and so are the errors.
    quirks : {"keep", "fix"}, default="keep"
        As in `patch`.

    Examples
    --------
    >>> from spectral_fast import dropin
    >>> with dropin.patched("sklearn"):
    ...     print(dropin.status()[0].name)
    sklearn.cross_decomposition.PLSRegression
    >>> dropin.status()
    []
    """
    before = _patches.get(target)
    patch(target, quirks=quirks)
    try:
        yield
    finally:
        if before is None:
            unpatch(target)
        else:
            patch(target, quirks=before.quirks)


def status() -> list[Replacement]:
    """Return what is replaced now.

    Returns
    -------
    replacements : list of Replacement
        Named tuples: the `target`; the `name` of the function or class; the `quirks`; and
        the `places`, the names by which modules hold the replacement.

    Examples
    --------
    >>> from spectral_fast import dropin
    >>> with dropin.patched("sklearn", quirks="keep"):
    ...     print(dropin.status()[0].quirks)
    keep
    """
    with _lock:
        swaps = [
            (target, patch, swap) for target, patch in _patches.items() for swap in patch.swaps
        ]
        places: dict[int, list[str]] = {id(swap.replacement): [] for *_, swap in swaps}
        for module, namespace in _namespaces():
            for name, value in list(namespace.items()):
                if id(value) in places:
                    places[id(value)].append(f"{module}.{name}")
    return [
        Replacement(target, swap.name, patch.quirks, tuple(places[id(swap.replacement)]))
        for target, patch, swap in swaps
    ]


def _checked(target: str, replacements: Mapping[tuple[str, str], Any]) -> tuple[_Swap, ...]:
    """Return what to swap, after all of it has been found fit."""
    swaps = []
    for (module, attribute), replacement in replacements.items():
        name = f"{module}.{attribute}"
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                f"{target!r} cannot be patched, as {module} cannot be imported: {error}. "
                f"Install it, or put the folder that holds {target} on PYTHONPATH."
            ) from error
        if not hasattr(found, attribute):
            raise ImportError(
                f"{target!r} cannot be patched, as this version has no {name}. "
                f"Use a version that has, or run {target} without the patch."
            )
        original = getattr(found, attribute)
        _check_signature(target, name, original, replacement)
        swaps.append(_Swap(name, original, replacement))
    return tuple(swaps)


def _check_signature(target: str, name: str, original: Any, replacement: Any) -> None:
    """Raise an error unless a call means the same to both."""
    theirs, ours = _parameters(original), _parameters(replacement)
    if list(theirs.items()) == list(ours.items()):
        return
    differences = {
        "unknown": [each for each in theirs if each not in ours],
        "missing": [each for each in ours if each not in theirs],
        "with another default": [
            each for each in theirs if each in ours and theirs[each] != ours[each]
        ],
    }
    listed = [f"{how}: {', '.join(names)}" for how, names in differences.items() if names]
    raise TypeError(
        f"{target!r} cannot be patched, as {name} has other parameters in this version than its "
        f"replacement ({'; '.join(listed) or 'in another order'}). "
        f"Use the version that the documentation names, or run {target} without the patch."
    )


def _parameters(function: Any) -> dict[str, tuple[Any, str]]:
    """Return the kind and the default of each parameter, in their order."""
    parameters = inspect.signature(function).parameters
    return {name: (each.kind, repr(each.default)) for name, each in parameters.items()}


def _rebind(swaps: Mapping[int, Any]) -> None:
    """Give every name that is bound to a key's object its value instead."""
    for _, namespace in _namespaces():
        for name, value in list(namespace.items()):
            if id(value) in swaps:
                namespace[name] = swaps[id(value)]


def _namespaces() -> list[tuple[str, dict[str, Any]]]:
    """Return the names in each loaded module but this package's own."""
    own = __name__.partition(".")[0]
    return [
        # The plain attribute: any other access makes a lazy module load.
        (name, object.__getattribute__(module, "__dict__"))
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and name.partition(".")[0] != own
    ]
