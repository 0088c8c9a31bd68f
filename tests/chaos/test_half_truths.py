"""The short form of experiment 5; ``make chaos`` runs it for minutes."""

import pytest

from tests.chaos.half_truths import Experiment

pytestmark = [pytest.mark.mosquitto, pytest.mark.influxdb, pytest.mark.timeout(180)]


async def test_the_balance_holds_and_the_alarm_rings_whatever_is_denied(tmp_path, influxdb_server):
    report = await Experiment(tmp_path, influxdb_server, seconds=3, seed=20261128).run()
    assert not report.problems, report.told()
