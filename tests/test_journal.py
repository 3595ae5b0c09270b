import contextlib
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from spectral_fast.model_selection import _journal
from spectral_fast.model_selection._journal import (
    Journal,
    JournalError,
    Record,
    describe_journal,
)

IDENTITY = {"data": "d" * 64, "splits": "5" * 64, "numpy": "2.1.0"}

#: How a child process begins. It takes the module by its path: importing the package is slow.
PRELUDE = """
import importlib.util, sys
import numpy as np
source, path, identity = sys.argv[1], sys.argv[2], eval(sys.argv[3])
spec = importlib.util.spec_from_file_location("journal", source)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
Journal, Record = module.Journal, module.Record
"""
#: A search that waits to be killed.
HOLD = """
with Journal(path, identity) as journal:
    journal.save("task", Record({"values": np.ones(3)}, {}))
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.sqlite"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(_journal, "_LOCK_SECONDS", 0.0)


def record(number):
    values = np.random.default_rng(number).normal(size=(20, 2))
    return Record({"predictions": values}, {"number": number})


def assert_same(found, expected):
    assert found.facts == expected.facts
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def filled(path, n_records=3, identity=IDENTITY):
    with Journal(path, identity) as journal:
        for number in range(n_records):
            journal.save(f"task {number}", record(number))
    return path


def read_all(path, n_records=3):
    with Journal(path, IDENTITY) as journal:
        return journal.load([f"task {number}" for number in range(n_records)])


def tasks_done(path):
    return int(re.search(r"tasks done +(\d+)", describe_journal(path))[1])


def edit(path, *statements):
    """Change a database behind the journal's back."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(*statement if isinstance(statement, tuple) else (statement,))


@contextlib.contextmanager
def refused(*fragments):
    """Expect an error whose message holds all of the fragments."""
    with pytest.raises(JournalError) as raised:
        yield
    for fragment in fragments:
        assert fragment in str(raised.value)


