"""The decorator: what it compiles, when it runs in parallel, and that nothing makes it crash."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numba
import numpy as np
import pytest
import threadpoolctl

from spectral_fast import kernels, warm_up
from spectral_fast.kernels import _jit

compiled_only = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="there is no compiled code without the compiler"
)
needs_threads = pytest.mark.skipif(
    numba.config.NUMBA_NUM_THREADS < 2, reason="one thread never runs in parallel"
)


def run_python(code, *arguments, **environment):
    """Run `code` in a fresh interpreter and return what it prints; fail if it does not end well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, **environment},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture
def calls(monkeypatch):
    """Record which version of `snv` runs, and let it run in parallel however small the work."""
    record = []

    def recorded(name, function):
        def call(*args):
            record.append(name)
            return function(*args)

        return call

    for name in ("serial", "parallel"):
        monkeypatch.setattr(kernels.snv, name, recorded(name, getattr(kernels.snv, name)))
    monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 0)
    return record


def snv_of(X):
    out = np.empty_like(X)
    kernels.snv(X, out)
    return out


X = np.random.default_rng(0).normal(size=(5, 7))
EXPECTED = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)


class TestChoice:
    @needs_threads
    def test_parallel_where_it_pays(self, calls):
        np.testing.assert_allclose(snv_of(X), EXPECTED, rtol=1e-12)
        assert calls == ["parallel"]

    def test_serial_for_little_work(self, calls, monkeypatch):
        monkeypatch.setattr(_jit, "MIN_PARALLEL_WORK", 4 * X.size + 1)
        snv_of(X)
        assert calls == ["serial"]

    def test_serial_with_one_thread(self, calls):
        with kernels.thread_limit(1):
            snv_of(X)
        assert calls == ["serial"]

    def test_serial_in_a_forked_child(self, calls, monkeypatch):
        monkeypatch.setattr(_jit, "_forked", True)
        snv_of(X)
        assert calls == ["serial"]

    @needs_threads
    def test_serial_while_another_thread_is_parallel(self, calls):
        with _jit._parallel_region:
            snv_of(X)
        assert calls == ["serial"]
        snv_of(X)
        assert calls == ["serial", "parallel"]

    @needs_threads
    def test_an_error_leaves_the_parallel_region(self, calls):
        with pytest.raises(Exception, match=r"."):
            kernels.snv(X, None)
        snv_of(X)
        assert calls[-1] == "parallel"


class TestThreads:
    def test_limit_is_restored_after_an_error(self):
        before = kernels.get_num_threads()

        def fail():
            with kernels.thread_limit(1):
                inside.append(kernels.get_num_threads())
                raise ZeroDivisionError

        inside = []
        with pytest.raises(ZeroDivisionError):
            fail()
        assert inside == [1]
        assert kernels.get_num_threads() == before

    def test_limit_never_raises_the_number(self):
        before = kernels.get_num_threads()
        with kernels.thread_limit(before + 100):
            assert kernels.get_num_threads() == before

    @needs_threads
    def test_set_follows_numba(self):
        before = numba.get_num_threads()
        try:
            kernels.set_num_threads(1)
            assert numba.get_num_threads() == 1
        finally:
            kernels.set_num_threads(before)


class TestInputs:
    def test_inputs_are_protected(self):
        @_jit.kernel(work=lambda X, out: 0, examples=lambda: [(np.ones(2), np.ones(2))])
        def spoil(X, out):
            X[0] = 1.0

        _jit._kernels.remove(spoil)
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            spoil(np.zeros(2), np.zeros(2))

    def test_read_only_memory_map(self, tmp_path):
        np.save(tmp_path / "spectra.npy", X)
        mapped = np.load(tmp_path / "spectra.npy", mmap_mode="r")
        np.testing.assert_allclose(snv_of(mapped), EXPECTED, rtol=1e-12)

    @compiled_only
    def test_read_only_input_compiles_nothing_new(self):
        snv_of(X)
        before = len(kernels.snv.serial.signatures)
        frozen = X.copy()
        frozen.flags.writeable = False
        out = np.empty_like(X)
        kernels.snv(frozen, out)
        assert len(kernels.snv.serial.signatures) == before

    def test_wrong_number_of_arguments(self):
        with pytest.raises(ValueError, match="zip"):
            kernels.snv(X)


