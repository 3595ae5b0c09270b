"""Reading spectra from CSV and Parquet tables.

One row is one sample. Columns whose names are numbers, with or without a unit
(``850``, ``-80``, ``"900 nm"``, ``"1000 cm-1"``, ``1.0e+03``), are the channels;
every other column is ignored unless it is asked for by name. Between channels no
other column may stand, since its name may be a channel's, misspelt.
"""

import csv
import dataclasses
import difflib
import itertools
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_fast._channels import out_of_order, parse_channel
from spectral_fast._validation import check_spectra, listed

__all__ = ["SpectralTable", "read_table", "split_unit"]

#: In order of preference: where a header or a row has decimal commas, the comma may
#: split both into equal numbers of cells too.
_SEPARATORS = ("\t", ";", ",")
_SAMPLE_ROWS = 20
#: Of so few channels, any two are in order.
_LEAST_IN_ORDER = 3

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
_QUANTITIES = {"nm": "Wavelength", "µm": "Wavelength", "cm⁻¹": "Wavenumber"}


@dataclasses.dataclass(frozen=True)
class SpectralTable:
    """Spectra with the names and positions of their channels.

    Attributes
    ----------
    spectra : ndarray of shape (n_samples, n_channels), float64
        One spectrum a row, channels in the order of the file.
    channels : list of str
        Names of the channels as the file writes them.
    axis : ndarray of shape (n_channels,), float64
        Positions of the channels, in `axis_unit`.
    axis_unit : {"nm", "µm", "cm⁻¹", ""}
        Unit given with the channel names, empty where they are bare numbers.
    target : ndarray of shape (n_samples,) or None
        Values of the target column: float64, or str where they are classes.
    identifiers : list of str or None
        Cells of the column that names the samples.
    ignored : tuple of str
        Names of the other columns.
    """

    spectra: np.ndarray
    channels: list[str]
    axis: np.ndarray
    axis_unit: str
    target: np.ndarray | None
    identifiers: list[str] | None
    ignored: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What was read: ``"30 channels, 1000 to 1232 nm; ignored columns: id, note"``."""
        span = f"{self.axis.min():.10g} to {self.axis.max():.10g} {self.axis_unit}".rstrip()
        ignored = f"; ignored columns: {listed(self.ignored)}" if self.ignored else ""
        return f"{len(self.axis)} channels, {span}{ignored}"

    @property
    def axis_label(self) -> str:
        """What the axis holds, for a plot: ``"Wavelength (nm)"``, or ``"Channel"``."""
        if not self.axis_unit:
            return "Channel"
        return f"{_QUANTITIES[self.axis_unit]} ({self.axis_unit})"


def read_table(
    path: str | Path,
    *,
    target: str | None = None,
    is_class: bool = False,
    identifier: str | None = None,
) -> SpectralTable:
    r"""Read spectra from a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        A Parquet file, or a UTF-8 text file with a header row and columns
        separated by commas, semicolons or tabs. With the latter two, numbers
        may have a decimal comma. Only an empty cell is a missing one. Empty rows
        and columns after the last filled one are left out.
    target : str, default=None
        Name of the column to calibrate for.
    is_class : bool, default=False
        Whether the target is a class: its cells are then kept as text.
    identifier : str, default=None
        Name of a column that names the samples, kept as text.

    Returns
    -------
    table : SpectralTable
        Rows and channels in the order of the file.

    Raises
    ------
    ValueError
        If the file is not a table, is empty, lacks a column asked for, has no
        channels, the same channel twice or another column between channels, or
        if a cell of a channel or of a target that is no class is not a finite
        number, or that of a class is empty.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If single columns break the order of the channels.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spectral_fast.tables import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "meat.csv")
    ...     _ = path.write_text("fat;850 nm;852 nm\n1,5;0,10;0,20\n2,5;0,30;0,50\n")
    ...     table = read_table(path, target="fat")
    >>> table.spectra
    array([[0.1, 0.2],
           [0.3, 0.5]])
    >>> table.target
    array([1.5, 2.5])
    >>> table.axis_label
    'Wavelength (nm)'
    """
    path = Path(path)
    names, frame, decimal_comma = _read(path)
    names, frame = _without_blank_end(names, frame)
    if frame.empty:
        raise ValueError(f"{path} has a header but no rows. Add one row per sample.")

    asked_for = [name for name in (target, identifier) if name is not None]
    positions, axis, axis_unit = _find_channels(path, names, asked_for, decimal_comma)
    columns = [_find_column(path, names, name, positions) for name in asked_for]
    channels = [names[position] for position in positions]
    _refuse_duplicates(path, channels, axis)
    ignored = sorted(set(range(len(names))) - {*positions, *columns})
    _refuse_between(path, names, ignored, positions)
    _warn_of_order(path, channels, axis)

    spectra = _to_numbers(path, names, frame, positions, decimal_comma)
    y = None
    if target is not None and is_class:
        y = np.array(_to_text(frame.iloc[:, columns[0]]))
    elif target is not None:
        try:
            y = _to_numbers(path, names, frame, columns[:1], decimal_comma).ravel()
        except ValueError as error:
            raise ValueError(
                f"{error} If they are classes, say so by `is_class=True`, or --classify on the "
                "command line."
            ) from error
    try:
        check_spectra(spectra, channel_names=channels)
    except ValueError as error:  # of the form "X has ...", where the file is the X
        raise ValueError(f"{path} {str(error).removeprefix('X ')}") from error
    if y is not None:
        _check_target(path, names[columns[0]], y)
    return SpectralTable(
        spectra=spectra,
        channels=channels,
        axis=axis,
        axis_unit=axis_unit,
        target=y,
        identifiers=None if identifier is None else _to_text(frame.iloc[:, columns[-1]]),
        ignored=tuple(_label(names, i) for i in ignored),
    )


def split_unit(name: str) -> tuple[str, str]:
    """Split a column name such as ``"fat (%)"`` or ``"fat [%]"`` into name and unit.

    Parameters
    ----------
    name : str
        Column name.

    Returns
    -------
    name, unit : str
        The unit is empty where the column name states none.

    Examples
    --------
    >>> from spectral_fast.tables import split_unit
    >>> split_unit("fat (%)")
    ('fat', '%')
    """
    match = re.fullmatch(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]", name)
    return (match[1], match[2].strip()) if match else (name, "")


def _read(path: Path) -> tuple[list[str], pd.DataFrame, bool]:
    """Return the column names, the cells and whether the decimal mark may be a comma."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a CSV or Parquet file.")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise ValueError(f"{path} is empty. A header row and one row per sample are needed.")
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    if start.startswith(b"PK\x03\x04") or b"\0" in start:
        raise ValueError(
            f"{path} is not a text table. Save it as CSV (a spreadsheet program calls it "
            "'CSV UTF-8') or Parquet."
        )
    return _read_csv(path)