@contextlib.contextmanager
def child(code, path, *arguments):
    """Run code after `PRELUDE` in a process that is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, _journal.__file__, path, repr(IDENTITY)]
        + [str(argument) for argument in arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


class TestRecords:
    @pytest.mark.parametrize(
        "array",
        [
            np.array([[0.1, np.nan], [-np.inf, 1e-300]]),
            np.arange(6, dtype=np.int32).reshape(2, 3),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.arange(10.0)[::3],
            np.array(1.5, dtype=np.float32),
            np.empty((0, 3)),
            np.array([True, False]),
            np.array(["snv", "raw+sg1"]),
        ],
        ids=["nan", "int", "fortran", "strided", "scalar", "empty", "bool", "text"],
    )
    def test_arrays_come_back_as_they_were(self, path, array):
        with Journal(path, IDENTITY) as journal:
            journal.save("task", Record({"values": array}, {}))
        with Journal(path, IDENTITY) as journal:
            found = journal.load(["task"])["task"]
        assert_same(found, Record({"values": array}, {}))

    def test_any_names_and_facts(self, path):
        facts = {"score": 0.1 + 0.2, "error": "ValueError: µ", "list": [1, None, {"deep": True}]}
        expected = Record({"file": np.ones(2), "a/b.npy": np.zeros(1), "": np.ones(1)}, facts)
        with Journal(path, IDENTITY) as journal:
            journal.save("'; DROP TABLE records; --", expected)
            journal.save("bare", Record({}, {}))
            found = journal.load(["'; DROP TABLE records; --", "bare"])
        assert_same(found["'; DROP TABLE records; --"], expected)
        assert found["bare"] == ({}, {})

    def test_only_the_finished_ones(self, path):
        with Journal(path, IDENTITY) as journal:
            assert tasks_done(path) == 0
            journal.save("b", record(1))
            journal.save("a", record(2))
            assert tasks_done(path) == 2
            assert list(journal.load(["a", "missing", "b"])) == ["a", "b"]
            assert journal.load([]) == {}

    def test_the_last_of_a_key_wins(self, path):
        with Journal(path, IDENTITY) as journal:
            journal.save("task", record(1))
            journal.save("task", record(2))
            assert tasks_done(path) == 1
            assert_same(journal.load(["task"])["task"], record(2))

    def test_what_cannot_be_kept_is_refused_and_nothing_is_written(self, path):
        with Journal(path, IDENTITY) as journal:
            with pytest.raises(ValueError, match="Object arrays"):
                journal.save("task", Record({"values": np.array([object()])}, {}))
            with pytest.raises(TypeError, match="JSON"):
                journal.save("task", Record({}, {"values": {1, 2}}))
            assert tasks_done(path) == 0

    def test_a_closed_journal_says_so(self, path):
        journal = Journal(path, IDENTITY)
        journal.close()
        journal.close()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            journal.save("task", record(1))

    def test_the_disk_is_waited_for_once_in_a_while(self, path, monkeypatch):
        statements = []
        with Journal(path, IDENTITY) as journal:
            journal._database.set_trace_callback(statements.append)
            for number in range(3):
                journal.save(f"task {number}", record(number))
            monkeypatch.setattr(_journal, "_SECONDS_BETWEEN_SYNCS", 0.0)
            journal.save("task", record(3))
        modes = [text.split()[-1] for text in statements if "synchronous" in text]
        assert modes == ["FULL", "NORMAL", "NORMAL", "FULL"]


class TestOpening:
    def test_an_empty_file_is_new(self, path):
        path.touch()
        assert_same(read_all(filled(path))["task 1"], record(1))

    def test_a_finished_journal_is_one_file_and_an_empty_lock(self, path):
        filled(path)
        assert sorted(file.name for file in path.parent.iterdir()) == [
            "search.sqlite",
            "search.sqlite.lock",
        ]
        assert path.with_name("search.sqlite.lock").stat().st_size == 0

    def test_a_deleted_journal_starts_anew(self, path):
        with child(HOLD, path) as process:
            assert process.stdout.readline() == "ready\n"
        path.unlink()  # but not the write-ahead log that the killed search left
        assert path.with_name("search.sqlite-wal").stat().st_size
        with Journal(path, IDENTITY):
            assert tasks_done(path) == 0

    @pytest.mark.parametrize(
        ("identity", "changes"),
        [
            (IDENTITY | {"numpy": "2.2.0"}, "now: numpy (2.1.0 → 2.2.0)."),
            (IDENTITY | {"data": "e" * 64}, "now: data (dddddddddddd… → eeeeeeeeeeee…)."),
            (IDENTITY | {"xgboost": "3.0"}, "now: xgboost (none → 3.0)."),
            (
                {"data": "d" * 64, "splits": "6"},
                "now: splits (555555555555… → 6), numpy (2.1.0 → none).",
            ),
        ],
    )
    def test_another_identity_is_refused(self, path, identity, changes):
        filled(path)
        with refused("another search", changes, "another file name, or delete"):
            Journal(path, identity)
        assert len(read_all(path)) == 3

    def test_a_text_file_is_refused(self, path):
        path.write_text("850,852,fat\n1,2,3\n" * 100, encoding="utf-8")
        self.assert_refused(path, "is not a journal", "another file name")

    @pytest.mark.parametrize(
        "statement", ["CREATE TABLE notes (text)", "PRAGMA application_id = 7"]
    )
    def test_a_database_of_another_program_is_refused(self, path, statement):
        edit(path, statement)
        self.assert_refused(path, "another program", "another file name")

    @pytest.mark.parametrize("found", [1, 3])
    def test_another_format_is_refused(self, path, found):
        filled(path)
        path.with_name("search.sqlite.lock").unlink()
        edit(path, f"PRAGMA user_version = {found}")
        self.assert_refused(path, f"has format {found}", "reads format 2", "Install that")

    @staticmethod
    def assert_refused(path, *fragments):
        content = path.read_bytes()
        for use in (lambda: Journal(path, IDENTITY), lambda: describe_journal(path)):
            with refused(*fragments):
                use()
        assert path.read_bytes() == content
        assert os.listdir(path.parent) == [path.name]


class TestDamage:
    def test_overwritten_pages(self, path):
        content = bytearray(filled(path, n_records=100).read_bytes())
        content[8192:32768] = bytes(24576)
        path.write_bytes(content)
        with refused("is damaged", "Delete it, or restore a copy"):
            Journal(path, IDENTITY)

    def test_a_cut_file(self, path):
        content = filled(path, n_records=100).read_bytes()
        path.write_bytes(content[: len(content) // 2])
        for use in (lambda: Journal(path, IDENTITY), lambda: describe_journal(path)):
            with refused("is damaged", "Delete it"):
                use()

    def test_damage_after_opening(self, path):
        filled(path, n_records=100)
        with Journal(path, IDENTITY) as journal:
            journal._database.execute("PRAGMA shrink_memory")  # forgets what it has read
            path.write_bytes(path.read_bytes()[:4096].ljust(path.stat().st_size, b"\0"))
            with refused("is damaged"):
                journal.load([f"task {number}" for number in range(100)])

    @pytest.mark.parametrize(
        "part",
        [b'"number": 1', record(1).arrays["predictions"].tobytes()[:16]],
        ids=["facts", "arrays"],
    )
    def test_a_flipped_byte(self, path, part):
        content = filled(path).read_bytes()
        assert content.count(part) == 1
        path.write_bytes(content.replace(part, part[:-1] + bytes([part[-1] ^ 0x82])))
        self.assert_task_1_is_damaged(path)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE records SET header = 5, digest = 'x' WHERE key = 'task 1'",
            "UPDATE records SET (header, arrays, digest) = "
            "(SELECT header, arrays, digest FROM records WHERE key = 'task 0') "
            "WHERE key = 'task 1'",
        ],
        ids=["types", "swapped"],
    )
    def test_a_changed_record(self, path, change):
        edit(filled(path), change)
        self.assert_task_1_is_damaged(path)

    @staticmethod
    def assert_task_1_is_damaged(path):
        with Journal(path, IDENTITY) as journal:
            assert_same(journal.load(["task 0"])["task 0"], record(0))
            with refused("record of task task 1", "is damaged", "Delete it"):
                journal.load(["task 0", "task 1", "task 2"])

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE about SET value = '{' WHERE name = 'identity'",
            "UPDATE about SET value = CAST(x'22ff22' AS TEXT) WHERE name = 'identity'",
            "DELETE FROM about WHERE name = 'identity'",
            "DROP TABLE about",
        ],
    )
    def test_a_damaged_head(self, path, change):
        edit(filled(path), change)
        for use in (lambda: Journal(path, IDENTITY), lambda: describe_journal(path)):
            with refused("is damaged", "Delete it"):
                use()

    def test_a_pickle_is_not_run(self, path, monkeypatch):
        class Bomb:
            def __reduce__(self):
                return (open, (str(path) + ".run", "w"))

        write = np.lib.format.write_array
        with Journal(path, IDENTITY) as journal:
            with monkeypatch.context() as patch:
                patch.setattr(
                    np.lib.format, "write_array", lambda file, array, **_: write(file, array)
                )
                bomb = np.array([Bomb(), None], dtype=object)
                journal.save("task", Record({"values": bomb}, {}))
            assert tasks_done(path) == 1
            with refused("Object arrays cannot be loaded"):
                journal.load(["task"])
        assert not Path(str(path) + ".run").exists()


class TestOneSearchAtATime:
    def test_within_a_process(self, path):
        filled(path)
        link = path.with_name("link.sqlite")
        with contextlib.suppress(OSError, NotImplementedError):  # Windows may forbid links
            link.symlink_to(path)
        with Journal(path, IDENTITY) as journal:
            for name in (path, link if link.exists() else path):
                with refused(f"process {os.getpid()} on"):
                    Journal(name, IDENTITY)
            journal.save("task 3", record(3))
        assert len(read_all(path, n_records=4)) == 4

    def test_another_process_until_it_dies(self, path):
        with child(HOLD, path) as process:
            assert process.stdout.readline() == "ready\n"
            owner = f"process {process.pid} on {platform.node()}, since"
            with refused("in use by another search", owner, "Wait for it to end, or give another"):
                Journal(path, IDENTITY)
            assert f"running: process {process.pid} on" in describe_journal(path)
            process.kill()
            process.wait()
            assert "interrupted" in describe_journal(path)
            with Journal(path, IDENTITY) as journal:
                assert list(journal.load(["task"])) == ["task"]

    def test_a_search_that_has_not_begun_to_write(self, path):
        lock = path.with_name("search.sqlite.lock")
        with contextlib.closing(sqlite3.connect(lock, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            with refused("in use by another search. Wait"):
                Journal(path, IDENTITY)

    def test_a_failed_start_lets_go(self, path):
        filled(path)
        with refused("another search"):
            Journal(path, {"data": "x"})
        assert "interrupted" in describe_journal(path)
        assert len(read_all(path)) == 3


class TestFaults:
    def test_a_folder(self, tmp_path):
        for use in (lambda: Journal(tmp_path, IDENTITY), lambda: describe_journal(tmp_path)):
            with refused("is a folder", "a new file"):
                use()

    def test_a_missing_folder(self, tmp_path):
        with refused("missing does not exist. Create it"):
            Journal(tmp_path / "missing" / "search.sqlite", IDENTITY)

    def test_a_read_only_folder(self, read_only_folder):
        with refused("cannot be opened for writing", "you may write to"):
            Journal(read_only_folder / "search.sqlite", IDENTITY)

    def test_a_foreign_lock_file(self, path):
        path.with_name("search.sqlite.lock").write_text("mine " * 100, encoding="utf-8")
        with refused("sqlite.lock is not a journal"):
            Journal(path, IDENTITY)

    def test_another_program_holds_the_file(self, path):
        with (
            Journal(path, IDENTITY) as journal,
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            journal._database.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")
            with refused("in use by another program", "Close"):
                journal.save("task", record(1))

    def test_a_full_disk_at_the_start(self, path, monkeypatch):
        full = "PRAGMA max_page_count = 1"
        monkeypatch.setattr(_journal, "_SCHEMA", (full, *_journal._SCHEMA))
        with refused(f"{path} cannot be written", "full", "Make room"):
            Journal(path, IDENTITY)
        monkeypatch.undo()
        assert len(read_all(filled(path))) == 3

    def test_a_full_disk_is_told_once_and_may_recover(self, path):
        with Journal(path, IDENTITY) as journal:
            journal.save("before", record(1))
            full = journal._database.execute("PRAGMA page_count").fetchone()[0]
            large = Record({"values": np.ones(10_000)}, {})
            journal._database.execute(f"PRAGMA max_page_count = {full}")
            with refused("cannot be written", "full", "Make room"):
                journal.save("lost", large)
            journal.save("lost too", large)
            assert list(journal.load(["before", "lost", "lost too"])) == ["before"]

            journal._database.execute("PRAGMA max_page_count = 10000")
            journal.save("after", large)
            full = journal._database.execute("PRAGMA page_count").fetchone()[0]
            journal._database.execute(f"PRAGMA max_page_count = {full}")
            with refused("Make room"):
                journal.save("lost", large)
        with Journal(path, IDENTITY) as journal:
            assert list(journal.load(["before", "lost", "after"])) == ["before", "after"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
    def test_a_file_that_may_not_grow(self, path):
        code = """
