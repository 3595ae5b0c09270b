"""From a grid to the distinct tasks that answer it."""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from spectral_fast._folds import Splits
from spectral_fast.model_selection._grid import IMPORTANCE, Chain, Model, Selection
from spectral_fast.model_selection._tasks import EVERYTHING, Job, ModelTask, SelectTask
from spectral_fast.model_selection.families import FAMILIES, batches_of

__all__ = ["Plan", "Spec", "is_stateless"]


class Spec(NamedTuple):
    """A candidate, by its place in each part of the grid."""

    chain: int
    selection: int
    size: int | None
    model: int
    position: int


def is_stateless(transformer: Any) -> bool:
    """Return whether `transformer` treats each row by itself, whatever it was fitted on."""
    # A FunctionTransformer needs no fit, but its function may use column statistics.
    return not get_tags(transformer).requires_fit and not isinstance(
        transformer, FunctionTransformer
    )


class Plan:
    """What a search will do.

    Attributes
    ----------
    specs : list of Spec
        All candidates in the order of the grid.

    Raises
    ------
    ValueError
        If the parts of the grid have no combination that can be tried.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        selections: Sequence[Selection],
        models: Sequence[Model],
        splits: Splits,
        whole: bool,
    ):
        self.chains = chains
        self.selections = selections
        self.models = models
        self.n_folds = len(splits)
        self.whole = whole
        self.specs = [
            Spec(chain, selection, size, model, position)
            for chain, (selection, entry) in itertools.product(
                range(len(chains)), enumerate(selections)
            )
            for size in entry.sizes
            for model, candidate in enumerate(models)
            if not entry.by_importance or candidate.has_importances
            for position in candidate.positions(size)
        ]
        if not self.specs:
            raise ValueError(_no_candidates(selections, models))

    def select_tasks(self, chain: int) -> Iterator[SelectTask]:
        """Yield the selections of one chain that do not depend on the model."""
        folds = [EVERYTHING] if self.whole else range(self.n_folds)
        for number, selection in enumerate(self.selections):
            if selection.selector is not None:
                for fold in folds:
                    yield SelectTask(chain, fold, number)

    def model_tasks(self, chain: int, n_stateful: int) -> Iterator[ModelTask]:
        """Yield the models of one chain; `n_stateful` of its steps are fitted fold by fold."""
        everywhere = tuple(range(self.n_folds))
        for number, selection in enumerate(self.selections):
            one_matrix = n_stateful == 0 and (self.whole or selection.is_full)
            quick, slow = self._jobs[number]
            if quick:
                for folds in [everywhere] if one_matrix else [(fold,) for fold in everywhere]:
                    yield ModelTask(chain, folds, number, tuple(quick), self.whole)
            for jobs, fold in itertools.product(slow, everywhere):
                yield ModelTask(chain, (fold,), number, tuple(jobs), self.whole)

    @cached_property
    def _jobs(self) -> list[tuple[list[Job], list[list[Job]]]]:
        """For each selection the jobs of one chain: those of one task, and those of their own.

        Where the models themselves select, jobs of one model share what they select by.
        """
        return [self._jobs_of(selection) for selection in self.selections]

    def _jobs_of(self, selection: Selection) -> tuple[list[Job], list[list[Job]]]:
        quick: list[Job] = []
        slow: dict[Any, list[Job]] = {}
        for size, (number, model) in itertools.product(selection.sizes, enumerate(self.models)):
            if selection.by_importance and not model.has_importances:
                continue
            tried = model.positions(size)
            settings = [model.settings[position] for position in tried]
            for family, batch in batches_of(model.estimator, settings):
                job = Job(size, number, tuple(tried[each] for each in batch), family)
                if FAMILIES[family].takes_all_folds:
                    quick.append(job)
                else:
                    slow.setdefault(number if selection.by_importance else job, []).append(job)
        return quick, list(slow.values())


def _no_candidates(selections: Sequence[Selection], models: Sequence[Model]) -> str:
    """Say why no model can be combined with a selection of channels."""
    if all(each.by_importance for each in selections) and not any(
        each.has_importances for each in models
    ):
        names = ", ".join(each.name for each in models)
        return (
            f"`models` must hold one with importances of the channels where `selectors` has "
            f"{IMPORTANCE!r} alone; got {names}. Add a model such as 'pls', or a selector such as "
            "'full' or 'vip'."
        )
    sizes = [size for each in selections for size in each.sizes if size is not None]
    return (
        "`models` must hold one with at most as many components as `n_features` has channels; "
        f"`n_features` has at most {max(sizes)}. Use fewer components, or more channels."
    )