def _read_parquet(path: Path) -> tuple[list[str], pd.DataFrame, bool]:
    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise ValueError(
            f'{path}: Parquet files need pyarrow: pip install "spectral_fast[parquet]"'
        ) from error
    except ValueError as error:  # pyarrow's ArrowInvalid among them
        raise ValueError(f"{path} is not a Parquet file: {_first_line(error)}") from error
    if frame.index.name is not None:
        frame = frame.reset_index()
    return [str(name).strip() for name in frame.columns], frame, False


def _read_csv(path: Path) -> tuple[list[str], pd.DataFrame, bool]:
    try:
        separator, rows = _sniff(path)
        names = [name.strip() for name in rows[0]]
        decimal_comma = separator != ","
        text = [
            i
            for i, name in enumerate(names)
            if parse_channel(name, decimal_comma=decimal_comma) is None
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                # Only for speed: cells with the other mark are converted later.
                decimal="," if decimal_comma and _has_decimal_comma(rows) else ".",
                names=_int_labels(names),
                header=0,
                index_col=False,
                dtype=dict.fromkeys(text, "str"),
                keep_default_na=False,  # a sample may be called NA
                na_values=[""],
                encoding="utf-8-sig",
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8'."
        ) from error
    except pd.errors.ParserWarning as error:
        raise ValueError(
            f"{path} is not a table: rows have more cells than the header, which has "
            f"{len(names)}. Give every column a name, or remove the cells beyond the last."
        ) from error
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} is not a table: {_first_line(error)}. Every row must have as many cells as "
            f"the header, which has {len(names)}."
        ) from error
    return names, frame, decimal_comma


