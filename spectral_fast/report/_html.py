"""One self-contained HTML file from a finished search."""

import base64
import datetime
import importlib.resources
import platform
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

import spectral_fast
from spectral_fast.report import _words
from spectral_fast.report._coefficients import apply, regression_vector

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
        Measured values of one target.
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
        import jinja2
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'The report needs {error.name}: pip install "spectral_fast[report]"', name=error.name
        ) from error

    check_is_fitted(search)
    X = validate_data(search, X, reset=False, dtype=np.float64)
    y = _one_target(y)
    _check_samples(search, X, y)
    axis = _checked_axis(axis, X.shape[1])
    axis_label = axis_label or "Channel"
    target = target_name or "target"
    quantity = f"{target} ({target_unit})" if target_unit else target

    predicted = np.asarray(search.oof_predictions_[search.best_index_]).reshape(len(y))
    held_out = np.isfinite(predicted)
    measured, predicted = y[held_out], predicted[held_out]
    results = search.results_
    best = results.to_dict("records")[0]
    successful = results[results["rmsecv"].notna()]

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["svg"] = _data_uri
    template = importlib.resources.files(__package__).joinpath("template.html")
    html = environment.from_string(template.read_text(encoding="utf-8")).render(
        title=title,
        date=datetime.date.today(),
        facts=_facts(X, y, axis, axis_label, quantity, target_unit),
        headline=_words.headline(best, target, target_unit),
        tiles=_tiles(best, target_unit),
        quality=_quality(measured, predicted, best, len(results), target, target_unit),
        quality_figures=_quality_figures(measured, predicted, best["rmsecv"], quantity),
        ranked=_ranked(successful.head(_TOP)),
        n_candidates=len(results),
        peers=_peers(successful),
        curve=_curve_figure(successful, target_unit),
        spectra_figures=_spectra_figures(
            search.best_estimator_, X, y, axis, axis_label, quantity, best
        ),
        failures=_failures(results),
        method=_method(search, command),
        has_results_file=command is not None,
    )
    Path(path).write_text(html, encoding="utf-8", newline="\n")


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


def _facts(
    X: np.ndarray, y: np.ndarray, axis: np.ndarray, axis_label: str, quantity: str, unit: str
) -> list[tuple[str, str]]:
    return [
        ("Samples", f"{len(X):,}"),
        ("Channels", f"{X.shape[1]:,}"),
        (f"{axis_label} range", f"{axis[0]:g} to {axis[-1]:g}"),
        ("Target", quantity),
        ("Measured", f"{y.min():.4g} to {y.max():.4g} {unit}".strip()),
        ("Mean", f"{y.mean():.4g} {unit}".strip()),
    ]


def _tiles(best: _words.Row, unit: str) -> list[dict[str, str]]:
    error, spread = _words.rounded_to_error(best["rmsecv"], best["rmsecv_se"])
    tiles = [
        {"name": "RMSECV", "value": error, "note": f"{f'± {spread}' if spread else ''} {unit}"},
        {"name": "R²", "value": _words.coefficient_of_determination(best["r2"]), "note": ""},
        {"name": "RPD", "value": _words.number(best["rpd"], 2), "note": ""},
        {"name": "Bias", "value": _words.bias(best), "note": unit},
    ]
    if _words.has_components(best):
        tiles.append(
            {"name": "Latent variables", "value": f"{best['n_components']:.0f}", "note": ""}
        )
    return tiles


def _quality(
    measured: np.ndarray,
    predicted: np.ndarray,
    best: _words.Row,
    n_candidates: int,
    target: str,
    unit: str,
) -> list[tuple[str, str]]:
    """Say in plain words what each figure of merit means for these data."""

    def with_unit(value: float) -> str:
        return _words.number(value, 2) + _words.quantity(target, unit)

    bound = float(np.quantile(np.abs(predicted - measured), 0.95))
    if not _words.bias(best).strip("0."):
        bias = "On average, predictions are neither too high nor too low."
    else:
        direction = "high" if best["bias"] > 0 else "low"
        bias = f"On average, predictions are {with_unit(abs(best['bias']))} too {direction}."
    return [
        (
            "RMSECV",
            f"The typical error of a prediction: {with_unit(best['rmsecv'])}. Every sample was "
            "predicted by models that had not seen it; 95 % of these predictions were off by "
            f"{with_unit(bound)} or less. The figure after ± is the standard error of the RMSECV "
            "itself.",
        ),
        (
            "R²",
            f"The share of the variation in {target} that the predictions explain: "
            f"{_words.percentage(best['r2'])}.",
        ),
        (
            "RPD",
            f"The standard deviation of the measured values is {_words.number(best['rpd'], 2)} "
            "times the RMSECV. By a common rule of thumb, below 2 serves for rough sorting and "
            "above 3 for quality control.",
        ),
        ("Bias", bias),
        (
            "Choice of the best",
            f"The best of {n_candidates:,} candidates was chosen by the same figures that describe "
            "it, which makes them slightly optimistic. Confirm them with samples that took no "
            "part in the search.",
        ),
    ]


def _quality_figures(
    measured: np.ndarray, predicted: np.ndarray, rmsecv: float, quantity: str
) -> list[dict[str, str]]:
    from spectral_fast.report import _plots

    return [
        {
            "svg": _plots.predicted_against_measured(measured, predicted, quantity),
            "title": "Predicted against measured",
            "caption": "Each point is one sample, predicted while it was held out. "
            "On the line, prediction and measurement agree.",
        },
        {
            "svg": _plots.residuals(predicted, predicted - measured, rmsecv, quantity),
            "title": "Errors against predictions",
            "caption": "A good calibration scatters evenly about zero along the whole range; a "
            "curve or a funnel calls for another model or another range.",
        },
    ]


