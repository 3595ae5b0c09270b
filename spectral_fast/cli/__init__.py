"""The command line: ``spectral-fast search | predict | journal | demo | info``.

Exit codes: 0 done, 2 bad input (one message on stderr), 130 interrupted.
Nothing but the standard library is imported before the arguments are parsed.
"""

import argparse
import difflib
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from spectral_fast import __version__
from spectral_fast.cli._demo import add_parser as add_demo
from spectral_fast.cli._info import add_parser as add_info
from spectral_fast.cli._inputs import InputError
from spectral_fast.cli._journal import add_parser as add_journal
from spectral_fast.cli._predict import add_parser as add_predict
from spectral_fast.cli._search import add_parser as add_search

__all__ = ["main"]

_COMMANDS = (add_search, add_predict, add_journal, add_demo, add_info)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the program's name; None takes those of the process.

    Returns
    -------
    code : int
        Exit code: 0 done, 2 bad input, 130 interrupted.

    Examples
    --------
    >>> from spectral_fast.cli import main
    >>> main(["predict", "no.spectral", "no.csv"])
    2
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    arguments = parser.parse_args(argv)
    paths = {value for value in vars(arguments).values() if isinstance(value, Path)}
    arguments.command_line = shlex.join([parser.prog, *argv])
    arguments.public_command_line = shlex.join([parser.prog, *_without_folders(argv, paths)])
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the program that reads the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        told = f"\n{parser.prog}: interrupted; no results were written. {interruption}"
        print(told.rstrip(), file=sys.stderr)
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """Tells an error in one line; so do the parsers of the commands, which are made like it."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Leave no argument to the parser above, which knows less of what was meant."""
        self._given = args or ()
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        remedy = _likely_choice(message) or f"{self._likely_option()}See {self.prog} --help."
        self.exit(2, f"{self.prog}: error: {message}. {remedy}\n")

    def _likely_option(self) -> str:
        """Return the option that was probably meant, if one is given that there is not."""
        known = list(self._option_string_actions)
        given = [argument.partition("=")[0] for argument in self._given if argument[:2] == "--"]
        unknown = [name for name in given if not any(option.startswith(name) for option in known)]
        close = difflib.get_close_matches(unknown[0], known, 1) if unknown else []
        return f"Did you mean {close[0]}? " if close else ""


def _likely_choice(message: str) -> str:
    """Return the choice that was probably meant, if the message is of an invalid one."""
    invalid = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
    if invalid is None:
        return ""
    given, known = invalid.groups()
    close = difflib.get_close_matches(given.lower(), re.findall(r"\w+", known), 1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="spectral-fast",
        description="Find the best calibration for your spectra, and predict with it.",
    )
    parser.add_argument("--version", action="version", version=f"spectral_fast {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser


def _without_folders(argv: Iterable[str], paths: Iterable[Path]) -> Iterator[str]:
    """Shorten the paths of a command line to their names, for those who get the report."""
    for argument in argv:
        option, equals, value = (
            argument.partition("=") if argument.startswith("--") else ("", "", argument)
        )
        name = Path(value).name if value and Path(value) in paths else ""
        yield f"{option}{equals}{name or value}"