def _int_labels(names: Sequence[str]) -> list[Hashable]:
    """Label columns by position, since names from a file may repeat."""
    return list(range(len(names)))


def _sniff(path: Path) -> tuple[str, list[list[str]]]:
    """Return the separator and the first rows, split."""
    samples = {separator: _first_rows(path, separator) for separator in _SEPARATORS}
    splitting = {separator: rows for separator, rows in samples.items() if len(rows[0]) > 1}
    if not splitting:
        raise ValueError(
            f"{path} is not a table: its first line has no comma, semicolon or tab. Save it as "
            "CSV with a header row."
        )
    for separator, rows in splitting.items():
        if all(_fits(row, rows[0]) for row in rows):
            return separator, rows
    return max(splitting.items(), key=lambda item: len(item[1][0]))


def _first_rows(path: Path, separator: str) -> list[list[str]]:
    """Return the header and some rows; an empty header if this separator gives none."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        filled = filter(None, csv.reader(file, delimiter=separator))
        try:
            return list(itertools.islice(filled, _SAMPLE_ROWS)) or [[]]
        except csv.Error:  # a cell beyond all measure, since another character separates
            return [[]]


def _fits(row: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row has the header's cells; some programs end rows with a separator."""
    return len(row) >= len(header) and not any(row[len(header) :])


def _has_decimal_comma(rows: Iterable[Iterable[str]]) -> bool:
    return any(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row)


