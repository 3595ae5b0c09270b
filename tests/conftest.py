"""What tests of several files ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def read_only_folder(tmp_path):
    """Return a folder that this user cannot write to."""
    tmp_path.chmod(0o500)
    folder = tmp_path
    if os.access(folder, os.W_OK):  # root may write anywhere but into the kernel's files
        folder = Path("/proc")
    if not folder.is_dir():
        pytest.skip("no folder is read-only to this user")
    yield folder
    tmp_path.chmod(0o700)
