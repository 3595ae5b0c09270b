"""Results in words and in numbers of sensible length."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

__all__ = [
    "Row",
    "bias",
    "coefficient_of_determination",
    "column",
    "describe",
    "describe_model",
    "describe_preprocessing",
    "describe_selection",
    "has_components",
    "model_name",
    "number",
    "percentage",
    "quantity",
    "rounded_to_error",
    "selector_name",
    "setting",
    "settings",
    "short_selection",
    "unit_of_errors",
]

#: A row of ``results_`` as a mapping from column to value.
Row = Mapping[Any, Any]

_MINUS = "−"

_PREPROCESSING = {
    "raw": "raw spectra",
    "snv": "SNV",
    "msc": "MSC",
    "sg0": "smoothing",
    "sg1": "first derivative",
    "sg2": "second derivative",
}
_SELECTORS = {
    "importance": "importance",
    "vip": "VIP",
    "coef": "regression coefficients",
    "sr": "selectivity ratio",
    "covsel": "CovSel",
    "spa": "SPA",
    "uve": "UVE",
    "mcuve": "MC-UVE",
    "uve_spa": "UVE-SPA",
    "ipls": "interval PLS",
    "cars": "CARS",
    "random_frog": "random frog",
}
_MODELS = {
    "pls": "PLS",
    "ridge": "ridge regression",
    "lasso": "lasso",
    "elasticnet": "elastic net",
    "svr": "support vector regression",
    "kernel_ridge": "kernel ridge regression",
    "random_forest": "random forest",
    "mlp": "neural network",
    "knn": "nearest neighbours",
    "gpr": "Gaussian process",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
}
#: The names of models that are called otherwise where they tell classes apart.
_CLASSIFIERS = {
    "pls": "PLS-DA",
    "ridge": "logistic regression",
    "lasso": "logistic regression (lasso)",
    "elasticnet": "logistic regression (elastic net)",
    "svr": "support vector machine",
}
_WITH_WINDOW = re.compile(r"(sg\d)w(\d+)")


def describe_preprocessing(chain: str) -> str:
    """Spell out a chain: ``"snv+sg1w7"`` is ``"SNV + first derivative over 7 channels"``."""
    return " + ".join(map(_describe_step, chain.split("+")))


def _describe_step(step: str) -> str:
    if with_window := _WITH_WINDOW.fullmatch(step):
        name, window = with_window.groups()
        return f"{_PREPROCESSING[name]} over {window} channels"
    return _PREPROCESSING.get(step, step)


def selector_name(name: str) -> str:
    """Spell out a selector: ``"mcuve"`` is ``"MC-UVE"``."""
    return _SELECTORS.get(name, name)


def describe_selection(row: Row) -> str:
    """Spell out the selection of channels: ``"20 channels by VIP"``, empty if there is none."""
    if row["selector"] is None:
        return ""
    count: Any = row["n_features"]
    chosen = "channels" if pd.isna(count) else f"{count} channel{'s' if count != 1 else ''}"
    return f"{chosen} by {selector_name(row['selector'])}"


def short_selection(row: Row) -> str:
    """Return the selection of channels for a table cell: ``"20 by VIP"``, or ``"all"``."""
    if row["selector"] is None:
        return "all"
    count: Any = row["n_features"]
    return f"{'' if pd.isna(count) else f'{count} '}by {selector_name(row['selector'])}"


def model_name(row: Row) -> str:
    """Spell out the model of a candidate: ``"ridge"`` is ``"ridge regression"``."""
    name: str = row["model"]
    if "accuracy" in row and name in _CLASSIFIERS:
        return _CLASSIFIERS[name]
    return _MODELS.get(name, name)


def describe_model(row: Row) -> str:
    """Spell out the model of a row of ``results_``, with its settings."""
    name = model_name(row)
    parts = []
    if has_components(row):
        count = int(row["n_components"])
        parts.append(f"{count} latent variable{'s' if count != 1 else ''}")
    parts += [f"{key} {value}" for key, value in _other_params(row)]
    return f"{name} with {', '.join(parts)}" if parts else name


def describe(row: Row) -> str:
    """Spell out a candidate: ``"SNV, 20 channels by VIP, PLS with 7 latent variables"``."""
    parts = (
        describe_preprocessing(row["preprocessing"]),
        describe_selection(row),
        describe_model(row),
    )
    return ", ".join(filter(None, parts))


def settings(row: Row, *, sign: str = " ") -> str:
    """Return the settings of a candidate for a table cell: ``"7 LVs"``, ``"alpha 1e-05"``.

    The sign stands between a parameter and its value.
    """
    parts = []
    if has_components(row):
        count = int(row["n_components"])
        parts.append(f"{count} LV{'s' if count != 1 else ''}")
    parts += [f"{key}{sign}{value}" for key, value in _other_params(row)]
    return ", ".join(parts)


def has_components(row: Row) -> bool:
    """Whether the candidate's model counts latent variables."""
    return not pd.isna(row["n_components"])


