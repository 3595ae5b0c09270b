"""Select the channels that predict the fat in meat, with each method.

Run it as ``python docs/examples/select_channels.py``, or cell by cell in an editor that
knows ``# %%`` cells.
"""

# %% Spectra of meat, with their scatter removed, and their fat contents
from matplotlib import pyplot
from sklearn.base import clone
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from spectral_fast.cross_decomposition import PLSRegressionCV
from spectral_fast.datasets import load_tecator
from spectral_fast.feature_selection import (
    CARS,
    MCUVE,
    SPA,
    UVE,
    UVESPA,
    VIP,
    CoefficientMagnitude,
    CovSel,
    IntervalPLS,
    RandomFrog,
    SelectivityRatio,
    selection_frequency,
)
from spectral_fast.preprocessing import SNV

meat = load_tecator(as_frame=True)
spectra = SNV().set_output(transform="pandas").fit_transform(meat.data)
fat = meat.target["fat"]

# %% The methods. An int `cv` is a number of shuffled folds, the same for each of them.
selectors = [
    VIP(n_components=8),
    CoefficientMagnitude(n_components=8),
    SelectivityRatio(n_components=8),
    CovSel(n_features_to_select="cv"),
    UVE(n_components=8, cutoff=0.99),
    MCUVE(n_components=8),
    SPA(),
    UVESPA(n_components=8, cutoff=0.99),
    IntervalPLS(method="forward"),
    CARS(),
    RandomFrog(n_iterations=200, n_features_to_select=20),
]
for selector in selectors:
    selector.fit(spectra, fat)

# %% Selected channels over the mean spectrum
figure, axes = pyplot.subplots(6, 2, figsize=(11, 15), layout="constrained")
for selector, ax in zip(selectors, axes.flat, strict=False):
    selector.plot(ax)
    ax.set_title(type(selector).__name__)
figure.suptitle("Channels that predict fat")

# %% Which of them come back when other samples are drawn?
frequency = selection_frequency(SPA(), spectra, fat, n_resamples=50)
frequency.plot(axes.flat[-1])
axes.flat[-1].set_title("How often SPA selects a channel")

# %% What the channels are worth: each fold selects anew from its own training samples
folds = KFold(5, shuffle=True, random_state=1)
for selector in [None, *selectors]:
    steps = [] if selector is None else [clone(selector)]
    pipeline = make_pipeline(*steps, PLSRegressionCV(10, rule="1se"))
    rmsecv = root_mean_squared_error(fat, cross_val_predict(pipeline, spectra, fat, cv=folds))
    name, n_channels = "all channels", spectra.shape[1]
    if selector is not None:
        name, n_channels = type(selector).__name__, selector.n_features_
    print(f"{name:20s} {n_channels:3d} channels, RMSECV {rmsecv:.2f} %")

# %%
pyplot.show()
