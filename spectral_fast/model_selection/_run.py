"""One pass over the tasks of a plan: what a search waits for."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import threadpool_limits

from spectral_fast.model_selection._costs import category, estimated_seconds
from spectral_fast.model_selection._data import Data
from spectral_fast.model_selection._execution import Done, Work, compile_kernels, run
from spectral_fast.model_selection._figures import HeldOut, HeldOutClasses
from spectral_fast.model_selection._grid import Chain, Grid
from spectral_fast.model_selection._journal import JournalError
from spectral_fast.model_selection._plan import Plan, Spec, is_stateless
from spectral_fast.model_selection._records import Keys, from_record, to_record
from spectral_fast.model_selection._results import NOT_EVALUATED, Candidate
from spectral_fast.model_selection._tasks import (
    EVERYTHING,
    Channels,
    ModelTask,
    Outcome,
    SelectTask,
    Shared,
    fit_transform,
)
from spectral_fast.model_selection._warnings import listening

__all__ = ["Run"]

Task = SelectTask | ModelTask


#: Candidates whose figures are computed together.
_MANY = 500


class Run:
    """The evaluation of a plan's candidates on one data set.

    Parameters
    ----------
    plan : Plan
    data : Data
    n_jobs : int or None
    raises : bool
        Whether the first error of a candidate ends the run.
    journal : Journal or None
        Where finished tasks are kept, and found.
    deadline : float
        Value of `time.monotonic` after which no task starts.
    memory : float
        Bytes that preprocessed spectra may take at a time; those of one chain always may.
    watch : callable
        Gets the number of candidates' folds that were done, and the held-out predictions
        of the candidates that this completed.

    Attributes
    ----------
    seconds : dict of str to float
        Time of the workers by what it was spent on.
    warnings : list of str
        What fits warned of, in this process and in others, and why the journal lacks some.
    stopped : str
        Why the run ended before all was done; empty if it did not.
    is_interrupted : bool
        Whether there was a Ctrl-C, which may have come too late to leave anything undone.
    """

    def __init__(
        self,
        plan: Plan,
        data: Data,
        *,
        n_jobs: int | None,
        raises: bool,
        journal: Any,
        deadline: float,
        memory: float,
        watch: Callable[[int, list[np.ndarray]], None],
    ):
        self._plan = plan
        self._data = data
        self._n_jobs = n_jobs
        self._raises = raises
        self._journal = journal
        self._keys = None if journal is None else Keys(plan)
        self._deadline = deadline
        self._memory = memory
        self._watch = watch
        self._parts: dict[Spec, dict[tuple[int, ...], Outcome]] = {}
        self._widths: dict[tuple[int, int], list[int]] = {}
        self.seconds: dict[str, float] = {}
        self.warnings: list[str] = []
        self.stopped = ""
        self.is_interrupted = False

    def evaluate(self) -> None:
        """Do all tasks, or what can be done until the deadline or Ctrl-C."""
        # The limit in each worker is for other processes; this one outlasts the threads
        # of a threading backend, which share one setting and would restore it in any order.
        with threadpool_limits(limits=1), listening() as others:
            try:
                for shareds in self._blocks():
                    self._evaluate(shareds)
                    if time.monotonic() >= self._deadline:
                        break
            except KeyboardInterrupt:
                self.is_interrupted = True
        if not self._is_complete():
            self.stopped = "interrupted" if self.is_interrupted else "time limit"
        elif self._journal is not None:
            self._write(self._journal.finish)
        self.warnings += others

    def _is_complete(self) -> bool:
        folds = (sum(map(len, self._parts.get(spec, {}))) for spec in self._plan.specs)
        return all(count == self._plan.n_folds for count in folds)

    def outcome(self, spec: Spec) -> Outcome:
        """Return what became of a candidate, over all folds."""
        parts = self._parts.get(spec, {})
        seconds = sum(part.seconds for part in parts.values())
        n_late = sum(part.n_late for part in parts.values())
        error = next((part.error for part in parts.values() if part.error), None)
        if error is None and sum(map(len, parts)) < self._plan.n_folds:
            error = f"{NOT_EVALUATED}: {self.stopped}"
        if error is not None:
            return Outcome(None, error, seconds, n_late)
        found: list[Any] = [parts[each].held_out for each in sorted(parts)]
        whole = found[0] if len(found) == 1 else np.concatenate(found)
        return Outcome(whole, None, seconds, n_late)

    def candidates(
        self, held_out: HeldOut | HeldOutClasses, grid: Grid
    ) -> tuple[list[Candidate], np.ndarray]:
        """Return all candidates in the order of the grid, and their out-of-fold predictions.

        `grid` is the plan's in the user's terms.
        """
        candidates: list[Candidate] = []
        out_of_fold = []
        nothing = np.full(held_out.shape, np.nan)
        for start in range(0, len(self._plan.specs), _MANY):
            specs = self._plan.specs[start : start + _MANY]
            outcomes = [self.outcome(spec) for spec in specs]
            predictions = np.stack(
                [nothing if each.held_out is None else each.held_out for each in outcomes]
            )
            out_of_fold.append(held_out.out_of_fold(predictions))
            figures = held_out.figures(predictions)
            for spec, outcome, figure in zip(specs, outcomes, figures, strict=True):
                model = grid.models[spec.model]
                candidates.append(
                    Candidate(
                        grid.chains[spec.chain],
                        grid.selections[spec.selection],
                        spec.size,
                        self._n_features(spec),
                        model,
                        model.settings[spec.position],
                        figure,
                        outcome.seconds,
                        outcome.n_late,
                        outcome.error,
                    )
                )
        return candidates, np.concatenate(out_of_fold)

    def _n_features(self, spec: Spec) -> int | None:
        """Return the channels that a candidate uses, the mean where its folds' differ."""
        if spec.size is not None:
            return spec.size
        widths = self._widths.get((spec.chain, spec.selection))
        return round(float(np.mean(widths))) if widths else None

    def timing(self, wall: float) -> dict[str, float]:
        """Return the seconds of a search that took `wall` of them, by what they were spent on.

        Those of parallel workers are divided by their number; what is left is orchestration.
        """
        n_workers = effective_n_jobs(self._n_jobs)
        spent = {name: seconds / n_workers for name, seconds in sorted(self.seconds.items())}
        orchestration = max(0.0, wall - sum(spent.values()))
        return spent | {"orchestration": orchestration, "wall": wall}

    def _blocks(self) -> Iterator[dict[int, Shared]]:
        """Yield the chains' spectra, as many at a time as the memory holds.

        The next ones take the place of these, which the caller must not keep. A chain is
        expected to take as much as the largest before it.
        """
        block: dict[int, Shared] = {}
        size, largest = 0, self._data.X.nbytes
        for number, chain in enumerate(self._plan.chains):
            if block and size + largest > self._memory:
                yield block
                block.clear()
                size = 0
            start = time.perf_counter()
            block[number] = self._shared(chain)
            self._add_seconds("preprocessing", time.perf_counter() - start)
            size += block[number].X.nbytes
            largest = max(largest, block[number].X.nbytes)
        yield block

    def _shared(self, chain: Chain) -> Shared:
        X, steps = _treat_once(self._data.X, self._data.y, chain)
        return Shared(
            X,
            *self._data[1:],
            tuple(steps),
            tuple(self._plan.selections),
            tuple(self._plan.models),
            self._raises,
        )

    def _evaluate(self, shareds: Mapping[int, Shared]) -> None:
        if effective_n_jobs(self._n_jobs) > 1:
            compile_kernels(list(shareds.values()))
        channels: dict[SelectTask, Channels] = {}
        select_tasks = [task for chain in shareds for task in self._plan.select_tasks(chain)]
        for done in self._done(select_tasks, shareds, {}):
            assert isinstance(done.task, SelectTask)
            channels[done.task] = done.result
            self.warnings += done.warnings
            self._add_seconds("preprocessing", done.preprocessing_seconds)
            self._add_seconds("selection", done.seconds - done.preprocessing_seconds)
        for task, found in channels.items():
            if isinstance(chosen := found.get(None), np.ndarray):
                self._widths.setdefault((task.chain, task.selection), []).append(len(chosen))
        model_tasks = [
            task
            for chain, shared in shareds.items()
            for task in self._plan.model_tasks(chain, len(shared.steps))
        ]
        for done in self._done(model_tasks, shareds, channels):
            assert isinstance(done.task, ModelTask)
            self._take(done.task, done, shareds[done.task.chain])

    def _done(
        self,
        tasks: Sequence[Task],
        shareds: Mapping[int, Shared],
        channels: Mapping[SelectTask, Channels],
    ) -> Iterator[Done]:
        """Yield all tasks with their results: those of the journal first, then the others."""
        keys: dict[Task, str] = {}
        if self._keys is not None:
            keys = {task: self._keys(task) for task in tasks}
            records = self._journal.load(list(keys.values()))
            yield from (
                from_record(task, records[key]) for task, key in keys.items() if key in records
            )
            tasks = [task for task, key in keys.items() if key not in records]
        work = [
            Work(
                task,
                shared := shareds[task.chain],
                _channels_of(task, channels),
                estimated_seconds(task, shared),
            )
            for task in tasks
        ]
        for done in run(work, self._n_jobs, self._deadline):
            if self._journal is not None and not done.has_died:
                self._write(self._journal.save, keys[done.task], to_record(done))
            yield done

    def _write(self, method: Callable[..., None], *arguments: Any) -> None:
        """Write to the journal; where that fails, which it says once, the search goes on."""
        try:
            method(*arguments)
        except JournalError as error:
            self.warnings.append(str(error))

    def _take(self, task: ModelTask, done: Done, shared: Shared) -> None:
        self.warnings += done.warnings
        self._add_seconds("preprocessing", done.preprocessing_seconds)
        finished = []
        for (size, model, position), outcome in done.result.items():
            spec = Spec(task.chain, task.selection, size, model, position)
            parts = self._parts.setdefault(spec, {})
            parts[task.folds] = outcome
            self._add_seconds(category(shared.models[model].estimator), outcome.seconds)
            if outcome.error is not None and self._raises:  # of an earlier search, by the journal
                raise RuntimeError(outcome.error)
            if sum(map(len, parts)) == self._plan.n_folds:
                whole = self.outcome(spec).held_out
                finished += [] if whole is None else [whole]
        if shared.selections[task.selection].is_full:
            self._widths.setdefault((task.chain, task.selection), [shared.X.shape[1]])
        self._watch(len(done.result) * len(task.folds), finished)

    def _add_seconds(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def _channels_of(task: Task, channels: Mapping[SelectTask, Channels]) -> Channels | None:
    if isinstance(task, SelectTask):
        return None
    fold = EVERYTHING if task.whole else task.folds[0]
    return channels.get(SelectTask(task.chain, fold, task.selection))


def _treat_once(
    X: np.ndarray, y: np.ndarray, chain: Chain
) -> tuple[np.ndarray, Sequence[tuple[str, Any]]]:
    """Return the spectra after the chain's leading stateless steps, and the other steps."""
    treated = X
    steps = list(chain.steps)
    try:
        while steps and is_stateless(steps[0][1]):
            treated = np.ascontiguousarray(fit_transform(steps[0][1], treated, y))
            steps.pop(0)
    except Exception:
        return X, chain.steps  # the step fails again within the folds, where errors are recorded
    return treated, steps
