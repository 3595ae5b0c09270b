"""Count which channels UVE and MCUVE keep of mixtures whose informative channels are known.

Run ``python -m benchmarks.known_channels``. Of 90 channels 20 hold y, 10 something else, and 60
noise alone. The second table has the number of components with the least RMSECV, of all channels.
"""

import argparse
import warnings

import numpy as np

import spectral_fast
from spectral_fast.cross_decomposition import PLSRegressionCV
from spectral_fast.feature_selection import MCUVE, UVE
from tests.spectra import noisy_mixtures

NOISES = (0.2, 0.5, 1.0, 2.0)
COMPONENTS = (1, 2, 5)


def shares_kept(selector: UVE | MCUVE, noise: float, n_seeds: int) -> np.ndarray:
    """Return the mean share of the informative channels, and of those of noise, that is kept."""
    kept = np.empty((n_seeds, 2))
    for row, seed in zip(kept, range(1, n_seeds + 1), strict=True):
        X, y, kinds = noisy_mixtures(seed, noise)
        support = selector.set_params(random_state=seed).fit(X, y).support_
        row[:] = support[kinds == 0].mean(), support[kinds == 2].mean()
    return kept.mean(axis=0)


def least(noise: float, n_seeds: int) -> np.ndarray:
    """Return the number of components with the least RMSECV for each seed."""
    mixtures = [noisy_mixtures(seed, noise)[:2] for seed in range(1, n_seeds + 1)]
    return np.array([PLSRegressionCV().fit(X, y).n_components_ for X, y in mixtures])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.known_channels", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=50, metavar="N", help="default: 50")
    n_seeds = parser.parse_args().seeds
    spectral_fast.warm_up()
    warnings.filterwarnings("ignore", "No channel is selected", UserWarning)
    counts = [f"{count} components" if count > 1 else "1 component" for count in COMPONENTS]
    print(f"| noise | method | {' | '.join(counts)} |\n|{' --- |' * (2 + len(counts))}")
    for noise in NOISES:
        for method in (UVE, MCUVE):
            found = [shares_kept(method(count), noise, n_seeds) for count in COMPONENTS]
            cells = [f"{informative:.1%}, {other:.1%}" for informative, other in found]
            print(f"| {noise:g} | {method.__name__} | {' | '.join(cells)} |", flush=True)
    print("\n| noise | least | median | most |\n| --- | --- | --- | --- |")
    for noise in NOISES:
        best = least(noise, n_seeds)
        print(f"| {noise:g} | {best.min()} | {np.median(best):g} | {best.max()} |")


if __name__ == "__main__":
    main()
