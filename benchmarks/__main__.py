"""Print every table, and keep it as Markdown, JSON and pictures.

``python -m benchmarks`` takes about a quarter of an hour on two cores; ``--only`` picks tables.
Each table is one module, which takes options of its own: more sizes, more rounds, one's own data.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

#: The modules, with options that keep all of them together within that time.
TABLES = {
    "kernels": ["--sizes", "small", "--budget", "1"],
    "pls": ["--budget", "1"],
    "forest": ["--sizes", "small", "--budget", "1"],
    "gram": ["--sizes", "small", "--budget", "1"],
    "selection": ["--budget", "1"],
    "search": ["--tables", "quick", "quick, SPA, UVE, UVE-SPA", "--sampled", "1"],
    # Threads of LightGBM wait for each other, for minutes.
    "boosting": ["--libraries", "xgboost", "--data", "Tecator", "--scale", "0.5", "--rounds", "1"],
    "startup": ["--budget", "5"],
    "scaling": ["--budget", "0.5"],
}


def run(name: str, options: list[str], folder: Path) -> bool:
    """Print one table and keep it; return whether nothing went wrong."""
    command = [sys.executable, "-m", f"benchmarks.bench_{name}", *options]
    command += ["--json", str(folder / f"{name}.json")]
    if name == "scaling":
        command += ["--plots", str(folder)]
    print(f"\n## {name}\n", flush=True)
    with (
        (folder / f"{name}.md").open("w", encoding="utf-8") as kept,
        subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process,
    ):
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            print(line, end="", flush=True)
            kept.write(line)
    return process.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("benchmark_results"),
        metavar="FOLDER",
        help="where the results are kept (default: benchmark_results)",
    )
    parser.add_argument("--data", metavar="FILE", help="spectra for the searches")
    parser.add_argument("--target", metavar="NAME", help="the column of it to predict")
    arguments = parser.parse_args()
    if (arguments.data is None) != (arguments.target is None):
        parser.error("--data and --target belong together")
    arguments.out.mkdir(parents=True, exist_ok=True)

    failed = []
    start = time.perf_counter()
    for name in arguments.only:
        options = TABLES[name]
        if name == "search" and arguments.data is not None:
            options = [*options, "--data", arguments.data, "--target", arguments.target]
        if not run(name, options, arguments.out):
            failed.append(name)
    minutes = (time.perf_counter() - start) / 60
    print(f"\n{len(arguments.only)} tables in {minutes:.1f} minutes, kept in {arguments.out}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
