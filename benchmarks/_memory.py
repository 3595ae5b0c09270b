"""Peak memory of row-wise functions, each measured in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

import spectral_fast
from benchmarks._rows import ROW_OPERATIONS

#: Input and one output, nothing else: what every other peak is compared with.
FLOOR = "np.copyto"


def excess_memory(n_samples: int, n_channels: int) -> dict[str, float] | None:
    """Measure the peak memory of each row-wise function above input and output.

    Parameters
    ----------
    n_samples, n_channels : int
        Size of the float64 spectra. The larger, the less the measurement is
        disturbed by what Python and the compiler hold.

    Returns
    -------
    excess : dict from name to float, or None
        Bytes above the peak of a process that holds input and output, as a
        fraction of input and output. None where the system does not tell.
    """
    if resource is None:
        return None
    sizes = (str(n_samples), str(n_channels))
    peaks = {
        name: int(
            subprocess.run(
                [sys.executable, "-m", "benchmarks._memory", name, *sizes],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        )
        for name in _calls()
    }
    input_and_output = 2 * 8 * n_samples * n_channels
    floor = peaks.pop(FLOOR)
    return {name: (peak - floor) / input_and_output for name, peak in peaks.items()}


def _calls() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    calls: dict[str, Callable[[np.ndarray], np.ndarray]] = {FLOOR: _floor}
    for name, operation in ROW_OPERATIONS.items():
        calls[f"{name}, spectral_fast"] = operation.transformer
        calls[f"{name}, spectral_fast kernel"] = operation.kernel
        for other_name, other in operation.others.items():
            calls[f"{name}, {other_name}"] = other
    return calls


def _floor(X: np.ndarray) -> np.ndarray:
    out = np.empty_like(X)
    np.copyto(out, X)
    return out


def _peak() -> int:
    """Return the largest resident memory of this process until now, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage's figure includes the parent's peak
        lines = status.read_text(encoding="utf-8").splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(kilobytes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _main(name: str, n_samples: int, n_channels: int) -> None:
    spectral_fast.warm_up()
    X = np.random.default_rng(0).random((n_samples, n_channels))
    _calls()[name](X)
    print(_peak())


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
