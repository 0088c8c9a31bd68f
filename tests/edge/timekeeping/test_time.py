"""The agent on a box whose clock is wrong, against a real broker: each reading tells when it was
measured, because a thermometer shows the seconds since the test began.
"""

import os
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.clock import Clock
from edge.contract.quality import Quality
from edge.contract.reading import Reading
from edge.journal.bodies import UNDATABLE
from edge.journal.journal import Journal
from edge.journal.notebook import Notebook
from edge.sensors.port import Sample
from edge.timekeeping.kernel import Kernel
from tests.edge.device import Device, Server, wait_until
from tests.services.servers import find_faketime

pytestmark = [pytest.mark.mosquitto, pytest.mark.faketime]

PROBE = "28-0316a2795b21"
BYTES = "72 01 4b 46 7f ff 0e 10 57"
SENSOR = f"""
[[sensor]]
kind = "ds18b20"
place = "weir"
metric = "water-temp"
id = "{PROBE}"
bus = "bus"
interval_s = 1
"""
RIGHT_S = 2.0  # promised


class Stopwatch(threading.Thread):
    """A thermometer whose degrees are the seconds since ``began_s``, to the hundredth."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.began_s = time.time()
        self._file = folder / "bus" / PROBE / "w1_slave"
        self._file.parent.mkdir(parents=True)
        self._end = threading.Event()
        self._show()

    def run(self) -> None:
        while not self._end.wait(0.02):
            self._show()

    def end(self) -> None:
        self._end.set()
        self.join()

    def error_s(self, reading: Reading) -> float:
        """How wrong the time of a reading is."""
        assert reading.value is not None
        return reading.at_ms / 1000 - (self.began_s + reading.value)

    def _show(self) -> None:
        milli = round((time.time() - self.began_s) * 1000)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{BYTES} : crc={BYTES[-2:]} YES\n{BYTES} t={milli}\n")
        os.replace(fresh, self._file)


@pytest.fixture
def server(broker) -> Iterator[Server]:
    server = Server(broker.host, broker.port)
    server.clock = Clock()
    yield server
    server.close()


@pytest.fixture
def device(broker, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url=broker.url, clock=None)
    yield device
    device.discard()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Stopwatch]:
    watch = Stopwatch(tmp_path)
    watch.start()
    yield watch
    watch.end()


def set_to(system_clock: str) -> dict[str, str]:
    """The environment of a process whose system clock began there; it counts on since boot."""
    return {
        "LD_PRELOAD": str(find_faketime()), "FAKETIME": system_clock, "TZ": "UTC",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


NEVER_SET = "@1970-01-01 00:00:10"


def count(device: Device) -> int:
    """Temperatures in the device's journal."""
    tail = Journal.tail(device.folder / "journal.db")
    try:
        return sum(b"water-temp" in row.body for row in tail.read(0, 1000))
    finally:
        tail.close()


def said(device: Device, words: str) -> bool:
    return words in (device.folder / "log").read_text()


def assert_none_is_lost_or_twice(temps: list[Reading], *, longest_s: float = 2.3) -> None:
    """Each second has its own, and no two are one point in the store."""
    values = sorted(reading.value for reading in temps if reading.value is not None)
    assert len(values) == len(temps)
    assert all(0 < later - earlier < longest_s for earlier, later in pairwise(values)), values
    assert len({reading.at_ms for reading in temps}) == len(temps)


def test_a_box_in_1970_dates_what_it_measured_once_the_server_answers(
    server, device, watch
) -> None:
    server.tells_time = True
    device.write(SENSOR, health_interval_s=1)
    server.hush()
    device.start(set_to(NEVER_SET))
    wait_until(lambda: said(device, "time: unknown"), "it says that it does not know")
    wait_until(lambda: count(device) >= 3, "three temperatures without a date")
    server.speak()
    wait_until(lambda: len(server.of("water-temp")) >= 5, "what was undated, and more")
    device.stop()
    temps = server.of("water-temp")
    assert max(abs(watch.error_s(reading)) for reading in temps) < RIGHT_S
    assert_none_is_lost_or_twice(temps)
    told = [reading.value for reading in server.of("clock-offset")]
    offsets = [value for value in told if value is not None]
    assert None in told  # it did not know, and said so
    assert min(offsets) < -3600  # the step itself
    assert abs(offsets[-1]) < RIGHT_S
    assert all(status.at_ms is None or status.at_ms > 1.7e12 for status in server.statuses)


def test_without_an_answer_times_go_out_as_so_long_ago(server, device, watch) -> None:
    device.write(SENSOR)
    device.start(set_to(NEVER_SET))
    wait_until(lambda: len(server.of("water-temp")) >= 7, "undated temperatures")
    device.stop()
    assert server.questions >= 1
    temps = server.of("water-temp")
    assert max(abs(watch.error_s(reading)) for reading in temps) < RIGHT_S
    assert_none_is_lost_or_twice(temps)
    assert said(device, "time: unknown")
    assert not said(device, "time: set")


