"""The short form of experiment 1; ``make chaos`` runs it for minutes."""

import pytest

from tests.chaos.broker_death import Experiment

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_balance_holds_whatever_befalls_the_broker(tmp_path, protocol):
    report = await Experiment(tmp_path, protocol, seconds=2, seed=20261128).run()
    assert not report.problems, report.told()
