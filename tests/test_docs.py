"""What README and docs show must be there and run."""

import contextlib
import importlib.util
import io
import re
import shlex
from pathlib import Path

import numba
import pytest

import spectral_fast
from spectral_fast import cli
from spectral_fast.kernels import _jit

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
#: What a build of the site writes.
MADE = ("_build", "auto_gallery", "reference/api")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(
        page
        for page in DOCS.rglob("*.md")
        if not page.relative_to(DOCS).as_posix().startswith(MADE)
    ),
]


def relative_links(text):
    return [
        link
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not link.startswith(("http", "#", "mailto"))
    ]


def all_blocks(text):
    """Yield language and content of each block, below as many empty lines as lie above it."""
    for block in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield block.group(1), "\n" * text.count("\n", 0, block.start(2)) + block.group(2)


def blocks(text, language):
    return [block for each, block in all_blocks(text) if each == language]


def shell_commands(block):
    """Return the commands of a shell block, as lists of words."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def lines_of(text):
    return {" ".join(line.split()) for line in text.splitlines() if line.strip()}


def parse(words):
    """Let the command line read a command, without running it."""
    return cli._parser().parse_args(words)


def run_page(text, path, *, with_commands=False):
    """Run the blocks one after another, as a reader would.

    Each line of an ``output`` block must have been printed above it.
    """
    namespace = {"__name__": Path(path).stem}
    printed = io.StringIO()
    for language, block in all_blocks(text):
        with contextlib.redirect_stdout(printed):
            if language == "python":
                exec(compile(block, str(path), "exec"), namespace)
            elif language == "sh" and with_commands:
                for words in shell_commands(block):
                    if words[0] == "spectral-fast":
                        assert cli.main(words[1:]) == 0
        if language == "output":
            assert lines_of(block) <= lines_of(printed.getvalue()), printed.getvalue()


every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).with_suffix("").as_posix()
)


@every_page
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    missing = [
        link for link in relative_links(text) if not (page.parent / link.partition("#")[0]).exists()
    ]
    assert missing == []


@every_page
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what a block writes is gone afterwards
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = page.read_text(encoding="utf-8")
    if "@kernel" in text:  # it is of this run only: no module holds it
        monkeypatch.setattr(_jit, "_kernels", [*_jit._kernels])
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    run_page(text, page, with_commands=page.name == "getting_started.md")


@every_page
def test_commands_exist(page):
    for block in blocks(page.read_text(encoding="utf-8"), "sh"):
        for words in shell_commands(block):
            if words[0] == "spectral-fast":
                parse(words[1:])
            elif words[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(words[2]), words


def test_readme_has_blocks_and_links():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(blocks(text, "python")) >= 2
    assert len(relative_links(text)) >= 4


def test_readme_has_two_commands_that_do_all_set_up():
    """One line each; `.ci/run` takes them from here."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(python3 -m venv .*)\n```", text, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("spectral-fast demo")
    assert "python -m pytest" in commands[1]


def test_picture_shows_every_part():
    picture = (DOCS / "images" / "architecture.svg").read_text(encoding="utf-8")
    assert [part for part in spectral_fast._SUBMODULES if f">{part}<" not in picture] == []


def test_planted_faults_are_found():
    assert relative_links("[a](docs/none.md) [b](https://x.org)") == ["docs/none.md"]
    text = "```python\nprint(1)\n```\n```sh\nx\n```\n"
    assert blocks(text, "python") == ["\nprint(1)\n"]
    run_page(text + "```output\n1\n```\n", "page.md")
    with pytest.raises(AssertionError):
        run_page(text + "```output\n2\n```\n", "page.md")
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", "page.md")


def test_planted_command_is_found(capsys):
    block = "\nspectral-fast search a.csv \\\n    --targett fat  # no\n"
    words = shell_commands(block)[0]
    assert words == ["spectral-fast", "search", "a.csv", "--targett", "fat"]
    with pytest.raises(SystemExit):
        parse(words[1:])
