"""The scripts of the gallery run as plain Python, without a warning."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))


def run(path):
    # With the compiler, which the suite's second run switches off, and without a window.
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    no_window = "ignore:FigureCanvasAgg is non-interactive:UserWarning"
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", no_window, path],
        cwd=ROOT,
        env=inherited | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def missing(path):
    """Return the packages that a script imports and that are not installed."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    packages = {name.split(".")[0] for name in names}
    return sorted(name for name in packages if importlib.util.find_spec(name) is None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path):
    if missing(path):
        pytest.skip(f"needs {', '.join(missing(path))}")
    done = run(path)
    assert done.returncode == 0, done.stderr


def test_there_are_examples():
    assert EXAMPLES


def test_what_an_example_lacks_is_found(tmp_path):
    path = tmp_path / "imports.py"
    path.write_text("import numpy.linalg\nfrom no_such_package.x import y\n", encoding="utf-8")
    assert missing(path) == ["no_such_package"]


def test_a_failing_example_is_found(tmp_path):
    path = tmp_path / "fails.py"
    path.write_text("import warnings\nwarnings.warn('no')\n", encoding="utf-8")
    assert run(path).returncode != 0
