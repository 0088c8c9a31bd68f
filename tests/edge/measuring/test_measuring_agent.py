"""Measuring in a running agent: from what a file says to what arrives at the server."""

import pytest

from tests.edge.device import Device, Server, wait_until

pytestmark = pytest.mark.mosquitto

LEVEL = """
[[sensor]]
kind = "printed"
name = "gauge"
place = "weir"
file = "level"
values.cm = { metric = "water-level", factor = 0.01 }
interval_s = 0.5
report_s = 3600
warm_up_s = 1
[[sensor.calibration]]
metric = "water-level"
points = [[1.0, 11.0], [2.0, 12.0]]
date = 2020-05-01
who = "Mei"
due = 365
"""


def test_a_cold_gauge_warms_up_and_then_only_changes_arrive_calibrated_and_without_a_gap(
    server: Server, device: Device
) -> None:
    def say(centimetres: float) -> None:
        fresh = device.folder / "level.new"
        fresh.write_text(f"cm {centimetres}")
        fresh.replace(device.folder / "level")

    def values() -> list[float | None]:
        found = sorted(server.of("water-level"), key=lambda reading: reading.seq)
        return [reading.value for reading in found]

    say(120)
    device.write(LEVEL, health_interval_s=1)
    device.start()
    wait_until(lambda: len(values()) == 2, "it is warm")
    assert values() == [None, 11.2]
    assert server.of("water-level")[0].reason.startswith("warming up, ")
    say(122)  # 2 cm
    uptime = len(server.of("uptime"))
    wait_until(lambda: len(server.of("uptime")) >= uptime + 2, "it was measured often enough")
    assert len(values()) == 2
    say(123)
    wait_until(lambda: len(values()) == 3, "3 cm since the one reported are news")
    (device.folder / "level").unlink()
    wait_until(lambda: len(values()) == 4, "a fault is news")
    assert values()[2:] == [11.23, None]
    assert {reading.value for reading in server.of("calibration-due")} == {1}
    device.stop()
    (seqs,) = server.seqs().values()
    assert seqs == set(range(len(seqs)))  # what was withheld was never a reading
    log = (device.folder / "log").read_text()
    assert log.count("weir/water-level: calibration is due since 2021-05-01; calibrated 2020") == 1
