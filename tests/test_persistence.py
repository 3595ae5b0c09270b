import contextlib
import io
import json
import os
import re
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

import spectral_fast
from spectral_fast._files import replacing
from spectral_fast.persistence import SavedModel, align, load_model, save_model
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
    return save(tmp_path / "fat.spectral")


def save(path, **changes):
    """Write a model with other arguments than those of a file as it should be."""
    arguments = {
        "pipeline": Pipeline([("model", Ridge())]).fit(X, Y),
        "channels": [f"{position:g} nm" for position in AXIS],
        "axis": AXIS,
        "axis_unit": "nm",
        "target": "Fett µ",
        "figures_of_merit": {"rmsecv": np.float64(0.5)},
        "domain": {"T2": np.float64(9.5)},
    }
    save_model(path, **arguments | changes)
    return path


def rewrite(path, pickled=b"not a pickle", without=(), **changes):
    """Change or leave out entries of the meta data, and replace the pickle."""
    with zipfile.ZipFile(path) as archive:
        meta = json.loads(archive.read("meta.json")) | changes
    meta = {name: value for name, value in meta.items() if name not in without}
    replace(path, json.dumps(meta), pickled)


def replace(path, meta, pickled=b"not a pickle"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", meta)
        archive.writestr("pipeline.joblib", pickled)


def pickle_of(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return buffer.getvalue()


def test_round_trip(model_file):
    model = load_model(model_file)
    expected = Ridge().fit(X, Y).predict(X)
    np.testing.assert_array_equal(model.pipeline.predict(X), expected)
    assert model.meta["format"] == 2
    assert model.meta["spectral_fast"] == spectral_fast.__version__
    assert model.meta["scikit-learn"] == sklearn.__version__
    assert model.meta["numpy"] == np.__version__
    assert model.meta["axis"] == AXIS.tolist()
    assert model.meta["target"] == "Fett µ"
    assert model.meta["figures_of_merit"] == {"rmsecv": 0.5}
    assert model.meta["domain"] == {"T2": 9.5}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", model.meta["created"])
    assert [path.name for path in model_file.parent.iterdir()] == ["fat.spectral"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"channels": AXIS.tolist()}, {"channels": [str(position) for position in AXIS]}),
        ({"channels": np.arange(7)}, {"channels": list("0123456")}),
        ({"channels": pd.Index(range(7))}, {"channels": list("0123456")}),
        ({"axis": np.arange(7, dtype=np.int32)}, {"axis": [0.0, 1, 2, 3, 4, 5, 6]}),
        ({"figures_of_merit": {"rmsecv": np.float32(0.5)}}, {"figures_of_merit": {"rmsecv": 0.5}}),
        ({"domain": pd.Series({"T2": 9})}, {"domain": {"T2": 9.0}}),
    ],
)
def test_what_can_be_converted_is_and_can_be_loaded(tmp_path, changes, expected):
    meta = load_model(save(tmp_path / "new.spectral", **changes)).meta
    assert {name: meta[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pipeline": Ridge()}, TypeError, r"`pipeline` must be a .* got Ridge\(\)\. Put"),
        ({"channels": None}, TypeError, "`channels` must be a sequence of names; got None. Pass"),
        ({"channels": "850 nm."}, TypeError, "`channels` must be a sequence .* got '850 nm.'. Pa"),
        ({"channels": {"850", "852"}}, TypeError, "`channels` must be a sequence .* Pass a list"),
        ({"channels": ["850"]}, ValueError, "the 7 channels that `pipeline` .*; got 1. Pass the n"),
        ({"channels": ["850"], "axis": [850]}, ValueError, "each of the 7 channels .*; got 1. "),
        ({"axis": [850, *AXIS[:-1]]}, ValueError, "a finite number of its own for each of the 7"),
        ({"axis": AXIS[1:]}, ValueError, r"each of the 7 `channels`; got .* \(6,\)\. Pass the"),
        ({"axis": None}, ValueError, r"`axis` must hold a finite .* got None, of shape \(\)\. P"),
        ({"axis": [*"850 nm."]}, ValueError, r"`axis` must hold a finite number .* \['8', '5'"),
        ({"axis": AXIS * np.nan}, ValueError, r"`axis` must hold a finite number .* array\(\[nan"),
        ({"axis": [[850], [1, 2]]}, ValueError, r"`axis` must hold a finite .* \(2,\)\. Pass the"),
        ({"axis_unit": None}, TypeError, "`axis_unit` must be a str; got None. Pass its name"),
        ({"target": None}, TypeError, "`target` must be a str; got None. Pass its name"),
        ({"figures_of_merit": None}, TypeError, "`figures_of_merit` must map .* got None. Leave"),
        ({"figures_of_merit": {"r2": "high"}}, TypeError, "numbers; got {'r2': 'high'}. Leave out"),
        ({"domain": {"T2": None}}, TypeError, "`domain` must map names to numbers; got {'T2': No"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(model_file, changes, error, message):
    before = model_file.read_bytes()
    with pytest.raises(error, match=message):
        save(model_file, **changes)
    assert model_file.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 1}, "model format 1; spectral_fast .* reads format 2"),
        ({"scikit-learn": "0.24.2"}, r"scikit-learn 0\.24\.2; .* pip install .*==0\.24\.\*"),
        ({"spectral_fast": "0.0.7"}, r"spectral_fast 0\.0\.7; .* pip install .*==0\.0\.\*"),
        ({"spectral_fast": "1"}, r"spectral_fast 1; .* pip install .*==1\.\*"),
        ({"scikit-learn": "1"}, r"scikit-learn 1; .* pip install .*==1\.\*"),
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
    assert isinstance(load_model(model_file), SavedModel)


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


NOT_A_MODEL = "not a model file of spectral_fast, or it is damaged. Use the model"


@pytest.mark.parametrize("meta", ["[1, 2]", '"text"', "{}", "no json", "[" * 5 + "1"])
def test_meta_that_is_no_description(model_file, meta):
    replace(model_file, meta)
    with pytest.raises(ValueError, match=NOT_A_MODEL):
        load_model(model_file)


@pytest.mark.parametrize(
    "name", ["spectral_fast", "scikit-learn", "channels", "axis", "axis_unit", "target", "domain"]
)
def test_meta_without_an_entry(model_file, name):
    rewrite(model_file, without=[name])
    with pytest.raises(ValueError, match=NOT_A_MODEL):
        load_model(model_file)


@pytest.mark.parametrize(
    "changes",
    [
        {"scikit-learn": 1.9},
        {"channels": [850, 852]},
        {"axis": ["850", "852"]},
        {"axis": [850.0]},
        {"target": None},
    ],
)
def test_meta_with_entries_of_another_kind(model_file, changes):
    rewrite(model_file, **changes)
    with pytest.raises(ValueError, match=NOT_A_MODEL):
        load_model(model_file)


PICKLE = pickle_of(Pipeline([("model", Ridge())]))


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (PICKLE[:-40], "is damaged, or needs a package that is not installed: "),
        (b"not a pickle", "is damaged, or needs a package that is not installed: "),
        (b"", "is damaged, or needs a package that is not installed: EOFError"),
        (b"cno_such_package\nRegressor\n.", "ModuleNotFoundError: No module named 'no_such_pac"),
        (pickle_of({"a": 1}), NOT_A_MODEL),
    ],
    ids=["cut", "garbage", "empty", "missing package", "no pipeline"],
)
def test_pickles_that_give_no_pipeline(model_file, pickled, message):
    rewrite(model_file, pickled)
    with pytest.raises(ValueError, match=message) as error:
        load_model(model_file)
    assert str(model_file) in str(error.value)
    assert "'spectral-fast search'" in str(error.value)


