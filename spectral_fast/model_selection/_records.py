"""What the journal keeps of a task, and under which key."""

import hashlib
import pickle
import pickletools
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import joblib
from sklearn.base import clone

from spectral_fast.model_selection._execution import Done
from spectral_fast.model_selection._journal import Record
from spectral_fast.model_selection._plan import Plan
from spectral_fast.model_selection._tasks import ModelTask, Outcome, SelectTask

__all__ = ["Keys", "from_record", "to_record"]


class Keys:
    """Keys of a plan's tasks: equal for equal work, whatever the grid around it.

    Parameters
    ----------
    plan : Plan

    Raises
    ------
    ValueError
        If an object of the grid cannot be told from others, as lambdas cannot.
    """

    def __init__(self, plan: Plan):
        self._chains = [_hash([step for _, step in chain.steps]) for chain in plan.chains]
        self._sizes = [each.sizes for each in plan.selections]
        self._selections = [_hash((each.by_importance, each.selector)) for each in plan.selections]
        self._models = [
            [_hash((model.estimator, setting)) for setting in model.settings]
            for model in plan.models
        ]

    def __call__(self, task: SelectTask | ModelTask) -> str:
        """Return the key of one task."""
        parts: list[Any] = [type(task).__name__, self._chains[task.chain]]
        parts += [self._selections[task.selection]]
        if isinstance(task, SelectTask):
            parts += [task.fold, self._sizes[task.selection]]
        else:
            jobs = [
                (job.size, [self._models[job.model][each] for each in job.positions])
                for job in task.jobs
            ]
            parts += [task.folds, task.whole, jobs]
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _hash(described: Any) -> str:
    """Return a digest of objects and of the versions of the packages that they come from.

    Copies are hashed: a search fits copies, so what the objects themselves were fitted to
    makes no difference.
    """
    try:
        described = clone(described, safe=False)
        return str(joblib.hash((described, _versions(described))))
    except Exception as error:
        raise ValueError(
            f"`journal` needs objects that can be cloned and pickled; got {described!r}: {error}. "
            "Define functions by name in a module, or search without a journal."
        ) from error


def _versions(described: Any) -> dict[str, str]:
    """Return the versions of all packages that are named in the pickle of some objects.

    They are named by the classes, and by a parameter such as ``library="lightgbm"``.
    """
    strings = (
        text for _, text, _ in pickletools.genops(pickle.dumps(described)) if isinstance(text, str)
    )
    roots = {text.split(".")[0].split(" ")[0] for text in strings} & _packages().keys()
    names = {name for root in roots for name in _packages()[root]}
    return {name: metadata.version(name) for name in sorted(names)}


@cache
def _packages() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def to_record(done: Done) -> Record:
    """Return what `from_record` makes the task's result of."""
    facts = {
        "seconds": done.seconds,
        "preprocessing_seconds": done.preprocessing_seconds,
        "warnings": done.warnings,
    }
    if isinstance(done.task, SelectTask):
        found = list(done.result.items())
        arrays = {str(i): each for i, (_, each) in enumerate(found) if not isinstance(each, str)}
        entries = [[size, each if isinstance(each, str) else None] for size, each in found]
        return Record(arrays, facts | {"channels": entries})
    # In the order of the task, as models have other numbers in another grid.
    outcomes = [done.result[key] for key in done.task.candidates()]
    arrays = {str(i): each.held_out for i, each in enumerate(outcomes) if each.held_out is not None}
    entries = [[each.error, each.seconds, each.n_late] for each in outcomes]
    return Record(arrays, facts | {"outcomes": entries})


def from_record(task: SelectTask | ModelTask, record: Record) -> Done:
    """Return the task as it was when it was done."""
    facts = record.facts
    result: dict[Any, Any] = {}
    if isinstance(task, SelectTask):
        for i, (size, error) in enumerate(facts["channels"]):
            result[size] = record.arrays[str(i)] if error is None else error
    else:
        for i, (key, (error, seconds, n_late)) in enumerate(
            zip(task.candidates(), facts["outcomes"], strict=True)
        ):
            held_out = record.arrays[str(i)] if error is None else None
            result[key] = Outcome(held_out, error, seconds, n_late)
    return Done(
        task, result, facts["seconds"], facts["preprocessing_seconds"], list(facts["warnings"])
    )
