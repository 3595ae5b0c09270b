"""Replacing functions and classes of other packages, and taking that back."""

import importlib.util
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import sklearn.cross_decomposition
from numpy.testing import assert_array_equal
from sklearn.base import clone

from spectral_fast import cross_decomposition, dropin
from spectral_fast.datasets import load_gasoline
from spectral_fast.dropin import _targets
from tests import standin

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def nothing_patched():
    assert dropin.status() == []
    yield
    for target in _targets.TARGETS:
        dropin.unpatch(target)


@pytest.fixture
def application():
    with standin.on_path():
        yield
        dropin.unpatch(standin.NAME)


@pytest.fixture
def variant(tmp_path):
    """Return a function that makes the application one whose file has a text replaced."""
    path = standin.on_path(tmp_path)

    def make(module, old, new):
        for file in (ROOT / "tests" / "standin" / standin.NAME).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            if file.stem == module:
                assert old in text
                text = text.replace(old, new)
            target = tmp_path / standin.NAME / file.name
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
        path.__enter__()

    yield make
    path.__exit__(None, None, None)


def load_application():
    return {module: standin.load(module) for module in standin.MODULES}


def contents(modules):
    """Return every object that a module holds by a name that is not Python's own."""
    return {
        (module, name): value
        for module, found in modules.items()
        for name, value in vars(found).items()
        if not name.startswith("__")
    }


def same(one, other):
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)


every_quirk = pytest.mark.parametrize("quirks", _targets.QUIRKS)


@every_quirk
def test_unpatching_leaves_every_module_as_it_was(application, quirks):
    modules = load_application()
    before = contents(modules)
    for _ in range(2):
        dropin.patch(standin.NAME, quirks=quirks)
        replaced = contents(modules)
        assert not same(before, replaced)
        changed = {key for key in before if before[key] is not replaced[key]}
        assert ("search", "spa_selection") in changed
        assert {("preprocess", "SNV"), ("variable_selection", "spa_selection")} <= changed
        assert ("models", "compute_vip") in changed or quirks == "keep"
        dropin.unpatch(standin.NAME)
        assert same(before, contents(modules))


def test_patching_and_unpatching_twice_in_a_row(application):
    modules = load_application()
    before = contents(modules)
    dropin.patch(standin.NAME)
    once = contents(modules)
    dropin.patch(standin.NAME)
    assert same(once, contents(modules))
    dropin.unpatch(standin.NAME)
    dropin.unpatch(standin.NAME)
    assert same(before, contents(modules))


def test_patching_before_the_application_is_imported(application):
    assert standin.NAME not in sys.modules
    dropin.patch(standin.NAME)
    search, selection = standin.load("search"), standin.load("variable_selection")
    assert search.spa_selection is selection.spa_selection
    assert search.spa_selection.__module__.startswith("spectral_fast.")
    dropin.unpatch(standin.NAME)
    assert search.spa_selection is selection.spa_selection
    assert search.spa_selection.__module__.startswith(standin.NAME)


def test_what_was_imported_while_patched_is_given_back(application, monkeypatch):
    dropin.patch(standin.NAME)
    user = type(sys)("user")
    monkeypatch.setitem(sys.modules, "user", user)
    user.select = ours = standin.load("variable_selection").ipls_selection
    dropin.unpatch(standin.NAME)
    assert user.select is not ours
    assert user.select is standin.load("variable_selection").ipls_selection


def test_names_bound_elsewhere_are_found(application, monkeypatch):
    user = type(sys)("user")
    user.snv = original = standin.load("preprocess").SNV
    monkeypatch.setitem(sys.modules, "user", user)
    with dropin.patched(standin.NAME):
        assert user.snv is not original
        places = {place for each in dropin.status() for place in each.places}
        assert {"user.snv", "spectral_predict.preprocess.SNV"} <= places
    assert user.snv is original


def test_a_lazy_module_stays_unloaded(application, monkeypatch, tmp_path):
    (tmp_path / "idle.py").write_text("raise AssertionError", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("idle", tmp_path / "idle.py")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "idle", module)
    with dropin.patched(standin.NAME):
        dropin.status()


def test_quirks_can_be_changed(application):
    selection = standin.load("variable_selection")
    original = selection.uve_selection
    dropin.patch(standin.NAME)
    kept = selection.uve_selection
    with dropin.patched(standin.NAME, quirks="fix"):
        assert selection.uve_selection not in (kept, original)
        assert {each.quirks for each in dropin.status()} == {"fix"}
    assert selection.uve_selection is kept
    assert {each.quirks for each in dropin.status()} == {"keep"}
    dropin.unpatch(standin.NAME)
    assert selection.uve_selection is original


def test_a_block_that_fails_is_unpatched(application):
    original = standin.load("preprocess").SNV
    with pytest.raises(RuntimeError, match="of the block"), dropin.patched(standin.NAME):
        raise RuntimeError("of the block")
    assert standin.load("preprocess").SNV is original


