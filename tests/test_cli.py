import contextlib
import json
import re
import runpy
import shlex
import signal
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

import spectral_fast.datasets
import spectral_fast.persistence
import spectral_fast.report
from spectral_fast import __version__
from spectral_fast.cli import _calibrate, _search, main
from spectral_fast.cli._outputs import OUTPUTS
from spectral_fast.datasets import make_spectra
from spectral_fast.model_selection import SpectralSearchCV, _figures, _grid

MIXTURES = make_spectra(24, 20, random_state=0)
CHANNELS = [f"{900 + 10 * i} nm" for i in range(20)]
SUMMARY = "20 channels, 900 to 1090 nm; ignored columns: sample\n"


def frame():
    table = pd.DataFrame(MIXTURES.data, columns=CHANNELS)
    table.insert(0, "fat (%)", MIXTURES.target[:, 0])
    table.insert(0, "sample", [f"{i:03}" for i in range(len(table))])
    return table


@pytest.fixture
def table_file(tmp_path):
    path = tmp_path / "table.csv"
    frame().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a finished search whose winner is linear in the raw spectra."""
    folder = tmp_path_factory.mktemp("finished")
    frame().to_csv(folder / "table.csv", index=False)
    code = main(search(folder / "table.csv", folder / "out", "--preprocessing", "sg1"))
    assert code == 0
    return folder / "out"


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the report, which takes most of the time of a small search."""
    monkeypatch.setattr(spectral_fast.report, "write_report", fail(ModuleNotFoundError("none")))


def search(file, out, *options, target="fat (%)"):
    models = () if "--models" in options else ("--models", "ridge")
    preprocessing = () if "--preprocessing" in options else ("--preprocessing", "raw")
    return [
        *("search", str(file), "--target", target, "--out", str(out), "--cv", "3"),
        *models,
        *preprocessing,
        *map(str, options),
    ]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# --- what it does ---------------------------------------------------------------------


