"""Figures of the report, as SVG text.

Every function draws one figure through matplotlib's object-oriented interface:
neither pyplot nor a display is involved.
"""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

__all__ = [
    "channels",
    "confusion",
    "curves",
    "predicted_against_measured",
    "residuals",
    "spectra",
]

MAX_SPECTRA = 300

_WIDTH = 5.6
_INK = "#1f2933"
_GREY = "#9aa5b1"
_BLUE = "#0072b2"
_RED = "#d55e00"
#: Okabe and Ito's colours, told apart with any colour vision.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = "osD^vP"
_MANY_POINTS = 2000

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "path",
    "svg.hashsalt": "spectral_fast",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def predicted_against_measured(measured: np.ndarray, predicted: np.ndarray, quantity: str) -> str:
    """Draw held-out predictions over measured values, with the 1:1 line."""
    with _figure(4.6) as (figure, svg):
        axes = figure.subplots()
        low = min(measured.min(), predicted.min())
        high = max(measured.max(), predicted.max())
        axes.axline((low, low), (high, high), color=_GREY, linewidth=1.2, label="1:1")
        _points(axes, measured, predicted)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel(f"Measured {quantity}")
        axes.set_ylabel(f"Predicted {quantity}, held out")
        axes.legend(loc="upper left")
    return svg.getvalue()


def residuals(predicted: np.ndarray, errors: np.ndarray, rmsecv: float, quantity: str) -> str:
    """Draw prediction errors over predictions, with bands of one and two RMSECV."""
    with _figure(4.6) as (figure, svg):
        axes = figure.subplots()
        axes.axhspan(
            -2 * rmsecv, 2 * rmsecv, color=_BLUE, alpha=0.06, linewidth=0, label="±2 RMSECV"
        )
        axes.axhspan(-rmsecv, rmsecv, color=_BLUE, alpha=0.10, linewidth=0, label="±1 RMSECV")
        axes.axhline(0, color=_GREY, linewidth=1.2)
        _points(axes, predicted, errors)
        bound = 1.15 * max(np.abs(errors).max(), 2 * rmsecv)
        axes.set_ylim(-bound, bound)
        axes.set_xlabel(f"Predicted {quantity}, held out")
        axes.set_ylabel("Predicted − measured")
        axes.legend(loc="upper left", ncols=2)
    return svg.getvalue()


def curves(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    best: tuple[float, float],
    figure_of_merit: str,
    *,
    label: str,
    is_log: bool,
) -> str:
    """Draw a figure of merit over the number of latent variables, a line a preprocessing.

    Parameters
    ----------
    curves : mapping of str to (ndarray, ndarray)
        Label to component counts and figures, best curve first. The first six
        are coloured and named, the others are drawn in grey.
    best : (float, float)
        Component count and figure of the best candidate among them.
    figure_of_merit : str
        What the figure is, with its unit.
    label : str
        What the best candidate among them is called.
    is_log : bool
        Whether its axis is logarithmic.
    """
    named = list(curves.items())[: len(_COLOURS)]
    with _figure(4.2 + 0.2 * len(named)) as (figure, svg):
        axes = figure.subplots()
        others = list(curves.values())[len(_COLOURS) :]
        for counts, errors in others:
            axes.plot(counts, errors, color=_GREY, linewidth=0.8, alpha=0.6)
        for (name, (counts, errors)), colour, marker in zip(
            named, _COLOURS, _MARKERS, strict=False
        ):
            axes.plot(
                counts,
                errors,
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.5,
                label=name,
            )
        axes.plot(
            *best,
            "o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor=_INK,
            label=label,
        )
        if others:
            axes.plot([], [], color=_GREY, linewidth=0.8, label=f"{len(others)} others")
        if is_log:
            axes.set_yscale("log")
            for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                set_formatter(ScalarFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Latent variables")
        axes.set_ylabel(figure_of_merit)
        figure.legend(loc="outside lower left")  # names of chains may be long
    return svg.getvalue()


def spectra(
    axis: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    *,
    axis_label: str,
    signal: str,
    quantity: str,
    classes: Sequence[str],
    coefficients: np.ndarray | None,
) -> str:
    """Draw spectra coloured by what was measured, over the regression vector if given.

    More than `MAX_SPECTRA` spectra are thinned to as many, evenly over the
    measured values. Where there are classes, `y` holds their numbers.
    """
    order = np.argsort(axis, kind="stable")
    rows = np.argsort(y, kind="stable")
    if len(rows) > MAX_SPECTRA:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_SPECTRA).round().astype(int)]
    # Drawn in a fixed shuffled order, so that no range of values hides the others.
    rows = np.random.default_rng(0).permutation(rows)
    with _figure(4.0 if coefficients is None else 5.4) as (figure, svg):
        if coefficients is None:
            top = figure.subplots()
            bottom = top
        else:
            top, bottom = figure.subplots(2, sharex=True, height_ratios=(2, 1))
            bottom.axhline(0, color=_GREY, linewidth=1)
            used = coefficients != 0
            if used.all():
                bottom.plot(axis[order], coefficients[order], color=_RED, linewidth=1.3)
            else:  # a line would suggest values between the selected channels
                bottom.vlines(axis[used], 0, coefficients[used], color=_RED, linewidth=1.3)
            bottom.set_ylabel("Regression vector")
        scale = Normalize(y.min(), y.max())
        colour_map = _colours(len(classes)) if classes else "viridis"
        lines = np.stack(
            [np.broadcast_to(axis[order], (len(rows), len(axis))), X[rows][:, order]], -1
        )
        top.add_collection(
            LineCollection(
                list(lines),
                array=y[rows],
                cmap=colour_map,
                norm=scale,
                linewidths=0.7,
                alpha=0.8,
                rasterized=True,
            )
        )
        top.autoscale_view()
        top.margins(x=0.01)
        top.set_ylabel(signal)
        bottom.set_xlabel(axis_label)
        if axis[0] > axis[-1]:
            bottom.invert_xaxis()
        if isinstance(colour_map, str):
            figure.colorbar(ScalarMappable(scale, colour_map), ax=top, label=quantity, pad=0.02)
        else:
            for name, colour in zip(classes, colour_map(range(len(classes))), strict=True):
                top.plot([], [], color=colour, label=name)
            figure.legend(loc="outside lower left", ncols=4, title=quantity)
    return svg.getvalue()


