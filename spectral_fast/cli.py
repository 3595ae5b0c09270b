"""The command line: ``spectral-fast search | predict | demo | info``.

Exit codes: 0 done, 2 bad input (one message on stderr), 130 interrupted.
Nothing but the standard library is imported before the arguments are parsed.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectral_fast import __version__

if TYPE_CHECKING:
    from spectral_fast.model_selection import SpectralSearchCV
    from spectral_fast.tables import SpectralTable

__all__ = ["main"]

RESULTS = "results.csv"
MODEL = "model.spectral"
COEFFICIENTS = "coefficients.csv"
REPORT = "report.html"
#: The files of an output folder that a search writes and replaces. It touches no other.
OUTPUTS = (RESULTS, MODEL, COEFFICIENTS, REPORT)

#: The names that `SpectralSearchCV` knows, here without importing it.
PREPROCESSING = ("raw", "snv", "msc", "sg0", "sg1", "sg2")
MODELS = ("pls", "ridge", "svr", "random_forest")

_CORE = ("numpy", "scipy", "scikit-learn", "pandas", "numba", "joblib")
_EXTRAS = {
    "boosting": ("xgboost", "lightgbm", "catboost"),
    "report": ("matplotlib", "jinja2"),
    "parquet": ("pyarrow",),
    "dask": ("distributed",),
}


class InputError(Exception):
    """What the user gave cannot be used; the message says why and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments after the program's name; None takes those of the process.

    Returns
    -------
    code : int
        Exit code: 0 done, 2 bad input, 130 interrupted.

    Examples
    --------
    >>> from spectral_fast.cli import main
    >>> main(["predict", "no.spectral", "no.csv"])
    2
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    arguments = parser.parse_args(argv)
    paths = {value for value in vars(arguments).values() if isinstance(value, Path)}
    arguments.command_line = shlex.join([parser.prog, *_without_folders(argv, paths)])
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the program that reads the output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except InputError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted, nothing was written", file=sys.stderr)
        return 130
    return 0


def _without_folders(argv: Iterable[str], paths: Iterable[Path]) -> Iterator[str]:
    """Shorten the paths of a command line to their names, for those who get the report."""
    for argument in argv:
        option, equals, value = (
            argument.partition("=") if argument.startswith("--") else ("", "", argument)
        )
        name = Path(value).name if value and Path(value) in paths else ""
        yield f"{option}{equals}{name or value}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spectral-fast",
        description="Find the best calibration for your spectra, and predict with it.",
    )
    parser.add_argument("--version", action="version", version=f"spectral_fast {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    search = commands.add_parser(
        "search",
        help="find the best preprocessing and model for a table of spectra",
        description="Cross-validate every preprocessing with every model and keep the best. The "
        "table is CSV or Parquet, one sample a row; columns whose names are numbers (850, "
        "'900 nm', '1000 cm-1') are the channels, other columns than the target are ignored.",
    )
    search.add_argument("file", type=Path, metavar="FILE", help="table of spectra")
    search.add_argument("--target", required=True, metavar="NAME", help="column to predict")
    search.add_argument(
        "--preprocessing",
        nargs="+",
        type=_chain,
        default=("raw", "snv", "sg1", "snv+sg1"),
        metavar="NAME",
        help="raw, snv, msc, sg0, sg1, sg2 (Savitzky-Golay smoothing, first and second "
        "derivative), or chains such as snv+sg1 (default: raw snv sg1 snv+sg1)",
    )
    search.add_argument(
        "--models",
        nargs="+",
        choices=MODELS,
        default=("pls", "ridge"),
        metavar="NAME",
        help=f"{', '.join(MODELS)} (default: pls ridge)",
    )
    search.add_argument(
        "--cv",
        type=_whole_number("from 2", lambda number: number >= 2),
        default=5,
        metavar="K",
        help="folds (default: 5)",
    )
    search.add_argument(
        "--seed",
        type=_whole_number("from 0 to 4294967295", lambda number: 0 <= number < 2**32),
        default=0,
        help="seed of the folds (default: 0)",
    )
    search.add_argument("--title", help="heading of the report")
    _add_common(search, "spectral_fast_results")
    search.set_defaults(run=_run_search)

    predict = commands.add_parser(
        "predict",
        help="predict new spectra with a model that a search wrote",
        description="Predict new spectra. A model file is a Python pickle and can run any code: "
        "use only files from people you trust.",
    )
    predict.add_argument("model", type=Path, metavar="MODEL", help="model.spectral of a search")
    predict.add_argument("file", type=Path, metavar="FILE", help="table of spectra, CSV or Parquet")
    predict.add_argument("--id", metavar="COLUMN", help="column that names the samples")
    predict.add_argument("--out", type=Path, metavar="CSV", help="file to write (default: screen)")
    predict.set_defaults(run=_run_predict)

    demo = commands.add_parser(
        "demo",
        help="run a search on bundled spectra of meat",
        description="Calibrate the fat content of 215 bundled near-infrared spectra of meat.",
    )
    _add_common(demo, "spectral_fast_demo")
    demo.set_defaults(run=_run_demo)

    info = commands.add_parser("info", help="show versions, threads and folders")
    info.set_defaults(run=_run_info)
    return parser


