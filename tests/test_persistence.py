import json
import re
import zipfile

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

import spectral_fast
from spectral_fast.persistence import Model, align, load_model, replacing, save_model
from spectral_fast.tables import SpectralTable

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 7)), RNG.normal(size=10)
AXIS = np.arange(850.0, 864.0, 2)


def table(axis, spectra=None, unit="nm"):
    spectra = np.tile(np.asarray(axis, dtype=float), (2, 1)) if spectra is None else spectra
    names = [f"{position:g} {unit}".strip() for position in axis]
    return SpectralTable(spectra, names, np.asarray(axis, dtype=float), unit, None, None)


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "fat.spectral"
    save_model(
        path,
        Pipeline([("model", Ridge())]).fit(X, Y),
        channels=[f"{position:g} nm" for position in AXIS],
        axis=AXIS,
        axis_unit="nm",
        target="Fett µ",
        figures_of_merit={"rmsecv": np.float64(0.5)},
    )
    return path


def rewrite(path, **changes):
    """Change entries of the meta data; the pickle becomes one that cannot be loaded."""
    with zipfile.ZipFile(path) as archive:
        meta = json.loads(archive.read("meta.json"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta | changes))
        archive.writestr("pipeline.joblib", b"not a pickle")


def test_round_trip(model_file):
    model = load_model(model_file)
    expected = Ridge().fit(X, Y).predict(X)
    np.testing.assert_array_equal(model.pipeline.predict(X), expected)
    assert model.meta["format"] == 1
    assert model.meta["spectral_fast"] == spectral_fast.__version__
    assert model.meta["scikit-learn"] == sklearn.__version__
    assert model.meta["numpy"] == np.__version__
    assert model.meta["axis"] == AXIS.tolist()
    assert model.meta["target"] == "Fett µ"
    assert model.meta["figures_of_merit"] == {"rmsecv": 0.5}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", model.meta["created"])
    assert [path.name for path in model_file.parent.iterdir()] == ["fat.spectral"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "model format 2; spectral_fast .* reads format 1"),
        ({"scikit-learn": "0.24.2"}, r"scikit-learn 0\.24\.2; .* pip install .*==0\.24\.\*"),
        ({"spectral_fast": "0.0.7"}, r"spectral_fast 0\.0\.7; .* pip install .*==0\.0\.\*"),
    ],
)
def test_versions_are_checked_before_unpickling(model_file, changes, message):
    rewrite(model_file, **changes)
    with pytest.raises(ValueError, match=message) as error:
        load_model(model_file)
    assert "run the search again" in str(error.value)


def test_patch_releases_are_interchangeable(model_file):
    with zipfile.ZipFile(model_file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    major, minor, *_ = sklearn.__version__.split(".")
    meta = json.loads(members["meta.json"]) | {"scikit-learn": f"{major}.{minor}.99"}
    with zipfile.ZipFile(model_file, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta))
        archive.writestr("pipeline.joblib", members["pipeline.joblib"])
    assert isinstance(load_model(model_file), Model)


def test_major_versions_separate_models_once_stable(monkeypatch, model_file):
    rewrite(model_file, spectral_fast="1.2.0")
    monkeypatch.setattr(spectral_fast, "__version__", "2.0.0")
    with pytest.raises(ValueError, match=r"spectral_fast==1\.\*"):
        load_model(model_file)


def test_what_is_no_model_file(tmp_path, model_file):
    text = tmp_path / "text.spectral"
    text.write_text("fat,850\n1,2\n", encoding="utf-8")
    other_zip = tmp_path / "zip.spectral"
    with zipfile.ZipFile(other_zip, "w") as archive:
        archive.writestr("readme.txt", "hello")
    cut = tmp_path / "cut.spectral"
    cut.write_bytes(model_file.read_bytes()[:-100])
    for path in (text, other_zip, cut):
        with pytest.raises(ValueError, match="not a model file of spectral_fast, or it is damaged"):
            load_model(path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_model(tmp_path / "none.spectral")


def test_align_orders_channels_and_leaves_out_others(model_file):
    model = load_model(model_file)
    shuffled = np.append(AXIS[::-1], [100.0, 2000.0])
    for unit in ("nm", ""):
        spectra = align(model, table(shuffled, unit=unit))
        np.testing.assert_array_equal(spectra, np.tile(AXIS, (2, 1)))


def test_align_names_missing_channels(model_file):
    model = load_model(model_file)
    with pytest.raises(
        ValueError, match=r"lacks 2 of the model's 7 channels: '850 nm', '862 nm'\."
    ):
        align(model, table(AXIS[1:-1]))
    with pytest.raises(ValueError, match=r"lacks 7 .*'858 nm' and 2 more"):
        align(model, table(AXIS + 0.5))


def test_align_refuses_another_unit(model_file):
    with pytest.raises(ValueError, match="in nm, the table's in cm⁻¹"):
        align(load_model(model_file), table(AXIS, unit="cm⁻¹"))


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("old", encoding="utf-8")

    def fail_half_way():
        with replacing(path) as staged:
            staged.write_text("half", encoding="utf-8")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