import resource
with Journal(path, identity) as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    for number in range(1000):
        try:
            journal.save(f"task {number}", Record({"values": np.full(500, number)}, {}))
        except OSError as error:
            print(number, error, flush=True)
            break
    for number in range(5):
        journal.save("late", Record({"values": np.ones(500)}, {}))
"""
        with child(code, path) as process:
            output = process.communicate()[0]
            assert process.returncode == 0
        n_saved, message = output.split(maxsplit=1)
        assert 10 < int(n_saved) < 1000
        assert "cannot be written" in message
        assert "Make room" in message
        assert len(read_all(path, int(n_saved))) == int(n_saved)

    def test_killed_at_random_moments(self, path):
        code = """
first = int(sys.argv[4])
print("ready", flush=True)
with Journal(path, identity) as journal:
    for number in range(first, first + 100_000):
        values = np.random.default_rng(number).normal(size=(20, 2))
        journal.save(f"task {number}", Record({"predictions": values}, {"number": number}))
        print(number, flush=True)
"""
        rng = np.random.default_rng(0)
        n_saved = 0
        for _ in range(20):
            with child(code, path, n_saved) as process:
                assert process.stdout.readline() == "ready\n"
                time.sleep(rng.uniform(0.0, 0.1))
                process.kill()
                saved = process.stdout.read().split()
            n_saved = int(saved[-1]) + 1 if saved else n_saved
            with Journal(path, IDENTITY) as journal:
                found = journal.load([f"task {number}" for number in range(n_saved)])
                assert len(found) == n_saved
                # The one that was being saved may be there too.
                assert 0 <= tasks_done(path) - n_saved <= 1
        assert n_saved > 0
        for number in range(n_saved):
            assert_same(found[f"task {number}"], record(number))


class TestDescription:
    def test_every_line(self, path, monkeypatch):
        monkeypatch.setattr(_journal, "_now", lambda: "2025-03-01T12:00:00+00:00")
        monkeypatch.setattr(_journal, "_resolved", lambda path: Path(path))
        monkeypatch.chdir(path.parent)
        description = {
            "data": "49 spectra × 2151 channels",
            "tasks": 1200,
            "models": "pls, ridge, elasticnet, rf, svr, gpr, knn, xgboost",
        }
        with Journal("search.sqlite", IDENTITY, description=description) as journal:
            journal.save("task", record(1))
            running = describe_journal("search.sqlite")
            journal.finish()
        text = describe_journal("search.sqlite")
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        assert text.splitlines() == [
            "Journal search.sqlite",
            "  created     2025-03-01 12:00:00 UTC",
            "  state       finished 2025-03-01 12:00:00 UTC",
            f"  size        {size}",
            "  tasks done  1",
            "  data        49 spectra × 2151 channels",
            "  tasks       1200",
            "  models      pls, ridge, elasticnet, rf, svr, gpr, knn,",
            "              xgboost",
            "Results belong to",
            "  data    dddddddddddd…",
            "  splits  555555555555…",
            "  numpy   2.1.0",
        ]
        assert f"running: process {os.getpid()}" in running
        assert "xgboost" in running

    def test_a_resumed_search_is_not_finished(self, path):
        with Journal(path, IDENTITY, description={"tasks": 10, "best so far": "A"}) as journal:
            journal.finish()
        with Journal(path, IDENTITY, description={"tasks": 20}):
            pass
        text = describe_journal(path)
        assert "interrupted; the same search resumes it" in text
        assert "tasks        20" in text
        assert "best so far  A" in text

    def test_a_copy_without_its_lock(self, path):
        filled(path)
        path.with_name("search.sqlite.lock").unlink()
        assert "interrupted" in describe_journal(path)
        assert os.listdir(path.parent) == [path.name]

    def test_no_line_is_wider_than_60_columns(self, tmp_path):
        path = tmp_path / ("long" * 20 + ".sqlite")
        identity = IDENTITY | {"scikit-learn": "1.9.1.dev0+git20250301.abcdef"}
        with Journal(path, identity, description={"data": "word " * 50, "file": "x" * 200}):
            text = describe_journal(path)
        assert max(map(len, text.splitlines())) <= 60
        assert text.replace("\n", "").replace(" ", "").count("x" * 200) == 1

    @pytest.mark.parametrize(("exists", "message"), [(False, "does not exist"), (True, "is empty")])
    def test_nothing_to_describe(self, path, exists, message):
        if exists:
            path.touch()
        with refused(message):
            describe_journal(path)
        assert os.listdir(path.parent) == [path.name] * exists


def test_the_facts_are_plain_json(path):
    with contextlib.closing(sqlite3.connect(filled(path))) as database:
        (header,) = database.execute("SELECT header FROM records ORDER BY key").fetchone()
    assert json.loads(header) == {"key": "task 0", "names": ["predictions"], "facts": {"number": 0}}
