"""What the names of channels say of their positions."""

import bisect
import math
import re
from collections.abc import Sequence

import numpy as np

__all__ = ["channel_axis", "out_of_order", "parse_channel"]

_UNITS = {
    "nm": "nm",
    "um": "µm",
    "µm": "µm",  # micro sign
    "μm": "µm",  # Greek mu
    "cm-1": "cm⁻¹",
    "cm^-1": "cm⁻¹",
    "cm⁻¹": "cm⁻¹",
    "1/cm": "cm⁻¹",
}
_EXPONENT = r"(?:e[+-]?\d+)?"
_CHANNEL = re.compile(
    rf"\s*([+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT})\s*({'|'.join(map(re.escape, _UNITS))})?\s*",
    re.IGNORECASE,
)

#: As in "-900.5 counts" or "wl.900": within a name, marks before a number are no part of it.
_NUMBER = re.compile(rf"(?:^[+-]?\.\d+|(?:^[+-])?\d+(?:\.\d+)?){_EXPONENT}", re.IGNORECASE)


def parse_channel(name: str, *, decimal_comma: bool = False) -> tuple[float, str] | None:
    """Return the position and the unit that a name such as ``"1.0e+03 nm"`` states.

    None if it is not the name of a channel: a finite number with a unit or none. The unit is
    "nm", "µm", "cm⁻¹" or "". With `decimal_comma` the number may have one.
    """
    match = _CHANNEL.fullmatch(name.replace(",", ".") if decimal_comma else name)
    if match is None or not math.isfinite(float(match[1])):
        return None
    number, unit = match.groups()
    return float(number), _UNITS[unit.lower()] if unit else ""


def channel_axis(names: list[str] | None, n_features: int) -> tuple[np.ndarray, str]:
    """Return the channels' positions by the numbers in their names, and a label for them."""
    channels = [channel for channel in map(_find_number, names or ()) if channel]
    axis = np.array([position for position, _ in channels])
    if len(np.unique(axis)) < n_features:
        return np.arange(n_features), "Channel number"
    units = {unit for _, unit in channels}
    unit = units.pop() if len(units) == 1 else ""
    return axis, f"Channel ({unit})" if unit else "Channel"


def out_of_order(axis: Sequence[float]) -> list[int]:
    """Return the numbers of the fewest channels without which the positions rise or fall."""
    rising = _longest_rise(axis)
    falling = _longest_rise([-position for position in axis])
    in_order = rising if len(rising) >= len(falling) else falling
    return sorted(set(range(len(axis))) - set(in_order))


def _longest_rise(values: Sequence[float]) -> list[int]:
    """Return where the longest subsequence of rising values stands, the last first."""
    ends: list[float] = []  # ends[k]: the least value that ends a rise of k + 1 values
    places: list[int] = []  # where that value stands
    before: list[int | None] = []  # for each value what stands before it in its rise
    for place, value in enumerate(values):
        k = bisect.bisect_left(ends, value)
        ends[k : k + 1] = [value]
        places[k : k + 1] = [place]
        before.append(places[k - 1] if k else None)
    rise = []
    last = places[-1] if places else None
    while last is not None:
        rise.append(last)
        last = before[last]
    return rise


def _find_number(name: str) -> tuple[float, str] | None:
    """Return the first number in a name, and what else is in it, if there is one."""
    channel = parse_channel(name)
    if channel is not None:
        return channel
    match = _NUMBER.search(name)
    if match is None or not math.isfinite(float(match.group())):
        return None
    return float(match.group()), (name[: match.start()] + name[match.end() :]).strip(" _")
