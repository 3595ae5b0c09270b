"""Where the methods that plot draw."""

from typing import Any

__all__ = ["new_axes"]


def new_axes(method: str) -> Any:
    """Return the axes of a new figure; `method` is what needs them."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'`{method}` needs {error.name}: pip install "spectral_fast[report]"',
            name=error.name,
        ) from error
    return pyplot.subplots()[1]
