"""The benchmarks that need no package beside the library's own."""

import json

import pytest

from benchmarks import bench_regressions


def test_each_kernel_has_an_earlier_ratio():
    earlier = json.loads(bench_regressions.BASELINE.read_text(encoding="utf-8"))
    assert earlier.keys() == bench_regressions.pairs().keys()


@pytest.mark.parametrize(("now", "slower"), [(0.29, []), (0.31, ["snv"])])
def test_a_kernel_that_has_lost_is_named(now, slower):
    ratios = {"snv": {"q25": now}, "new": {"q25": 1.0}}
    assert bench_regressions.lost(ratios, {"snv": 0.1}) == slower
