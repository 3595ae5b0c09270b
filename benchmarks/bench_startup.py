"""Time the import and the first and later runs of ``spectral-fast demo``.

Run ``python -m benchmarks.bench_startup``. Everything happens in fresh
processes; compiled code goes to a temporary folder, so that the first run finds
no cache whatever the machine has done before.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import _timing

IMPORTS = {
    "sklearn": "import sklearn",
    "sklearn, spectral_fast": "import sklearn, spectral_fast",
    "sklearn's modules": (
        "import sklearn.cross_decomposition, sklearn.model_selection, sklearn.preprocessing"
    ),
    "sklearn's modules, spectral_fast's modules": (
        "import sklearn.cross_decomposition, sklearn.model_selection, sklearn.preprocessing, "
        "spectral_fast.cross_decomposition, spectral_fast.datasets, "
        "spectral_fast.model_selection, spectral_fast.preprocessing"
    ),
}

COUNT_COMPILATIONS = """
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    import spectral_fast.cross_decomposition, spectral_fast.datasets, spectral_fast.kernels
    import spectral_fast.model_selection, spectral_fast.preprocessing
print(len(recorder.buffer))
"""

DEMO = "from spectral_fast.cli import main; raise SystemExit(main())"
N_WARM_RUNS = 3


def run(code: str, *arguments: str, cache: str) -> str:
    """Run `code` in a fresh process that keeps compiled functions in `cache`."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout


def bench_import(budget: float) -> dict[str, np.ndarray]:
    """Time imports, each in a fresh process that also has to start Python."""
    with tempfile.TemporaryDirectory() as cache:
        calls = {
            name: lambda statement=statement: run(statement, cache=cache)
            for name, statement in IMPORTS.items()
        }
        return _timing.time_calls(calls, budget)


def count_compilations() -> int:
    """Count what Numba compiles while all of spectral_fast is imported."""
    with tempfile.TemporaryDirectory() as cache:
        return int(run(COUNT_COMPILATIONS, cache=cache))


def bench_demo() -> dict[str, list[float]]:
    """Time the demo with an empty cache, then with the one that this left."""
    with tempfile.TemporaryDirectory() as folder:
        cache = str(Path(folder, "cache"))
        seconds = []
        for i in range(1 + N_WARM_RUNS):
            start = time.perf_counter()
            run(DEMO, "demo", "--out", str(Path(folder, f"out{i}")), cache=cache)
            seconds.append(time.perf_counter() - start)
    return {"first run": seconds[:1], "warm cache": seconds[1:]}


def main() -> None:
    parser = _timing.argument_parser("bench_startup", __doc__)
    parser.add_argument("--budget", type=float, default=30.0, metavar="SECONDS", help="for imports")
    arguments = parser.parse_args()

    seconds = bench_import(arguments.budget)
    imports = _timing.summarise("import", seconds, ["sklearn"])
    over_sklearn = _timing.quartiles(seconds["sklearn, spectral_fast"] - seconds["sklearn"])
    print(f"### Import\n\n{_timing.markdown_table(imports)}\n", flush=True)
    print(
        "`import spectral_fast` adds {median:.3f} s ({q25:.3f} to {q75:.3f}) "
        "to `import sklearn`.".format(**over_sklearn)
    )
    compilations = count_compilations()
    print(f"Importing every module compiles {compilations} functions.\n", flush=True)
    demo = bench_demo()
    print("### `spectral-fast demo`\n\n| run | seconds |\n| --- | --- |")
    for name, runs in demo.items():
        print(f"| {name} | {', '.join(f'{each:.1f}' for each in runs)} |")
    _timing.publish(
        arguments.json,
        imports=imports,
        import_over_sklearn=over_sklearn,
        compilations_at_import=compilations,
        demo=demo,
    )


if __name__ == "__main__":
    main()
