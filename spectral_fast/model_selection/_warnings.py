"""What fits warn of, and which candidates did not converge.

Everything goes through ``warnings.showwarning``, one function of the process: it runs in the
thread that warns, and finds in that thread's context what is fitted there.
"""

import contextlib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from sklearn.exceptions import ConvergenceWarning

__all__ = ["convergence_apart", "heard", "late_fits", "listening", "of_candidate", "unheard"]

_Value = TypeVar("_Value")

_record: ContextVar[list[str] | None] = ContextVar("record", default=None)
_late: ContextVar[Counter[int] | None] = ContextVar("late", default=None)
_candidate: ContextVar[int | None] = ContextVar("candidate", default=None)


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Record the warnings of this process instead of showing them.

    Each goes where `late_fits` or `heard` of its thread has it, or else to the list.
    """
    others: list[str] = []

    def hear(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        late, candidate, record = _late.get(), _candidate.get(), _record.get()
        if late is not None and candidate is not None and issubclass(category, ConvergenceWarning):
            late[candidate] += 1
        else:
            (others if record is None else record).append(f"{category.__name__}: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = hear
        yield others


@contextlib.contextmanager
def _holding(variable: ContextVar[Any], value: _Value) -> Iterator[_Value]:
    """Let a variable of this thread hold `value`."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def heard() -> contextlib.AbstractContextManager[list[str]]:
    """Collect category and message of this thread's warnings, while there is `listening`."""
    return _holding(_record, [])


@contextlib.contextmanager
def unheard(start: str) -> Iterator[None]:
    """Drop this thread's warnings whose message starts so, where the others are `heard`."""
    record = _record.get()
    try:
        with heard() as found:
            yield
    finally:
        if record is not None:
            record += [each for each in found if not each.partition(": ")[2].startswith(start)]


def late_fits() -> contextlib.AbstractContextManager[Counter[int]]:
    """Count the fits that do not converge by `of_candidate`, while there is `listening`."""
    return _holding(_late, Counter())


def of_candidate(number: int) -> contextlib.AbstractContextManager[int]:
    """Tell which candidate of a batch is fitted, by its place in the batch."""
    return _holding(_candidate, number)


@contextlib.contextmanager
def convergence_apart() -> Iterator[list[str]]:
    """Collect the messages of fits that do not converge; other warnings are shown as ever."""
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", ConvergenceWarning)
        show = warnings.showwarning

        def hear(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, ConvergenceWarning):
                found.append(str(message))
            else:
                show(message, category, *place, **more)

        warnings.showwarning = hear
        yield found
