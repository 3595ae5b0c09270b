import numpy as np
import pandas as pd
import pytest

from spectral_fast.tables import read_table, split_unit

HEADER = "sample,fat,850,852,854\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(
    "text",
    [
        "sample,fat,850,852.5,854\n007,1.5,0.1,0.2,0.3\nB,2.5,0.4,0.5,0.75\n",
        "sample\tfat\t850\t852.5\t854\r\n007\t1.5\t0.1\t0.2\t0.3\r\nB\t2.5\t0.4\t0.5\t0.75\r\n",
        "sample;fat;850;852.5;854\n007;1.5;0.1;0.2;0.3\nB;2.5;0.4;0.5;0.75\n",
        "sample;fat;850;852,5;854\n007;1,5;0,1;0,2;0,3\nB;2,5;0,4;0,5;0,75\n",
        '"sample","fat","850","852.5","854"\n"007","1.5","0.1","0.2","0.3"\nB,2.5,.4,.5,7.5e-1\n\n',
    ],
    ids=["comma", "tab", "semicolon", "decimal comma", "quoted"],
)
def test_every_dialect_gives_the_same_table(write, text, encoding):
    table = read_table(write(text, encoding=encoding), target="fat", identifier="sample")
    np.testing.assert_array_equal(table.spectra, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.75]])
    np.testing.assert_array_equal(table.target, [1.5, 2.5])
    np.testing.assert_array_equal(table.axis, [850, 852.5, 854])
    assert len(table.channels) == 3
    assert table.identifiers == ["007", "B"]
    assert table.spectra.flags.c_contiguous


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame({"fat": [1.5, 2.5], "850": [1, 2], "852": [0.5, 0.25]})
    frame.index = pd.Index(["a", "b"], name="sample")
    frame.to_parquet(path)
    table = read_table(path, target="fat", identifier="sample")
    np.testing.assert_array_equal(table.spectra, [[1, 0.5], [2, 0.25]])
    assert table.identifiers == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "unit", "label"),
    [
        (("900 nm", "902nm"), "nm", "Wavelength (nm)"),
        (("1.5 µm", "1.6 um"), "µm", "Wavelength (µm)"),
        (("4000 cm-1", "3998 cm^-1"), "cm⁻¹", "Wavenumber (cm⁻¹)"),
        (("4000 1/cm", "3998 cm⁻¹"), "cm⁻¹", "Wavenumber (cm⁻¹)"),
        (("4000", "3998.0"), "", "Channel"),
    ],
)
def test_units_of_channel_names(write, names, unit, label):
    table = read_table(write(f"{names[0]},{names[1]}\n1,2\n"))
    assert table.axis_unit == unit
    assert table.axis_label == label
    assert table.channels == list(names)
    assert table.target is None
    assert table.identifiers is None


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("fat (%)", ("fat", "%")),
        ("fat [g/100 g]", ("fat", "g/100 g")),
        ("fat", ("fat", "")),
        ("(fat)", ("(fat)", "")),
        ("fat () dry", ("fat () dry", "")),
    ],
)
def test_units_of_target_names(column, expected):
    assert split_unit(column) == expected


def test_numbers_survive(write):
    values = np.random.default_rng(0).normal(size=(5, 3)) * 10.0 ** np.arange(-3, 3)[::2]
    rows = "\n".join(",".join(map(repr, row)) for row in values.tolist())
    spectra = read_table(write(f"1,2,3\n{rows}\n")).spectra
    np.testing.assert_allclose(spectra, values, rtol=1e-15)


def test_the_target_may_be_named_like_a_channel(write):
    table = read_table(write("100,850,852\n1,2,3\n4,5,7\n"), target="100")
    np.testing.assert_array_equal(table.target, [1, 4])
    assert table.channels == ["850", "852"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (HEADER, "has a header but no rows"),
        ("just some words\nand more\n", "no comma, semicolon or tab"),
        (b"PK\x03\x04 and so on", "not a text table"),
        (b"a,b\0c\n", "not a text table"),
        (b"PAR1 but no more", "not a Parquet file"),
        ("fat,850\n1,é\n".encode("latin-1"), "not UTF-8"),
        (HEADER + "a,1,1,2,3,4\n", "not a table"),
        ("sample,fat,x850,x852\na,1,2,3\n", "no channels.*sample, fat, x850, x852"),
        ("fat,850 nm,852 nm,850 nm\n1,2,3,4\n", "more than once: '850 nm' and '850 nm'"),
        ("fat,850,852,850.0\n1,2,3,4\n", "more than once: '850' and '850.0'"),
        ("fat,850 nm,4000 cm-1\n1,2,3\n", "mixes units"),
        ("fat,fat,850,852\n1,2,3,4\n", "2 columns named 'fat'"),
        ("Fat,protein,850,852\n1,2,3,4\n", "Did you mean 'Fat'.*not channels: Fat, protein"),
        ("850,852\n3,4\n", "All its columns are channels"),
        (HEADER + "a,1,1,2,3\nb,2,n.d.,5,5\nc,3,7,8,<9\n", "'n.d.' in row 1, column '850', '<9'"),
        (HEADER + "a,1,True,2,3\nb,2,False,5,5\n", "'True' in row 0, column '850'"),
        (HEADER + "a,x,1,2,3\nb,2,4,5,5\n", "'x' in row 0, column 'fat'"),
        (HEADER + "a,1,1,,3\nb,2,4,5,5\n", "NaN.*row 0.*channel 852"),
        (HEADER + "a,1,1,2,inf\nb,2,4,5,5\n", "infinite.*row 0.*channel 854"),
        (HEADER + "a,,1,2,3\nb,2,4,5,5\n", "y has NaN.*row 0"),
        (HEADER + "a,1,1,2,3\nb,1,4,5,5\n", "y is constant"),
        (HEADER + "a,1,1,2,3\nb,2,4,4,4\n", "same value in every channel.*row 1"),
    ],
)
def test_bad_tables(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as error:
        read_table(path, target="fat")
    assert str(path) in str(error.value)


def test_long_lists_are_cut(write):
    cells = "\n".join(["1,x,3"] * 7)
    with pytest.raises(ValueError, match="row 4, column '850' and 2 more"):
        read_table(write(f"fat,850,852\n{cells}\n"))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path)