def _other_params(row: Row) -> list[tuple[str, str]]:
    return [(key, setting(value)) for key, value in row["params"].items() if key != "n_components"]


def setting(value: Any) -> str:
    """Format the value of a parameter: ``"1e-05"``, ``"rbf"``."""
    return f"{value:.4g}".replace("e+0", "e") if isinstance(value, float) else str(value)


def unit_of_errors(unit: str) -> str:
    """Return the unit of a difference: an error of 2 % would read as a relative one."""
    return "percentage points" if unit == "%" else unit


def quantity(target: str, unit: str) -> str:
    """Return what follows an error: ``" g/kg fat"``, and nothing where there is no unit.

    A unit that names the target, such as ``"octane number"``, says enough.
    """
    if not unit:
        return ""
    if unit == "%":
        return f" {unit_of_errors(unit)} of {target}"
    return f" {unit}" if target.lower() in unit.lower().split() else f" {unit} {target}"


def rounded_to_error(value: float, error: float) -> tuple[str, str]:
    """Round a value to the first digit of its standard error: ``("0.52", "0.03")``.

    An error that is zero or unknown gives three digits of the value and no error.
    """
    if not error > 0 or not math.isfinite(error):
        return number(value, 3), ""
    decimals = max(0, -math.floor(math.log10(error)))
    return f"{value:.{decimals}f}", f"{error:.{decimals}f}"


def bias(row: Row) -> str:
    """Format the bias with as many decimals as four digits of the RMSECV have."""
    decimals = len(number(row["rmsecv"], 4).partition(".")[2])
    # A bias that rounds to zero has no sign.
    return f"{row['bias']:z.{decimals}f}".replace("-", _MINUS)


def coefficient_of_determination(r2: float) -> str:
    """Format R² so that one close to 1 does not read as 1."""
    decimals = 3
    while decimals < 8 and 1 - 0.5 * 10**-decimals <= r2 < 1:
        decimals += 1
    return f"{r2:.{decimals}f}".replace("-", _MINUS)


def percentage(share: float) -> str:
    """Format a share of 1, with more digits where it comes close to 100 %."""
    decimals = max(1, len(coefficient_of_determination(share).partition(".")[2]) - 2)
    return f"{100 * share:.{decimals}f} %"


def column(values: Iterable[float], digits: int) -> list[str]:
    """Format numbers alike: with the decimals that give the first one `digits` digits."""
    values = list(values)
    known = (abs(value) for value in values if math.isfinite(value) and value)
    magnitude = math.floor(math.log10(next(known, 1.0)))
    kind = f"{max(0, digits - 1 - magnitude)}f" if -4 <= magnitude <= 5 else f"{digits - 1}e"
    return [f"{value:.{kind}}" if math.isfinite(value) else "–" for value in values]


def number(value: float, digits: int = 3) -> str:
    """Format with `digits` significant digits, without trailing exponent where one can do."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude > 5:
        return f"{value:.{digits}g}"
    return f"{value:.{max(0, digits - 1 - magnitude)}f}"