def test_search_writes_its_files_and_prints_the_ranking(table_file, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    options = ("--models", "ridge", "pls", "--preprocessing", "raw", "snv", "--title", "Meat")
    assert main(search(table_file, out, *options, "--seed", "3")) == 0
    assert files(out) == sorted(OUTPUTS)

    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["preprocessing", "model", "RMSECV", "R2", "RPD"]
    assert [line.split()[0] for line in lines[1:11]] == [str(rank) for rank in range(1, 11)]
    assert lines[-5:] == [str(out / name) for name in OUTPUTS]
    assert max(map(len, lines[:-5])) <= 60
    assert printed.out.isascii()
    assert printed.err == SUMMARY

    ranking = pd.read_csv(out / "results.csv")
    expected = SpectralSearchCV(("ridge", "pls"), ("raw", "snv"), cv=3, random_state=3).fit(
        MIXTURES.data, MIXTURES.target[:, 0]
    )
    assert [*ranking.columns, "seconds"] == list(expected.results_.columns)
    np.testing.assert_allclose(ranking["rmsecv"], expected.results_["rmsecv"], rtol=1e-9)
    assert json.loads(ranking["params"][0]) == expected.results_["params"].iloc[0]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>Meat</h1>" in html
    assert "percentage points of fat" in html
    assert "spectral-fast search table.csv --target &#39;fat (%)&#39; --out out --cv 3" in html
    assert str(tmp_path) not in html


@pytest.mark.usefixtures("no_report")
def test_warnings_are_one_line_each(table_file, tmp_path, capsys):
    options = ("--models", "pls", "--preprocessing", "snv+sg1")
    assert main(search(table_file, tmp_path / "out", *options)) == 0
    summary, warning = capsys.readouterr().err.splitlines()
    assert summary == SUMMARY.strip()
    assert warning.startswith("spectral-fast: warning: ")
    assert "has only 8 components" in warning


def warn_and_fail(monkeypatch, warning):
    """Let a search give a warning, and end with an error."""

    def fit(*data, **more):
        warnings.warn(warning, stacklevel=1)
        raise ValueError("no good")

    monkeypatch.setattr(SpectralSearchCV, "fit", fit)


def test_warnings_name_the_file_of_results(monkeypatch, table_file, tmp_path, capsys):
    warn_and_fail(monkeypatch, "3 are late; `results_['n_not_converged']` counts.")
    assert main(search(table_file, tmp_path / "out")) == 2
    assert "late; column n_not_converged of results.csv counts." in capsys.readouterr().err


def test_a_command_that_fails_has_warned_before(monkeypatch, table_file, tmp_path, capsys):
    warn_and_fail(monkeypatch, "beware\nof it")
    assert main(search(table_file, tmp_path / "out")) == 2
    *_, warning, error = capsys.readouterr().err.splitlines()
    assert warning == "spectral-fast: warning: beware of it"
    assert error == "spectral-fast: error: no good"


def test_model_and_coefficients_agree(results):
    coefficients = pd.read_csv(results / "coefficients.csv")
    assert coefficients["channel"].tolist() == ["intercept", *CHANNELS]
    assert coefficients["acts_on"].unique().tolist() == ["raw spectrum"]
    intercept, *vector = coefficients["coefficient"]
    model = spectral_fast.persistence.load_model(results / "model.spectral")
    np.testing.assert_allclose(
        MIXTURES.data @ vector + intercept, model.pipeline.predict(MIXTURES.data), atol=1e-9
    )
    assert model.meta["target"] == "fat (%)"
    assert model.meta["axis_unit"] == "nm"
    assert model.meta["figures_of_merit"]["rmsecv"] > 0


@pytest.mark.usefixtures("no_report")
def test_coefficients_state_the_preprocessing_they_act_on(table_file, tmp_path):
    assert main(search(table_file, tmp_path / "out", "--preprocessing", "snv+sg1")) == 0
    coefficients = pd.read_csv(tmp_path / "out" / "coefficients.csv")
    assert coefficients["acts_on"].unique().tolist() == ["spectrum after snv"]


def test_search_replaces_its_own_files_and_no_other(table_file, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("coefficients.csv", "results.csv", "notes.txt"):
        (out / name).write_text("old", encoding="utf-8")
    assert main(search(table_file, out, "--models", "svr")) == 0
    assert files(out) == [
        "model.spectral",
        "notes.txt",
        "rebuild.py",
        "report.html",
        "results.csv",
    ]
    assert (out / "notes.txt").read_text(encoding="utf-8") == "old"
    assert (out / "results.csv").read_text(encoding="utf-8").startswith("rank,")


@pytest.mark.usefixtures("no_report")
def test_search_says_how_many_candidates_failed(table_file, tmp_path, capsys):
    narrow = frame().iloc[:, :12]
    narrow.to_csv(table_file, index=False)
    assert main(search(table_file, tmp_path / "out", "--preprocessing", "raw", "sg1")) == 0
    printed = capsys.readouterr()
    summary, failed, *_ = printed.err.splitlines()
    assert summary == "10 channels, 900 to 990 nm; ignored columns: sample"
    assert failed.startswith(
        "spectral-fast: warning: 11 of 22 candidates failed and rank last; column error of "
        "results.csv tells why. The first: ValueError: `window_length`"
    )


@pytest.mark.parametrize("module", ["matplotlib", "jinja2"])
def test_without_report_libraries(monkeypatch, table_file, tmp_path, capsys, module):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(search(table_file, tmp_path / "out")) == 0
    assert files(tmp_path / "out") == [
        "coefficients.csv",
        "model.spectral",
        "rebuild.py",
        "results.csv",
    ]
    assert 'pip install "spectral_fast[report]"' in capsys.readouterr().out


def test_predict(results, tmp_path, capsys):
    shuffled = tmp_path / "new.csv"
    extra = frame().assign(**{"1100 nm": 1.0}).iloc[:5, ::-1]
    extra.to_csv(shuffled, index=False)
    expected = spectral_fast.persistence.load_model(results / "model.spectral").pipeline.predict(
        MIXTURES.data[:5]
    )
    model = str(results / "model.spectral")

    assert main(["predict", model, str(shuffled), "--id", "sample"]) == 0
    printed = capsys.readouterr()
    summary, no_domain = printed.err.splitlines()
    assert summary == "21 channels, 900 to 1100 nm; ignored columns: fat (%)"
    assert no_domain.startswith("This model has no Hotelling's T2 and Q residuals")
    assert "--models pls" in no_domain
    lines = printed.out.splitlines()
    assert lines[0] == "sample,predicted fat (%)"
    assert [line.split(",")[0] for line in lines[1:]] == ["000", "001", "002", "003", "004"]
    np.testing.assert_allclose([float(line.split(",")[1]) for line in lines[1:]], expected)

    out = tmp_path / "predictions.csv"
    assert main(["predict", model, str(shuffled), "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    predictions = pd.read_csv(out)
    assert predictions["row"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(predictions["predicted fat (%)"], expected)


def test_predict_keeps_the_names_of_samples(results, tmp_path, capsys):
    file = tmp_path / "new.csv"
    frame().head(3).assign(sample=["NA", "null", "007"]).to_csv(file, index=False)
    model = str(results / "model.spectral")
    assert main(["predict", model, str(file), "--id", "sample"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["NA", "null", "007"]


def test_the_command_in_the_report_names_no_folders(table_file, tmp_path):
    target = "fat (g/100 g)"
    frame().rename(columns={"fat (%)": target}).to_csv(table_file, index=False)
    out = tmp_path / "secret" / "out"
    command = ["search", str(table_file), "--target", target, f"--out={out}", "--cv", "3"]
    assert main([*command, "--models", "ridge", "--preprocessing", "raw"]) == 0
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "table.csv --target &#39;fat (g/100 g)&#39; --out=out --cv 3" in html
    assert "secret" not in html


def test_the_names_are_those_of_the_search():
    assert tuple(_grid.PREPROCESSING) == _search.PREPROCESSING
    assert tuple(_grid.SELECTORS) == _search.SELECTORS
    assert tuple(_grid.MODELS) == _search.MODELS
    assert tuple(_grid.PRESETS) == _search.GRIDS
    assert _figures.REGRESSION_SCORES == _search.REGRESSION_SCORES
    assert _figures.CLASSIFICATION_SCORES == _search.CLASSIFICATION_SCORES


def test_demo(monkeypatch, tmp_path, capsys):
    meat = Bunch(
        data=MIXTURES.data,
        target=MIXTURES.target,
        target_names=["water", "fat", "protein"],
        wavelengths=np.arange(20.0),
        wavelength_unit="nm",
        feature_names=[str(i) for i in range(20)],
    )
    monkeypatch.setattr(spectral_fast.datasets, "load_tecator", lambda: meat)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert files(tmp_path / "spectral_fast_demo") == sorted(OUTPUTS)
    assert "report.html" in capsys.readouterr().out
    for share in (0.0, 0.5):
        interrupt(monkeypatch, share)
        assert main(["demo"]) == 130
        assert "--journal" not in capsys.readouterr().err  # which the command lacks


def test_info(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for word in (__version__, "scikit-learn", "cores", "threading layer", "cache", "extra report"):
        assert word in printed


def test_version_and_help(capsys):
    for option, expected in (("--version", __version__), ("--help", "search")):
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("command", ["search", "predict", "journal", "demo", "info"])
def test_the_help_of_each_command_describes_it(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith("usage: ")
    assert re.fullmatch(r"[A-Z].*\.", description, re.DOTALL)


def test_nothing_heavy_is_imported_before_the_arguments_are_parsed():
    code = (
        "import sys, spectral_fast.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'pandas', 'sklearn', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_reader_that_stops_early_is_no_error():
    command = [sys.executable, "-m", "spectral_fast.cli", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


# --- what it refuses ------------------------------------------------------------------


def refuse(capsys, folder, arguments, message):
    """Assert exit code 2, one line of error after any warnings, and that nothing was written."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    *before_the_error, error = printed.err.splitlines()
    assert error.startswith("spectral-fast: error: ")
    assert message in error
    others = [line for line in before_the_error if not line.startswith("spectral-fast: warning: ")]
    assert [" channels, " in line for line in others] in ([], [True])
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def changed(**cells):
    """Return the table as CSV text after assigning columns (names: c0 is the first channel)."""
    names = {f"c{i}": channel for i, channel in enumerate(CHANNELS)} | {"target": "fat (%)"}
    return frame().assign(**{names[name]: value for name, value in cells.items()})


def with_cell(value):
    column = frame()["910 nm"].astype(object)
    column[4] = value
    return changed(c1=column)


BAD_TABLES = {
    "non-numeric channel names": (
        frame().rename(columns=dict(zip(CHANNELS, map("x{}".format, CHANNELS), strict=True))),
        "has no channels",
    ),
    "duplicate channels": (frame().rename(columns={"910 nm": "900.0 nm"}), "more than once"),
    "missing target": (frame().rename(columns={"fat (%)": "fat"}), "has no column 'fat (%)'"),
    "text in a channel": (with_cell("n.d."), "'n.d.' in line 6, column '910 nm'"),
    "NaN": (with_cell(np.nan), "has empty cells in line 6, channel 910 nm"),
    "infinity": (with_cell(np.inf), "infinite cells in line 6, channel 910 nm"),
    "NaN in the target": (
        changed(target=[np.nan, *MIXTURES.target[1:, 0]]),
        "the column 'fat (%)' is empty in line 2. Remove",
    ),
    "constant target": (changed(target=1.0), "has the value 1 of 'fat (%)' in every row"),
    "misspelt channel": (frame().rename(columns={"910 nm": "91O nm"}), "not numbers: 91O nm."),
    "constant spectra": (changed(**{f"c{i}": 1.0 for i in range(20)}), "same value in every"),
    "fewer rows than folds": (
        frame().head(2),
        "--cv must be at most the number of samples; got 3, and",
    ),
    "no rows": (frame().head(0), "no rows"),
}


@pytest.mark.parametrize(("table", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables(table_file, tmp_path, capsys, table, message):
    table.to_csv(table_file, index=False)
    refuse(capsys, tmp_path, search(table_file, tmp_path / "out"), message)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"hello\n", "is not a table"), (b"\x89PNG\0\0", "is not a text table")],
)
def test_files_that_are_no_tables(table_file, tmp_path, capsys, content, message):
    table_file.write_bytes(content)
    refuse(capsys, tmp_path, search(table_file, tmp_path / "out"), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--models", "plss"), "invalid choice: 'plss' (choose from "),
        (("--selectors", "vips"), "invalid choice: 'vips' (choose from "),
        (("--scoring", "r2"), "--scoring: invalid choice: 'r2' (choose from "),
        (("--grid", "huge"), "invalid choice: 'huge' (choose from "),
        (("--n-features", "0"), "--n-features: must be a whole number from 1, or auto; got '0'"),
        (("--time-limit", "0"), "--time-limit: must be a number above 0; got '0'"),
        (("--memory-limit", "much"), "--memory-limit: must be a number above 0; got 'much'"),
        (("--outer-cv", "1"), "--outer-cv: must be a whole number from 2; got '1'"),
        (("--cv", "1"), "--cv: must be a whole number from 2; got '1'"),
        (("--cv", "five"), "--cv: must be a whole number from 2; got 'five'"),
        (("--jobs", "0"), "--jobs: must be a whole number from 1, or -1 for all cores; got '0'"),
        (("--jobs", "-2"), "--jobs: must be a whole number from 1, or -1 for all cores; got '-2'"),
        (("--seed", "-1"), "--seed: must be a whole number from 0 to 4294967295; got '-1'"),
    ],
)
def test_options_that_cannot_be_parsed(table_file, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        main(search(table_file, tmp_path / "out", *options))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("spectral-fast search: error: argument --")
    assert message in line
    assert files(tmp_path) == ["table.csv"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["serch", "table.csv"], "Did you mean 'search'?"),
        (["search", "t.csv", "--target", "fat", "--models", "plss"], "Did you mean 'pls'?"),
        (["search", "t.csv", "--target", "fat", "--scoring", "acuracy"], "mean 'accuracy'?"),
        (["search", "t.csv", "--target", "fat", "--models", "PLS"], "Did you mean 'pls'?"),
        (["search", "t.csv", "--target", "fat", "--grid", "huge"], "See spectral-fast search --h"),
        (
            ["search", "t.csv", "--target", "fat", "--journall", "x"],
            "Did you mean --journal? See spectral-fast search --help.",
        ),
        (
            ["search", "t.csv", "--taget", "fat"],
            "required: --target. Did you mean --target? See spectral-fast search --help.",
        ),
        (["info", "all"], "unrecognized arguments: all. See spectral-fast info --help."),
    ],
)
def test_what_was_probably_meant(capsys, arguments, remedy):
    with pytest.raises(SystemExit):
        main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert remedy in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cv", "25"), "--cv must be at most the number of samples; got 25, and"),
        (("--models", "pls", "ridge", "pls"), "--models names 'pls' more than once"),
        (("--preprocessing", "snv+sg1", "snv + sg1"), "names 'snv+sg1' more than once"),
        (("--preprocessing", "snv+sg7"), "must be among raw, snv, msc, sg0, sg1, sg2; got 'sg7'"),
        (("--outer-cv", "25"), "--outer-cv must be at most the number of samples; got 25, and"),
        (("--n-features", "5", "5"), "--n-features names 5 more than once"),
        (
            ("--scoring", "log_loss"),
            "--scoring must be among rmse, mae without --classify; got 'l",
        ),
        (("--classify", "--scoring", "mae"), "--scoring must be among accuracy, balanced_accuracy"),
        (("--resume",), "--resume needs the journal to go on with. Name it with --journal."),
        (("--journal", "none", "--resume"), "--resume: the journal none does not exist."),
        (("--time-limit", "1e-9"), "With --journal FILE a search can go on where it was ended."),
    ],
)
def test_bad_options(table_file, tmp_path, capsys, options, message):
    refuse(capsys, tmp_path, search(table_file, tmp_path / "out", *options), message)


def test_what_may_leak_is_said_before_the_search(table_file, tmp_path, capsys):
    table = frame()
    table.iloc[5, 2:] = table.iloc[2, 2:]
    table.insert(1, "2024", 1.5)
    table.columns = [name.removesuffix(" nm") for name in table]
    table.assign(lot=np.arange(24) % 3).to_csv(table_file, index=False)
    command = search(table_file, tmp_path / "out", "--cv", "4", "--groups", "lot")
    assert main(command) == 2
    order, error = capsys.readouterr().err.splitlines()
    assert "column '2024' breaks the order or the spacing of the axis" in order
    assert "--cv must be at most the number of groups; got 4, and" in error
    assert main([*command[:-2], "--cv", "25"]) == 2
    order, repeats, error = capsys.readouterr().err.splitlines()
    assert "same spectrum in line 4 and line 7." in repeats
    assert "--groups COLUMN" in repeats


def test_window_wider_than_the_spectrum(table_file, tmp_path, capsys):
    frame().iloc[:, :12].to_csv(table_file, index=False)
    arguments = search(table_file, tmp_path / "out", "--preprocessing", "sg1")
    refuse(capsys, tmp_path, arguments, "`window_length`")


def test_missing_file(tmp_path, capsys):
    refuse(capsys, tmp_path, search(tmp_path / "none.csv", tmp_path / "out"), "does not exist")


def test_an_empty_file_is_no_journal_to_go_on_with(table_file, tmp_path, capsys):
    journal = tmp_path / "search.journal"
    journal.touch()
    command = search(table_file, tmp_path / "out", "--journal", journal, "--resume")
    refuse(capsys, tmp_path, command, "is empty. Name the one that the search wrote, or leave out")


@pytest.mark.usefixtures("no_report")
def test_an_empty_file_becomes_a_journal(monkeypatch, table_file, tmp_path, capsys):
    journal = tmp_path / "search.journal"
    journal.touch()
    command = search(table_file, tmp_path / "out", "--journal", journal)
    with monkeypatch.context() as patch:
        patch.setattr(SpectralSearchCV, "fit", fail(KeyboardInterrupt))
        assert main(command) == 130
    assert f"To go on: spectral-fast {shlex.join(command)}\n" in capsys.readouterr().err
    assert main(command) == 0
    assert main(["journal", "show", str(journal)]) == 0


@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_what_is_no_journal_is_not_gone_on_with(table_file, tmp_path, capsys, resume):
    command = search(table_file, tmp_path / "out", *resume, "--journal")
    refuse(capsys, tmp_path, [*command, str(table_file)], "is not a journal")
    message = "is a folder or a device, no file. Name a journal, or a new file."
    refuse(capsys, tmp_path, [*command, str(tmp_path)], message)


def test_output_that_is_a_file_or_the_input(monkeypatch, table_file, tmp_path, capsys):
    monkeypatch.setattr(SpectralSearchCV, "fit", fail(AssertionError("the search ran")))
    message = "table.csv is a file. Name another folder with --out."
    refuse(capsys, tmp_path, search(table_file, table_file), message)
    refuse(capsys, tmp_path, search(table_file, table_file / "sub" / "out"), message)
    own = table_file.rename(tmp_path / "results.csv")
    refuse(capsys, tmp_path, search(own, tmp_path), "would replace the file it is made from")


def test_output_that_cannot_be_written_to(monkeypatch, table_file, tmp_path, capsys):
    monkeypatch.setattr(SpectralSearchCV, "fit", fail(AssertionError("the search ran")))
    monkeypatch.setattr(Path, "mkdir", fail(PermissionError(13, "Permission denied")))
    message = f"{tmp_path} cannot be written to. Name another folder with --out."
    refuse(capsys, tmp_path, search(table_file, tmp_path / "new" / "out"), message)


def test_a_failed_search_leaves_no_folders(monkeypatch, table_file, tmp_path, capsys):
    monkeypatch.setattr(SpectralSearchCV, "fit", fail(ValueError("no use")))
    refuse(capsys, tmp_path, search(table_file, tmp_path / "new" / "out"), "no use")


def test_arguments_that_cannot_be_parsed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["search", "table.csv"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "spectral-fast search: error: the following arguments are required: --target. "
        "See spectral-fast search --help."
    )


def test_predict_refuses_another_axis(results, tmp_path, capsys):
    file = tmp_path / "new.csv"
    frame().drop(columns=["900 nm", "1000 nm"]).to_csv(file, index=False)
    arguments = ["predict", str(results / "model.spectral"), str(file)]
    message = "2 of the model's 20 channels: '900 nm', '1000 nm'; the table has 910 to 1090 nm. M"
    refuse(capsys, tmp_path, [*arguments, "--out", str(tmp_path / "out.csv")], message)


def test_predict_refuses_a_model_of_another_version(results, table_file, tmp_path, capsys):
    model = tmp_path / "old.spectral"
    with zipfile.ZipFile(results / "model.spectral") as archive:
        meta = json.loads(archive.read("meta.json"))
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("meta.json", json.dumps(meta | {"scikit-learn": "0.24.2"}))
        archive.writestr("pipeline.joblib", b"")
    arguments = ["predict", str(model), str(table_file), "--out", str(tmp_path / "out.csv")]
    refuse(capsys, tmp_path, arguments, "was written with scikit-learn 0.24.2")


def test_predict_refuses_what_is_no_model(table_file, tmp_path, capsys):
    arguments = ["predict", str(table_file), str(table_file)]
    refuse(capsys, tmp_path, arguments, "is not a model file of spectral_fast")


def test_predict_refuses_to_replace_its_input(results, table_file, tmp_path, capsys):
    arguments = ["predict", str(results / "model.spectral"), str(table_file)]
    refuse(capsys, tmp_path, [*arguments, "--out", str(table_file)], "would replace the file")
    refuse(capsys, tmp_path, [*arguments, "--id", "smaple"], "Did you mean 'sample'?")


def test_predict_refuses_folders(results, table_file, tmp_path, capsys):
    model, file, out = str(results / "model.spectral"), str(table_file), tmp_path / "none" / "p.csv"
    refuse(capsys, tmp_path, ["predict", str(results), file], "Name the model.spectral in it.")
    arguments = ["predict", model, file, "--out"]
    refuse(capsys, tmp_path, [*arguments, str(tmp_path)], "is a folder. Name a file in it.")
    refuse(capsys, tmp_path, [*arguments, str(out)], f"there is no folder {out.parent}. Create it")


def test_predict_refuses_a_damaged_model(results, table_file, tmp_path, capsys):
    model = tmp_path / "cut.spectral"
    with zipfile.ZipFile(results / "model.spectral") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("meta.json", members["meta.json"])
        archive.writestr("pipeline.joblib", members["pipeline.joblib"][:-40])
    arguments = ["predict", str(model), str(table_file)]
    refuse(capsys, tmp_path, arguments, "is damaged, or needs a package that is not installed")


# --- what goes wrong on the way -------------------------------------------------------


def fail(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_a_full_disk_leaves_the_old_results(monkeypatch, table_file, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("old", encoding="utf-8")
    monkeypatch.setattr(spectral_fast.persistence, "save_model", fail(OSError("disk full")))
    refuse(capsys, out, search(table_file, out), "disk full")


def test_errors_of_the_program_keep_their_traceback(monkeypatch, table_file, tmp_path):
    monkeypatch.setattr(spectral_fast.report, "write_report", fail(ValueError("a bug")))
    with pytest.raises(ValueError, match="a bug"):
        main(search(table_file, tmp_path / "out"))
    assert files(tmp_path) == ["table.csv"]


def test_interruption(monkeypatch, table_file, tmp_path, capsys):
    monkeypatch.setattr(SpectralSearchCV, "fit", fail(KeyboardInterrupt))
    assert main(search(table_file, tmp_path / "out")) == 130
    assert capsys.readouterr().err.endswith("interrupted; no results were written.\n")
    assert files(tmp_path) == ["table.csv"]


# --- searches that end early, and go on ------------------------------------------------


def interrupt(patch, share):
    """Have every search end, as by Ctrl-C, once this share of it is done."""

    def callback(state):
        if state["done"] >= share * state["total"]:
            raise KeyboardInterrupt

    fit = SpectralSearchCV.fit
    patch.setattr(
        SpectralSearchCV,
        "fit",
        lambda self, *data, **more: fit(self.set_params(callback=callback), *data, **more),
    )


GRID = ("--preprocessing", "raw", "sg1", "--models", "pls", "ridge")


def test_an_interrupted_search_goes_on(monkeypatch, table_file, tmp_path, capsys):
    assert main(search(table_file, tmp_path / "whole", *GRID)) == 0
    journal = tmp_path / "search.journal"
    command = search(table_file, tmp_path / "out", *GRID, "--journal", journal)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        interrupt(patch, 0.5)
        assert main(command) == 130
    printed = capsys.readouterr()
    assert re.search(r"interrupted: \d+ of \d+ candidates were not tried; the files", printed.err)
    assert printed.err.rstrip().endswith(f"--journal {journal} --resume")
    assert "candidates failed" not in printed.err
    assert files(tmp_path / "out") == sorted(OUTPUTS)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The search ended early (interrupted)" in html

    assert main(["journal", "show", str(journal)]) == 0
    shown = capsys.readouterr().out
    assert "interrupted" in shown
    assert max(map(len, shown.splitlines())) <= 60
    refuse(capsys, tmp_path, command, "exists. Add --resume to go on with its search")

    assert main([*command, "--resume"]) == 0
    results = [(tmp_path / name / "results.csv").read_bytes() for name in ("out", "whole")]
    assert results[0] == results[1]
    assert main(["journal", "show", str(journal)]) == 0
    assert "finished" in capsys.readouterr().out


def test_a_search_that_is_interrupted_at_once_writes_no_results(
    monkeypatch, table_file, tmp_path, capsys
):
    interrupt(monkeypatch, 0.0)
    command = search(table_file, tmp_path / "out", "--models", "knn")
    assert main(command) == 130
    printed = capsys.readouterr().err
    assert "With --journal FILE a search can go on where it was ended." in printed
    assert "interrupted; no results were written. No candidate was finished before" in printed
    assert files(tmp_path) == ["table.csv"]
    journal = tmp_path / "search.journal"
    assert main([*command, "--journal", str(journal)]) == 130
    assert f"--journal {journal} --resume\n" in capsys.readouterr().err
    assert files(tmp_path) == ["search.journal", "search.journal.lock", "table.csv"]


def test_what_failed_and_what_was_not_tried_are_counted_apart(
    monkeypatch, table_file, tmp_path, capsys, no_report
):
    interrupt(monkeypatch, 0.6)
    names = ("raw", "sg1w19", "sg1w21", "snv")  # one of the windows is wider than the spectra
    command = search(table_file, tmp_path / "out", "--preprocessing", *names, "--models", "knn")
    assert main(command) == 130
    printed = capsys.readouterr()
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    counts = results["status"].value_counts()
    assert set(counts.index) == {"done", "failed", "not evaluated"}
    total = len(results)
    assert f"{counts['failed']} of {total} candidates failed" in printed.err
    assert f"{counts['not evaluated']} of {total} candidates were not tried" in printed.err
    assert printed.err.count("warning") == 1


@pytest.mark.usefixtures("no_report")
def test_a_search_interrupted_at_its_last_step_is_done(monkeypatch, table_file, tmp_path, capsys):
    interrupt(monkeypatch, 1.0)
    assert main(search(table_file, tmp_path / "out", *GRID)) == 0
    assert "interrupted" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
def test_ctrl_c_while_the_results_are_written(monkeypatch, table_file, tmp_path, capsys):
    save = spectral_fast.persistence.save_model

    def press(times):
        def save_model(*args, **kwargs):
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            save(*args, **kwargs)

        monkeypatch.setattr(spectral_fast.persistence, "save_model", save_model)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        press(1)
        assert main(search(table_file, tmp_path / "once")) == 0
        assert "results.csv" in files(tmp_path / "once")
        press(2)
        journal = tmp_path / "search.journal"
        command = search(table_file, tmp_path / "twice", "--journal", journal)
        capsys.readouterr()
        assert main(command) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"To go on: spectral-fast {shlex.join(command)} --resume\n" in capsys.readouterr().err
    assert not (tmp_path / "twice").exists()
    press(0)
    assert main([*command, "--resume"]) == 0
    results = [(tmp_path / name / "results.csv").read_bytes() for name in ("once", "twice")]
    assert results[0] == results[1]


@pytest.mark.usefixtures("no_report")
def test_ctrl_c_between_the_search_and_its_files(monkeypatch, table_file, tmp_path):
    @contextlib.contextmanager
    def cluster(address):
        yield
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_calibrate, "_cluster", cluster)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(search(table_file, tmp_path / "out")) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert "results.csv" in files(tmp_path / "out")


@pytest.mark.usefixtures("no_report")
def test_outer_folds_are_named_only_where_there_are_some(monkeypatch, table_file, tmp_path, capsys):
    names = ("raw", "sg1w21")  # the window is wider than the spectra
    command = search(table_file, tmp_path / "out", "--preprocessing", *names, "--models", "knn")
    interrupt(monkeypatch, 0.95)
    assert main(command) == 130
    expected = "interrupted: all candidates were tried; some that failed, not in all folds. With"
    assert expected in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
def test_results_do_not_depend_on_order_and_workers(table_file, tmp_path):
    assert main(search(table_file, tmp_path / "one", *GRID)) == 0
    other = ("--models", "ridge", "pls", "--preprocessing", "sg1", "raw", "--jobs", "2")
    assert main(search(table_file, tmp_path / "other", *other)) == 0
    results = [(tmp_path / name / "results.csv").read_bytes() for name in ("one", "other")]
    assert results[0] == results[1]


def test_a_journal_that_is_none(table_file, tmp_path, capsys):
    command = search(table_file, tmp_path / "out")
    own = str(tmp_path / "out" / "results.csv")
    refuse(capsys, tmp_path, [*command, "--journal", own], "is a file of results. Choose another")
    refuse(capsys, tmp_path, ["journal", "show", str(tmp_path / "none")], "does not exist")


# --- clusters ---------------------------------------------------------------------------


@pytest.mark.usefixtures("no_report")
def test_a_search_on_a_cluster(table_file, tmp_path):
    distributed = pytest.importorskip("distributed")
    assert main(search(table_file, tmp_path / "here")) == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        options = ("--dask", cluster.scheduler_address)
        assert main(search(table_file, tmp_path / "there", *options)) == 0
    results = [(tmp_path / name / "results.csv").read_bytes() for name in ("here", "there")]
    assert results[0] == results[1]


def test_a_cluster_that_does_not_answer(monkeypatch, table_file, tmp_path, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(_calibrate, "_DASK_SECONDS", 0.2)
    command = search(table_file, tmp_path / "out", "--dask", "tcp://127.0.0.1:1")
    refuse(capsys, tmp_path, command, "--dask: no scheduler answers at tcp://127.0.0.1:1. Start")


def test_a_cluster_without_the_library(monkeypatch, table_file, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    command = search(table_file, tmp_path / "out", "--dask", "tcp://127.0.0.1:1")
    refuse(capsys, tmp_path, command, '--dask needs distributed: pip install "spectral_fast[dask]"')


# --- the script that rebuilds the winner -----------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--models", "pls", "--preprocessing", "snv+sg1w7"),
        ("--models", "ridge", "--selectors", "importance", "--n-features", "6"),
        ("--models", "pls", "--selectors", "vip", "--n-features", "5"),
        ("--models", "svr", "--preprocessing", "msc"),
        ("--models", "gpr"),
        ("--models", "ridge", "--scoring", "mae"),
        ("--classify", "--models", "pls", "--preprocessing", "snv", "--scoring", "log_loss"),
        ("--classify", "--models", "pls", "--preprocessing", "snv"),
        ("--groups", "lot", "--models", "pls"),
        ("--groups", "lot", "--selectors", "cars"),
        ("--groups", "lot", "--classify", "--models", "pls"),
        ("--groups", "lot", "--classify", "--models", "pls", "--scoring", "log_loss"),
    ],
    ids=lambda options: " ".join(options),
)
@pytest.mark.usefixtures("no_report")
def test_the_script_rebuilds_the_winner(monkeypatch, tmp_path, capsys, options):
    table = frame()
    lots = [f"lot {row % 8}" for row in range(len(table))]
    if "--groups" in options:
        table.insert(0, "lot", lots)
    if "--classify" in options:
        table["fat (%)"] = np.where(table["fat (%)"] > table["fat (%)"].median(), "fat", "lean")
    table.to_csv(tmp_path / "table.csv", index=False)
    out = tmp_path / "out"
    assert main(search(tmp_path / "table.csv", out, *options)) == 0
    capsys.readouterr()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rebuild.py"])
    namespace = runpy.run_path(str(out / "rebuild.py"), run_name="__main__")
    rebuilt = namespace["pipeline"]
    if "--groups" in options:
        assert namespace["groups"].tolist() == lots
    predictions = rebuilt.predict(MIXTURES.data)
    model = spectral_fast.persistence.load_model(out / "model.spectral").pipeline
    best = pd.read_csv(out / "results.csv").iloc[0]
    printed = float(capsys.readouterr().out.split()[-1])
    default = "accuracy" if "--classify" in options else "rmsecv"
    ranked_by = options[-1] if "--scoring" in options else default
    assert printed == pytest.approx(best[ranked_by], rel=1e-9)
    if "--classify" in options:
        assert predictions.tolist() == model.predict(MIXTURES.data).tolist()
    else:
        np.testing.assert_allclose(predictions, model.predict(MIXTURES.data), rtol=1e-9)


# --- classes, selections, domains ------------------------------------------------------


def test_classes(table_file, tmp_path, capsys):
    names = np.where(MIXTURES.target[:, 0] > np.median(MIXTURES.target[:, 0]), "fat", "lean")
    frame().assign(**{"fat (%)": names}).to_csv(table_file, index=False)
    out = tmp_path / "out"
    options = ("--classify", "--models", "pls", "--preprocessing", "raw", "snv")
    assert main(search(table_file, out, *options, "--scoring", "log_loss")) == 0
    ranked, _, *lines = capsys.readouterr().out.splitlines()
    assert ranked == "Ranked by log loss."
    assert pd.read_csv(out / "results.csv")["log_loss"].is_monotonic_increasing
    assert lines[0].split() == ["preprocessing", "model", "log", "loss", "accuracy"]
    assert files(out) == ["model.spectral", "rebuild.py", "report.html", "results.csv"]
    model = str(out / "model.spectral")
    assert main(["predict", model, str(table_file), "--id", "sample"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sample,predicted fat (%),T2,Q,outside"
    assert {line.split(",")[1] for line in lines[1:]} == {"fat", "lean"}


def test_scoring_ranks(table_file, tmp_path, capsys, no_report):
    out = tmp_path / "out"
    assert main(search(table_file, out, *GRID, "--scoring", "mae")) == 0
    results = pd.read_csv(out / "results.csv")
    assert results["mae"].is_monotonic_increasing
    assert not results["rmsecv"].is_monotonic_increasing
    printed = capsys.readouterr().out
    assert printed.startswith("Ranked by MAE.\n")
    assert f" {results['mae'].min():.3f}" in printed


def test_classes_that_are_not_said_to_be_such(table_file, tmp_path, capsys):
    changed(target=["a", "b"] * 12).to_csv(table_file, index=False)
    refuse(capsys, tmp_path, search(table_file, tmp_path / "out"), "--classify")


def test_outer_folds(monkeypatch, table_file, tmp_path, capsys, no_report):
    command = search(table_file, tmp_path / "out", *GRID, "--outer-cv", "2")
    assert main(command) == 0
    assert re.search(r"^RMSEP, nested in outer folds: \d", capsys.readouterr().out, re.MULTILINE)
    estimate = "spectral_fast.model_selection._search.estimate_procedure"
    monkeypatch.setattr(estimate, end_before_the_outer_folds)
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "nested" not in printed.out
    assert "time limit: all candidates were tried, but not in the outer folds." in printed.err


def end_before_the_outer_folds(search, *data):
    search.stopped_, search.outer_score_ = "time limit", np.nan


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([*["a"] * 23, np.nan], "the column 'fat (%)' is empty in line 25."),
        (["a"] * 24, "has the class 'a' of 'fat (%)' in every row"),
        (list(range(24)), "the largest class in y, 1; got 3 folds."),
    ],
)
def test_bad_classes(table_file, tmp_path, capsys, classes, message):
    changed(target=classes).to_csv(table_file, index=False)
    refuse(capsys, tmp_path, search(table_file, tmp_path / "out", "--classify"), message)


def test_selected_channels(table_file, tmp_path, capsys):
    options = ("--models", "pls", "--selectors", "full", "vip", "--n-features", "4", "auto")
    assert main(search(table_file, tmp_path / "out", *options, "--selector-scope", "all")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["preprocessing", "channels", "model", "RMSECV", "R2"]
    assert max(map(len, lines[:11])) <= 60
    ranking = pd.read_csv(tmp_path / "out" / "results.csv")
    assert {"vip"} == set(ranking["selector"].dropna())
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Channels were selected on all samples: figures are optimistic." in html


@pytest.mark.usefixtures("no_report")
def test_spectra_unlike_the_calibration_are_flagged(table_file, tmp_path, capsys):
    options = ("--models", "pls", "--preprocessing", "raw")
    assert main(search(table_file, tmp_path / "out", *options)) == 0
    strange = frame().head(3)
    strange.loc[1, CHANNELS] *= 50.0  # far off within the model
    strange.loc[2, "990 nm"] += 1.0  # a spike: beside the model
    strange.to_csv(table_file, index=False)
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "out" / "model.spectral"), str(table_file)]) == 0
    printed = capsys.readouterr()
    assert "2 of 3 spectra are unlike those of the calibration" in printed.err
    lines = [line.split(",") for line in printed.out.splitlines()]
    assert lines[0] == ["row", "predicted fat (%)", "T2", "Q", "outside"]
    assert lines[1][-1] == ""
    assert "T2" in lines[2][-1]
    assert "Q" in lines[3][-1]
