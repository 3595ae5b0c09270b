"""``spectral-fast demo``: a search on bundled spectra."""

import argparse

from spectral_fast.cli._calibrate import Subject, add_jobs, add_output, calibrate
from spectral_fast.cli._inputs import Commands

__all__ = ["add_parser"]

_READING = """\
from spectral_fast.datasets import load_tecator

meat = load_tecator()
spectra, target = meat.data, meat.target[:, meat.target_names.index("fat")]
"""


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser(
        "demo",
        help="run a search on bundled spectra of meat",
        description="Calibrate the fat content of 215 bundled near-infrared spectra of meat.",
    )
    add_jobs(demo)
    add_output(demo, "spectral_fast_demo")
    demo.set_defaults(run=_run, dask=None)


def _run(arguments: argparse.Namespace) -> int:
    from spectral_fast.datasets import load_tecator
    from spectral_fast.tables import SpectralTable

    meat = load_tecator()
    table = SpectralTable(
        spectra=meat.data,
        channels=list(meat.feature_names),
        axis=meat.wavelengths,
        axis_unit=meat.wavelength_unit,
        target=meat.target[:, meat.target_names.index("fat")],
        identifiers=None,
    )
    subject = Subject(
        table, target="fat", unit="%", title="Fat in meat (Tecator spectra)", reading=_READING
    )
    return calibrate(arguments, subject)
