"""Run a search, write its files, and say what it found."""

import argparse
import contextlib
import math
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spectral_fast._ctrl_c import waiting_ctrl_c
from spectral_fast.cli._inputs import InputError, input_errors, plain_warnings, whole_number
from spectral_fast.cli._outputs import OUTPUTS, RESULTS, staged, write_outputs

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV
    from spectral_fast.tables import SpectralTable

__all__ = ["OUTPUTS", "Subject", "add_jobs", "add_output", "calibrate", "is_new"]

_DASK_SECONDS = 10


class Subject(NamedTuple):
    """What is calibrated."""

    table: "SpectralTable"
    target: str
    unit: str
    title: str
    reading: str  # code that gives `spectra` and `target`


def add_jobs(parser: Any) -> None:
    """Add the number of processes to a parser."""
    parser.add_argument(
        "--jobs",
        type=whole_number("from 1, or -1 for all cores", lambda number: number > 0 or number == -1),
        metavar="N",
        help="processes; -1: all cores (default: 1)",
    )


def add_output(parser: Any, out: str) -> None:
    """Add the output folder to a parser."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help=f"folder for {', '.join(OUTPUTS)} (default: {out})",
    )


def calibrate(arguments: argparse.Namespace, subject: Subject, **search_parameters: Any) -> int:
    """Search, write the files and print the ranking; return the exit code."""
    from spectral_fast.model_selection import SpectralSearchCV

    search = SpectralSearchCV(**search_parameters, n_jobs=arguments.jobs, progress=True)
    table = subject.table
    with contextlib.ExitStack() as until_told:
        # The folder comes first: a search of an hour should not end at one that cannot be.
        with _way_on(arguments), input_errors((OSError,)), staged(arguments.out) as folder:
            with (
                plain_warnings(_of_the_file),
                _search_errors(search, arguments),
                _cluster(arguments.dask),
            ):
                # What is printed at the end says how many candidates were not tried.
                warnings.filterwarnings("ignore", "The search ended early")
                search.fit(table.spectra, table.target, groups=table.groups)
                until_told.enter_context(waiting_ctrl_c())
            if sys.stderr.isatty():
                text = "Writing the results; Ctrl-C waits for them, a second one ends at once."
                print(text, file=sys.stderr)
            remark = write_outputs(folder, search, subject, arguments.public_command_line)
            written = [name for name in OUTPUTS if (folder / name).exists()]
        _print_findings(search, [arguments.out / name for name in written], remark)
        if search.stopped_:
            _print_ending(search, arguments)
    return 130 if search.stopped_ == "interrupted" else 0


def _of_the_file(warning: str) -> str:
    """Name the file of results in place of the attribute."""
    return re.sub(r"`results_\['(\w+)'\]`", rf"column \1 of {RESULTS}", warning)


@contextlib.contextmanager
def _way_on(arguments: argparse.Namespace) -> Iterator[None]:
    """After a Ctrl-C that leaves no results say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\n{_how_to_go_on(arguments)}".rstrip(), file=sys.stderr)
        raise


def is_new(journal: Path) -> bool:
    """Whether a search would begin this journal: there is no such file, or it is empty."""
    return not journal.exists() or (journal.is_file() and journal.stat().st_size == 0)


@contextlib.contextmanager
def _search_errors(search: "SpectralSearchCV", arguments: argparse.Namespace) -> Iterator[None]:
    """Turn the errors of a search into messages."""
    try:
        with input_errors((ValueError, OSError, ImportError)):
            yield
    except RuntimeError as error:
        if not getattr(search, "stopped_", ""):
            raise
        raise InputError(f"{error} {_how_to_go_on(arguments)}".strip()) from error


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Have joblib run on the Dask cluster at an address, if there is one."""
    if address is None:
        yield
        return
    import joblib

    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InputError(f'--dask needs {error.name}: pip install "spectral_fast[dask]"') from error
    try:
        client = Client(address, timeout=_DASK_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--dask: no scheduler answers at {address}. Start one with 'dask scheduler', and "
            "give the address that it prints."
        ) from error
    with client, joblib.parallel_config(backend="dask"):
        yield


def _print_findings(search: "SpectralSearchCV", files: list[Path], remark: str) -> None:
    from spectral_fast.report import ranking_text
    from spectral_fast.report._edges import edges
    from spectral_fast.report._score import score_of

    results = search.results_
    if search.scoring is not None:
        print(f"Ranked by {score_of(search).name}.\n")
    print(ranking_text(results, scoring=search.scoring))
    if search.outer_cv is not None and math.isfinite(search.outer_score_):
        print(f"\n{score_of(search).nested} in outer folds: {abs(search.outer_score_):.4g}")
    print()
    for file in files:
        print(file)
    if remark:
        print(remark)
    for text in edges(search):
        print(f"spectral-fast: warning: {text}", file=sys.stderr)


def _print_ending(search: "SpectralSearchCV", arguments: argparse.Namespace) -> None:
    """Say how much an ended search has not done, and how to go on."""
    status = search.results_["status"]
    n_missing = int((status == "not evaluated").sum())
    if n_missing:
        what = "candidates were not tried; the files describe the others."
        missing = f"{n_missing} of {len(status)} {what}"
    elif search.outer_cv is not None:
        missing = "all candidates were tried, but not in the outer folds."
    else:
        missing = "all candidates were tried; some that failed, not in all folds."
    print(
        f"\nspectral-fast: {search.stopped_}: {missing} {_how_to_go_on(arguments)}".rstrip(),
        file=sys.stderr,
    )


def _how_to_go_on(arguments: argparse.Namespace) -> str:
    """Name the way to go on, if the command has one."""
    if "journal" not in arguments:
        return ""
    if arguments.journal is None:
        return "With --journal FILE a search can go on where it was ended."
    resume = "" if arguments.resume or is_new(arguments.journal) else " --resume"
    return f"To go on: {arguments.command_line}{resume}"
