"""Files that are whole or not there."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

__all__ = ["check_place", "replacing"]


def check_place(path: Path) -> None:
    """Raise an error if there can be no file of this name."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is a device or a pipe, no file. Name a file.")
    for folder in (path.parent, path.resolve().parent):  # the second is that of a link's target
        if not folder.is_dir():
            raise NotADirectoryError(
                f"{path} cannot be written: there is no folder {folder}. Create it first."
            )


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` if the block succeeds.

    Where `path` is a link, it takes the place of the file that the link points at.
    """
    check_place(Path(path))
    path = Path(path).resolve()
    staged = path.with_name(f".{secrets.token_hex(8)}.part")  # short: a name has a longest length
    try:
        yield staged
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
