"""
A grid of your own
==================

A search takes any transformer and any model with scikit-learn's interface. Here transformers of
chemotools treat the spectra, alone or before SNV, and LightGBM predicts beside PLS. Both come
with ``pip install chemotools lightgbm``.
"""

from chemotools.baseline import AirPls, PolynomialCorrection
from chemotools.derivative import NorrisWilliams
from chemotools.scatter import ExtendedMultiplicativeScatterCorrection
from lightgbm import LGBMRegressor
from matplotlib import pyplot
from sklearn.pipeline import make_pipeline

from spectral_fast.datasets import load_tecator
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.preprocessing import SNV

meat = load_tecator(as_frame=True)
preprocessing = {
    "none": "raw",
    "airPLS": AirPls(),
    "polynomial": PolynomialCorrection(order=1),
    "extended MSC": ExtendedMultiplicativeScatterCorrection(),
    "derivative": NorrisWilliams(),
    "polynomial + SNV": make_pipeline(PolynomialCorrection(order=1), SNV()),
    "derivative + SNV": make_pipeline(NorrisWilliams(), SNV()),
}
trees = LGBMRegressor(
    n_estimators=200, num_leaves=7, min_child_samples=5, n_jobs=1, random_state=0, verbose=-1
)
models = {"pls": {"n_components": range(1, 13)}, "LightGBM": trees}

# %%
# A transformer that learns from the samples, as extended MSC does, is fitted to the training
# samples of each fold.

search = SpectralSearchCV(models, preprocessing).fit(meat.data, meat.target["fat"])
columns = ["preprocessing", "model", "params", "rmsecv", "rmsecv_se"]
search.results_[columns].head()

# %%
# The best setting of each model after each treatment, with its standard error. Trees gain most
# from taking the scatter away.

pyplot.style.use("tableau-colorblind10")
figure, ax = pyplot.subplots(figsize=(8, 4.2), layout="constrained")
best = search.results_.drop_duplicates(["preprocessing", "model"])
for model, marker in (("pls", "o"), ("LightGBM", "s")):
    rows = best[best.model == model].set_index("preprocessing").loc[list(preprocessing)[::-1]]
    ax.errorbar(rows.rmsecv, rows.index, xerr=rows.rmsecv_se, fmt=marker, capsize=3, label=model)
ax.set(xscale="log", xlabel="RMSECV (% fat)")
ax.set_xticks([1, 2, 5], labels="125")
ax.minorticks_off()
ax.grid(axis="y", color="0.9")
ax.legend()
pyplot.show()
