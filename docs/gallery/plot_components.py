"""
Choose the number of latent variables
=====================================

The least cross-validated error often lies far along a flat valley. The rule of one standard
error takes the fewest latent variables whose error is not clearly larger.
"""

import numpy as np
from matplotlib import pyplot

from spectral_fast.cross_decomposition import PLSRegressionCV
from spectral_fast.datasets import load_tecator
from spectral_fast.preprocessing import SNV

meat = load_tecator(as_frame=True)
spectra, fat = SNV().fit_transform(meat.data), meat.target["fat"]

# %%
# All numbers of latent variables are cross-validated in one pass. The standard error of each
# RMSECV comes from the spread of the squared errors of the samples.

pls = PLSRegressionCV(max_components=20, cv=10, rule="1se").fit(spectra, fat)
rmsecv, se = pls.rmsecv_, pls.rmsecv_se_
least, chosen = rmsecv.argmin(), pls.n_components_
for name, n_components in (("least", least), ("1 SE", chosen)):
    error = f"{rmsecv[n_components]:.2f} ± {se[n_components]:.2f} % fat"
    print(f"{name:5s} {n_components:2d} latent variables, RMSECV {error}")

# %%
# The band reaches one standard error above the least RMSECV; the first point inside it is the
# choice. ``rule="min"`` takes the least itself, ``"wold"`` and ``"randomization"`` decide by
# other criteria. ``pls.plot_rmsecv()`` draws a plain version of this figure.

pyplot.style.use("tableau-colorblind10")
figure, ax = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
counts = np.arange(1, len(rmsecv))
ax.axhspan(rmsecv[least], rmsecv[least] + se[least], color="C1", alpha=0.3, linewidth=0)
ax.errorbar(counts, rmsecv[1:], se[1:], color="C0", marker="o", capsize=3)
for name, n_components in (("least", least), ("1 SE", chosen)):
    tip = rmsecv[n_components] + 1.5 * se[n_components]
    arrow = {"arrowstyle": "->"}
    ax.annotate(
        f"{name}: {n_components}",
        (n_components, tip),
        (n_components, 3.6),
        arrowprops=arrow,
        ha="center",
    )
ax.set(xlabel="Latent variables", ylabel="RMSECV (% fat)", yscale="log", xticks=counts)
ax.set_yticks([2, 3, 4, 5, 6, 7], labels="234567")
ax.minorticks_off()
pyplot.show()