class TestCompilation:
    @compiled_only
    def test_warm_up_compiles_both_versions(self):
        warm_up()
        for each in _jit._kernels:
            assert each.serial.signatures, each.__name__
            assert each.parallel.signatures, each.__name__

    @compiled_only
    def test_warm_up_covers_every_call(self):
        """After `warm_up`, ordinary use of the package compiles nothing."""
        printed = run_python(
            """
            import numpy as np
            import spectral_fast
            from spectral_fast.cross_decomposition import PLSRegression
            from spectral_fast.kernels import _jit
            from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay

            def count():
                return sum(
                    len(version.signatures)
                    for kernel in _jit._kernels
                    for version in (kernel.serial, kernel.parallel)
                )

            spectral_fast.warm_up()
            before = count()
            _jit.MIN_PARALLEL_WORK = 0
            X = np.random.default_rng(0).normal(size=(9, 20))
            for limit in (1, 2):
                with spectral_fast.kernels.thread_limit(limit):
                    for dtype in (np.float64, np.float32, np.int64):
                        for each in (SNV(), MSC(), SavitzkyGolay(5)):
                            each.fit_transform((100 * X).astype(dtype))
                    for y in (X[:, 0], X[:, :2]):
                        PLSRegression(2).fit(X, y)
            print(count() - before)
            """
        )
        assert printed == "0"

    def test_unwritable_cache_directory(self, tmp_path):
        """Where no directory can be written, kernels are compiled in memory.

        Every directory that Numba would use is made a file, which stops even root.
        """
        blocked = tmp_path / "file"
        blocked.write_text("")
        package = Path(kernels.__file__).parents[1]
        copy = tmp_path / "installed" / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
        (copy / "kernels" / "__pycache__").write_text("")
        printed = run_python(
            """
            import sys
            sys.path.insert(0, sys.argv[1])
            import logging
            import numpy as np
            logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message).28s")
            from spectral_fast.kernels import scatter

            assert scatter.__file__.startswith(sys.argv[1])
            out = np.empty((1, 3))
            scatter.snv(np.array([[1.0, 2.0, 3.0]]), out)
            print(out.round(3).tolist())
            """,
            str(copy.parent),
            NUMBA_CACHE_DIR=str(blocked / "below"),
            XDG_CACHE_HOME=str(blocked),
            HOME=str(blocked),
        )
        assert printed.splitlines()[-1] == "[[-1.225, 0.0, 1.225]]"
        if not numba.config.DISABLE_JIT:
            assert "snv is compiled in memory on" in printed

    @compiled_only
    def test_cache_that_cannot_be_saved(self, tmp_path):
        """A disk that fills up after the start costs the saved code, not the result."""
        printed = run_python(
            """
            import numpy as np
            from numba.core import caching

            def full(*args, **kwargs):
                raise OSError(28, "No space left on device")

            caching.IndexDataCacheFile.save = full
            from spectral_fast import kernels

            out = np.empty((1, 3))
            kernels.snv(np.array([[1.0, 2.0, 3.0]]), out)
            print(out.round(3).tolist())
            """,
            NUMBA_CACHE_DIR=str(tmp_path),
        )
        assert printed == "[[-1.225, 0.0, 1.225]]"

    @compiled_only
    def test_serial_and_parallel_code_do_not_share_a_cache_entry(self):
        names = {kernels.snv.serial._cache._name, kernels.snv.parallel._cache._name}
        files = {
            version._cache._impl.filename_base
            for version in (kernels.snv.serial, kernels.snv.parallel)
        }
        assert len(files) == 2, names

    @pytest.mark.parametrize("flag", ["nnan", "ninf", "fast"])
    def test_fast_math_flags_that_lose_nan_are_refused(self, flag):
        with pytest.raises(ValueError, match=flag):
            _jit.helper(fastmath=(flag,))(lambda x: x)


