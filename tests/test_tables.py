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


def test_signs_and_exponents_in_channel_names(write):
    table = read_table(write("id,-80,-7.5,.5,+8,1.000e+03,1.1E3\na,1,2,3,4,5,6\n"))
    np.testing.assert_array_equal(table.axis, [-80, -7.5, 0.5, 8, 1000, 1100])
    assert table.ignored == ("id",)


def test_the_summary_says_what_is_a_channel_and_what_is_not(write):
    path = write("id,fat,900 cm-1,899.25 cm-1,note\na,1,1,2,\nb,2,1,3,x\n")
    summary = read_table(path, target="fat").summary
    assert summary == "2 channels, 899.25 to 900 cm⁻¹; ignored columns: id, note"
    assert read_table(write("1,2\n3,4\n")).summary == "2 channels, 1 to 2"
    assert read_table(write("a,900 nm\n3,4\n")).summary == "1 channel, 900 nm; ignored columns: a"


@pytest.mark.parametrize("names", ["{},350,352,354", "350,352,354,{}", "4000,{},3998,3996"])
def test_a_number_out_of_order_is_pointed_out(write, names):
    year = "200" if names.endswith("{}") else "2024"
    path = write(f"{names.format(year)}\n1,2,3,4\n2,3,4,6\n")
    with pytest.warns(UserWarning, match=f"column '{year}' breaks the order.*rename it") as caught:
        table = read_table(path)
    assert len(caught) == 1
    assert str(path) in str(caught[0].message)
    positions = [float(name) for name in table.channels]
    assert table.summary == f"4 channels, {min(positions):g} to {max(positions):g}"


def test_a_number_before_other_columns_is_pointed_out(write):
    path = write("2024,lot,350,352,354\n1,a,2,3,4\n")
    with (
        pytest.warns(UserWarning, match="column '2024' breaks the order"),
        pytest.raises(ValueError, match=r"between its channels .*lot"),
    ):
        read_table(path)


def test_two_numbers_out_of_order(write):
    names = ["2023", *map(str, range(350, 370)), "24"]
    path = write(f"{','.join(names)}\n{','.join(map(str, range(22)))}\n")
    with pytest.warns(UserWarning, match="columns '2023', '24' break the order"):
        read_table(path)


@pytest.mark.parametrize("names", ["2024,350,352,354", "350,352,354,2024", "4000,3998,3996,7"])
def test_a_number_far_from_the_others_is_pointed_out(write, names):
    odd = next(name for name in names.split(",") if name in ("2024", "7"))
    with pytest.warns(UserWarning, match=f"column '{odd}' breaks the order or the spacing.*rename"):
        read_table(write(spectra_of(names)))


def spectra_of(names):
    """Return a table of two samples with these channels."""
    rows = [",".join(map(str, range(row, row + names.count(",") + 2))) for row in (0, 1)]
    return "\n".join([f"fat,{names}", *rows, ""])


@pytest.mark.parametrize("names", ["350,352,354,356", "9,8,7,6", "3,1,2", "350,352,354,374"])
def test_no_word_of_an_axis_in_order(write, names):
    read_table(write(spectra_of(names)), target="fat")


@pytest.mark.parametrize("names", ["3,1,4,2", "5,6,7,1,2,3"])
def test_channels_in_no_order_are_pointed_out(write, names):
    path = write(spectra_of(names))
    with pytest.warns(UserWarning, match="channels are in no order.*Sort the columns") as caught:
        read_table(path, target="fat")
    assert len(caught) == 1
    read_table(path)  # nothing is calibrated


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        ("1,id,350,352,354,356", "if not, or rename '1' where that is no channel."),
        ("350,352,354,356,id,24", "if not, or rename '24' where that is no channel."),
        ("350,352,id,354,356", "if not."),
    ],
)
@pytest.mark.filterwarnings("ignore:.*breaks the order")
def test_a_number_apart_from_the_channels_may_be_none(write, names, remedy):
    with pytest.raises(ValueError, match=r"not numbers: .*id\.") as error:
        read_table(write(spectra_of(names)))
    assert str(error.value).endswith(remedy)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_in_every_name_and_cell(write, separator):
    text = "1000,5;1008,5;1016,5\n0,125;0,25;0,5\n1,5;2,5;3,5\n".replace(";", separator)
    table = read_table(write(text))
    np.testing.assert_array_equal(table.axis, [1000.5, 1008.5, 1016.5])
    np.testing.assert_array_equal(table.spectra, [[0.125, 0.25, 0.5], [1.5, 2.5, 3.5]])


