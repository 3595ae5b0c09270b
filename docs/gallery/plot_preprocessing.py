"""
Remove scatter from spectra
===========================

Light scattered by a sample shifts and stretches its spectrum. Two samples of meat with the
same fat can then look more different than two with different fat. SNV, MSC and derivatives
remove most of what scatter adds.
"""

import numpy as np
from matplotlib import colormaps, pyplot

from spectral_fast.datasets import load_tecator
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay

meat = load_tecator()
fat = meat.target[:, meat.target_names.index("fat")]

# %%
# Every transformer takes spectra as rows and returns as many rows and channels. `delta` is the
# step between channels: it gives the derivative its unit.

step = np.diff(meat.wavelengths).mean()
derivative = SavitzkyGolay(window_length=15, polyorder=3, deriv=2, delta=step)
panels = [
    ("As measured", "Absorbance", meat.data),
    ("SNV", "Standard deviations", SNV().fit_transform(meat.data)),
    ("MSC", "Absorbance", MSC().fit_transform(meat.data)),
    ("Savitzky-Golay second derivative", "Absorbance / nm²", derivative.fit_transform(meat.data)),
]

# %%
# A line is a sample, and its colour the fat. Afterwards the spectra near 930 nm, where fat
# absorbs, lie in the order of their fat.

figure, axes = pyplot.subplots(2, 2, figsize=(8, 6), sharex=True, layout="constrained")
scale = pyplot.Normalize(fat.min(), fat.max())
for ax, (title, label, spectra) in zip(axes.flat, panels, strict=True):
    ax.set_prop_cycle(color=colormaps["viridis"](scale(fat)))
    ax.plot(meat.wavelengths, spectra.T, linewidth=0.6)
    ax.set(title=title, ylabel=label, xmargin=0)
for ax in axes[1]:
    ax.set_xlabel("Wavelength (nm)")
figure.colorbar(pyplot.cm.ScalarMappable(scale, "viridis"), ax=axes, label="Fat (%)")
pyplot.show()
