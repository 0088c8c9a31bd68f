"""The short form of experiment 4; ``make chaos`` runs it for minutes."""

import pytest

from tests.chaos.clocks import Experiment

pytestmark = [pytest.mark.mosquitto, pytest.mark.faketime, pytest.mark.timeout(180)]


async def test_wrong_clocks_delete_nothing_cry_no_wolf_and_merge_nothing(tmp_path):
    report = await Experiment(tmp_path, seconds=4, seed=20261128).run()
    assert not report.problems, report.told()
    assert report.figures["shifted"]