def _add_common(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        "--jobs",
        type=_whole_number(
            "from 1, or -1 for all cores", lambda number: number > 0 or number == -1
        ),
        default=1,
        metavar="N",
        help="processes; -1: all cores (default: 1)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(out),
        metavar="DIR",
        help=f"folder for {', '.join(OUTPUTS)} (default: {out})",
    )


def _chain(text: str) -> str:
    steps = [step.strip() for step in text.split("+")]
    if not set(steps) <= set(PREPROCESSING):
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(PREPROCESSING)} or a chain of them such as snv+sg1; "
            f"got {text!r}"
        )
    return "+".join(steps)


def _whole_number(rule: str, follows: Callable[[int], bool]) -> Callable[[str], int]:
    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if follows(number := int(text)):
                return number
        raise argparse.ArgumentTypeError(f"must be a whole number {rule}; got {text!r}")

    return parse


# --- search and demo ------------------------------------------------------------------


def _run_search(arguments: argparse.Namespace) -> None:
    from spectral_fast.tables import read_table, split_unit

    with _input_errors():
        _refuse_repeated("--preprocessing", arguments.preprocessing)
        _refuse_repeated("--models", arguments.models)
        for name in OUTPUTS:
            _check_not_input(arguments.out / name, [arguments.file])
        table = read_table(arguments.file, target=arguments.target)
        if arguments.cv > len(table.spectra):
            raise ValueError(
                f"--cv must be at most the number of samples; got {arguments.cv}, and "
                f"{arguments.file} has {len(table.spectra)}. Use fewer folds, or add samples."
            )
    print(table.summary, file=sys.stderr)  # apart from the results
    name, unit = split_unit(arguments.target)
    _calibrate(
        arguments,
        table,
        target=name,
        unit=unit,
        title=arguments.title or f"Calibration of {name}",
        preprocessing=arguments.preprocessing,
        models=arguments.models,
        cv=arguments.cv,
        random_state=arguments.seed,
    )


def _run_demo(arguments: argparse.Namespace) -> None:
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
    _calibrate(arguments, table, target="fat", unit="%", title="Fat in meat (Tecator spectra)")


def _calibrate(
    arguments: argparse.Namespace,
    table: "SpectralTable",
    *,
    target: str,
    unit: str,
    title: str,
    **search_parameters: Any,
) -> None:
    from sklearn.exceptions import FitFailedWarning

    from spectral_fast.model_selection import SpectralSearchCV
    from spectral_fast.report import ranking_text

    search = SpectralSearchCV(
        **search_parameters, n_jobs=arguments.jobs, progress=sys.stderr.isatty()
    )
    # The folder comes first: a search of an hour should not end at one that cannot be.
    with _input_errors((OSError,)), _staged(arguments.out) as folder:
        with _input_errors(), _plain_warnings():
            # The ranking says how many candidates failed.
            warnings.simplefilter("ignore", FitFailedWarning)
            search.fit(table.spectra, table.target)
        remark = _write_outputs(folder, search, table, target, unit, title, arguments.command_line)
        written = [name for name in OUTPUTS if (folder / name).exists()]
    print(ranking_text(search.results_))
    failed = int(search.results_["rmsecv"].isna().sum())
    if failed:
        print(f"{failed} of {len(search.results_)} candidates could not be fitted; see {RESULTS}.")
    print()
    for name in written:
        print(arguments.out / name)
    if remark:
        print(remark)


