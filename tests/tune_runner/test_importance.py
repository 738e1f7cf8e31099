"""Shares of importance of planted effects."""

import pytest

from tests.tune_runner.made_up import planted
from tune_runner.study.importance import FEWEST_TRIALS, shares


def test_the_dominant_parameter_has_the_largest_share():
    found = shares(planted(60), seed=0)
    assert found[0].parameter == "backbone"
    assert found[0].share > 0.7
    assert found[0].interval[0] <= found[0].share <= found[0].interval[1]
    assert sum(share.share for share in found) == pytest.approx(1)


def test_few_trials_have_no_shares():
    assert shares(planted(FEWEST_TRIALS - 1), seed=0) == []