def test_status_lists_what_is_replaced(application):
    dropin.patch(standin.NAME)
    names = [each.name for each in dropin.status()]
    assert "spectral_predict.preprocess.SavgolDerivative" in names
    assert "spectral_predict.variable_selection.uve_spa_selection" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dropin.patch("spectral_predicts"), "`target` must be one of sklearn, spectral_"),
        (lambda: dropin.unpatch("nothing"), "`target` must be one of"),
        (lambda: dropin.patch("sklearn", quirks="both"), "`quirks` must be one of keep, fix"),
    ],
)
def test_unknown_choices_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("module", "old", "new", "error", "message"),
    [
        ("variable_selection", "def ipls_", "def jpls_", ImportError, "no .*ipls_selection"),
        ("preprocess", "import numpy", "import no_numpy", ImportError, "preprocess cannot be imp"),
        ("variable_selection", "n_intervals=20,", "", TypeError, r"\(missing: n_intervals\)"),
        ("preprocess", "window=7,", "window=9,", TypeError, r"another default: window\)"),
        (
            "variable_selection",
            "def spa_selection(X, y, n_features,",
            "def spa_selection(X, y, seed, n_features,",
            TypeError,
            r"spa_selection .*\(unknown: seed\)",
        ),
        (
            "variable_selection",
            "def spa_selection(X, y, n_features,",
            "def spa_selection(y, X, n_features,",
            TypeError,
            r"spa_selection .*\(in another order\)",
        ),
    ],
)
def test_other_versions_are_refused_and_left_alone(variant, module, old, new, error, message):
    variant(module, old, new)
    with pytest.raises(error, match=message):
        dropin.patch(standin.NAME)
    assert dropin.status() == []
    for name in {"preprocess", "variable_selection"} - {module}:
        for value in vars(standin.load(name)).values():
            assert not getattr(value, "__module__", "").startswith("spectral_fast")


def test_a_missing_application_is_named(tmp_path):
    with standin.on_path(tmp_path), pytest.raises(ImportError, match="PYTHONPATH"):
        dropin.patch(standin.NAME)


def fitted():
    X, y = load_gasoline(return_X_y=True)
    return sklearn.cross_decomposition.PLSRegression(3, scale=False).fit(X, y), X


def test_models_of_either_load_with_and_without_the_patch():
    original = sklearn.cross_decomposition.PLSRegression
    theirs, X = fitted()
    old = pickle.dumps(theirs)
    with dropin.patched("sklearn"):
        ours, _ = fitted()
        new = pickle.dumps(ours)
        loaded = pickle.loads(old)
        assert type(loaded) is type(ours) is sklearn.cross_decomposition.PLSRegression
        assert_array_equal(loaded.predict(X), theirs.predict(X))
        assert type(pickle.loads(new)) is type(ours)
        assert type(clone(ours)) is type(ours)
        older = pickle.dumps(theirs)  # a model that was there before the patch
        assert_array_equal(pickle.loads(older).predict(X), theirs.predict(X))
    assert type(pickle.loads(older)) is original
    assert pickle.dumps(theirs) == old
    for data in (new, pickle.dumps(ours)):  # one of them written after the patch
        loaded = pickle.loads(data)
        assert type(loaded) is original
        assert_array_equal(loaded.predict(X), ours.predict(X))


def test_classes_of_a_user_derive_from_the_replacement():
    with dropin.patched("sklearn"):

        class Mine(sklearn.cross_decomposition.PLSRegression):
            pass

        assert issubclass(Mine, cross_decomposition.PLSRegression)
        assert type(clone(Mine())) is Mine
        with pytest.raises((AttributeError, pickle.PicklingError), match="Mine"):
            pickle.dumps(Mine())


def run(*arguments, cwd, folder=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "spectral_fast.dropin", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_scikit_learns_own_tests_pass_with_the_patch(tmp_path):
    (tmp_path / "test_class.py").write_text(
        textwrap.dedent(
            """
            from sklearn.cross_decomposition.tests import test_pls

            def test_the_tests_use_ours():
                assert "spectral_fast" in test_pls.PLSRegression.__mro__[2].__module__
            """
        ),
        encoding="utf-8",
    )
    done = run(
        *("sklearn", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_class.py"),
        *("--pyargs", "sklearn.cross_decomposition.tests.test_pls"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) >= 40


def test_a_program_runs_patched(tmp_path):
    (tmp_path / "program.py").write_text(
        "import sys\n"
        "from spectral_predict.variable_selection import spa_selection\n"
        "print(__name__, sys.argv[1:], spa_selection.__module__)\n",
        encoding="utf-8",
    )
    expected = ["__main__", "['-m',", "'-x',", "'1']", "spectral_fast.dropin.spectral_predict."]
    for program, module in ((("-m", "program"), "_textbook"), (("program.py",), "_textbook")):
        done = run(
            *("--quirks", "fix", standin.NAME, *program, "-m", "-x", "1"),
            cwd=tmp_path,
            folder=Path(standin.__file__).parent,
        )
        assert done.stderr == ""
        assert done.stdout.split() == [*expected[:-1], expected[-1] + module]


def test_a_program_that_cannot_be_patched_is_not_run(tmp_path):
    done = run(standin.NAME, "-m", "this", cwd=tmp_path, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 'spectral_predict' cannot be patched")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the program"),
        (["none.py"], "there is no script none.py"),
        (["--quirks", "fix", "program.py"], "--quirks belongs before the target"),
    ],
)
def test_a_program_that_is_not_there_is_an_error(tmp_path, arguments, message):
    done = run("sklearn", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
