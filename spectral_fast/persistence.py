"""Fitted calibrations as files.

A model file is a zip archive of two members: ``meta.json`` tells what the model
needs and how well it did, ``pipeline.joblib`` is the fitted scikit-learn
Pipeline. The versions in ``meta.json`` are checked before anything is unpickled.

.. warning::
   Unpickling runs code that the file names. Load only model files from people
   you trust.
"""

import contextlib
import dataclasses
import datetime
import io
import json
import platform
import reprlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.pipeline import Pipeline

import spectral_fast
from spectral_fast._files import replacing
from spectral_fast._validation import listed
from spectral_fast.tables import SpectralTable

__all__ = ["SavedModel", "align", "load_model", "save_model"]

_SUFFIX = ".spectral"

_FORMAT = 2
#: What reading a damaged archive, or one of another program, raises.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError)
#: The entries of ``meta.json`` in this format and their types.
_ENTRIES = {
    "format": int,
    "spectral_fast": str,
    "scikit-learn": str,
    "numpy": str,
    "python": str,
    "created": str,
    "channels": list,
    "axis": list,
    "axis_unit": str,
    "target": str,
    "figures_of_merit": dict,
    "domain": dict,
}


@dataclasses.dataclass(frozen=True)
class SavedModel:
    """A fitted calibration and what is known of it.

    Attributes
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Predicts from spectra of shape (n_samples, n_channels).
    meta : dict
        ``format``, ``spectral_fast``, ``scikit-learn``, ``numpy``, ``python``
        (versions), ``created`` (UTC, ISO 8601), ``channels``, ``axis``,
        ``axis_unit``, ``target``, ``figures_of_merit``, ``domain``.
    """

    pipeline: Pipeline
    meta: dict[str, Any]


