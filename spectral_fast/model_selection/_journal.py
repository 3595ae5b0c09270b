"""The results of a search's finished tasks in a file, so that an interrupted search goes on.

A journal is an SQLite database in WAL mode with two tables: ``about`` tells what search the
results belong to, ``records`` holds a row for each finished task: its JSON, its arrays one
after the other in NumPy's own format, and a SHA-256 digest of both. Nothing in it is
pickled: reading a journal of unknown origin runs no code.
"""

import contextlib
import datetime
import hashlib
import io
import json
import os
import platform
import sqlite3
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Journal", "JournalError", "Record", "describe_journal"]

#: Tells a journal from the databases of other programs ("SFjr").
_APPLICATION_ID = 0x53466A72
_FORMAT = 2
_SCHEMA = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE records (key TEXT PRIMARY KEY, header BLOB NOT NULL, arrays BLOB NOT NULL, "
    "digest BLOB NOT NULL)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)
_SET_ABOUT = "INSERT OR REPLACE INTO about VALUES (?, ?)"
_SET_RECORD = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"
#: A committed record survives the process at once, and a power failure once the disk has
#: confirmed it. Waiting for the disk costs milliseconds, so it is done this often at most.
_SECONDS_BETWEEN_SYNCS = 1.0
#: How long a starting search waits for the lock, which `describe_journal` holds for a moment.
_LOCK_SECONDS = 1.0

_NO_JOURNAL = "Give another file name."
_DAMAGED = "Delete it, or restore a copy of it, and start the search again."
#: What SQLite's error codes say of a journal, and the remedy. An error without a code is a text
#: that is no UTF-8; SQLITE_ERROR is a table that is missing.
_CAUSES = {
    **dict.fromkeys((0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT), ("is damaged", _DAMAGED)),
    sqlite3.SQLITE_NOTADB: ("is not a journal", _NO_JOURNAL),
    sqlite3.SQLITE_BUSY: ("is in use by another program", "Close that program."),
    **dict.fromkeys(
        (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
        ("cannot be opened for writing", "Use a file and a folder that you may write to."),
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        (
            "cannot be written",
            "Make room on the disk, or check it. What was saved before can still be read: "
            "the same search started again goes on from there.",
        ),
    ),
}


class JournalError(OSError):
    """A journal cannot be opened, read or written; the message says why and what to do."""


class Record(NamedTuple):
    """The result of one task.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Arrays of any shape and of any dtype but object.
    facts : dict
        Whatever else there is to keep, as JSON takes it: names are strings, tuples come
        back as lists.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Journal:
    """A file that keeps the results of a search's finished tasks.

    A record is safe from the end of the process, however that ends, when `save` returns.
    One search at a time uses a journal: a lock that the operating system takes back from
    dead processes is held on an empty file beside it, ``<path>.lock``, which stays there.

    Parameters
    ----------
    path : str or Path
        The file. One that does not exist, or is empty, becomes a new journal.
    identity : mapping of str to str
        What results must have in common to be comparable: digests of the data and the
        splits, versions of the libraries.
    description : mapping of str to object, default={}
        Labels and texts for `describe_journal`; they replace those of an earlier run.

    Raises
    ------
    JournalError
        If the file is no journal, one of a newer format or damaged; holds results of
        another identity; is used by another search; or cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from spectral_fast.model_selection._journal import Journal, Record
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "search.sqlite")
    ...     with Journal(path, {"data": "3f2a", "numpy": "2.1.0"}) as journal:
    ...         journal.save("snv/pls", Record({"predictions": np.ones(3)}, {"seconds": 0.5}))
    ...     with Journal(path, {"data": "3f2a", "numpy": "2.1.0"}) as journal:
    ...         journal.load(["snv/pls", "snv/ridge"])
    {'snv/pls': Record(arrays={'predictions': array([1., 1., 1.])}, facts={'seconds': 0.5})}
    """

    def __init__(
        self,
        path: str | Path,
        identity: Mapping[str, str],
        *,
        description: Mapping[str, Any] = {},
    ):
        self._path = _resolved(path)
        self._is_failing = False
        self._synced = -np.inf
        with _explained(self._path), contextlib.ExitStack() as connections:
            self._database = connections.enter_context(_connected(self._path))
            if not _is_new(self._database):  # before the lock, which leaves a file behind
                _check_format(self._path, self._database)
            lock = connections.enter_context(_connected(_lock_path(self._path), _LOCK_SECONDS))
            _take(lock, self._path, self._database)
            self._begin(dict(identity), description)
            self._connections = connections.pop_all()

    def _begin(self, identity: dict[str, str], description: Mapping[str, Any]) -> None:
        is_new = _is_new(self._database)
        about: dict[str, Any]
        if is_new:
            about = {"identity": identity, "description": {}, "created": _now()}
        else:
            _check_health(self._path, self._database)
            about = _read_about(self._path, self._database)
            _check_identity(self._path, about["identity"], identity)
        about |= {
            "description": about["description"] | _texts(description),
            "finished": None,
            "owner": {"process": os.getpid(), "host": platform.node(), "since": _now()},
        }
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA if is_new else ():
                self._database.execute(statement)
            rows = [(name, json.dumps(value)) for name, value in about.items()]
            self._database.executemany(_SET_ABOUT, rows)
        self._database.execute("PRAGMA journal_mode = WAL")

    def load(self, keys: Sequence[str]) -> dict[str, Record]:
        """Return the records of those of the tasks that are finished.

        Raises
        ------
        JournalError
            If a record, or the file, is damaged.
        """
        select = "SELECT header, arrays, digest FROM records WHERE key = ?"
        records = {}
        with _explained(self._path):
            for key in keys:
                row = self._database.execute(select, (key,)).fetchone()
                if row is not None:
                    records[key] = _decoded(self._path, key, *row)
        return records

    def save(self, key: str, record: Record) -> None:
        """Keep the result of a task, in place of an earlier one of the same key.

        Raises
        ------
        JournalError
            If it cannot be written, as when the disk is full. Later failures in a row raise
            nothing, so that a search can warn once and go on; each call tries again.
        """
        self._write(_SET_RECORD, (key, *_encoded(key, record)))

    def finish(self) -> None:
        """Mark the search as complete.

        Raises
        ------
        JournalError
            As `save`.
        """
        self._write(_SET_ABOUT, ("finished", json.dumps(_now())))

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        is_due = time.monotonic() - self._synced >= _SECONDS_BETWEEN_SYNCS
        try:
            with _explained(self._path):
                self._database.execute(f"PRAGMA synchronous = {'FULL' if is_due else 'NORMAL'}")
                self._database.execute(statement, values)
        except JournalError:
            if not self._is_failing:
                self._is_failing = True
                raise
            return
        self._is_failing = False
        if is_due:
            self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of the file; further calls do nothing."""
        self._connections.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def describe_journal(path: str | Path) -> str:
    """Return what a journal holds, in lines of at most 60 columns.

    A search may be using the journal meanwhile.

    Parameters
    ----------
    path : str or Path
        A journal.

    Raises
    ------
    JournalError
        If there is no such file, or it is no journal, or damaged.
    """
    path = _resolved(path)
    if not path.exists():
        raise JournalError(f"{path} does not exist. Give the file that a search wrote.")
    with _explained(path), _connected(path) as database:
        if _is_new(database):
            raise JournalError(f"{path} is empty: no search has begun to write to it.")
        _check_format(path, database)
        about = _read_about(path, database)
        n_records = database.execute("SELECT COUNT(*) FROM records").fetchone()[0]
    entries = {
        "created": _readable(about["created"]),
        "state": _state(path, about),
        "size": _size(path),
        "tasks done": n_records,
        **about["description"],
    }
    same = {name: _shortened(value) for name, value in about["identity"].items()}
    return "\n".join(
        [*_wrapped(f"Journal {path}"), *_table(entries), "Results belong to", *_table(same)]
    )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into an error that says what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # wrong use, such as a closed journal
    except sqlite3.DatabaseError as error:
        problem, remedy = _CAUSES.get(_code(error), ("cannot be used", _NO_JOURNAL))
        raise JournalError(f"The journal {path} {problem} ({error}). {remedy}") from error


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary error code; 0 where the error is not SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _resolved(path: str | Path) -> Path:
    """Return the full path, one and the same for all links to a file."""
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        raise JournalError(
            f"The journal {path} is a folder or a device, no file. Name a journal, or a new file."
        )
    if not path.parent.is_dir():
        raise JournalError(
            f"The journal {path} cannot be made: the folder {path.parent} does not exist. "
            "Create it, or name another."
        )
    return path


def _connected(path: Path, timeout: float = 5.0) -> contextlib.closing[sqlite3.Connection]:
    # Only SQLite may open these files: on POSIX, closing any other handle of a file drops
    # the locks that the process has on it.
    with _explained(path):
        return contextlib.closing(sqlite3.connect(path, timeout=timeout, isolation_level=None))


def _take(lock: sqlite3.Connection, path: Path, database: sqlite3.Connection) -> None:
    """Lock a journal until the connection is closed, or raise an error that names who has."""
    # Without the first, SQLite would put a file of its own beside the lock.
    statements = ("PRAGMA journal_mode = OFF", "BEGIN EXCLUSIVE")
    if any(_is_refused(lock, path, statement) for statement in statements):
        owner = {} if _is_new(database) else _read_about(path, database)["owner"]
        raise JournalError(
            f"The journal {path} is in use by another search{_of(owner)}. Wait for it to end, "
            "or give another file name."
        )


def _is_running(path: Path) -> bool:
    """Whether a search holds the lock of a journal."""
    if not _lock_path(path).exists():
        return False
    with _connected(_lock_path(path), timeout=0.0) as lock:
        return _is_refused(lock, path, "SELECT 1 FROM sqlite_master")


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _is_refused(lock: sqlite3.Connection, path: Path, statement: str) -> bool:
    """Execute a statement; return whether it fails because another connection has the lock."""
    with _explained(_lock_path(path)):
        try:
            lock.execute(statement)
        except sqlite3.DatabaseError as error:
            if _code(error) != sqlite3.SQLITE_BUSY:
                raise
            return True
    return False


def _of(owner: dict[str, Any]) -> str:
    if not owner:
        return ""
    since = _readable(owner["since"])
    return f": process {owner['process']} on {owner['host']}, since {since}"


def _is_new(database: sqlite3.Connection) -> bool:
    tables = "SELECT COUNT(*) FROM sqlite_master"
    pragmas = ("PRAGMA application_id", "PRAGMA user_version")
    return not any(database.execute(query).fetchone()[0] for query in (tables, *pragmas))


def _check_format(path: Path, database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise JournalError(f"{path} is a database of another program, no journal. {_NO_JOURNAL}")
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found != _FORMAT:
        raise JournalError(
            f"The journal {path} has format {found}, of another version of spectral_fast; this "
            f"one reads format {_FORMAT}. Install that version, or give another file name."
        )


def _check_health(path: Path, database: sqlite3.Connection) -> None:
    findings = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
    if findings != ["ok"]:
        raise JournalError(f"The journal {path} is damaged ({findings[0]}). {_DAMAGED}")


def _check_identity(path: Path, before: dict[str, str], now: dict[str, str]) -> None:
    changes = [
        f"{name} ({_shortened(before.get(name, 'none'))} → {_shortened(now.get(name, 'none'))})"
        for name in now | before
        if before.get(name) != now.get(name)
    ]
    if changes:
        raise JournalError(
            f"The journal {path} holds the results of another search. What differs, from then "
            f"to now: {', '.join(changes)}. Give another file name, or delete it to start anew."
        )


def _read_about(path: Path, database: sqlite3.Connection) -> dict[str, Any]:
    try:
        about = {
            name: json.loads(value)
            for name, value in database.execute("SELECT name, value FROM about")
        }
    except (TypeError, ValueError) as error:
        raise JournalError(f"The journal {path} is damaged ({error}). {_DAMAGED}") from error
    missing = {"created", "description", "finished", "identity", "owner"} - about.keys()
    if missing:
        raise JournalError(
            f"The journal {path} is damaged (it lacks {', '.join(sorted(missing))}). {_DAMAGED}"
        )
    return about


def _encoded(key: str, record: Record) -> tuple[bytes, bytes, bytes]:
    """Return the header, the arrays and the digest of a record."""
    members = {"key": key, "names": list(record.arrays), "facts": record.facts}
    header = json.dumps(members).encode()
    content = io.BytesIO()
    for array in record.arrays.values():
        np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
    arrays = content.getvalue()
    return header, arrays, _digest(header, arrays)


def _decoded(path: Path, key: str, header: bytes, arrays: bytes, digest: bytes) -> Record:
    try:
        if digest != _digest(header, arrays):
            raise ValueError("its digest differs")
        members = json.loads(header)
        if members["key"] != key:
            raise ValueError("it is the record of another task")
        content = io.BytesIO(arrays)
        values = [np.lib.format.read_array(content, allow_pickle=False) for _ in members["names"]]
        return Record(dict(zip(members["names"], values, strict=True)), members["facts"])
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"The record of task {key} in the journal {path} is damaged ({error}). {_DAMAGED}"
        ) from error


def _digest(header: bytes, arrays: bytes) -> bytes:
    return hashlib.sha256(header + arrays).digest()


def _state(path: Path, about: dict[str, Any]) -> str:
    if _is_running(path):
        return "running" + _of(about["owner"])
    if about["finished"]:
        return f"finished {_readable(about['finished'])}"
    return "interrupted; the same search resumes it"


def _size(path: Path) -> str:
    wal = path.with_name(path.name + "-wal")
    n_bytes = sum(file.stat().st_size for file in (path, wal) if file.exists())
    return f"{n_bytes / 1e6:.1f} MB"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _readable(moment: str) -> str:
    return moment.replace("T", " ").replace("+00:00", " UTC")


def _texts(description: Mapping[str, Any]) -> dict[str, str]:
    return {label: str(text) for label, text in description.items()}


def _shortened(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:12]}…"


def _table(entries: Mapping[str, Any]) -> list[str]:
    width = max(map(len, entries), default=0)
    return [
        line
        for label, text in entries.items()
        for line in _wrapped(str(text), f"  {label:<{width}}  ", " " * (width + 4))
    ]


def _wrapped(text: str, first: str = "", others: str = "  ") -> list[str]:
    lines = textwrap.wrap(
        text, 60, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )
    return lines or [first.rstrip()]
