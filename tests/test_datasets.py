"""Bundled spectra and the simulator."""

import csv
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import spectral_fast
from spectral_fast.datasets import load_gasoline, load_tecator, make_spectra

LOADERS = [load_tecator, load_gasoline]
PERMISSION = (
    '"These data are recorded on a Tecator Infratec Food and Feed Analyzer working in the '
    "wavelength range 850 - 1050 nm by the Near Infrared Transmission (NIT) principle. Each "
    "sample contains finely chopped pure meat with different moisture, fat and protein contents. "
    "If results from these data are used in a publication we want you to mention the instrument "
    "and company name (Tecator) in the publication. In addition, please send a preprint of your "
    "article to Karin Thente, Tecator AB, Box 70, S-263 21 Hoganas, Sweden. The data are "
    "available in the public domain with no responsibility from the original data source. The "
    'data can be redistributed as long as this permission note is attached."'
)


def read_table(name):
    """Read a bundled table by plain Python, column by column."""
    text = (files("spectral_fast.datasets") / "data" / name).read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def test_tecator():
    tecator = load_tecator()
    table = read_table(tecator.filename)
    assert tecator.data.shape == (215, 100)
    assert tecator.target.shape == (215, 3)
    assert tecator.target_names == ["water", "fat", "protein"]
    assert (tecator.target_unit, tecator.signal) == ("%", "absorbance")
    assert tecator.wavelengths[[0, -1]].tolist() == [850.0, 1050.0]
    for name, column in zip(tecator.target_names, tecator.target.T, strict=True):
        assert_array_equal(column, table[name])
    for name, column in zip(tecator.feature_names, tecator.data.T, strict=True):
        assert_array_equal(column, table[name])
    # Water, fat and protein make up nearly all of meat.
    assert_allclose(tecator.target.sum(axis=1), 100, atol=10)


def test_gasoline():
    gasoline = load_gasoline()
    table = read_table(gasoline.filename)
    assert gasoline.data.shape == (60, 401)
    assert gasoline.target_names == ["octane"]
    assert (gasoline.target_unit, gasoline.signal) == ("octane number", "log(1/R)")
    assert_array_equal(gasoline.wavelengths, np.arange(900, 1701, 2))
    assert_array_equal(gasoline.target, table["octane"])
    for name, column in zip(gasoline.feature_names, gasoline.data.T, strict=True):
        assert_array_equal(column, table[f"{name} nm"])
    assert "Kalivas" in gasoline.DESCR


