"""What systemd hears from the agent, on a socket that the test owns."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.journal.journal import Journal
from edge.systemd import Systemd
from tests.edge.device import Device, Server, wait_until

WATCHDOG_S = 0.9
SENSOR = """
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-1"
metrics = ["shed-temp"]
interval_s = 1
"""
HANGING = """
[[sensor]]
kind = "printed"
name = "stuck"
place = "shed-1"
command = ["sleep", "25"]
timeout_s = 300
interval_s = 1
values.x = "humidity"
"""


SLOW_DISK = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void stall(void) {
  while (!access(getenv("STALL"), F_OK)) {
    close(creat(getenv("STALLED"), 0600));
    usleep(20000);
  }
}
int fsync(int file) { stall(); return syscall(SYS_fsync, file); }
int fdatasync(int file) { stall(); return syscall(SYS_fdatasync, file); }
"""


class Ear:
    """A systemd that only listens: each datagram's words, with the time it came."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self._heard: list[str] = []

    def close(self) -> None:
        self._socket.close()

    def heard(self) -> list[str]:
        while True:
            try:
                self._heard += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self._heard

    def beats(self) -> int:
        return self.heard().count("WATCHDOG=1")


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "notify")
    return f"\0shouwang-test-{os.getpid()}-{time.monotonic_ns()}"


@pytest.fixture
def ear(address: str) -> Iterator[Ear]:
    ear = Ear(address)
    yield ear
    ear.close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path, url="mqtt://127.0.0.1:9")  # nobody is there
    yield device
    device.discard()


def start(device: Device, address: str, **environment: str) -> None:
    device.start(
        {
            "NOTIFY_SOCKET": address.replace("\0", "@"),
            "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
            **environment,
        }
    )


def test_ready_is_said_when_the_journal_is_open_and_the_sensors_run(
    device: Device, ear: Ear, address: str
) -> None:
    device.write(SENSOR)
    start(device, address)
    wait_until(lambda: "READY=1" in ear.heard(), "READY=1")
    with sqlite3.connect(device.folder / "journal.db") as journal:
        assert journal.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    wait_until(lambda: ear.beats() >= 3, "three beats")
    assert any(word.startswith("STATUS=run ") for word in ear.heard())
    device.stop()
    words = [word for word in ear.heard() if not word.startswith(("STATUS=", "WATCHDOG="))]
    assert words == ["READY=1", "STOPPING=1"]


def test_ready_is_not_said_while_another_process_holds_the_journal(
    device: Device, ear: Ear, address: str
) -> None:
    device.write(SENSOR)
    holder = Journal(device.folder / "journal.db")
    try:
        start(device, address)
        assert device.process is not None
        device.process.communicate(timeout=20)
    finally:
        holder.close()
    assert device.process.returncode == 3
    assert ear.heard() == []


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_a_journal_that_cannot_be_opened_is_told_and_keeps_nothing_from_working(
    device: Device, ear: Ear, address: str
) -> None:
    device.write(SENSOR)
    (device.folder / "journal.db").mkdir()
    start(device, address)
    words: list[str] = []

    def is_told() -> bool:
        words.extend(ear.heard())
        return any("the disk refuses" in word for word in words)

    wait_until(is_told, "the status says so")
    assert "READY=1" in words


def beats_stop(ear: Ear) -> bool:
    """Nothing for longer than systemd would wait."""
    ear.heard()
    time.sleep(WATCHDOG_S / 2)  # what was under way
    before = ear.beats()
    time.sleep(WATCHDOG_S * 1.5)
    return ear.beats() == before


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_a_stopped_process_beats_no_more(device: Device, ear: Ear, address: str) -> None:
    device.write(SENSOR)
    start(device, address)
    wait_until(lambda: ear.beats() >= 1, "a beat")
    assert device.process is not None
    device.process.send_signal(signal.SIGSTOP)
    assert beats_stop(ear)
    before = ear.beats()
    device.process.send_signal(signal.SIGCONT)
    wait_until(lambda: ear.beats() > before, "a beat after it was let go")


@pytest.mark.parametrize("address", ["file"], indirect=True)
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler for the slow disk")
def test_a_disk_that_does_not_come_back_stops_the_beat(
    device: Device, ear: Ear, address: str
) -> None:
    stall, stalled = device.folder / "stall", device.folder / "stalled"
    slow = device.folder / "slow.so"
    (device.folder / "slow.c").write_text(SLOW_DISK)
    made = subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", slow, device.folder / "slow.c"], capture_output=True
    )
    assert made.returncode == 0, made.stderr
    device.write(SENSOR)
    start(device, address, LD_PRELOAD=str(slow), STALL=str(stall), STALLED=str(stalled))
    wait_until(lambda: ear.beats() >= 2, "beats")
    stall.touch()
    wait_until(stalled.exists, "a write that waits for the disk")
    assert beats_stop(ear)
    before = ear.beats()
    stall.unlink()
    wait_until(lambda: ear.beats() > before, "a beat once the disk is back")


@pytest.mark.mosquitto
@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_a_sensor_that_hangs_stops_neither_the_beat_nor_the_others(
    device: Device, ear: Ear, address: str, mosquitto_server
) -> None:
    broker = mosquitto_server()
    server = Server(broker.host, broker.port)
    try:
        device.url = broker.url
        device.write(SENSOR + HANGING)
        os.mkfifo(device.folder / "stuck.csv")
        start(device, address)
        wait_until(lambda: len(server.of("shed-temp")) >= 2, "readings of the other sensor")
        before = ear.beats()
        wait_until(lambda: ear.beats() >= before + 3, "beats go on")
    finally:
        server.close()


def test_without_systemd_nothing_is_said_and_nothing_is_due() -> None:
    silent = Systemd.from_environment({})
    silent.ready()
    assert silent.beat(0.0, "well") is None


def test_a_watchdog_of_another_process_is_not_ours(ear: Ear, address: str) -> None:
    environment = {
        "NOTIFY_SOCKET": address.replace("\0", "@"), "WATCHDOG_USEC": "900000",
        "WATCHDOG_PID": "1", "HOME": "/",
    }  # fmt: skip
    systemd = Systemd.from_environment(environment)
    assert environment == {"HOME": "/"}  # no child speaks for us
    assert systemd.beat(0.0, "well") is None
    assert systemd.beat(1.0, "well") is None
    assert ear.heard() == ["STATUS=well"]


@pytest.mark.parametrize("address", ["vsock:2:1234", "here", ""])
def test_an_address_that_is_no_socket_of_this_machine_is_left_alone(address: str) -> None:
    Systemd.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "x"}).ready()


def test_a_socket_that_is_gone_is_a_warning(tmp_path: Path, caplog) -> None:
    Systemd(str(tmp_path / "gone"), 1.0).ready()
    assert "systemd cannot be told" in caplog.text
