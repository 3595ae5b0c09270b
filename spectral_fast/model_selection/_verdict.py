"""What a search says of its candidates: an error if nothing went well, and warnings."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from spectral_fast.model_selection._results import NOT_EVALUATED, Candidate

__all__ = ["check_any", "warn_of"]


def check_any(candidates: Sequence[Candidate], stopped: str, scoring: str | None) -> None:
    """Raise an error if nothing went well; `stopped` tells why the search ended early."""
    if any(each.status == "done" for each in candidates):
        if all(np.isnan(each.figures.loss) for each in candidates):
            raise ValueError(
                f"No candidate has a score by `scoring={scoring!r}`: its models give no "
                "probabilities, or the held-out samples are all of one class. Use other models or "
                "folds, or another score."
            )
    elif all(each.status == "failed" for each in candidates):
        raise ValueError(
            f"All {len(candidates)} candidates failed. The first: {candidates[0].error}"
        )
    else:
        kind = KeyboardInterrupt if stopped == "interrupted" else RuntimeError
        raise kind(
            f"No candidate was finished before the end of the search ({stopped}). Give it "
            "more time, or a smaller grid."
        )


def warn_of(
    candidates: Sequence[Candidate], heard: Sequence[str], stopped: str, best_converged: bool
) -> None:
    """Warn the caller of `fit` of what went wrong, once for each kind.

    `heard` are the warnings that no candidate counts; the best one is fitted to all samples.
    """
    found: list[tuple[str, type[Warning]]] = []
    if heard:
        text = f"Warnings while cross-validating: {len(heard)}. The first: {heard[0]}"
        found.append((text, UserWarning))
    n_late = sum(each.n_not_converged > 0 for each in candidates)
    if n_late or not best_converged:
        text = (
            f"{n_late} of {len(candidates)} candidates did not converge; "
            "`results_['n_not_converged']` counts their fits that ended early."
        )
        if not best_converged:
            text += " The best one, fitted to all samples, did not converge."
        text += " Larger penalties or more iterations may help."
        found.append((text, ConvergenceWarning))
    n_missing = sum(each.status == NOT_EVALUATED for each in candidates)
    if n_missing:
        text = (
            f"The search ended early ({stopped}): {n_missing} of {len(candidates)} candidates "
            "were not evaluated and rank last. With a `journal` the same search goes on from there."
        )
        found.append((text, UserWarning))
    errors = [each.error for each in candidates if each.status == "failed"]
    if errors:
        text = (
            f"{len(errors)} of {len(candidates)} candidates failed and rank last; "
            f"`results_['error']` tells why. The first: {errors[0]}"
        )
        found.append((text, FitFailedWarning))
    for text, category in found:
        warnings.warn(text, category, stacklevel=4)  # beyond `fit` and its decorator
