"""Reading spectra from CSV and Parquet tables.

One row is one sample. Columns whose names are numbers, with or without a unit
(``850``, ``"900 nm"``, ``"1000 cm-1"``), are the channels; every other column is
ignored unless it is asked for by name.
"""

import csv
import dataclasses
import difflib
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_fast._validation import check_spectra

__all__ = ["SpectralTable", "read_table", "split_unit"]

#: In order of preference: a decimal comma splits a header into as many fields
#: as the true separator does.
_SEPARATORS = ("\t", ";", ",")
_SAMPLE_ROWS = 20
_MENTIONED = 5

_UNITS = {
    "nm": "nm",
    "um": "µm",
    "µm": "µm",  # micro sign
    "μm": "µm",  # Greek mu
    "cm-1": "cm⁻¹",
    "cm^-1": "cm⁻¹",
    "cm⁻¹": "cm⁻¹",
    "1/cm": "cm⁻¹",
}
_CHANNEL = re.compile(
    rf"\s*(\d+(?:\.\d+)?)\s*({'|'.join(map(re.escape, _UNITS))})?\s*", re.IGNORECASE
)
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
        Values of the target column.
    identifiers : list of str or None
        Cells of the column that names the samples.
    """

    spectra: np.ndarray
    channels: list[str]
    axis: np.ndarray
    axis_unit: str
    target: np.ndarray | None
    identifiers: list[str] | None

    @property
    def axis_label(self) -> str:
        """What the axis holds, for a plot: ``"Wavelength (nm)"``, or ``"Channel"``."""
        if not self.axis_unit:
            return "Channel"
        return f"{_QUANTITIES[self.axis_unit]} ({self.axis_unit})"


def read_table(
    path: str | Path, *, target: str | None = None, identifier: str | None = None
) -> SpectralTable:
    r"""Read spectra from a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        A Parquet file, or a UTF-8 text file with a header row and columns
        separated by commas, semicolons or tabs. With the latter two, numbers
        may have a decimal comma.
    target : str, default=None
        Name of the column to calibrate for.
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
        channels or the same channel twice, or if a cell of a channel or of the
        target is not a finite number.
    OSError
        If the file cannot be read.

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
    names, frame, decimal = _read(path)
    if frame.empty:
        raise ValueError(f"{path} has a header but no rows. Add one row per sample.")

    asked_for = [name for name in (target, identifier) if name is not None]
    positions, axis, axis_unit = _find_channels(path, names, asked_for, decimal)
    columns = [_find_column(path, names, name, positions) for name in asked_for]
    _refuse_duplicates(path, [names[position] for position in positions], axis)

    numeric = positions if target is None else [*positions, columns[0]]
    values = _to_numbers(path, names, frame, numeric, decimal)
    spectra = np.ascontiguousarray(values[:, : len(positions)])
    y = None if target is None else values[:, -1]
    channels = [names[position] for position in positions]
    try:
        check_spectra(spectra, y, channel_names=channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return SpectralTable(
        spectra=spectra,
        channels=channels,
        axis=axis,
        axis_unit=axis_unit,
        target=y,
        identifiers=None if identifier is None else _to_text(frame.iloc[:, columns[-1]]),
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


def _read(path: Path) -> tuple[list[str], pd.DataFrame, str]:
    """Return the column names, the cells and the decimal mark of a file."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name a CSV or Parquet file.")
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise ValueError(f"{path} is empty. A header row and one row per sample are needed.")
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        names, frame = _read_parquet(path)
        return names, frame, "."
    if start.startswith(b"PK\x03\x04") or b"\0" in start:
        raise ValueError(
            f"{path} is not a text table. Save it as CSV (a spreadsheet program calls it "
            "'CSV UTF-8') or Parquet."
        )
    return _read_csv(path)


def _read_parquet(path: Path) -> tuple[list[str], pd.DataFrame]:
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
    return [str(name).strip() for name in frame.columns], frame


def _read_csv(path: Path) -> tuple[list[str], pd.DataFrame, str]:
    try:
        separator, rows = _sniff(path)
        names = [name.strip() for name in rows[0]]
        decimal = "." if separator == "," or not _has_decimal_comma(rows) else ","
        text = [i for i, name in enumerate(names) if _parse_channel(name, decimal) is None]
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                decimal=decimal,
                names=_int_labels(names),
                header=0,
                index_col=False,
                dtype=dict.fromkeys(text, "str"),
                encoding="utf-8-sig",
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8'."
        ) from error
    except (csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(
            f"{path} is not a table: {_first_line(error)}. Every row must have as many cells as "
            f"the header, which has {len(names)}."
        ) from error
    return names, frame, decimal


def _int_labels(names: Sequence[str]) -> list[Hashable]:
    """Label columns by position, since names from a file may repeat."""
    return list(range(len(names)))


def _sniff(path: Path) -> tuple[str, list[list[str]]]:
    """Return the separator and the first rows, split."""
    best: tuple[str, list[list[str]]] = ("", [[]])
    for separator in _SEPARATORS:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            rows = [row for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False) if row]
        if len(rows[0]) > len(best[1][0]):
            best = separator, rows
    if len(best[1][0]) < 2:
        raise ValueError(
            f"{path} is not a table: its first line has no comma, semicolon or tab. Save it as "
            "CSV with a header row."
        )
    return best


def _has_decimal_comma(rows: Iterable[Iterable[str]]) -> bool:
    return any(_DECIMAL_COMMA.fullmatch(cell) for row in rows for cell in row)


def _parse_channel(name: str, decimal: str) -> tuple[float, str] | None:
    """Return the position and the unit that a column name states, if it is a channel."""
    match = _CHANNEL.fullmatch(name.replace(decimal, "."))
    if match is None:
        return None
    number, unit = match.groups()
    return float(number), _UNITS[unit.lower()] if unit else ""


def _find_channels(
    path: Path, names: Sequence[str], reserved: Iterable[str], decimal: str
) -> tuple[list[int], np.ndarray, str]:
    """Return the positions of the channel columns, their axis and its unit."""
    parsed = {
        i: channel
        for i, name in enumerate(names)
        if name not in reserved and (channel := _parse_channel(name, decimal)) is not None
    }
    if not parsed:
        raise ValueError(
            f"{path} has no channels: no column name is a number such as 850 or '900 nm'. "
            f"Name each channel by its position on the axis; the columns are {_listing(names)}."
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
        f"Columns that are not channels: {_listing(others)}."
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
            f"{path} has the same channel more than once: {_listing(repeated)}. "
            "Remove or rename the extra columns."
        )


def _to_numbers(
    path: Path, names: Sequence[str], frame: pd.DataFrame, positions: Sequence[int], decimal: str
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
        numbers = pd.to_numeric(text.str.strip().str.replace(decimal, "."), errors="coerce")
        unreadable += _unreadable_cells(column, text, numbers, names[position])
        values[:, k] = numbers.to_numpy(dtype=float, na_value=np.nan)
    if unreadable:
        raise ValueError(
            f"{path} has cells that are not numbers: {_listing(unreadable)}. "
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


def _listing(items: Sequence[str]) -> str:
    """Join items for a message, the first few of them."""
    shown = ", ".join(items[:_MENTIONED])
    more = len(items) - _MENTIONED
    return f"{shown} and {more} more" if more > 0 else shown


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
