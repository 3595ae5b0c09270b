"""``spectral-fast search``: the best calibration for a table of spectra."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spectral_fast.cli._calibrate import (
    OUTPUTS,
    Subject,
    add_jobs,
    add_output,
    calibrate,
    is_new,
)
from spectral_fast.cli._inputs import (
    Commands,
    check_not_input,
    input_errors,
    plain_warnings,
    positive_number,
    whole_number,
)

if TYPE_CHECKING:
    from spectral_fast.tables import SpectralTable

__all__ = ["add_parser"]

#: The names that `SpectralSearchCV` knows, here without importing it.
GRIDS = ("basic", "quick", "standard", "thorough")
PREPROCESSING = ("raw", "snv", "msc", "sg0", "sg1", "sg2")
SELECTORS = (
    *("full", "importance", "vip", "coef", "sr", "spa"),
    *("uve", "mcuve", "uve_spa", "ipls", "cars", "random_frog", "covsel"),
)
MODELS = (
    *("pls", "ridge", "lasso", "elasticnet", "svr", "random_forest"),
    *("mlp", "knn", "gpr", "xgboost", "lightgbm", "catboost"),
)
#: Of quantities and of classes; the first is the default.
REGRESSION_SCORES = ("rmse", "mae")
CLASSIFICATION_SCORES = ("accuracy", "balanced_accuracy", "roc_auc", "log_loss")


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    search = commands.add_parser(
        "search",
        help="find the best preprocessing, channels and model for a table of spectra",
        description="Cross-validate every preprocessing with every selection of channels and "
        "every model, and keep the best. The table is CSV or Parquet, one sample a row; columns "
        "whose names are numbers (850, '900 nm', '1000 cm-1') are the channels, other columns "
        "than the target are ignored.",
    )
    search.add_argument("file", type=Path, metavar="FILE", help="table of spectra")
    search.add_argument("--target", required=True, metavar="NAME", help="column to predict")
    search.add_argument(
        "--classify",
        action="store_true",
        help="the target is a class, such as a variety, and not a quantity",
    )
    _add_grid(search.add_argument_group("what is tried"))
    _add_judging(search.add_argument_group("how candidates are judged"))
    _add_running(search.add_argument_group("how the search runs"))
    output = search.add_argument_group("what is written")
    output.add_argument("--title", help="heading of the report")
    add_output(output, "spectral_fast_results")
    search.set_defaults(run=_run)


def _add_grid(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--grid",
        choices=GRIDS,
        default="basic",
        metavar="NAME",
        help=f"preset for what the options below leave open: {', '.join(GRIDS)} (default: basic)",
    )
    group.add_argument(
        "--preprocessing",
        nargs="+",
        type=lambda chain: "+".join(step.strip() for step in chain.split("+")),
        metavar="NAME",
        help="raw, snv, msc, sg0, sg1, sg2 (Savitzky-Golay smoothing, first and second "
        "derivative; sg1w7: over 7 channels), or chains such as snv+sg1",
    )
    group.add_argument(
        "--selectors",
        nargs="+",
        choices=SELECTORS,
        metavar="NAME",
        help=f"selections of channels: {', '.join(SELECTORS)}",
    )
    group.add_argument(
        "--n-features",
        nargs="+",
        type=_n_features,
        metavar="N",
        help="numbers of channels to select; auto: the selector's own choice",
    )
    group.add_argument(
        "--models", nargs="+", choices=MODELS, metavar="NAME", help=", ".join(MODELS)
    )


def _add_judging(group: argparse._ArgumentGroup) -> None:
    folds = whole_number("from 2", lambda number: number >= 2)
    group.add_argument("--cv", type=folds, default=5, metavar="K", help="folds (default: 5)")
    group.add_argument(
        "--groups",
        metavar="COLUMN",
        help="column that says which samples belong together, such as repeats: folds keep them so",
    )
    group.add_argument(
        "--scoring",
        choices=(*REGRESSION_SCORES, *CLASSIFICATION_SCORES),
        metavar="NAME",
        help=f"what ranks candidates, of quantities: {', '.join(REGRESSION_SCORES)} (default: "
        f"{REGRESSION_SCORES[0]}); of classes: {', '.join(CLASSIFICATION_SCORES)} (default: "
        f"{CLASSIFICATION_SCORES[0]})",
    )
    group.add_argument(
        "--outer-cv",
        type=folds,
        metavar="K",
        help="repeat the whole search in K outer folds: an honest estimate of what it finds, at "
        "K times the time",
    )
    group.add_argument(
        "--selector-scope",
        choices=("fold", "all"),
        default="fold",
        help="what channels are selected on: the training samples of each fold, or, faster and "
        "optimistic, all samples (default: fold)",
    )
    group.add_argument(
        "--seed",
        type=whole_number("from 0 to 4294967295", lambda number: 0 <= number < 2**32),
        default=0,
        help="seed of the folds and models (default: 0)",
    )


def _add_running(group: argparse._ArgumentGroup) -> None:
    add_jobs(group)
    group.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="run on the Dask cluster of this scheduler, such as tcp://10.0.0.5:8786",
    )
    group.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="keep finished work in this file, so that an interrupted search can go on",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the search that wrote the --journal",
    )
    group.add_argument(
        "--time-limit",
        type=positive_number,
        metavar="SECONDS",
        help="begin nothing more after this time, and write what is done",
    )
    group.add_argument(
        "--memory-limit",
        type=positive_number,
        metavar="MIB",
        help="memory that preprocessed spectra may take at a time, in MiB",
    )


def _n_features(text: str) -> int | str:
    if text == "auto":
        return text
    return whole_number("from 1, or auto", lambda number: number >= 1)(text)


def _run(arguments: argparse.Namespace) -> int:
    from spectral_fast.tables import read_table, split_unit

    with input_errors():
        for option in ("preprocessing", "selectors", "n_features", "models"):
            _refuse_repeated(option, getattr(arguments, option) or ())
        _check_scoring(arguments)
        _check_files(arguments)
        with plain_warnings():
            table = read_table(
                arguments.file,
                target=arguments.target,
                is_class=arguments.classify,
                groups=arguments.groups,
            )
        for option in ("cv", "outer_cv"):
            _check_folds(option, getattr(arguments, option), arguments.file, table)
    print(table.summary, file=sys.stderr)  # apart from the results
    name, unit = split_unit(arguments.target)
    subject = Subject(
        table,
        target=name,
        unit=unit,
        title=arguments.title or f"Calibration of {name}",
        reading=_reading(arguments),
    )
    return calibrate(
        arguments,
        subject,
        grid=arguments.grid,
        models=arguments.models,
        preprocessing=arguments.preprocessing,
        selectors=arguments.selectors,
        n_features=arguments.n_features,
        selector_scope=arguments.selector_scope,
        cv=arguments.cv,
        outer_cv=arguments.outer_cv,
        task="classification" if arguments.classify else "regression",
        scoring=arguments.scoring,
        journal=arguments.journal,
        time_limit=arguments.time_limit,
        memory_limit=arguments.memory_limit,
        random_state=arguments.seed,
    )


def _reading(arguments: argparse.Namespace) -> str:
    """Return the code that reads the table again."""
    is_class = ", is_class=True" if arguments.classify else ""
    groups = "" if arguments.groups is None else f", groups={arguments.groups!r}"
    take_groups = "" if arguments.groups is None else "groups = table.groups\n"
    return (
        "import sys\n\n"
        "from spectral_fast.tables import read_table\n\n"
        f"path = sys.argv[1] if len(sys.argv) > 1 else {arguments.file.name!r}\n"
        f"table = read_table(path, target={arguments.target!r}{is_class}{groups})\n"
        "spectra, target = table.spectra, table.target\n"
        f"{take_groups}"
    )


def _refuse_repeated(option: str, values: Sequence[object]) -> None:
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(
            f"--{option.replace('_', '-')} names {repeated[0]!r} more than once. Name it once."
        )


def _check_scoring(arguments: argparse.Namespace) -> None:
    known = CLASSIFICATION_SCORES if arguments.classify else REGRESSION_SCORES
    if arguments.scoring not in (None, *known):
        how = "with" if arguments.classify else "without"
        raise ValueError(
            f"--scoring must be among {', '.join(known)} {how} --classify; got "
            f"{arguments.scoring!r}. Use one of these."
        )


def _check_files(arguments: argparse.Namespace) -> None:
    """Refuse to overwrite what is read, and to begin where another search may go on."""
    journal = arguments.journal
    for name in OUTPUTS:
        check_not_input(arguments.out / name, [arguments.file])
        if journal is not None and journal.resolve() == (arguments.out / name).resolve():
            raise ValueError(f"--journal {journal} is a file of results. Choose another name.")
    if arguments.resume and journal is None:
        raise ValueError("--resume needs the journal to go on with. Name it with --journal.")
    if journal is not None:
        _check_journal(journal, resume=arguments.resume)


def _check_journal(journal: Path, *, resume: bool) -> None:
    """Refuse what is no journal, and a search in it unless that is to go on."""
    from spectral_fast.model_selection._journal import describe_journal

    if resume and is_new(journal):
        fault = "is empty" if journal.exists() else "does not exist"
        raise ValueError(
            f"--resume: the journal {journal} {fault}. Name the one that the search wrote, or "
            "leave out --resume to begin."
        )
    if not is_new(journal):
        describe_journal(journal)  # raises an error that tells what is no journal
        if not resume:
            raise FileExistsError(
                f"--journal {journal} exists. Add --resume to go on with its search, or name "
                "another file to begin anew."
            )


def _check_folds(option: str, count: int | None, file: Path, table: "SpectralTable") -> None:
    what = "samples" if table.groups is None else "groups"
    most = len(table.spectra) if table.groups is None else len(set(table.groups))
    if count is not None and count > most:
        raise ValueError(
            f"--{option.replace('_', '-')} must be at most the number of {what}; got {count}, "
            f"and {file} has {most}. Use fewer folds, or add {what}."
        )