def test_tecator_comes_with_its_permission_note():
    assert PERMISSION in load_tecator().DESCR
    folder = files("spectral_fast.datasets") / "data"
    assert PERMISSION in (folder / "tecator.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("load", LOADERS)
def test_loaded_arrays(load):
    bunch = load()
    assert bunch.wavelength_unit == "nm"
    assert [float(name) for name in bunch.feature_names] == bunch.wavelengths.tolist()
    assert np.all(np.diff(bunch.wavelengths) > 0)
    assert bunch.frame is None
    for array in (bunch.data, bunch.target, bunch.wavelengths):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert array.flags.owndata
        assert np.isfinite(array).all()


@pytest.mark.parametrize("load", LOADERS)
def test_return_X_y(load):
    bunch = load()
    X, y = load(return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("load", LOADERS)
def test_as_frame(load):
    bunch = load()
    framed = load(as_frame=True)
    assert list(framed.frame.columns) == bunch.feature_names + bunch.target_names
    assert list(framed.data.columns) == bunch.feature_names
    assert_array_equal(framed.data, bunch.data)
    assert_array_equal(framed.target, bunch.target)
    assert framed.target.ndim == bunch.target.ndim
    if bunch.target.ndim == 1:
        assert framed.target.name == bunch.target_names[0]
    X, y = load(return_X_y=True, as_frame=True)
    assert X.equals(framed.data)
    assert y.equals(framed.target)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("flag", ["return_X_y", "as_frame"])
def test_flags_are_validated(load, flag):
    with pytest.raises(ValueError, match=f"'{flag}' parameter of {load.__name__}"):
        load(**{flag: "yes"})


def test_loading_works_from_a_zip_archive(tmp_path):
    package = Path(spectral_fast.__file__).parent
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in [package / "__init__.py", *(package / "datasets").rglob("*")]:
            if path.suffix in {".py", ".csv", ".rst"}:
                file.write(path, path.relative_to(package.parent))
    program = (
        "from spectral_fast import datasets; assert 'package.zip' in datasets.__file__; "
        "print(datasets.load_tecator().data.shape, datasets.load_gasoline().DESCR[:8])"
    )
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert run.stdout.strip() == "(215, 100) Gasoline"


def test_make_spectra_shapes():
    spectra = make_spectra(7, 11, n_components=2, random_state=0)
    assert spectra.data.shape == (7, 11)
    assert spectra.target.shape == (7, 2)
    assert spectra.pure_spectra.shape == (2, 11)
    assert spectra.target_names == ["component_1", "component_2"]
    assert (spectra.target_unit, spectra.wavelength_unit) == ("mol/L", "nm")
    assert spectra.signal == "absorbance"
    assert_array_equal(spectra.wavelengths, np.linspace(1000, 2500, 11))
    assert [float(name) for name in spectra.feature_names] == spectra.wavelengths.tolist()
    assert np.all(spectra.pure_spectra > 0)
    assert np.all((spectra.target >= 0) & (spectra.target < 1))


def test_undisturbed_spectra_are_exact_mixtures():
    spectra = make_spectra(20, 50, noise=0, scatter=0, baseline=0, random_state=0)
    assert_array_equal(spectra.data, spectra.target @ spectra.pure_spectra)


def test_scatter_alone_scales_each_spectrum():
    spectra = make_spectra(400, 30, noise=0, scatter=0.1, baseline=0, random_state=0)
    ratios = spectra.data / (spectra.target @ spectra.pure_spectra)
    assert_allclose(ratios, np.repeat(ratios[:, :1], 30, axis=1), rtol=1e-12)
    assert_allclose(np.log(ratios[:, 0]).std(), 0.1, rtol=0.15)


def test_baseline_alone_adds_a_line_to_each_spectrum():
    spectra = make_spectra(400, 30, noise=0, scatter=0, baseline=0.2, random_state=0)
    lines = spectra.data - spectra.target @ spectra.pure_spectra
    assert_allclose(np.diff(lines, n=2, axis=1), 0, atol=1e-12)
    assert_allclose(lines.mean(axis=1).std(), 0.2, rtol=0.15)
    assert_allclose((lines[:, -1] - lines[:, 0]).std() / 2, 0.2, rtol=0.15)


def test_noise_has_the_given_standard_deviation():
    spectra = make_spectra(100, 100, noise=0.01, scatter=0, baseline=0, random_state=0)
    residual = spectra.data - spectra.target @ spectra.pure_spectra
    assert_allclose(residual.std(), 0.01, rtol=0.05)


def test_seed_determines_the_spectra():
    first, again, other = (make_spectra(5, 9, random_state=seed) for seed in (1, 1, 2))
    for key in ("data", "target", "pure_spectra"):
        assert_array_equal(first[key], again[key])
        assert not np.array_equal(first[key], other[key])
    generator = make_spectra(5, 9, random_state=np.random.RandomState(1))
    assert_array_equal(generator.data, first.data)


def test_disturbances_do_not_change_the_mixtures():
    clean = make_spectra(5, 9, noise=0, scatter=0, baseline=0, random_state=3)
    disturbed = make_spectra(5, 9, noise=1, scatter=1, baseline=1, random_state=3)
    assert_array_equal(clean.target, disturbed.target)
    assert_array_equal(clean.pure_spectra, disturbed.pure_spectra)


def test_one_channel_one_sample_one_component():
    spectra = make_spectra(1, 1, n_components=1, random_state=0)
    assert spectra.data.shape == (1, 1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_samples": 0},
        {"n_samples": 2.5},
        {"n_channels": 0},
        {"n_components": 0},
        {"noise": -1e-9},
        {"scatter": -0.1},
        {"baseline": "none"},
        {"random_state": "seed"},
    ],
)
def test_make_spectra_validates_its_parameters(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_spectra must be"):
        make_spectra(**parameters)
