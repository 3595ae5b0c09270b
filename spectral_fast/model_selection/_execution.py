"""Running tasks through joblib: in chunks, on any backend, past workers that die."""

import contextlib
import itertools
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from spectral_fast.model_selection._dask import deaths_are_told
from spectral_fast.model_selection._tasks import (
    Channels,
    ModelTask,
    SelectTask,
    Shared,
    all_failed,
    fit_transform,
    one_thread,
    run_task,
)
from spectral_fast.model_selection._warnings import heard, listening
from spectral_fast.model_selection.families import FAMILIES, Matrix, batches_of

__all__ = ["Done", "Work", "compile_kernels", "run"]

#: What joblib's backends raise where a worker process has died.
_DEATHS = {"TerminatedWorkerError", "BrokenProcessPool", "KilledWorker"}

#: Tasks that are estimated to take less together travel together, in seconds.
_CHUNK_SECONDS = 0.2

#: Rows and channels that `compile_kernels` runs on: enough for usual numbers of components.
_N_COMPILED = 64


class Work(NamedTuple):
    """A task, with all that it needs."""

    task: SelectTask | ModelTask
    shared: Shared
    channels: Channels | None
    seconds: float  # estimated


class Done(NamedTuple):
    """A task, with what came of it."""

    task: SelectTask | ModelTask
    result: Any  # see `run_task`
    seconds: float  # wall time in the worker
    preprocessing_seconds: float
    warnings: list[str]  # but for those that its candidates' outcomes count
    has_died: bool = False  # its worker did: no result, and another machine may have one


def run(work: Sequence[Work], n_jobs: int | None, deadline: float) -> Iterator[Done]:
    """Run tasks, those that take longest first, and yield each as it is done.

    No task starts after the `deadline`, a value of `time.monotonic`. Where a worker dies,
    the tasks that it may have had are run once more, each alone in a new worker; one that
    kills its worker again is recorded as failed.
    """
    chunks = dict(enumerate(_chunks(work)))
    while chunks:
        try:
            with deaths_are_told():
                for number, done in _parallel(chunks, n_jobs, deadline):
                    del chunks[number]
                    yield from done
            return
        except Exception as error:
            if type(error).__name__ not in _DEATHS:
                raise
        in_flight = list(itertools.islice(chunks, 2 * joblib.effective_n_jobs(n_jobs)))
        for number in in_flight:
            for each in chunks.pop(number):
                if time.monotonic() < deadline:
                    yield _alone(each)


def _chunks(work: Sequence[Work]) -> Iterator[list[Work]]:
    """Yield the tasks in groups that share their spectra."""
    of_chain: dict[int, list[Work]] = {}
    for each in sorted(work, key=lambda each: -each.seconds):
        chunk = of_chain.setdefault(each.task.chain, [])
        chunk.append(each)
        if sum(each.seconds for each in chunk) >= _CHUNK_SECONDS:
            yield of_chain.pop(each.task.chain)
    yield from of_chain.values()


def _parallel(
    chunks: dict[int, list[Work]], n_jobs: int | None, deadline: float
) -> Iterator[tuple[int, list[Done]]]:
    in_time = itertools.takewhile(lambda _: time.monotonic() < deadline, list(chunks.items()))
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    return parallel(
        delayed(_run_chunk)(number, *_packed(chunk), os.getpid()) for number, chunk in in_time
    )


def _packed(chunk: list[Work]) -> tuple[Shared, list[tuple[Any, Channels | None]]]:
    return chunk[0].shared, [(each.task, each.channels) for each in chunk]


def _alone(work: Work) -> Done:
    """Run one task in a worker of its own, on this machine.

    Two jobs are what makes joblib start one. Workers of a cluster may be starting anew.
    """
    try:
        with joblib.parallel_config(backend="loky"):
            parallel = Parallel(n_jobs=2)
            [(_, [done])] = parallel([delayed(_run_chunk)(0, *_packed([work]), os.getpid())])
    except Exception as error:
        if type(error).__name__ not in _DEATHS:
            raise
        message = f"{type(error).__name__}: the worker process died twice; memory may be short"
        return Done(work.task, all_failed(work.task, work.shared, message), 0.0, 0.0, [], True)
    return done


def _run_chunk(
    number: int, shared: Shared, tasks: Sequence[tuple[Any, Channels | None]], caller: int
) -> tuple[int, list[Done]]:
    """Run tasks one after another.

    Warnings travel with the results. In the process `caller` it is the caller that listens for
    them: threads share one state of warnings, and would restore it in any order.
    """
    elsewhere = os.getpid() != caller
    if elsewhere and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller ends its workers
    finished = []
    with one_thread():
        for task, channels in tasks:
            with listening() if elsewhere else contextlib.nullcontext(), heard() as warned:
                start = time.perf_counter()
                result, preprocessing_seconds = run_task(task, shared, channels)
                seconds = time.perf_counter() - start
            finished.append(Done(task, result, seconds, preprocessing_seconds, warned))
    return number, finished


def compile_kernels(shareds: Sequence[Shared]) -> None:
    """Have the kernels that workers will call compiled, and saved where workers find them.

    Each worker would compile them for itself otherwise. What calls kernels are the
    package's own transformers and selectors, and the families that know their estimators;
    these run once on a few samples, which takes little where the kernels are compiled already.
    """
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        # What fails here fails again in a task, where errors are recorded.
        for shared in shareds:
            X, y = shared.X[:_N_COMPILED, :_N_COMPILED], shared.y[:_N_COMPILED]
            for _, step in shared.steps:
                if _is_own(step):
                    with contextlib.suppress(Exception):
                        fit_transform(step, X, y)
        for selection in shared.selections:
            if _is_own(selection.selector):
                with contextlib.suppress(Exception):
                    clone(selection.selector).fit(X, y)
        half = len(y) // 2
        splits = [(np.arange(half), np.arange(half, len(y)))]
        matrix = Matrix(np.ascontiguousarray(X), y, splits, shared.n_classes)
        for model in shared.models:
            for place, batch in batches_of(model.estimator, model.settings):
                if FAMILIES[place].takes_all_folds:
                    with contextlib.suppress(Exception):
                        chosen = [model.settings[position] for position in batch]
                        FAMILIES[place].predict(model.estimator, chosen, matrix)


def _is_own(step: Any) -> bool:
    return type(step).__module__.startswith("spectral_fast.")