def _colours(count: int) -> Colormap:
    """Return a colour for each class, all different where there are many of them."""
    if count <= len(_COLOURS):
        return ListedColormap(_COLOURS[:count])
    return matplotlib.colormaps["turbo"].resampled(count)


def confusion(counts: np.ndarray, names: Sequence[str], quantity: str) -> str:
    """Draw how many samples of each class, a row, were predicted as each, a column."""
    with _figure(4.6) as (figure, svg):
        axes = figure.subplots()
        of_class = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(of_class, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if of_class[row, column] > 0.5 else _INK
            axes.text(column, row, f"{count}", ha="center", va="center", color=colour)
        positions = range(len(names))
        axes.set_xticks(positions, names, rotation=45, rotation_mode="anchor", ha="right")
        axes.set_yticks(positions, names)
        axes.set_xlabel(f"Predicted {quantity}, held out")
        axes.set_ylabel(f"True {quantity}")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return svg.getvalue()


def channels(
    axis: np.ndarray, mean_spectrum: np.ndarray, support: np.ndarray, *, axis_label: str
) -> str:
    """Draw the mean spectrum and mark the selected channels on it."""
    order = np.argsort(axis, kind="stable")
    with _figure(4.0) as (figure, svg):
        axes = figure.subplots()
        axes.plot(axis[order], mean_spectrum[order], color=_GREY, linewidth=1.2, label="mean")
        axes.plot(
            axis[support],
            mean_spectrum[support],
            "o",
            color=_RED,
            markersize=3.5,
            label="selected",
        )
        axes.plot(
            axis[support],
            np.full(np.count_nonzero(support), 0.02),
            "|",
            color=_RED,
            markersize=9,
            transform=axes.get_xaxis_transform(),
        )
        axes.margins(x=0.01)
        axes.set_xlabel(axis_label)
        axes.set_ylabel("Mean spectrum")
        axes.legend()
        if axis[0] > axis[-1]:
            axes.invert_xaxis()
    return svg.getvalue()


def _points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    many = len(x) > _MANY_POINTS
    axes.scatter(
        x,
        y,
        s=6 if many else 22,
        color=_BLUE,
        alpha=0.25 if many else 0.65,
        linewidths=0,
        rasterized=many,
        zorder=3,
    )


@contextlib.contextmanager
def _figure(height: float) -> Iterator[tuple[Figure, io.StringIO]]:
    """Give an empty figure and the text buffer that receives it as SVG."""
    svg = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), dpi=160, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, svg
        figure.savefig(svg, format="svg", metadata={"Date": None})
