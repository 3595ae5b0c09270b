"""Pages of the reference, written at build time from the package itself.

Each public name of each public package gets a page, and each command its options; no list is
kept by hand. The pages of registered methods link to the section that `METHODS` names.
"""

import argparse
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from sphinx.application import Sphinx
from sphinx.config import Config

import spectral_fast
from spectral_fast._registry import METHODS
from spectral_fast.cli import _parser

SECTIONS = {method.estimator: method.docs for method in METHODS}

#: Columns of the help texts.
WIDTH = "88"


def public(module: ModuleType) -> dict[str, Any]:
    """Return what a module exports, by name: modules, classes and functions."""
    values = {name: getattr(module, name) for name in module.__all__}
    return {
        name: value
        for name, value in values.items()
        if callable(value) or isinstance(value, ModuleType)
    }


def summary(value: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def methods(value: type, *, ours: bool) -> list[str]:
    """Return the public methods of a class that this package defines, or that others do."""
    names = [name for name in sorted(dir(value)) if not name.startswith("_")]
    return [
        name
        for name in names
        if callable(getattr(value, name, None)) or isinstance(vars(value).get(name), property)
        if _is_ours(value, name) == ours
    ]


def _is_ours(value: type, name: str) -> bool:
    owner = next(base for base in value.__mro__ if name in vars(base))
    is_request = name.startswith("set_") and name.endswith("_request")  # scikit-learn adds them
    return owner.__module__.startswith("spectral_fast") and not is_request


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
    lines += [
        "```{eval-rst}",
        f".. minigallery:: {path}",
        f"   :add-heading: Examples with {name}",
        "```",
        "",
    ]
    return "\n".join(lines)


def module_page(module: ModuleType) -> str:
    """Return the page of a module: its docstring, and a table of its public names."""
    path = module.__name__
    rows = [
        f"| [`{name}`]({path}.{name}.md) | {summary(value)} |"
        for name, value in public(module).items()
    ]
    pages = [f"{name} <{path}.{name}>" for name in public(module)]
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
    lines = ["# Options of the commands", ""]
    with mock.patch.dict(os.environ, COLUMNS=WIDTH):
        for command in commands(_parser()):
            text = command.format_help().rstrip()
            lines += [f"## {command.prog}", "", "```text", text, "```", ""]
    return "\n".join(lines)


def python_pages(module: ModuleType) -> dict[str, str]:
    """Return the pages of a module and of all that it exports, by path."""
    pages = {module.__name__: module_page(module)}
    for name, value in public(module).items():
        if isinstance(value, ModuleType):
            pages |= python_pages(value)
        else:
            path = f"{module.__name__}.{name}"
            pages[path] = object_page(path, value)
    return pages


def write_pages(app: Sphinx, config: Config) -> None:
    """Write the pages into ``reference/api``."""
    folder = Path(app.srcdir, "reference", "api")
    folder.mkdir(exist_ok=True)
    pages = {"command_line": command_page(), **python_pages(spectral_fast)}
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")  # others need not be built again


def take_literally(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]):
    """Escape what reStructuredText would read as markup: ``coef_`` and ``|x|``, unless quoted."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`+[^`]*`+)", line)
            parts[::2] = [re.sub(r"(?<=\w)_(?![\w`*])|\|", r"\\\g<0>", part) for part in parts[::2]]
            lines[number] = "".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-docstring", take_literally, priority=900)  # after numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