THREADS = """
    import threading
    import numba
    import numpy as np
    from spectral_fast import kernels
    from spectral_fast.kernels import _jit

    _jit.MIN_PARALLEL_WORK = 0
    X = np.random.default_rng(0).normal(size=(40, 60))
    expected = np.empty_like(X)
    kernels.snv(X, expected)
    faults = []

    def work():
        out = np.empty_like(X)
        for _ in range(50):
            out[:] = 0
            kernels.snv(X, out)
            kernels.nipals(X, X[:, :1], 2, True, 500, 1e-6)
            if not np.array_equal(out, expected):
                faults.append("differs")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(numba.threading_layer(), faults)
"""

FORK = """
    import os
    import numba
    import numpy as np
    from spectral_fast import kernels
    from spectral_fast.kernels import _jit

    _jit.MIN_PARALLEL_WORK = 0
    X = np.random.default_rng(0).normal(size=(40, 60))
    before, after = np.empty_like(X), np.empty_like(X)
    kernels.snv(X, before)
    child = os.fork()
    if child == 0:
        kernels.snv(X, after)
        kernels.nipals(X, X[:, :1], 2, True, 500, 1e-6)
        os._exit(0 if np.array_equal(before, after) else 3)
    print(numba.threading_layer(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@compiled_only
@needs_threads
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
class TestThreadingLayers:
    def test_eight_threads(self, layer):
        assert run_python(THREADS, NUMBA_THREADING_LAYER=layer) == f"{layer} []"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
    def test_forked_child(self, layer):
        assert run_python(FORK, NUMBA_THREADING_LAYER=layer) == f"{layer} 0"


@compiled_only
@needs_threads
@pytest.mark.parametrize(
    ("layer", "program", "fault"),
    [("workqueue", THREADS, "_parallel_region"), ("omp", FORK, "_forked")],
)
def test_without_protection_the_process_dies(layer, program, fault):
    """The two programs above can fail: without the lock or the fork mark they do."""
    disable = {
        "_parallel_region": "_jit._parallel_region = type('', (), {"
        "'acquire': lambda self, blocking: True, 'release': lambda self: None})()",
        "_forked": "_jit._mark_forked = None\n"
        "    import os as _os; _os.register_at_fork("
        "after_in_child=lambda: setattr(_jit, '_forked', False))",
    }[fault]
    unprotected = program.replace(
        "_jit.MIN_PARALLEL_WORK = 0", f"_jit.MIN_PARALLEL_WORK = 0\n    {disable}"
    )
    with pytest.raises(AssertionError, match=r"exit -|omp -"):
        assert run_python(unprotected, NUMBA_THREADING_LAYER=layer).endswith(("[]", " 0")), "omp -"


class TestBlas:
    @staticmethod
    def n_threads():
        return {
            each["num_threads"]
            for each in threadpoolctl.threadpool_info()
            if each["user_api"] == "blas"
        }

    def test_one_thread_inside_and_as_before_outside(self):
        before = self.n_threads()
        with kernels.one_blas_thread():
            assert self.n_threads() == {1}
            with kernels.one_blas_thread():
                assert self.n_threads() == {1}
            assert self.n_threads() == {1}
        assert self.n_threads() == before

    def test_another_thread_does_not_end_it(self):
        before = self.n_threads()
        with kernels.one_blas_thread():
            other = threading.Thread(target=lambda: kernels.one_blas_thread().__enter__())
            other.start()
            other.join()
        assert self.n_threads() == {1}
        kernels.one_blas_thread().__exit__()
        assert self.n_threads() == before
