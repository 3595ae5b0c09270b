"""``spectral-fast journal``: what a search has kept of its finished work."""

import argparse
from pathlib import Path

from spectral_fast.cli._inputs import Commands, input_errors

__all__ = ["add_parser"]


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    journal = commands.add_parser(
        "journal",
        help="look into the journal of a search",
        description="Look into a journal, the file in which 'spectral-fast search --journal' keeps "
        "finished work so that an ended search can go on.",
    )
    actions = journal.add_subparsers(required=True, metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="say what a journal holds",
        description="Say what a journal holds, and whether its search is running, interrupted or "
        "finished. A running search is not disturbed.",
    )
    show.add_argument("file", type=Path, metavar="FILE", help="journal that a search wrote")
    show.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    with input_errors():
        from spectral_fast.model_selection._journal import describe_journal

        print(describe_journal(arguments.file))
    return 0
