"""
Honest and optimistic selection of channels
===========================================

Here there is nothing to find: spectra and reference values are random numbers. A search should
say so, and it does when channels are selected in each training fold anew, which is the default.
When they are selected once on all samples, as much software does, the held-out samples have
helped to choose them, and chance looks like a calibration.
"""

import numpy as np
from matplotlib import pyplot

from spectral_fast.model_selection import SpectralSearchCV

rng = np.random.default_rng(0)
searches = {"fold": [], "all": []}
for _ in range(25):
    spectra, values = rng.normal(size=(60, 500)), rng.normal(size=60)
    for scope, done in searches.items():
        search = SpectralSearchCV(
            {"pls": {"n_components": range(1, 6)}},
            "raw",
            "vip",
            n_features=[5, 10, 20, 50],
            selector_scope=scope,
        )
        done.append(search.fit(spectra, values))

# %%
# Left and middle: what the best candidate of each scope predicts in the last repetition. Every
# prediction is held out from the model. Right: R² of the best candidates in all repetitions;
# whoever predicts the mean has 0.

pyplot.style.use("tableau-colorblind10")
figure, (*scatters, right) = pyplot.subplots(1, 3, figsize=(8, 3.1), layout="constrained")
for ax, (scope, done), colour in zip(scatters, searches.items(), ("C0", "C1"), strict=True):
    predicted = done[-1].oof_predictions_[done[-1].best_index_]
    ax.axline((0, 0), slope=1, color="0.7")
    ax.plot(values, predicted, "o", color=colour, markersize=4)
    ax.set(title=f'selector_scope="{scope}"', xlabel="Measured", ylabel="Predicted")
    ax.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    r2 = [search.results_.r2.iloc[0] for search in done]
    right.hist(r2, bins=np.arange(-0.7, 1, 0.1), color=colour)
right.yaxis.get_major_locator().set_params(integer=True)
right.axvline(0, color="0.7", zorder=0)
right.set(
    title=f"{len(r2)} repetitions", xlabel="R²", ylabel="Searches", xlim=(-1, 1), box_aspect=1
)
pyplot.show()
