"""A disk that refuses: the agent measures and sends on, says so with the remedy, and comes back."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config import JournalConfig
from edge.errors import JournalError
from edge.journal.journal import Journal, Row
from edge.journal.keeper import Keeper
from edge.sensors.port import Sample
from tests.edge.device import Device, Server, wait_until

SIMULATED = """
[[sensor]]
kind = "simulated"
place = "shed-1"
metrics = ["shed-temp", "smoke"]
interval_s = 0.1
seed = 7
"""


@pytest.fixture
def server(mosquitto_server) -> Iterator[Server]:
    broker = mosquitto_server()
    server = Server(broker.host, broker.port)
    yield server
    server.close()


@pytest.fixture
def device(server, tmp_path: Path) -> Iterator[Device]:
    device = Device(folder=tmp_path / "box", url=server.url)
    device.folder.mkdir()
    yield device
    device.discard()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or _mount("-t", "tmpfs", "-o", "size=2m", "shouwang-test", str(folder)):
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode


def _fill(file: Path) -> None:
    ballast = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(ballast, b"x" * 4096):
            pass
    except OSError:
        pass  # no space left
    finally:
        os.close(ballast)


def _log(device: Device) -> str:
    return (device.folder / "log").read_text()


def _goes_on(server: Server) -> None:
    """Ten more readings arrive."""
    upto = len(server.readings) + 10
    wait_until(lambda: len(server.readings) >= upto, "readings go on")


def _faults(server: Server) -> list[tuple[float | None, str]]:
    return [(reading.value, reading.reason) for reading in server.of("disk-fault")]


def _comes_through(server: Server, device: Device, lift: Callable[[], object], remedy: str) -> None:
    """While the disk refuses readings arrive and it is said; afterwards all of them are there."""
    wait_until(lambda: "kept in memory and sent" in _log(device), "the agent says so")
    assert remedy in _log(device)
    _goes_on(server)
    wait_until(lambda: any(value and remedy in why for value, why in _faults(server)), "health")
    lift()
    wait_until(lambda: "takes readings again" in _log(device), "the disk is back", 40)
    _goes_on(server)
    wait_until(lambda: _faults(server)[-1] == (0, ""), "health says that it is mended")
    _is_whole(server, device.stop())


def _is_whole(server: Server, summary: dict[str, object]) -> None:
    """Of each run that arrived no reading is missing, but what waits in the journal."""
    for run, seqs in server.seqs().items():
        assert seqs == set(range(max(seqs) + 1)), run
    arrived = sum(len(seqs) for seqs in server.seqs().values())
    assert arrived + int(str(summary["waiting"])) >= int(str(summary["measured"]))


@pytest.mark.mosquitto
@pytest.mark.parametrize("durability", ["each", 1])
def test_when_the_disk_takes_no_more_readings_are_sent_from_memory(
    server, device, durability
) -> None:
    device.write(SIMULATED, durability=durability, health_interval_s=1)
    device.start()
    _goes_on(server)
    assert device.process is not None
    pid = device.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # A file may grow no further than this: a disk that is full for the journal, not for the log.
    wal = device.folder / "journal.db-wal"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    _comes_through(
        server, device, lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard)), "disk"
    )


@pytest.mark.mosquitto
def test_a_full_disk_is_told_with_its_remedy_and_left_when_there_is_room(
    server, device, small_disk
) -> None:
    device.write(SIMULATED, health_interval_s=1)
    file = device.folder / "edge.toml"
    file.write_text(file.read_text().replace('"journal.db"', f'"{small_disk}/journal.db"'))
    device.start()
    _goes_on(server)
    ballast = small_disk / "ballast"
    _fill(ballast)
    _comes_through(server, device, ballast.unlink, "free some room")


@pytest.mark.mosquitto
def test_with_a_read_only_disk_the_agent_starts_and_works(server, device, small_disk) -> None:
    device.write(SIMULATED, health_interval_s=1)
    file = device.folder / "edge.toml"
    file.write_text(file.read_text().replace('"journal.db"', f'"{small_disk}/journal.db"'))
    assert _mount("-o", "remount,ro", str(small_disk)) == 0
    device.start()
    _comes_through(server, device, lambda: _mount("-o", "remount,rw", str(small_disk)), "writable")


@pytest.mark.mosquitto
def test_a_folder_that_cannot_be_made_does_not_keep_the_agent_from_work(server, device) -> None:
    (device.folder / "data").write_text("somebody's file")
    device.write(SIMULATED, health_interval_s=1)
    file = device.folder / "edge.toml"
    file.write_text(file.read_text().replace('"journal.db"', '"data/journal.db"'))
    device.start()
    _comes_through(server, device, (device.folder / "data").unlink, "make its folder writable")


@pytest.mark.mosquitto
def test_damage_that_is_met_while_running_is_set_aside_and_said(server, device) -> None:
    path = device.folder / "journal.db"
    with Journal(path) as journal:
        journal.append(
            Row(at_ms=1, kind="readings", run="r", seq=n, body=b"z" * 500) for n in range(2000)
        )
        journal.commit()
    with path.open("r+b") as file:  # not where it is looked at when it is opened
        file.seek(30 * 4096)
        file.write(b"\xff" * 200 * 4096)
    device.write(SIMULATED, health_interval_s=1)
    device.start()
    wait_until(lambda: any("set aside as" in why for _, why in _faults(server)), "health")
    _goes_on(server)
    assert "damaged, set aside as" in _log(device)
    assert len(list(device.folder.glob("journal.db.damaged-????????-??????"))) == 1
    _is_whole(server, device.stop())


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    """On a disk that refuses until ``no-folder`` is taken away."""
    (tmp_path / "no-folder").touch()
    config = JournalConfig(
        path=tmp_path / "no-folder" / "journal.db",
        max_bytes=10**6, max_age_ms=10**12, durability_s=0,
    )  # fmt: skip
    keeper = Keeper(config, "run-1")
    yield keeper
    keeper.journal.close()


def _measure(keeper: Keeper, metric: str, count: int) -> None:
    keeper.notebook.take(
        (Sample("shed", "", metric, 1.0, 10**12 + n) for n in range(count)), "sensor", "mark"
    )
    keeper.notebook.commit()


def test_in_memory_the_lowest_class_goes_first_and_alarms_stay(keeper, tmp_path: Path) -> None:
    _measure(keeper, "smoke", 100)
    _measure(keeper, "shed-temp", 20_000)
    _measure(keeper, "smoke", 100)
    assert keeper.is_sheltered
    dropped = keeper.notebook.trim(keeper.max_bytes, 0)
    assert 0 < dropped < 20_000
    assert keeper.journal.size_bytes <= keeper.max_bytes
    kept = keeper.journal.pending(10**6)
    assert sum(row.cls == "alarm" for row in kept) == 200
    assert len(kept) == 20_200 - dropped
    (tmp_path / "no-folder").unlink()
    keeper.bring_home()
    assert not keeper.is_sheltered
    assert keeper.journal.depth == len(kept)
    assert keeper.notebook.to_announce(1) == (("run-1", 100, 99 + dropped, "space"),)


def test_counts_marks_and_receipts_come_home_with_the_readings(keeper, tmp_path: Path) -> None:
    (tmp_path / "no-folder").unlink()
    path = tmp_path / "no-folder" / "journal.db"
    with Journal(path) as disk:
        disk.append(Row(at_ms=1, kind="readings", run="run-0", seq=n, body=b"[]") for n in range(9))
        disk.put("measured", 9)
        disk.commit()
    _measure(keeper, "shed-temp", 5)
    keeper.notebook.received("run-0", 0, 3)
    keeper.notebook.received("run-1", 0, 1)
    assert not keeper.look(0.0), "a disk is not tried before its time"
    assert keeper.look(keeper.wait_s(0.0) or 0.0)
    assert keeper.notebook.measured == 14
    assert keeper.notebook.mark("sensor") == "mark"
    found = [(row.run, row.seq) for row in keeper.journal.pending(99)]
    assert found == [("run-0", n) for n in range(4, 9)] + [("run-1", n) for n in (2, 3, 4)]


def test_a_disk_that_goes_on_refusing_is_tried_less_and_less(keeper) -> None:
    waits = []
    for _ in range(5):
        due_s = keeper.wait_s(0.0)
        assert due_s is not None
        assert not keeper.look(due_s)
        waits.append(round((keeper.wait_s(0.0) or 0.0) - time.monotonic()))
    assert waits == [10, 20, 40, 60, 60]
    [said] = keeper.health(0)
    assert (said.value, said.reason[-25:]) == (1, " make its folder writable")


def test_memory_that_refuses_has_no_shelter(keeper) -> None:
    with pytest.raises(JournalError):
        keeper.failed(JournalError("no memory"))
