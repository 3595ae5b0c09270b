"""``python -m spectral_fast.dropin TARGET -m module …``: run a program with the patch."""

import argparse
import runpy
import sys
from pathlib import Path

from spectral_fast.dropin._patching import patch
from spectral_fast.dropin._targets import QUIRKS, TARGETS

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Patch, and run a module or a script as Python does."""
    parser = argparse.ArgumentParser(
        prog="python -m spectral_fast.dropin",
        description="Run a program with its slow functions replaced by fast ones.",
    )
    parser.add_argument("--quirks", choices=QUIRKS, default="keep")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="-m MODULE ... | SCRIPT ...",
        help="the program, and its own arguments",
    )
    given = parser.parse_args(arguments)
    is_module = given.program[:1] == ["-m"]
    program = given.program[is_module:]
    if not program:
        parser.error("name the program: -m MODULE, or the path of a script")
    if not is_module:
        if program[0].startswith("-"):
            parser.error(f"{program[0]} belongs before the target")
        if not Path(program[0]).exists():
            parser.error(f"there is no script {program[0]}")
        if not sys.flags.safe_path:
            sys.path[0] = str(Path(program[0]).resolve().parent)

    sys.argv = program
    try:
        patch(given.target, quirks=given.quirks)
    except (ImportError, TypeError) as error:
        sys.exit(f"error: {error}")
    if is_module:
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
