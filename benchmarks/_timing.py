"""Interleaved timing of functions that do the same work."""

import argparse
import datetime
import gc
import importlib.metadata
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np
import threadpoolctl

MIN_ROUNDS = 5
MAX_ROUNDS = 200
#: Shorter calls are repeated until one sample takes this long, in seconds.
MIN_SAMPLE = 20e-3
#: Pause before each sample, in seconds: OpenBLAS threads spin this long after
#: their work is done, and would take cores from whatever is timed next.
PAUSE = 0.1

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "chemotools", "ikpls", "pls4all")


def time_calls(calls: Mapping[str, Callable[[], Any]], budget: float) -> dict[str, np.ndarray]:
    """Time each call once a round, so that a slow moment of the machine hits all of them.

    Times are warm: before each sample the machine comes to rest, and the same
    calls run without the clock.

    Parameters
    ----------
    calls : mapping from name to callable without arguments
        Functions that do the same work.
    budget : float
        Seconds to spend. Decides the number of rounds, between `MIN_ROUNDS` and
        `MAX_ROUNDS`.

    Returns
    -------
    seconds : dict from name to ndarray of shape (n_rounds,)
        Seconds per call in each round.
    """
    names = list(calls)
    once = {name: _sample(calls[name], 1) for name in names}
    loops = {name: math.ceil(MIN_SAMPLE / once[name]) for name in names}
    round_seconds = sum(PAUSE + 2 * loops[name] * once[name] for name in names)
    n_rounds = min(max(int(budget / round_seconds), MIN_ROUNDS), MAX_ROUNDS)
    seconds = {name: np.empty(n_rounds) for name in names}
    for i in range(n_rounds):
        first = i % len(names)  # each call follows each other one as often
        for name in names[first:] + names[:first]:
            seconds[name][i] = _sample(calls[name], loops[name])
    return seconds


def _sample(call: Callable[[], Any], loops: int) -> float:
    """Return the mean seconds of `loops` warm calls, without garbage collection."""
    time.sleep(PAUSE)
    for _ in range(loops):
        call()
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(loops):
            call()
        return (time.perf_counter() - start) / loops
    finally:
        if collecting:
            gc.enable()


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Return the median and the lower and upper quartile."""
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75])
    return {"median": float(median), "q25": float(q25), "q75": float(q75)}


def summarise(
    case: str, seconds: Mapping[str, np.ndarray], references: Iterable[str]
) -> list[dict[str, Any]]:
    """Make one record a call: its seconds, and their ratio to each reference's.

    A ratio is taken within a round, where both sides met the same machine.
    """
    return [
        {
            "case": case,
            "call": name,
            "rounds": len(sample),
            "seconds": quartiles(sample),
            "ratio": {each: quartiles(sample / seconds[each]) for each in references},
        }
        for name, sample in seconds.items()
    ]


def markdown_table(records: list[dict[str, Any]]) -> str:
    """Format the records of one operation: median and quartiles of times and ratios."""
    references = list(records[0]["ratio"])
    header = ["size", "call", "time", "quartiles", *(f"time / {each}" for each in references)]
    lines = [header, ["---"] * len(header)]
    for record in records:
        seconds = record["seconds"]
        lines.append(
            [
                record["case"],
                record["call"],
                format_seconds(seconds["median"]),
                f"{format_seconds(seconds['q25'])} to {format_seconds(seconds['q75'])}",
                *(
                    "1"
                    if record["call"] == reference
                    else f"{ratio['median']:.2f} ({ratio['q25']:.2f} to {ratio['q75']:.2f})"
                    for reference, ratio in record["ratio"].items()
                ),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_seconds(seconds: float) -> str:
    """Format a duration to three digits with a fitting unit."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} µs"


def environment() -> dict[str, Any]:
    """Describe the machine, the versions and the threads of this process."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "numba_threads": numba.get_num_threads(),
        "threading_layer": _threading_layer(),
        "blas": sorted(
            f"{each['internal_api']} {each['version']}, {each['num_threads']} threads"
            for each in threadpoolctl.threadpool_info()
            if each["user_api"] == "blas"
        ),
    }


def markdown_environment(described: Mapping[str, Any]) -> str:
    """Format what `environment` returns as a list."""
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return "\n".join(
        [
            f"- {described['date']}; {described['processor']}, {described['cores']} cores; "
            f"{described['system']}",
            f"- Python {described['python']}, {versions}",
            f"- Numba: {described['numba_threads']} threads, layer {described['threading_layer']}; "
            f"BLAS: {'; '.join(described['blas'])}",
        ]
    )


def argument_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Make the parser of a benchmark's command line."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results here")
    return parser


def publish(path: Path | None, **results: Any) -> None:
    """Print what the results were measured on, and write both to `path` if there is one."""
    described = environment()
    print(f"\n### Measured on\n\n{markdown_environment(described)}")
    if path is not None:
        content = json.dumps({"environment": described} | results, indent=2, ensure_ascii=False)
        path.write_text(content + "\n", encoding="utf-8")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _threading_layer() -> str:
    try:
        return numba.threading_layer()
    except ValueError:  # nothing has run in parallel
        return "not started"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
