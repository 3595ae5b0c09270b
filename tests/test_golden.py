"""Kernels and estimators against the files that `golden/make_golden.py` wrote."""

import importlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectral_fast import kernels
from spectral_fast.cross_decomposition import PLSRegression
from spectral_fast.preprocessing import MSC, SNV, SavitzkyGolay
from tests.golden import make_golden

GOLDEN = Path(__file__).parent / "golden"
ROWS = ["rows_tecator", "rows_gasoline"]
#: name of the file, number of targets
FITS = [
    ("pls_tecator_tall", 1),
    ("pls_tecator_tall", 3),
    ("pls_tecator_wide", 1),
    ("pls_tecator_wide", 3),
    ("pls_gasoline", 1),
]
#: Several targets: the power method stops at a tolerance.
RTOL = {1: 1e-10, 3: 1e-6}
KERNEL_ARRAYS = ("x_weights", "y_weights", "x_loadings", "y_loadings", "x_scores", "y_scores")

rows = pytest.mark.parametrize("name", ROWS)
fits = pytest.mark.parametrize(("name", "n_targets"), FITS)
scales = pytest.mark.parametrize("scale", [True, False])


@cache
def golden(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def assert_close(actual, expected, rtol, err_msg=""):
    atol = rtol * np.abs(expected).max()
    assert_allclose(actual, expected, rtol=0, atol=atol, err_msg=err_msg)


@rows
def test_snv(name):
    file = golden(name)
    assert_close(SNV().fit_transform(file["X"]), file["snv"], 1e-10)
    out = np.empty_like(file["X"])
    kernels.snv(file["X"], out)
    assert_close(out, file["snv"], 1e-10)


@rows
@pytest.mark.parametrize("average", ["mean", "median"])
def test_msc(name, average):
    file = golden(name)
    X, expected = file["X"], file[f"msc/{average}"]
    assert_close(MSC(average).fit_transform(X), expected, 1e-10)
    out = np.empty_like(X)
    kernels.msc(X, getattr(np, average)(X, axis=0), out)
    assert_close(out, expected, 1e-10)


@rows
@pytest.mark.parametrize("mode", make_golden.MODES)
@pytest.mark.parametrize("label", make_golden.FILTERS)
def test_savgol(name, mode, label):
    file = golden(name)
    window, polyorder, deriv, delta, cval = make_golden.FILTERS[label]
    savgol = SavitzkyGolay(window, polyorder, deriv, delta=delta, mode=mode, cval=cval)
    assert_close(savgol.fit_transform(file["X"]), file[f"savgol/{label}/{mode}"], 1e-10)


@fits
@scales
def test_pls(name, n_targets, scale):
    file = golden(name)
    pls = PLSRegression(make_golden.N_COMPONENTS, scale=scale)
    pls.fit(file["X"], file["Y"][:, :n_targets])
    for array in make_golden.ARRAYS:
        expected = file[f"{n_targets}/{scale}/{array}"]
        assert_close(getattr(pls, array), expected, RTOL[n_targets], err_msg=array)


@fits
@scales
def test_nipals(name, n_targets, scale):
    file = golden(name)
    Y = file["Y"][:, :n_targets] - file["Y"][:, :n_targets].mean(axis=0)
    if scale:
        Y /= Y.std(axis=0, ddof=1)
    fitted = kernels.nipals(file["X"], Y, make_golden.N_COMPONENTS, scale, 500, 1e-6)
    for array in KERNEL_ARRAYS:
        expected = file[f"{n_targets}/{scale}/{array}_"].T
        assert_close(getattr(fitted, array), expected, RTOL[n_targets], err_msg=array)


def test_every_file_is_small_and_says_how_it_was_made():
    files = sorted(path.stem for path in GOLDEN.glob("*.npz"))
    assert files == sorted({name for name, _ in FITS} | set(ROWS))
    for name in files:
        assert (GOLDEN / f"{name}.npz").stat().st_size < 60_000
        about = str(golden(name)["about"])
        for word in ("seed", "numpy", "scipy", "scikit-learn", "python"):
            assert f"{word} " in about


def test_importing_the_script_writes_nothing(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("importing make_golden must not write")

    monkeypatch.setattr(np, "savez_compressed", refuse)
    importlib.reload(make_golden)
    with pytest.raises(AssertionError, match="must not write"):
        make_golden.main()