def test_a_decimal_comma_far_down(write):
    rows = "1;2;3\n" * 50 + "1;2,5;4\n1;-3,5e-1;4\n"
    spectra = read_table(write(f"850;852;854\n{rows}")).spectra
    assert spectra[49:, 1].tolist() == [2, 2.5, -0.35]


def test_points_after_decimal_commas(write):
    spectra = read_table(write("850;852\n0,5;1\n0.25;2\n")).spectra
    np.testing.assert_array_equal(spectra, [[0.5, 1], [0.25, 2]])


def test_separators_in_quoted_text(write):
    table = read_table(write('id,"note; more",850,852\na,"x;y",1,2\nb,z,3,4\n'))
    np.testing.assert_array_equal(table.spectra, [[1, 2], [3, 4]])


def test_a_header_longer_than_the_csv_module_allows_a_cell(write):
    n_channels = 20_000
    names = ",".join(f"{position}.25" for position in range(n_channels))
    table = read_table(write(f"{names}\n{','.join(map(str, range(n_channels)))}\n"))
    np.testing.assert_array_equal(table.axis, table.spectra[0] + 0.25)


@pytest.mark.parametrize("end", [",,\n", ",,\n,,,,,,\n,,,,,,\n"])
def test_blank_rows_and_columns_at_the_end(write, end):
    text = f"id,fat,850,852,854,,\na,1,1,2,3,,\nb,2,4,5,6{end}"
    table = read_table(write(text), target="fat", identifier="id")
    np.testing.assert_array_equal(table.spectra, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(table.target, [1, 2])
    assert table.identifiers == ["a", "b"]
    assert table.ignored == ()


def test_a_sample_named_na(write):
    table = read_table(write("id,850,852\nNA,1,2\nnull,2,3\n,3,4\n"), identifier="id")
    assert table.identifiers == ["NA", "null", ""]


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
    np.testing.assert_allclose(spectra, values, rtol=1e-12)  # pandas 2 rounds the last digits


def test_the_target_may_be_named_like_a_channel(write):
    path = write("100,850,852\n1,2,3\n4,5,7\n")
    with pytest.warns(
        UserWarning, match="'100' of the target has the name of a channel.*name the column"
    ):
        table = read_table(path, target="100")
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
        (
            HEADER + "a,1,1,2,3,4\n",
            "more cells than the header, which has 5.*lines above the header",
        ),
        (HEADER + "a,1,1,2,3\nb,2,1,2,3,4\n", "is not a table: Expected 5 fields in line 3, saw 6"),
        ("fat,850,8S2,854,,858\n1,2,3,4,5,6\n", r"not numbers: 8S2, \(column 5\)\. Correct"),
        (HEADER + "a,1,NaN,2,3\nb,2,4,5,5\n", "not numbers: 'NaN' in line 2, column '850'"),
        (
            HEADER + "a,1,1,2,3\n,,,,\nb,2,4,5,6\n",
            "csv has empty cells in line 3, channels 850, 852, 854",
        ),
        ("sample,fat,x850,x852\na,1,2,3\n", "no channels.*sample, fat, x850, x852"),
        ("fat,850 nm,852 nm,850 nm\n1,2,3,4\n", "more than once: '850 nm' and '850 nm'"),
        ("fat,850,852,850.0\n1,2,3,4\n", "more than once: '850' and '850.0'"),
        ("fat,850 nm,4000 cm-1\n1,2,3\n", "mixes units"),
        ("fat,fat,850,852\n1,2,3,4\n", "2 columns named 'fat'"),
        ("Fat,protein,850,852\n1,2,3,4\n", "Did you mean 'Fat'.*not channels: Fat, protein"),
        ("850,852\n3,4\n", "All its columns are channels"),
        (
            HEADER + "a,1,1,2,3\nb,2,n.d.,5,5\nc,3,7,8,<9\n",
            "'n.d.' in line 3, column '850', '<9' in line 4",
        ),
        (HEADER + "a,1,True,2,3\nb,2,False,5,5\n", "'True' in line 2, column '850'"),
        (HEADER + "a,x,1,2,3\nb,2,4,5,5\n", "'x' in line 2, column 'fat'. Correct them"),
        (HEADER + "a,1,1,,3\nb,2,4,5,5\n", "empty cells in line 2, channel 852. Remove"),
        (HEADER + "a,1,1,2,inf\nb,2,4,5,5\n", "infinite cells in line 2, channel 854"),
        (
            HEADER + "a,,1,2,3\nb,2,4,5,5\n",
            "'fat' is empty in line 2. Remove these rows, or fill in the values",
        ),
        (HEADER + "a,inf,1,2,3\nb,2,4,5,5\n", "infinite values of 'fat' in line 2"),
        (HEADER + "a,<0.5,1,2,3\nb,2,4,5,5\n", "'<0.5' is a value below the limit of detection"),
        (HEADER + "a,x,1,2,3\nb,y,4,5,5\n", "If they are classes, add --classify.*is_class=True"),
        ("Meat\n" + HEADER + "a,1,1,2,3\n", "first line has no comma.*lines above the header"),
        ("\n" + HEADER + '"a\nb",1,1,2,3\n \n\nb,2,1,2,x\n', "'x' in line 7, column '854'"),
        (HEADER + "a,1,1,2,3\nb,1,4,5,5\n", "the value 1 of 'fat' in every row"),
        (HEADER + "a,1,1,2,3\nb,2,4,4,4\n", "same value in every channel of line 3"),
        (HEADER + f"{'a' * 140_000},1,x,2,3\n", r"'x' in row 0 \(counted from 0\), column '850'"),
        ("fat,850,1e400,854\n1,2,3,4\n", "not numbers: 1e400."),
    ],
)
def test_bad_tables(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as error:
        read_table(path, target="fat")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\x0c", '""', '"\n"', ' ""'])
def test_a_row_with_a_blank_cell_counts_as_a_row(write, blank):
    last = 4 + blank.count("\n")
    path = write(f"fat,850,852\n1,1,2\n{blank}\n2,2,x\n")
    with pytest.raises(ValueError, match=f"'x' in line {last}, column '852'"):
        read_table(path)
    path = write(f"fat,850,852\n1,1,2\n{blank}\n2,2,x\n \t\n3,2,y\n")
    with pytest.raises(ValueError, match=f"'x' in line {last}, .*'y' in line {last + 2}, column"):
        read_table(path)


def test_rows_of_parquet_are_counted_from_0(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    pd.DataFrame({"fat": [1.5, np.nan], "850": [1, 2], "852": [0.5, 0.25]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"'fat' is empty in row 1 \(counted from 0\)"):
        read_table(path, target="fat")


REPEATS = "sample,fat,850,852\na,1,1,2\n\nb,2,3,4\na,3,1,2\na,4,1,2\n"


def test_repeated_spectra_are_pointed_out(write):
    path = write(REPEATS)
    with pytest.warns(
        UserWarning, match="in line 2 and line 5, line 2 and line 6.*--groups"
    ) as found:
        read_table(path, target="fat")
    assert len(found) == 1
    assert read_table(path).groups is None  # nothing is calibrated


def test_repeated_spectra_of_one_group_are_none(write):
    table = read_table(write(REPEATS), target="fat", groups="sample", identifier="sample")
    assert table.groups.tolist() == table.identifiers == ["a", "b", "a", "a"]
    assert table.ignored == ()


def test_repeated_spectra_of_two_groups(write):
    path = write(REPEATS.replace("a,4", "c,4"))
    with pytest.warns(UserWarning, match="in line 2 and line 6.*Give them one group"):
        read_table(path, target="fat", groups="sample")


def test_groups_may_be_numbers_and_not_empty(write):
    with pytest.warns(UserWarning, match="'7' of the groups has the name of a channel"):
        table = read_table(write("7,850,852\n1,2,3\n1,3,5\n"), groups="7")
    assert table.groups.tolist() == ["1", "1"]
    assert table.channels == ["850", "852"]
    with pytest.raises(ValueError, match="'lot' is empty in line 3"):
        read_table(write("lot,850,852\n1,2,3\n,3,5\n"), groups="lot")


def test_identifiers_may_be_named_like_a_channel(write):
    path = write("850,5;852;854\n1;2;3\n")
    with pytest.warns(UserWarning, match="'850,5' of the identifiers has the name of a channel"):
        table = read_table(path, identifier="850,5")
    assert table.channels == ["852", "854"]


def test_blanks_around_the_text_of_a_cell_do_not_count(write):
    path = write("lot,kind,850,852\na,x ,1,2\na , x,3,5\nb,y,4,7\n")
    table = read_table(path, target="kind", is_class=True, groups="lot", identifier="lot")
    assert table.target.tolist() == ["x", "x", "y"]
    assert table.groups.tolist() == table.identifiers == ["a", "a", "b"]
    for options in ({"groups": "lot"}, {"target": "lot", "is_class": True}):
        with pytest.raises(ValueError, match="'lot' is empty in line 2"):
            read_table(write("lot,850,852\n ,1,2\nb,3,5\n"), **options)


def test_long_lists_are_cut(write):
    cells = "\n".join(["1,x,3"] * 7)
    with pytest.raises(ValueError, match="line 6, column '850' and 2 more"):
        read_table(write(f"fat,850,852\n{cells}\n"))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path)
