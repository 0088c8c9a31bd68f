"""A probe that hangs or raises silences itself only; an agent goes on beside both."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from edge.clock import Clock
from edge.health.board import Board
from edge.health.probe import Roots, Value
from edge.health.rounds import Rounds
from edge.runner import Measured
from tests.edge.device import wait_until

SENSOR = (
    '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nmetrics = ["shed-temp"]\ninterval_s = 1\n'
)


class Good:
    name = "good"
    mark = "m"

    def ask(self) -> Iterable[Value]:
        return [Value("cpu-temp", 40.0)]


class Bad:
    name = "bad"
    mark = ""

    def ask(self) -> Iterator[Value]:
        yield Value("cpu-load", 1.0)
        raise RuntimeError("a driver may raise anything")


def test_a_file_of_the_kernel_that_hangs_is_told_once_and_delays_no_other(tmp_path, caplog) -> None:
    hanging = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    hanging.parent.mkdir(parents=True)
    os.mkfifo(hanging)  # a read of it waits for a writer
    given: Queue[Measured] = Queue()
    rounds = Rounds([Board(Roots(tmp_path / "sys", tmp_path)), Good()], given.put, lambda: 7)
    for _ in range(3):
        began = time.monotonic()
        rounds.ask()
        assert time.monotonic() - began < 1
        event = given.get(timeout=10)
        assert (event.sensor, event.mark) == ("~good", "m")
        assert [(s.metric, s.value, s.at_ms) for s in event.samples] == [("cpu-temp", 40.0, 7)]
        wait_until(lambda: not rounds.is_asking("good"), "the thread has ended")
    assert [r.message for r in caplog.records if "hangs" in r.message] == [
        "health: board hangs; it is asked again when it has answered"
    ]
    with hanging.open("w") as file:
        file.write("1")
    event = given.get(timeout=10)
    assert event.sensor == "~board"
    assert ("under-voltage", 1.0) in [(sample.metric, sample.value) for sample in event.samples]


def test_a_probe_that_raises_gives_what_it_had_and_is_told_once(caplog) -> None:
    given: Queue[Measured] = Queue()
    rounds = Rounds([Bad()], given.put, lambda: 7)
    for _ in range(2):
        rounds.ask()
        assert given.get(timeout=10).samples[0].metric == "cpu-load"
        wait_until(lambda: not rounds.is_asking("bad"), "the thread has ended")
    assert len([r for r in caplog.records if "raise anything" in r.message]) == 1


def mmcli(folder: Path, body: str) -> str:
    path = folder / "mmcli"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return f'[health]\nmmcli = "{path}"\n'


@pytest.mark.mosquitto
def test_an_agent_tells_of_its_box(server, device) -> None:
    health = mmcli(device.folder, "echo 'modem.signal.lte.rssi : -71.00'")
    device.clock = Clock(time.time(), time.time(), 60.0)
    device.write(health + SENSOR, health_interval_s=61)
    device.start()
    for metric in ("signal", "disk-free", "agent-memory", "memory-free", "journal-hours"):
        wait_until(lambda metric=metric: server.of(metric), f"{metric} arrives")  # type: ignore[misc]
    assert server.of("signal")[0].value == -71
    assert 5 < (server.of("agent-memory")[0].value or 0) < 200
    # A reading a house second and some of health: 200 MB last for weeks.
    assert 100 < (server.of("journal-hours")[0].value or 0) < 1440
    device.stop()


@pytest.mark.mosquitto
def test_an_agent_with_a_modem_that_hangs_measures_on_and_ends_in_time(server, device) -> None:
    health = mmcli(device.folder, "exec sleep 8")
    device.write(health + SENSOR, health_interval_s=1)
    device.start()
    wait_until(lambda: len(server.of("shed-temp")) >= 3, "readings come all the same")
    wait_until(lambda: len(server.of("disk-free")) >= 2, "and so does the rest of health")
    assert not server.of("signal")
    began = time.monotonic()
    device.stop()
    assert time.monotonic() - began < 5
