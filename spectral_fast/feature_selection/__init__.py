"""Selection of the channels that predict a property."""

from spectral_fast.feature_selection._cars import CARS
from spectral_fast.feature_selection._covsel import CovSel
from spectral_fast.feature_selection._frequency import SelectionFrequency, selection_frequency
from spectral_fast.feature_selection._importance import VIP, CoefficientMagnitude, SelectivityRatio
from spectral_fast.feature_selection._intervals import IntervalPLS
from spectral_fast.feature_selection._lending import ForClasses, TopChannels
from spectral_fast.feature_selection._random_frog import RandomFrog
from spectral_fast.feature_selection._spa import SPA
from spectral_fast.feature_selection._uve import MCUVE, UVE
from spectral_fast.feature_selection._uve_spa import UVESPA

__all__ = [
    "CARS",
    "MCUVE",
    "SPA",
    "UVE",
    "UVESPA",
    "VIP",
    "CoefficientMagnitude",
    "CovSel",
    "ForClasses",
    "IntervalPLS",
    "RandomFrog",
    "SelectionFrequency",
    "SelectivityRatio",
    "TopChannels",
    "selection_frequency",
]
