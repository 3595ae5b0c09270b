"""Real spectra that come with the package."""

import csv
from importlib.resources import files
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

_FLAGS = {"return_X_y": ["boolean"], "as_frame": ["boolean"]}


@validate_params(_FLAGS, prefer_skip_nested_validation=True)
def load_tecator(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load near-infrared spectra of meat with water, fat and protein contents.

    215 absorbance spectra of 100 channels, 850 to 1050 nm, recorded in
    transmission on a Tecator Infratec Food and Feed Analyzer. The first 129
    samples were the original training set. ``DESCR`` holds the note under which
    the data may be passed on.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Make `data` and `target` pandas DataFrames, and `frame` the two side by
        side: channels first, targets last.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (215, 100) or DataFrame
            Absorbance, float64.
        target : ndarray of shape (215, 3) or DataFrame
            Contents in %, float64.
        target_names : list of str
            ``["water", "fat", "protein"]``.
        target_unit : str
            ``"%"``.
        wavelengths : ndarray of shape (100,)
            Axis of the channels, ascending.
        wavelength_unit : str
            ``"nm"``.
        feature_names : list of str
            The wavelengths as text.
        signal : str
            ``"absorbance"``.
        frame : DataFrame of shape (215, 103) or None
            Only with ``as_frame=True``.
        DESCR : str
            Description, source and permission note.
        filename : str
            Name of the table in ``spectral_fast/datasets/data``.

    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    InvalidParameterError
        A flag is not a bool.

    References
    ----------
    Borggaard, C. & Thodberg, H. H. (1992). Optimal minimal neural interpretation of
    spectra. Analytical Chemistry 64, 545-551. https://doi.org/10.1021/ac00029a018

    Examples
    --------
    >>> from spectral_fast.datasets import load_tecator
    >>> tecator = load_tecator()
    >>> tecator.data.shape, tecator.target_names
    ((215, 100), ['water', 'fat', 'protein'])
    """
    return _load(
        "tecator",
        target_names=["water", "fat", "protein"],
        target_unit="%",
        signal="absorbance",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


@validate_params(_FLAGS, prefer_skip_nested_validation=True)
def load_gasoline(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load near-infrared spectra of gasoline with octane numbers.

    60 spectra of 401 channels, 900 to 1700 nm, as log(1/R).

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Make `data` a pandas DataFrame, `target` a Series, and `frame` the two
        side by side: channels first, octane last.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (60, 401) or DataFrame
            log(1/R), float64.
        target : ndarray of shape (60,) or Series
            Octane number, float64.
        target_names : list of str
            ``["octane"]``.
        target_unit : str
            ``"octane number"``.
        wavelengths : ndarray of shape (401,)
            Axis of the channels, ascending.
        wavelength_unit : str
            ``"nm"``.
        feature_names : list of str
            The wavelengths as text.
        signal : str
            ``"log(1/R)"``.
        frame : DataFrame of shape (60, 402) or None
            Only with ``as_frame=True``.
        DESCR : str
            Description and source.
        filename : str
            Name of the table in ``spectral_fast/datasets/data``.

    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    InvalidParameterError
        A flag is not a bool.

    References
    ----------
    Kalivas, J. H. (1997). Two data sets of near infrared spectra. Chemometrics and
    Intelligent Laboratory Systems 37, 255-259.
    https://doi.org/10.1016/S0169-7439(97)00038-5

    Examples
    --------
    >>> from spectral_fast.datasets import load_gasoline
    >>> gasoline = load_gasoline()
    >>> gasoline.data.shape, gasoline.wavelengths[[0, -1]]
    ((60, 401), array([ 900., 1700.]))
    """
    return _load(
        "gasoline",
        target_names=["octane"],
        target_unit="octane number",
        signal="log(1/R)",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _load(
    name: str,
    *,
    target_names: list[str],
    target_unit: str,
    signal: str,
    return_X_y: bool,
    as_frame: bool,
) -> Any:
    """Read ``data/<name>.csv``, whose columns are the targets, then the channels."""
    folder = files(__package__) / "data"
    with (folder / f"{name}.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file))
        table = np.loadtxt(file, delimiter=",")
    n_targets = len(target_names)
    # "900 nm" and "900.0" alike: the unit is said once, in `wavelength_unit`.
    feature_names = [column.split()[0] for column in header[n_targets:]]
    data: Any = np.ascontiguousarray(table[:, n_targets:])
    target: Any = table[:, 0].copy() if n_targets == 1 else table[:, :n_targets].copy()
    frame = None
    if as_frame:
        import pandas as pd  # slow to import, and only needed here

        data = pd.DataFrame(data, columns=feature_names)
        targets = pd.DataFrame(target, columns=target_names)
        frame = pd.concat([data, targets], axis="columns")
        target = targets[target_names[0]] if n_targets == 1 else targets
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=target_names,
        target_unit=target_unit,
        wavelengths=np.array(feature_names, dtype=np.float64),
        wavelength_unit="nm",
        feature_names=feature_names,
        signal=signal,
        frame=frame,
        DESCR=(folder / f"{name}.rst").read_text(encoding="utf-8"),
        filename=f"{name}.csv",
    )
