"""Draw the pictures of the README: ``python docs/make_pictures.py``."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from spectral_fast.datasets import load_tecator
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.preprocessing import SNV

IMAGES = Path(__file__).parent / "images"
BLUE, GREY = "#0072b2", "#9aa5b1"


def draw_demo() -> None:
    """Spectra before and after SNV, and what the best calibration predicts from them."""
    meat = load_tecator()
    X, fat = meat.data, meat.target[:, meat.target_names.index("fat")]
    search = SpectralSearchCV().fit(X, fat)
    predicted = search.oof_predictions_[search.best_index_]
    winner = search.results_.iloc[0]

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    raw, treated, calibration = figure.subplots(1, 3)
    colours = colormaps["viridis"](np.interp(fat, (fat.min(), fat.max()), (0, 1)))
    for axes, spectra, title in (
        (raw, X, "Spectra of meat, coloured by fat"),
        (treated, SNV().fit_transform(X), "Scatter removed: SNV"),
    ):
        for spectrum, colour in zip(spectra, colours, strict=True):
            axes.plot(meat.wavelengths, spectrum, color=colour, linewidth=0.6, alpha=0.8)
        axes.set_title(title)
        axes.set_xlabel(f"Wavelength ({meat.wavelength_unit})")
        axes.margins(x=0)
    calibration.axline((0, 0), slope=1, color=GREY)
    calibration.scatter(fat, predicted, s=14, color=BLUE, alpha=0.6, linewidths=0)
    calibration.set_title(f"Best calibration: RMSECV {winner.rmsecv:.1f} %, R² {winner.r2:.3f}")
    calibration.set_xlabel("Fat, measured (%)")
    calibration.set_ylabel("Fat, predicted, held out (%)")
    for axes in (raw, treated, calibration):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    figure.savefig(IMAGES / "demo.png", dpi=100)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    draw_demo()
