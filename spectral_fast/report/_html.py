"""One self-contained HTML file from a finished search."""

import base64
import datetime
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from spectral_fast.report import _classification, _figures, _regression, _sections, _words
from spectral_fast.report._outcome import Outcome, Spectra

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["write_report"]

_TOP = 20


def write_report(
    search: "SpectralSearchCV",
    X: Any,
    y: Any,
    path: str | Path,
    *,
    title: str,
    axis: Sequence[float] | np.ndarray | None = None,
    axis_label: str | None = None,
    target_name: str | None = None,
    target_unit: str = "",
    command: str | None = None,
) -> None:
    """Write the results of a search as one HTML file that needs no other file.

    Needs matplotlib and jinja2: ``pip install "spectral_fast[report]"``.

    Parameters
    ----------
    search : SpectralSearchCV
        Fitted on `X` and `y`.
    X : array-like of shape (n_samples, n_channels)
        Raw spectra.
    y : array-like of shape (n_samples,)
        Measured values of one target, or classes.
    path : str or Path
        File to write.
    title : str
        Heading of the report.
    axis : array-like of shape (n_channels,), default=None
        Channel positions; None numbers the channels from 0.
    axis_label : str, default=None
        What `axis` holds, such as ``"Wavelength (nm)"``; None means ``"Channel"``.
    target_name : str, default=None
        What was measured, such as ``"fat"``; None means ``"target"``.
    target_unit : str, default=""
        Unit of `y`, such as ``"%"``.
    command : str, default=None
        The command line that made the report and ``results.csv``, if one did.

    Raises
    ------
    NotFittedError
        If `search` is not fitted.
    ValueError
        If `y` has more than one target, if `X` and `y` are not of the samples
        that `search` was fitted on, or if `X` or `axis` has other channels.
    ModuleNotFoundError
        If matplotlib or jinja2 is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spectral_fast.datasets import make_spectra
    >>> from spectral_fast.model_selection import SpectralSearchCV
    >>> from spectral_fast.report import write_report
    >>> mixtures = make_spectra(30, 40, random_state=0)
    >>> X, y = mixtures.data, mixtures.target[:, 0]
    >>> search = SpectralSearchCV({"pls": {"n_components": [2, 3]}}, ("raw", "snv"), cv=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "report.html")
    ...     write_report(search.fit(X, y), X, y, path, title="Mixtures")
    ...     html = path.read_text(encoding="utf-8")
    >>> "<h1>Mixtures</h1>" in html
    True
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'The report needs {error.name}: pip install "spectral_fast[report]"', name=error.name
        ) from error

    check_is_fitted(search)
    X = validate_data(search, X, reset=False, dtype=np.float64)
    classes = [str(name) for name in search.classes_] if is_classifier(search) else []
    y = _numbers(search, y) if classes else _one_target(y)
    _check_samples(search, X, y)
    axis = _checked_axis(axis, X.shape[1])
    target = target_name or "target"
    quantity = f"{target} ({target_unit})" if target_unit else target
    spectra = Spectra(X, y, axis, axis_label or "Channel", quantity, classes)
    outcome = _outcome(search, y, target, target_unit)
    html = _template().render(
        title=title,
        command=command,
        date=datetime.date.today(),
        **_content(outcome, spectra),
    )
    Path(path).write_text(html, encoding="utf-8", newline="\n")


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["svg"] = _data_uri
    template = importlib.resources.files(__package__).joinpath("template.html")
    return environment.from_string(template.read_text(encoding="utf-8"))


def _content(outcome: Outcome, spectra: Spectra) -> dict[str, Any]:
    """Return what the template shows."""
    search, best = outcome.search, outcome.best
    words = _classification if spectra.classes else _regression
    results = search.results_
    successful = results[results["status"] == "done"]
    top = successful.head(_TOP)
    simplest = _sections.simplest(search)
    return {
        "facts": _sections.facts(spectra, outcome.unit),
        "headline": words.headline(outcome),
        "simplest": simplest and f"{_words.describe(simplest)}; {words.merit(simplest, outcome)}",
        "cautions": _sections.cautions(search),
        "tiles": [*words.tiles(outcome), *_sections.about_channels(best)],
        "quality": words.quality(outcome),
        "quality_figures": words.figures(outcome, spectra.quantity),
        "columns": words.columns(outcome.score),
        "ranked": _sections.ranked(top, words.cells(top, outcome.score)),
        "selects": bool(results["selector"].notna().any()),
        "n_candidates": len(results),
        "n_peers": _sections.n_peers(search),
        "curve": _figures.curve_figure(successful, outcome.score, outcome.unit),
        "spectra_figures": _figures.spectra_figures(search.best_estimator_, spectra, best),
        "failures": _sections.failures(results),
        "timing": _sections.timing(search),
        "method": _sections.method(search),
    }


def _outcome(search: "SpectralSearchCV", y: np.ndarray, target: str, unit: str) -> Outcome:
    predicted = np.asarray(search.oof_predictions_[search.best_index_]).reshape(len(y))
    held_out = np.isfinite(predicted)
    best = search.results_.head(1).to_dict("records")[0]
    return Outcome(search, best, y[held_out], predicted[held_out], target, unit)


def _numbers(search: "SpectralSearchCV", y: Any) -> np.ndarray:
    """Return the numbers of the classes."""
    return np.searchsorted(search.classes_, np.ravel(y)).astype(float)


def _one_target(y: Any) -> np.ndarray:
    y = np.asarray(y, dtype=float)
    if y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(
            f"`y` must hold one target; got shape {y.shape}. Write one report for each target."
        )
    return y.ravel()


def _check_samples(search: "SpectralSearchCV", X: np.ndarray, y: np.ndarray) -> None:
    check_consistent_length(X, y)
    n_samples = search.oof_predictions_.shape[1]
    if len(X) != n_samples:
        raise ValueError(
            f"`X` must hold the {n_samples} samples that the search was fitted on; got {len(X)}. "
            "Pass the X and y given to fit."
        )


def _checked_axis(axis: Any, n_channels: int) -> np.ndarray:
    if axis is None:
        return np.arange(n_channels, dtype=float)
    axis = np.asarray(axis, dtype=float)
    if axis.shape != (n_channels,):
        raise ValueError(
            f"`axis` must hold one position for each of the {n_channels} channels; got shape "
            f"{axis.shape}. Pass the positions of the columns of X."
        )
    return axis


def _data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
