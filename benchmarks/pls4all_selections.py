"""Print what selectors of pls4all do where they differ from those here, on the gasolines.

Run ``python -m benchmarks.pls4all_selections``; it takes seconds.
"""

import argparse

import numpy as np
from pls4all import __version__
from pls4all import sklearn as pls4all

from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.datasets import load_gasoline
from spectral_fast.feature_selection import VIP, CoefficientMagnitude

COMPONENTS = 5


def difference(theirs: np.ndarray, ours: np.ndarray) -> str:
    """Return the largest difference of two sets of scores, relative to the largest score."""
    return f"{np.max(np.abs(np.abs(theirs) - ours)) / np.max(ours):.0e}"


def explained_over_rest(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what all components explain of each channel, over the rest."""
    model = PLSRegression(COMPONENTS, scale=False).fit(X, y)
    centred = X - X.mean(axis=0)
    explained = np.sum((model.x_scores_ @ model.x_loadings_.T) ** 2, axis=0)
    return explained / (np.sum(centred**2, axis=0) - explained)


def rows(X: np.ndarray, y: np.ndarray) -> dict[str, str]:
    """Return what was found, by what was asked."""

    def kept(name: str, factor: float = 1, **parameters: float) -> tuple[int, ...]:
        selector = getattr(pls4all, name)(n_components=COMPONENTS, **parameters)
        return tuple(np.flatnonzero(selector.fit(factor * X, y).get_support()))

    def scores(name: str, **parameters: object) -> np.ndarray:
        selector = getattr(pls4all, name)(10, n_components=COMPONENTS, **parameters)
        return selector.fit(X, y).scores_

    found = {}
    for name, raw in (("UVESelector", {"min_features": 0}), ("EMCUVESelector", {})):
        found[f"{name}, channels"] = str(len(kept(name, **raw)))
        found[f"{name}, channels, 1,000 × the spectra"] = str(len(kept(name, 1000, **raw)))
    for share in (0.1, 0.9):
        channels = kept("EMCUVESelector", vote_threshold=share)
        found[f"EMCUVESelector, channels, vote_threshold={share}"] = str(len(channels))
    channels = kept("EMCUVESelector", n_folds=5)
    found["EMCUVESelector, channels, five folds"] = str(len(channels))
    seeds = range(4)
    counts = sorted(len(kept("SCARSSelector", seed=seed)) for seed in seeds)
    found["SCARSSelector, channels, four seeds"] = ", ".join(map(str, counts))
    different = {kept("CARSSelector", seed=seed) for seed in seeds}
    found["CARSSelector, different selections, four seeds"] = str(len(different))
    different = {
        kept("StabilitySelector", top_k=20, seed=seed, n_iterations=count)
        for seed in seeds
        for count in (20, 50)
    }
    found["StabilitySelector, different selections, four seeds, n_iterations 20 and 50"] = str(
        len(different)
    )

    vip = VIP(COMPONENTS).fit(X, y).scores_
    plain = {"scale_x": False}
    found["VIPSelector, from VIP"] = difference(scores("VIPSelector", **plain), vip)
    found["VIPSelector, solver='nipals', from VIP"] = difference(
        scores("VIPSelector", solver="nipals", **plain), vip
    )
    found["CoefficientSelector, from CoefficientMagnitude"] = difference(
        scores("CoefficientSelector", **plain), CoefficientMagnitude(COMPONENTS).fit(X, y).scores_
    )
    found["SelectivityRatioSelector, from what all components explain, over the rest"] = difference(
        scores("SelectivityRatioSelector", **plain), explained_over_rest(X, y)
    )
    return found


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m benchmarks.pls4all_selections", description=__doc__
    ).parse_args()
    print(f"| pls4all {__version__}, {COMPONENTS} components | found |\n| --- | --- |")
    for question, answer in rows(*load_gasoline(return_X_y=True)).items():
        print(f"| {question} | {answer} |")


if __name__ == "__main__":
    main()
