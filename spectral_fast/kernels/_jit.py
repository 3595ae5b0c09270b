"""The one place that decides how a kernel is compiled and how it runs.

A kernel is one Python function compiled twice, serially and with its ``prange``
loops on all threads. Each call picks one of the two:

- serial where the work would not pay for waking and joining the threads;
- serial in a forked child, because GNU OpenMP kills a child that enters a
  parallel region after its parent did;
- serial while another Python thread runs a parallel kernel, because the
  ``workqueue`` threading layer aborts the process on a second entry and the
  other layers would only share the same cores;
- serial where Numba has one thread, as in joblib's workers;
- parallel otherwise.

Both compilations add floating-point numbers in the same order, so the choice
never shows in a result.
"""

import contextlib
import functools
import importlib
import inspect
import logging
import os
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numba
import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = [
    "Kernel",
    "get_num_threads",
    "helper",
    "kernel",
    "one_blas_thread",
    "set_num_threads",
    "thread_limit",
    "warm_up",
]

_log = logging.getLogger(__name__)

#: Least work, in elementary operations on array elements, for which a parallel
#: run is worth its barrier: about half a millisecond of serial work. The barrier
#: takes 20 µs on an idle machine and milliseconds on a busy one.
MIN_PARALLEL_WORK = 5_000_000

#: Only explicit ``prange`` loops run in parallel: Numba's own conversion of
#: array expressions and reductions would make results depend on the threads.
_PRANGE_ONLY = {
    "comprehension": False,
    "reduction": False,
    "inplace_binop": False,
    "setitem": False,
    "numpy": False,
    "stencil": False,
    "fusion": False,
    "prange": True,
}

#: Flags a kernel may name. ``nnan`` and ``ninf`` are not among them: NaN and
#: infinity must come through.
_FASTMATH = frozenset({"nsz", "arcp", "contract", "reassoc", "afn"})

_kernels: list["Kernel"] = []
_parallel_region = threading.Lock()
_forked = False


def _mark_forked() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def _njit(
    function: Callable,
    *,
    parallel: bool,
    fastmath: frozenset[str],
    cache: bool,
    forceinline: bool = False,
) -> Callable:
    unknown = fastmath - _FASTMATH
    if unknown:
        raise ValueError(f"fastmath flags {sorted(unknown)} are not among {sorted(_FASTMATH)}")
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": set(fastmath) or False,
        "parallel": dict(_PRANGE_ONLY) if parallel else False,
        "forceinline": forceinline,
    }
    try:
        return numba.njit(cache=cache, **options)(function)
    except RuntimeError as error:  # no directory is writable
        _log.info("%s is compiled in memory only: %s", function.__qualname__, error)
        return numba.njit(cache=False, **options)(function)


def _renamed(function: types.FunctionType, suffix: str) -> types.FunctionType:
    """Copy `function` under another name: Numba's disk cache is keyed by name, not by options."""
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    copy.__qualname__ = f"{function.__qualname__}{suffix}"
    copy.__module__ = function.__module__
    return copy


class Kernel:
    """A function compiled serially and in parallel; calling it runs the better one.

    Array arguments reach the compiled code read-only unless their parameter's
    name starts with ``out`` or ``work``. A kernel thus cannot change its input,
    and read-only memory maps need no compilation of their own.

    Parameters
    ----------
    function : function
        The Python source, kept as `py_func`.
    work : callable
        Takes the call's arguments, returns the number of elementary operations.
    examples : callable
        Returns argument tuples, one for each type signature in use.
    fastmath : frozenset of str
        LLVM flags of both compilations.
    blas : bool
        Whether the function multiplies matrices. BLAS then has one thread while it
        runs: the kernel's own threads are what runs in parallel, and results cannot
        depend on how BLAS would have split a product.
    """

    def __init__(
        self,
        function: types.FunctionType,
        work: Callable[..., float],
        examples: Callable[[], Iterable[tuple]],
        fastmath: frozenset[str],
        blas: bool,
    ):
        functools.update_wrapper(self, function)
        self.py_func = function
        self.serial = _njit(function, parallel=False, fastmath=fastmath, cache=True)
        self.parallel = _njit(
            _renamed(function, "_parallel"), parallel=True, fastmath=fastmath, cache=True
        )
        self._work = work
        self._examples = examples
        self._limit = one_blas_thread if blas else contextlib.nullcontext
        self._is_input = [
            not name.startswith(("out", "work")) for name in inspect.signature(function).parameters
        ]

    def __call__(self, *args: Any) -> Any:
        """Run on `args`, in parallel where that is safe and pays."""
        protected = self._protect(args)
        pays = self._work(*args) >= MIN_PARALLEL_WORK
        with self._limit():
            if _forked or not pays or get_num_threads() == 1:
                return _despite_full_disk(self.serial, *protected)
            if not _parallel_region.acquire(blocking=False):
                return _despite_full_disk(self.serial, *protected)
            try:
                return _despite_full_disk(self.parallel, *protected)
            finally:
                _parallel_region.release()

    def warm_up(self) -> None:
        """Compile both versions for every signature in use, or load them from disk."""
        for args in self._examples():
            signature = tuple(map(numba.typeof, self._protect(args)))
            for function in (self.serial, self.parallel):
                if hasattr(function, "compile"):  # a plain function under NUMBA_DISABLE_JIT
                    _despite_full_disk(function.compile, signature)

    def _protect(self, args: tuple) -> list:
        protected = list(args)
        for position, (arg, is_input) in enumerate(zip(args, self._is_input, strict=True)):
            if is_input and isinstance(arg, np.ndarray):
                protected[position] = arg.view()
                protected[position].setflags(write=False)
        return protected


