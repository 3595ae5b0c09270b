"""What the commands share: how arguments are checked and errors are told."""

import argparse
import contextlib
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "Commands",
    "InputError",
    "check_not_input",
    "input_errors",
    "plain_warnings",
    "positive_number",
    "whole_number",
]

#: What `ArgumentParser.add_subparsers` returns.
Commands = Any


class InputError(Exception):
    """What the user gave cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def input_errors(
    kinds: tuple[type[Exception], ...] = (ValueError, OSError),
) -> Iterator[None]:
    """Turn errors of these kinds into messages; by default those that input is refused with."""
    try:
        yield
    except kinds as error:
        raise InputError(" ".join(str(error).split())) from error


@contextlib.contextmanager
def plain_warnings(worded: Callable[[str], str] = str) -> Iterator[None]:
    """Print warnings as messages, without the line of code that gives them.

    `worded` puts what is meant for callers in Python in terms of the command line.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        finally:  # a command that fails has been warned, too
            for warning in caught:
                text = worded(str(warning.message))
                print("spectral-fast: warning:", *text.split(), file=sys.stderr)


def whole_number(rule: str, follows: Callable[[int], bool]) -> Callable[[str], int]:
    """Return a parser of whole numbers that follow a rule."""

    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if follows(number := int(text)):
                return number
        raise argparse.ArgumentTypeError(f"must be a whole number {rule}; got {text!r}")

    return parse


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"must be a number above 0; got {text!r}")


def check_not_input(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write to a file that is read."""
    for path in inputs:
        if out.resolve() == path.resolve():
            raise ValueError(f"{out} would replace the file it is made from. Choose another --out.")
