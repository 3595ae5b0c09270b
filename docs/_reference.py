"""Pages of the reference, written at build time from the package itself.

Each public name of each public package gets a page, and each command its options; no list is
kept by hand. The pages of registered methods link to the section that `METHODS` names.
"""

import argparse
import inspect
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

import spectral_fast
from spectral_fast.cli import _COMMANDS
from spectral_fast._registry import METHODS

SECTIONS = {method.estimator: method.docs for method in METHODS}

#: Columns of the help texts.
WIDTH = "88"


def packages() -> list[ModuleType]:
    """Return the public packages and modules."""
    values = [getattr(spectral_fast, name) for name in spectral_fast.__all__]
    return [value for value in values if isinstance(value, ModuleType)]


def public(package: ModuleType) -> dict[str, Any]:
    """Return what a package exports, by name: classes and functions."""
    values = {name: getattr(package, name) for name in package.__all__}
    return {name: value for name, value in values.items() if callable(value)}


def summary(value: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def methods(value: type, *, ours: bool) -> list[str]:
    """Return the public methods of a class that this package defines, or that others do."""
    return [
        name
        for name in sorted(dir(value))
        if not name.startswith("_") and _is_ours(value, name) == ours
    ]


def _is_ours(value: type, name: str) -> bool:
    owner = next(base for base in value.__mro__ if name in vars(base))
    return owner.__module__.startswith("spectral_fast")


def object_page(path: str, value: Any) -> str:
    """Return the page of a class or a function."""
    name = path.rpartition(".")[2]
    lines = [f"# {name}", ""]
    if path in SECTIONS:
        lines += [f"[Formula, paper and what differs](../../{SECTIONS[path]})", ""]
    lines += ["```{eval-rst}"]
    if inspect.isclass(value):
        lines += [f".. autoclass:: {path}"]
        own = methods(value, ours=True)
        lines += [f"   :members: {', '.join(own)}"] * bool(own)
    else:
        lines += [f".. autofunction:: {path}"]
    lines += ["```", ""]
    if inspect.isclass(value) and (inherited := methods(value, ours=False)):
        listed = ", ".join(f"`{method}`" for method in inherited)
        lines += [f"Inherited: {listed}.", ""]
    lines += ["```{eval-rst}", f".. minigallery:: {path}", "   :add-heading: Examples", "```", ""]
    return "\n".join(lines)


def package_page(package: ModuleType) -> str:
    """Return the page of a package: its docstring, and a table of its public names."""
    path = package.__name__
    rows = [
        f"| [`{name}`]({path}.{name}.md) | {summary(value)} |"
        for name, value in public(package).items()
    ]
    pages = [f"{name} <{path}.{name}>" for name in public(package)]
    return "\n".join(
        [
            f"# {path}",
            "",
            "```{eval-rst}",
            f".. automodule:: {path}",
            "   :no-members:",
            "```",
            "",
            "| name | what it is |",
            "| --- | --- |",
            *rows,
            "",
            "```{toctree}",
            ":hidden:",
            *pages,
            "```",
            "",
        ]
    )


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands below one."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield command
                yield from commands(command)


def command_page() -> str:
    """Return the page of the command line: the help of each command."""
    parser = argparse.ArgumentParser(prog="spectral-fast")
    subparsers = parser.add_subparsers()
    for add in _COMMANDS:
        add(subparsers)
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    lines = ["# Options of the commands", ""]
    for command in commands(parser):
        lines += [f"## {command.prog}", "", "```text", command.format_help().rstrip(), "```", ""]
    if columns is None:
        del os.environ["COLUMNS"]
    else:
        os.environ["COLUMNS"] = columns
    return "\n".join(lines)


def write_pages(app: Sphinx, config: Config) -> None:
    """Write the pages into ``reference/api``."""
    folder = Path(app.srcdir, "reference", "api")
    pages = {"command_line": command_page()}
    for package in packages():
        pages[package.__name__] = package_page(package)
        for name, value in public(package).items():
            path = f"{package.__name__}.{name}"
            pages[path] = object_page(path, value)
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
