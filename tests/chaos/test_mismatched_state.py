"""The short form of experiment 3: the combinations that are worst; ``make chaos`` tries all."""

import pytest

from tests.chaos.mismatched_state import SHORT, Experiment

pytestmark = [pytest.mark.timeout(180)]


async def test_files_of_different_times_tell_the_same_or_name_the_gap(tmp_path) -> None:
    report = await Experiment(tmp_path, SHORT, seed=20261128).run()
    assert not report.problems, report.told()
    assert report.figures["gaps named"] == 4
