"""The examples of the documentation run, without a warning."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


def run(path):
    # With the compiler, which the suite's second run switches off, and without a window.
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    return subprocess.run(
        [sys.executable, "-W", "error", path],
        cwd=ROOT,
        env=inherited | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path):
    pytest.importorskip("matplotlib")
    done = run(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_there_are_examples():
    assert EXAMPLES


def test_a_failing_example_is_found(tmp_path):
    path = tmp_path / "fails.py"
    path.write_text("import warnings\nwarnings.warn('no')\n", encoding="utf-8")
    assert run(path).returncode != 0