def _without_blank_end(names: list[str], frame: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Leave out what spreadsheet programs append: empty rows, and columns without a name too."""
    filled = frame.notna().to_numpy()
    rows = np.flatnonzero(filled.any(axis=1))
    columns = np.flatnonzero(filled.any(axis=0) | np.array([name != "" for name in names]))
    n_rows, n_columns = (found[-1] + 1 if found.size else 0 for found in (rows, columns))
    return names[:n_columns], frame.iloc[:n_rows, :n_columns]


def _find_channels(
    path: Path, names: Sequence[str], reserved: Iterable[str], decimal_comma: bool
) -> tuple[list[int], np.ndarray, str]:
    """Return the positions of the channel columns, their axis and its unit."""
    parsed = {
        i: channel
        for i, name in enumerate(names)
        if name not in reserved
        and (channel := parse_channel(name, decimal_comma=decimal_comma)) is not None
    }
    if not parsed:
        raise ValueError(
            f"{path} has no channels: no column name is a number such as 850 or '900 nm'. "
            f"Name each channel by its position on the axis; the columns are {listed(names)}."
        )
    units = sorted({unit for _, unit in parsed.values()})
    if len(units) > 1:
        shown = ", ".join(unit or "no unit" for unit in units)
        raise ValueError(
            f"{path} mixes units in its channel names ({shown}). Name all channels in one unit."
        )
    return list(parsed), np.array([position for position, _ in parsed.values()]), units[0]


def _find_column(path: Path, names: Sequence[str], name: str, channels: Iterable[int]) -> int:
    count = names.count(name)
    if count == 1:
        return names.index(name)
    if count > 1:
        raise ValueError(f"{path} has {count} columns named {name!r}. Rename all but one.")
    channels = set(channels)
    others = [other for i, other in enumerate(names) if i not in channels and other]
    close = difflib.get_close_matches(name, others, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    columns = (
        f"Columns that are not channels: {listed(others)}."
        if others
        else ("All its columns are channels.")
    )
    raise ValueError(f"{path} has no column {name!r}.{hint} {columns}")


def _refuse_duplicates(path: Path, channels: Sequence[str], axis: np.ndarray) -> None:
    first_name: dict[float, str] = {}
    repeated = []
    for name, position in zip(channels, axis.tolist(), strict=True):
        if position in first_name:
            repeated.append(f"{first_name[position]!r} and {name!r}")
        first_name.setdefault(position, name)
    if repeated:
        raise ValueError(
            f"{path} has the same channel more than once: {listed(repeated)}. "
            "Remove or rename the extra columns."
        )


def _refuse_between(
    path: Path, names: Sequence[str], ignored: Iterable[int], channels: Sequence[int]
) -> None:
    between = [_label(names, i) for i in ignored if channels[0] < i < channels[-1]]
    if between:
        raise ValueError(
            f"{path} has columns between its channels whose names are not numbers: "
            f"{listed(between)}. Correct the name if it is a channel's; move the column before or "
            "after the channels if not."
        )


def _warn_of_order(path: Path, channels: Sequence[str], axis: np.ndarray) -> None:
    """Warn of a few columns amid others in order: such names may be years or numbers of batches."""
    odd = out_of_order(axis.tolist())
    if len(axis) > _LEAST_IN_ORDER and 0 < len(odd) <= max(1, len(axis) // 10):
        columns = listed((repr(channels[i]) for i in odd), "column")
        is_one = len(odd) == 1
        warnings.warn(
            f"{path}: {columns} {'breaks' if is_one else 'break'} the order of the axis, but "
            f"{'is taken for a channel' if is_one else 'are taken for channels'}. If "
            f"{'it is none, rename it' if is_one else 'they are none, rename them'}, for example "
            f"to 'x{channels[odd[0]]}'.",
            stacklevel=3,
        )


def _label(names: Sequence[str], position: int) -> str:
    return names[position] or f"(column {position + 1})"


def _check_target(path: Path, name: str, y: np.ndarray) -> None:
    is_class = y.dtype.kind == "U"
    missing = np.flatnonzero(y == "" if is_class else ~np.isfinite(y))
    if missing.size:
        wanted = "class" if is_class else "finite value"
        raise ValueError(
            f"{path} has no {wanted} of {name!r} in {listed(missing, 'row')} (counted from "
            "0, without the header). Remove these rows, or fill in the values."
        )
    if (y == y[0]).all():
        value = f"class {str(y[0])!r}" if is_class else f"value {y[0]:g}"
        raise ValueError(
            f"{path} has the {value} of {name!r} in every row. A calibration needs "
            "samples that differ."
        )


def _to_numbers(
    path: Path,
    names: Sequence[str],
    frame: pd.DataFrame,
    positions: Sequence[int],
    decimal_comma: bool,
) -> np.ndarray:
    """Return the columns at `positions` as float64; missing cells are NaN."""
    values = np.empty((len(frame), len(positions)))
    unreadable: list[str] = []
    for k, position in enumerate(positions):
        column = frame.iloc[:, position]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values[:, k] = column.to_numpy(dtype=float, na_value=np.nan)
            continue
        text = column.astype("str")
        points = text.str.replace(",", ".") if decimal_comma else text
        numbers = pd.to_numeric(points.str.strip(), errors="coerce")
        unreadable += _unreadable_cells(column, text, numbers, names[position])
        values[:, k] = numbers.to_numpy(dtype=float, na_value=np.nan)
    if unreadable:
        raise ValueError(
            f"{path} has cells that are not numbers: {listed(unreadable)}. "
            "Rows are counted from 0, without the header."
        )
    return values


def _unreadable_cells(
    column: pd.Series, text: pd.Series, numbers: pd.Series, name: str
) -> Iterator[str]:
    for row in np.flatnonzero(numbers.isna() & column.notna()):
        yield f"{text.iloc[row]!r} in row {row}, column {name!r}"


def _to_text(column: pd.Series) -> list[str]:
    return [
        "" if missing else str(cell) for cell, missing in zip(column, column.isna(), strict=True)
    ]


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return line.removeprefix("Error tokenizing data. C error: ")
