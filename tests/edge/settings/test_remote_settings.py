"""Settings by wire against a real broker: applied, refused whole, taken back, through crashes."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.contract.settings import SettingsState
from edge.settings.kept import ENDING
from tests.edge.device import Device, wait_until
from tests.edge.wishing import Carrier, Wisher

pytestmark = pytest.mark.mosquitto

SENSOR = """
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp"]
interval_s = 600
seed = 7
"""
LONG_S = 600.0


@pytest.fixture
def wisher(broker) -> Iterator[Wisher]:
    wisher = Wisher(broker.host, broker.port)
    yield wisher
    wisher.close()


@pytest.fixture
def carrier(broker) -> Iterator[Carrier]:
    carrier = Carrier(broker.port, most_s=60)
    yield carrier
    carrier.close()


@pytest.fixture
def device(carrier, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url=f"mqtt://127.0.0.1:{carrier.port}")
    yield device
    device.discard()


def is_start(device: Device, nth: int) -> bool:
    return kept(device)["trial"]["starts"] == nth


def kept(device: Device) -> dict[str, Any]:
    return json.loads((device.folder / f"journal.db{ENDING}").read_text())


def test_a_wish_is_tried_applied_and_taken_away(server, wisher, device, capsys) -> None:
    device.write(SENSOR, trial_s=1, health_interval_s=600)
    device.start()
    wait_until(lambda: server.of("shed-temp"), "the first reading")
    pid = device.process.pid
    wisher.wish(1, {"sensor.air.interval_s": 0.1, "health_interval_s": 60})
    wisher.wait_for(SettingsState.TRIAL, 1)
    report = wisher.wait_for(SettingsState.APPLIED, 1)
    assert report.values == {"sensor.air.interval_s": 0.1, "health_interval_s": 60}
    assert report.problems == ()
    wait_until(lambda: len(server.of("shed-temp")) > 10, "ten readings a second")
    births = {status.run for status in server.statuses}
    assert len(births) == 2, "one restart, which the run tells"
    assert device.process.pid == pid, "in the same process, as systemd wants it"
    assert device.process.poll() is None
    assert main(["check", str(device.folder / "edge.toml")]) == 0
    assert "sensor.air.interval_s = 0.1" in capsys.readouterr().out
    wisher.say(b"")
    wait_until(lambda: wisher.reports[-1].values == {}, "the file alone")
    wait_until(lambda: wisher.reports[-1].state is SettingsState.APPLIED, "it is applied")
    summary = device.stop()
    wait_until(
        lambda: sum(map(len, server.seqs().values())) + summary["waiting"] >= summary["measured"],
        "nothing measured was lost in between",
    )


@pytest.mark.parametrize(
    ("payload", "problems"),
    [
        (
            b'{"revision":5,"values":{"health_interval_s":60,"mqtt.url":"mqtt://evil",'
            b'"mqtt.window":0,"sensor.air.interval_s":-1,"sensor.air.command":"reboot"}}',
            [
                "mqtt.url: cannot be set by wire, only in edge.toml on the device",
                "sensor.air.command: cannot be set by wire, only in edge.toml on the device",
                "mqtt.window: write a whole number, 1 to 1000, got 0",
                "sensor.air.interval_s: ",
            ],
        ),
        (b'{"revision":5,"values":\xff\x00', ["the wish is no JSON"]),
    ],
)
def test_a_wish_with_a_mistake_is_refused_whole(server, wisher, device, payload, problems) -> None:
    device.write(SENSOR)
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    wisher.say(payload)
    wait_until(lambda: wisher.reports, "the refusal")
    (report,) = wisher.reports
    assert (report.state, report.values) == (SettingsState.REFUSED, {})
    assert len(report.problems) == len(problems)
    for wanted in problems:
        assert any(told.startswith(wanted) for told in report.problems), report.problems
    assert not (device.folder / f"journal.db{ENDING}").exists()
    device.stop()
    assert len({status.run for status in server.statuses}) == 1, "no restart for nothing"


def test_values_that_cut_the_link_are_taken_back_and_not_tried_again(
    server, wisher, carrier, device
) -> None:
    device.write(SENSOR, trial_s=2)
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    wisher.wish(1, {"health_interval_s": 60})
    wisher.wait_for(SettingsState.APPLIED, 1)
    wisher.wish(2, {"health_interval_s": 60, "mqtt.keep_alive_s": 600})
    wisher.wait_for(SettingsState.TRIAL, 2)
    report = wisher.wait_for(SettingsState.ROLLED_BACK, 2)
    assert carrier.refused > 0
    assert report.problems == ("no server was heard for 2 s with these values",)
    assert report.values == {"health_interval_s": 60}, "what held before is in force again"
    device.stop()
    assert len({status.run for status in server.statuses}) == 1, "all of it while it ran"
    said = len(wisher.reports)
    device.start()  # and hears the same retained wish
    wait_until(lambda: len(wisher.reports) == said + 2, "a report at birth, and one to the wish")
    assert wisher.reports[said:] == [report, report]
    device.stop()


def test_a_trial_that_passed_while_the_device_was_dead_is_taken_back_at_once(
    server, wisher, carrier, device
) -> None:
    device.write(SENSOR, trial_s=2)
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    wisher.wish(1, {"mqtt.keep_alive_s": 600})
    wait_until(lambda: carrier.refused, "an attempt with the new value")
    device.kill()
    began_s = kept(device)["trial"]["began_s"]
    wait_until(
        lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > began_s + 2, "the trial has passed"
    )
    refused = carrier.refused
    device.start()
    wisher.wait_for(SettingsState.ROLLED_BACK, 1)
    assert carrier.refused == refused, "not once more with the value that cuts"
    device.stop()


def test_a_crash_loop_within_a_trial_is_ended_by_the_fourth_start(
    server, wisher, carrier, device
) -> None:
    device.write(SENSOR, trial_s=LONG_S)
    device.start()
    wait_until(lambda: server.statuses, "the birth")
    wisher.wish(1, {"mqtt.keep_alive_s": 600})
    wait_until(lambda: carrier.refused, "an attempt with the new value")
    device.kill()
    device.start()
    for starts in (1, 2, 3):
        wait_until(partial(is_start, device, starts), "it is counted")
        device.kill()
        device.start()
    report = wisher.wait_for(SettingsState.ROLLED_BACK, 1)
    assert "started 3 times" in report.problems[0]
    device.stop()
