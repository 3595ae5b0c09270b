"""Files that are whole or not there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["check_place", "replacing"]


def check_place(path: Path) -> None:
    """Raise an error if there can be no file of this name."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise NotADirectoryError(
            f"{path} cannot be written: there is no folder {path.parent}. Create it first."
        )


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` if the block succeeds."""
    path = Path(path)
    check_place(path)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield staged
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
