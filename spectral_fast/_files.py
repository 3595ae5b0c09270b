"""Files that are whole or not there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` if the block succeeds."""
    path = Path(path)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield staged
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
