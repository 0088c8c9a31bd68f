"""The short form of experiment 2; ``make chaos`` runs it for minutes."""

import pytest

from tests.chaos import power_cut

pytestmark = [pytest.mark.mosquitto, pytest.mark.strace, pytest.mark.timeout(180)]

IMAGES = 30  # of either journal


async def test_what_was_confirmed_is_in_the_journal_wherever_the_power_is_cut(tmp_path):
    (report,) = await power_cut.run(tmp_path, seconds=3, seed=20261128, most=IMAGES)
    assert not report.problems, report.told()
    assert report.figures["watch: images"] == report.figures["device: images"] == IMAGES
