"""The structure that keeps the package simple: who may import whom, and what imports cost."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "spectral_fast"
TWINS = ROOT / "tests" / "reference"

#: The parts of the package. Each may import from the lines above its own.
LAYERS = (
    {
        "_channels",
        "_ctrl_c",
        "_files",
        "_folds",
        "_plotting",
        "_registry",
        "_validation",
        "datasets",
        "kernels",
    },
    {"preprocessing", "cross_decomposition", "boosting", "_table_files"},
    {"feature_selection", "tables"},
    {"model_selection", "persistence"},
    {"dropin", "report"},
    {"cli"},
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}

#: What of Numba compiles a function.
COMPILERS = {"jit", "njit", "vectorize", "guvectorize", "stencil", "cfunc", "jitclass"}
DECORATORS = PACKAGE / "kernels" / "_jit.py"

STANDARD = set(sys.stdlib_module_names)
HEAVY = {"numba", "numpy", "pandas", "scipy", "sklearn", "joblib", "matplotlib"}


def read(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def sources(folder):
    return sorted(path for path in folder.rglob("*.py"))


def imported(tree, module=""):
    """Yield the dotted name of everything imported; `module` resolves relative imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def dotted(path):
    """Return the dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def part_of(name):
    """Return the part of the package that a dotted name lies in, None for the package itself."""
    root, _, rest = name.partition(".")
    part = rest.partition(".")[0]
    return part if root == "spectral_fast" and part in LAYER else None


def upward_imports(tree, module):
    """Return what a module imports from its own layer or above, other than its own part."""
    own = part_of(module)
    parts = {part_of(name) for name in imported(tree, module)} - {own, None}
    return sorted(part for part in parts if LAYER[part] >= LAYER[own])


def foreign_imports(tree, allowed, module=""):
    """Return the roots of what a module imports beside the standard library and `allowed`."""
    roots = {name.partition(".")[0] for name in imported(tree, module)}
    return sorted(roots - STANDARD - allowed)


def bare_compilers(tree):
    """Return the lines where a module compiles a function by itself."""
    lines = []
    numbas = {"numba"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "numba" and alias.asname
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba"):
            if COMPILERS & {alias.name for alias in node.names}:
                lines.append(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr in COMPILERS:
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in numbas:
                lines.append(node.lineno)
    return lines


def is_kernel_link(path):
    """Whether `path` links to the kernels; a clone without symbolic links has a text file."""
    target = "spectral_fast/kernels"
    if path.is_symlink():
        return Path(os.readlink(path)).as_posix() == target
    return path.is_file() and path.read_text(encoding="utf-8").strip() == target


def run_python(code, **environment):
    """Return what `code` prints in a fresh interpreter, with the compiler switched on."""
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def loaded_by(statement):
    """Return the top-level modules that a statement loads."""
    return set(run_python(f"import sys\n{statement}\nprint(*sys.modules)"))


def compilations(statement, cache):
    """Return the number of compilations that a statement starts with an empty cache."""
    code = (
        "from numba.core.event import install_recorder\n"
        "with install_recorder('numba:compile') as recorder:\n"
        f"    {statement}\n"
        "print(len(recorder.buffer))"
    )
    return int(run_python(code, NUMBA_CACHE_DIR=str(cache))[0])


package_sources = pytest.mark.parametrize("path", sources(PACKAGE), ids=dotted)


def test_every_part_has_a_layer():
    parts = {path.name.partition(".")[0] for path in PACKAGE.iterdir()}
    assert parts - {"__init__", "__pycache__", "py"} <= set(LAYER)


@package_sources
def test_imports_go_one_way(path):
    module = dotted(path)
    if part_of(module):  # the package itself loads its parts on demand
        assert upward_imports(read(path), module) == []


@pytest.mark.parametrize(
    ("module", "statement", "found"),
    [
        ("spectral_fast.kernels.snv", "import spectral_fast.preprocessing", ["preprocessing"]),
        ("spectral_fast.kernels.snv", "from ..preprocessing import SNV", ["preprocessing"]),
        ("spectral_fast.kernels.snv", "from spectral_fast import datasets", ["datasets"]),
        ("spectral_fast.preprocessing._x", "from spectral_fast.tables import x", ["tables"]),
        ("spectral_fast.preprocessing._x", "from .. import model_selection", ["model_selection"]),
        ("spectral_fast.model_selection._x", "from spectral_fast import report", ["report"]),
        ("spectral_fast.report._x", "def f():\n    import spectral_fast.cli", ["cli"]),
        ("spectral_fast.report._x", "from spectral_fast import __version__", []),
        ("spectral_fast.report._x", "from . import _y\nfrom ..kernels import snv", []),
        ("spectral_fast.cli", "from spectral_fast import report, kernels", []),
    ],
)
def test_an_import_the_wrong_way_is_found(module, statement, found):
    assert upward_imports(ast.parse(statement), module) == found


@pytest.mark.parametrize("path", sources(PACKAGE / "kernels"), ids=dotted)
def test_kernels_import_numba_and_numpy_only(path):
    allowed = {"numba", "llvmlite", "numpy", "spectral_fast"}  # llvmlite is a part of Numba
    if path == DECORATORS:
        allowed.add("threadpoolctl")  # BLAS gives its cores to the kernel's own threads
    assert foreign_imports(read(path), allowed, dotted(path)) == []


def test_a_foreign_import_is_found():
    tree = ast.parse("import math, numpy.linalg\nfrom scipy.signal import x\nimport sklearn as s")
    assert foreign_imports(tree, {"numpy"}) == ["scipy", "sklearn"]


@pytest.mark.parametrize("path", sources(TWINS), ids=lambda path: path.stem)
def test_twins_are_independent_of_the_package(path):
    # these are defined as loops over scikit-learn's estimators
    of_estimators = path.stem in (
        "importance",
        "search",
        "pls_cv",
        "plsda",
        "uve",
        "cars",
        "intervals",
        "random_frog",
    )
    allowed = {"numpy", "scipy", "tests"} | ({"sklearn"} if of_estimators else set())
    assert foreign_imports(read(path), allowed) == []


def test_a_dependent_twin_is_found():
    assert foreign_imports(ast.parse("import spectral_fast"), {"numpy"}) == ["spectral_fast"]


@package_sources
def test_one_module_compiles(path):
    assert bool(bare_compilers(read(path))) == (path == DECORATORS)


@pytest.mark.parametrize(
    "statement",
    [
        "import numba\n@numba.njit\ndef f(): pass",
        "import numba as nb\n@nb.njit(parallel=True)\ndef f(): pass",
        "import numba\nf = numba.core.decorators.jit(g)",
        "from numba import njit",
        "from numba import prange, vectorize as v",
        "from numba.experimental import jitclass",
    ],
)
def test_a_bare_compiler_is_found(statement):
    assert bare_compilers(ast.parse(statement))


@pytest.mark.parametrize(
    "statement", ["from numba import prange", "import numba\nnumba.get_num_threads()", "x.jit()"]
)
def test_other_uses_of_numba_are_none(statement):
    assert not bare_compilers(ast.parse(statement))


def test_the_kernels_are_in_sight_at_the_top():
    assert is_kernel_link(ROOT / "kernels")


def test_a_copy_of_the_kernels_is_no_link(tmp_path):
    assert not is_kernel_link(tmp_path)
    (tmp_path / "kernels").write_text("elsewhere", encoding="utf-8")
    assert not is_kernel_link(tmp_path / "kernels")
    (tmp_path / "kernels").write_text("spectral_fast/kernels", encoding="utf-8")
    assert is_kernel_link(tmp_path / "kernels")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("spectral_fast", HEAVY),
        ("spectral_fast.cli", HEAVY),
        ("spectral_fast.datasets", {"numba", "matplotlib"}),
        ("spectral_fast.model_selection", {"xgboost", "lightgbm", "catboost", "matplotlib"}),
    ],
)
def test_cheap_imports(module, unwanted):
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert loaded & unwanted == set()


def test_an_expensive_import_is_found():
    assert {"numba", "numpy"} <= loaded_by("import spectral_fast.kernels") & HEAVY


def test_imports_compile_nothing(tmp_path):
    everything = (
        "import spectral_fast.kernels, spectral_fast.preprocessing, "
        "spectral_fast.cross_decomposition, spectral_fast.model_selection, spectral_fast.report"
    )
    assert compilations(everything, tmp_path) == 0


def test_a_compilation_is_found(tmp_path):
    statement = "import numpy, spectral_fast.kernels as k; k.snv(numpy.eye(2), numpy.empty((2, 2)))"
    assert compilations(statement, tmp_path) > 0
