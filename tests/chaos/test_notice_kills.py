"""The short form of the deaths while people are told; ``make chaos`` tries 200."""

import pytest

from tests.chaos.notice_kills import Experiment

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(180)]
KILLS = 10


async def test_each_is_told_and_no_step_is_left_out_however_often_the_watch_is_killed(tmp_path):
    report = await Experiment(tmp_path, KILLS, 20261128).run()
    assert not report.problems, report.told()
    assert report.figures["fires"] == KILLS


@pytest.mark.postgres
async def test_the_same_with_the_operations_on_postgresql(tmp_path, postgres_server):
    url = postgres_server.new_database()
    report = await Experiment(tmp_path, KILLS, 20261129, url, "postgres").run()
    assert not report.problems, report.told()
    assert report.figures["fires"] == KILLS