def _ranked(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Format the cells of the ranking."""
    return [
        {
            "rank": row["rank"],
            "preprocessing": _words.describe_preprocessing(row["preprocessing"]),
            "model": _words.model_name(row["model"]),
            "settings": _words.settings(row),
            "rmsecv": rmsecv,
            "rmsecv_se": rmsecv_se,
            "r2": _words.coefficient_of_determination(row["r2"]),
            "rpd": rpd,
            "bias": _words.bias(row),
        }
        for row, rmsecv, rmsecv_se, rpd in zip(
            results.to_dict("records"),
            _words.column(results["rmsecv"], 4),
            _words.column(results["rmsecv_se"], 2),
            _words.column(results["rpd"], 3),
            strict=True,
        )
    ]


def _peers(results: pd.DataFrame) -> dict[str, Any]:
    """Describe the candidates whose RMSECV is within one standard error of the best."""
    best = results.iloc[0]
    peers = results[results["rmsecv"] <= best["rmsecv"] + best["rmsecv_se"]]
    counted = peers[peers["n_components"].notna()]
    simplest = counted.sort_values("n_components", kind="stable").head(1).to_dict("records")
    return {"count": len(peers), "simplest": _words.describe(simplest[0]) if simplest else ""}


def _curve_figure(results: pd.DataFrame, unit: str) -> dict[str, str] | None:
    """Draw RMSECV over component counts, where the search varied them."""
    from spectral_fast.report import _plots

    counted = results[results["n_components"].notna()]
    if counted["n_components"].nunique() < 2:
        return None
    several_models = counted["model"].nunique() > 1
    curves = {}
    # Results are ranked, so groups in order of appearance are in order of merit.
    for _, group in counted.groupby(["preprocessing", "model"], sort=False):
        lowest = group.groupby("n_components")["rmsecv"].min().sort_index()
        first = group.to_dict("records")[0]
        label = _words.describe_preprocessing(first["preprocessing"])
        if several_models:
            label += f", {_words.model_name(first['model'])}"
        curves[label] = lowest.index.to_numpy(dtype=float), lowest.to_numpy()
    best = counted.iloc[0]
    return {
        "svg": _plots.rmsecv_curves(curves, (best["n_components"], best["rmsecv"]), unit),
        "title": "RMSECV against the number of latent variables",
        "caption": "Too few latent variables miss part of the signal, too many fit noise. Where "
        "the curve is flat, the smaller number is the safer choice.",
    }


def _spectra_figures(
    pipeline: Any,
    X: np.ndarray,
    y: np.ndarray,
    axis: np.ndarray,
    axis_label: str,
    quantity: str,
    best: _words.Row,
) -> list[dict[str, str]]:
    """Draw the raw spectra, and the preprocessed ones over the regression vector."""
    from spectral_fast.report import _plots

    treated = apply(pipeline[:-1], "transform", X) if len(pipeline) > 1 else X
    vector = regression_vector(pipeline, X, fold=False)
    changed = treated.shape != X.shape or not np.array_equal(treated, X)
    thinned = (
        f" {_plots.MAX_SPECTRA} of {len(X):,} spectra are shown."
        if len(X) > _plots.MAX_SPECTRA
        else ""
    )
    shared = {"quantity": quantity}
    explained = (
        " The regression vector below weighs each channel: the prediction is the sum of the "
        "spectrum times the vector, plus a constant."
    )
    raw_vector = vector if vector is not None and not changed else None
    figures = [
        {
            "svg": _plots.spectra(
                axis,
                X,
                y,
                axis_label=axis_label,
                signal="Signal as measured",
                coefficients=None if raw_vector is None else raw_vector.coefficients,
                **shared,
            ),
            "title": "Spectra as measured",
            "caption": f"Coloured by measured {quantity}.{thinned}"
            + (explained if raw_vector else ""),
        }
    ]
    if changed:
        same_axis = treated.shape == X.shape
        name = _words.describe_preprocessing(best["preprocessing"])
        figures.append(
            {
                "svg": _plots.spectra(
                    axis if same_axis else np.arange(treated.shape[1], dtype=float),
                    treated,
                    y,
                    axis_label=axis_label if same_axis else "Feature",
                    signal=name,
                    coefficients=None if vector is None else vector.coefficients,
                    **shared,
                ),
                "title": f"Spectra after {name}",
                "caption": f"What the model sees.{thinned}" + (explained if vector else ""),
            }
        )
    return figures


def _failures(results: pd.DataFrame) -> list[dict[str, Any]]:
    """Group the failed candidates by their message."""
    failed: dict[str, list[_words.Row]] = {}
    for row in results[results["rmsecv"].isna()].to_dict("records"):
        failed.setdefault(row["error"], []).append(row)
    return [
        {"message": message, "count": len(rows), "example": _words.describe(rows[0])}
        for message, rows in failed.items()
    ]


def _method(search: "SpectralSearchCV", command: str | None) -> list[tuple[str, str]]:
    folds = f"{search.n_splits_} folds"
    if search.cv is None or isinstance(search.cv, Integral):
        folds += f", samples shuffled with seed {search.random_state}"
    else:
        folds += f" by {type(search.cv).__name__}"
    seconds = float(np.nansum(search.results_["seconds"]))
    versions = {
        "spectral_fast": spectral_fast.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "Python": platform.python_version(),
    }
    rows = [
        ("Cross-validation", folds),
        ("Candidates", f"{len(search.results_):,}"),
        ("Computing time", f"{_words.number(seconds, 3)} s, summed over the candidates"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    if command:
        rows.append(("Command", command))
    return rows
