"""The files that a search leaves in its folder."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spectral_fast.cli._calibrate import Subject
    from spectral_fast.model_selection import SpectralSearchCV

__all__ = ["OUTPUTS", "RESULTS", "staged", "write_outputs"]

RESULTS = "results.csv"
MODEL = "model.spectral"
COEFFICIENTS = "coefficients.csv"
SCRIPT = "rebuild.py"
REPORT = "report.html"
#: The files of an output folder that a search writes and replaces. It touches no other.
OUTPUTS = (RESULTS, MODEL, COEFFICIENTS, SCRIPT, REPORT)

#: Figures of merit that go into the model file, where there are such.
_FIGURES = (
    *("rmsecv", "rmsecv_se", "r2", "rpd", "bias", "mae", "mae_se"),
    *("accuracy", "balanced_accuracy", "roc_auc", "log_loss"),
)


def write_outputs(
    folder: Path, search: "SpectralSearchCV", subject: "Subject", command: str
) -> str:
    """Write the files of a search; return what the user should know about a missing one."""
    from spectral_fast.persistence import save_model
    from spectral_fast.report import (
        calibration_domain,
        rebuild_script,
        regression_vector,
        write_report,
    )

    table = subject.table
    # Seconds differ from run to run; everything else is to be the same.
    results = search.results_.drop(columns="seconds").assign(
        params=[json.dumps(params, default=str) for params in search.results_["params"]]
    )
    results.to_csv(folder / RESULTS, index=False, encoding="utf-8", lineterminator="\n")
    best = results.iloc[0]
    save_model(
        folder / MODEL,
        search.best_estimator_,
        channels=table.channels,
        axis=table.axis,
        axis_unit=table.axis_unit,
        target=f"{subject.target} ({subject.unit})" if subject.unit else subject.target,
        figures_of_merit={name: float(best[name]) for name in _FIGURES if name in best},
        domain=calibration_domain(search, table.spectra, table.target),
    )
    vector = regression_vector(search.best_estimator_, table.spectra)
    if vector is not None and len(vector.coefficients) == len(table.channels):
        coefficients = vector.to_frame(table.channels)
        coefficients.to_csv(folder / COEFFICIENTS, index=False, encoding="utf-8")
    script = rebuild_script(search, subject.reading)
    (folder / SCRIPT).write_text(script, encoding="utf-8", newline="\n")
    try:
        write_report(
            search,
            table.spectra,
            table.target,
            folder / REPORT,
            title=subject.title,
            axis=table.axis,
            axis_label=table.axis_label,
            target_name=subject.target,
            target_unit=subject.unit,
            command=command,
        )
    except ModuleNotFoundError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give an empty folder; its files move to `out` once all of them are written.

    Files in `out` that an earlier search wrote and this one does not are removed,
    so that the folder describes one search.
    """
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    folder = existing / f".{out.name}.{os.getpid()}.part"
    try:
        folder.mkdir()
    except OSError as error:
        reason = (
            f"{existing} cannot be written to" if existing.is_dir() else f"{existing} is a file"
        )
        raise OSError(f"{reason}. Name another folder with --out.") from error
    try:
        yield folder
        out.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            if (folder / name).exists():
                (folder / name).replace(out / name)
            else:
                (out / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
