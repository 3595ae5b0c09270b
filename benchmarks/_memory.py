"""Peak memory of row-wise functions, each measured in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import spectral_fast
from benchmarks._rows import ROW_OPERATIONS

# Not `resource.getrusage`: its peak includes that of the process that started this one.
STATUS = Path("/proc/self/status")


def excess_memory(n_samples: int, n_channels: int) -> dict[str, float] | None:
    """Measure the peak memory of each row-wise function above input and output.

    Parameters
    ----------
    n_samples, n_channels : int
        Size of the float64 spectra. They must be larger than what Python and
        the compiler hold, a few hundred megabytes.

    Returns
    -------
    excess : dict from name to float, or None
        Bytes at the peak beyond input and output, as a fraction of the two.
        None on systems other than Linux.
    """
    if not STATUS.exists():
        return None
    return {
        name: float(
            subprocess.run(
                [sys.executable, "-m", "benchmarks._memory", name, str(n_samples), str(n_channels)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        )
        for name in _calls()
    }


def _calls() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    calls: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    for name, operation in ROW_OPERATIONS.items():
        calls[f"{name}, spectral_fast"] = operation.transformer
        calls[f"{name}, spectral_fast kernel"] = operation.kernel
        for other_name, other in operation.others.items():
            calls[f"{name}, {other_name}"] = other
    return calls


def resident(field: str) -> int:
    """Return the bytes of memory in use now (VmRSS) or at the peak (VmHWM)."""
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return 1024 * int(kilobytes)


def _main(name: str, n_samples: int, n_channels: int) -> None:
    spectral_fast.warm_up()
    call = _calls()[name]
    X = np.random.default_rng(0).random((n_samples, n_channels))
    before = resident("VmRSS")
    out = call(X)
    excess = resident("VmHWM") - before - out.nbytes
    print(excess / (X.nbytes + out.nbytes))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
