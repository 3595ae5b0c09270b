"""The cells of CSV and Parquet files, and where in the file they stand."""

import contextlib
import csv
import dataclasses
import functools
import itertools
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_fast._channels import parse_channel
from spectral_fast._validation import listed

__all__ = ["Cells", "read_cells"]

#: In order of preference: where a header or a row has decimal commas, the comma may
#: split both into equal numbers of cells too.
_SEPARATORS = ("\t", ";", ",")
_SAMPLE_ROWS = 20
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")


@dataclasses.dataclass
class Cells:
    """What a file holds below its header."""

    path: Path
    names: list[str]
    frame: pd.DataFrame
    separator: str | None  # None: no text

    @property
    def decimal_comma(self) -> bool:
        """Whether the decimal mark may be a comma."""
        return self.separator not in (None, ",")

    def row(self, number: int) -> str:
        """Say which row the user would look for: ``"line 5"``."""
        return self.rows([number])

    def rows(self, numbers: Iterable[int]) -> str:
        """Say which rows the user would look for: ``"lines 5, 9"``."""
        if self._lines is None:
            return f"{listed(numbers, 'row')} (counted from 0)"
        return listed((self._lines[number + 1] for number in numbers), "line")

    @functools.cached_property
    def _lines(self) -> list[int] | None:
        """The lines on which the header and the rows begin, as an editor counts them.

        None if that cannot be told: in a file that is no text, or has a cell beyond all measure.
        """
        if self.separator is None:
            return None
        with contextlib.suppress(csv.Error):
            return _first_lines(self.path, self.separator)
        return None


def _first_lines(path: Path, separator: str) -> list[int]:
    """Return the lines on which the header and the rows of a file begin."""
    lines: list[int] = []
    text: list[str] = []  # of one row
    last = 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_kept(file, text), delimiter=separator)
        for row in reader:
            # pandas leaves out lines of spaces and tabs, but no other blanks and no "".
            if len(row) > 1 or "".join(text).strip(" \t\r\n"):
                lines.append(last + 1)
            last = reader.line_num
            text.clear()
    return lines


def _kept(lines: Iterable[str], kept: list[str]) -> Iterator[str]:
    """Give the lines, and append each to `kept`."""
    for line in lines:
        kept.append(line)
        yield line


def read_cells(path: Path) -> Cells:
    """Return the cells of a CSV or Parquet file."""
    cells = _read(path)
    cells.names, cells.frame = _without_blank_end(cells.names, cells.frame)
    if cells.frame.empty:
        raise ValueError(f"{path} has a header but no rows. Add one row per sample.")
    return cells


def _read(path: Path) -> Cells:
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


def _read_parquet(path: Path) -> Cells:
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
    return Cells(path, [str(name).strip() for name in frame.columns], frame, None)


def _read_csv(path: Path) -> Cells:
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
            f"{len(names)}. Give every column a name, remove the cells beyond the last, or remove "
            "the lines above the header."
        ) from error
    except pd.errors.ParserError as error:
        raise ValueError(
            f"{path} is not a table: {_first_line(error)}. Every row must have as many cells as "
            f"the header, which has {len(names)}."
        ) from error
    return Cells(path, names, frame, separator)


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
            "CSV with a header row, or remove the lines above the header."
        )
    for separator, rows in splitting.items():
        if all(_fits(row, rows[0]) for row in rows):
            return separator, rows
    return max(splitting.items(), key=lambda item: len(item[1][0]))


def _first_rows(path: Path, separator: str) -> list[list[str]]:
    """Return the header and some rows; an empty header if this separator gives none."""
    rows: list[list[str]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        filled = filter(None, csv.reader(file, delimiter=separator))
        # A cell may be beyond all measure, most likely since another character separates.
        with contextlib.suppress(csv.Error):
            rows.extend(itertools.islice(filled, _SAMPLE_ROWS))
    return rows or [[]]


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


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return line.removeprefix("Error tokenizing data. C error: ")
