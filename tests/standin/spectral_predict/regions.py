"""Regions of the spectrum that go with the property."""

import numpy as np


def create_region_subsets(X, y, wavelengths, n_top_regions=5):
    """Return the regions of 50 nm with the largest mean correlation, and the two best together."""
    regions = []
    for start in np.arange(wavelengths.min(), wavelengths.max(), 50.0):
        indices = np.flatnonzero((wavelengths >= start) & (wavelengths < start + 50.0))
        if len(indices) > 1:
            r = [np.corrcoef(X[:, j], y)[0, 1] for j in indices if np.ptp(X[:, j]) > 0]
            regions.append((np.mean(np.abs(r)) if r else 0.0, start, indices))
    regions = sorted(regions, key=lambda each: (-each[0], each[1]))[:n_top_regions]
    subsets = [
        {"indices": indices, "tag": f"region_{start:.0f}nm", "description": f"r = {r:.3f}"}
        for r, start, indices in regions[:3]
    ]
    if len(regions) > 1:
        both = np.union1d(regions[0][2], regions[1][2])
        subsets.append({"indices": both, "tag": "top2regions", "description": "the two best"})
    return subsets
