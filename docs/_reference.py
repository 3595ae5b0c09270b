"""Pages of the reference, written at build time from the package itself.

Each public name of each public package gets a page, and each command its options; no list is
kept by hand. The pages of registered methods link to the section that `METHODS` names.
"""

import argparse
import importlib
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


def methods(value: type, home: str) -> list[str]:
    """Return the public methods and properties of a class that the package `home` defines."""
    return [
        name
        for name in sorted(dir(value))
        if not name.startswith("_") and _home(value, name) == home
    ]


def _home(value: type, name: str) -> str:
    """Return the package that a method or property of a class comes from; of others, nothing."""
    owner = next(base for base in value.__mro__ if name in vars(base))
    member = vars(owner)[name]
    if name.startswith("set_") and name.endswith("_request"):
        return "sklearn"  # it adds them to each class
    if not (callable(member) or hasattr(member, "__get__")) or hasattr(owner, "_fields"):
        return ""
    return owner.__module__.partition(".")[0]


def object_page(path: str, value: Any) -> str:
    """Return the page of a class or a function."""
    name = path.rpartition(".")[2]
    lines = [f"# {name}", ""]
    if path in SECTIONS:
        lines += [f"[Formula, paper and what differs](../../{SECTIONS[path]})", ""]
    lines += ["```{eval-rst}"]
    if inspect.isclass(value):
        lines += [f".. autoclass:: {path}"]
        own = methods(value, "spectral_fast")
        lines += [f"   :members: {', '.join(own)}"] * bool(own)
    else:
        lines += [f".. autofunction:: {path}"]
    lines += ["```", ""]
    if inspect.isclass(value) and (inherited := methods(value, "sklearn")):
        listed = ", ".join(f"`{method}`" for method in inherited)
        lines += [f"From scikit-learn: {listed}.", ""]
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


def estimators_page() -> str:
    """Return the page with the table of all registered estimators."""
    rows = []
    for method in METHODS:
        package, _, name = method.estimator.rpartition(".")
        value = getattr(importlib.import_module(package), name)
        kernel = f"spectral_fast.kernels.{method.kernel}"
        rows.append(
            f"| [`{name}`]({method.estimator}.md) | {summary(value)} "
            f"| [formula, paper](../../{method.docs}) "
            f"| {f'[`{method.kernel}`]({kernel}.md)' if method.kernel else ''} |"
        )
    head = ["| estimator | what it is | method | kernel of its own |", "| --- | --- | --- | --- |"]
    return "\n".join(["# Estimators at a glance", "", *head, *rows, ""])


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
    pages = {
        "command_line": command_page(),
        "estimators": estimators_page(),
        **python_pages(spectral_fast),
    }
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")  # others need not be built again


def take_literally(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
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