def save_model(
    path: str | Path,
    pipeline: Pipeline,
    *,
    channels: Sequence[Any],
    axis: Sequence[float] | np.ndarray,
    axis_unit: str = "",
    target: str,
    figures_of_merit: Mapping[str, float],
    domain: Mapping[str, float] = {},
) -> None:
    """Write a fitted pipeline and its description to one file.

    Parameters
    ----------
    path : str or Path
        File to write, by custom with the suffix ``.spectral``. An existing file
        is replaced once the new one is complete.
    pipeline : sklearn.pipeline.Pipeline
        Fitted on spectra whose channels are `channels`.
    channels : sequence of length n_channels
        Channel names, such as the columns of a data frame; kept as text.
    axis : array-like of shape (n_channels,)
        Channel positions, in `axis_unit`, finite and no two equal.
    axis_unit : str, default=""
        Unit of `axis`, such as ``"nm"``.
    target : str
        Name of the predicted quantity.
    figures_of_merit : mapping of str to float
        Cross-validated figures such as ``{"rmsecv": 0.52}``.
    domain : mapping of str to float, default={}
        Limits of spectra that resemble those of the calibration, as
        `spectral_fast.report.calibration_domain` gives them.

    Raises
    ------
    TypeError
        If `pipeline` is no Pipeline, `channels` no sequence of names, `axis_unit` or
        `target` no text, or a figure no number.
    ValueError
        If `axis` does not hold a finite number of its own for each channel, or the
        pipeline was fitted on another number of channels.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import Pipeline
    >>> from spectral_fast.persistence import load_model, save_model
    >>> pipeline = Pipeline([("model", Ridge())]).fit(np.eye(3), [1.0, 2.0, 3.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "fat.spectral")
    ...     save_model(path, pipeline, channels=["850", "852", "854"], axis=[850, 852, 854],
    ...                axis_unit="nm", target="fat", figures_of_merit={"rmsecv": 0.5})
    ...     model = load_model(path)
    >>> model.meta["target"]
    'fat'
    >>> model.pipeline.predict(np.eye(3)).round(2)
    array([1.5, 2. , 2.5])
    """
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            f"`pipeline` must be a scikit-learn Pipeline; got {pipeline!r}. Put a fitted model "
            'into one: Pipeline([("model", model)]).'
        )
    names = _names(channels)
    _check_count(pipeline, len(names))
    meta = {
        "format": _FORMAT,
        **_versions(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "channels": names,
        "axis": _positions(axis, len(names)),
        "axis_unit": _text("axis_unit", axis_unit),
        "target": _text("target", target),
        "figures_of_merit": _figures("figures_of_merit", figures_of_merit),
        "domain": _figures("domain", domain),
    }
    pickled = io.BytesIO()
    joblib.dump(pipeline, pickled)
    with (
        replacing(path) as staged,
        zipfile.ZipFile(staged, "w", compression=zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("meta.json", json.dumps(meta, indent=1, ensure_ascii=False))
        archive.writestr("pipeline.joblib", pickled.getvalue())


def _names(channels: Any) -> list[str]:
    if isinstance(channels, str | set | frozenset) or not np.iterable(channels):
        raise TypeError(
            f"`channels` must be a sequence of names; got {channels!r}. Pass a list, with one name "
            "for each channel of the spectra."
        )
    return [str(name) for name in channels]


def _check_count(pipeline: Pipeline, n_channels: int) -> None:
    fitted = getattr(pipeline, "n_features_in_", n_channels)  # some have none
    if fitted != n_channels:
        raise ValueError(
            f"`channels` must have a name for each of the {fitted} channels that `pipeline` is "
            f"fitted on; got {n_channels}. Pass the names of those spectra's columns."
        )


def _positions(axis: Any, n_channels: int) -> list[float]:
    with contextlib.suppress(TypeError, ValueError):
        positions = np.asarray(axis, dtype=float)
        are_finite = positions.shape == (n_channels,) and np.isfinite(positions).all()
        if are_finite and len(np.unique(positions)) == n_channels:
            return positions.tolist()
    shape = np.asarray(axis, dtype=object).shape
    raise ValueError(
        f"`axis` must hold a finite number of its own for each of the {n_channels} `channels`; got "
        f"{reprlib.repr(axis)}, of shape {shape}. Pass the positions of the channels, "
        "range(n_channels) where they have none."
    )


def _text(parameter: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f'`{parameter}` must be a str; got {value!r}. Pass its name, "" where it has none.'
        )
    return value


def _figures(parameter: str, figures: Any) -> dict[str, float]:
    try:
        return {str(name): float(value) for name, value in figures.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            f"`{parameter}` must map names to numbers; got {figures!r}. Leave out what is no "
            "number."
        ) from error


def load_model(path: str | Path) -> SavedModel:
    """Read a file that `save_model` wrote.

    Unpickling runs code that the file names: load only files from people you
    trust.

    Parameters
    ----------
    path : str or Path
        A model file.

    Returns
    -------
    model : SavedModel
        The fitted pipeline and its description.

    Raises
    ------
    ValueError
        If the file is not a model file, is damaged, needs a package that is not
        installed, or was written by a version of spectral_fast or scikit-learn
        whose models this one cannot be trusted to run alike.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from spectral_fast.persistence import load_model
    >>> load_model("none.spectral")
    Traceback (most recent call last):
        ...
    FileNotFoundError: none.spectral does not exist.

    `save_model` shows a file that exists.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Name the model{_SUFFIX} in it.")
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            meta = json.loads(archive.read("meta.json"))
            pickled = archive.read("pipeline.joblib")
    except _ZIP_ERRORS as error:
        raise _not_a_model(path) from error
    _check_meta(path, meta)
    return SavedModel(pipeline=_unpickle(path, pickled), meta=meta)


def align(model: SavedModel, table: SpectralTable) -> np.ndarray:
    """Return the table's spectra on the channels of the model, in its order.

    Channels are the same where their positions are equal, however the two files
    write them (``850``, ``850.0``, ``"850 nm"``). Channels that the model does
    not use are left out.

    Parameters
    ----------
    model : SavedModel
        The calibration.
    table : SpectralTable
        Spectra to predict.

    Returns
    -------
    spectra : ndarray of shape (n_samples, n_channels)
        Input for ``model.pipeline.predict``.

    Raises
    ------
    ValueError
        If the table lacks channels of the model, or states another unit.

    Examples
    --------
    >>> import numpy as np
    >>> from spectral_fast.persistence import SavedModel, align
    >>> from spectral_fast.tables import SpectralTable
    >>> meta = {"channels": ["854", "850"], "axis": [854.0, 850.0], "axis_unit": "nm"}
    >>> spectra, axis = np.array([[0.1, 0.2, 0.3]]), np.array([850.0, 852.0, 854.0])
    >>> table = SpectralTable(spectra, ["850", "852", "854"], axis, "nm", None, None)
    >>> align(SavedModel(pipeline=None, meta=meta), table)
    array([[0.3, 0.1]])
    """
    unit = model.meta["axis_unit"]
    if unit and table.axis_unit and unit != table.axis_unit:
        raise ValueError(
            f"The model's channels are in {unit}, the table's in {table.axis_unit}. "
            "Convert the table's axis and interpolate its spectra onto the model's channels."
        )
    column = {position: i for i, position in enumerate(table.axis.tolist())}
    missing = [
        name
        for name, position in zip(model.meta["channels"], model.meta["axis"], strict=True)
        if position not in column
    ]
    if missing:
        raise ValueError(
            f"The table lacks {len(missing)} of the model's {len(model.meta['axis'])} channels: "
            f"{listed(map(repr, missing))}; the table has {table.span}. Measure them, or "
            "interpolate the spectra onto the model's channels."
        )
    return table.spectra[:, [column[position] for position in model.meta["axis"]]]


def _versions() -> dict[str, str]:
    return {"spectral_fast": spectral_fast.__version__, "scikit-learn": sklearn.__version__}


def _not_a_model(path: Path) -> ValueError:
    return ValueError(
        f"{path} is not a model file of spectral_fast, or it is damaged. Use the "
        f"model{_SUFFIX} that 'spectral-fast search' wrote."
    )


def _unpickle(path: Path, pickled: bytes) -> Pipeline:
    try:
        pipeline = joblib.load(io.BytesIO(pickled))
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(
            f"{path} is damaged, or needs a package that is not installed: "
            f"{type(error).__name__}: {error}. Install the package, or write the file again "
            "with 'spectral-fast search'."
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise _not_a_model(path)
    return pipeline


def _check_meta(path: Path, meta: Any) -> None:
    """Refuse a description that is of another format, incomplete or of other versions."""
    if not isinstance(meta, dict) or "format" not in meta:
        raise _not_a_model(path)
    if meta["format"] != _FORMAT:
        raise ValueError(
            f"{path} has model format {meta['format']}; spectral_fast "
            f"{spectral_fast.__version__} reads format {_FORMAT}. Use the version of "
            "spectral_fast that wrote it, or run the search again."
        )
    if not _is_complete(meta):
        raise _not_a_model(path)
    _check_versions(path, meta)


def _is_complete(meta: dict[str, Any]) -> bool:
    return (
        all(isinstance(meta.get(name), kind) for name, kind in _ENTRIES.items())
        and all(isinstance(name, str) for name in meta["channels"])
        and all(isinstance(position, float) for position in meta["axis"])
        and len(meta["channels"]) == len(meta["axis"])
    )


def _check_versions(path: Path, meta: dict[str, Any]) -> None:
    for package, installed in _versions().items():
        written = meta[package]
        needed = _compatible(package, written)
        if needed != _compatible(package, installed):
            raise ValueError(
                f"{path} was written with {package} {written}; {installed} is installed. "
                f'Run: pip install "{package}=={needed}.*", or run the search again.'
            )


def _compatible(package: str, version: str) -> str:
    """Return the leading part of a version within which models are interchangeable."""
    parts = version.split(".")
    stable = package == "spectral_fast" and parts[0] != "0"
    return ".".join(parts[: 1 if stable else 2])
