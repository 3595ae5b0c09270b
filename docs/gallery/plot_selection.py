"""
Select channels, and see whether they come back
===============================================

A few channels can predict as well as all of them. Which ones a method selects depends on the
samples: a selection that comes back with other samples can be trusted more.
"""

from matplotlib import pyplot
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from spectral_fast.cross_decomposition import PLSRegressionCV
from spectral_fast.datasets import load_gasoline
from spectral_fast.feature_selection import SPA, UVE, UVESPA, IntervalPLS, selection_frequency
from spectral_fast.preprocessing import SNV

gasoline = load_gasoline()
spectra, octane = SNV().fit_transform(gasoline.data), gasoline.target
selectors = {
    "SPA": SPA(),
    "UVE": UVE(n_components=4),
    "UVE-SPA": UVESPA(n_components=4),
    "iPLS": IntervalPLS(20, method="forward"),
}

# %%
# Orange: the channels selected from all samples, on the mean spectrum. Blue: how often each
# channel is selected from random three quarters of the samples. Neighbours take turns where they
# tell the same.

pyplot.style.use("tableau-colorblind10")
figure, axes = pyplot.subplots(4, figsize=(8, 8), sharex=True, layout="constrained")
for (name, selector), ax in zip(selectors.items(), axes, strict=True):
    support = selector.fit(spectra, octane).get_support()
    stability = selection_frequency(selector, spectra, octane, n_resamples=25)
    ax.fill_between(gasoline.wavelengths, stability.frequency, step="mid", color="C4")
    ax.set(title=f"{name}: {support.sum()} of {support.size} channels", ylim=(0, 1.05), xmargin=0)
    over, mean = ax.twinx(), selector.mean_spectrum_
    over.plot(gasoline.wavelengths, mean, color="0.3", linewidth=1)
    over.plot(gasoline.wavelengths[support], mean[support], "o", color="C1", markersize=4)
    over.set_yticks([])
axes[-1].set_xlabel("Wavelength (nm)")
figure.supylabel(f"Share of {stability.n_fits} selections", fontsize="medium")

# %%
# What are they worth? Each fold selects anew from its own training samples.

folds = KFold(5, shuffle=True, random_state=0)
for name, selector in {"all channels": "passthrough", **selectors}.items():
    model = make_pipeline(selector, PLSRegressionCV(10, rule="1se"))
    rmsecv = root_mean_squared_error(octane, cross_val_predict(model, spectra, octane, cv=folds))
    print(f"{name:12s} RMSECV {rmsecv:.2f}")

pyplot.show()
