"""Reading spectra from CSV and Parquet tables.

One row is one sample. Columns whose names are numbers, with or without a unit
(``850``, ``-80``, ``"900 nm"``, ``"1000 cm-1"``, ``1.0e+03``), are the channels;
every other column is ignored unless it is asked for by name. Between channels no
other column may stand, since its name may be a channel's, misspelt.
"""

import dataclasses
import difflib
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spectral_fast._channels import out_of_order, parse_channel
from spectral_fast._table_files import Cells, read_cells
from spectral_fast._validation import listed

__all__ = ["SpectralTable", "read_table", "split_unit"]

#: Of so few channels, any two are in order.
_LEAST_IN_ORDER = 3
#: How many usual steps from the others a column stands that may be no channel.
_FAR = 10

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
    groups : ndarray of shape (n_samples,), str, or None
        Cells of the column that says which rows belong together.
    """

    spectra: np.ndarray
    channels: list[str]
    axis: np.ndarray
    axis_unit: str
    target: np.ndarray | None
    identifiers: list[str] | None
    ignored: tuple[str, ...] = ()
    groups: np.ndarray | None = None

    @property
    def summary(self) -> str:
        """What was read: ``"30 channels, 1000 to 1232 nm; ignored columns: id, note"``."""
        ignored = f"; ignored columns: {listed(self.ignored)}" if self.ignored else ""
        return f"{len(self.axis)} channel{'s' * (len(self.axis) > 1)}, {self.span}{ignored}"

    @property
    def span(self) -> str:
        """The least and the greatest position: ``"1000 to 1232 nm"``."""
        ends = np.unique([self.axis.min(), self.axis.max()])
        return f"{' to '.join(f'{end:.10g}' for end in ends)} {self.axis_unit}".rstrip()

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
    groups: str | None = None,
) -> SpectralTable:
    r"""Read spectra from a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        A Parquet file, or a UTF-8 text file with a header row and columns
        separated by commas, semicolons or tabs. With the latter two, numbers
        may have a decimal comma. Only an empty cell is a missing one; blanks at
        the ends of a cell do not count. Empty rows and columns after the last
        filled one are left out.
    target : str, default=None
        Name of the column to calibrate for.
    is_class : bool, default=False
        Whether the target is a class: its cells are then kept as text.
    identifier : str, default=None
        Name of a column that names the samples, kept as text.
    groups : str, default=None
        Name of a column that says which rows belong together, such as the repeats
        of a sample, kept as text.

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
        number, or that of a class or a group is empty. Rows are named by their
        lines in the file, those of Parquet counted from 0.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If single columns break the order or the spacing of the channels, a column
        asked for has the name of a channel, channels to calibrate on are in no
        order, or a spectrum to calibrate on is there twice and not in one group.

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
    cells = read_cells(path)
    names = cells.names
    roles = {"target": target, "identifiers": identifier, "groups": groups}
    asked_for = {role: name for role, name in roles.items() if name is not None}
    positions, axis, axis_unit = _find_channels(cells, asked_for.values())
    columns = {name: _find_column(path, names, name, positions) for name in asked_for.values()}
    _warn_of_numbers(cells, asked_for)
    channels = [names[position] for position in positions]
    _refuse_duplicates(path, channels, axis)
    ignored = sorted(set(range(len(names))) - {*positions, *columns.values()})
    _warn_of_odd(path, channels, axis)  # first: it may be what puts others between channels
    _refuse_between(path, names, ignored, positions)

    spectra = _to_numbers(cells, positions)
    _check_spectra(cells, spectra, channels)
    y = labels = None
    if groups is not None:
        labels = np.array(_to_text(cells.frame.iloc[:, columns[groups]]))
        _refuse_empty(cells, groups, labels == "")
    if target is not None:
        y = _read_target(cells, columns[target], is_class)
        _warn_of_disorder(path, axis)
        _warn_of_repeats(cells, spectra, labels)
    identifiers = None
    if identifier is not None:
        identifiers = _to_text(cells.frame.iloc[:, columns[identifier]])
    return SpectralTable(
        spectra=spectra,
        channels=channels,
        axis=axis,
        axis_unit=axis_unit,
        target=y,
        identifiers=identifiers,
        ignored=tuple(_label(names, i) for i in ignored),
        groups=labels,
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


def _find_channels(cells: Cells, reserved: Iterable[str]) -> tuple[list[int], np.ndarray, str]:
    """Return the positions of the channel columns, their axis and its unit."""
    path, names = cells.path, cells.names
    parsed = {
        i: channel
        for i, name in enumerate(names)
        if name not in reserved
        and (channel := parse_channel(name, decimal_comma=cells.decimal_comma)) is not None
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
    between = [i for i in ignored if channels[0] < i < channels[-1]]
    if between:
        before = [names[i] for i in channels if i < between[0]]
        after = [names[i] for i in channels if i > between[-1]]
        few = min(before, after, key=len)
        rename = (
            f", or rename {listed(map(repr, few))} where that is no channel"
            if len(few) <= _few(channels)
            else ""
        )
        raise ValueError(
            f"{path} has columns between its channels whose names are not numbers: "
            f"{listed(_label(names, i) for i in between)}. Correct the name if it is a channel's; "
            f"move the column before or after the channels if not{rename}."
        )


def _few(channels: Sequence[object] | np.ndarray) -> int:
    """Return how many of the channels may be something else, such as years or batches."""
    return max(1, len(channels) // 10)


def _warn_of_odd(path: Path, channels: Sequence[str], axis: np.ndarray) -> None:
    """Warn of a few columns that do not go with the others, which are in order."""
    odd = _odd_columns(axis)
    if odd:
        columns = listed((repr(channels[i]) for i in odd), "column")
        is_one = len(odd) == 1
        warnings.warn(
            f"{path}: {columns} {'breaks' if is_one else 'break'} the order or the spacing of the "
            f"axis, but {'is taken for a channel' if is_one else 'are taken for channels'}. If "
            f"{'it is none, rename it' if is_one else 'they are none, rename them'}, for example "
            f"to 'x{channels[odd[0]]}'.",
            stacklevel=3,
        )


def _odd_columns(axis: np.ndarray) -> list[int]:
    """Return the few that are out of order, and an end that is far from those in order."""
    odd = out_of_order(axis.tolist())
    if len(axis) <= _LEAST_IN_ORDER or len(odd) > _few(axis):
        return []
    others = np.delete(np.arange(len(axis)), odd)
    steps = np.abs(np.diff(axis[others]))
    far = _FAR * np.median(steps)
    return sorted([*odd, *(int(others[end]) for end in (0, -1) if steps[end] > far)])


def _warn_of_disorder(path: Path, axis: np.ndarray) -> None:
    if len(axis) > _LEAST_IN_ORDER and len(out_of_order(axis.tolist())) > _few(axis):
        warnings.warn(
            f"{path}: the channels are in no order, so that derivatives and intervals mean "
            "nothing. Sort the columns by their positions.",
            stacklevel=3,
        )


def _label(names: Sequence[str], position: int) -> str:
    return names[position] or f"(column {position + 1})"


def _check_spectra(cells: Cells, spectra: np.ndarray, channels: Sequence[str]) -> None:
    bad = ~np.isfinite(spectra)
    if bad.any():
        what = "empty cells" if np.isnan(spectra[bad]).all() else "empty or infinite cells"
        columns = listed(itertools.compress(channels, bad.any(axis=0)), "channel")
        raise ValueError(
            f"{cells.path} has {what} in {cells.rows(np.flatnonzero(bad.any(axis=1)))}, {columns}. "
            "Remove these rows or channels, or fill the gaps."
        )
    constant = np.flatnonzero(spectra.min(axis=1) == spectra.max(axis=1))
    if len(channels) > 1 and constant.size:
        raise ValueError(
            f"{cells.path} has the same value in every channel of {cells.rows(constant)}. "
            "Remove these rows: such a spectrum holds no information."
        )


def _read_target(cells: Cells, position: int, is_class: bool) -> np.ndarray:
    """Return the target's values, or its classes as text."""
    name = cells.names[position]
    if is_class:
        y = np.array(_to_text(cells.frame.iloc[:, position]))
        _refuse_empty(cells, name, y == "")
    else:
        y = _to_numbers(cells, [position], may_be_classes=True).ravel()
        _refuse_empty(cells, name, np.isnan(y))
        if np.isinf(y).any():
            raise ValueError(
                f"{cells.path} has infinite values of {name!r} in "
                f"{cells.rows(np.flatnonzero(np.isinf(y)))}. Remove these rows, or correct them."
            )
    if (y == y[0]).all():
        value = f"class {str(y[0])!r}" if is_class else f"value {y[0]:g}"
        raise ValueError(
            f"{cells.path} has the {value} of {name!r} in every row. A calibration needs "
            "samples that differ."
        )
    return y


def _refuse_empty(cells: Cells, name: str, empty: np.ndarray) -> None:
    if empty.any():
        raise ValueError(
            f"{cells.path}: the column {name!r} is empty in {cells.rows(np.flatnonzero(empty))}. "
            "Remove these rows, or fill in the values."
        )


def _warn_of_numbers(cells: Cells, asked_for: Mapping[str, str]) -> None:
    for role, name in asked_for.items():
        if parse_channel(name, decimal_comma=cells.decimal_comma) is not None:
            warnings.warn(
                f"{cells.path}: the column {name!r} of the {role} has the name of a channel, a "
                f"number, and is left out of the spectra. If it is a channel, name the column "
                f"that holds the {role}.",
                stacklevel=3,
            )


def _warn_of_repeats(cells: Cells, spectra: np.ndarray, groups: np.ndarray | None) -> None:
    """Warn of spectra that a model may both learn from and be judged by."""
    repeats = [
        f"{cells.row(earlier)} and {cells.row(row)}"
        for earlier, row in _repeats(spectra)
        if groups is None or groups[earlier] != groups[row]
    ]
    if repeats:
        remedy = (
            "Keep the repeats of a sample together with --groups COLUMN, or "
            "`fit(..., groups=)` in Python"
            if groups is None
            else "Give them one group"
        )
        warnings.warn(
            f"{cells.path} has the same spectrum in {listed(repeats)}. Errors are too small where "
            f"a model has learnt from one and is judged by the other. {remedy}.",
            stacklevel=3,
        )


def _repeats(spectra: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the rows that repeat a spectrum, each after the first one that has it."""
    first: dict[int, int] = {}
    for row, spectrum in enumerate(spectra):
        earlier = first.setdefault(hash(spectrum.tobytes()), row)
        if earlier != row and np.array_equal(spectra[earlier], spectrum):
            yield earlier, row


def _to_numbers(
    cells: Cells, positions: Sequence[int], *, may_be_classes: bool = False
) -> np.ndarray:
    """Return the columns at `positions` as float64; missing cells are NaN."""
    values = np.empty((len(cells.frame), len(positions)))
    unreadable: list[tuple[str, int, str]] = []
    for k, position in enumerate(positions):
        column = cells.frame.iloc[:, position]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values[:, k] = column.to_numpy(dtype=float, na_value=np.nan)
            continue
        text = column.astype("str")
        points = text.str.replace(",", ".") if cells.decimal_comma else text
        numbers = pd.to_numeric(points.str.strip(), errors="coerce")
        rows = np.flatnonzero(numbers.isna() & column.notna()).tolist()
        unreadable += [(text.iloc[row], row, cells.names[position]) for row in rows]
        values[:, k] = numbers.to_numpy(dtype=float, na_value=np.nan)
    if unreadable:
        found = [f"{text!r} in {cells.row(row)}, column {name!r}" for text, row, name in unreadable]
        remedy = _remedy(
            [text for text, _, _ in unreadable], may_be_classes and 2 * len(found) > len(values)
        )
        raise ValueError(f"{cells.path} has cells that are not numbers: {listed(found)}. {remedy}")
    return values


def _remedy(unreadable: Sequence[str], may_be_classes: bool) -> str:
    if may_be_classes:
        return "If they are classes, add --classify on the command line, `is_class=True` in Python."
    below = next((text for text in unreadable if text.strip().startswith("<")), None)
    if below is None:
        return "Correct them, or remove these rows."
    return f"{below!r} is a value below the limit of detection: give a number, or remove the row."


def _to_text(column: pd.Series) -> list[str]:
    return [
        "" if missing else str(cell).strip()
        for cell, missing in zip(column, column.isna(), strict=True)
    ]
