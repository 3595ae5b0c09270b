"""
A search, from spectra to report
================================

Which preprocessing, which channels and which model predict the fat in meat best? A search
cross-validates all combinations, ranks them, and fits the best one to all samples.
"""

import tempfile
from pathlib import Path

from matplotlib import pyplot

from spectral_fast.datasets import load_tecator
from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.report import write_report

meat = load_tecator(as_frame=True)
spectra, fat = meat.data, meat.target["fat"]
search = SpectralSearchCV(
    models={
        "pls": {"n_components": range(1, 13)},
        "ridge": {"alpha": [1e-6, 1e-4, 1e-2, 1.0]},
        "svr": {"C": [100, 1000], "epsilon": [0.1]},
    },
    preprocessing=["raw", "snv", "msc", "sg1", "sg2", "snv+sg2"],
    selectors=["full", "uve"],
    n_features=[20, 50],
)

# %%
# The plan says what there is to do. Combinations that have work in common share it.

print(search.plan(spectra, fat))

# %%
# All candidates are in a table, best first.

search.fit(spectra, fat)
columns = ["preprocessing", "selector", "n_features", "model", "params", "rmsecv", "rmsecv_se"]
search.results_[columns].head(10)

# %%
# The best one is a scikit-learn Pipeline, fitted to all samples.

search.best_estimator_

# %%
# Left: its held-out predictions. Right: the best candidate of each preprocessing and model.

pyplot.style.use("tableau-colorblind10")
figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
best = search.results_.iloc[0]
left.axline((0, 0), slope=1, color="0.7")
left.plot(fat, search.oof_predictions_[search.best_index_], "o", markersize=4, alpha=0.6)
left.set(xlabel="Fat, measured (%)", ylabel="Fat, predicted, held out (%)", box_aspect=1)
left.set_title(f"{best.preprocessing}, {best.model}: RMSECV {best.rmsecv:.2f} %")

least = search.results_.groupby(["preprocessing", "model"]).rmsecv.min().unstack()
least = least.sort_values("svr", ascending=False)
for model, style in zip(least.columns, ("oC0", "sC1", "^C3"), strict=True):
    right.plot(least[model], least.index, style, label=model)
right.set(xscale="log", xlabel="Least RMSECV (% fat)", xlim=(0.4, 3))
right.set_xticks([0.5, 1, 2], labels=["0.5", "1", "2"])
right.minorticks_off()
right.legend()

# %%
# The report tells it all in one HTML file: predictions and residuals, what the figures mean, the
# ranking, the spectra, and how it was computed.

with tempfile.TemporaryDirectory() as folder:
    report = Path(folder, "report.html")
    write_report(
        search,
        spectra,
        fat,
        report,
        title="Fat in meat",
        axis=meat.wavelengths,
        axis_label="Wavelength (nm)",
        target_name="fat",
        target_unit="%",
    )
    print(f"{report.name}: {report.stat().st_size // 1024} KiB")
pyplot.show()