def _write_outputs(
    folder: Path,
    search: "SpectralSearchCV",
    table: "SpectralTable",
    target: str,
    unit: str,
    title: str,
    command: str,
) -> str:
    """Write the files of a search; return what the user should know about a missing one."""
    from spectral_fast.persistence import save_model
    from spectral_fast.report import regression_vector, write_report

    results = search.results_.assign(
        params=[json.dumps(params, default=str) for params in search.results_["params"]]
    )
    results.to_csv(folder / RESULTS, index=False, encoding="utf-8")
    best = results.iloc[0]
    save_model(
        folder / MODEL,
        search.best_estimator_,
        channels=table.channels,
        axis=table.axis,
        axis_unit=table.axis_unit,
        target=target,
        figures_of_merit={
            name: float(best[name]) for name in ("rmsecv", "rmsecv_se", "r2", "rpd", "bias")
        },
    )
    vector = regression_vector(search.best_estimator_, table.spectra)
    if vector is not None and len(vector.coefficients) == len(table.channels):
        coefficients = vector.to_frame(table.channels)
        coefficients.to_csv(folder / COEFFICIENTS, index=False, encoding="utf-8")
    try:
        write_report(
            search,
            table.spectra,
            table.target,
            folder / REPORT,
            title=title,
            axis=table.axis,
            axis_label=table.axis_label,
            target_name=target,
            target_unit=unit,
            command=command,
        )
    except ModuleNotFoundError as error:
        return str(error)
    return ""


# --- predict --------------------------------------------------------------------------


def _run_predict(arguments: argparse.Namespace) -> None:
    with _input_errors():
        import pandas as pd

        from spectral_fast.persistence import align, load_model, replacing
        from spectral_fast.tables import read_table

        if arguments.out is not None:
            _check_out_file(arguments.out, [arguments.model, arguments.file])
        model = load_model(arguments.model)
        table = read_table(arguments.file, identifier=arguments.id)
        spectra = align(model, table)
    print(table.summary, file=sys.stderr)  # apart from the results
    names = (
        {"row": range(len(spectra))} if arguments.id is None else {arguments.id: table.identifiers}
    )
    target = f"predicted {model.meta['target']}"
    predictions = pd.DataFrame({**names, target: model.pipeline.predict(spectra).ravel()})
    if arguments.out is None:
        print(predictions.to_csv(index=False, lineterminator="\n"), end="")
        return
    with _input_errors((OSError,)), replacing(arguments.out) as staged:
        predictions.to_csv(staged, index=False, encoding="utf-8")
    print(arguments.out)


# --- info -----------------------------------------------------------------------------


def _run_info(arguments: argparse.Namespace) -> None:
    import joblib

    from spectral_fast.kernels import get_num_threads

    layer, cache = _numba_facts()
    rows = [
        ("spectral_fast", __version__),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, metadata.version(name)) for name in _CORE),
        ("cores", str(joblib.cpu_count())),
        ("Numba threads", str(get_num_threads())),
        ("threading layer", layer),
        ("cache", cache),
        *((f"extra {name}", _presence(modules)) for name, modules in _EXTRAS.items()),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


def _numba_facts() -> tuple[str, str]:
    """Return the threading layer in use and the folder that keeps compiled code."""
    import numba
    import numpy as np

    from spectral_fast.kernels import snv

    compiled: Any = snv.parallel
    if not hasattr(compiled, "stats"):
        return "none, compilation is disabled", "none, compilation is disabled"
    compiled(np.ones((2, 3)), np.empty((2, 3)))  # the layer is chosen when first needed
    return numba.threading_layer(), compiled.stats.cache_path or "none, no folder is writable"


def _presence(modules: Sequence[str]) -> str:
    return ", ".join(
        name if importlib.util.find_spec(name) else f"{name} (not installed)" for name in modules
    )


# --- files and errors -----------------------------------------------------------------


@contextlib.contextmanager
def _input_errors(
    kinds: tuple[type[Exception], ...] = (ValueError, OSError),
) -> Iterator[None]:
    """Turn errors of these kinds into messages; by default those that input is refused with."""
    try:
        yield
    except kinds as error:
        raise InputError(" ".join(str(error).split())) from error


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings as messages, without the line of code that gives them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield
    for warning in caught:
        print("spectral-fast: warning:", *str(warning.message).split(), file=sys.stderr)


def _refuse_repeated(option: str, names: Sequence[str]) -> None:
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise ValueError(f"{option} names {repeated[0]!r} more than once. Name it once.")


def _check_out_file(out: Path, inputs: Sequence[Path]) -> None:
    if out.is_dir():
        raise IsADirectoryError(f"--out {out} is a folder. Name a file, such as {out / 'new.csv'}.")
    if not out.parent.is_dir():
        raise NotADirectoryError(f"--out {out}: there is no folder {out.parent}. Create it first.")
    _check_not_input(out, inputs)


def _check_not_input(out: Path, inputs: Sequence[Path]) -> None:
    for path in inputs:
        if out.resolve() == path.resolve():
            raise ValueError(f"{out} would replace the file it is made from. Choose another --out.")


@contextlib.contextmanager
def _staged(out: Path) -> Iterator[Path]:
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


if __name__ == "__main__":
    sys.exit(main())