def test_a_restart_in_the_same_boot_dates_what_was_measured_before_it(
    server, device, watch
) -> None:
    server.tells_time = True
    server.hush()
    device.write(SENSOR)
    device.start(set_to(NEVER_SET))
    wait_until(lambda: count(device) >= 2, "two without a date")
    device.kill()
    device.start(set_to(NEVER_SET))
    wait_until(lambda: count(device) >= 4, "two more, of another run")
    server.speak()
    wait_until(lambda: len(server.of("water-temp")) >= 6, "all of them")
    device.stop()
    temps = server.of("water-temp")
    assert max(abs(watch.error_s(reading)) for reading in temps) < RIGHT_S
    assert len({reading.run for reading in temps}) == 2
    assert_none_is_lost_or_twice(temps, longest_s=5)
    # What was known is still known after a restart without a server.
    server.hush()
    at = (device.folder / "log").stat().st_size
    device.start(set_to(NEVER_SET))
    wait_until(lambda: b"connected" in (device.folder / "log").read_bytes()[at:], "a third run")
    wait_until(lambda: count(device) >= 1, "which measures")
    device.stop()
    assert b"unknown" not in (device.folder / "log").read_bytes()[at:]


def test_what_another_boot_measured_without_a_clock_is_kept_and_marked(
    server, device, watch
) -> None:
    server.tells_time = True
    guess_ms = 1_700_000_000_000  # 2023: older than any journal keeps what it can date
    with Journal(device.folder / "journal.db") as journal:
        notebook = Notebook(journal, "old-run", "another-boot")
        notebook.stamps.begin_undated(guess_ms)
        notebook.take(
            [
                Sample("weir", "", "ph", 7.25, guess_ms + 5000),
                Sample("weir", "", "do", None, guess_ms + 6000, Quality.MISSING, "no bubbles"),
            ]
        )
        notebook.commit()
    device.write(SENSOR)
    device.start(set_to(NEVER_SET))
    wait_until(lambda: server.of("ph") and server.of("do"), "the old ones")
    wait_until(lambda: server.of("water-temp"), "a new one")
    device.stop()
    (ph,), (do,) = server.of("ph"), server.of("do")
    assert (ph.value, ph.quality, ph.reason) == (7.25, Quality.FAIL, UNDATABLE)
    assert (do.value, do.quality) == (None, Quality.MISSING)
    assert do.reason == f"{UNDATABLE}; no bubbles"
    assert (ph.at_ms, do.at_ms) == (guess_ms + 5000, guess_ms + 6000)
    temps = server.of("water-temp")
    assert max(abs(watch.error_s(reading)) for reading in temps) < RIGHT_S
    assert all(reading.quality is Quality.NOT_EVALUATED for reading in temps)


@pytest.mark.parametrize("step_s", [600, -600, 1.5, -1.5])
def test_a_step_of_the_system_clock_loses_and_doubles_nothing(
    server, device, watch, step_s
) -> None:
    hands = device.folder / "hands"
    environment = set_to("") | {"FAKETIME_TIMESTAMP_FILE": str(hands), "FAKETIME_NO_CACHE": "1"}
    del environment["FAKETIME"]

    def turn(offset_s: float) -> None:
        hands.with_suffix(".new").write_text(f"{offset_s:+}s\n")
        os.replace(hands.with_suffix(".new"), hands)

    turn(-step_s)  # wrong first, then right
    device.write(f'[time]\ntrust = "system"\n{SENSOR}')
    device.start(environment)
    wait_until(lambda: len(server.of("water-temp")) >= 2, "two by the wrong clock")
    turn(0)
    wait_until(lambda: said(device, "time: set"), "it sees the step")
    before = len(server.of("water-temp"))
    wait_until(lambda: len(server.of("water-temp")) >= before + 3, "three by the right one")
    device.stop()
    temps = sorted(server.of("water-temp"), key=lambda reading: reading.seq)
    assert_none_is_lost_or_twice(temps)
    errors = [watch.error_s(reading) for reading in temps]
    assert abs(errors[0] + step_s) < 1  # as the clock was
    assert max(abs(error) for error in errors[before + 1 :]) < 1
    assert abs(server.of("clock-offset")[0].value + step_s) < 0.2


def test_the_kernel_names_its_boot_and_counts_on() -> None:
    kernel = Kernel()
    assert len(kernel.boot) == 36
    earlier = kernel.steady_ms()
    wait_until(lambda: kernel.steady_ms() > earlier, "it counts")
    assert isinstance(kernel.is_synchronised(), bool)
    assert abs(kernel.system_ms() - time.time() * 1000) < 1000
