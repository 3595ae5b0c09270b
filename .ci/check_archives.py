"""Check a built wheel and source archive: they hold what the repository holds, and say so.

python .ci/check_archives.py FOLDER
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

#: What a source archive has beside the package.
_IN_SOURCE = ("benchmarks/", "docs/", "tests/", "CHANGELOG.md", "CITATION.cff", "LICENSE", "README")


def main(folder: Path) -> None:
    """Exit with a message where a file is missing, or one too many."""
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    tracked = set(subprocess.check_output(["git", "ls-files"], text=True).splitlines())
    package = {name for name in tracked if name.startswith("spectral_fast/")}

    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        Metadata.from_email(archive.read(metadata), validate=True)
    if names != package:
        sys.exit(f"{wheel.name} differs from the repository in {sorted(names ^ package)}")

    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = {name for name in tracked if name.startswith(_IN_SOURCE)} | package
    if missing - names:
        sys.exit(f"{source.name} lacks {sorted(missing - names)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
