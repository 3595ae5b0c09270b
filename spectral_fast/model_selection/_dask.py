"""Workers that die, on joblib's Dask backend."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from joblib.parallel import get_active_backend

__all__ = ["deaths_are_told"]


@contextlib.contextmanager
def deaths_are_told() -> Iterator[None]:
    """Have joblib's Dask backend, where it is the active one, raise what Dask raises.

    joblib would wait for ever for a task that Dask gives up as its workers died, since it is told
    of results alone. With a single worker left it would run tasks in this process, and die too.
    """
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        yield
        return
    submit, effective_n_jobs = backend.submit, backend.effective_n_jobs

    def submit_and_tell(func: Any, callback: Callable[[Any], None]) -> Future[Any]:
        future = submit(func, callback)

        def tell(done: Future[Any]) -> None:
            if done.exception() is not None:
                callback(done.exception())

        future.add_done_callback(tell)
        return future

    backend.submit = submit_and_tell
    backend.effective_n_jobs = lambda n_jobs: max(2, effective_n_jobs(n_jobs))
    try:
        yield
    finally:
        del backend.submit, backend.effective_n_jobs
