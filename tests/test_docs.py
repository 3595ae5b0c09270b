"""What README and docs show must be there and run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def relative_links(text):
    return [
        link
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not link.startswith(("http", "#", "mailto"))
    ]


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    missing = [
        link for link in relative_links(text) if not (page.parent / link.partition("#")[0]).exists()
    ]
    assert missing == []


@every_page
def test_python_blocks_run(page, capsys):
    """The blocks of a page, one after another, as a reader would run them."""
    namespace = {}
    for block in python_blocks(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), namespace)


def test_readme_has_blocks_and_links():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(python_blocks(text)) >= 2
    assert len(relative_links(text)) >= 4


def test_readme_has_two_commands_that_do_all_set_up():
    """One line each; `.ci/run` takes them from here."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(python3 -m venv .*)\n```", text, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("spectral-fast demo")
    assert "python -m pytest" in commands[1]


def test_planted_faults_are_found():
    assert relative_links("[a](docs/none.md) [b](https://x.org)") == ["docs/none.md"]
    assert python_blocks("```python\n1 / 0\n```\n```sh\nx\n```\n") == ["1 / 0\n"]
