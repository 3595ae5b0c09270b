"""What describes a release must say the same everywhere."""

import re
import tomllib
from pathlib import Path

import pytest

import spectral_fast

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MINIMUM = (ROOT / "tests" / "minimum.txt").read_text(encoding="utf-8")

#: The distribution in the minimum environment that stands for another: the same without GPUs.
STAND_INS = {"xgboost": "xgboost-cpu"}
#: What a user installs, as `all` in pyproject.toml.
EXTRAS = ("boosting", "report", "parquet", "dask")


def floors(requirements):
    """Return the oldest version of each requirement that the package accepts."""
    return {
        STAND_INS.get(name, name): version
        for name, _, version in (each.partition(">=") for each in requirements)
    }


def disagreements(requirements, minimum):
    """Return what the minimum environment lacks, or has in another version."""
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", minimum, re.MULTILINE))
    return {name for name, version in floors(requirements).items() if pins.get(name) != version}


def field(text, name):
    """Return the value of a field of CITATION.cff."""
    return re.search(rf"^\W*{name}: (.+)$", text, re.MULTILINE).group(1)


def test_the_minimum_environment_has_the_oldest_versions():
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *(each for name in EXTRAS for each in extras[name])]
    assert disagreements(requirements, MINIMUM) == set()
    assert extras["all"] == [f"spectral_fast[{','.join(EXTRAS)}]"]


def test_the_development_extra_has_the_floors_of_the_others():
    extras = PROJECT["optional-dependencies"]
    assert floors(extras["boosting"]).items() <= floors(extras["dev"]).items()


@pytest.mark.parametrize("minimum", ["numpy==2.1", "scipy==2.0", "numpy"])
def test_another_version_is_found(minimum):
    assert disagreements(["numpy>=2.0"], minimum) == {"numpy"}


def test_the_citation_is_that_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert field(text, "version") == spectral_fast.__version__
    assert field(text, "title") == PROJECT["name"]
    assert field(text, "license") == PROJECT["license"]
    assert field(text, "name") == PROJECT["authors"][0]["name"]


def test_the_licence_is_the_one_that_is_named():
    (name,) = PROJECT["license-files"]
    text = (ROOT / name).read_text(encoding="utf-8")
    assert PROJECT["license"] == "BSD-3-Clause"
    assert text.startswith("BSD 3-Clause License")
    assert "Neither the name of the copyright holder" in text