def test_flipped_bytes_of_an_archive(model_file):
    whole = model_file.read_bytes()
    for position in range(0, len(whole), 41):
        changed = bytearray(whole)
        changed[position] ^= 0xFF
        model_file.write_bytes(changed)
        with contextlib.suppress(ValueError):  # a date, for instance, may change unnoticed
            load_model(model_file)


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"is a folder. Name the model\.spectral in it"):
        load_model(tmp_path)


def test_the_package_offers_the_module():
    assert spectral_fast.persistence.load_model is load_model


def test_align_orders_channels_and_leaves_out_others(model_file):
    model = load_model(model_file)
    shuffled = np.append(AXIS[::-1], [100.0, 2000.0])
    for unit in ("nm", ""):
        spectra = align(model, table(shuffled, unit=unit))
        np.testing.assert_array_equal(spectra, np.tile(AXIS, (2, 1)))


def test_align_names_missing_channels(model_file):
    model = load_model(model_file)
    with pytest.raises(
        ValueError,
        match=r"2 of the model's 7 channels: '850 nm', '862 nm'; the table has 852 to 860 nm\.",
    ):
        align(model, table(AXIS[1:-1]))
    with pytest.raises(ValueError, match=r"lacks 7 .*'858 nm' and 2 more"):
        align(model, table(AXIS + 0.5))


def test_align_refuses_another_unit(model_file):
    with pytest.raises(ValueError, match="in nm, the table's in cm⁻¹"):
        align(load_model(model_file), table(AXIS, unit="cm⁻¹"))


def test_a_place_where_no_file_can_be(model_file, monkeypatch):
    monkeypatch.chdir(model_file.parent)
    with pytest.raises(IsADirectoryError, match=r"^\. is a folder. Name a file in it\.$"):
        save(".")
    with pytest.raises(NotADirectoryError, match=r"there is no folder new\. Create it"):
        save("new/fat.spectral")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of POSIX")
def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(FileExistsError, match=r"pipe is a device or a pipe, no file\. Name a file"):
        save(path)
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["old", None])
def test_a_link_goes_on_to_point_at_the_file(tmp_path, text):
    link, path = tmp_path / "link.spectral", tmp_path / "models" / "fat.spectral"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("links need a right that is missing here")
    with pytest.raises(NotADirectoryError, match=r"there is no folder .*models\. Create it"):
        save(link)
    path.parent.mkdir()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    save(link)
    assert link.is_symlink()
    assert load_model(path).meta["target"] == "Fett µ"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_name_of_full_length(tmp_path):
    path = save(tmp_path / f"{'f' * 246}.spectral")
    assert load_model(path).meta["target"] == "Fett µ"


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