class _OneBlasThread:
    """Gives BLAS one thread while any Python thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._blas: ThreadpoolController | None = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                if self._blas is None:
                    # What Numba's products call is SciPy's BLAS, which its first product loads.
                    importlib.import_module("scipy.linalg.cython_blas")
                    self._blas = ThreadpoolController().select(user_api="blas")
                self._limit = self._blas.limit(limits=1)
            self._n_inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()


def one_blas_thread() -> contextlib.AbstractContextManager:
    """Give BLAS one thread inside a ``with`` block.

    For matrix products between kernels: threads that BLAS wakes for them stay awake
    for milliseconds, and would take the cores from the next kernel.

    Returns
    -------
    context : context manager
        Blocks may be nested, and entered in several Python threads at once.
    """
    return _one_blas_thread


def _despite_full_disk(function: Callable, *args: Any) -> Any:
    """Call `function`; where Numba compiled it but could not save the result, call it again."""
    try:
        return function(*args)
    except OSError as error:
        _log.info("compiled code could not be saved: %s", error)
        return function(*args)


def kernel(
    *,
    work: Callable[..., float],
    examples: Callable[[], Iterable[tuple]],
    fastmath: Iterable[str] = (),
    blas: bool = False,
) -> Callable[[Callable], Kernel]:
    """Make a function a `Kernel`; see there for the parameters."""

    def decorate(function: Callable) -> Kernel:
        made = Kernel(function, work, examples, frozenset(fastmath), blas)  # type: ignore[arg-type]
        _kernels.append(made)
        return made

    return decorate


def helper(*, fastmath: Iterable[str] = (), inline: bool = False) -> Callable[[Callable], Callable]:
    """Compile a serial function for use inside the kernels of the same file.

    The same file, because Numba recompiles a cached kernel when its own file
    changes and at no other time. The helper is part of the kernel's cached code
    and needs no cache of its own. `inline` is for those so short and so often called that
    a call counts, where LLVM does not see it.
    """
    return functools.partial(
        _njit, parallel=False, fastmath=frozenset(fastmath), cache=False, forceinline=inline
    )


def warm_up() -> None:
    """Compile every kernel, or load it from disk."""
    for each in _kernels:
        each.warm_up()


def get_num_threads() -> int:
    """Return the number of threads that parallel kernels use in this Python thread.

    Returns
    -------
    n_threads : int
        From 1.
    """
    return numba.get_num_threads()


def set_num_threads(n_threads: int) -> None:
    """Set the number of threads that parallel kernels use in this Python thread.

    Parameters
    ----------
    n_threads : int
        From 1 (always serial) to ``numba.config.NUMBA_NUM_THREADS``.
    """
    numba.set_num_threads(n_threads)


@contextlib.contextmanager
def thread_limit(n_threads: int) -> Iterator[None]:
    """Use at most `n_threads` threads inside a ``with`` block.

    Parameters
    ----------
    n_threads : int
        At least 1.
    """
    before = get_num_threads()
    set_num_threads(min(n_threads, before))
    try:
        yield
    finally:
        set_num_threads(before)
