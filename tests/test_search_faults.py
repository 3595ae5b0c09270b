"""What goes wrong costs a search as little as it can: processes that die, disks, Ctrl-C."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sklearn.linear_model import BayesianRidge

from spectral_fast.model_selection import SpectralSearchCV
from spectral_fast.model_selection._journal import JournalError, describe_journal
from tests.spectra import mixtures

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and limits of POSIX")

ROOT = Path(__file__).parents[1]
N_MODELS, N_FOLDS = 12, 3
N_TASKS = N_MODELS * N_FOLDS


class Counted(BayesianRidge):
    """Writes a line into a file for each of its fits in a fold."""

    #: So many that the search expects hours, and gives each fit a task of its own.
    n_estimators = 10**9

    def __init__(self, file=None, *, alpha_1=1e-6, seconds=0.0):
        super().__init__(alpha_1=alpha_1)
        self.file = file
        self.seconds = seconds

    def fit(self, X, y):
        if len(y) < len(mixtures()[1]):  # in a fold
            with open(self.file, "a") as file:
                file.write(f"{self.alpha_1} {y.sum()!r}\n")
        time.sleep(self.seconds)
        return super().fit(X, y)


def search_in(folder, *, n_jobs=1, seconds=0.0, **parameters):
    """Return a fitted search whose fits and journal are in a folder."""
    models = {
        f"model {k}": Counted(folder / "fits", alpha_1=10.0**-k, seconds=seconds)
        for k in range(N_MODELS)
    }
    search = SpectralSearchCV(
        models, "raw", cv=N_FOLDS, n_jobs=n_jobs, journal=folder / "journal", **parameters
    )
    return search.fit(*mixtures())


def csv(search):
    return search.results_.drop(columns="seconds").to_csv()


def fits_in(folder):
    """Return how often each fit was begun."""
    return Counter((folder / "fits").read_text().splitlines())


@pytest.fixture
def expected(tmp_path):
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    return csv(search_in(folder))


@pytest.fixture(scope="module")
def processes():
    """Return what starts processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


class TestKilled:
    """By SIGKILL, the whole process."""

    def test_twenty_times_at_random_moments(self, tmp_path, processes, expected):
        moments = random.Random(0)
        n_killed = 0
        for _ in range(20):
            options = {"seconds": 0.02}
            process = processes.Process(target=search_in, args=(tmp_path,), kwargs=options)
            process.start()
            process.join(moments.uniform(0.05, 0.25))
            process.kill()
            process.join()
            n_killed += process.exitcode == -signal.SIGKILL
        search = search_in(tmp_path, seconds=0.02)
        assert csv(search) == expected
        assert n_killed > 0
        # A task at a time is in flight. Nothing else is done twice.
        fits = fits_in(tmp_path)
        assert len(fits) == N_TASKS
        assert N_TASKS <= fits.total() <= N_TASKS + n_killed


def child(folder, code):
    """Start a search in a process group of its own, as a terminal has it."""
    code = f"""
from pathlib import Path
from tests.test_search_faults import csv, search_in
import signal, warnings
warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
folder = Path({str(folder)!r})
{code}
"""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_fits(folder, count):
    for _ in range(6000):
        with contextlib.suppress(FileNotFoundError):
            if fits_in(folder).total() >= count:
                return
        time.sleep(0.02)
    pytest.fail(f"no {count} fits in {folder}")


class TestInterrupted:
    """By Ctrl-C in the terminal, which all processes of the group get."""

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_returns_what_is_done_and_resumes(self, tmp_path, expected, n_jobs):
        code = f"""
search = search_in(folder, n_jobs={n_jobs}, seconds=0.1)
print(search.stopped_)
print(search.results_.error.tolist())
"""
        with child(tmp_path, code) as process:
            wait_for_fits(tmp_path, 10)
            os.killpg(process.pid, signal.SIGINT)
            output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        stopped, found = output.splitlines()
        assert stopped == "interrupted"
        assert 0 < found.count("None") < N_MODELS
        assert found.count("'not evaluated: interrupted'") == N_MODELS - found.count("None")
        assert "interrupted; the same search resumes it" in describe_journal(tmp_path / "journal")
        assert csv(search_in(tmp_path, seconds=0.1)) == expected
        fits = fits_in(tmp_path)
        assert len(fits) == N_TASKS
        assert fits.total() <= N_TASKS + 2 * n_jobs  # those in flight, and those sent ahead


class TestJournal:
    def test_full_disk(self, tmp_path, expected):
        code = """
import resource
warnings.simplefilter("always")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
print(csv(search_in(folder)))
"""
        with child(tmp_path, code) as process:
            output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert output.strip() == expected.strip()
        assert errors.count("Make room on the disk") == 1
        assert csv(search_in(tmp_path)) == expected
        assert len(fits_in(tmp_path)) == N_TASKS
        assert fits_in(tmp_path).total() < 2 * N_TASKS

    def test_read_only_folder(self, read_only_folder):
        with pytest.raises(JournalError, match="cannot be opened for writing"):
            SpectralSearchCV(["ridge"], "raw", journal=read_only_folder / "journal").fit(
                *mixtures()
            )

    def test_damaged(self, tmp_path):
        search_in(tmp_path)
        fits = fits_in(tmp_path)
        journal = tmp_path / "journal"
        content = bytearray(journal.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 4096] = bytes(4096)
        journal.write_bytes(content)
        with pytest.raises(JournalError, match=r"(?s)damaged .* Delete it, or restore a copy"):
            search_in(tmp_path)
        assert fits_in(tmp_path) == fits
        assert journal.read_bytes() == content
