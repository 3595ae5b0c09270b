"""``spectral-fast predict``: predictions of new spectra, and whether to trust them."""

import argparse
import sys
from pathlib import Path

from spectral_fast.cli._inputs import Commands, check_not_input, input_errors, plain_warnings

__all__ = ["add_parser"]


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    predict = commands.add_parser(
        "predict",
        help="predict new spectra with a model that a search wrote",
        description="Predict new spectra. Where the model is PLS, the columns T2 (Hotelling's) "
        "and Q (residual) tell how far a spectrum is from those of the calibration, within the "
        "model and beside it; 'outside' names the one whose limit, which 1 % of good spectra "
        "exceed, is passed. A model file is a Python pickle and can run any code: use only files "
        "from people you trust.",
    )
    predict.add_argument("model", type=Path, metavar="MODEL", help="model.spectral of a search")
    predict.add_argument("file", type=Path, metavar="FILE", help="table of spectra, CSV or Parquet")
    predict.add_argument("--id", metavar="COLUMN", help="column that names the samples")
    predict.add_argument("--out", type=Path, metavar="CSV", help="file to write (default: screen)")
    predict.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with input_errors():
        import pandas as pd

        from spectral_fast._files import check_place, replacing
        from spectral_fast.persistence import align, load_model
        from spectral_fast.report import distances
        from spectral_fast.tables import read_table

        if arguments.out is not None:
            check_place(arguments.out)
            check_not_input(arguments.out, [arguments.model, arguments.file])
        model = load_model(arguments.model)
        with plain_warnings():
            table = read_table(arguments.file, identifier=arguments.id)
        spectra = align(model, table)
    print(table.summary, file=sys.stderr)  # apart from the results
    names = (
        {"row": range(len(spectra))} if arguments.id is None else {arguments.id: table.identifiers}
    )
    target = f"predicted {model.meta['target']}"
    predictions = pd.DataFrame({**names, target: model.pipeline.predict(spectra).ravel()})
    if model.meta["domain"]:
        judged = distances(model.pipeline, spectra, model.meta["domain"])
        predictions = predictions.join(judged)
        _tell_outside(int((judged["outside"] != "").sum()), len(judged))
    else:
        print(
            "This model has no Hotelling's T2 and Q residuals, so spectra unlike those of the "
            "calibration are not found. A search with --models pls gives one that has.",
            file=sys.stderr,
        )
    if arguments.out is None:
        print(predictions.to_csv(index=False, lineterminator="\n"), end="")
        return 0
    with input_errors((OSError,)), replacing(arguments.out) as staged:
        predictions.to_csv(staged, index=False, encoding="utf-8")
    print(arguments.out)
    return 0


def _tell_outside(count: int, total: int) -> None:
    if count:
        print(
            f"{count} of {total} spectra are unlike those of the calibration (column 'outside'): "
            "check them before you trust their predictions.",
            file=sys.stderr,
        )
